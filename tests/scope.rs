//! Threads of the host in one process: their calls run at the same time, each with its
//! own globals; they end together, within their limit, and leave the process whole.

#![cfg(feature = "compiler")]

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

use wasmaot::{
    CallError, Caller, Config, Engine, Finder, HostError, Hosts, Instance, Library, LoadError,
    Object, OpenFlags, Process, Scope, SpawnError, Thread, ThreadEntry, ThreadStart, Trap,
    TrapReason, TypedFunc, Val,
};
use wasmaot_abi::trap::TrapCode;

/// Memory: a counter at 0, of threads that have met at 4, which nobody stores to at 8.
const MODULE: &str = r#"(module
  (import "host" "count" (func $count (param i32) (result i32)))
  (import "host" "exit" (func $exit))
  (memory (export "memory") 1 1 shared)
  (global $own (mut i32) (i32.const 100))
  (func (export "add") (param i32) (result i32)
    (i32.atomic.rmw.add (i32.const 0) (local.get 0)))
  (func (export "meet") (param $all i32)
    (drop (i32.atomic.rmw.add (i32.const 4) (i32.const 1)))
    (loop $again
      (br_if $again (i32.lt_u (i32.atomic.load (i32.const 4)) (local.get $all)))))
  (func (export "next") (result i32)
    (global.set $own (i32.add (global.get $own) (i32.const 1)))
    (global.get $own))
  (func (export "many") (param $n i32) (result i32) (local $sum i32)
    (loop $again
      (local.set $sum (i32.add (local.get $sum) (call $count (i32.const 1))))
      (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
    (local.get $sum))
  (func (export "spin") (loop $again
    (br_if $again (i32.eqz (i32.atomic.load (i32.const 8))))))
  (func (export "wait")
    (drop (memory.atomic.wait32 (i32.const 8) (i32.const 0) (i64.const -1))))
  (func (export "trap") (unreachable))
  (func (export "exit") (call $exit))
  (func $deep (export "deep") (param i32) (result i32)
    (if (result i32) (i32.eqz (local.get 0))
      (then (i32.const 0))
      (else (i32.add (i32.const 1) (call $deep (i32.sub (local.get 0) (i32.const 1))))))))"#;

fn compile(text: &str) -> Arc<Object> {
    let engine = Engine::default();
    engine.compile("threads.wat", text.as_bytes()).unwrap()
}

fn process_with(config: Config) -> (Process<Vec<i32>>, Instance) {
    let mut hosts = Hosts::new();
    hosts.func(
        "host",
        "count",
        |caller: &mut Caller<'_, Vec<i32>>, value: i32| {
            caller.data_mut().push(value);
            value
        },
    );
    hosts.func("host", "exit", |_: &mut Caller<'_, Vec<i32>>| {
        Err::<(), _>(HostError::Exit(7))
    });
    let config = Config {
        check: true,
        stack_size: 64 << 10,
        ..config
    };
    let mut process = Process::new(&Engine::default(), config, Vec::new()).unwrap();
    process.add_hosts(&hosts);
    let instance = process.instantiate(&compile(MODULE), None).unwrap();
    (process, instance)
}

fn process() -> (Process<Vec<i32>>, Instance) {
    process_with(Config::default())
}

