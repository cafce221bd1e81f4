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
    BinaryReaderError, ExternalKind, FunctionBody, Operator, Parser, Payload, TypeRef,
};

use crate::name::ENV;

const MEMORY_BASE: &str = "__memory_base";
/// Fills data; so does the start function, with zeros.
const DATA_RELOCS: &str = "__wasm_apply_data_relocs";

/// Locals of a function, at most: no valid one has more.
const MAX_LOCALS: u32 = 50_000;

/// Offsets from the memory base that a module's code and globals compute.
///
/// # Errors
/// For bytes that are not a module.
pub fn own_references(wasm: &[u8]) -> Result<BTreeSet<u32>, BinaryReaderError> {
    let mut references = OwnReferences::read(wasm)?;
    let mut found = std::mem::take(&mut references.found);
    for number in 0..references.functions() {
        found.extend(references.of_function(number)?);
    }
    Ok(found)
}

/// The same, one function at a time.
#[derive(Default)]
pub struct OwnReferences<'a> {
    /// Those that globals compute.
    pub found: BTreeSet<u32>,
    /// Number of the global that is the memory base.
    base: Option<u32>,
    /// Functions that fill data.
    fill: Vec<u32>,
    globals: u32,
    imported: u32,
    bodies: Vec<FunctionBody<'a>>,
}

impl<'a> OwnReferences<'a> {
    /// Reads all but the functions.
    ///
    /// # Errors
    /// For bytes that are not a module.
    pub fn read(wasm: &'a [u8]) -> Result<Self, BinaryReaderError> {
        let mut references = Self::default();
        for payload in Parser::new(0).parse_all(wasm) {
            references.payload(payload?)?;
        }
        Ok(references)
    }

    /// Number of functions to look at.
    #[must_use]
    pub fn functions(&self) -> usize {
        match self.base {
            Some(_) => self.bodies.len(),
            None => 0,
        }
    }

    /// The references of a function, by its number among those that the module
    /// defines.
    ///
    /// # Errors
    /// For bytes that are no function.
    pub fn of_function(&self, number: usize) -> Result<Vec<u32>, BinaryReaderError> {
        let mut found = Vec::new();
        let (Some(base), Some(body)) = (self.base, self.bodies.get(number)) else {
            return Ok(found);
        };
        if let Some(locals) = self.set_once(body)? {
            let mut values = Values {
                fills: self.fill.contains(&(self.imported + number as u32)),
                locals,
                ..Values::default()
            };
            for operator in body.get_operators_reader()? {
                found.extend(values.step(&operator?, base));
            }
        }
        Ok(found)
    }

    fn payload(&mut self, payload: Payload<'a>) -> Result<(), BinaryReaderError> {
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
                        TypeRef::Func(_) | TypeRef::FuncExact(_) => self.imported += 1,
                        _ => {}
                    }
                }
            }
            Payload::GlobalSection(globals) => {
                let Some(base) = self.base else {
                    return Ok(());
                };
                for global in globals {
                    let mut values = Values::default();
                    for operator in global?.init_expr.get_operators_reader() {
                        self.found.extend(values.step(&operator?, base));
                    }
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
            Payload::CodeSectionEntry(body) => self.bodies.push(body),
            _ => {}
        }
        Ok(())
    }

    /// The locals of a function that are set once; `None` if it does not read
    /// the memory base, as most do not.
    fn set_once(&self, body: &FunctionBody<'_>) -> Result<Option<Locals>, BinaryReaderError> {
        let mut sets: Vec<u8> = Vec::new();
        let mut reads = false;
        for operator in body.get_operators_reader()? {
            match operator? {
                Operator::LocalSet { local_index } | Operator::LocalTee { local_index }
                    if local_index < MAX_LOCALS =>
                {
                    let local = local_index as usize;
                    if sets.len() <= local {
                        sets.resize(local + 1, 0);
                    }
                    sets[local] = sets[local].saturating_add(1);
                }
                Operator::GlobalGet { global_index } => reads |= Some(global_index) == self.base,
                _ => {}
            }
        }
        let once = (0..).zip(sets).filter(|&(_, count)| count == 1);
        Ok(reads.then(|| once.map(|(local, _)| (local, None)).collect()))
    }
}

/// Values of the locals that are set once: `None` until then.
type Locals = HashMap<u32, Option<Value>>;

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
    locals: Locals,
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
    fn step(&mut self, operator: &Operator<'_>, base: u32) -> Option<u32> {
        match *operator {
            Operator::GlobalGet { global_index } if global_index == base => {
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
