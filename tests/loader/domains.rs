//! Plain modules, each with a memory and a table of its own.

use wasmaot_runtime::trap::TrapReason;
use wasmaot_runtime::{CallError, Config, Process, Val};

use crate::program::{config, instantiate};

#[test]
fn core_modules_have_domains_of_their_own() {
    let mut process = Process::new(config()).unwrap();
    let a = instantiate(
        &mut process,
        "a",
        r#"(module
          (memory (export "mem") 1)
          (table (export "tab") 4 funcref)
          (global $count (export "count") (mut i32) (i32.const 0))
          (data (i32.const 0) "A")
          (elem (i32.const 1) $peek)
          (func $peek (export "peek") (result i32)
            (global.set $count (i32.add (global.get $count) (i32.const 1)))
            (i32.load8_u (i32.const 0)))
          (func (export "at") (param i32) (result i32) (call_indirect (result i32) (local.get 0)))
          (func (export "many") (param i64 i64 i64 i64 i64 i64 i64 i64) (result i64)
            (i64.add (local.get 7) (i64.load8_u (i32.const 0)))))"#,
    )
    .unwrap();
    let b = instantiate(
        &mut process,
        "b",
        r#"(module
          (import "a" "peek" (func $peek (result i32)))
          (import "a" "tab" (table $tab 4 funcref))
          (import "a" "many" (func $many (param i64 i64 i64 i64 i64 i64 i64 i64) (result i64)))
          (memory 1)
          (data (i32.const 0) "B")
          (elem (i32.const 2) $own)
          (func $own (result i32) (i32.load8_u (i32.const 0)))
          (func (export "theirs") (result i32) (call $peek))
          (func (export "own") (result i32) (call $own))
          (func (export "indirect") (param i32) (result i32) (call_indirect $tab (result i32) (local.get 0)))
          (func (export "many") (result i64)
            (call $many (i64.const 1) (i64.const 2) (i64.const 3) (i64.const 4) (i64.const 5)
              (i64.const 6) (i64.const 7) (i64.const 8)))
          (export "again" (func $peek)))"#,
    )
    .unwrap();
    let c = instantiate(
        &mut process,
        "c",
        r#"(module
          (import "a" "mem" (memory 1))
          (import "b" "again" (func $peek (result i32)))
          (import "a" "count" (global (mut i32)))
          (func (export "run") (result i32)
            (i32.store8 (i32.const 0) (i32.const 67))
            (drop (memory.grow (i32.const 1)))
            (call $peek))
          (func (export "size") (result i32) (memory.size)))"#,
    )
    .unwrap();
    let mut call = |id, name, args: &[Val]| process.invoke(id, name, args).unwrap()[0];
    assert_eq!(call(b, "theirs", &[]), Val::I32(65));
    assert_eq!(call(b, "own", &[]), Val::I32(66));
    assert_eq!(call(b, "indirect", &[Val::I32(1)]), Val::I32(65));
    assert_eq!(call(b, "indirect", &[Val::I32(2)]), Val::I32(66));
    assert_eq!(call(a, "at", &[Val::I32(1)]), Val::I32(65));
    assert_eq!(
        call(a, "at", &[Val::I32(2)]),
        Val::I32(66),
        "b's function in its own domain"
    );
    assert_eq!(call(b, "many", &[]), Val::I64(8 + 65));
    assert_eq!(call(b, "again", &[]), Val::I32(65));
    assert_eq!(call(c, "run", &[]), Val::I32(67));
    assert_eq!(call(c, "size", &[]), Val::I32(2));
    assert_eq!(process.global_get(a, "count"), Some(Val::I32(5)));
    assert_eq!(process.memory_bytes(a).len(), 131_072);
    let trap = process.invoke(b, "indirect", &[Val::I32(3)]).unwrap_err();
    let CallError::Trap(trap) = trap else {
        panic!()
    };
    let TrapReason::Code(code) = trap.reason else {
        panic!()
    };
    assert_eq!(code.name(), "uninitialized element");
}