/// So many threads of the host, each with one of the program's.
fn each<R: Send>(
    scope: Scope<'_, Vec<i32>>,
    count: i32,
    run: impl Fn(i32, &mut Thread<'_>) -> R + Sync,
) -> Vec<R> {
    thread::scope(|threads| {
        let run = &run;
        let one = |number| threads.spawn(move || run(number, &mut scope.thread().unwrap()));
        let all: Vec<_> = (0..count).map(one).collect();
        all.into_iter().map(|one| one.join().unwrap()).collect()
    })
}

fn reason(error: CallError) -> TrapReason {
    match error {
        CallError::Trap(trap) => trap.reason,
        other => panic!("{other}"),
    }
}

#[test]
fn calls_run_at_the_same_time() {
    let (mut process, instance) = process();
    let meet: TypedFunc<i32, ()> = instance.typed_func(&mut process, "meet").unwrap();
    let add: TypedFunc<i32, i32> = instance.typed_func(&mut process, "add").unwrap();
    for round in 1..=3 {
        let numbers = process.scope(|scope| {
            each(scope, 4, |number, thread| {
                // Each waits for all others.
                meet.call(thread, 4 * round).unwrap();
                add.call(thread, number).unwrap();
                thread.number()
            })
        });
        assert!(numbers.iter().all(|&number| number > 1), "{numbers:?}");
    }
    let sum = add.func().call(&mut process, &[Val::I32(0)]).unwrap();
    assert_eq!(sum, [Val::I32(3 * 6)]);
}

#[test]
fn globals_are_a_thread_s_own() {
    let (mut process, instance) = process();
    let next: TypedFunc<(), i32> = instance.typed_func(&mut process, "next").unwrap();
    assert_eq!(next.call(&mut process, ()).unwrap(), 101);
    for _ in 0..3 {
        let last = process.scope(|scope| {
            each(scope, 3, |number, thread| {
                for _ in 0..number {
                    next.call(thread, ()).unwrap();
                }
                next.func().call(thread, &[]).unwrap()
            })
        });
        assert_eq!(last, [101, 102, 103].map(|value| vec![Val::I32(value)]));
    }
    assert_eq!(next.call(&mut process, ()).unwrap(), 102);
}

#[test]
fn data_are_reached_in_turn() {
    const CALLS: i32 = 2000;
    let (mut process, instance) = process();
    let many: TypedFunc<i32, i32> = instance.typed_func(&mut process, "many").unwrap();
    let sums = process.scope(|scope| {
        each(scope, 4, |_, thread| {
            scope.with_data(|data| data.push(2));
            many.call(thread, CALLS).unwrap()
        })
    });
    assert_eq!(sums, [CALLS; 4]);
    assert_eq!(process.data().len(), 4 * CALLS as usize + 4);
    assert_eq!(process.data().iter().sum::<i32>(), 4 * CALLS + 8);
}

#[test]
fn a_trap_of_one_ends_all() {
    let (mut process, instance) = process();
    for (ends, name) in [("trap", "spin"), ("trap", "wait"), ("exit", "spin")] {
        let add: TypedFunc<i32, i32> = instance.typed_func(&mut process, "add").unwrap();
        let ends: TypedFunc<(), ()> = instance.typed_func(&mut process, ends).unwrap();
        let stays: TypedFunc<(), ()> = instance.typed_func(&mut process, name).unwrap();
        let results = process.scope(|scope| {
            let results = each(scope, 3, |number, thread| {
                let func = if number == 1 { ends } else { stays };
                let error = func.call(thread, ()).unwrap_err();
                let again = add.call(thread, 1).unwrap_err();
                let CallError::Trap(error) = error else {
                    panic!("{error}")
                };
                (thread.number(), error, reason(again))
            });
            // As long as the scope lasts.
            let error = add.call(&mut scope.thread().unwrap(), 1).unwrap_err();
            assert!(matches!(reason(error), TrapReason::Ended));
            results
        });
        let (ender, own, _) = &results[1];
        match own.reason {
            TrapReason::Exit(7) => assert_eq!(own.thread, None),
            TrapReason::Code(TrapCode::Unreachable) => assert_eq!(own.frames.len(), 1),
            _ => panic!("{own}"),
        }
        for (_, other, again) in [&results[0], &results[2]] {
            assert!(matches!(other.reason, TrapReason::Ended), "{other}");
            assert_eq!(other.thread, Some(*ender));
            assert!(matches!(again, TrapReason::Ended));
        }
        add.call(&mut process, 1).unwrap();
    }
}

#[test]
fn a_thread_s_stack_ends_where_it_ends() {
    let (mut process, instance) = process();
    let deep: TypedFunc<i32, i32> = instance.typed_func(&mut process, "deep").unwrap();
    let results = process.scope(|scope| each(scope, 2, |_, thread| deep.call(thread, 100)));
    assert!(results.iter().all(|result| matches!(result, Ok(100))));
    let error = process.scope(|scope| deep.call(&mut scope.thread().unwrap(), i32::MAX));
    let overflow = TrapCode::StackOverflow;
    assert!(matches!(reason(error.unwrap_err()), TrapReason::Code(code) if code == overflow));
    assert_eq!(deep.call(&mut process, 100).unwrap(), 100);
}

#[test]
fn there_are_no_more_threads_than_may_be() {
    let (mut process, instance) = process_with(Config {
        max_threads: 3,
        ..Config::default()
    });
    let next: TypedFunc<(), i32> = instance.typed_func(&mut process, "next").unwrap();
    process.scope(|scope| {
        let mut first = scope.thread().unwrap();
        let second = scope.thread().unwrap();
        assert_ne!(first.number(), second.number());
        let error = scope.thread().unwrap_err();
        assert!(matches!(error, SpawnError::TooMany(3)), "{error}");
        drop(second);
        next.call(&mut first, ()).unwrap();
        let mut third = scope.thread().unwrap();
        assert_eq!(next.call(&mut third, ()).unwrap(), 101);
        // One that is forgotten is a thread for as long as the scope lasts.
        std::mem::forget(third);
        assert!(scope.thread().is_err());
    });
    process.scope(|scope| {
        let all = (scope.thread().unwrap(), scope.thread().unwrap());
        assert_ne!(all.0.number(), all.1.number());
    });
    let (mut process, _) = process_with(Config {
        max_threads: 1,
        ..Config::default()
    });
    let error = process.scope(|scope| scope.thread().map(drop)).unwrap_err();
    assert!(matches!(error, SpawnError::TooMany(1)), "{error}");
}

#[test]
fn a_process_without_a_shared_memory_has_one_thread() {
    let mut process = Process::new(&Engine::default(), Config::default(), 5).unwrap();
    let module = r#"(module (memory 1) (func (export "one") (result i32) (i32.const 1)))"#;
    let instance = process.instantiate(&compile(module), None).unwrap();
    process.scope(|scope| {
        let error = scope.thread().map(drop).unwrap_err();
        assert!(matches!(error, SpawnError::NotShared), "{error}");
        assert!(error.to_string().contains("--shared-memory"), "{error}");
        scope.with_data(|data| *data += 1);
    });
    assert_eq!(*process.data(), 6);
    let one: TypedFunc<(), i32> = instance.typed_func(&mut process, "one").unwrap();
    assert_eq!(one.call(&mut process, ()).unwrap(), 1);
}

#[test]
fn an_interrupter_stops_all_threads() {
    let (mut process, instance) = process();
    let interrupter = process.interrupter();
    let add: TypedFunc<i32, i32> = instance.typed_func(&mut process, "add").unwrap();
    for name in ["spin", "wait"] {
        let stays: TypedFunc<(), ()> = instance.typed_func(&mut process, name).unwrap();
        process.scope(|scope| {
            thread::scope(|threads| {
                let all: Vec<_> = (0..3)
                    .map(|_| threads.spawn(|| stays.call(&mut scope.thread().unwrap(), ())))
                    .collect();
                // A request stands: whoever comes later traps too.
                while !interrupter.is_running() {
                    thread::yield_now();
                }
                assert!(interrupter.interrupt(Duration::from_secs(60)));
                for one in all {
                    let reason = reason(one.join().unwrap().unwrap_err());
                    assert!(matches!(reason, TrapReason::Code(TrapCode::Interrupted)));
                }
            });
            // The request is the host's own, and ends nothing else.
            interrupter.resume();
            add.call(&mut scope.thread().unwrap(), 1).unwrap();
        });
    }
}

#[test]
fn a_panic_leaves_the_process_whole() {
    let (mut process, instance) = process();
    let add: TypedFunc<i32, i32> = instance.typed_func(&mut process, "add").unwrap();
    let ended = catch_unwind(AssertUnwindSafe(|| {
        process.scope(|scope| {
            let mut thread = scope.thread().unwrap();
            add.call(&mut thread, 1).unwrap();
            scope.with_data(|_| panic!("on purpose"));
        });
    }));
    assert!(ended.is_err());
    assert_eq!(add.call(&mut process, 1).unwrap(), 1);
    process.scope(|scope| assert_eq!(add.call(&mut scope.thread().unwrap(), 1).unwrap(), 2));
}

/// A program whose functions have frames in linear memory.
const PROGRAM: &str = r#"(module
  (@dylink.0 (mem-info (memory 16 4)))
  (import "env" "memory" (memory 1 100 shared))
  (import "env" "__stack_pointer" (global $sp (mut i32)))
  (func (export "frame") (param $number i32) (result i32) (local $at i32)
    (global.set $sp (local.tee $at (i32.sub (global.get $sp) (i32.const 1024))))
    (memory.fill (local.get $at) (local.get $number) (i32.const 1024))
    (global.set $sp (i32.add (local.get $at) (i32.const 1024)))
    (global.get $sp))
  (func (export "_start")))"#;

