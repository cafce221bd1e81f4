//! Threads of programs that use the hosts: those of Linux, made by `__clone_thread`,
//! with futexes, robust locks and cancellation; those of `wasi-threads`.

mod common;

use common::{Outcome, Sandbox};

/// Numbers of i386.
const LINUX: &str = r#"
    (import "env" "__syscall6"
      (func $call (param i32 i32 i32 i32 i32 i32 i32) (result i32)))
    (import "env" "__syscall_cp"
      (func $point (param i32 i32 i32 i32 i32 i32 i32) (result i32)))
    (import "env" "__clone_thread"
      (func $clone (param i32 i32 i32 i32 i32 i32 i32) (result i32)))
    (memory (export "memory") 1 4 shared)
    (func $exit_group (param $code i32)
      (drop (call $call (i32.const 252) (local.get $code) (i32.const 0) (i32.const 0)
        (i32.const 0) (i32.const 0) (i32.const 0)))
      unreachable)
    ;; Ends the program with the number of a check that fails.
    (func $expect (param $check i32) (param $value i32) (param $wanted i32)
      (if (i32.ne (local.get $value) (local.get $wanted))
        (then (call $exit_group (local.get $check)))))
    (func $futex (param $at i32) (param $op i32) (param $value i32) (param $time i32)
      (param $at2 i32) (param $value3 i32) (result i32)
      (call $call (i32.const 240) (local.get $at) (local.get $op) (local.get $value)
        (local.get $time) (local.get $at2) (local.get $value3)))
    (func $gettid (result i32)
      (call $call (i32.const 224) (i32.const 0) (i32.const 0) (i32.const 0)
        (i32.const 0) (i32.const 0) (i32.const 0)))
    (func $tkill (param $tid i32) (param $signal i32) (result i32)
      (call $call (i32.const 238) (local.get $tid) (local.get $signal) (i32.const 0)
        (i32.const 0) (i32.const 0) (i32.const 0)))
    ;; A thread as pthread_create makes it: its number at 100, cleared at 104 later.
    (func $start (param $function i32) (param $arg i32)
      (i32.atomic.store (i32.const 104) (i32.const 1))
      (if (i32.lt_s (call $clone (local.get $function) (i32.const 8192) (i32.const 0x7d0f00)
            (local.get $arg) (i32.const 100) (i32.const 0) (i32.const 104)) (i32.const 2))
        (then (call $exit_group (i32.const 99)))))
    (func $join
      (loop $again
        (if (i32.atomic.load (i32.const 104)) (then
          (drop (call $futex (i32.const 104) (i32.const 0) (i32.const 1) (i32.const 0)
            (i32.const 0) (i32.const 0)))
          (br $again)))))
    (func $await (param $at i32) (param $value i32)
      (loop $again
        (br_if $again (i32.ne (i32.atomic.load (local.get $at)) (local.get $value)))))
    (func $add (param $at i32)
      (drop (i32.atomic.rmw.add (local.get $at) (i32.const 1))))"#;

/// Runs a program: functions of a table, and `_start`.
fn run_with(options: &[&str], prelude: &str, functions: &str, start: &str) -> Outcome {
    let count = functions.matches("(func $thread").count();
    let names: String = (0..count).map(|i| format!(" $thread{i}")).collect();
    let text = format!(
        r#"(module {prelude} {functions}
             (table (export "__indirect_function_table") {} funcref)
             (elem (i32.const 1) func{names})
             (func (export "_start") {start}))"#,
        count + 1
    );
    let sandbox = Sandbox::new();
    sandbox.write("main.wat", text);
    sandbox.wasmaot(&[&["run"], options, &["main.wat"]].concat())
}

fn run(functions: &str, start: &str) -> Outcome {
    run_with(&["--timeout", "60s"], LINUX, functions, start)
}

