//! wasi-threads, by the text of the proposal: starting threads, and how they and
//! the program end.

use crate::common::Sandbox;
use crate::program::{FORMS, Form, in_each_form, module, run, start};

#[test]
fn ids_are_positive_and_distinct_and_the_argument_arrives() {
    // At 4096 + 8 i: the argument's bytes, and the thread's own id.
    in_each_form(
        r#"(func $slot (param $i i32) (result i32)
             (i32.add (i32.const 4096) (i32.mul (local.get $i) (i32.const 8))))
           (func $argument (param $i i32) (result i32)
             (i32.add (i32.const 0x7ffffff0) (local.get $i)))"#,
        r#"(local $at i32)
           (local.set $at (call $slot (i32.sub (local.get $argument) (i32.const 0x7ffffff0))))
           (i32.store (local.get $at) (local.get $tid))
           (call $count (i32.const 8))
           (call $until (i32.const 12) (i32.const 1))
           (call $count (i32.const 16))"#,
        r#"(local $i i32) (local $j i32) (local $tid i32)
           (loop $next
             ;; The thread's own store is of the same value.
             (local.set $tid (call $start (call $argument (local.get $i))))
             (call $check (i32.le_u (local.get $tid) (i32.const 0x1fffffff)))
             (i32.store offset=4 (call $slot (local.get $i)) (local.get $tid))
             (br_if $next (i32.lt_u
               (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 50))))
           (call $until (i32.const 8) (i32.const 50))
           ;; All are alive: no two have one number.
           (local.set $i (i32.const 0))
           (loop $next
             (local.set $tid (i32.load (call $slot (local.get $i))))
             (call $check (i32.eq (local.get $tid) (i32.load offset=4 (call $slot (local.get $i)))))
             (local.set $j (i32.const 0))
             (loop $earlier
               (if (i32.lt_u (local.get $j) (local.get $i))
                 (then
                   (call $check (i32.ne (local.get $tid) (i32.load (call $slot (local.get $j)))))
                   (local.set $j (i32.add (local.get $j) (i32.const 1)))
                   (br $earlier))))
             (br_if $next (i32.lt_u
               (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 50))))
           (call $count (i32.const 12))
           (call $until (i32.const 16) (i32.const 50))
           (call $exit (i32.const 3))"#,
        |outcome| assert_eq!(outcome.code, Some(3), "{outcome:#?}"),
    );
}

#[test]
fn a_thread_may_start_threads() {
    in_each_form(
        "",
        r#"(if (local.get $argument)
             (then (drop (call $start (i32.sub (local.get $argument) (i32.const 1))))))
           (call $count (i32.const 8))"#,
        r#"(drop (call $start (i32.const 299)))
           (call $until (i32.const 8) (i32.const 300))
           (call $exit (i32.const 3))"#,
        |outcome| assert_eq!(outcome.code, Some(3), "{outcome:#?}"),
    );
}

#[test]
fn a_trap_of_a_thread_is_the_end_of_all() {
    // 1 traps, 2 waits, 3 runs, main waits.
    in_each_form(
        r#"(func $deep (param i32) (drop (i32.div_u (i32.const 1) (local.get 0))))"#,
        r#"(call $count (i32.const 8))
           (if (i32.eq (local.get $argument) (i32.const 1))
             (then
               (call $until (i32.const 8) (i32.const 3))
               (call $sleep (i64.const 20))
               (call $deep (i32.const 0))))
           (if (i32.eq (local.get $argument) (i32.const 2))
             (then (call $until (i32.const 12) (i32.const 1))))
           (loop $for_ever (br $for_ever))"#,
        r#"(drop (call $start (i32.const 1)))
           (drop (call $start (i32.const 2)))
           (drop (call $start (i32.const 3)))
           (call $until (i32.const 12) (i32.const 1))"#,
        |outcome| {
            outcome.trap(
                "integer divide by zero",
                &["main.wat!deep", "main.wat!thread"],
            );
            assert!(!outcome.stderr.contains("main.wat!main"), "{outcome:#?}");
            assert_eq!(
                outcome.stderr.matches("wasm trap").count(),
                1,
                "{outcome:#?}"
            );
        },
    );
}

