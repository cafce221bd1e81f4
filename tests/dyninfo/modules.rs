//! Modules of the convention as text, and processes of them.

use std::collections::HashMap;
use std::sync::Arc;

use wasmaot_compiler::{Emit, Options, compile};
use wasmaot_runtime::error::Error;
use wasmaot_runtime::{CallError, Config, Finder, InstanceId, Object, Process, Val};

pub fn object_of(name: &str, wasm: &[u8]) -> Arc<Object> {
    let bytes = compile(name, wasm, &Options::default(), Emit::So);
    let bytes = bytes.unwrap_or_else(|e| panic!("{name}: {e}"));
    // SAFETY: the compiler's own bytes.
    let object = unsafe { Object::from_bytes(name, &bytes, true) };
    Arc::new(object.unwrap_or_else(|e| panic!("{e}")))
}

pub fn wasm(text: &str) -> Vec<u8> {
    wat::parse_str(text).unwrap_or_else(|e| panic!("{e}\n{text}"))
}

/// The libraries by name; builds modules from bytes.
pub struct Libraries(HashMap<String, Arc<Object>>);

impl Finder for Libraries {
    fn find(&mut self, name: &str, _: &Object) -> Result<Option<Arc<Object>>, Error> {
        Ok(self.0.get(name).cloned())
    }

    fn module(&mut self, name: &str, bytes: &[u8]) -> Result<Arc<Object>, Error> {
        match bytes.starts_with(b"\0asm") {
            true => Ok(object_of(name, bytes)),
            false => Err(Error::Object {
                file: name.to_owned(),
                reason: "no module".to_owned(),
            }),
        }
    }
}

pub struct Program {
    pub process: Process,
    pub main: InstanceId,
}

pub fn load(main: &str, libraries: &[(&str, &str)]) -> Result<Program, Error> {
    let config = Config {
        check: true,
        ..Config::default()
    };
    let libraries = libraries.iter();
    let libraries = libraries.map(|&(name, text)| (name.to_owned(), object_of(name, &wasm(text))));
    let mut process = Process::new(config)?;
    process.set_finder(Libraries(libraries.collect()));
    let main = process.load_program(object_of("main", &wasm(main)), &[])?;
    Ok(Program { process, main })
}

impl Program {
    pub fn call(&mut self, name: &str, args: &[i32]) -> i32 {
        match self.try_call(name, args) {
            Ok(value) => value,
            Err(error) => panic!("{name}: {error}"),
        }
    }

    pub fn try_call(&mut self, name: &str, args: &[i32]) -> Result<i32, CallError> {
        let args: Vec<Val> = args.iter().map(|&v| Val::I32(v)).collect();
        match self.process.invoke(self.main, name, &args)?[..] {
            [Val::I32(value)] => Ok(value),
            ref other => panic!("{name}: {other:?}"),
        }
    }

    pub fn trap(&mut self, name: &str) -> String {
        self.try_call(name, &[]).expect_err(name).to_string()
    }
}

pub const DATA: u32 = 0x4000;

/// Keys that every section has: `table` entries, `memory` bytes.
pub fn section(memory: u32, table: u32, keys: &str) -> String {
    let end = DATA + memory;
    format!(r#"{{"data": {DATA}, "data_end": {end}, "plt_end": {table}{keys}}}"#)
}

pub fn escaped(text: &str) -> String {
    text.bytes().map(|b| format!("\\{b:02x}")).collect()
}

/// A module; imports of the body come first in it.
pub fn module(memory: u32, table: u32, keys: &str, body: &str) -> String {
    let section = escaped(&section(memory, table, keys));
    format!(
        r#"(module (@custom "dyninfo" "{section}")
          (import "sys" "memory" (memory 0))
          (import "sys" "table" (table 0 funcref))
          (import "sys" "got" (global $got i32))
          (import "sys" "plt" (global $plt i32))
          {body})"#
    )
}

/// Loads the word at an offset of the module's memory.
pub fn word(at: u32) -> String {
    format!("(i32.load offset={at} (global.get $got))")
}

/// A library with `int x = 7`, its address in a word of its own, and
/// `int *address()`, `int get()`, `int set(int)`.
pub fn library() -> String {
    let keys = r#", "def": [["x@@V1", 16388]], "ref": [["x", 16384]],
        "defun": [["get", 0], ["address", 1], ["set", 2]]"#;
    let x = word(0);
    module(
        8,
        3,
        keys,
        &format!(
            r#"(data (offset (global.get $got)) "\00\00\00\00\07\00\00\00")
            (func (export "f_0             ") (result i32) (i32.load {x}))
            (func (export "f_1             ") (result i32) {x})
            (func (export "f_2             ") (param i32) (result i32)
              (i32.store {x} (local.get 0)) (i32.const 0))"#
        ),
    )
}

/// Calls entry `n` of the module's part of the table.
pub fn indirect(n: u32) -> String {
    format!("(call_indirect (result i32) (i32.add (global.get $plt) (i32.const {n})))")
}

/// Of a main with a word at 0: its content as an address.
pub const READ: &str = r#"(func (export "read") (result i32)
    (i32.load (i32.load (global.get $got))))
  (func (export "at") (result i32) (i32.load (global.get $got)))"#;