/// A thread that ends in one way or another.
fn ends(how: &str) -> Outcome {
    run(
        &format!(
            "(func $thread0 (param $arg i32) (result i32)
               (call $expect (i32.const 1) (call $gettid) (i32.atomic.load (i32.const 100)))
               (i32.atomic.store (i32.const 200) (local.get $arg))
               {how})"
        ),
        "(call $expect (i32.const 2) (call $gettid) (i32.const 1))
         (call $start (i32.const 1) (i32.const 7))
         (call $join)
         (call $expect (i32.const 3) (i32.atomic.load (i32.const 200)) (i32.const 7))
         (call $start (i32.const 1) (i32.const 8))
         (call $join)
         (call $expect (i32.const 4) (i32.atomic.load (i32.const 200)) (i32.const 8))",
    )
}

#[test]
fn a_thread_has_its_number_before_it_begins_and_is_joined() {
    ends("(i32.const 0)").success();
    // `exit` is of the thread alone.
    ends(
        "(drop (call $call (i32.const 1) (i32.const 5) (i32.const 0) (i32.const 0)
           (i32.const 0) (i32.const 0) (i32.const 0)))
         unreachable",
    )
    .success();
}

#[test]
fn what_cannot_be_a_thread_is_refused() {
    let clone = |function: &str, flags: &str, parent: &str| {
        format!(
            "(call $clone (i32.const {function}) (i32.const 8192) (i32.const {flags})
               (i32.const 0) (i32.const {parent}) (i32.const 0) (i32.const 104))"
        )
    };
    let thread = "(func $thread0 (param i32) (result i32) (i32.const 0))
                  (func $thread1 (result i32) (i32.const 0))";
    let start = format!(
        "(call $expect (i32.const 1) {} (i32.const -22))
         (call $expect (i32.const 2) {} (i32.const -22))
         (call $expect (i32.const 3) {} (i32.const -22))
         (call $expect (i32.const 4) {} (i32.const -22))
         (call $expect (i32.const 5) {} (i32.const -14))",
        // As vfork, of a namespace, of no function, of another type, told nowhere.
        clone("1", "0x4100", "100"),
        clone("1", "0x207d0f00", "100"),
        clone("9", "0x7d0f00", "100"),
        clone("2", "0x7d0f00", "100"),
        clone("1", "0x7d0f00", "-2"),
    );
    run(thread, &start).success();
    let refused = |prelude: &str, number: &str| {
        let check = format!(
            "(call $expect (i32.const 1) {} (i32.const {number}))",
            clone("1", "0x7d0f00", "100")
        );
        run_with(&["--max-threads", "1"], prelude, thread, &check).success();
    };
    refused(LINUX, "-11");
    let alone = LINUX.replace("1 4 shared", "1");
    let alone = alone.replace("i32.atomic.load", "i32.load");
    refused(&alone, "-38");
}