#[test]
fn a_trap_of_main_is_the_end_of_all() {
    in_each_form(
        "",
        r#"(call $count (i32.const 8))
           (loop $for_ever (br_if $for_ever (local.get $argument)))
           (call $until (i32.const 12) (i32.const 1))"#,
        r#"(drop (call $start (i32.const 0)))
           (drop (call $start (i32.const 1)))
           (call $until (i32.const 8) (i32.const 2))
           (unreachable)"#,
        |outcome| {
            outcome.trap("unreachable", &["main.wat!main"]);
            assert!(!outcome.stderr.contains("main.wat!thread"), "{outcome:#?}");
        },
    );
}

#[test]
fn an_exception_that_a_thread_lets_go_is_its_trap() {
    in_each_form(
        r#"(tag $tag (export "oops") (param i32))"#,
        "(throw $tag (local.get $argument))",
        r#"(block $never (result i32)
             (try_table (catch $tag $never)
               (drop (call $start (i32.const 5)))
               (call $until (i32.const 12) (i32.const 1)))
             (unreachable))
           (drop)"#,
        |outcome| outcome.trap("uncaught exception (tag `oops`)", &["main.wat!thread"]),
    );
}

#[test]
fn threads_that_trap_at_once_give_one_report() {
    for _ in 0..10 {
        let sandbox = Sandbox::new();
        let text = module(
            Form::Imports,
            "",
            r#"(call $count (i32.const 8))
               (loop $all (br_if $all (i32.lt_u (i32.atomic.load (i32.const 8)) (i32.const 8))))
               (unreachable)"#,
            r#"(local $i i32)
               (loop $next
                 (drop (call $start (local.get $i)))
                 (br_if $next (i32.lt_u
                   (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 8))))
               (call $until (i32.const 12) (i32.const 1))"#,
        );
        sandbox.write("main.wat", text);
        let outcome = run(&sandbox, &["main.wat"]);
        outcome.trap("unreachable", &["main.wat!thread"]);
        assert_eq!(
            outcome.stderr.matches("wasm trap").count(),
            1,
            "{outcome:#?}"
        );
    }
}

/// Threads wait in `memory.atomic.wait`, `fd_read` and `poll_oneoff`, one runs.
const BUSY: &str = r#"
  (call $count (i32.const 8))
  (block $wait (block $read (block $poll (block $run
    (br_table $wait $read $poll $run (local.get $argument)))
    ;; $run
    (loop $for_ever (br $for_ever)))
    ;; $poll: a clock, an hour from now.
    (i32.store8 (i32.const 4096) (i32.const 0))
    (i32.store (i32.const 4112) (i32.const 1))
    (i64.store (i32.const 4120) (i64.const 3600000000000))
    (drop (call $poll (i32.const 4096) (i32.const 4160) (i32.const 1) (i32.const 4200)))
    (unreachable))
    ;; $read: nothing comes.
    (i32.store (i32.const 4300) (i32.const 4400))
    (i32.store (i32.const 4304) (i32.const 8))
    (drop (call $fd_read (i32.const 0) (i32.const 4300) (i32.const 1) (i32.const 4308)))
    (unreachable))
  (call $until (i32.const 12) (i32.const 1))
  (unreachable)"#;

const START_BUSY: &str = r#"
  (drop (call $start (i32.const 0)))
  (drop (call $start (i32.const 1)))
  (drop (call $start (i32.const 2)))
  (drop (call $start (i32.const 3)))
  (call $until (i32.const 8) (i32.const 4))
  (call $sleep (i64.const 30))"#;

