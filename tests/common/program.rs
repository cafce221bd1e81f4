//! Programs of modules given as text: compiled, loaded, called. Every process
//! runs with the independent check on.
#![allow(dead_code, reason = "each test uses its part")]

use std::collections::HashMap;
use std::sync::Arc;

use wasmaot_abi::trap::TrapCode;
use wasmaot_compiler::{Emit, Options, compile};
use wasmaot_runtime::error::Error;
use wasmaot_runtime::trap::{Trap, TrapReason};
use wasmaot_runtime::{CallError, Config, HostFunction, InstanceId, Object, Process, Val};

pub fn object(name: &str, text: &str) -> Arc<Object> {
    let wasm = wat::parse_str(text).unwrap_or_else(|e| panic!("{name}: {e}"));
    let bytes = compile(name, &wasm, &Options::default(), Emit::So)
        .unwrap_or_else(|e| panic!("{name}: {e}"));
    // SAFETY: the compiler's own bytes.
    let object = unsafe { Object::from_bytes(name, &bytes, true) };
    Arc::new(object.unwrap_or_else(|e| panic!("{e}")))
}

pub fn config() -> Config {
    Config {
        check: true,
        ..Config::default()
    }
}

/// A dynamic program: main, then the libraries by name.
pub struct Program {
    pub process: Process,
    pub main: InstanceId,
}

pub fn load(main: &str, libraries: &[(&str, &str)], config: Config) -> Result<Program, Error> {
    load_with(main, &[], libraries, config, vec![])
}

pub fn load_with(
    main: &str,
    preload: &[(&str, &str)],
    libraries: &[(&str, &str)],
    config: Config,
    hosts: Vec<HostFunction>,
) -> Result<Program, Error> {
    let mut objects: HashMap<String, Arc<Object>> = HashMap::new();
    for (name, text) in libraries {
        objects.insert((*name).to_owned(), object(name, text));
    }
    let preload: Vec<_> = preload
        .iter()
        .map(|(name, text)| object(name, text))
        .collect();
    let mut process = Process::new(config)?;
    process.add_host_functions(hosts);
    let main = object("main", main);
    process.set_finder(move |name: &str, _: &Object| Ok(objects.get(name).cloned()));
    let main = process.load_program(main, &preload)?;
    Ok(Program { process, main })
}

impl Program {
    pub fn call(&mut self, name: &str, args: &[i32]) -> i32 {
        let args: Vec<Val> = args.iter().map(|&v| Val::I32(v)).collect();
        let results = self.process.invoke(self.main, name, &args);
        match results.unwrap_or_else(|e| panic!("{name}: {e}"))[..] {
            [Val::I32(value)] => value,
            ref other => panic!("{name}: {other:?}"),
        }
    }

    /// The trap that a call ends with.
    #[track_caller]
    pub fn trap(&mut self, name: &str) -> Trap {
        match self.process.invoke(self.main, name, &[]) {
            Err(CallError::Trap(trap)) => trap,
            other => panic!("{name}: {other:?}"),
        }
    }
}

/// `dylink.0`: memory size and alignment, table size, needed libraries.
pub fn dylink(memory: u32, table: u32, needed: &[&str]) -> String {
    fn leb(mut value: u32) -> Vec<u8> {
        let mut out = Vec::new();
        while value >= 0x80 {
            out.push(value as u8 | 0x80);
            value >>= 7;
        }
        out.push(value as u8);
        out
    }
    let mut info = leb(memory);
    info.extend(leb(4));
    info.extend(leb(table));
    info.extend(leb(0));
    let mut names = leb(needed.len() as u32);
    for name in needed {
        names.extend(leb(name.len() as u32));
        names.extend(name.bytes());
    }
    let mut section = vec![1];
    section.extend(leb(info.len() as u32));
    section.extend(info);
    section.push(2);
    section.extend(leb(names.len() as u32));
    section.extend(names);
    let escaped: String = section.iter().map(|b| format!("\\{b:02x}")).collect();
    format!("(@custom \"dylink.0\" (before first) \"{escaped}\")")
}

pub const COMMON: &str = r#"
  (import "env" "memory" (memory 0))
  (import "env" "__indirect_function_table" (table 0 funcref))
  (import "env" "__memory_base" (global $memory_base i32))
  (import "env" "__table_base" (global $table_base i32))
  (import "env" "__stack_pointer" (global $stack_pointer (mut i32)))
"#;

pub fn module(memory: u32, table: u32, needed: &[&str], body: &str) -> String {
    // Imports of the body have to come before everything else in it.
    format!("(module {} {COMMON} {body})", dylink(memory, table, needed))
}

/// The body of a main that calls `add` of a library in a loop and from its end, and
/// its `ask`, which calls main's `who`; with more imports and functions of a test.
pub fn caller(imports: &str, functions: &str) -> String {
    format!(
        r#"
    (import "env" "add" (func $add (param i32 i32) (result i32)))
    (import "env" "ask" (func $ask (result i32)))
    {imports}
    (func (export "sum") (param $n i32) (result i32) (local $sum i32)
      (loop $again
        (local.set $sum (call $add (local.get $sum) (local.get $n)))
        (local.set $n (i32.sub (local.get $n) (i32.const 1)))
        (br_if $again (local.get $n)))
      (local.get $sum))
    (func (export "tail") (param i32 i32) (result i32)
      (return_call $add (local.get 0) (local.get 1)))
    {functions}
    (func (export "asked") (result i32) (call $ask))
    (func (export "who") (result i32) (i32.const 1))
"#
    )
}

/// The body of the library that [`caller`] calls; with more imports and functions.
pub fn called(imports: &str, functions: &str) -> String {
    format!(
        r#"
    (import "env" "who" (func $who (result i32)))
    {imports}
    (func (export "add") (param i32 i32) (result i32)
      (i32.add (local.get 0) (local.get 1)))
    (func (export "ask") (result i32) (call $who))
    {functions}
"#
    )
}

/// A plain module, registered under a name.
pub fn instantiate(process: &mut Process, name: &str, text: &str) -> Result<InstanceId, Error> {
    process.instantiate(object(name, text), Some(name))
}

/// A process with host functions and an instance of one plain module, `module`.
pub fn instance(config: Config, hosts: Vec<HostFunction>, text: &str) -> (Process, InstanceId) {
    let mut process = Process::new(config).unwrap();
    process.add_host_functions(hosts);
    let id = instantiate(&mut process, "module", text).unwrap();
    (process, id)
}

/// The code of the trap that a call ended with.
#[track_caller]
pub fn trap_code(error: CallError) -> TrapCode {
    match error {
        CallError::Trap(trap) => match trap.reason {
            TrapReason::Code(code) => code,
            other => panic!("{other:?}"),
        },
        other => panic!("{other}"),
    }
}
