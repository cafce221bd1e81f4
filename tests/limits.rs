//! What ends a program from outside, and what it may use: time, the native
//! stack, memory. Programs that are stopped here would never end by themselves.

#![cfg(feature = "compiler")]

mod common;

use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use common::{Outcome, Sandbox};
use wasmaot::compiler::{OptLevel, Progress};
use wasmaot::{CompileOptions, Engine, EngineConfig};
use wasmaot_abi::trap::TrapCode;
use wasmaot_hosts::{HostEnv, linux, wasi};
use wasmaot_runtime::trap::TrapReason;
use wasmaot_runtime::{
    CallError, Caller, Config, DlError, Error, HostError, HostFunction, InstanceId, Object,
    OpenFlags, Process,
};

fn build(text: &str) -> Arc<Object> {
    let wasm = wat::parse_str(text).unwrap();
    Engine::default().compile("module", &wasm).unwrap()
}

fn config() -> Config {
    Config {
        check: true,
        ..Config::default()
    }
}

fn instance(hosts: Vec<HostFunction>, text: &str) -> (Process, InstanceId) {
    let mut process = Process::new(config()).unwrap();
    process.add_host_functions(hosts);
    let id = process.instantiate(build(text), Some("module")).unwrap();
    (process, id)
}

#[track_caller]
fn code(error: CallError) -> TrapCode {
    match error {
        CallError::Trap(trap) => match trap.reason {
            TrapReason::Code(code) => code,
            other => panic!("{other:?}"),
        },
        other => panic!("{other}"),
    }
}

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
            .instantiate(build(&endless(items, body)), None)
            .unwrap();
        let interrupter = process.interrupter();
        let other = std::thread::spawn(move || {
            while !interrupter.is_running() {
                std::thread::yield_now();
            }
            interrupter.interrupt(Duration::from_secs(3600))
        });
        let error = process.start(id).unwrap_err();
        assert_eq!(code(error), TrapCode::Interrupted);
        assert!(other.join().unwrap());
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
    let object = build(text);
    let id = process.instantiate(Arc::clone(&object), None).unwrap();
    for _ in 0..100 {
        let error = process.call::<(), ()>(id, "stop", ()).unwrap_err();
        assert_eq!(code(error), TrapCode::Interrupted);
        let error = process.call::<(), i32>(id, "answer", ()).unwrap_err();
        assert_eq!(code(error), TrapCode::Interrupted);
        let error = process.instantiate(Arc::clone(&object), None).unwrap_err();
        assert!(matches!(error, Error::Interrupted), "{error}");
        interrupter.resume();
        assert_eq!(process.call::<(), i32>(id, "answer", ()).unwrap(), 42);
        // While nothing runs.
        assert!(interrupter.interrupt(Duration::ZERO));
        let error = process.call::<(), ()>(id, "stop", ()).unwrap_err();
        assert_eq!(code(error), TrapCode::Interrupted);
        interrupter.resume();
    }
}

#[test]
fn a_request_reaches_a_thread_that_blocks_all_signals() {
    // The thread of this test alone.
    nix::sys::signal::SigSet::all().thread_block().unwrap();
    let (mut process, id) = instance(vec![], SPIN);
    let interrupter = process.interrupter();
    let other = std::thread::spawn(move || {
        while !interrupter.is_running() {
            std::thread::yield_now();
        }
        interrupter.interrupt(Duration::from_secs(3600))
    });
    let error = process.start(id).unwrap_err();
    assert_eq!(code(error), TrapCode::Interrupted);
    assert!(other.join().unwrap());
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
        let (mut process, id) = instance(vec![], SPIN);
        let error = process.call::<(), ()>(id, "_start", ()).unwrap_err();
        assert_eq!(code(error), TrapCode::Interrupted);
        Ok(())
    };
    let (mut process, id) = instance(
        vec![HostFunction::wrap("host", "inner", inner)],
        r#"(module (import "host" "inner" (func $inner)) (export "inner" (func $inner)))"#,
    );
    let interrupter = process.interrupter();
    let other = std::thread::spawn(move || interrupter.interrupt(Duration::from_secs(60)));
    let error = process.call::<(), ()>(id, "inner", ()).unwrap_err();
    assert_eq!(code(error), TrapCode::Interrupted);
    assert!(other.join().unwrap());
}

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
        assert_eq!(code(error), TrapCode::StackOverflow);
    });
}

#[test]
fn processes_that_run_each_other_without_end_are_stopped() {
    fn run() -> Result<(), CallError> {
        let inner = |_: &mut Caller<'_>| Ok::<_, HostError>(run()?);
        let (mut process, id) = instance(
            vec![HostFunction::wrap("host", "inner", inner)],
            r#"(module (import "host" "inner" (func $inner)) (func (export "inner") (call $inner)))"#,
        );
        process.call(id, "inner", ())
    }
    // Each has a stack of its own: too many would use up the addresses.
    let thread = std::thread::Builder::new().stack_size(1 << 20);
    let error = thread.spawn(run).unwrap().join().unwrap().unwrap_err();
    assert_eq!(code(error), TrapCode::StackOverflow);
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
            build(&format!(
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
            ))
        };
        let mut process = Process::new(config()).unwrap();
        process.set_finder(move |name: &str, _: &Object| match name.parse() {
            Ok(number) => Ok(Some(library(number))),
            Err(_) => Ok(None),
        });
        let main = library(0);
        let id = process.load_program(main, &[]).unwrap();
        let error = process.start(id).unwrap_err();
        assert_eq!(code(error), TrapCode::StackOverflow);
    });
}

