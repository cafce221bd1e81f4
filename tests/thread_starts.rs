//! Threads of a program through the library: starting them, and how they end
//! together.

#![cfg(feature = "compiler")]

#[path = "common/spawn.rs"]
mod spawn;

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use wasmaot::runtime::{Caller, HostError, HostFunction, SpawnError, ThreadEntry, ThreadStart};
use wasmaot::{CallError, Config, Engine, Instance, Process, Trap, TrapReason};
use wasmaot_abi::trap::TrapCode;

use spawn::{WAIT, spawn};

/// A module with a shared memory, a function that starts threads, and one that waits
/// until a word of memory is a number.
fn module(body: &str) -> String {
    format!(
        r#"(module
          (import "host" "spawn" (func $spawn (param i32) (result i32)))
          (import "host" "end" (func $end))
          (import "host" "exit" (func $exit (param i32)))
          (import "host" "again" (func $again))
          (memory (export "memory") 1 4 shared)
          {WAIT}
          {body})"#
    )
}

fn process(config: Config, body: &str) -> (Process, Instance) {
    let engine = Engine::default();
    let mut process = Process::new(&engine, config, ()).unwrap();
    process.add_functions([
        HostFunction::wrap("host", "spawn", spawn),
        HostFunction::wrap("host", "end", |_: &mut Caller<'_>| {
            Err::<(), _>(HostError::EndThread)
        }),
        HostFunction::wrap("host", "again", |caller: &mut Caller<'_>| {
            let id = caller.process()?.instance("module");
            let id = id.ok_or_else(|| HostError::new("the module is registered"))?;
            caller.invoke(id, "again", &[])?;
            Ok::<_, HostError>(())
        }),
        HostFunction::wrap("host", "exit", |_: &mut Caller<'_>, code: i32| {
            Err::<(), _>(HostError::Exit(code))
        }),
    ]);
    let object = engine.compile("module", module(body).as_bytes()).unwrap();
    let id = process.instantiate(&object, Some("module")).unwrap();
    (process, id)
}

fn run(process: &mut Process, id: Instance) -> Result<i32, CallError> {
    id.typed_func::<(), i32>(process, "run")?.call(process, ())
}

fn trap(error: CallError) -> Trap {
    match error {
        CallError::Trap(trap) => trap,
        other => panic!("{other}"),
    }
}

#[test]
fn threads_run_beside_each_other_and_share_memory() {
    let (mut process, id) = process(
        Config::default(),
        r#"(func (export "thread") (param $number i32) (param $arg i32)
             (call $add (i32.const 0) (i32.const 1))
             (call $await (i32.const 0) (i32.const 8))
             (call $add (i32.const 4) (local.get $arg)))
           (func (export "run") (result i32) (local $n i32)
             (loop $again
               (if (i32.le_s (call $spawn (i32.const 5)) (i32.const 1)) (then unreachable))
               (br_if $again (i32.lt_u (local.tee $n (i32.add (local.get $n) (i32.const 1)))
                                       (i32.const 8))))
             (call $await (i32.const 4) (i32.const 40))
             (i32.atomic.load (i32.const 4)))"#,
    );
    assert_eq!(run(&mut process, id).unwrap(), 40);
}

#[test]
fn a_trap_of_one_ends_all_and_is_the_calls() {
    let (mut process, id) = process(
        Config::default(),
        r#"(func (export "thread") (param $number i32) (param $arg i32)
             (if (i32.eq (local.get $arg) (i32.const 2)) (then unreachable))
             (loop $spin (br $spin)))
           (func (export "run") (result i32)
             (drop (call $spawn (i32.const 1)))
             (drop (call $spawn (i32.const 2)))
             (call $await (i32.const 0) (i32.const 1))
             (i32.const 0))"#,
    );
    for _ in 0..2 {
        let trap = trap(run(&mut process, id).unwrap_err());
        assert!(
            matches!(trap.reason, TrapReason::Code(TrapCode::Unreachable)),
            "{trap}"
        );
        assert!(trap.thread.is_some_and(|number| number > 1), "{trap}");
        assert!(trap.to_string().contains("module!thread"), "{trap}");
    }
}

#[test]
fn an_exit_of_one_ends_all() {
    let (mut process, id) = process(
        Config::default(),
        r#"(func (export "thread") (param $number i32) (param $arg i32)
             (call $exit (i32.const 7)))
           (func (export "run") (result i32)
             (drop (call $spawn (i32.const 1)))
             (loop $spin (br $spin))
             unreachable)"#,
    );
    let trap = trap(run(&mut process, id).unwrap_err());
    assert!(matches!(trap.reason, TrapReason::Exit(7)), "{trap}");
}

