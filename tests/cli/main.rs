//! The command line beyond building and running.

#[path = "../common/mod.rs"]
mod common;
mod grants;
mod json;
mod link;
mod man;
mod profile;
mod run;
mod shebang;
mod talk;

use std::process::Command;

use common::Sandbox;

const LIB: &str = r#"
    (module (@dylink.0 (mem-info (memory 8 2)))
      (import "env" "memory" (memory 1))
      (import "env" "__memory_base" (global $base i32))
      (global (export "answer") i32 (i32.const 4))
      (data (global.get $base) "\00\00\00\00\2a\00\00\00")
      (func (export "add") (param i32 i32) (result i32)
        (i32.add (local.get 0) (local.get 1))))"#;

const MAIN: &str = r#"
    (module (@dylink.0 (mem-info) (needed "lib.wat"))
      (import "env" "memory" (memory 1))
      (import "env" "add" (func $add (param i32 i32) (result i32)))
      (import "GOT.mem" "answer" (global $answer (mut i32)))
      (func (export "sum") (param i32) (result i32)
        (call $add (local.get 0) (i32.load (global.get $answer))))
      (func (export "_start")))"#;

fn pair() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.write("lib.wat", LIB);
    sandbox.write("main.wat", MAIN);
    sandbox
}

#[test]
fn invoke_calls_an_export() {
    let sandbox = pair();
    let sum = |args: &[&str]| {
        let mut line = vec!["run", "--invoke", "sum", "main.wat", "--"];
        line.extend(args);
        sandbox.wasmaot(&line)
    };
    assert_eq!(sum(&["58"]).success(), "100\n");
    assert_eq!(sum(&["-43"]).success(), "-1\n");
    assert_eq!(sum(&["0xffffffff"]).success(), "41\n");
    sum(&[]).error(2, &["sum", "(i32) -> (i32)"]);
    sum(&["x"]).error(2, &["`x`", "i32"]);
    sum(&["4294967296"]).error(2, &["4294967296"]);
    // A number below zero is no option of ours, with `--` or without.
    let line = ["run", "--invoke", "sum", "main.wat", "-43"];
    assert_eq!(sandbox.wasmaot(&line).success(), "-1\n");
    sandbox
        .wasmaot(&["run", "--invoke", "nothing", "main.wat"])
        .error(1, &["nothing", "inspect"]);
}

#[test]
fn a_reader_that_has_gone_ends_a_command_quietly() {
    let sandbox = pair();
    for args in [
        &["ldd", "main.wat"][..],
        &["inspect", "main.wat"],
        &["completions", "bash"],
        &["build", "-o", "-", "main.wat"],
        &["run", "--trace-loaded", "main.wat"],
        &["run", "--invoke", "sum", "main.wat", "--", "1"],
    ] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let output = sandbox.command(args).stdout(writer).output().unwrap();
        let ended = common::Outcome::from(output);
        assert_eq!((ended.code, &*ended.stderr), (Some(141), ""), "{args:?}");
        // Nor does an error that nobody reads become another.
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let mut bad = sandbox.command(args);
        let status = bad
            .arg("--nonsense-that-is-no-file")
            .stdout(std::process::Stdio::null())
            .stderr(writer)
            .status();
        assert_ne!(status.unwrap().code(), Some(101), "{args:?}");
    }
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let mut missing = sandbox.command(&["inspect", "missing.wat"]);
    assert_eq!(missing.stderr(writer).status().unwrap().code(), Some(1));
}

#[test]
fn trace_loaded_runs_nothing() {
    let sandbox = Sandbox::new();
    sandbox.write("a.wat", "(module (func $f unreachable) (start $f))");
    let out = sandbox.wasmaot(&["run", "--trace-loaded", "a.wat"]);
    assert!(out.success().starts_with("a.wat => a.wat (0x"));
    sandbox
        .wasmaot(&["run", "a.wat"])
        .trap("unreachable", &["a.wat"]);
}