#[test]
fn futexes_wake_and_requeue() {
    run(
        "(func $thread0 (param $arg i32) (result i32)
           (call $expect (i32.const 20)
             (call $futex (i32.const 300) (i32.const 128) (i32.const 0) (i32.const 0)
               (i32.const 0) (i32.const 0)) (i32.const 0))
           (call $add (i32.const 400))
           (i32.const 0))
         ;; Waits with bits.
         (func $thread1 (param $arg i32) (result i32)
           (call $add (i32.const 404))
           (call $expect (i32.const 21)
             (call $futex (i32.const 308) (i32.const 9) (i32.const 0) (i32.const 0)
               (i32.const 0) (local.get $arg)) (i32.const 0))
           (call $add (i32.const 400))
           (i32.const 0))",
        "(local $moved i32)
         ;; Another value, no word, no memory, a time that is over.
         (call $expect (i32.const 1) (call $futex (i32.const 300) (i32.const 0) (i32.const 1)
           (i32.const 0) (i32.const 0) (i32.const 0)) (i32.const -11))
         (call $expect (i32.const 2) (call $futex (i32.const 301) (i32.const 0) (i32.const 0)
           (i32.const 0) (i32.const 0) (i32.const 0)) (i32.const -22))
         (call $expect (i32.const 3) (call $futex (i32.const -4) (i32.const 1) (i32.const 0)
           (i32.const 0) (i32.const 0) (i32.const 0)) (i32.const -14))
         (i32.store (i32.const 504) (i32.const 1000000))
         (call $expect (i32.const 4) (call $futex (i32.const 300) (i32.const 0) (i32.const 0)
           (i32.const 500) (i32.const 0) (i32.const 0)) (i32.const -110))
         ;; A time of day, long over; of which only waits with bits know.
         (call $expect (i32.const 5) (call $futex (i32.const 300) (i32.const 265) (i32.const 0)
           (i32.const 500) (i32.const 0) (i32.const -1)) (i32.const -110))
         (call $expect (i32.const 6) (call $futex (i32.const 300) (i32.const 256) (i32.const 0)
           (i32.const 500) (i32.const 0) (i32.const 0)) (i32.const -38))
         (call $expect (i32.const 7) (call $futex (i32.const 300) (i32.const 9) (i32.const 0)
           (i32.const 500) (i32.const 0) (i32.const 0)) (i32.const -22))
         ;; Locks that inherit priorities.
         (call $expect (i32.const 8) (call $futex (i32.const 300) (i32.const 6) (i32.const 0)
           (i32.const 0) (i32.const 0) (i32.const 0)) (i32.const -38))
         (call $start (i32.const 1) (i32.const 0))
         (call $start (i32.const 1) (i32.const 0))
         (call $start (i32.const 1) (i32.const 0))
         (call $expect (i32.const 9) (call $futex (i32.const 300) (i32.const 4) (i32.const 1)
           (i32.const 1) (i32.const 304) (i32.const 7)) (i32.const -11))
         (call $expect (i32.const 10) (call $futex (i32.const 300) (i32.const 3) (i32.const -1)
           (i32.const 1) (i32.const 304) (i32.const 0)) (i32.const -22))
         (loop $again
           (local.set $moved (i32.add (local.get $moved)
             (call $futex (i32.const 300) (i32.const 132) (i32.const 0) (i32.const 9)
               (i32.const 304) (i32.const 0))))
           (br_if $again (i32.lt_u (local.get $moved) (i32.const 3))))
         (call $expect (i32.const 11) (local.get $moved) (i32.const 3))
         (call $expect (i32.const 12) (call $futex (i32.const 300) (i32.const 1) (i32.const 9)
           (i32.const 0) (i32.const 0) (i32.const 0)) (i32.const 0))
         (call $expect (i32.const 13) (call $futex (i32.const 304) (i32.const 1) (i32.const 1)
           (i32.const 0) (i32.const 0) (i32.const 0)) (i32.const 1))
         (call $await (i32.const 400) (i32.const 1))
         (call $expect (i32.const 14) (call $futex (i32.const 304) (i32.const 3) (i32.const 1)
           (i32.const 9) (i32.const 300) (i32.const 0)) (i32.const 2))
         (call $await (i32.const 400) (i32.const 2))
         (call $expect (i32.const 15) (call $futex (i32.const 300) (i32.const 1)
           (i32.const 0x7fffffff) (i32.const 0) (i32.const 0) (i32.const 0)) (i32.const 1))
         (call $await (i32.const 400) (i32.const 3))
         (call $start (i32.const 2) (i32.const 2))
         (call $await (i32.const 404) (i32.const 1))
         (call $expect (i32.const 16) (call $futex (i32.const 308) (i32.const 10) (i32.const 9)
           (i32.const 0) (i32.const 0) (i32.const 5)) (i32.const 0))
         (loop $again
           (br_if $again (i32.eqz (call $futex (i32.const 308) (i32.const 10) (i32.const 9)
             (i32.const 0) (i32.const 0) (i32.const 6)))))
         (call $await (i32.const 400) (i32.const 4))",
    )
    .success();
}