#[test]
fn a_fault_that_nothing_explains_is_told_as_such() {
    let sandbox = Sandbox::new();
    let text = r#"(module (func (export "_start") unreachable))"#;
    let mut object = sandbox.build("main.wat", text);
    // The trap map says of one instruction that it traps: take that away. The
    // map is no part of what the loader checks.
    let sections = object::File::parse(&*object).unwrap();
    let map = object::Object::section_by_name(&sections, ".wasmaot.traps").unwrap();
    let (at, _) = object::ObjectSection::file_range(&map).unwrap();
    object[at as usize..at as usize + 4].fill(0);
    sandbox.write("main.elf", object);
    let outcome = sandbox.wasmaot(&["run", "main.elf"]);
    outcome.trap("native fault (signal 4", &["report it", "_start"]);
}

/// With too few descriptors, a program runs as it should or not at all.
#[test]
fn what_the_host_cannot_have_is_told_before_the_program_starts() {
    let sandbox = Sandbox::new();
    sandbox.write(
        "main.wat",
        r#"(module
          (import "wasi_snapshot_preview1" "fd_write"
            (func $write (param i32 i32 i32 i32) (result i32)))
          (memory (export "memory") 1)
          (data (i32.const 0) "\10\00\00\00\06\00\00\00")
          (data (i32.const 16) "hello\n")
          (func (export "_start")
            (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))))"#,
    );
    let mut ran = 0;
    for files in 3..16 {
        let script = format!("ulimit -n {files}; exec \"$0\" run --dir . main.wat");
        let wasmaot = sandbox.command(&[]);
        let mut shell = std::process::Command::new("sh");
        shell
            .args(["-c", &script])
            .arg(wasmaot.get_program())
            .current_dir(sandbox.path(""))
            .env("WASMAOT_CACHE_DIR", sandbox.cache());
        let outcome = Outcome::from(shell.output().unwrap());
        match outcome.code {
            Some(0) => assert_eq!(outcome.stdout, "hello\n", "{files} files"),
            _ => assert!(outcome.stderr.contains("error: "), "{files}: {outcome:#?}"),
        }
        ran += usize::from(outcome.code == Some(0));
    }
    assert!(ran > 5, "{ran}");
}

/// A program of one page of memory, with so much for all that it uses.
fn run_in(bytes: &str, text: &str) -> Outcome {
    let sandbox = Sandbox::new();
    sandbox.write("main.wat", text);
    sandbox.wasmaot(&["run", "--max-memory", bytes, "main.wat"])
}

#[test]
fn exceptions_that_are_kept_count_as_memory() {
    let text = r#"(module
      (memory 1)
      (tag $tag (param i32))
      (func $keep
        (block $caught (result i32 exnref)
          (try_table (catch_ref $tag $caught) (throw $tag (i32.const 1)))
          unreachable)
        drop drop)
      (func (export "_start") (local $n i32)
        (loop $again
          (call $keep)
          (local.set $n (i32.add (local.get $n) (i32.const 1)))
          (br_if $again (i32.lt_u (local.get $n) (i32.const 40000))))))"#;
    run_in("1M", text).trap("out of memory", &["main.wat!"]);
    run_in("64M", text).success();
}

#[test]
fn tables_count_as_memory() {
    let tables = "(table 10000000 externref)".repeat(5);
    run_in(
        "64K",
        &format!(r#"(module (memory 1) {tables} (func (export "_start")))"#),
    )
    .error(1, &["main.wat", "10000000 entries", "--max-memory"]);
    let grow = r#"(module
      (memory 1) (table $a 1 funcref) (table $b 1 externref)
      (func $grow (result i32)
        (i32.or (table.grow $a (ref.null func) (i32.const 4096))
          (table.grow $b (ref.null extern) (i32.const 4096))))
      (func (export "_start")
        (if (i32.lt_s (call $grow) (i32.const 0)) (then unreachable))
        (if (i32.ne (memory.grow (i32.const 20)) (i32.const -1)) (then unreachable))
        (if (i32.ge_s (call $grow) (i32.const 0)) (then unreachable))))"#;
    run_in("200K", grow).success();
    run_in("150K", grow).trap("unreachable", &[]);
}

