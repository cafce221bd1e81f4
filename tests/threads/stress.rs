//! The dynamic linker under stress.

use std::time::{SystemTime, UNIX_EPOCH};

use crate::common::Sandbox;
use crate::program::{Running, program, put, text_library, timed};

/// What threads open: number `id`. Odd ones need the one before; every fourth opens
/// another in its constructor, and closes it when it is finalised.
fn opened(id: u32) -> String {
    let (opens, closes) = match id % 4 {
        3 => (
            r#"(i32.store offset=32 (global.get $memory_base)
                 (call $dlopen (i32.add (global.get $memory_base) (i32.const 16)) (i32.const 2)))
               (if (i32.eqz (i32.load offset=32 (global.get $memory_base))) (then unreachable))"#,
            r#"(if (call $dlclose (i32.load offset=32 (global.get $memory_base)))
                 (then unreachable))"#,
        ),
        _ => ("", ""),
    };
    let other = id.saturating_sub(3);
    let (needed, import, more) = match id % 2 {
        1 => (
            format!(r#"(needed "lib{}.wat")"#, id - 1),
            format!(
                r#"(import "env" "value{}" (func $before (param i32) (result i32)))"#,
                id - 1
            ),
            "(call $before (local.get 0))",
        ),
        _ => (String::new(), String::new(), "(i32.const 0)"),
    };
    let imports = format!(
        r#"(import "env" "constructed" (func $constructed (param i32)))
           (import "env" "finalised" (func $finalised (param i32)))
           (import "env" "of_main" (func $of_main (param i32) (result i32)))
           (import "env" "atexit" (func $atexit (param i32) (result i32)))
           (import "env" "tag" (tag $tag (param i32)))
           (import "env" "dlopen" (func $dlopen (param i32 i32) (result i32)))
           (import "env" "dlclose" (func $dlclose (param i32) (result i32)))
           {import}"#
    );
    let fields = format!(
        r#"(type $unary (func (param i32) (result i32)))
           (global $own (mut i32) (i32.const {own}))
           (data (global.get $memory_base) "\{id:02x}\00\bc\0a")
           (data (i32.add (global.get $memory_base) (i32.const 16)) "lib{other}.wat\00")
           (elem (global.get $table_base) func $answer $end)
           (func $answer (type $unary) (i32.add (local.get 0) (i32.const {own})))
           (func $end {closes}
             ;; Nobody finds it any more.
             (i32.store (global.get $memory_base) (i32.const 0))
             (call $finalised (i32.const {id})))
           (func (export "__wasm_call_ctors")
             (call $constructed (i32.const {id}))
             {opens}
             (drop (call $atexit (i32.add (global.get $table_base) (i32.const 1)))))
           (func $value (export "value") (export "value{id}") (type $unary)
             (call_indirect (type $unary) (local.get 0) (global.get $table_base)))
           (func (export "throws") (type $unary) (throw $tag (local.get 0)))
           (func (export "deep") (type $unary)
             (i32.add (call $of_main (local.get 0)) {more}))
           (func (export "own") (result i32)
             (global.set $own (i32.add (global.get $own) (i32.const 1)))
             (global.get $own))
           (func (export "data") (result i32) (i32.load (global.get $memory_base)))"#,
        own = 1000 * id,
    );
    let text = text_library(&imports, &fields);
    text.replace("(@dylink.0", &format!("(@dylink.0 {needed}"))
}

/// What is there from the start.
const STATIC: &str = r#"
  (type $unary (func (param i32) (result i32)))
  (tag $tag (export "tag") (param i32))
  (elem (global.get $table_base) func $two)
  (func $two (type $unary) (i32.add (local.get 0) (i32.const 2)))
  (func (export "catch_from") (param $throws i32) (param $value i32) (result i32)
    (block $caught (result i32)
      (try_table (catch $tag $caught)
        (return (call_indirect (type $unary) (local.get $value) (local.get $throws))))
      (unreachable))
    (i32.add (i32.const 1)))
  ;; The last entry is this thread's own if it has grown the table.
  (func (export "use_table") (param $value i32) (param $grow i32) (result i32) (local $at i32)
    (local.set $at (global.get $table_base))
    (if (local.get $grow)
      (then
        (local.set $at (table.grow $table (ref.null func) (i32.const 2)))
        (table.set $table (local.get $at) (ref.func $two))
        (table.copy $table $table
          (i32.add (local.get $at) (i32.const 1)) (local.get $at) (i32.const 1))
        (local.set $at (i32.add (local.get $at) (i32.const 1)))))
    (call_indirect (type $unary) (local.get $value) (local.get $at)))"#;

#[test]
fn threads_link_at_random() {
    let number = |name: &str| {
        let text = std::env::var(name).ok();
        text.map(|text| {
            text.parse::<u32>()
                .unwrap_or_else(|e| panic!("{name}: {e}"))
        })
    };
    let seconds = number("WASMAOT_STRESS_SECONDS").unwrap_or(4);
    let seed = number("WASMAOT_STRESS_SEED").unwrap_or_else(|| {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        now.subsec_nanos() % 1_000_000
    });
    let sandbox = Sandbox::new();
    put(&sandbox, &[program("stress.c")]);
    sandbox.write("static.wat", text_library("", STATIC));
    for id in 0..12 {
        sandbox.write(&format!("lib{id}.wat"), opened(id));
    }
    for bind in ["static", "lazy"] {
        println!("--bind {bind}, WASMAOT_STRESS_SEED={seed}, {seconds} seconds");
        let options = ["--bind", bind, "--lib", "static.wat", "main.wasm"];
        let limit = format!("{}", 60 + 2 * seconds);
        let mut running = Running::start(&mut timed(&sandbox, &limit, &options));
        running.send(&format!("{seed}\n{}\n", u64::from(seconds) * 1000));
        running.watch_until_end();
        let counts = running.end().success();
        println!("{counts}");
        assert!(counts.ends_with(" operations\n"), "{counts}");
    }
}