#[test]
fn an_exit_of_a_thread_is_the_end_of_all() {
    for form in FORMS {
        let thread = format!(
            r#"(if (i32.eq (local.get $argument) (i32.const 9)) (then (call $exit (i32.const 7))))
               {BUSY}"#
        );
        let main = format!(
            r#"{START_BUSY}
               (drop (call $start (i32.const 9)))
               (call $until (i32.const 12) (i32.const 1))"#
        );
        let sandbox = Sandbox::new();
        let running = start(&sandbox, &[], &module(form, "", &thread, &main));
        let outcome = running.end();
        assert_eq!(outcome.code, Some(7), "{form:?}: {outcome:#?}");
        assert!(outcome.stderr.is_empty(), "{outcome:#?}");
    }
}

#[test]
fn the_return_of_main_is_the_end_of_all() {
    for form in FORMS {
        let sandbox = Sandbox::new();
        let running = start(&sandbox, &[], &module(form, "", BUSY, START_BUSY));
        let outcome = running.end();
        assert_eq!(outcome.code, Some(0), "{form:?}: {outcome:#?}");
        assert!(outcome.stderr.is_empty(), "{outcome:#?}");
    }
}

#[test]
fn a_thread_that_ends_makes_room_for_another() {
    // Three thousand threads, one after the other, and never more than four.
    let text = module(
        Form::Imports,
        "",
        "(call $count (i32.const 8))",
        r#"(local $i i32)
           (loop $next
             (if (i32.gt_s (call $spawn (i32.const 0)) (i32.const 0))
               (then (local.set $i (i32.add (local.get $i) (i32.const 1))))
               (else (call $sleep (i64.const 0))))
             (br_if $next (i32.lt_u (local.get $i) (i32.const 3000))))
           (call $until (i32.const 8) (i32.const 3000))"#,
    );
    let sandbox = Sandbox::new();
    sandbox.write("main.wat", text);
    run(&sandbox, &["--max-threads", "4", "main.wat"]).success();
}

#[test]
fn beyond_the_limit_a_start_fails_and_leaves_nothing() {
    // With main there are three.
    let text = module(
        Form::Imports,
        r#"(func $fail (param $times i32)
             (loop $again
               (call $check (i32.lt_s (call $spawn (i32.const 2)) (i32.const 0)))
               (br_if $again (local.tee $times (i32.sub (local.get $times) (i32.const 1))))))"#,
        r#"(call $check (i32.ne (local.get $argument) (i32.const 2)))
           (call $count (i32.const 8))
           (call $until (i32.const 12) (i32.const 1))"#,
        r#"(drop (call $start (i32.const 0)))
           (drop (call $start (i32.const 1)))
           (call $until (i32.const 8) (i32.const 2))
           (call $fail (i32.const 1))
           (call $report)
           (call $fail (i32.const 10000))
           (call $report)"#,
    );
    let sandbox = Sandbox::new();
    let mut running = start(&sandbox, &["--max-threads", "3"], &text);
    let mut seen = || {
        running.line();
        running.until_quiet(running.threads());
        let seen = (running.maps().lines().count(), running.threads());
        running.go();
        seen
    };
    assert_eq!(seen(), seen());
    running.end().success();
}

#[test]
fn one_thread_may_be_all() {
    let text = module(
        Form::Imports,
        "",
        "(unreachable)",
        "(call $check (i32.lt_s (call $spawn (i32.const 2)) (i32.const 0)))",
    );
    let sandbox = Sandbox::new();
    sandbox.write("main.wat", text);
    run(&sandbox, &["--max-threads", "1", "main.wat"]).success();
}