#[test]
fn libraries_that_are_opened_count_as_memory() {
    let library = |number: i32| {
        build(&format!(
            r#"(module
              (@dylink.0 (mem-info))
              (import "env" "memory" (memory 1))
              (func (export "f{number}") (result i32) (i32.const {number})))"#
        ))
    };
    let mut process = Process::new(Config {
        max_memory: 1 << 20,
        shadow_stack: 64 << 10,
        ..config()
    })
    .unwrap();
    process.set_finder(move |name: &str, _: &Object| Ok(name.parse().ok().map(library)));
    let main = build(
        r#"(module (@dylink.0 (mem-info)) (import "env" "memory" (memory 1)) (func (export "_start")))"#,
    );
    process.load_program(main, &[]).unwrap();
    let open = |process: &mut Process, number: i32| {
        process.open(&number.to_string(), OpenFlags::default())
    };
    // Each is given back when it is closed.
    for number in 0..200 {
        let id = open(&mut process, number).unwrap();
        process.close(id).unwrap().unwrap();
    }
    let failed = (0..200).find_map(|number| open(&mut process, number).err());
    let error = failed.expect("200 objects are more than a mebibyte");
    assert!(
        matches!(error, DlError::Load(Error::MemoryLimit { .. })),
        "{error}"
    );
}

#[test]
fn a_memory_may_have_every_address() {
    let text = r#"(module
      (memory (export "memory") 65536)
      (func (export "size") (result i32) (memory.size))
      (func (export "grow") (param i32) (result i32) (memory.grow (local.get 0)))
      (func (export "store") (param i32 i32) (i32.store (local.get 0) (local.get 1)))
      (func (export "load") (param i32) (result i32) (i32.load offset=4 (local.get 0)))
      (func (export "next") (param i32) (result i32)
        (i32.add (i32.load (local.get 0)) (i32.load (i32.add (local.get 0) (i32.const 4)))))
      (func (export "fill") (param i32 i32)
        (memory.fill (local.get 0) (i32.const 1) (local.get 1))))"#;
    let importer = r#"(module (import "module" "memory" (memory 1))
      (func (export "load") (param i32) (result i32) (i32.load (local.get 0))))"#;
    for opt_level in [OptLevel::None, OptLevel::Speed] {
        let options = CompileOptions {
            opt_level,
            ..CompileOptions::default()
        };
        let engine = Engine::new(EngineConfig::new().compile_options(options));
        let compile = |text: &str| engine.compile("module", text.as_bytes()).unwrap();
        let mut process = Process::new(config()).unwrap();
        let id = process.instantiate(compile(text), Some("module")).unwrap();
        let call = |process: &mut Process, name: &str, at: u32| {
            process.call::<i32, i32>(id, name, at.cast_signed())
        };
        assert_eq!(process.call::<(), i32>(id, "size", ()).unwrap(), 65536);
        assert_eq!(call(&mut process, "grow", 0).unwrap(), 65536);
        assert_eq!(call(&mut process, "grow", 1).unwrap(), -1);
        process
            .call::<(i32, i32), ()>(id, "store", (-4, 7))
            .unwrap();
        assert_eq!(call(&mut process, "load", u32::MAX - 7).unwrap(), 7);
        // The second access wraps, and does not trap.
        assert_eq!(call(&mut process, "next", u32::MAX - 3).unwrap(), 7);
        assert_eq!(
            code(call(&mut process, "load", u32::MAX - 6).unwrap_err()),
            TrapCode::MemoryOutOfBounds
        );
        process.call::<(i32, i32), ()>(id, "fill", (-2, 2)).unwrap();
        assert_eq!(
            code(
                process
                    .call::<(i32, i32), ()>(id, "fill", (-2, 3))
                    .unwrap_err()
            ),
            TrapCode::MemoryOutOfBounds
        );
        assert_eq!(process.read(id, u64::from(u32::MAX), 1).unwrap(), [1]);
        // Code that relies on guards is kept away from it.
        let error = process.instantiate(compile(importer), None).unwrap_err();
        assert!(matches!(error, Error::Mismatch { .. }), "{error}");
        let fitting = importer.replace("memory 1", "memory 65536");
        let other = process.instantiate(compile(&fitting), None).unwrap();
        assert_eq!(
            process.call::<i32, i32>(other, "load", -4).unwrap(),
            0x0101_0007
        );
    }
    // Modules that share a memory rely on its guards.
    let shared = r#"(module (@dylink.0 (mem-info)) (import "env" "memory" (memory 65536)))"#;
    let wasm = wat::parse_str(shared).unwrap();
    let error = Engine::default().compile("shared.wat", &wasm).unwrap_err();
    assert!(error.to_string().contains("65280 pages"), "{error}");
    // Without a minimum as large, it may grow as far as accesses need no check.
    let text = r#"(module (memory 1 65536)
      (func (export "grow") (param i32) (result i32) (memory.grow (local.get 0))))"#;
    let (mut process, id) = instance(vec![], text);
    assert_eq!(process.call::<i32, i32>(id, "grow", 65280).unwrap(), -1);
    assert_eq!(process.call::<i32, i32>(id, "grow", 65279).unwrap(), 1);
}
