//! Many instances on several threads: a module is compiled once, and each thread
//! has processes of its own from the one object. A process may go from one
//! thread to another between calls.
//!
//! ```text
//! 4 threads, 25 instances each: 100 counters
//! the sum of all is 4950
//! started on one thread, finished on another: 3
//! ```

use std::error::Error;
use std::sync::Arc;
use std::thread;

use wasmaot::{Caller, Config, Engine, Hosts, Instance, LoadError, Object, Process};

const MODULE: &str = r#"(module
  (import "host" "id" (func $id (result i32)))
  (global $count (mut i32) (i32.const 0))
  (func (export "count") (result i32)
    (global.set $count (i32.add (global.get $count) (i32.const 1)))
    (global.get $count))
  (func (export "id") (result i32) (call $id)))"#;

/// A process with a number for its data, and an instance in it.
fn start(
    engine: &Engine,
    hosts: &Hosts<i32>,
    object: &Arc<Object>,
    id: i32,
) -> Result<(Process<i32>, Instance), LoadError> {
    // 100 processes want no 8 MiB of stack each.
    let config = Config {
        stack_size: 64 << 10,
        ..Config::default()
    };
    let mut process = Process::new(engine, config, id)?;
    process.add_hosts(hosts);
    let instance = process.instantiate(object, None)?;
    Ok((process, instance))
}

pub(crate) fn main() -> Result<(), Box<dyn Error>> {
    let (threads, instances) = (4, 25);
    let engine = Engine::default();
    let object = engine.compile("counter.wat", MODULE.as_bytes())?;
    let mut hosts = Hosts::new();
    hosts.func("host", "id", |caller: &mut Caller<'_, i32>| *caller.data());

    let sums = thread::scope(|scope| {
        let run = |thread: i32| {
            let (engine, hosts, object) = (&engine, &hosts, &object);
            scope.spawn(move || {
                let mut sum = 0;
                for number in 0..instances {
                    let id = thread * instances + number;
                    let (mut process, instance) = start(engine, hosts, object, id)?;
                    let count = instance.typed_func::<(), i32>(&mut process, "count")?;
                    assert_eq!(count.call(&mut process, ())?, 1);
                    let id = instance.typed_func::<(), i32>(&mut process, "id")?;
                    sum += id.call(&mut process, ())?;
                }
                Ok::<i32, wasmaot::Error>(sum)
            })
        };
        let running: Vec<_> = (0..threads).map(run).collect();
        let sums = running
            .into_iter()
            .map(|thread| thread.join().expect("no panic"));
        sums.collect::<Result<Vec<i32>, _>>()
    })?;
    println!(
        "{threads} threads, {instances} instances each: {} counters",
        threads * instances
    );
    println!("the sum of all is {}", sums.iter().sum::<i32>());

    let (mut process, instance) = start(&engine, &hosts, &object, 0)?;
    let count = instance.typed_func::<(), i32>(&mut process, "count")?;
    count.call(&mut process, ())?;
    let mut process = thread::spawn(move || count.call(&mut process, ()).map(|_| process))
        .join()
        .expect("no panic")?;
    println!(
        "started on one thread, finished on another: {}",
        count.call(&mut process, ())?
    );
    Ok(())
}
