//! `wasmaot run`: what the words of its command line mean.

use std::ffi::OsStr;
use std::io::Write as _;
use std::os::unix::ffi::OsStrExt as _;
use std::process::Stdio;

use crate::common::{Outcome, Sandbox};

/// A program that prints its arguments, a line each, and then its environment.
const ARGS: &str = r#"
    (module
      (import "wasi_snapshot_preview1" "args_sizes_get" (func $sizes (param i32 i32) (result i32)))
      (import "wasi_snapshot_preview1" "args_get" (func $args (param i32 i32) (result i32)))
      (import "wasi_snapshot_preview1" "environ_sizes_get" (func $env_sizes (param i32 i32) (result i32)))
      (import "wasi_snapshot_preview1" "environ_get" (func $env (param i32 i32) (result i32)))
      (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
      (memory (export "memory") 1)
      ;; Zeros become line ends.
      (func $print (param $at i32) (param $len i32) (local $i i32)
        (block $end
          (loop $next
            (br_if $end (i32.ge_u (local.get $i) (local.get $len)))
            (if (i32.eqz (i32.load8_u (i32.add (local.get $at) (local.get $i))))
              (then (i32.store8 (i32.add (local.get $at) (local.get $i)) (i32.const 10))))
            (local.set $i (i32.add (local.get $i) (i32.const 1)))
            (br $next)))
        (i32.store (i32.const 16) (local.get $at))
        (i32.store (i32.const 20) (local.get $len))
        (drop (call $write (i32.const 1) (i32.const 16) (i32.const 1) (i32.const 24))))
      (func (export "_start")
        (drop (call $sizes (i32.const 0) (i32.const 4)))
        (drop (call $args (i32.const 100) (i32.const 1000)))
        (call $print (i32.const 1000) (i32.load (i32.const 4)))
        (drop (call $env_sizes (i32.const 0) (i32.const 4)))
        (drop (call $env (i32.const 5000) (i32.const 6000)))
        (call $print (i32.const 6000) (i32.load (i32.const 4)))))"#;

fn args() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.write("args.wat", ARGS);
    sandbox
}

#[test]
fn what_follows_the_program_is_its_own() {
    let sandbox = args();
    sandbox.write("plain.wat", "(module (func (export \"f\")))");
    sandbox.write(
        "plugin.wat",
        "(module (@dylink.0 (mem-info)) (func (export \"plugin\")))",
    );
    for (words, printed) in [
        (&["one"][..], "one\n"),
        (
            &["--help", "-x", "--dir", ".", ""],
            "--help\n-x\n--dir\n.\n\n",
        ),
        (&["--", "one"], "one\n"),
        (&["--", "--", "one"], "--\none\n"),
        (&["-x", "--", "one"], "-x\n--\none\n"),
        (&["one", "--", "args.wat"], "one\n--\nargs.wat\n"),
        // Modules that define nothing which it imports are no libraries of it.
        (&["plain.wat", "plugin.wat"], "plain.wat\nplugin.wat\n"),
        (&["args.wat"], "args.wat\n"),
        // Between program and mark they are.
        (&["plain.wat", "--", "plain.wat"], "plain.wat\n"),
    ] {
        let printed = format!("args.wat\n{printed}");
        for run in [&["run"][..], &[]] {
            let line = [run, &["args.wat"], words].concat();
            assert_eq!(sandbox.wasmaot(&line).success(), printed, "{line:?}");
        }
    }
    let line = ["run", "--argv0", "grep", "./args.wat", "x"];
    assert_eq!(sandbox.wasmaot(&line).success(), "grep\nx\n");
    let line = ["--argv0", "grep", "args.wat", "--argv0"];
    assert_eq!(sandbox.wasmaot(&line).success(), "grep\n--argv0\n");
    let nested = ["run", "../here/args.wat"];
    std::fs::create_dir(sandbox.path("here")).unwrap();
    std::fs::copy(sandbox.path("args.wat"), sandbox.path("here/args.wat")).unwrap();
    let mut command = sandbox.command(&nested);
    command.current_dir(sandbox.path("here"));
    let ended = Outcome::from(command.output().unwrap());
    assert_eq!(ended.success(), "args.wat\n");
}