/// An owner that dies leaves its locks marked, and who waits is woken: those in the
/// list, and the one that was being taken.
#[test]
fn robust_locks_are_given_back_when_their_owner_ends() {
    run(
        "(func $thread0 (param $arg i32) (result i32) (local $mine i32)
           (local.set $mine (i32.or (call $gettid) (i32.const 0x80000000)))
           (i32.store (i32.const 1000) (i32.const 1100))
           (i32.store (i32.const 1004) (i32.const 8))
           (i32.store (i32.const 1008) (i32.const 1300))
           (i32.store (i32.const 1100) (i32.const 1200))
           (i32.store (i32.const 1200) (i32.const 1000))
           (i32.atomic.store (i32.const 1108) (local.get $mine))
           ;; That of another.
           (i32.atomic.store (i32.const 1208) (i32.const 77))
           (i32.atomic.store (i32.const 1308) (call $gettid))
           (call $expect (i32.const 20) (call $call (i32.const 311) (i32.const 1000)
             (i32.const 24) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0))
             (i32.const -22))
           (call $expect (i32.const 21) (call $call (i32.const 311) (i32.const 1000)
             (i32.const 12) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0))
             (i32.const 0))
           (call $expect (i32.const 22) (call $call (i32.const 312) (i32.const 0)
             (i32.const 1400) (i32.const 1404) (i32.const 0) (i32.const 0) (i32.const 0))
             (i32.const 0))
           (call $expect (i32.const 23) (i32.load (i32.const 1400)) (i32.const 1000))
           (call $expect (i32.const 24) (i32.load (i32.const 1404)) (i32.const 12))
           (i32.const 0))
         ;; A list that leads round and round, and out of memory.
         (func $thread1 (param $arg i32) (result i32)
           (i32.store (i32.const 1000) (i32.const 1100))
           (i32.store (i32.const 1100) (i32.const 1200))
           (i32.store (i32.const 1200) (local.get $arg))
           (drop (call $call (i32.const 311) (i32.const 1000) (i32.const 12) (i32.const 0)
             (i32.const 0) (i32.const 0) (i32.const 0)))
           (i32.const 0))",
        "(local $found i32)
         (call $start (i32.const 1) (i32.const 0))
         (loop $again
           (local.set $found (i32.atomic.load (i32.const 1108)))
           (if (i32.ne (local.get $found) (i32.const 0xc0000000)) (then
             (drop (call $futex (i32.const 1108) (i32.const 0) (local.get $found)
               (i32.const 0) (i32.const 0) (i32.const 0)))
             (br $again))))
         (call $join)
         (call $expect (i32.const 1) (i32.atomic.load (i32.const 1208)) (i32.const 77))
         (call $expect (i32.const 2) (i32.atomic.load (i32.const 1308)) (i32.const 0x40000000))
         (call $start (i32.const 2) (i32.const 1100))
         (call $join)
         (call $start (i32.const 2) (i32.const -4))
         (call $join)",
    )
    .success();
}

