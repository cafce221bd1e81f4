//! Code of libraries that are gone, or have not come to be, while other threads may be in
//! it or have references to it.

#![cfg(feature = "compiler")]

use std::sync::{Arc, OnceLock};
use std::thread;

use wasmaot::{
    Caller, Config, Engine, Finder, HostError, Hosts, Instance, Library, LoadError, Object,
    OpenFlags, Process, TypedFunc,
};

/// Memory: at 64 how many threads wait, or how far the one that looks for a function has
/// come; at 72 what they wait for; at 80 whether it is to look, to wait, or to call it.
const PROGRAM: &str = r#"(module
  (@dylink.0 (mem-info (memory 128 4)) (export-info "own" tls))
  (import "env" "memory" (memory 2 100 shared))
  (import "env" "__indirect_function_table" (table $functions 0 funcref))
  (import "env" "__stack_pointer" (global (mut i32)))
  (import "host" "nothing" (func $nothing))
  (import "host" "cycle" (func $cycle (param i32)))
  (import "host" "fail" (func $fail))
  (type $plain (func (result i32)))
  (table $own 1 funcref)
  (global (export "own") i32 (i32.const 0))
  (func $call (export "call") (param $index i32) (result i32)
    (call_indirect (type $plain) (local.get $index)))
  (func $deep (param $depth i32) (param $index i32) (result i32)
    (if (result i32) (local.get $depth)
      (then (i32.add (i32.const 1)
        (call $deep (i32.sub (local.get $depth) (i32.const 1)) (local.get $index))))
      (else (call $call (local.get $index)))))
  (func (export "call_deep") (param $index i32) (result i32)
    (call $nothing)
    (i32.sub (call $deep (i32.const 100) (local.get $index)) (i32.const 100)))
  (func (export "cycle") (param i32) (call $cycle (local.get 0)))
  (func (export "fail") (call $fail))
  (func (export "waiting") (result i32) (i32.atomic.load (i32.const 64)))
  (func (export "wake")
    (i32.atomic.store (i32.const 64) (i32.const 0))
    (drop (memory.atomic.notify (i32.const 72) (i32.const -1))))
  (func (export "find") (param $first i32) (result i32)
    (local $found funcref) (local $size i32) (local $index i32)
    (i32.atomic.store (i32.const 64) (i32.const 1))
    (block $found
      (loop $again
        (br_if $found (i32.atomic.load (i32.const 80)))
        (local.set $index (local.get $first))
        (loop $next
          (local.set $size (table.size $functions))
          (if (i32.lt_u (local.get $index) (local.get $size))
            (then
              (local.set $found (table.get $functions (local.get $index)))
              (br_if $found (i32.eqz (ref.is_null (local.get $found))))
              (local.set $index (i32.add (local.get $index) (i32.const 1)))
              (br $next))))
        (br $again)))
    (i32.atomic.store (i32.const 64) (i32.const 2))
    (loop $wait (br_if $wait (i32.lt_u (i32.atomic.load (i32.const 80)) (i32.const 2))))
    (table.set $own (i32.const 0) (local.get $found))
    (if (result i32) (ref.is_null (local.get $found))
      (then (i32.const 0))
      (else (call_indirect $own (type $plain) (i32.const 0)))))
  (func (export "set") (param i32) (i32.atomic.store (i32.const 80) (local.get 0)))
  (func (export "size") (result i32) (table.size $functions))
  (func (export "_start")))"#;

/// A library with one function in the table, which waits to be woken.
const LIBRARY: &str = r#"(module
  (@dylink.0 (mem-info (table 1 0)))
  (import "env" "memory" (memory 1 100 shared))
  (import "env" "__indirect_function_table" (table 0 funcref))
  (import "env" "__table_base" (global $base i32))
  (elem (global.get $base) func $wait)
  (func $wait (result i32)
    (drop (i32.atomic.rmw.add (i32.const 64) (i32.const 1)))
    (drop (memory.atomic.wait32 (i32.const 72) (i32.const 0) (i64.const -1)))
    (i32.const 42))
  (func (export "index") (result i32) (global.get $base)))"#;

/// Finds one of two libraries by every name.
#[derive(Default)]
struct Finds(OnceLock<[Arc<Object>; 2]>);

impl Finder for Finds {
    fn find(&mut self, name: &str, _: &Object) -> Result<Option<Arc<Object>>, LoadError> {
        let objects = self.0.get_or_init(|| {
            let wrong = compile("wrong.wat", &wrong());
            [compile("library.wat", LIBRARY), wrong]
        });
        Ok(Some(Arc::clone(&objects[usize::from(name == "wrong.so")])))
    }
}

fn compile(name: &str, text: &str) -> Arc<Object> {
    Engine::default().compile(name, text.as_bytes()).unwrap()
}