#[test]
fn the_first_thread_may_end_before_the_others() {
    let (mut process, id) = process(
        Config::default(),
        r#"(func (export "thread") (param $number i32) (param $arg i32)
             (drop (memory.atomic.wait32 (i32.const 64) (i32.const 0) (i64.const 20000000)))
             (call $add (i32.const 0) (i32.const 1)))
           (func (export "count") (result i32) (i32.atomic.load (i32.const 0)))
           (func (export "run") (result i32)
             (drop (call $spawn (i32.const 1)))
             (drop (call $spawn (i32.const 1)))
             (call $end)
             unreachable)"#,
    );
    let trap = trap(run(&mut process, id).unwrap_err());
    assert!(matches!(trap.reason, TrapReason::Exit(0)), "{trap}");
    let count = id.typed_func::<(), i32>(&mut process, "count").unwrap();
    assert_eq!(count.call(&mut process, ()).unwrap(), 2);
}

#[test]
fn a_request_to_stop_reaches_every_thread() {
    let (mut process, id) = process(
        Config::default(),
        r#"(func (export "thread") (param $number i32) (param $arg i32)
             (call $add (i32.const 0) (i32.const 1))
             (if (local.get $arg) (then (call $await (i32.const 8) (i32.const 1))))
             (loop $spin (br $spin)))
           (func (export "run") (result i32)
             (drop (call $spawn (i32.const 0)))
             (drop (call $spawn (i32.const 1)))
             (call $await (i32.const 0) (i32.const 2))
             (call $end)
             unreachable)"#,
    );
    let interrupter = process.interrupter();
    let stopper = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(50));
        interrupter.interrupt(Duration::from_secs(10))
    });
    let trap = trap(run(&mut process, id).unwrap_err());
    assert!(
        matches!(trap.reason, TrapReason::Code(TrapCode::Interrupted)),
        "{trap}"
    );
    assert!(stopper.join().unwrap());
}

#[test]
fn a_process_that_is_dropped_takes_its_threads_along() {
    let (mut process, id) = process(
        Config::default(),
        r#"(func (export "thread") (param $number i32) (param $arg i32)
             (call $add (i32.const 0) (i32.const 1))
             (if (local.get $arg) (then (call $await (i32.const 8) (i32.const 1))))
             (loop $spin (drop (call $spawn (i32.const 0))) (br $spin)))
           (func (export "run") (result i32)
             (drop (call $spawn (i32.const 1)))
             (drop (call $spawn (i32.const 1)))
             (call $await (i32.const 0) (i32.const 2))
             (drop (call $spawn (i32.const 0)))
             (i32.atomic.load (i32.const 0)))"#,
    );
    assert!(run(&mut process, id).unwrap() >= 2);
    drop(process);
}

#[test]
fn there_are_no_more_threads_than_may_be() {
    static FAILED: AtomicU32 = AtomicU32::new(0);
    let engine = Engine::default();
    let config = Config {
        max_threads: 3,
        ..Config::default()
    };
    let mut process = Process::new(&engine, config, ()).unwrap();
    let spawn = |caller: &mut Caller<'_>, arg: i32| {
        let start = ThreadStart::new(ThreadEntry::Export {
            name: "thread".to_owned(),
            arg,
        });
        match caller.spawn(start) {
            Ok(number) => number as i32,
            Err(SpawnError::TooMany(3)) => {
                FAILED.fetch_add(1, Ordering::Relaxed);
                -1
            }
            Err(error) => panic!("{error}"),
        }
    };
    process.add_functions([HostFunction::wrap("host", "spawn", spawn)]);
    let text = r#"(module
      (import "host" "spawn" (func $spawn (param i32) (result i32)))
      (memory 1 1 shared)
      (func (export "thread") (param i32 i32)
        (drop (i32.atomic.rmw.add (i32.const 0) (i32.const 1))))
      (func (export "run") (result i32) (local $started i32)
        (loop $again
          (if (i32.gt_s (call $spawn (i32.const 1)) (i32.const 0))
            (then (local.set $started (i32.add (local.get $started) (i32.const 1)))))
          (br_if $again (i32.lt_u (local.get $started) (i32.const 200))))
        (loop $wait
          (br_if $wait (i32.lt_u (i32.atomic.load (i32.const 0)) (i32.const 200))))
        (i32.atomic.load (i32.const 0))))"#;
    let object: Arc<_> = engine.compile("module", text.as_bytes()).unwrap();
    let id = process.instantiate(&object, None).unwrap();
    assert_eq!(run(&mut process, id).unwrap(), 200);
}

#[test]
fn a_thread_may_end_inside_of_calls_of_the_host() {
    let (mut process, id) = process(
        Config::default(),
        r#"(func (export "again") (call $add (i32.const 0) (i32.const 1)) (call $end))
           (func (export "thread") (param $number i32) (param $arg i32)
             (call $again)
             unreachable)
           (func (export "run") (result i32)
             (drop (call $spawn (i32.const 1)))
             (drop (call $spawn (i32.const 2)))
             (call $await (i32.const 0) (i32.const 2))
             (i32.atomic.load (i32.const 0)))"#,
    );
    assert_eq!(run(&mut process, id).unwrap(), 2);
    // On the thread of the call, the program ends with its last thread.
    let again = id.typed_func::<(), ()>(&mut process, "again").unwrap();
    let trap = trap(again.call(&mut process, ()).unwrap_err());
    assert!(matches!(trap.reason, TrapReason::Exit(0)), "{trap}");
}