/// The signal of cancellation ends waits at cancellation points, also if it comes
/// before them, and disturbs no others.
#[test]
fn cancellation_ends_waits_at_cancellation_points_alone() {
    run(
        "(func $cp (param $number i32) (param $a i32) (param $b i32) (param $c i32)
           (call $expect (local.get $number) (call $point (local.get $number) (local.get $a)
             (local.get $b) (local.get $c) (i32.const 0) (i32.const 0) (i32.const 0))
             (i32.const -4)))
         (func $thread0 (param $arg i32) (result i32)
           ;; nanosleep, poll, futex, pause; each is told once.
           (call $add (i32.const 400))
           (call $cp (i32.const 162) (i32.const 600) (i32.const 0) (i32.const 0))
           (call $add (i32.const 400))
           (call $cp (i32.const 168) (i32.const 0) (i32.const 0) (i32.const -1))
           (call $add (i32.const 400))
           (call $cp (i32.const 240) (i32.const 300) (i32.const 0) (i32.const 0))
           (call $add (i32.const 400))
           (call $cp (i32.const 29) (i32.const 0) (i32.const 0) (i32.const 0))
           (call $add (i32.const 400))
           ;; No cancellation point: it sleeps on, and the next one is told.
           (call $expect (i32.const 30) (call $call (i32.const 162) (i32.const 608)
             (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0))
             (i32.const 0))
           (call $await (i32.const 404) (i32.const 1))
           (call $cp (i32.const 162) (i32.const 600) (i32.const 0) (i32.const 0))
           (i32.const 0))",
        "(local $n i32)
         (i32.store (i32.const 600) (i32.const 1000))
         (i32.store (i32.const 612) (i32.const 20000000))
         (call $start (i32.const 1) (i32.const 0))
         (loop $again
           (local.set $n (i32.add (local.get $n) (i32.const 1)))
           (call $await (i32.const 400) (local.get $n))
           (call $expect (i32.const 1)
             (call $tkill (i32.load (i32.const 100)) (i32.const 33)) (i32.const 0))
           (br_if $again (i32.lt_u (local.get $n) (i32.const 5))))
         (call $add (i32.const 404))
         (call $join)",
    )
    .success();
}

#[test]
fn signals_go_to_threads_that_there_are() {
    let start =
        "(call $expect (i32.const 1) (call $tkill (i32.const 99) (i32.const 0)) (i32.const -3))
         (call $expect (i32.const 2) (call $tkill (i32.const 0) (i32.const 0)) (i32.const -22))
         (call $expect (i32.const 3) (call $tkill (i32.const 1) (i32.const 0)) (i32.const 0))
         (call $start (i32.const 1) (i32.const 0))
         (call $expect (i32.const 4)
           (call $tkill (i32.load (i32.const 100)) (i32.const 0)) (i32.const 0))
         (call $expect (i32.const 5)
           (call $tkill (i32.load (i32.const 100)) (i32.const 65)) (i32.const -22))";
    let thread = "(func $thread0 (param i32) (result i32) (loop $spin (br $spin)) unreachable)";
    let ended = format!(
        "{start} (drop (call $tkill (i32.load (i32.const 100)) (i32.const 15)))
         unreachable"
    );
    assert_eq!(run(thread, &ended).code, Some(128 + 15));
}

/// `exit_group` of any thread ends the program, whatever the others do; `exit` of
/// the first one does not.
#[test]
fn threads_end_the_program_together() {
    let thread = "(func $thread0 (param $arg i32) (result i32)
         (if (i32.eqz (local.get $arg)) (then (loop $spin (br $spin))))
         (call $exit_group (local.get $arg))
         (i32.const 0))";
    let ended = run(
        thread,
        "(call $start (i32.const 1) (i32.const 0))
         (call $start (i32.const 1) (i32.const 41))
         (loop $again
           (drop (call $futex (i32.const 300) (i32.const 0) (i32.const 0) (i32.const 0)
             (i32.const 0) (i32.const 0)))
           (br $again))",
    );
    assert_eq!(ended.code, Some(41), "{ended:#?}");
    let ended = run(
        thread,
        "(call $start (i32.const 1) (i32.const 42))
         (drop (call $call (i32.const 1) (i32.const 0) (i32.const 0) (i32.const 0)
           (i32.const 0) (i32.const 0) (i32.const 0)))
         unreachable",
    );
    assert_eq!(ended.code, Some(42), "{ended:#?}");
    run(thread, "(call $start (i32.const 1) (i32.const 0))").success();
}