#[test]
fn arguments_and_environment_are_bytes() {
    let sandbox = args();
    let mut command = sandbox.command(&["run", "--env", "GIVEN", "--env"]);
    let bytes = OsStr::from_bytes;
    command
        .arg(bytes(b"K=\xff=1"))
        .args(["args.wat"])
        .arg(bytes(b"\xfe"))
        .env("GIVEN", bytes(b"\xfd"));
    let output = command.output().unwrap();
    assert_eq!(output.stdout, b"args.wat\n\xfe\nGIVEN=\xfd\nK=\xff=1\n");
    sandbox
        .wasmaot(&["run", "--env", "=x", "args.wat"])
        .error(2, &["--env =x", "name"]);
}

#[test]
fn words_of_other_tools_are_answered() {
    let sandbox = args();
    for (word, instead) in [
        ("compile", "wasmaot build"),
        ("exec", "wasmaot run"),
        ("dump", "wasmaot inspect"),
        ("invoke", "--invoke"),
    ] {
        sandbox
            .wasmaot(&[word, "args.wat"])
            .error(2, &[word, instead]);
    }
    // A file of that name is a program.
    sandbox.write("compile", ARGS);
    assert_eq!(sandbox.wasmaot(&["compile", "x"]).success(), "compile\nx\n");
    sandbox
        .wasmaot(&["missing.wasm", "x"])
        .error(1, &["missing.wasm"]);
    assert_eq!(sandbox.wasmaot(&["frobnicate"]).code, Some(2));
}

#[test]
fn a_module_may_come_from_standard_input() {
    let sandbox = args();
    let given = |line: &[&str], module: &[u8]| {
        let mut command = sandbox.command(line);
        command.stdin(Stdio::piped());
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        child.stdin.take().unwrap().write_all(module).unwrap();
        Outcome::from(child.wait_with_output().unwrap())
    };
    let run = |module: &[u8]| given(&["run", "-", "one"], module);
    assert_eq!(run(ARGS.as_bytes()).success(), "-\none\n");
    assert_eq!(run(&wat::parse_str(ARGS).unwrap()).success(), "-\none\n");
    run(b"").error(1, &["<stdin>"]);
    let object = sandbox.build("args.wat", ARGS);
    run(&object).error(1, &["<stdin>", "built object"]);
    let listing = given(&["inspect", "-"], ARGS.as_bytes()).success();
    assert!(listing.contains("args_get"), "{listing}");
    given(&["build", "-"], ARGS.as_bytes()).error(2, &["-o"]);
    given(&["build", "-", "-o", "out.elf"], ARGS.as_bytes()).success();
    let line = ["run", "out.elf", "one"];
    assert_eq!(sandbox.wasmaot(&line).success(), "out.elf\none\n");
}

/// Exports a function that answers a number.
fn answering(name: &str, number: i32) -> String {
    format!(r#"(module (func (export "{name}") (result i32) (i32.const {number})))"#)
}

#[test]
fn plain_modules_are_known_by_their_names() {
    let sandbox = Sandbox::new();
    sandbox.write("seven.wat", answering("f", 7));
    sandbox.write("eight.wat", answering("f", 8));
    let main = |module: &str| {
        format!(
            r#"(module (import "{module}" "f" (func $f (result i32)))
              (func (export "get") (result i32) (call $f)))"#
        )
    };
    sandbox.write("main.wat", main("seven"));
    sandbox.write("env.wat", main("env"));
    let get = |main: &str, libraries: &[&str]| {
        let line = [&["run", "--invoke", "get", main][..], libraries].concat();
        sandbox.wasmaot(&line).success()
    };
    assert_eq!(get("main.wat", &["seven.wat"]), "7\n");
    assert_eq!(get("main.wat", &["seven=eight.wat"]), "8\n");
    assert_eq!(get("main.wat", &["seven=eight.wat", "--"]), "8\n");
    assert_eq!(get("env.wat", &["seven.wat"]), "7\n");
    assert_eq!(get("env.wat", &["seven.wat", "eight.wat"]), "7\n");
    assert_eq!(get("env.wat", &["eight.wat", "seven.wat"]), "8\n");
    let option = [
        "run",
        "-l",
        "seven=eight.wat",
        "--invoke",
        "get",
        "main.wat",
    ];
    assert_eq!(sandbox.wasmaot(&option).success(), "8\n");
    let build = ["build", "seven.wat"];
    sandbox.wasmaot(&build).success();
    assert_eq!(get("main.wat", &["seven.wat.elf"]), "7\n");
    // One that is not what is imported is an argument, and the advice says so.
    sandbox
        .wasmaot(&["run", "--invoke", "get", "main.wat", "eight.wat"])
        .error(1, &["seven.f", "--lib seven=eight.wat"]);
    let partly = r#"(module (import "seven" "f" (func $f (result i32))) (import "seven" "g" (func))
      (func (export "_start")))"#;
    sandbox.write("partly.wat", partly);
    let refused = sandbox.wasmaot(&["run", "partly.wat", "seven.wat"]);
    refused.error(1, &["seven.g", "--lib seven=FILE"]);
    // Nothing runs where places are shown.
    let shown = sandbox
        .wasmaot(&["run", "--trace-loaded", "main.wat", "seven.wat"])
        .success();
    assert!(shown.contains("seven.wat => seven.wat (0x"), "{shown}");
    let explained = sandbox
        .wasmaot(&["run", "--explain", "f", "env.wat", "seven.wat"])
        .success();
    assert!(explained.contains("bound to seven.wat"), "{explained}");
}