#[test]
fn each_thread_has_a_stack_in_linear_memory() {
    let config = Config {
        check: true,
        shadow_stack: 8 << 10,
        ..Config::default()
    };
    let mut process = Process::new(&Engine::default(), config, ()).unwrap();
    let program = process.load(&compile(PROGRAM)).unwrap();
    let frame: TypedFunc<i32, i32> = program.typed_func(&mut process, "frame").unwrap();
    let first = frame.call(&mut process, 1).unwrap();
    let mut before: Option<Vec<i32>> = None;
    for _ in 0..3 {
        let mut stacks = process.scope(|scope| {
            // All are there at a time.
            let mut threads: Vec<_> = (0..4).map(|_| scope.thread().unwrap()).collect();
            let stack = |thread: &mut Thread<'_>| frame.call(thread, 2).unwrap();
            threads.iter_mut().map(stack).collect::<Vec<_>>()
        });
        stacks.sort_unstable();
        for pair in stacks.windows(2) {
            assert!(pair[1] - pair[0] >= 8 << 10, "{stacks:x?}");
        }
        assert!(
            stacks
                .iter()
                .all(|&stack| stack % 16 == 0 && stack != first)
        );
        // What one has left, others use.
        assert_eq!(*before.get_or_insert(stacks.clone()), stacks);
    }
}

