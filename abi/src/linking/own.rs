//! Which of its own data a relocatable module refers to without the GOT:
//! relative to its memory base. Another object's definition of such data does
//! not reach it.
//!
//! Compilers write such an address as the sum of memory base and a constant;
//! linkers that fill the GOT themselves (`-Bsymbolic`) do so in the initialiser
//! of a global or in a function of theirs. Both are recognised by a light
//! reading of each function, straight on, which follows values through locals
//! that are set once. It can miss a reference, but takes nothing else for one:
//! in the linker's functions that fill data, places to fill are constant plus
//! memory base, and what goes there is memory base plus constant.

use std::collections::{BTreeSet, HashMap};

use wasmparser::{
    BinaryReaderError, ExternalKind, FunctionBody, Operator, OperatorsReader, Parser, Payload,
    TypeRef,
};

use crate::name::ENV;

const MEMORY_BASE: &str = "__memory_base";
/// Fills data; so does the start function, with zeros.
const DATA_RELOCS: &str = "__wasm_apply_data_relocs";

/// Offsets from the memory base that a module's code and globals compute.
///
/// # Errors
/// For bytes that are not a module.
pub fn own_references(wasm: &[u8]) -> Result<BTreeSet<u32>, BinaryReaderError> {
    let mut reader = Reader::default();
    for payload in Parser::new(0).parse_all(wasm) {
        reader.payload(payload?)?;
    }
    Ok(reader.found)
}

#[derive(Default)]
struct Reader {
    found: BTreeSet<u32>,
    /// Number of the global that is the memory base.
    base: Option<u32>,
    /// Functions that fill data.
    fill: Vec<u32>,
    globals: u32,
    /// Functions so far, the imported ones first.
    functions: u32,
}

impl Reader {
    fn payload(&mut self, payload: Payload<'_>) -> Result<(), BinaryReaderError> {
        match payload {
            Payload::ImportSection(imports) => {
                for import in imports.into_imports() {
                    let import = import?;
                    match import.ty {
                        TypeRef::Global(_) => {
                            if (import.module, import.name) == (ENV, MEMORY_BASE) {
                                self.base = Some(self.globals);
                            }
                            self.globals += 1;
                        }
                        TypeRef::Func(_) | TypeRef::FuncExact(_) => self.functions += 1,
                        _ => {}
                    }
                }
            }
            Payload::GlobalSection(globals) => {
                for global in globals {
                    let operators = global?.init_expr.get_operators_reader();
                    self.operators(operators, Values::default())?;
                }
            }
            Payload::ExportSection(exports) => {
                for export in exports {
                    let export = export?;
                    if export.kind == ExternalKind::Func && export.name == DATA_RELOCS {
                        self.fill.push(export.index);
                    }
                }
            }
            Payload::StartSection { func, .. } => self.fill.push(func),
            Payload::CodeSectionEntry(body) => {
                let values = Values {
                    fills: self.fill.contains(&self.functions),
                    locals: set_once(&body)?,
                    ..Values::default()
                };
                self.operators(body.get_operators_reader()?, values)?;
                self.functions += 1;
            }
            _ => {}
        }
        Ok(())
    }

    fn operators(
        &mut self,
        operators: OperatorsReader<'_>,
        mut values: Values,
    ) -> Result<(), BinaryReaderError> {
        for operator in operators {
            self.found.extend(values.step(&operator?, self.base));
        }
        Ok(())
    }
}

/// The locals of a function that are set once.
fn set_once(body: &FunctionBody<'_>) -> Result<HashMap<u32, Option<Value>>, BinaryReaderError> {
    let mut sets = HashMap::new();
    for operator in body.get_operators_reader()? {
        if let Operator::LocalSet { local_index } | Operator::LocalTee { local_index } = operator? {
            *sets.entry(local_index).or_insert(0) += 1;
        }
    }
    let once = sets.into_iter().filter(|&(_, count)| count == 1);
    Ok(once.map(|(local, _)| (local, None)).collect())
}

/// What a value is known to be.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Value {
    Base,
    Constant(i32),
    Other,
}

#[derive(Default)]
struct Values {
    /// Whether the function fills data.
    fills: bool,
    stack: Vec<Value>,
    /// Of the locals that are set once: `None` until then.
    locals: HashMap<u32, Option<Value>>,
}

impl Values {
    fn pop(&mut self) -> Value {
        self.stack.pop().unwrap_or(Value::Other)
    }

    fn set(&mut self, local: u32, value: Value) {
        if let Some(known) = self.locals.get_mut(&local) {
            *known = Some(value);
        }
    }

    /// Carries out an operator; the offset, where it computes an address.
    fn step(&mut self, operator: &Operator<'_>, base: Option<u32>) -> Option<u32> {
        match *operator {
            Operator::GlobalGet { global_index } if Some(global_index) == base => {
                self.stack.push(Value::Base);
            }
            Operator::I32Const { value } => self.stack.push(Value::Constant(value)),
            Operator::LocalGet { local_index } => {
                let local = self.locals.get(&local_index).copied().flatten();
                self.stack.push(local.unwrap_or(Value::Other));
            }
            Operator::LocalSet { local_index } => {
                let value = self.pop();
                self.set(local_index, value);
            }
            Operator::LocalTee { local_index } => {
                let value = self.stack.last().copied().unwrap_or(Value::Other);
                self.set(local_index, value);
            }
            Operator::I32Add => {
                let (second, first) = (self.pop(), self.pop());
                self.stack.push(Value::Other);
                match (first, second) {
                    (Value::Base, Value::Constant(offset)) => return Some(offset as u32),
                    (Value::Constant(offset), Value::Base) if !self.fills => {
                        return Some(offset as u32);
                    }
                    _ => {}
                }
            }
            // What it leaves is not known; nor is what lies below of use.
            _ => self.stack.clear(),
        }
        None
    }
}