/// A request to stop, of the program itself or from outside, reaches threads that wait
/// in calls: for time, for files, for words, at cancellation points or not.
#[test]
fn a_request_to_stop_reaches_threads_that_wait() {
    let threads = "(func $thread0 (param $arg i32) (result i32)
           (call $add (i32.const 400))
           (drop (call $call (i32.const 162) (i32.const 600) (i32.const 0) (i32.const 0)
             (i32.const 0) (i32.const 0) (i32.const 0)))
           unreachable)
         (func $thread1 (param $arg i32) (result i32)
           (call $add (i32.const 400))
           (drop (call $call (i32.const 168) (i32.const 0) (i32.const 0) (i32.const -1)
             (i32.const 0) (i32.const 0) (i32.const 0)))
           unreachable)
         (func $thread2 (param $arg i32) (result i32)
           (call $add (i32.const 400))
           (drop (call $point (i32.const 29) (i32.const 0) (i32.const 0) (i32.const 0)
             (i32.const 0) (i32.const 0) (i32.const 0)))
           unreachable)
         (func $thread3 (param $arg i32) (result i32)
           (call $add (i32.const 400))
           (drop (call $futex (i32.const 300) (i32.const 0) (i32.const 0) (i32.const 0)
             (i32.const 0) (i32.const 0)))
           unreachable)";
    let start = "(i32.store (i32.const 600) (i32.const 1000000))
         (call $start (i32.const 1) (i32.const 0))
         (call $start (i32.const 2) (i32.const 0))
         (call $start (i32.const 3) (i32.const 0))
         (call $start (i32.const 4) (i32.const 0))
         (call $await (i32.const 400) (i32.const 4))";
    let exits = run(
        threads,
        &format!("{start} (call $exit_group (i32.const 43))"),
    );
    assert_eq!(exits.code, Some(43), "{exits:#?}");
    let waits = "(drop (call $futex (i32.const 300) (i32.const 0) (i32.const 0) (i32.const 0)
         (i32.const 0) (i32.const 0)))";
    let start = format!("{start} {waits}");
    let stopped = run_with(&["--timeout", "2s"], LINUX, threads, &start);
    assert_eq!(stopped.code, Some(124), "{stopped:#?}");
}

#[test]
fn the_host_says_how_many_processors_it_has_and_orders_memory() {
    run(
        "",
        "(local $bytes i32)
         (local.set $bytes (call $call (i32.const 242) (i32.const 0) (i32.const 128)
           (i32.const 600) (i32.const 0) (i32.const 0) (i32.const 0)))
         (call $expect (i32.const 1) (i32.and (local.get $bytes) (i32.const 7)) (i32.const 0))
         (call $expect (i32.const 2) (i32.eqz (local.get $bytes)) (i32.const 0))
         (call $expect (i32.const 3) (call $call (i32.const 242) (i32.const 0) (i32.const 4)
           (i32.const 600) (i32.const 0) (i32.const 0) (i32.const 0)) (i32.const -22))
         (call $expect (i32.const 4) (call $call (i32.const 375) (i32.const 0) (i32.const 0)
           (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0)) (i32.const 24))
         (call $expect (i32.const 5) (call $call (i32.const 375) (i32.const 16) (i32.const 0)
           (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0)) (i32.const 0))
         (call $expect (i32.const 6) (call $call (i32.const 375) (i32.const 8) (i32.const 0)
           (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0)) (i32.const 0))",
    )
    .success();
}

/// Lines of the trace name the thread where there are several.
#[test]
fn the_trace_names_threads() {
    let text = format!(
        r#"(module {LINUX}
             (func $thread (param i32) (result i32) (drop (call $gettid)) (i32.const 0))
             (table (export "__indirect_function_table") 2 funcref)
             (elem (i32.const 1) func $thread)
             (func (export "_start")
               (drop (call $gettid))
               (call $start (i32.const 1) (i32.const 0))
               (call $join)))"#
    );
    let sandbox = Sandbox::new();
    sandbox.write("main.wat", text);
    let mut command = sandbox.command(&["run", "main.wat"]);
    let traced = command.env("WASMAOT_DEBUG", "syscalls").output().unwrap();
    let traced: Outcome = traced.into();
    assert_eq!(traced.code, Some(0), "{traced:#?}");
    let lines = traced.stderr.lines();
    let lines: Vec<&str> = lines
        .filter_map(|line| Some(line.split_once('\t')?.1))
        .collect();
    assert!(lines.contains(&"gettid() = 1"), "{lines:?}");
    assert!(lines.contains(&"[2] gettid() = 2"), "{lines:?}");
}

