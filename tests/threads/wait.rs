//! `memory.atomic.wait` and `memory.atomic.notify`.

use crate::common::Sandbox;
use crate::program::{Form, in_each_form, module, run, start};

#[test]
fn a_wait_alone_answers_at_once_or_in_time() {
    in_each_form(
        "",
        "",
        r#"
        (i32.atomic.store (i32.const 8) (i32.const 5))
        (i64.atomic.store (i32.const 16) (i64.const 0x500000005))
        ;; Another value: 1, whatever the time.
        (call $check (i32.eq (i32.const 1)
          (memory.atomic.wait32 (i32.const 8) (i32.const 6) (i64.const -1))))
        (call $check (i32.eq (i32.const 1)
          (memory.atomic.wait64 (i32.const 16) (i64.const 5) (i64.const -1))))
        (call $check (i32.eq (i32.const 1)
          (memory.atomic.wait64 (i32.const 16) (i64.const 0x600000005) (i64.const 0))))
        ;; Nobody notifies: 2, at once or later.
        (call $check (i32.eq (i32.const 2)
          (memory.atomic.wait32 (i32.const 8) (i32.const 5) (i64.const 0))))
        (call $check (i32.eq (i32.const 2)
          (memory.atomic.wait64 (i32.const 16) (i64.const 0x500000005) (i64.const 0))))
        (call $check (i32.eq (i32.const 2)
          (memory.atomic.wait32 (i32.const 8) (i32.const 5) (i64.const 1))))
        (call $check (i32.eq (i32.const 2)
          (memory.atomic.wait32 (i32.const 8) (i32.const 5) (i64.const 3000000))))
        (call $check (i32.eq (i32.const 2)
          (memory.atomic.wait64 (i32.const 16) (i64.const 0x500000005) (i64.const 3000000))))
        ;; Nobody waits.
        (call $check (i32.eqz (memory.atomic.notify (i32.const 8) (i32.const -1))))
        (call $check (i32.eqz (memory.atomic.notify (i32.const 8) (i32.const 0))))
        (call $exit (i32.const 3))"#,
        |outcome| assert_eq!(outcome.code, Some(3), "{outcome:#?}"),
    );
}

#[test]
fn bad_addresses_trap() {
    let out_of_bounds = "out of bounds memory access";
    let unaligned = "unaligned atomic";
    for (code, name) in [
        (
            "(memory.atomic.wait32 (i32.const 131072) (i32.const 0) (i64.const 0))",
            out_of_bounds,
        ),
        (
            "(memory.atomic.wait32 (i32.const -4) (i32.const 0) (i64.const 0))",
            out_of_bounds,
        ),
        (
            "(memory.atomic.wait32 offset=0xfffffffc (i32.const -4) (i32.const 0) (i64.const 0))",
            out_of_bounds,
        ),
        (
            "(memory.atomic.wait64 (i32.const 131072) (i64.const 0) (i64.const 0))",
            out_of_bounds,
        ),
        (
            "(memory.atomic.notify (i32.const 131072) (i32.const 0))",
            out_of_bounds,
        ),
        (
            "(memory.atomic.notify (i32.const -4) (i32.const 1))",
            out_of_bounds,
        ),
        (
            "(memory.atomic.wait32 (i32.const 10) (i32.const 0) (i64.const 0))",
            unaligned,
        ),
        (
            "(memory.atomic.wait64 (i32.const 12) (i64.const 0) (i64.const 0))",
            unaligned,
        ),
        (
            "(memory.atomic.notify (i32.const 10) (i32.const 0))",
            unaligned,
        ),
    ] {
        let sandbox = Sandbox::new();
        let text = format!(
            r#"(module (memory (export "memory") 2 2 shared)
                 (func $f (export "_start") (drop {code})))"#
        );
        sandbox.write("main.wat", text);
        run(&sandbox, &["main.wat"]).trap(name, &["main.wat!f"]);
    }
}