#[test]
fn mutable_globals_are_a_threads_own() {
    // A thread finds the initial values, stores its own, and meets the others; then it
    // finds what it has stored. `$of_all` cannot be changed, so it is not a thread's own.
    let globals = r#"
      (type $number (func (result i32)))
      (global $of_all i32 (i32.const 1000))
      (global $a (mut i32) (i32.const 5))
      (global $zero (mut i64) (i64.const 0))
      (global $computed (mut i32) (i32.add BASE (i32.const 1001)))
      (global $wide (mut v128) (v128.const i64x2 0x1111111111111111 -2))
      (global $real (mut f64) (f64.const 2.5))
      (global $narrow (mut f32) (f32.const -0.5))
      (global $function (mut funcref) (ref.func $seven))
      (global $typed (mut (ref $number)) (ref.func $eight))
      (global $null (mut funcref) (ref.null func))
      (global $other (mut externref) (ref.null extern))
      (table $one 1 funcref)
      (elem declare func $seven $eight $nine)
      (func $seven (type $number) (i32.const 7))
      (func $eight (type $number) (i32.const 8))
      (func $nine (type $number) (i32.const 9))
      (func $initial
        (call $check (i32.eq (global.get $a) (i32.const 5)))
        (call $check (i64.eqz (global.get $zero)))
        (call $check (i32.eq (global.get $of_all) (i32.const 1000)))
        (call $check (i32.eq (global.get $computed) (i32.add BASE (i32.const 1001))))
        (call $check (i64.eq (i64x2.extract_lane 0 (global.get $wide)) (i64.const 0x1111111111111111)))
        (call $check (i64.eq (i64x2.extract_lane 1 (global.get $wide)) (i64.const -2)))
        (call $check (f64.eq (global.get $real) (f64.const 2.5)))
        (call $check (f32.eq (global.get $narrow) (f32.const -0.5)))
        (call $check (i32.eq (call_ref $number (global.get $typed)) (i32.const 8)))
        (call $check (ref.is_null (global.get $null)))
        (call $check (ref.is_null (global.get $other)))
        (call $check (i32.eq (call $call (global.get $function)) (i32.const 7))))
      ;; One at a time: there is one table for all.
      (func $call (param funcref) (result i32) (local $result i32)
        (loop $locked
          (br_if $locked (i32.atomic.rmw.xchg (i32.const 20) (i32.const 1))))
        (table.set $one (i32.const 0) (local.get 0))
        (local.set $result (call_indirect $one (type $number) (i32.const 0)))
        (i32.atomic.store (i32.const 20) (i32.const 0))
        (local.get $result))
      (func $change (param $n i32)
        (global.set $a (local.get $n))
        (global.set $zero (i64.extend_i32_u (local.get $n)))
        (global.set $computed (i32.add (local.get $n) (i32.const 1)))
        (global.set $wide (i32x4.splat (local.get $n)))
        (global.set $real (f64.convert_i32_u (local.get $n)))
        (global.set $narrow (f32.convert_i32_u (local.get $n)))
        (global.set $typed (ref.func $nine))
        (global.set $null (select (result funcref)
          (ref.func $eight) (ref.func $nine) (i32.and (local.get $n) (i32.const 1)))))
      (func $changed (param $n i32)
        (call $check (i32.eq (global.get $a) (local.get $n)))
        (call $check (i64.eq (global.get $zero) (i64.extend_i32_u (local.get $n))))
        (call $check (i32.eq (global.get $computed) (i32.add (local.get $n) (i32.const 1))))
        (call $check (i32.eq (i32x4.extract_lane 3 (global.get $wide)) (local.get $n)))
        (call $check (f64.eq (global.get $real) (f64.convert_i32_u (local.get $n))))
        (call $check (f32.eq (global.get $narrow) (f32.convert_i32_u (local.get $n))))
        (call $check (i32.eq (call_ref $number (global.get $typed)) (i32.const 9)))
        (call $check (i32.eq (call $call (global.get $null))
          (i32.sub (i32.const 9) (i32.and (local.get $n) (i32.const 1))))))"#;
    let thread = r#"
      (call $initial)
      (call $change (local.get $argument))
      (call $count (i32.const 8))
      (call $until (i32.const 8) (i32.const 20))
      (call $changed (local.get $argument))
      (call $count (i32.const 12))"#;
    let main = r#"
      (local $i i32)
      (call $initial)
      (call $change (i32.const 99))
      (loop $next
        (local.set $i (i32.add (local.get $i) (i32.const 1)))
        (drop (call $start (local.get $i)))
        (br_if $next (i32.lt_u (local.get $i) (i32.const 20))))
      (call $until (i32.const 12) (i32.const 20))
      (call $changed (i32.const 99))
      (call $exit (i32.const 3))"#;
    in_each_form(globals, thread, main, |outcome| {
        assert_eq!(outcome.code, Some(3), "{outcome:#?}");
    });
}

