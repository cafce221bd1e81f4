//! Calls of other objects' functions, however the code makes them: through the
//! PLT, the GOT or the table. What runs is the same.

#![cfg(feature = "compiler")]

mod common;

use std::sync::Arc;

use wasmaot_abi::types::{FuncType, ValType};
use wasmaot_compiler::{Calls, Emit, Options, compile};
use wasmaot_runtime::{Bind, CallError, Caller, Config, HostFunction, Object, Process, Unresolved};

use common::Sandbox;
use common::program::{self, called, caller, module};

/// What main calls beside a library's functions: the host, one that throws in a
/// `try`, and one that nobody defines.
const IMPORTS: &str = r#"
    (import "env" "twice" (func $twice (param i32) (result i32)))
    (import "env" "throw" (func $throw (param i32)))
    (import "env" "nowhere" (func $nowhere))
    (import "env" "__cpp_exception" (tag $e (param i32)))
"#;

const FUNCTIONS: &str = r#"
    (func (export "host") (param i32) (result i32) (call $twice (local.get 0)))
    (func (export "caught") (param i32) (result i32)
      (block $h (result i32)
        (try_table (catch $e $h) (call $throw (local.get 0)))
        (i32.const -1)))
    (func (export "lost") (param i32) (result i32) (call $nowhere) (i32.const 0))
"#;

fn main_module(library: &str) -> String {
    module(0, 0, &[library], &caller(IMPORTS, FUNCTIONS))
}

/// It defines `who`, as main does.
fn library() -> String {
    let throw = r#"(func (export "throw") (param i32) (throw $e (local.get 0)))
        (func (export "who") (result i32) (i32.const 2))"#;
    let tag = r#"(import "env" "__cpp_exception" (tag $e (param i32)))"#;
    module(0, 0, &[], &called(tag, throw))
}

fn object(name: &str, text: &str, calls: Calls) -> Arc<Object> {
    let options = Options {
        calls,
        ..Options::default()
    };
    let wasm = wat::parse_str(text).unwrap();
    let bytes = compile(name, &wasm, &options, Emit::So).unwrap();
    // SAFETY: the compiler's own bytes.
    Arc::new(unsafe { Object::from_bytes(name, &bytes, true) }.unwrap())
}

/// Kinds of the relocations for functions that an object has.
fn kinds(object: &Object) -> Vec<&'static str> {
    let relocations = object.relocations();
    let mut kinds: Vec<_> = relocations
        .filter(|r| ["add", "ask", "twice", "throw", "nowhere"].contains(&r.symbol))
        .map(|r| r.kind)
        .collect();
    kinds.dedup();
    kinds
}

#[test]
fn do_the_same_however_they_are_bound() {
    let cases = [
        (Calls::Plt, "R_X86_64_JUMP_SLOT"),
        (Calls::Got, "R_X86_64_GLOB_DAT"),
        (Calls::Table, "FUNC32"),
    ];
    for (calls, kind) in cases {
        for bind in [Bind::Now, Bind::Lazy, Bind::Direct] {
            let main = object("main", &main_module("lib"), calls);
            let library = object("lib", &library(), calls);
            assert_eq!(kinds(&main), [kind]);
            let config = Config {
                bind,
                unresolved: Unresolved::Ignore,
                ..program::config()
            };
            let mut process = Process::new(config).unwrap();
            let twice = |_: &mut Caller<'_>, value: i32| 2 * value;
            process.add_host_functions([HostFunction::wrap("env", "twice", twice)]);
            process.set_finder(move |name: &str, _: &Object| {
                Ok((name == "lib").then(|| Arc::clone(&library)))
            });
            let id = process.load_program(main, &[]).unwrap();
            let tail = process.call::<(i32, i32), i32>(id, "tail", (30, 12));
            assert_eq!(tail.unwrap(), 42, "{calls:?}, {bind:?}");
            let asked = process.call::<(), i32>(id, "asked", ());
            assert_eq!(asked.unwrap(), 1, "{calls:?}, {bind:?}");
            let mut call = |name| process.call::<(i32,), i32>(id, name, (30,));
            for (name, result) in [("sum", 465), ("host", 60), ("caught", 30)] {
                assert_eq!(call(name).unwrap(), result, "{name} by {calls:?}, {bind:?}");
            }
            let lost = call("lost").unwrap_err();
            assert!(matches!(lost, CallError::Trap(_)), "{lost:?}");
        }
    }
}

/// Plain modules have tables of their own, in which an import has no index.
#[test]
fn of_plain_modules_do_not_go_through_tables() {
    let main = object(
        "main",
        r#"(module
          (import "m" "f" (func $f (result i32)))
          (table 1 funcref)
          (func $wrong (result i32) (i32.const 1))
          (elem (i32.const 0) $wrong)
          (func (export "go") (result i32) (call $f)))"#,
        Calls::Table,
    );
    let mut process = Process::new(program::config()).unwrap();
    let ty = FuncType::new([], [ValType::I32]);
    let f = HostFunction::new("m", "f", ty, |_, _, results| {
        results[0] = wasmaot_runtime::Val::I32(42);
        Ok(())
    });
    process.add_host_functions([f]);
    let id = process.instantiate(main, None).unwrap();
    assert_eq!(process.call::<(), i32>(id, "go", ()).unwrap(), 42);
}

#[test]
fn without_a_plt_by_the_flag_that_compilers_have() {
    let sandbox = Sandbox::new();
    sandbox.write("main.wat", main_module("lib.wat"));
    sandbox
        .wasmaot(&["build", "-fno-plt", "main.wat"])
        .success();
    let text = sandbox.wasmaot(&["inspect", "main.wat.elf"]).success();
    assert!(
        text.contains("GLOB_DAT") && !text.contains("JUMP_SLOT"),
        "{text}"
    );
    let wrong = sandbox.wasmaot(&["build", "-fno-got", "main.wat"]);
    assert_eq!(wrong.code, Some(2));
}