#[test]
fn plain_modules_import_from_each_other_memories_too() {
    let sandbox = Sandbox::new();
    sandbox.write(
        "store.wat",
        r#"(module (memory (export "memory") 1)
          (global $ready (mut i32) (i32.const 0))
          (func (export "_initialize") (global.set $ready (i32.const 1)))
          (func (export "ready") (result i32) (global.get $ready)))"#,
    );
    sandbox.write(
        "user.wat",
        r#"(module (import "store" "memory" (memory 1))
          (import "store" "ready" (func $ready (result i32)))
          (func $start (i32.store (i32.const 8) (i32.add (call $ready) (i32.const 40))))
          (start $start)
          (func (export "load") (result i32) (i32.load (i32.const 8))))"#,
    );
    sandbox.write(
        "main.wat",
        r#"(module (import "user" "load" (func $load (result i32)))
          (import "store" "memory" (memory 1))
          (func (export "get") (result i32) (i32.add (call $load) (i32.load (i32.const 8)))))"#,
    );
    // In any order.
    for libraries in [["user.wat", "store.wat"], ["store.wat", "user.wat"]] {
        let line = [&["run", "--invoke", "get", "main.wat"][..], &libraries].concat();
        assert_eq!(sandbox.wasmaot(&line).success(), "82\n");
    }
    // Those of which each imports from the other cannot be instantiated.
    sandbox.write(
        "a.wat",
        r#"(module (import "b" "f" (func)) (func (export "f")))"#,
    );
    sandbox.write(
        "b.wat",
        r#"(module (import "a" "f" (func)) (func (export "f")))"#,
    );
    sandbox
        .wasmaot(&["run", "-l", "b.wat", "a.wat"])
        .error(1, &["a.f"]);
}

#[test]
fn libraries_of_the_conventions_are_told_from_arguments() {
    let sandbox = Sandbox::new();
    let library = |name: &str| {
        format!(
            r#"(module (@dylink.0 (mem-info)) (import "env" "memory" (memory 0))
              (func (export "{name}") (result i32) (i32.const 5)))"#
        )
    };
    sandbox.write("needed.wat", library("g"));
    sandbox.write("defines.wat", library("f"));
    sandbox.write("plugin.wat", library("plugin"));
    sandbox.write(
        "main.wat",
        r#"(module (@dylink.0 (mem-info) (needed "sub/../needed.wat"))
          (import "env" "memory" (memory 0))
          (import "env" "f" (func $f (result i32)))
          (import "env" "g" (func $g (result i32)))
          (import "wasi_snapshot_preview1" "args_sizes_get"
            (func $sizes (param i32 i32) (result i32)))
          (func (export "count") (result i32)
            (drop (call $sizes (i32.const 1024) (i32.const 1028)))
            (i32.add (i32.load (i32.const 1024))
              (i32.mul (i32.const 100) (i32.add (call $f) (call $g))))))"#,
    );
    std::fs::create_dir(sandbox.path("sub")).unwrap();
    let count = |words: &[&str]| {
        let line = [
            &["run", "--dir", ".", "--invoke", "count", "main.wat"][..],
            words,
        ]
        .concat();
        sandbox.wasmaot(&line).success()
    };
    assert_eq!(count(&["defines.wat"]), "1001\n");
    // A plug-in that the program is to open is an argument.
    assert_eq!(count(&["defines.wat", "plugin.wat"]), "1002\n");
    assert_eq!(count(&["defines.wat", "plugin.wat", "--"]), "1001\n");
    assert_eq!(count(&["defines.wat", "x", "--"]), "1003\n");
}

