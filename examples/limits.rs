//! Limits and time-outs: what a module may have of memory, table and stack, and
//! for how long it may run.
//!
//! ```text
//! memory: 4 pages, then no more
//! table: 9 entries, then no more
//! stack: wasm trap: call stack exhausted
//! time: wasm trap: interrupted
//! afterwards: 42
//! ```

use std::error::Error;
use std::thread;
use std::time::Duration;

use wasmaot::{CallError, Config, Engine, Process, Trap, TypedFunc};

const MODULE: &str = r#"(module
  (memory 1)
  (table 1 funcref)
  (func (export "grow") (param i32) (result i32) (memory.grow (local.get 0)))
  (func (export "extend") (param i32) (result i32)
    (table.grow (ref.null func) (local.get 0)))
  (func $recurse (export "recurse") (param i32) (result i32)
    (i32.add (i32.const 1) (call $recurse (i32.add (local.get 0) (i32.const 1)))))
  (func (export "loop") (param i32) (result i32) (loop (br 0)) (unreachable))
  (func (export "answer") (param i32) (result i32) (i32.const 42)))"#;

/// The trap that a call ended with.
fn trap(ended: Result<i32, CallError>) -> Result<Trap, Box<dyn Error>> {
    match ended {
        Err(CallError::Trap(trap)) => Ok(trap),
        Err(error) => Err(error.into()),
        Ok(value) => Err(format!("it returned {value}").into()),
    }
}

/// The first line of a trap; the frames follow.
fn name(trap: &Trap) -> String {
    trap.to_string()
        .lines()
        .next()
        .unwrap_or_default()
        .to_owned()
}

pub(crate) fn main() -> Result<(), Box<dyn Error>> {
    let engine = Engine::default();
    let object = engine.compile("greedy.wat", MODULE.as_bytes())?;
    let config = Config {
        max_memory: 4 << 16,  // bytes of memories, tables and libraries together
        max_table: 10,        // entries
        stack_size: 64 << 10, // bytes
        ..Config::default()
    };
    let mut process = Process::new(&engine, config, ())?;
    let guest = process.instantiate(&object, None)?;
    let mut func = |name: &str| -> Result<TypedFunc<i32, i32>, CallError> {
        guest.typed_func(&mut process, name)
    };
    let (grow, extend) = (func("grow")?, func("extend")?);
    let (recurse, forever, answer) = (func("recurse")?, func("loop")?, func("answer")?);

    // What would exceed a limit fails as it does in any engine.
    assert_eq!(grow.call(&mut process, 3)?, 1);
    assert_eq!(grow.call(&mut process, 1)?, -1);
    println!("memory: 4 pages, then no more");
    assert_eq!(extend.call(&mut process, 8)?, 1);
    assert_eq!(extend.call(&mut process, 2)?, -1);
    println!("table: 9 entries, then no more");

    let overflow = trap(recurse.call(&mut process, 0))?;
    println!("stack: {}", name(&overflow));

    // A time-out is another thread that interrupts.
    let interrupter = process.interrupter();
    let clock = thread::spawn(move || {
        thread::sleep(Duration::from_millis(20));
        interrupter.interrupt(Duration::from_secs(10));
    });
    let interrupted = trap(forever.call(&mut process, 0))?;
    clock.join().expect("no panic");
    println!("time: {}", name(&interrupted));

    // The request stands until it is withdrawn; then the process goes on.
    process.interrupter().resume();
    println!("afterwards: {}", answer.call(&mut process, 0)?);
    Ok(())
}
