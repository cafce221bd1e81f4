//! Time: programs that are stopped here would never end by themselves.

use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use crate::common::{Outcome, Sandbox};
use wasmaot::compiler::Progress;
use wasmaot::{CompileOptions, Engine, EngineConfig};
use wasmaot_abi::trap::TrapCode;
use wasmaot_hosts::{HostEnv, linux, wasi};
use wasmaot_runtime::{Caller, Error, HostError, HostFunction, InstanceId, Process};

use crate::common::program::{config, instance, object, trap_code};

/// Runs a program with so much time, its standard input a pipe that nobody
/// writes to.
fn run_for(sandbox: &Sandbox, time: &str, args: &[&str]) -> Outcome {
    let args = [&["run", "--timeout", time, "--dir", "."], args].concat();
    let mut command = sandbox.command(&args);
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
    let _open = child.stdin.take();
    child.wait_with_output().unwrap().into()
}

/// Starts a program that does not end, and stops it from another thread once it
/// runs.
#[track_caller]
fn is_stopped(process: &mut Process, id: InstanceId) {
    let interrupter = process.interrupter();
    let other = std::thread::spawn(move || {
        while !interrupter.is_running() {
            std::thread::yield_now();
        }
        interrupter.interrupt(Duration::from_secs(3600))
    });
    let error = process.start(id).unwrap_err();
    assert_eq!(trap_code(error), TrapCode::Interrupted);
    assert!(other.join().unwrap());
}

#[track_caller]
fn timed_out(outcome: &Outcome, time: &str) {
    assert_eq!(outcome.code, Some(124), "{outcome:#?}");
    let message = format!("error: timed out after {time}");
    assert!(outcome.stderr.starts_with(&message), "{outcome:#?}");
}

/// (name, what the module imports and defines, what its function `spin` does)
const ENDLESS: &[(&str, &str, &str)] = &[
    ("a loop", "(memory 1)", "(loop (br 0))"),
    (
        "memory.fill again and again",
        "(memory 4096)",
        "(loop (memory.fill (i32.const 0) (i32.const 7) (i32.const 0x10000000)) (br 0))",
    ),
    (
        "memory.copy again and again",
        "(memory 4096)",
        "(loop (memory.copy (i32.const 1) (i32.const 0) (i32.const 0x0fffffff)) (br 0))",
    ),
    (
        "table.fill and table.copy again and again",
        "(memory 1) (table $t 9000000 externref)",
        "(loop
           (table.fill $t (i32.const 0) (ref.null extern) (i32.const 9000000))
           (table.copy $t $t (i32.const 0) (i32.const 1) (i32.const 8999999))
           (br 0))",
    ),
    (
        "a wait for ever",
        "(memory 1 1 shared)",
        "(drop (memory.atomic.wait32 (i32.const 0) (i32.const 0) (i64.const -1)))",
    ),
    (
        "a wait of centuries",
        "(memory 1 1 shared)",
        "(drop (memory.atomic.wait64 (i32.const 0) (i64.const 0) (i64.const 0x7fffffffffffffff)))",
    ),
    (
        "an hour in poll_oneoff",
        r#"(import "wasi_snapshot_preview1" "poll_oneoff" (func $poll (param i32 i32 i32 i32) (result i32)))
           (memory 1)"#,
        "(i32.store (i32.const 16) (i32.const 1))
         (i64.store (i32.const 24) (i64.const 3600000000000))
         (drop (call $poll (i32.const 0) (i32.const 100) (i32.const 1) (i32.const 200)))",
    ),
    (
        "poll_oneoff for standard input",
        r#"(import "wasi_snapshot_preview1" "poll_oneoff" (func $poll (param i32 i32 i32 i32) (result i32)))
           (memory 1)"#,
        "(i32.store8 (i32.const 8) (i32.const 1))
         (drop (call $poll (i32.const 0) (i32.const 100) (i32.const 1) (i32.const 200)))",
    ),
    (
        "fd_read",
        r#"(import "wasi_snapshot_preview1" "fd_read" (func $read (param i32 i32 i32 i32) (result i32)))
           (memory 1)"#,
        "(i32.store (i32.const 0) (i32.const 64))
         (i32.store (i32.const 4) (i32.const 64))
         (drop (call $read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 32)))",
    ),
    (
        "path_open of a pipe that nobody writes to",
        r#"(import "wasi_snapshot_preview1" "path_open"
             (func $open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
           (memory 1) (data (i32.const 0) "pipe")"#,
        "(drop (call $open (i32.const 3) (i32.const 0) (i32.const 0) (i32.const 4)
           (i32.const 0) (i64.const 2) (i64.const 0) (i32.const 0) (i32.const 8)))
         (loop (br 0))",
    ),
    (
        "random_get again and again",
        r#"(import "wasi_snapshot_preview1" "random_get" (func $random (param i32 i32) (result i32)))
           (memory 4096)"#,
        "(loop (drop (call $random (i32.const 0) (i32.const 0x10000000))) (br 0))",
    ),
    (
        "read",
        r#"(import "env" "__syscall3" (func $sys (param i32 i32 i32 i32) (result i32)))
           (memory 1)"#,
        "(drop (call $sys (i32.const 3) (i32.const 0) (i32.const 64) (i32.const 64)))",
    ),
    (
        "poll for standard input",
        r#"(import "env" "__syscall3" (func $sys (param i32 i32 i32 i32) (result i32)))
           (memory 1)"#,
        "(i32.store (i32.const 4) (i32.const 1))
         (drop (call $sys (i32.const 168) (i32.const 0) (i32.const 1) (i32.const -1)))",
    ),
    (
        "open of a pipe that nobody writes to",
        r#"(import "env" "__syscall3" (func $sys (param i32 i32 i32 i32) (result i32)))
           (memory 1) (data (i32.const 0) "/pipe\00")"#,
        "(drop (call $sys (i32.const 5) (i32.const 0) (i32.const 0) (i32.const 0)))
         (loop (br 0))",
    ),
    (
        "nanosleep",
        r#"(import "env" "__syscall2" (func $sys (param i32 i32 i32) (result i32)))
           (memory 1)"#,
        "(i32.store (i32.const 0) (i32.const 1000000))
         (drop (call $sys (i32.const 162) (i32.const 0) (i32.const 0)))",
    ),
    (
        "a futex with a time",
        r#"(import "env" "__syscall4" (func $sys (param i32 i32 i32 i32 i32) (result i32)))
           (memory 1)"#,
        "(i32.store (i32.const 8) (i32.const 1000000))
         (drop (call $sys (i32.const 240) (i32.const 16) (i32.const 0) (i32.const 0) (i32.const 8)))",
    ),
];