#[test]
fn globals_of_a_reused_stack_are_new() {
    in_each_form(
        "(global $own (mut i32) (i32.const 5)) (global $zero (mut i64) (i64.const 0))",
        r#"(call $check (i32.eq (global.get $own) (i32.const 5)))
           (call $check (i64.eqz (global.get $zero)))
           (global.set $own (i32.const 6))
           (global.set $zero (i64.const -1))
           (call $count (i32.const 8))"#,
        r#"(local $i i32)
           (loop $next
             (local.set $i (i32.add (local.get $i) (i32.const 1)))
             (drop (call $start (local.get $i)))
             (call $until (i32.const 8) (local.get $i))
             (br_if $next (i32.lt_u (local.get $i) (i32.const 200))))
           (call $exit (i32.const 3))"#,
        |outcome| assert_eq!(outcome.code, Some(3), "{outcome:#?}"),
    );
}

/// One instance for all threads: its start function has run once, and a segment that
/// one has dropped is dropped.
#[test]
fn all_threads_have_one_instance() {
    in_each_form(
        r#"(start $started)
           (data (i32.const 24) "\05")
           (data $later "abcd")
           (table $functions 4 funcref)
           (elem $some func $seven)
           (func $seven (result i32) (i32.const 7))
           (func $started (drop (i32.atomic.rmw.add (i32.const 16) (i32.const 1))))"#,
        r#"(if (i32.eq (local.get $argument) (i32.const 0))
             (then
               (i32.store8 (i32.const 24) (i32.const 6))
               (memory.init $later (i32.const 28) (i32.const 0) (i32.const 4))
               (table.init $functions $some (i32.const 1) (i32.const 0) (i32.const 1))
               (data.drop $later)
               (elem.drop $some)))
           (if (i32.eq (local.get $argument) (i32.const 1))
             (then
               (call $check (i32.eq (i32.load8_u (i32.const 24)) (i32.const 6)))
               (call $check (i32.eq (i32.load (i32.const 28)) (i32.const 0x64636261)))
               (call $check (i32.eq (i32.const 7)
                 (call_indirect $functions (result i32) (i32.const 1))))
               (memory.init $later (i32.const 28) (i32.const 0) (i32.const 0))
               (table.init $functions $some (i32.const 1) (i32.const 0) (i32.const 0))))
           (call $count (i32.const 8))
           (if (i32.eq (local.get $argument) (i32.const 2))
             (then (memory.init $later (i32.const 28) (i32.const 0) (i32.const 1))))"#,
        r#"(call $check (i32.eq (i32.load (i32.const 16)) (i32.const 1)))
           (drop (call $start (i32.const 0)))
           (call $until (i32.const 8) (i32.const 1))
           (drop (call $start (i32.const 1)))
           (call $until (i32.const 8) (i32.const 2))
           (call $check (i32.eq (i32.load (i32.const 16)) (i32.const 1)))
           (drop (call $start (i32.const 2)))
           (call $until (i32.const 12) (i32.const 1))"#,
        |outcome| outcome.trap("out of bounds memory access", &["main.wat!thread"]),
    );
}