/// Functions of WASI, and a thread that says something.
const WASI: &str = r#"
    (import "wasi" "thread-spawn" (func $spawn (param i32) (result i32)))
    (import "wasi_snapshot_preview1" "fd_write"
      (func $write (param i32 i32 i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
    (memory (export "memory") 1 4 shared)
    (data (i32.const 64) "\50\00\00\00\06\00\00\00")
    (data (i32.const 80) "thread")
    (func $say (drop (call $write (i32.const 1) (i32.const 64) (i32.const 1) (i32.const 0))))
    (func $done
      (i32.atomic.store (i32.const 16) (i32.const 1))
      (drop (memory.atomic.notify (i32.const 16) (i32.const 1))))
    (func $await
      (drop (memory.atomic.wait32 (i32.const 16) (i32.const 0) (i64.const -1))))"#;

fn wasi(options: &[&str], thread: &str, start: &str) -> Outcome {
    let text = format!(r#"(module {WASI} {thread} (func (export "_start") {start}))"#);
    let sandbox = Sandbox::new();
    sandbox.write("main.wat", text);
    sandbox.wasmaot(&[&["run", "--timeout", "60s"], options, &["main.wat"]].concat())
}

fn begin(body: &str) -> String {
    format!(r#"(func (export "wasi_thread_start") (param $number i32) (param $arg i32) {body})"#)
}

#[test]
fn a_program_of_wasi_starts_threads() {
    let thread = begin(
        "(if (i32.ne (local.get $arg) (i32.const 7)) (then unreachable))
         (if (i32.ne (local.get $number) (i32.atomic.load (i32.const 20))) (then
           (drop (memory.atomic.wait32 (i32.const 20) (i32.const 0) (i64.const -1)))))
         (if (i32.ne (local.get $number) (i32.atomic.load (i32.const 20))) (then unreachable))
         (call $say) (call $done)",
    );
    let start = "(i32.atomic.store (i32.const 20) (call $spawn (i32.const 7)))
         (drop (memory.atomic.notify (i32.const 20) (i32.const 1)))
         (call $await)";
    assert_eq!(wasi(&[], &thread, start).success(), "thread");
    // No thread can be made: an error number, and the program goes on.
    let refused = "(if (i32.ne (call $spawn (i32.const 7)) (i32.const -6)) (then unreachable))
                   (call $say)";
    let ended = wasi(&["--max-threads", "1"], &thread, refused);
    assert_eq!(ended.success(), "thread");
}

#[test]
fn threads_of_wasi_end_the_program_together() {
    let start = "(drop (call $spawn (i32.const 0))) (call $await) (loop $spin (br $spin))";
    let exits = wasi(&[], &begin("(call $exit (i32.const 9))"), start);
    assert_eq!(exits.code, Some(9), "{exits:#?}");
    let traps = wasi(&[], &begin("unreachable"), start);
    assert_eq!(traps.code, Some(134), "{traps:#?}");
    // The first one returns, whatever the others do.
    let spins = begin("(call $say) (call $done) (loop $spin (br $spin))");
    let start = "(drop (call $spawn (i32.const 0))) (call $await)";
    assert_eq!(wasi(&[], &spins, start).success(), "thread");
}

#[test]
fn a_program_that_no_thread_can_begin_in_is_told() {
    let start = "(drop (call $spawn (i32.const 0)))";
    let ended = wasi(&[], "", start);
    let reason = "error: thread-spawn: the program exports no function `wasi_thread_start`\n";
    assert_eq!(ended.code, Some(1), "{ended:#?}");
    assert!(ended.stderr.starts_with(reason), "{ended:#?}");
}