#[test]
fn a_timeout_ends_whatever_the_program_does() {
    for (name, items, body) in ENDLESS {
        let sandbox = Sandbox::new();
        nix::unistd::mkfifo(&sandbox.path("pipe"), nix::sys::stat::Mode::S_IRWXU).unwrap();
        sandbox.write("main.wat", endless(items, body));
        eprintln!("{name}");
        timed_out(&run_for(&sandbox, "300ms", &["-O0", "main.wat"]), "300ms");
    }
}

fn endless(items: &str, body: &str) -> String {
    format!(
        r#"(module {items} (export "memory" (memory 0))
             (func $spin {body} (unreachable))
             (func (export "_start") (call $spin)))"#
    )
}

#[test]
fn an_interrupter_ends_whatever_the_program_does() {
    for (name, items, body) in ENDLESS {
        // Of the tests' own standard input nothing is known.
        if name.contains("read") || name.contains("pipe") || name.contains("input") {
            continue;
        }
        eprintln!("{name}");
        let mut process = Process::new(config()).unwrap();
        process.add_host_functions(wasi::functions(HostEnv::new()));
        process.add_host_functions(linux::functions(HostEnv::new()));
        let id = process
            .instantiate(object("module", &endless(items, body)), None)
            .unwrap();
        is_stopped(&mut process, id);
    }
}

const SPIN: &str = r#"(module (func (export "_start") (loop (br 0))))"#;

#[test]
fn the_clock_runs_while_a_program_is_compiled() {
    let sandbox = Sandbox::new();
    // Cranelift takes the longer, the more there is in one function.
    let body = "(local.set 0 (i32.mul (local.get 0) (i32.add (local.get 0) (i32.const 7))))";
    let large = format!(
        "(module (func (export \"_start\") (local i32) {} (loop (br 0))))",
        body.repeat(200_000)
    );
    sandbox.write("large.wat", large);
    sandbox.write("main.wat", SPIN);
    timed_out(&run_for(&sandbox, "200ms", &["large.wat"]), "200ms");
    // Before anything has been done.
    timed_out(&run_for(&sandbox, "0.0001ms", &["main.wat"]), "0.0001ms");
    sandbox
        .wasmaot(&["run", "--timeout", "0", "main.wat"])
        .error_in_usage("--timeout");
}