/// A module that starts a thread, which is released by a store to address 0 and traps.
const STARTS: &str = r#"(module
  (import "host" "spawn" (func $spawn (result i32)))
  (memory (export "memory") 1 1 shared)
  (func (export "start") (result i32) (call $spawn))
  (func (export "thread") (param i32 i32)
    (loop $again (br_if $again (i32.eqz (i32.atomic.load (i32.const 0)))))
    (unreachable))
  (func (export "release") (i32.atomic.store (i32.const 0) (i32.const 1)))
  (func (export "hold") (i32.atomic.store (i32.const 0) (i32.const 0)))
  (func (export "wait")
    (drop (memory.atomic.wait32 (i32.const 8) (i32.const 0) (i64.const -1)))))"#;

#[test]
fn threads_of_the_program_and_of_the_host_are_beside_each_other() {
    let mut process = Process::new(&Engine::default(), Config::default(), ()).unwrap();
    let mut hosts = Hosts::new();
    hosts.func("host", "spawn", |caller: &mut Caller<'_, ()>| {
        assert_ne!(caller.thread_id(), 1);
        let entry = ThreadEntry::Export {
            name: "thread".to_owned(),
            arg: 0,
        };
        let number = caller.spawn(ThreadStart::new(entry))?;
        Ok::<_, HostError>(number as i32)
    });
    process.add_hosts(&hosts);
    let instance = process.instantiate(&compile(STARTS), None).unwrap();
    let func = |process: &mut Process, name| instance.typed_func::<(), ()>(process, name).unwrap();
    let start: TypedFunc<(), i32> = instance.typed_func(&mut process, "start").unwrap();
    let (release, wait) = (func(&mut process, "release"), func(&mut process, "wait"));
    let hold = func(&mut process, "hold");
    for _ in 0..3 {
        hold.call(&mut process, ()).unwrap();
        let started = process.scope(|scope| {
            let mut first = scope.thread().unwrap();
            let started = start.call(&mut first, ()).unwrap();
            assert_ne!(started as u32, first.number());
            started as u32
        });
        // It runs on when the scope and the thread that has started it have ended.
        let results = process.scope(|scope| {
            thread::scope(|threads| {
                let waits = || threads.spawn(|| wait.call(&mut scope.thread().unwrap(), ()));
                let waiting = [waits(), waits()];
                release.call(&mut scope.thread().unwrap(), ()).unwrap_or(());
                waiting.map(|one| one.join().unwrap().unwrap_err())
            })
        });
        let traps = results.map(|error| match error {
            CallError::Trap(trap) => trap,
            other => panic!("{other}"),
        });
        assert!(traps.iter().all(|trap| trap.thread == Some(started)));
        let is_own = |trap: &&Trap| matches!(trap.reason, TrapReason::Code(TrapCode::Unreachable));
        let is_told = |trap: &&Trap| matches!(trap.reason, TrapReason::Ended);
        assert_eq!(traps.iter().filter(is_own).count(), 1, "{traps:?}");
        assert_eq!(traps.iter().filter(is_told).count(), 1, "{traps:?}");
    }
}

/// A library that counts in a global.
const LIBRARY: &str = r#"(module
  (@dylink.0 (mem-info (memory 16 4)))
  (import "env" "memory" (memory 1 100 shared))
  (import "env" "__memory_base" (global $base i32))
  (global $own (mut i32) (i32.const 10))
  (func (export "bump") (result i32)
    (drop (i32.atomic.rmw.add (global.get $base) (i32.const 1)))
    (global.set $own (i32.add (global.get $own) (i32.const 1)))
    (global.get $own))
  (func (export "all") (result i32) (i32.atomic.load (global.get $base))))"#;