fn program() -> (Process<Option<Library>>, Instance) {
    type Data = Option<Library>;
    let mut process = Process::new(&Engine::default(), Config::default(), None).unwrap();
    let mut hosts = Hosts::new();
    hosts.func("host", "nothing", |_: &mut Caller<'_, Data>| {});
    // Closes the library that is open, then opens and closes so many others.
    hosts.func(
        "host",
        "cycle",
        |caller: &mut Caller<'_, Data>, count: i32| {
            if let Some(library) = caller.data_mut().take() {
                caller.close(library)?;
            }
            for number in 0..count {
                let name = format!("other{number}.so");
                let library = caller.open(&name, OpenFlags::default())?;
                caller.close(library)?;
            }
            Ok::<_, HostError>(())
        },
    );
    hosts.func("host", "fail", |caller: &mut Caller<'_, Data>| {
        let opened = caller.open("wrong.so", OpenFlags::default());
        assert!(opened.is_err());
    });
    process.add_hosts(&hosts);
    process.set_finder(Finds::default());
    let program = process.load(&compile("program.wat", PROGRAM)).unwrap();
    (process, program)
}

/// Images are given back when there are as many.
const MANY: i32 = 40;

/// Closes a library while a thread that has called it, by this function of the
/// program's, waits in it.
fn close_what_runs(call: &str) {
    let (mut process, program) = program();
    let call: TypedFunc<i32, i32> = program.typed_func(&mut process, call).unwrap();
    let cycle: TypedFunc<i32, ()> = program.typed_func(&mut process, "cycle").unwrap();
    let waiting: TypedFunc<(), i32> = program.typed_func(&mut process, "waiting").unwrap();
    let wake: TypedFunc<(), ()> = program.typed_func(&mut process, "wake").unwrap();
    let library = process.open("first.so", OpenFlags::default()).unwrap();
    let index: TypedFunc<(), i32> = library.typed_func(&mut process, "index").unwrap();
    let index = index.call(&mut process, ()).unwrap();
    *process.data_mut() = Some(library);
    let answer = process.scope(|scope| {
        thread::scope(|threads| {
            let waits = threads.spawn(|| call.call(&mut scope.thread().unwrap(), index));
            let mut main = scope.thread().unwrap();
            while waiting.call(&mut main, ()).unwrap() == 0 {
                thread::yield_now();
            }
            cycle.call(&mut main, MANY).unwrap();
            wake.call(&mut main, ()).unwrap();
            waits.join().unwrap()
        })
    });
    assert_eq!(answer.unwrap(), 42);
}

#[test]
fn a_thread_that_has_not_called_the_host_goes_on_in_a_closed_library() {
    close_what_runs("call");
}

#[test]
fn a_thread_that_has_called_the_host_further_out_goes_on_in_a_closed_library() {
    close_what_runs("call_deep");
}

/// A library that has functions in the table before it turns out that it cannot be
/// linked.
fn wrong() -> String {
    const ENTRIES: usize = 20_000;
    let functions = "$f ".repeat(ENTRIES);
    format!(
        r#"(module
  (@dylink.0 (mem-info (table {ENTRIES} 0)))
  (import "env" "memory" (memory 1 100 shared))
  (import "env" "__indirect_function_table" (table 0 funcref))
  (import "env" "__table_base" (global $base i32))
  (import "GOT.mem" "own" (global $own (mut i32)))
  (elem (global.get $base) func {functions})
  (func (export "address") (result i32) (global.get $own))
  (func $f (result i32) (i32.const 7)))"#
    )
}

#[test]
fn the_table_has_no_function_of_what_cannot_be_opened() {
    let (mut process, program) = program();
    let find: TypedFunc<i32, i32> = program.typed_func(&mut process, "find").unwrap();
    let set: TypedFunc<i32, ()> = program.typed_func(&mut process, "set").unwrap();
    let size: TypedFunc<(), i32> = program.typed_func(&mut process, "size").unwrap();
    let cycle: TypedFunc<i32, ()> = program.typed_func(&mut process, "cycle").unwrap();
    let fail: TypedFunc<(), ()> = program.typed_func(&mut process, "fail").unwrap();
    let waiting: TypedFunc<(), i32> = program.typed_func(&mut process, "waiting").unwrap();
    let wake: TypedFunc<(), ()> = program.typed_func(&mut process, "wake").unwrap();
    let first = size.call(&mut process, ()).unwrap();
    for _ in 0..10 {
        set.call(&mut process, 0).unwrap();
        wake.call(&mut process, ()).unwrap();
        let answer = process.scope(|scope| {
            thread::scope(|threads| {
                let finds = threads.spawn(|| find.call(&mut scope.thread().unwrap(), first));
                let mut main = scope.thread().unwrap();
                while waiting.call(&mut main, ()).unwrap() == 0 {
                    thread::yield_now();
                }
                fail.call(&mut main, ()).unwrap();
                set.call(&mut main, 1).unwrap();
                while waiting.call(&mut main, ()).unwrap() == 1 {
                    thread::yield_now();
                }
                // What could not be opened leaves its place to others.
                cycle.call(&mut main, MANY).unwrap();
                set.call(&mut main, 2).unwrap();
                finds.join().unwrap()
            })
        });
        assert_eq!(answer.unwrap(), 0);
    }
}