#[test]
fn exports_are_called_in_turn() {
    let sandbox = Sandbox::new();
    sandbox.write(
        "counter.wat",
        r#"(module
          (import "wasi_snapshot_preview1" "args_sizes_get"
            (func $sizes (param i32 i32) (result i32)))
          (memory (export "memory") 1)
          (global $n (mut i32) (i32.const 0))
          (func (export "_initialize") (global.set $n (i32.const 100)))
          (func (export "add") (param i32 f64) (result i32)
            (global.set $n (i32.add (global.get $n)
              (i32.add (local.get 0) (i32.trunc_f64_s (local.get 1)))))
            (global.get $n))
          (func (export "get") (result i32 f32 externref)
            (global.get $n) (f32.const 1.5) (ref.null extern))
          (func (export "with space") (result i64) (i64.const -1))
          (func (export "args") (result i32)
            (drop (call $sizes (i32.const 0) (i32.const 4)))
            (i32.load (i32.const 0))))"#,
    );
    let invoke = |calls: &[&str], words: &[&str]| {
        let mut line = vec!["run"];
        line.extend(calls.iter().flat_map(|call| ["--invoke", call]));
        line.push("counter.wat");
        line.extend(words);
        sandbox.wasmaot(&line)
    };
    let out = invoke(&["add 1 2.5", "add -4 0", "get"], &[]).success();
    assert_eq!(out, "103\n99\n99\n1.5\nnull\n");
    assert_eq!(invoke(&["with space"], &[]).success(), "-1\n");
    assert_eq!(invoke(&["add"], &["1", "2"]).success(), "103\n");
    // What takes no parameters leaves the arguments to the program.
    assert_eq!(invoke(&["args"], &["a", "b"]).success(), "3\n");
    assert_eq!(invoke(&["add 1 2", "args"], &["a"]).success(), "103\n2\n");
    invoke(&["add 1"], &[]).error(2, &["add", "(i32, f64) -> (i32)"]);
    let second = invoke(&["get", "add"], &["1", "2"]);
    assert_eq!(second.code, Some(2), "{second:#?}");
    invoke(&["subtract 1"], &[]).error(1, &["subtract", "inspect"]);
    sandbox
        .wasmaot(&["run", "counter.wat"])
        .error(1, &["counter.wat", "_start", "--invoke"]);
}

#[test]
fn advice_fits_what_was_given() {
    let sandbox = Sandbox::new();
    sandbox.write(
        "main.wat",
        r#"(module (import "env" "f" (func)) (func (export "_start")))"#,
    );
    sandbox.write(
        "global.wat",
        r#"(module (import "env" "f" (func)) (import "env" "g" (global i32)) (func (export "_start")))"#,
    );
    let line = |options: &[&str], program: &str| {
        let line = [&["run"], options, &[program]].concat();
        sandbox.wasmaot(&line)
    };
    line(&[], "main.wat").error(1, &["`f`", "--lib", "--unresolved=warn"]);
    let refused = line(&["--unresolved=ignore"], "global.wat");
    refused.error(1, &["global `g`", "--lib"]);
    assert!(!refused.stderr.contains("--unresolved"), "{refused:#?}");
    sandbox.write(
        "needs.wat",
        r#"(module (@dylink.0 (mem-info) (needed "no.so")) (func (export "_start")))"#,
    );
    line(&[], "needs.wat").error(1, &["no.so", "-L or WASMAOT_LIBRARY_PATH"]);
    let nowhere = line(&["-L", "deep"], "needs.wat");
    nowhere.error(1, &["no.so", "(deep)"]);
    assert!(!nowhere.stderr.contains("-L"), "{nowhere:#?}");
    let set = sandbox.wasmaot(&["build", "--prelink", "needs.wat", "-L", "deep"]);
    set.error(1, &["no.so", "(deep)"]);
    // What is wrong with a library that another needs is advised on as well.
    sandbox.write("no.so.elf", b"\x7fELF and no more");
    line(&[], "needs.wat").error(1, &["no.so.elf", "`wasmaot build MODULE`"]);
    sandbox.write(
        "large.wat",
        r#"(module (memory 40) (func (export "_start")))"#,
    );
    line(&["--max-memory", "1M"], "large.wat").error(1, &["a larger --max-memory"]);
}