#[test]
fn a_memory_of_one_thread_is_not_waited_on() {
    for (code, name) in [
        (
            "(memory.atomic.wait32 (i32.const 8) (i32.const 0) (i64.const 0))",
            "expected shared memory",
        ),
        (
            "(memory.atomic.wait64 (i32.const 8) (i64.const 1) (i64.const -1))",
            "expected shared memory",
        ),
        (
            "(memory.atomic.notify (i32.const 65536) (i32.const 1))",
            "out of bounds memory access",
        ),
        (
            "(i32.div_u (i32.const 1) (memory.atomic.notify (i32.const 8) (i32.const -1)))",
            "integer divide by zero",
        ),
    ] {
        let sandbox = Sandbox::new();
        let text = format!(r#"(module (memory 1 1) (func $f (export "_start") (drop {code})))"#);
        sandbox.write("main.wat", text);
        run(&sandbox, &["main.wat"]).trap(name, &["main.wat!f"]);
    }
}

/// A thread waits at 64, for a word or for two by its argument's lowest bit, and says
/// in which place it was woken.
const WAITER: &str = r#"
  (local $result i32)
  (local.set $result
    (if (result i32) (i32.and (local.get $argument) (i32.const 1))
      (then (memory.atomic.wait64 (i32.const 64) (i64.const 0) (i64.const -1)))
      (else (memory.atomic.wait32 (i32.const 64) (i32.const 0) (i64.const -1)))))
  (call $check (i32.eqz (local.get $result)))
  ;; At 4096: whose turn it was.
  (i32.store
    (i32.add (i32.const 4096)
      (i32.shl (i32.atomic.rmw.add (i32.const 16) (i32.const 1)) (i32.const 2)))
    (local.get $argument))
  (call $count (i32.const 12))"#;

/// Notifies so many at most, and checks how many that were.
fn notify(at_most: i64, woken: u32) -> String {
    format!(
        "(call $check (i32.eq (i32.const {woken})
           (memory.atomic.notify (i32.const 64) (i32.const {at_most}))))"
    )
}

#[test]
fn who_waits_longest_is_woken_first() {
    // The program starts one thread at each report; the test sees it wait.
    const WAITERS: usize = 10;
    let expect = |done: u32| format!("(call $until (i32.const 12) (i32.const {done}))");
    let main = [
        format!(
            r#"(local $i i32)
               (call $report)
               (loop $next
                 (drop (call $start (local.get $i)))
                 (call $report)
                 (br_if $next (i32.lt_u
                   (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const {WAITERS}))))"#
        ),
        notify(0, 0),
        notify(1, 1),
        expect(1),
        notify(1, 1),
        expect(2),
        notify(1, 1),
        expect(3),
        notify(2, 2),
        expect(5),
        notify(0xffff_ffff, 5),
        expect(10),
        notify(-1, 0),
        // The first three one by one, then the next two in either order.
        r#"(local.set $i (i32.const 0))
           (loop $next
             (call $check (i32.eq (local.get $i)
               (i32.load offset=4096 (i32.shl (local.get $i) (i32.const 2)))))
             (br_if $next (i32.lt_u
               (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 3))))
           (call $check (i32.eq (i32.const 7)
             (i32.add (i32.load (i32.const 4108)) (i32.load (i32.const 4112)))))
           (call $exit (i32.const 3))"#
            .to_owned(),
    ];
    let sandbox = Sandbox::new();
    let text = module(Form::Imports, "", WAITER, &main.concat());
    let mut running = start(&sandbox, &[], &text);
    running.line();
    let alone = running.threads();
    running.go();
    for waiters in 1..=WAITERS {
        running.line();
        running.until_quiet(alone + waiters);
        running.go();
    }
    let outcome = running.end();
    assert_eq!(outcome.code, Some(3), "{outcome:#?}");
}

#[test]
fn thousands_wait() {
    const WAITERS: usize = 2000;
    let main = [
        format!(
            r#"(local $i i32)
               (call $report)
               (loop $next
                 (drop (call $start (local.get $i)))
                 (br_if $next (i32.lt_u
                   (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const {WAITERS}))))
               (call $report)"#
        ),
        notify(700, 700),
        notify(-1, 1300),
        notify(-1, 0),
        format!("(call $until (i32.const 12) (i32.const {WAITERS})) (call $exit (i32.const 3))"),
    ];
    let sandbox = Sandbox::new();
    let text = module(Form::Imports, "", WAITER, &main.concat());
    let options = ["--max-threads", "2001", "--stack-size", "256K"];
    let mut running = start(&sandbox, &options, &text);
    running.line();
    let alone = running.threads();
    running.go();
    running.line();
    running.until_quiet(alone + WAITERS);
    running.go();
    let outcome = running.end();
    assert_eq!(outcome.code, Some(3), "{outcome:#?}");
}

