//! Threads of the host in one process: they call its functions at the same time, share
//! its memory, and each have its globals for themselves. A trap of one ends all.
//!
//! ```text
//! 9592 primes below 100000, counted by 4 threads
//! 100 pieces, each done by one of them
//! thread 6: wasm trap: unreachable
//! thread 7: the program has ended in thread 6
//! the process runs again: 9592
//! ```

use std::error::Error;
use std::thread;

use wasmaot::{CallError, Config, Engine, Process};

/// At address 0 the next piece of work, at 4 the primes found.
const MODULE: &str = r#"(module
  (memory (export "memory") 1 1 shared)
  (global $done (mut i32) (i32.const 0))
  (func $prime (param $n i32) (result i32) (local $d i32)
    (if (i32.lt_u (local.get $n) (i32.const 2)) (then (return (i32.const 0))))
    (local.set $d (i32.const 2))
    (loop $again
      (if (i32.gt_u (i32.mul (local.get $d) (local.get $d)) (local.get $n))
        (then (return (i32.const 1))))
      (if (i32.eqz (i32.rem_u (local.get $n) (local.get $d)))
        (then (return (i32.const 0))))
      (local.set $d (i32.add (local.get $d) (i32.const 1)))
      (br $again))
    (unreachable))
  (func (export "work") (result i32) (local $n i32) (local $end i32) (local $found i32)
    (loop $piece
      (local.set $n (i32.mul (i32.const 1000)
        (i32.atomic.rmw.add (i32.const 0) (i32.const 1))))
      (if (i32.ge_u (local.get $n) (i32.const 100000))
        (then (return (global.get $done))))
      (local.set $end (i32.add (local.get $n) (i32.const 1000)))
      (local.set $found (i32.const 0))
      (loop $number
        (local.set $found (i32.add (local.get $found) (call $prime (local.get $n))))
        (br_if $number (i32.lt_u
          (local.tee $n (i32.add (local.get $n) (i32.const 1))) (local.get $end))))
      (drop (i32.atomic.rmw.add (i32.const 4) (local.get $found)))
      (global.set $done (i32.add (global.get $done) (i32.const 1)))
      (br $piece))
    (unreachable))
  (func (export "found") (result i32) (i32.atomic.load (i32.const 4)))
  (func (export "wait")
    (drop (memory.atomic.wait32 (i32.const 8) (i32.const 0) (i64.const -1))))
  (func (export "trap") (unreachable)))"#;

pub(crate) fn main() -> Result<(), Box<dyn Error>> {
    let engine = Engine::default();
    let object = engine.compile("workers.wat", MODULE.as_bytes())?;
    let mut process = Process::new(&engine, Config::default(), ())?;
    let instance = process.instantiate(&object, None)?;
    let work = instance.typed_func::<(), i32>(&mut process, "work")?;
    let found = instance.typed_func::<(), i32>(&mut process, "found")?;

    let count = 4;
    let done = process.scope(|scope| {
        thread::scope(|threads| {
            let run = |_| {
                threads.spawn(move || {
                    let mut thread = scope.thread()?;
                    Ok::<_, Box<dyn Error + Send + Sync>>(work.call(&mut thread, ())?)
                })
            };
            let running: Vec<_> = (0..count).map(run).collect();
            let done = running
                .into_iter()
                .map(|thread| thread.join().expect("no panic"));
            done.collect::<Result<Vec<i32>, _>>()
        })
    });
    let done = done.map_err(|error| error as Box<dyn Error>)?;
    let primes = found.call(&mut process, ())?;
    println!("{primes} primes below 100000, counted by {count} threads");
    let pieces: i32 = done.iter().sum();
    println!("{pieces} pieces, each done by one of them");

    let wait = instance.typed_func::<(), ()>(&mut process, "wait")?;
    let trap = instance.typed_func::<(), ()>(&mut process, "trap")?;
    process.scope(|scope| {
        let (mut one, mut other) = (scope.thread()?, scope.thread()?);
        let told = |number: u32, result: Result<(), CallError>| {
            let text = result.map_or_else(|error| error.to_string(), |()| String::new());
            let line = text.lines().next().unwrap_or_default();
            println!("thread {number}: {line}");
        };
        thread::scope(|threads| {
            let waiting = threads.spawn(move || (other.number(), wait.call(&mut other, ())));
            told(one.number(), trap.call(&mut one, ()));
            let (number, result) = waiting.join().expect("no panic");
            told(number, result);
        });
        Ok::<_, wasmaot::SpawnError>(())
    })?;
    let primes = found.call(&mut process, ())?;
    println!("the process runs again: {primes}");
    Ok(())
}