#[test]
fn a_stack_overflow_of_a_thread_is_its_trap() {
    in_each_form(
        r#"(func $down (param i32) (result i32)
             (i32.add (i32.const 1) (call $down (i32.add (local.get 0) (i32.const 1)))))"#,
        r#"(call $count (i32.const 8))
           (call $until (i32.const 8) (i32.const 4))
           (if (i32.eqz (local.get $argument)) (then (drop (call $down (i32.const 0)))))
           (call $until (i32.const 12) (i32.const 1))"#,
        r#"(drop (call $start (i32.const 0)))
           (drop (call $start (i32.const 1)))
           (drop (call $start (i32.const 2)))
           (drop (call $start (i32.const 3)))
           (call $until (i32.const 12) (i32.const 1))"#,
        |outcome| {
            outcome.trap("call stack exhausted", &["main.wat!down"]);
            assert!(!outcome.stderr.contains("main.wat!main"), "{outcome:#?}");
        },
    );
}

/// Each thread has a stack as deep as main's.
#[test]
fn threads_call_deeply_at_once() {
    in_each_form(
        r#"(func $down (param i32) (result i32)
             (if (result i32) (local.get 0)
               (then (i32.add (i32.const 1) (call $down (i32.sub (local.get 0) (i32.const 1)))))
               (else (call $count (i32.const 8))
                 (call $until (i32.const 8) (i32.const 6))
                 (i32.const 0))))"#,
        r#"(call $check (i32.eq (call $down (i32.const 100000)) (i32.const 100000)))
           (call $count (i32.const 12))"#,
        r#"(local $i i32)
           (loop $next
             (drop (call $start (i32.const 0)))
             (br_if $next (i32.lt_u
               (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 5))))
           (call $check (i32.eq (call $down (i32.const 100000)) (i32.const 100000)))
           (call $until (i32.const 12) (i32.const 5))"#,
        |outcome| {
            outcome.success();
        },
    );
}

#[test]
fn what_has_no_start_function_is_told_so() {
    let text = |start: &str| {
        format!(
            r#"(module
                 (import "wasi" "thread-spawn" (func $spawn (param i32) (result i32)))
                 (memory (export "memory") 1 10 shared)
                 {start}
                 (func (export "_start")
                   (drop (call $spawn (i32.const 0)))))"#
        )
    };
    for start in [
        "",
        r#"(func (export "wasi_thread_start") (param i32))"#,
        r#"(func (export "wasi_thread_start") (param i32 i64))"#,
        r#"(func (export "wasi_thread_start") (param i32 i32) (result i32) unreachable)"#,
        r#"(global (export "wasi_thread_start") i32 (i32.const 0))"#,
    ] {
        let sandbox = Sandbox::new();
        sandbox.write("main.wat", text(start));
        let outcome = run(&sandbox, &["main.wat"]);
        assert!(!matches!(outcome.code, Some(0 | 124)), "{outcome:#?}");
        assert!(outcome.stderr.contains("wasi_thread_start"), "{outcome:#?}");
    }
}

#[test]
fn ended_threads_leave_no_mappings() {
    let text = module(
        Form::Imports,
        r#"(func $many (local $i i32)
             (i32.atomic.store (i32.const 8) (i32.const 0))
             (i32.atomic.store (i32.const 12) (i32.const 0))
             (loop $next
               (drop (call $start (i32.const 0)))
               (br_if $next (i32.lt_u
                 (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 20))))
             (call $until (i32.const 8) (i32.const 20))
             (call $count (i32.const 12)))"#,
        r#"(call $count (i32.const 8))
           (call $until (i32.const 12) (i32.const 1))"#,
        r#"(local $round i32)
           (call $report)
           (loop $again
             (call $many)
             (call $report)
             (br_if $again (i32.lt_u
               (local.tee $round (i32.add (local.get $round) (i32.const 1))) (i32.const 20))))"#,
    );
    let sandbox = Sandbox::new();
    let mut running = start(&sandbox, &[], &text);
    running.line();
    let alone = running.threads();
    running.go();
    let mut maps = Vec::new();
    for _ in 0..20 {
        running.line();
        running.until_quiet(alone);
        maps.push(running.maps().lines().count());
        running.go();
    }
    running.end().success();
    assert!(maps[19] <= maps[1], "{maps:?}");
}