/// Two threads take turns, each woken by the other: no notification is lost.
#[test]
fn two_take_turns() {
    let turn = |mine: u32, other: u32| {
        format!(
            r#"(local $rounds i32)
               (loop $again
                 (loop $not_yet
                   (drop (memory.atomic.wait32 (i32.const 64) (i32.const {other}) (i64.const -1)))
                   (br_if $not_yet (i32.ne (i32.atomic.load (i32.const 64)) (i32.const {mine}))))
                 (i32.atomic.store (i32.const 64) (i32.const {other}))
                 (drop (memory.atomic.notify (i32.const 64) (i32.const 1)))
                 (br_if $again (i32.lt_u
                   (local.tee $rounds (i32.add (local.get $rounds) (i32.const 1)))
                   (i32.const 20000))))"#
        )
    };
    let main = format!(
        "{} {} (call $exit (i32.const 3))",
        "(local $tid i32) (local.set $tid (call $start (i32.const 0)))",
        turn(0, 1).replace("(local $rounds i32)", "")
    );
    let main = format!("(local $rounds i32) {main}");
    in_each_form("", &turn(1, 0), &main, |outcome| {
        assert_eq!(outcome.code, Some(3), "{outcome:#?}");
    });
}

/// Notifications and ends of time meet: a wait that says it was woken took one
/// notification, and one that says its time was over took none.
#[test]
fn what_notify_counts_is_what_was_woken() {
    // At 12: how many were woken; at 16: how often notify said so.
    in_each_form(
        "",
        r#"(local $rounds i32)
           (loop $again
             (if (i32.eqz (memory.atomic.wait32
                   (i32.const 64) (i32.const 0)
                   (i64.extend_i32_u (i32.mul (i32.and (local.get $rounds) (i32.const 63)) (i32.const 1000)))))
               (then (drop (i32.atomic.rmw.add (i32.const 12) (i32.const 1)))))
             (br_if $again (i32.lt_u
               (local.tee $rounds (i32.add (local.get $rounds) (i32.const 1))) (i32.const 3000))))
           (call $count (i32.const 8))"#,
        r#"(local $woken i32)
           (drop (call $start (i32.const 0)))
           (drop (call $start (i32.const 0)))
           (drop (call $start (i32.const 0)))
           (loop $again
             (local.set $woken (i32.add (local.get $woken)
               (memory.atomic.notify (i32.const 64) (i32.const 1))))
             (call $sleep (i64.const 0))
             (br_if $again (i32.lt_u (i32.atomic.load (i32.const 8)) (i32.const 3))))
           (call $check (i32.eq (local.get $woken) (i32.atomic.load (i32.const 12))))
           (call $exit (i32.const 3))"#,
        |outcome| assert_eq!(outcome.code, Some(3), "{outcome:#?}"),
    );
}

#[test]
fn a_timeout_ends_threads_that_wait_and_threads_that_run() {
    let wait = "(call $until (i32.const 12) (i32.const 1))";
    let run = "(loop $for_ever (br $for_ever))";
    for what in [wait, run] {
        let main =
            format!("(drop (call $start (i32.const 0))) (drop (call $start (i32.const 0))) {what}");
        let sandbox = Sandbox::new();
        sandbox.write("main.wat", module(Form::Imports, "", what, &main));
        let outcome = sandbox.wasmaot(&["run", "--timeout", "300ms", "main.wat"]);
        assert_eq!(outcome.code, Some(124), "{outcome:#?}");
    }
}

/// Main has nothing to do with it: it waits for a thread that does not end.
#[test]
fn a_timeout_ends_a_thread_beside_a_main_that_waits() {
    let sandbox = Sandbox::new();
    let text = module(
        Form::Imports,
        "",
        "(loop $for_ever (br $for_ever))",
        "(drop (call $start (i32.const 0))) (call $until (i32.const 12) (i32.const 1))",
    );
    sandbox.write("main.wat", text);
    let outcome = sandbox.wasmaot(&["run", "--timeout", "300ms", "main.wat"]);
    assert_eq!(outcome.code, Some(124), "{outcome:#?}");
}
