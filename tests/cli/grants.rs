//! What a program is granted of the host: directories, streams, sockets.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::{Command, Stdio};

use crate::common::{Outcome, Sandbox, with_mounts_of_its_own};

/// A program that opens a file in its first directory, with flags and rights of
/// `path_open`; its exit code is the error number.
fn opener(name: &str, flags: u32, rights: u64) -> String {
    let bytes = name.len();
    format!(
        r#"
    (module
      (import "wasi_snapshot_preview1" "path_open"
        (func $open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
      (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
      (memory (export "memory") 1)
      (data (i32.const 64) "{name}")
      (func (export "_start")
        (call $exit (call $open (i32.const 3) (i32.const 0) (i32.const 64) (i32.const {bytes})
          (i32.const {flags}) (i64.const {rights}) (i64.const 0) (i32.const 0) (i32.const 16)))))"#
    )
}

#[test]
fn a_directory_may_be_granted_to_be_read_alone() {
    const ROFS: i32 = 69;
    let sandbox = Sandbox::new();
    // It makes the file.
    sandbox.write("maker.wat", opener("new", 1, 64));
    std::fs::create_dir(sandbox.path("data")).unwrap();
    let run = |grant: &str| sandbox.wasmaot(&["run", "--dir", grant, "maker.wat"]);
    assert_eq!(run("data::/data::ro").code, Some(ROFS));
    assert!(!sandbox.path("data/new").exists());
    assert_eq!(run("data::/data").code, Some(0));
    assert!(sandbox.path("data/new").exists());
    for (grant, part) in [
        ("::x", "names no directory of the host"),
        ("data::", "names no directory of the program"),
        ("data::x::r", "`r`"),
        ("data::x::ro::y", "too many"),
    ] {
        let refused = run(grant);
        assert_eq!(refused.code, Some(2), "{refused:#?}");
        assert!(refused.stderr.contains(part), "{refused:#?}");
        assert!(refused.stderr.contains(grant), "{refused:#?}");
    }
    run("missing").error(1, &["--dir missing"]);
    run("maker.wat").error(1, &["--dir maker.wat"]);
}

#[test]
fn options_of_the_environment_are_outranked_by_the_line() {
    let sandbox = Sandbox::new();
    sandbox.write("maker.wat", opener("new", 1, 64));
    for name in ["here", "its own"] {
        std::fs::create_dir(sandbox.path(name)).unwrap();
    }
    let run = |options: &str, args: &[&str]| -> Outcome {
        let mut command = sandbox.command(args);
        let output = command.env("WASMAOT_OPTIONS", options).output();
        output.unwrap().into()
    };
    let granted = "--dir 'its own::/data'";
    run(granted, &["maker.wat"]).success();
    assert!(sandbox.path("its own/new").exists());
    // Of two directories the one of the line comes first.
    run(granted, &["--dir", "here", "maker.wat"]).success();
    assert!(sandbox.path("here/new").exists());
    // Of one value there is one.
    run("--max-memory 1", &["maker.wat"]).error(1, &["a larger --max-memory"]);
    let both = run(
        &format!("{granted} --max-memory 1"),
        &["run", "--max-memory", "1M", "maker.wat"],
    );
    both.success();
    for (options, part) in [
        ("--dir 'a", "a quote"),
        ("maker.wat", "`maker.wat` is no option"),
        ("--invoke f", "`--invoke` is no option"),
        ("--dir ::x", "--dir ::x: names no directory of the host"),
    ] {
        let refused = run(options, &["maker.wat"]);
        refused.error(2, &["WASMAOT_OPTIONS", part]);
    }
}

/// The memory of the program's own process, under a name of no procfs.
#[test]
fn no_mount_makes_memory_a_file() {
    const ACCES: i32 = 2;
    let sandbox = Sandbox::new();
    // To be read.
    sandbox.write("opener.wat", opener("name", 0, 2));
    std::fs::create_dir(sandbox.path("data")).unwrap();
    std::fs::write(sandbox.path("data/name"), "").unwrap();
    let run = |mounted: &str| {
        let script = format!(
            "mount --bind {mounted} data/name && exec {} run --dir data opener.wat",
            env!("CARGO_BIN_EXE_wasmaot")
        );
        let mut command = with_mounts_of_its_own();
        command.args(["sh", "-c", &script]);
        command.current_dir(sandbox.path(""));
        let output = command.output().unwrap();
        (
            output.status.code(),
            String::from_utf8(output.stderr).unwrap(),
        )
    };
    assert_eq!(run("/proc/meminfo"), (Some(0), String::new()));
    assert_eq!(run("/proc/$$/mem"), (Some(ACCES), String::new()));
}

#[test]
fn a_program_may_listen() {
    let sandbox = Sandbox::new();
    // Accepts one connection on its first descriptor and answers it.
    sandbox.write(
        "server.wat",
        r#"(module
          (import "wasi_snapshot_preview1" "sock_accept" (func $accept (param i32 i32 i32) (result i32)))
          (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
          (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
          (memory (export "memory") 1)
          (data (i32.const 64) "hello")
          (data (i32.const 32) "\40\00\00\00\05\00\00\00")
          (func (export "_start") (local $error i32)
            (local.set $error (call $accept (i32.const 3) (i32.const 0) (i32.const 16)))
            (if (local.get $error) (then (call $exit (local.get $error))))
            (call $exit (call $write (i32.load (i32.const 16)) (i32.const 32) (i32.const 1) (i32.const 24)))))"#,
    );
    // A port that was free just now.
    let free = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = free.local_addr().unwrap().to_string();
    let line = ["run", "--listen", address.as_str(), "server.wat"];
    sandbox.wasmaot(&line).error(1, &["--listen", &address]);
    drop(free);
    let mut child = sandbox
        .command(&line)
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stream = loop {
        match TcpStream::connect(&address) {
            Ok(stream) => break stream,
            Err(_) if child.try_wait().unwrap().is_none() => std::thread::yield_now(),
            Err(error) => panic!("{error}"),
        }
    };
    let _ = stream.flush();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    assert_eq!(text, "hello");
    assert!(child.wait().unwrap().success());
    sandbox
        .wasmaot(&["run", "--listen", "nonsense", "server.wat"])
        .error(1, &["--listen nonsense"]);
}

/// A program that writes `hello`; its exit code is the error number.
const HELLO: &str = r#"
    (module
      (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
      (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
      (memory (export "memory") 1)
      (data (i32.const 64) "hello")
      (data (i32.const 32) "\40\00\00\00\05\00\00\00")
      (func (export "_start")
        (call $exit (call $write (i32.const 1) (i32.const 32) (i32.const 1) (i32.const 24)))))"#;

/// Runs a line of the shell, in which `$W` is the command.
fn shell(sandbox: &Sandbox, line: &str) -> Outcome {
    let mut command = Command::new("sh");
    command
        .args(["-c", line])
        .current_dir(sandbox.path(""))
        .env("W", env!("CARGO_BIN_EXE_wasmaot"))
        .env("WASMAOT_CACHE_DIR", sandbox.cache());
    Outcome::from(command.output().unwrap())
}

#[test]
fn a_closed_stream_is_closed() {
    const BADF: i32 = 8;
    let sandbox = Sandbox::new();
    sandbox.write("hello.wat", HELLO);
    assert_eq!(shell(&sandbox, "$W run hello.wat").success(), "hello");
    assert_eq!(shell(&sandbox, "$W run hello.wat >&-").code, Some(BADF));
    // So is what the command itself writes.
    shell(&sandbox, "$W inspect hello.wat >&-").error(1, &["standard output"]);
}

/// As for WASI: see `tests/limits.rs`.
#[test]
fn no_output_of_system_calls_is_lost_where_descriptors_are_scarce() {
    let sandbox = Sandbox::new();
    let program = r#"(module
      (import "env" "__syscall3" (func $call (param i32 i32 i32 i32) (result i32)))
      (memory (export "memory") 1)
      (data (i32.const 64) "hello")
      (func (export "_start")
        (drop (call $call (i32.const 4) (i32.const 1) (i32.const 64) (i32.const 5)))))"#;
    sandbox.write("main.wat", program);
    sandbox.wasmaot(&["run", "main.wat"]).success();
    for limit in 4..16 {
        let line = format!("ulimit -n {limit}; exec $W run --dir . main.wat");
        let ended = shell(&sandbox, &line);
        match ended.code {
            Some(0) => assert_eq!(ended.stdout, "hello", "{limit}: {ended:#?}"),
            _ => assert!(ended.stderr.contains("error: "), "{limit}: {ended:#?}"),
        }
    }
}
