//! Memories and tables that threads grow and change while others use them.

use crate::common::Sandbox;
use crate::program::{FORMS, Form, module, program, put, run, whole_program};

#[test]
fn threads_grow_a_memory_at_once() {
    let sandbox = Sandbox::new();
    put(&sandbox, &[program("growth.c"), whole_program("growth.c")]);
    for options in [
        ["-O0", "main.wasm"],
        ["-O2", "main.wasm"],
        ["-O2", "whole.wasm"],
    ] {
        assert_eq!(
            run(&sandbox, &options).success(),
            "2400 pages in 1200 steps\n"
        );
    }
    // The limit is met by all of them at once.
    let limited = run(&sandbox, &["--max-memory", "64M", "main.wasm"]).success();
    assert!(limited.starts_with("up to "), "{limited}");
}

/// A table `$t` of 64 entries, those from 8 on at first `$seven`; functions of two types.
const TABLE: &str = r#"
  (type $number (func (result i32)))
  (type $sum (func (param i64 i64 i64) (result i64)))
  (table $t (export "t") 64 100000 funcref)
  (elem (i32.const 8) func $seven $seven $eight)
  (elem declare func $seven $eight $add)
  (func $seven (type $number) (i32.const 7))
  (func $eight (type $number) (i32.const 8))
  (func $add (type $sum) (i64.add (local.get 0) (i64.add (local.get 1) (local.get 2))))
  (global $seed (mut i32) (i32.const 1))
  (func $random (result i32)
    (global.set $seed (i32.add (i32.mul (global.get $seed) (i32.const 1664525)) (i32.const 1013904223)))
    (i32.shr_u (global.get $seed) (i32.const 16)))
  ;; A call through the table is of a function of the right type.
  (func $call (param $at i32) (local $result i32)
    (local.set $result (call_indirect $t (type $number) (local.get $at)))
    (call $check (i32.or
      (i32.eq (local.get $result) (i32.const 7)) (i32.eq (local.get $result) (i32.const 8)))))
"#;

/// What the test lets the callers do meanwhile.
fn racing(form: Form, changer: &str, calls: &str) -> String {
    let thread = format!(
        r#"(local $i i32) (local $old i32) (local $f funcref)
           (global.set $seed (local.get $argument))
           (call $count (i32.const 8))
           (call $until (i32.const 8) (i32.const 4))
           (loop $again
             {changer}
             (br_if $again (i32.eqz (i32.atomic.load (i32.const 12)))))
           (call $count (i32.const 16))"#
    );
    let main = format!(
        r#"(local $i i32) (local $f funcref) (local $at i32)
           (drop (call $start (i32.const 1)))
           (drop (call $start (i32.const 2)))
           (drop (call $start (i32.const 3)))
           (call $count (i32.const 8))
           (call $until (i32.const 8) (i32.const 4))
           (loop $again
             {calls}
             (br_if $again (i32.lt_u
               (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 100000))))
           (call $count (i32.const 12))
           (call $until (i32.const 16) (i32.const 3))
           (call $exit (i32.const 3))"#
    );
    module(form, TABLE, &thread, &main)
}

fn in_each_form(changer: &str, calls: &str) {
    for form in FORMS {
        let sandbox = Sandbox::new();
        sandbox.write("main.wat", racing(form, changer, calls));
        let outcome = run(&sandbox, &["main.wat"]);
        assert_eq!(outcome.code, Some(3), "{form:?}: {outcome:#?}");
    }
}

#[test]
fn calls_go_through_entries_that_change() {
    in_each_form(
        r#"(table.set $t (i32.const 9) (ref.func $eight))
           (table.fill $t (i32.const 8) (ref.func $seven) (i32.const 3))
           (table.copy $t $t (i32.const 8) (i32.const 9) (i32.const 2))
           (table.set $t (i32.const 9) (select (result funcref)
             (ref.func $seven) (ref.func $eight) (i32.and (call $random) (i32.const 1))))"#,
        r#"(call $call (i32.const 8))
           (call $call (i32.const 9))
           (call $call (i32.const 10))"#,
    );
}