#[test]
fn a_request_stands_until_it_is_withdrawn() {
    let text = r#"(module
      (import "host" "stop" (func $stop))
      (func (export "stop") (call $stop) (loop (br 0)))
      (func (export "answer") (result i32) (i32.const 42)))"#;
    let mut process = Process::new(config()).unwrap();
    let interrupter = process.interrupter();
    let stop = {
        let interrupter = interrupter.clone();
        move |caller: &mut Caller<'_>| {
            assert!(!caller.interrupted());
            assert!(!interrupter.interrupt(Duration::ZERO), "this call runs");
            assert!(caller.interrupted());
        }
    };
    process.add_host_functions([HostFunction::wrap("host", "stop", stop)]);
    let object = object("module", text);
    let id = process.instantiate(Arc::clone(&object), None).unwrap();
    for _ in 0..100 {
        let error = process.call::<(), ()>(id, "stop", ()).unwrap_err();
        assert_eq!(trap_code(error), TrapCode::Interrupted);
        let error = process.call::<(), i32>(id, "answer", ()).unwrap_err();
        assert_eq!(trap_code(error), TrapCode::Interrupted);
        let error = process.instantiate(Arc::clone(&object), None).unwrap_err();
        assert!(matches!(error, Error::Interrupted), "{error}");
        interrupter.resume();
        assert_eq!(process.call::<(), i32>(id, "answer", ()).unwrap(), 42);
        // While nothing runs.
        assert!(interrupter.interrupt(Duration::ZERO));
        let error = process.call::<(), ()>(id, "stop", ()).unwrap_err();
        assert_eq!(trap_code(error), TrapCode::Interrupted);
        interrupter.resume();
    }
}

#[test]
fn a_request_reaches_a_thread_that_blocks_all_signals() {
    // The thread of this test alone.
    nix::sys::signal::SigSet::all().thread_block().unwrap();
    let (mut process, id) = instance(config(), vec![], SPIN);
    is_stopped(&mut process, id);
}

#[test]
fn a_compilation_can_be_stopped() {
    let progress = Arc::new(Progress::default());
    let options = CompileOptions {
        progress: Some(Arc::clone(&progress)),
        ..CompileOptions::default()
    };
    let wasm = wat::parse_str(SPIN).unwrap();
    let engine = Engine::new(EngineConfig::new().compile_options(options));
    assert!(engine.compile("spin.wasm", &wasm).is_ok());
    progress.stop();
    let error = engine.compile("spin.wasm", &wasm).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("spin.wasm: its compilation was stopped")
    );
}

#[test]
fn a_request_reaches_a_process_that_a_host_function_runs() {
    let inner = |_: &mut Caller<'_>| -> Result<(), HostError> {
        let (mut process, id) = instance(config(), vec![], SPIN);
        let error = process.call::<(), ()>(id, "_start", ()).unwrap_err();
        assert_eq!(trap_code(error), TrapCode::Interrupted);
        Ok(())
    };
    let (mut process, id) = instance(
        config(),
        vec![HostFunction::wrap("host", "inner", inner)],
        r#"(module (import "host" "inner" (func $inner)) (export "inner" (func $inner)))"#,
    );
    let interrupter = process.interrupter();
    let other = std::thread::spawn(move || interrupter.interrupt(Duration::from_secs(60)));
    let error = process.call::<(), ()>(id, "inner", ()).unwrap_err();
    assert_eq!(trap_code(error), TrapCode::Interrupted);
    assert!(other.join().unwrap());
}

/// Threads that compute, wait for each other, and wait for the host, while the first one
/// does one of these.
#[test]
fn the_time_is_over_for_all_threads() {
    for first in ["0", "1", "2"] {
        let sandbox = Sandbox::new();
        let module = format!(
            r#"(module
              (import "wasi" "thread-spawn" (func $spawn (param i32) (result i32)))
              (import "wasi_snapshot_preview1" "fd_read"
                (func $read (param i32 i32 i32 i32) (result i32)))
              (memory (export "memory") 1 1 shared)
              (data (i32.const 16) "\40\00\00\00\10\00\00\00")
              (func $do (param $what i32)
                (if (i32.eqz (local.get $what)) (then (loop (br 0))))
                (if (i32.eq (local.get $what) (i32.const 1)) (then
                  (drop (memory.atomic.wait32 (i32.const 0) (i32.const 0) (i64.const -1)))))
                (loop
                  (drop (call $read (i32.const 0) (i32.const 16) (i32.const 1) (i32.const 32)))
                  (br 0)))
              (func (export "wasi_thread_start") (param i32 i32) (call $do (local.get 1)))
              (func (export "_start") (local $n i32)
                (loop $again
                  (if (i32.lt_s (call $spawn (i32.rem_u (local.get $n) (i32.const 3)))
                                (i32.const 1))
                    (then unreachable))
                  (br_if $again (i32.lt_u
                    (local.tee $n (i32.add (local.get $n) (i32.const 1))) (i32.const 6))))
                (call $do (i32.const {first}))))"#
        );
        sandbox.write("main.wat", &module);
        timed_out(&run_for(&sandbox, "500ms", &["main.wat"]), "500ms");
    }
}
