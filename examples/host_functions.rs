//! Host functions: with data of the embedder's, with the caller's memory, with a
//! call back, and with an error that comes back as itself.
//!
//! ```text
//! the guest says: hello
//! the guest says: bye
//! 10! = 3628800, by 10 calls
//! refused: too large for this host: 21
//! ```

use std::fmt;

use wasmaot::{AccessError, Caller, Config, Engine, HostError, Hosts, Process};

const MODULE: &str = r#"(module
  (import "host" "say" (func $say (param i32 i32)))
  (import "host" "times" (func $times (param i64 i64) (result i64)))
  (memory (export "memory") 1)
  (data (i32.const 16) "hellobye")
  (func (export "greet")
    (call $say (i32.const 16) (i32.const 5))
    (call $say (i32.const 21) (i32.const 3)))
  (func (export "step") (param i64) (result i64)
    (if (result i64) (i64.eqz (local.get 0))
      (then (i64.const 1))
      (else (call $times (local.get 0) (i64.sub (local.get 0) (i64.const 1)))))))"#;

/// What host functions share, and the embedder has back afterwards.
#[derive(Default)]
struct Log {
    said: Vec<String>,
    calls: u32,
}

/// An error of a host function.
#[derive(Debug)]
struct TooLarge(i64);

impl fmt::Display for TooLarge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "too large for this host: {}", self.0)
    }
}

impl std::error::Error for TooLarge {}

/// Reads a text in the memory of the function that calls.
fn say(caller: &mut Caller<'_, Log>, at: u32, length: u32) -> Result<(), HostError> {
    let (memory, log) = caller.memory_and_data();
    let text = memory
        .get(at as usize..)
        .and_then(|rest| rest.get(..length as usize));
    let text = text.ok_or_else(|| HostError::Message("a text outside of memory".to_owned()))?;
    log.said.push(String::from_utf8_lossy(text).into_owned());
    Ok(())
}

/// Multiplies by what the guest makes of the other factor.
fn times(caller: &mut Caller<'_, Log>, factor: i64, rest: i64) -> Result<i64, HostError> {
    if factor > 20 {
        return Err(TooLarge(factor).into());
    }
    caller.data_mut().calls += 1;
    let guest = caller.instance("guest").expect("it has called");
    let step = guest.typed_func::<i64, i64>(caller, "step")?;
    Ok(factor * step.call(caller, rest)?)
}

pub(crate) fn main() -> Result<(), Box<dyn std::error::Error>> {
    let engine = Engine::default();
    let object = engine.compile("guest.wat", MODULE.as_bytes())?;

    let mut hosts = Hosts::new();
    hosts.func("host", "say", say).func("host", "times", times);

    let mut process = Process::new(&engine, Config::default(), Log::default())?;
    process.add_hosts(&hosts);
    let guest = process.instantiate(&object, Some("guest"))?;

    let greet = guest.typed_func::<(), ()>(&mut process, "greet")?;
    greet.call(&mut process, ())?;
    for text in &process.data().said {
        println!("the guest says: {text}");
    }

    let step = guest.typed_func::<i64, i64>(&mut process, "step")?;
    let product = step.call(&mut process, 10)?;
    println!("10! = {product}, by {} calls", process.data().calls);

    let error = step.call(&mut process, 21).unwrap_err();
    match error.downcast_ref::<TooLarge>() {
        Some(refused) => println!("refused: {refused}"),
        None => return Err(error.into()),
    }
    // What is outside of a memory is an error, on this side too.
    assert!(matches!(
        process.read(guest, 65_535, 2),
        Err(AccessError::OutOfBounds(_))
    ));
    Ok(())
}
