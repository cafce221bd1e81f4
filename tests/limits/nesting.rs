//! The native stack: nested calls of the program, host functions and the loader.

use crate::common::Sandbox;
use wasmaot_abi::trap::TrapCode;
use wasmaot_runtime::{CallError, Caller, HostError, HostFunction, Object, Process};

use crate::common::program::{config, instance, object, trap_code};

/// Runs a test on threads whose stacks are small, usual and large.
fn on_stacks(test: fn()) {
    for kib in [512, 2048, 16384] {
        let thread = std::thread::Builder::new().stack_size(kib << 10);
        thread.spawn(test).unwrap().join().unwrap();
    }
}

#[test]
fn host_functions_that_call_back_without_end_are_stopped() {
    on_stacks(|| {
        let again = |caller: &mut Caller<'_>| -> Result<(), HostError> {
            let id = caller.process()?.instance("module").unwrap();
            caller.call(id, "again", ())
        };
        let (mut process, id) = instance(
            config(),
            vec![HostFunction::wrap("host", "again", again)],
            r#"(module
              (import "host" "again" (func $again))
              (func (export "again") (call $again)))"#,
        );
        let error = process.call::<(), ()>(id, "again", ()).unwrap_err();
        assert!(
            error.to_string().contains("more frames of again"),
            "{error}"
        );
        assert_eq!(trap_code(error), TrapCode::StackOverflow);
    });
}

#[test]
fn processes_that_run_each_other_without_end_are_stopped() {
    fn run() -> Result<(), CallError> {
        let inner = |_: &mut Caller<'_>| Ok::<_, HostError>(run()?);
        let (mut process, id) = instance(
            config(),
            vec![HostFunction::wrap("host", "inner", inner)],
            r#"(module (import "host" "inner" (func $inner)) (func (export "inner") (call $inner)))"#,
        );
        process.call(id, "inner", ())
    }
    // Each has a stack of its own: too many would use up the addresses.
    let thread = std::thread::Builder::new().stack_size(1 << 20);
    let error = thread.spawn(run).unwrap().join().unwrap().unwrap_err();
    assert_eq!(trap_code(error), TrapCode::StackOverflow);
}

#[test]
fn an_allocator_that_calls_the_loader_is_stopped() {
    let sandbox = Sandbox::new();
    sandbox.write(
        "main.wat",
        r#"(module
          (@dylink.0 (mem-info))
          (import "env" "memory" (memory 1))
          (import "env" "dlsym" (func $dlsym (param i32 i32) (result i32)))
          (import "env" "dlerror" (func $dlerror (result i32)))
          (func $malloc (export "malloc") (param i32) (result i32)
            (drop (call $dlsym (i32.const 0) (i32.const 65535)))
            (drop (call $dlerror))
            (i32.const 0))
          (func (export "free") (param i32))
          (func (export "_start") (drop (call $malloc (i32.const 8)))))"#,
    );
    let outcome = sandbox.wasmaot(&["run", "main.wat"]);
    outcome.trap("call stack exhausted", &["frames of malloc"]);
}

#[test]
fn constructors_that_open_the_next_library_are_stopped() {
    on_stacks(|| {
        // Opens the library after it.
        let library = |number: usize| {
            // A library has no `_start`.
            let start = match number {
                0 => r#"(func (export "_start") (call $open))"#,
                _ => "",
            };
            object(
                "module",
                &format!(
                    r#"(module
                  (@dylink.0 (mem-info (memory 16 0)))
                  (import "env" "memory" (memory 1))
                  (import "env" "__memory_base" (global $base i32))
                  (import "env" "dlopen" (func $dlopen (param i32 i32) (result i32)))
                  (data (global.get $base) "{}\00")
                  (func $open (drop (call $dlopen (global.get $base) (i32.const 2))))
                  {start}
                  (func (export "__wasm_call_ctors") (call $open)))"#,
                    number + 1
                ),
            )
        };
        let mut process = Process::new(config()).unwrap();
        process.set_finder(move |name: &str, _: &Object| match name.parse() {
            Ok(number) => Ok(Some(library(number))),
            Err(_) => Ok(None),
        });
        let main = library(0);
        let id = process.load_program(main, &[]).unwrap();
        let error = process.start(id).unwrap_err();
        assert_eq!(trap_code(error), TrapCode::StackOverflow);
    });
}
