//! Which of its own data a relocatable module refers to without the GOT:
//! relative to its memory base. Another object's definition of such data does
//! not reach it.
//!
//! Compilers write such an address as memory base plus constant; linkers that
//! fill the GOT themselves (`-Bsymbolic`) do so in the initialiser of a global
//! or in a function of theirs. Both are recognised by a light reading of each
//! function, straight on, which follows values through locals. It can miss a
//! reference, but takes nothing else for one: stores of the linker's own, to
//! places of the module's, add in the other order.

use std::collections::{BTreeSet, HashMap};

use wasmparser::{BinaryReaderError, ConstExpr, FunctionBody, Operator, Parser, Payload, TypeRef};

use crate::name::ENV;

const MEMORY_BASE: &str = "__memory_base";

/// Offsets from the memory base that a module's code and globals compute.
///
/// # Errors
/// For bytes that are not a module.
pub fn own_references(wasm: &[u8]) -> Result<BTreeSet<u32>, BinaryReaderError> {
    let mut found = BTreeSet::new();
    let mut base = None;
    for payload in Parser::new(0).parse_all(wasm) {
        match payload? {
            Payload::ImportSection(imports) => {
                let mut globals = 0;
                for import in imports.into_imports() {
                    let import = import?;
                    if let TypeRef::Global(_) = import.ty {
                        if (import.module, import.name) == (ENV, MEMORY_BASE) {
                            base = Some(globals);
                        }
                        globals += 1;
                    }
                }
            }
            Payload::GlobalSection(globals) => {
                for global in globals {
                    in_expression(&global?.init_expr, base, &mut found)?;
                }
            }
            Payload::CodeSectionEntry(body) => in_body(&body, base, &mut found)?,
            _ => {}
        }
    }
    Ok(found)
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
                if let (Value::Base, Value::Constant(offset)) = (first, second) {
                    return Some(offset as u32);
                }
            }
            // What it leaves is not known; nor is what lies below of use.
            _ => self.stack.clear(),
        }
        None
    }
}

fn in_expression(
    expression: &ConstExpr<'_>,
    base: Option<u32>,
    found: &mut BTreeSet<u32>,
) -> Result<(), BinaryReaderError> {
    let mut values = Values::default();
    for operator in expression.get_operators_reader() {
        found.extend(values.step(&operator?, base));
    }
    Ok(())
}

fn in_body(
    body: &FunctionBody<'_>,
    base: Option<u32>,
    found: &mut BTreeSet<u32>,
) -> Result<(), BinaryReaderError> {
    let mut values = Values::default();
    let mut sets = HashMap::new();
    for operator in body.get_operators_reader()? {
        if let Operator::LocalSet { local_index } | Operator::LocalTee { local_index } = operator? {
            *sets.entry(local_index).or_insert(0) += 1;
        }
    }
    let once = sets.into_iter().filter(|&(_, count)| count == 1);
    values.locals = once.map(|(local, _)| (local, None)).collect();
    for operator in body.get_operators_reader()? {
        found.extend(values.step(&operator?, base));
    }
    Ok(())
}