#[test]
fn ldd_tells_where_everything_is() {
    let sandbox = pair();
    let out = sandbox.wasmaot(&["ldd", "main.wat"]).success();
    assert_eq!(out, "\tlib.wat => ./lib.wat\n");
    std::fs::create_dir(sandbox.path("deep")).unwrap();
    std::fs::rename(sandbox.path("lib.wat"), sandbox.path("deep/lib.wat")).unwrap();
    let out = sandbox.wasmaot(&["ldd", "main.wat"]);
    assert_eq!(out.code, Some(1));
    assert!(
        out.stdout
            .contains("lib.wat => not found (needed by main.wat)"),
        "{out:#?}"
    );
    let out = sandbox
        .wasmaot(&["ldd", "-L", "deep", "main.wat"])
        .success();
    assert_eq!(out, "\tlib.wat => deep/lib.wat\n");
    let mut command = sandbox.command(&["ldd", "main.wat"]);
    let output = command
        .env("WASMAOT_LIBRARY_PATH", "nowhere:deep")
        .output()
        .unwrap();
    assert!(output.status.success());

    sandbox.write(
        "open.wat",
        r#"(module (import "env" "far" (func)) (func (export "_start")))"#,
    );
    let out = sandbox.wasmaot(&["ldd", "open.wat"]);
    assert_eq!(out.code, Some(1));
    assert!(
        out.stdout.contains("undefined function: far (needed by"),
        "{out:#?}"
    );
}

#[test]
fn a_module_beats_the_object_of_another() {
    let sandbox = pair();
    sandbox.wasmaot(&["build", "lib.wat"]).success();
    let ldd = || sandbox.wasmaot(&["ldd", "main.wat"]).success();
    assert_eq!(ldd(), "\tlib.wat => ./lib.wat.elf\n");
    sandbox.write("lib.wat", LIB.replace("i32.add", "i32.sub"));
    assert_eq!(ldd(), "\tlib.wat => ./lib.wat\n");
}

#[test]
fn inspect_shows_modules_and_objects() {
    let sandbox = pair();
    sandbox.wasmaot(&["build", "lib.wat", "main.wat"]).success();
    let module = sandbox.wasmaot(&["inspect", "main.wat"]).success();
    for part in [
        "dylink.0",
        "needed lib.wat",
        "env.add",
        "GOT.mem.answer",
        "_start",
    ] {
        assert!(module.contains(part), "no `{part}` in {module}");
    }
    let object = sandbox
        .wasmaot(&["inspect", "--verify", "main.wat.elf"])
        .success();
    for part in [
        "soname",
        "lib.wat",
        "(i32, i32) -> (i32)",
        "R_X86_64_JUMP_SLOT",
        "HOST_DATA",
        "answer",
        "build id",
    ] {
        assert!(object.contains(part), "no `{part}` in {object}");
    }
    let lib = sandbox.wasmaot(&["inspect", "lib.wat.elf"]).success();
    assert!(lib.contains("8 bytes, aligned to 4"), "{lib}");
}

#[test]
fn debug_output_says_what_the_loader_does() {
    let sandbox = pair();
    let debug = |categories: &str| {
        let output = sandbox
            .command(&["run", "main.wat"])
            .env("WASMAOT_DEBUG", categories)
            .output();
        common::Outcome::from(output.unwrap())
    };
    let files = debug("files");
    assert!(
        files.stderr.contains("lib.wat at 0x") && !files.stderr.contains("binding"),
        "{files:#?}"
    );
    let all = debug("all");
    for part in [
        "find library=lib.wat",
        "binding main.wat to lib.wat: `env.add`",
        "relocated",
        "objects",
    ] {
        assert!(all.stderr.contains(part), "no `{part}` in {all:#?}");
    }
    debug("nonsense").error(2, &["nonsense", "bindings"]);
    let traced = sandbox
        .wasmaot(&["run", "--trace-loaded", "main.wat"])
        .success();
    assert!(
        traced.contains("main.wat => main.wat (0x") && traced.contains("lib.wat => ./lib.wat (0x"),
        "{traced}"
    );
}

#[test]
fn completions_for_each_shell() {
    let sandbox = Sandbox::new();
    for shell in ["bash", "zsh", "fish"] {
        let text = sandbox.wasmaot(&["completions", shell]).success();
        assert!(text.contains("trace-loaded"), "{shell}");
    }
}

#[test]
fn limits_hold() {
    let sandbox = Sandbox::new();
    sandbox.write(
        "grow.wat",
        r#"
        (module (memory (export "memory") 1)
          (func (export "grow") (param i32) (result i32) (memory.grow (local.get 0))))"#,
    );
    let grow = |pages: &str| {
        sandbox
            .wasmaot(&[
                "run",
                "--max-memory",
                "1M",
                "--invoke",
                "grow",
                "grow.wat",
                "--",
                pages,
            ])
            .success()
    };
    assert_eq!(grow("15"), "1\n");
    assert_eq!(grow("16"), "-1\n");
    sandbox.write(
        "large.wat",
        r#"(module (memory 17) (func (export "_start")))"#,
    );
    sandbox
        .wasmaot(&["run", "--max-memory", "1M", "large.wat"])
        .error(1, &["large.wat", "--max-memory"]);
}

