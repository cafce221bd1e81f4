//! Which of its own data a relocatable module refers to without the GOT:
//! relative to its memory base. Another object's definition of such data does
//! not reach it.
//!
//! Compilers write such an address as the sum of memory base and a constant;
//! linkers that fill the GOT themselves (`-Bsymbolic`) do so in the initialiser
//! of a global or in a function of theirs. Both are recognised by a light
//! reading of each function, straight on, which follows values through locals
//! that are set once, read again where one turns out not to be. It can miss a reference, but takes nothing else for one:
//! in the linker's functions that fill data, places to fill are constant plus
//! memory base, and what goes there is memory base plus constant.

use std::collections::BTreeSet;

use wasmparser::{
    BinaryReaderError, ExternalKind, FunctionBody, Operator, Parser, Payload, TypeRef,
};

use wasmaot_abi::name::ENV;

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
        let mut values = Values {
            fills: self.fill.contains(&(self.imported + number as u32)),
            ..Values::default()
        };
        loop {
            for operator in body.get_operators_reader()? {
                found.extend(values.step(&operator?, base));
            }
            if !values.is_misled() {
                return Ok(found);
            }
            values.begin_again();
            found.clear();
        }
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
}

/// What a value is known to be.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Value {
    Base,
    Constant(i32),
    Other,
}

/// The values of a function.
#[derive(Default)]
struct Values {
    /// Whether the function fills data.
    fills: bool,
    stack: Vec<Value>,
    locals: Vec<Local>,
}

/// A local that is set, or was when the function was read before.
#[derive(Clone, Copy, Default)]
struct Local {
    sets: u8,
    /// Of the last time that it was set.
    value: Option<Value>,
    /// Whether its value was of use.
    used: bool,
    /// Whether it is set more than once: its value is not known.
    varies: bool,
}

impl Values {
    fn pop(&mut self) -> Value {
        self.stack.pop().unwrap_or(Value::Other)
    }

    fn get(&mut self, local: u32) -> Value {
        let known = self.locals.get_mut(local as usize);
        let Some(known) = known.filter(|known| known.sets == 1 && !known.varies) else {
            return Value::Other;
        };
        let value = known.value.unwrap_or(Value::Other);
        known.used |= value != Value::Other;
        value
    }

    fn set(&mut self, local: u32, value: Value) {
        if local >= MAX_LOCALS {
            return;
        }
        let local = local as usize;
        if self.locals.len() <= local {
            self.locals.resize(local + 1, Local::default());
        }
        let known = &mut self.locals[local];
        known.sets = known.sets.saturating_add(1);
        known.value = Some(value);
    }

    /// Whether a local whose value was of use was set again later.
    fn is_misled(&self) -> bool {
        let mut locals = self.locals.iter();
        locals.any(|known| known.used && known.sets > 1)
    }

    /// Forgets all but which locals vary.
    fn begin_again(&mut self) {
        self.stack.clear();
        for known in &mut self.locals {
            *known = Local {
                varies: known.sets > 1,
                ..Local::default()
            };
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
                let value = self.get(local_index);
                self.stack.push(value);
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

#[cfg(test)]
mod tests {
    use super::*;

    /// The references of a module with these fields and a memory base, which is
    /// global 1, after another import.
    fn references(fields: &str) -> Vec<u32> {
        let text = format!(
            r#"(module
                (import "env" "other" (global i32))
                (import "env" "__memory_base" (global $base i32))
                (import "env" "f" (func $f))
                {fields})"#
        );
        let wasm = wat::parse_str(text).unwrap();
        own_references(&wasm).unwrap().into_iter().collect()
    }

    /// Those of a function with such a body.
    fn of_code(body: &str) -> Vec<u32> {
        references(&format!("(func (param i32) (local i32 i32) {body})"))
    }

    #[test]
    fn a_constant_is_added_to_the_memory_base() {
        assert_eq!(of_code("global.get $base i32.const 8 i32.add drop"), [8]);
        assert_eq!(of_code("i32.const 12 global.get $base i32.add drop"), [12]);
        assert_eq!(of_code("global.get 0 i32.const 8 i32.add drop"), [0; 0]);
        assert_eq!(of_code("global.get $base i32.const 8 i32.sub drop"), [0; 0]);
        assert_eq!(of_code("global.get $base local.get 0 i32.add drop"), [0; 0]);
        let negative = "global.get $base i32.const -4 i32.add drop";
        assert_eq!(of_code(negative), [0xffff_fffc]);
    }

    #[test]
    fn what_another_operator_leaves_is_not_known() {
        let add = "i32.const 8 i32.add drop";
        assert_eq!(of_code(&format!("global.get $base i32.clz {add}")), [0; 0]);
        assert_eq!(of_code(&format!("global.get $base call $f {add}")), [0; 0]);
    }

    #[test]
    fn values_are_followed_through_locals_that_are_set_once() {
        let set = "global.get $base local.set 1 local.get 1 i32.const 8 i32.add drop";
        assert_eq!(of_code(set), [8]);
        let tee = "global.get $base local.tee 1 drop local.get 1 i32.const 8 i32.add drop";
        assert_eq!(of_code(tee), [8]);
        let never_set = "local.get 2 i32.const 8 i32.add drop";
        assert_eq!(of_code(never_set), [0; 0]);
        // Set again, before or after it is used: it is not known what it holds.
        let again = "global.get $base local.set 1 i32.const 0 local.set 1 \
                     local.get 1 i32.const 8 i32.add drop";
        assert_eq!(of_code(again), [0; 0]);
        assert_eq!(of_code(&format!("{set} i32.const 0 local.set 1")), [0; 0]);
        // What else the function refers to is found all the same.
        let other = "global.get $base i32.const 16 i32.add drop";
        assert_eq!(
            of_code(&format!("{other} {set} i32.const 0 local.set 1")),
            [16]
        );
    }

    #[test]
    fn globals_are_read_as_functions_are() {
        let global = "(global i32 (i32.add (global.get $base) (i32.const 24)))";
        assert_eq!(references(global), [24]);
        assert_eq!(references("(global i32 (i32.const 24))"), [0; 0]);
    }

    /// Such a function computes places, constant plus base, and what goes there.
    #[test]
    fn places_that_are_filled_are_no_references() {
        let body = "i32.const 4 global.get $base i32.add \
                    global.get $base i32.const 32 i32.add i32.store";
        let memory = r#"(import "env" "memory" (memory 1))"#;
        let exported =
            format!(r#"{memory} (func) (func (export "__wasm_apply_data_relocs") {body})"#);
        assert_eq!(references(&exported), [32]);
        let start = format!("{memory} (func) (func $start {body}) (start $start)");
        assert_eq!(references(&start), [32]);
        let any = format!(r#"{memory} (func) (func (export "any") {body})"#);
        assert_eq!(references(&any), [4, 32]);
    }

    #[test]
    fn without_a_memory_base_there_is_nothing() {
        let wasm = wat::parse_str(
            r#"(module (import "env" "base" (global i32)) (import "lib" "__memory_base" (global i32))
                (func global.get 1 i32.const 8 i32.add drop))"#,
        );
        let wasm = wasm.unwrap();
        assert!(own_references(&wasm).unwrap().is_empty());
        let read = OwnReferences::read(&wasm).unwrap();
        assert_eq!(
            (read.functions(), read.of_function(0).unwrap()),
            (0, vec![])
        );
        assert!(own_references(b"\0asm").is_err());
    }
}