/// A program that has the host call libraries.
const CALLS: &str = r#"(module
  (@dylink.0 (mem-info))
  (import "env" "memory" (memory 1 100 shared))
  (import "host" "bump" (func $bump (param i32) (result i32)))
  (func (export "bump") (param i32) (result i32) (call $bump (local.get 0)))
  (func (export "_start")))"#;

/// Finds the one library under every name, as another object each.
struct Finds;

impl Finder for Finds {
    fn find(&mut self, name: &str, _: &Object) -> Result<Option<Arc<Object>>, LoadError> {
        let object = Engine::default().compile(name, LIBRARY.as_bytes());
        Ok(object.ok())
    }
}

#[test]
fn libraries_are_opened_and_closed_by_several_threads() {
    const THREADS: i32 = 4;
    let mut process = Process::new(&Engine::default(), Config::default(), Vec::new()).unwrap();
    let mut hosts: Hosts<Vec<Library>> = Hosts::new();
    hosts.func(
        "host",
        "bump",
        |caller: &mut Caller<'_, Vec<Library>>, number: i32| {
            let name = format!("lib{}.so", number.abs());
            let library = caller.open(&name, OpenFlags::default())?;
            let bump = library.typed_func::<(), i32>(caller, "bump")?;
            let count = bump.call(caller, ())?;
            match number < 0 {
                true => caller.close(library)?,
                false => caller.data_mut().push(library),
            }
            Ok::<_, HostError>(count)
        },
    );
    process.add_hosts(&hosts);
    process.set_finder(Finds);
    let program = process.load(&compile(CALLS)).unwrap();
    let bump: TypedFunc<i32, i32> = program.typed_func(&mut process, "bump").unwrap();
    // The threads are there before the libraries.
    let counts = process.scope(|scope| {
        let all: Vec<_> = (0..THREADS).map(|_| scope.thread().unwrap()).collect();
        thread::scope(|threads| {
            let mut running = Vec::new();
            for (mut thread, number) in all.into_iter().zip(0..) {
                running.push(threads.spawn(move || {
                    let bump = |library| bump.call(&mut thread, library).unwrap();
                    // Opened and closed by all at once, then two that stay.
                    let rounds = (0..20).map(|round| -10 - (number + round) % 3);
                    rounds.chain([1, 2, 1, 2]).map(bump).collect::<Vec<_>>()
                }));
            }
            let counts = running.into_iter().map(|one| one.join().unwrap());
            counts.collect::<Vec<_>>()
        })
    });
    for counts in counts {
        assert_eq!(counts[20..], [11, 11, 12, 12]);
        assert!(counts[..20].iter().all(|&count| count > 10), "{counts:?}");
    }
    let library = process.open("lib1.so", OpenFlags::default()).unwrap();
    let all: TypedFunc<(), i32> = library.typed_func(&mut process, "all").unwrap();
    assert_eq!(all.call(&mut process, ()).unwrap(), 2 * THREADS);
}

#[test]
fn nobody_waits_for_a_library_that_is_being_found() {
    let mut process = Process::new(&Engine::default(), Config::default(), Vec::new()).unwrap();
    let mut hosts: Hosts<Vec<i32>> = Hosts::new();
    hosts.func(
        "host",
        "bump",
        |caller: &mut Caller<'_, Vec<i32>>, number: i32| {
            if number == 0 {
                caller.data_mut().push(number);
                return Ok(0);
            }
            let library = caller.open("libslow.so", OpenFlags::default())?;
            let bump = library.typed_func::<(), i32>(caller, "bump")?;
            Ok::<_, HostError>(bump.call(caller, ())?)
        },
    );
    process.add_hosts(&hosts);
    let (begin, begun) = mpsc::channel();
    let (goes_on, go_on) = mpsc::channel();
    process.set_finder(move |name: &str, by: &Object| {
        let _ = begin.send(());
        // Until another thread has had the process.
        let waited = go_on.recv_timeout(Duration::from_secs(60));
        waited.expect("the other thread gets the process");
        Finds.find(name, by)
    });
    let program = process.load(&compile(CALLS)).unwrap();
    let bump: TypedFunc<i32, i32> = program.typed_func(&mut process, "bump").unwrap();
    let opened = process.scope(|scope| {
        thread::scope(|threads| {
            let opens = threads.spawn(move || bump.call(&mut scope.thread().unwrap(), 1));
            let mut thread = scope.thread().unwrap();
            begun.recv().unwrap();
            assert_eq!(bump.call(&mut thread, 0).unwrap(), 0);
            goes_on.send(()).unwrap();
            opens.join().unwrap()
        })
    });
    assert_eq!(opened.unwrap(), 11);
    assert_eq!(*process.data(), [0]);
}