#[test]
fn progress_is_shown_on_a_terminal_alone() {
    let sandbox = Sandbox::new();
    let functions: String = (0..30_000)
        .map(|i| format!("(func (param i32 i32) (result i32) (i32.mul (i32.add (local.get 0) (i32.const {i})) (i32.xor (local.get 1) (local.get 0))))"))
        .collect();
    sandbox.write("many.wat", format!("(module {functions})"));
    let quiet = sandbox.wasmaot(&["build", "-j1", "many.wat"]);
    assert!(quiet.stderr.is_empty(), "{quiet:#?}");
    // `script` (util-linux) gives the command a terminal.
    let line = format!("{} build -j1 many.wat", env!("CARGO_BIN_EXE_wasmaot"));
    let output = Command::new("script")
        .args(["-qec", &line, "/dev/null"])
        // Nothing is drawn on one that says that it can do nothing.
        .env("TERM", "xterm")
        .current_dir(sandbox.path(""))
        .output()
        .expect("cannot run `script`; install it with: apt-get install bsdutils");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && text.contains("30000 functions"),
        "{text}"
    );
}

#[test]
fn debuggers_see_source_lines() {
    use wasmaot_testkit::{Code, object};
    let sandbox = Sandbox::new();
    let source = sandbox.write(
        "square.c",
        "int total;\nint square(int x) {\n    total += x;\n    return x * x;\n}\n",
    );
    let compiled = object(&source, Code::Pic, &["-g"]);
    std::fs::copy(compiled, sandbox.path("square.o")).unwrap();
    let tools = wasmaot_testkit::tools();
    let linked = tools
        .wasm_ld
        .command()
        .args([
            "--no-entry",
            "--export-all",
            "--unresolved-symbols=import-dynamic",
            "-shared",
            "--experimental-pic",
            "square.o",
            "-o",
            "square.so",
        ])
        .current_dir(sandbox.path(""))
        .status()
        .unwrap();
    assert!(linked.success());
    sandbox.wasmaot(&["build", "square.so"]).success();
    let symbols = Command::new("nm")
        .arg(sandbox.path("square.so.elf"))
        .output()
        .unwrap();
    let symbols = String::from_utf8(symbols.stdout).unwrap();
    let address = symbols
        .lines()
        .find(|line| line.ends_with(" T square"))
        .expect(&symbols)[..16]
        .to_owned();
    let found = Command::new("addr2line")
        .args(["-f", "-e", "square.so.elf", &address])
        .current_dir(sandbox.path(""))
        .output()
        .unwrap();
    let found = String::from_utf8(found.stdout).unwrap();
    assert!(
        found.starts_with("square\n") && found.contains("square.c:"),
        "{found}"
    );
}

#[test]
fn a_binding_is_explained() {
    let sandbox = Sandbox::new();
    let library = |name: &str| {
        let text = r#"(module (@dylink.0 (mem-info))
          (import "env" "memory" (memory 0))
          (func (export "pick") (result i32) (i32.const 1)))"#;
        sandbox.write(name, text);
    };
    library("one.wat");
    library("two.wat");
    let main = r#"(module (@dylink.0 (mem-info) (needed "one.wat" "two.wat"))
      (import "env" "memory" (memory 0))
      (import "env" "pick" (func $pick (result i32)))
      (import "GOT.func" "pick" (global $at (mut i32)))
      (import "env" "nowhere" (func $nowhere))
      (func (export "_start") (drop (call $pick)) (call $nowhere)))"#;
    sandbox.write("main.wat", main);
    let explain = |symbol| {
        let args = ["run", "--explain", symbol, "main.wat"];
        sandbox.wasmaot(&args).success()
    };
    let text = explain("pick");
    let lines = [
        "pick",
        "    1. main.wat: -",
        "    2. one.wat: function () -> (i32)",
        "    3. two.wat: function () -> (i32)",
        "  main.wat calls it: bound to one.wat, the first definition, number 2 of 3; it interposes 1 more",
    ];
    for line in lines {
        assert!(
            text.lines().any(|l| l == line),
            "{line:?} is not in\n{text}"
        );
    }
    assert!(
        text.contains("takes the address of the function: bound to one.wat"),
        "{text}"
    );
    let text = explain("nowhere");
    assert!(
        text.contains("main.wat calls it: bound to nothing"),
        "{text}"
    );
    let text = explain("dlopen");
    assert!(
        text.contains("then the host: env.dlopen: (i32, i32) -> (i32)"),
        "{text}"
    );
    assert!(text.contains("nobody refers to it"), "{text}");
}