#[test]
fn references_are_read_from_entries_that_change() {
    // What is read at one moment is called at a later one.
    in_each_form(
        r#"(table.set $t (i32.const 9) (ref.func $eight))
           (table.set $t (i32.const 9) (ref.null func))
           (table.set $t (i32.const 9) (ref.func $seven))"#,
        r#"(local.set $f (table.get $t (i32.const 9)))
           (if (i32.eqz (ref.is_null (local.get $f)))
             (then
               (table.set $t (i32.const 20) (local.get $f))
               (call $call (i32.const 20))))"#,
    );
}

#[test]
fn a_table_grows_while_others_call_through_it() {
    // Each grower has a part of the table of its own when growing has succeeded, and
    // tells of its last entry.
    in_each_form(
        r#"(local.set $old (table.grow $t (ref.func $seven) (i32.const 3)))
           (if (i32.ge_s (local.get $old) (i32.const 0))
             (then
               (call $check (i32.ge_u (table.size $t) (i32.add (local.get $old) (i32.const 3))))
               (call $call (local.get $old))
               (call $call (i32.add (local.get $old) (i32.const 2)))
               (table.set $t (i32.add (local.get $old) (i32.const 1)) (ref.func $eight))
               (i32.atomic.store (i32.const 28) (i32.add (local.get $old) (i32.const 2)))
               (call $call (i32.add (local.get $old) (i32.const 1)))
               (call $check (i32.eq (i32.const 8)
                 (call_indirect $t (type $number) (i32.add (local.get $old) (i32.const 1)))))))"#,
        r#"(call $call (i32.const 8))
           (local.set $at (i32.atomic.load (i32.const 28)))
           (if (local.get $at) (then (call $call (local.get $at))))"#,
    );
}

/// The type of an entry changes while it is called: either the call is of a function of
/// its type, or it traps.
#[test]
fn a_call_through_an_entry_of_changing_type_is_right_or_traps() {
    let changer = r#"
      (if (i32.eqz (i32.and (call $random) (i32.const 0xfff)))
        (then
          (table.set $t (i32.const 8) (ref.func $add))
          (table.set $t (i32.const 8) (ref.func $seven)))
        (else
          (table.set $t (i32.const 8) (ref.func $eight))
          (table.set $t (i32.const 8) (ref.func $seven))))"#;
    let sandbox = Sandbox::new();
    sandbox.write(
        "main.wat",
        racing(Form::Imports, changer, "(call $call (i32.const 8))"),
    );
    hostile(&sandbox, &["main.wat"], "indirect call type mismatch");
    let changer = changer.replace("(ref.func $add)", "(ref.null func)");
    sandbox.write(
        "null.wat",
        racing(Form::Imports, &changer, "(call $call (i32.const 8))"),
    );
    hostile(&sandbox, &["null.wat"], "uninitialized element");
}

/// Many runs: each ends well or by this trap, and some of either kind are seen.
fn hostile(sandbox: &Sandbox, options: &[&str], trap: &str) {
    let mut trapped = 0;
    for round in 0..20 {
        let outcome = run(sandbox, options);
        match outcome.code {
            Some(3) => {}
            _ => {
                outcome.trap(trap, &[]);
                trapped += 1;
            }
        }
        println!("{round}: {:?}", outcome.code);
    }
    println!("{trapped} of 20 runs ended by the trap");
}

/// A table beside the first: its entries are read by code that checks its bounds.
#[test]
fn a_second_table_changes_as_well() {
    let sandbox = Sandbox::new();
    let text = racing(
        Form::Imports,
        r#"(table.set $t (i32.const 9) (ref.func $eight))
           (table.fill $t (i32.const 8) (ref.func $seven) (i32.const 3))
           (drop (table.grow $t (ref.null func) (i32.const 1)))"#,
        r#"(call $call (i32.const 8))
           (call $call (i32.const 9))"#,
    );
    let text = text.replace("(table $t ", "(table $first 1 funcref) (table $t ");
    let text = text.replace(
        "(elem (i32.const 8) func",
        "(elem (table $t) (i32.const 8) func",
    );
    sandbox.write("main.wat", text);
    let outcome = run(&sandbox, &["main.wat"]);
    assert_eq!(outcome.code, Some(3), "{outcome:#?}");
}
