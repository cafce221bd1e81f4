//! System calls from modules without a libc: both tables of numbers, the forms
//! in which they are imported, what is not offered, and the trace.

mod common;

use common::Sandbox;

/// A module that makes calls; `body` is `_start`'s.
fn module(imports: &str, body: &str) -> String {
    format!(
        r#"(module {imports}
             (memory (export "memory") 1)
             (data (i32.const 64) "hello\n")
             (data (i32.const 96) "/data/file\00")
             (func (export "_start") {body}))"#
    )
}

const WRITE: &str = "(i64.const 1) (i64.const 1) (i64.const 64) (i64.const 6)";

#[test]
fn wasm_syscall_has_the_numbers_of_x86_64() {
    let text = module(
        r#"(import "env" "__wasm_syscall"
             (func $syscall (param i64 i64 i64 i64 i64 i64 i64) (result i64)))"#,
        &format!(
            "(if (i64.ne (i64.const 6)
                   (call $syscall {WRITE} (i64.const 0) (i64.const 0) (i64.const 0)))
               (then unreachable))"
        ),
    );
    let sandbox = Sandbox::new();
    sandbox.write("main.wat", text);
    assert_eq!(sandbox.wasmaot(&["run", "main.wat"]).success(), "hello\n");
}

/// It was variadic: an import has as many integers as its call.
#[test]
fn thinthin_syscall_takes_any_integers() {
    for (ty, arguments) in [
        ("(param i64 i64 i64 i64 i64 i64 i64) (result i64)", "i64"),
        ("(param i64 i64 i64 i64) (result i64)", "i64"),
        ("(param i32 i32 i32 i32) (result i32)", "i32"),
        ("(param i32 i32 i32 i32)", "i32"),
        ("(param i32 i64 i32 i32) (result i64)", "mixed"),
    ] {
        let mut write = WRITE.replace("i64", if arguments == "i64" { "i64" } else { "i32" });
        if arguments == "mixed" {
            write = "(i32.const 1) (i64.const 1) (i32.const 64) (i32.const 6)".to_owned();
        }
        let rest = "(i64.const 0)".repeat(ty.matches("i64 i64 i64 i64 i64").count() * 3);
        let drop = if ty.contains("result") { "drop" } else { "" };
        let text = module(
            &format!(r#"(import "thinthin" "syscall" (func $syscall {ty}))"#),
            &format!("{write} {rest} call $syscall {drop}"),
        );
        let sandbox = Sandbox::new();
        sandbox.write("main.wat", text);
        assert_eq!(
            sandbox.wasmaot(&["run", "main.wat"]).success(),
            "hello\n",
            "{ty}"
        );
    }
}

#[test]
fn what_is_no_integer_is_no_argument() {
    let text = module(
        r#"(import "thinthin" "syscall" (func $syscall (param i64 f64) (result i64)))"#,
        "(drop (call $syscall (i64.const 1) (f64.const 1)))",
    );
    let sandbox = Sandbox::new();
    sandbox.write("main.wat", text);
    let parts = ["`syscall`", "main.wat", "f64"];
    sandbox.wasmaot(&["run", "main.wat"]).error(1, &parts);
}

/// The `__syscall` functions have the numbers of i386.
const I386: &str = r#"
    (import "env" "__syscall1" (func $one (param i32 i32) (result i32)))
    (import "env" "__syscall3" (func $three (param i32 i32 i32 i32) (result i32)))
    (import "env" "__syscall_cp"
      (func $cp (param i32 i32 i32 i32 i32 i32 i32) (result i32)))
    (import "env" "__syscall" (func $any (param i32 i32 i32 i32) (result i32)))"#;

#[test]
fn the_trace_shows_calls_as_strace_does() {
    let text = module(
        I386,
        "(drop (call $three (i32.const 4) (i32.const 1) (i32.const 64) (i32.const 6)))
         (drop (call $any (i32.const 4) (i32.const 1) (i32.const 64) (i32.const 6)))
         (drop (call $cp (i32.const 295) (i32.const -100) (i32.const 96) (i32.const 0)
           (i32.const 0) (i32.const 0) (i32.const 0)))
         (drop (call $three (i32.const 3) (i32.const 9) (i32.const 0) (i32.const 6)))
         (drop (call $three (i32.const 4) (i32.const 1) (i32.const -6) (i32.const 6)))
         (drop (call $one (i32.const 45) (i32.const 0)))
         (drop (call $one (i32.const 45) (i32.const 1000000)))
         (drop (call $one (i32.const 26) (i32.const 7)))
         (drop (call $one (i32.const 4000) (i32.const 7)))
         (drop (call $one (i32.const 252) (i32.const 3)))
         unreachable",
    );
    let sandbox = Sandbox::new();
    sandbox.write("main.wat", text);
    let mut command = sandbox.command(&["run", "main.wat"]);
    let outcome: common::Outcome = command
        .env("WASMAOT_DEBUG", "syscalls")
        .output()
        .unwrap()
        .into();
    assert_eq!(outcome.code, Some(3), "{outcome:#?}");
    assert_eq!(outcome.stdout, "hello\nhello\n");
    let lines: Vec<&str> = outcome
        .stderr
        .lines()
        .map(|line| line.split_once('\t').unwrap().1)
        .collect();
    let expected = [
        "write(1, 0x40, 6) = 6",
        "write(1, 0x40, 6) = 6",
        r#"openat(AT_FDCWD, "/data/file", 0x0, 0o0) = -1 ENOENT"#,
        "read(9, NULL, 6) = -1 EBADF",
        "write(1, 0xfffffffa, 6) = -1 EFAULT",
        "brk(NULL) = 0x10000",
        "brk(0xf4240) = 0xf4240",
        "ptrace(0x7, 0x0, 0x0, 0x0, 0x0, 0x0) = -1 ENOSYS",
        "syscall_4000(0x7, 0x0, 0x0, 0x0, 0x0, 0x0) = -1 ENOSYS",
        "exit_group(3) = ?",
    ];
    assert_eq!(lines, expected);
}

/// `-ENOSYS` is 38, whatever the table and the width.
#[test]
fn what_is_not_offered_answers_so() {
    let text = module(
        r#"(import "env" "__syscall0" (func $zero (param i32) (result i32)))
           (import "env" "__wasm_syscall" (func $wide (param i64) (result i64)))
           (import "thinthin" "syscall" (func $thin (param i32) (result i64)))"#,
        "(if (i32.ne (call $zero (i32.const 2)) (i32.const -38)) (then unreachable))
         (if (i64.ne (call $wide (i64.const 57)) (i64.const -38)) (then unreachable))
         (if (i64.ne (call $thin (i32.const 57)) (i64.const -38)) (then unreachable))",
    );
    let sandbox = Sandbox::new();
    sandbox.write("main.wat", text);
    assert_eq!(sandbox.wasmaot(&["run", "main.wat"]).success(), "");
}

/// `brk` starts where the module says that its heap does.
#[test]
fn the_heap_begins_where_the_module_says() {
    let text = module(
        I386,
        "(if (i32.ne (call $one (i32.const 45) (i32.const 0)) (i32.const 3000))
           (then unreachable))
         (if (i32.ne (call $one (i32.const 45) (i32.const 5000)) (i32.const 5000))
           (then unreachable))
         (if (i32.ne (memory.size) (i32.const 1)) (then unreachable))
         (if (i32.ne (call $one (i32.const 45) (i32.const 200000)) (i32.const 200000))
           (then unreachable))
         (if (i32.ne (memory.size) (i32.const 4)) (then unreachable))
         (i32.store (i32.const 199996) (i32.const 1))
         ;; More than the limit: the break stays.
         (if (i32.ne (call $one (i32.const 45) (i32.const 2000000)) (i32.const 200000))
           (then unreachable))",
    )
    .replace(
        "(memory (",
        r#"(global (export "__heap_base") i32 (i32.const 3000)) (memory ("#,
    );
    let sandbox = Sandbox::new();
    sandbox.write("main.wat", text);
    let args = ["run", "--max-memory", "1M", "main.wat"];
    assert_eq!(sandbox.wasmaot(&args).success(), "");
}

/// A flat program's starts where main says, beyond what its libraries have.
#[test]
fn the_heap_of_a_flat_program_begins_where_main_says() {
    let sandbox = Sandbox::new();
    let main = |base: u32| {
        format!(
            r#"(module
                 (import "env" "__syscall1" (func $one (param i32 i32) (result i32)))
                 (import "env" "memory" (memory 1))
                 (global (export "__heap_base") i32 (i32.const {base}))
                 (data (i32.const 1000) "main")
                 (func (export "main") (result i32)
                   (i32.sub (call $one (i32.const 45) (i32.const 0)) (i32.const 70000))))"#
        )
    };
    let library = r#"(module
        (import "env" "memory" (memory 2))
        (data (i32.const 70000) "library")
        (func (export "f")))"#;
    sandbox.write("main.wat", main(70_000));
    sandbox.write("low.wat", main(2000));
    sandbox.write("library.wat", library);
    for (args, above) in [
        (&["run", "main.wat"][..], 0),
        (&["run", "--lib", "library.wat", "low.wat"], "library".len()),
    ] {
        let outcome = sandbox.wasmaot(args);
        let said = format!("main() returned {above}\n");
        assert!(outcome.stderr.ends_with(&said), "{outcome:#?}");
    }
}