#[test]
fn memories_and_tables_beside_the_first() {
    let mut process = Process::new(config()).unwrap();
    let a = instantiate(
        &mut process,
        "a",
        r#"(module
          (table $t (export "t") 2 3 externref)
          (table $f (export "f") 2 funcref)
          (func $g (result i32) (i32.const 9))
          (elem (table $f) (i32.const 1) func $g)
          (func (export "set") (param externref) (table.set $t (i32.const 1) (local.get 0)))
          (func (export "get") (result externref) (table.get $t (i32.const 1)))
          (func (export "grow") (result i32) (table.grow $t (ref.null extern) (i32.const 1)))
          (func (export "call") (result i32) (call_indirect $f (result i32) (i32.const 1))))"#,
    )
    .unwrap();
    process.invoke(a, "set", &[Val::ExternRef(77)]).unwrap();
    let mut call = |name| process.invoke(a, name, &[]).unwrap()[0];
    assert_eq!(call("get"), Val::ExternRef(77));
    assert_eq!(call("grow"), Val::I32(2));
    assert_eq!(call("grow"), Val::I32(-1));
    assert_eq!(call("call"), Val::I32(9));
}

#[test]
fn no_limit_on_tables_is_the_limit_of_wasm() {
    let unlimited = Config {
        max_table: u64::MAX,
        ..config()
    };
    let mut process = Process::new(unlimited).unwrap();
    let text = r#"(module
      (table $a 1 funcref) (table $b 1 externref)
      (func (export "a") (result i32) (table.grow $a (ref.null func) (i32.const -1)))
      (func (export "b") (result i32) (table.grow $b (ref.null extern) (i32.const -1))))"#;
    let id = instantiate(&mut process, "a", text).unwrap();
    for name in ["a", "b"] {
        let grown = process.invoke(id, name, &[]).unwrap();
        assert_eq!(grown, [Val::I32(-1)], "{name}");
    }
}

/// A plain module that imports a memory to be shared by its threads, as toolchains for
/// wasi-threads link it, gets one from the loader, and has its own table beside it.
#[test]
fn a_memory_for_threads_is_made_where_nothing_defines_it() {
    let mut process = Process::new(config()).unwrap();
    let text = r#"(module
      (import "env" "memory" (memory 2 5 shared))
      (export "memory" (memory 0))
      (table 2 funcref)
      (elem (i32.const 1) func $size)
      (data (i32.const 8) "A")
      (func $size (export "size") (result i32) (memory.size))
      (func (export "grow") (result i32) (memory.grow (i32.const 2)))
      (func (export "get") (result i32) (i32.atomic.load (i32.const 8)))
      (func (export "call") (result i32) (call_indirect (result i32) (i32.const 1))))"#;
    let a = instantiate(&mut process, "a", text).unwrap();
    // It is the first module's own: another makes another.
    let b = instantiate(&mut process, "b", text).unwrap();
    // Who imports it by the module's name joins it.
    let user = r#"(module
      (import "a" "memory" (memory 1 5 shared))
      (func (export "set") (i32.store (i32.const 8) (i32.const 66))))"#;
    let user = instantiate(&mut process, "user", user).unwrap();
    let mut call = |id, name: &str| process.invoke(id, name, &[]).unwrap();
    call(user, "set");
    assert_eq!(call(a, "get"), [Val::I32(66)]);
    assert_eq!(call(b, "get"), [Val::I32(65)]);
    assert_eq!(call(a, "grow"), [Val::I32(2)]);
    assert_eq!(call(a, "grow"), [Val::I32(-1)]);
    assert_eq!(call(a, "call"), [Val::I32(4)]);
    assert_eq!(call(b, "size"), [Val::I32(2)]);
    assert!(process.memory(a, "memory").is_some());

    let refused = |process: &mut Process, import: &str| {
        let refused = instantiate(process, "refused", &format!("(module {import})"));
        refused.unwrap_err().to_string()
    };
    let error = refused(&mut process, r#"(import "a" "memory" (memory 1 3 shared))"#);
    assert!(error.contains("`memory`") && error.contains("5"), "{error}");
    for import in [
        r#"(import "env" "memory" (memory 1))"#,
        r#"(import "env" "other" (memory 1 2 shared))"#,
    ] {
        let error = refused(&mut Process::new(config()).unwrap(), import);
        assert!(error.contains("undefined memory"), "{error}");
    }
}
