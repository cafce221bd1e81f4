//! The `flat` ABI (`abi/flat.md`).

#![cfg(feature = "compiler")]

mod common;

use std::process::Command;

use common::Sandbox;
use wasmaot_testkit::{Code, Kind, Link, Wasmaot, object, own_headers, run, scratch, sources};

/// Memory from `env`, and a main that returns a value.
fn main_of(body: &str) -> String {
    format!(r#"(module (import "env" "memory" (memory 1)) {body})"#)
}

#[test]
fn earlier_arguments_shadow_later_ones_and_the_host() {
    let sandbox = Sandbox::new();
    let lib = |value: i32| {
        format!(
            r#"(module
              (func (export "which") (result i32) (i32.const {value}))
              (func (export "abs") (param i32) (result i32) (i32.const {value})))"#
        )
    };
    sandbox.write("one.wat", lib(1));
    sandbox.write("two.wat", lib(2));
    // It is loaded first and sees the host alone.
    sandbox.write(
        "last.wat",
        r#"(module
          (import "env" "abs" (func $abs (param i32) (result i32)))
          (func (export "host") (result i32) (call $abs (i32.const -7))))"#,
    );
    let main = main_of(
        r#"(func $which (export "unused") (result i32) (call $w))
        (export "main" (func $main))
        (func $main (result i32)
          (i32.add (i32.mul (i32.const 100) (call $which))
            (i32.add (i32.mul (i32.const 10) (call $abs (i32.const -5))) (call $host))))"#,
    );
    let imports = r#"(module
      (import "env" "which" (func $w (result i32)))
      (import "env" "abs" (func $abs (param i32) (result i32)))
      (import "env" "host" (func $host (result i32)))"#;
    sandbox.write("main.wat", main.replacen("(module", imports, 1));
    let ended = sandbox.wasmaot(&["run", "main.wat", "one.wat", "two.wat", "last.wat"]);
    assert_eq!(ended.code, Some(117), "{ended:?}");
    assert!(
        ended.stderr.contains("main.wat::main() returned 117"),
        "{ended:?}"
    );
    let ended = sandbox.wasmaot(&["run", "main.wat", "two.wat", "one.wat", "last.wat"]);
    assert_eq!(ended.code, Some(227), "{ended:?}");
}

#[test]
fn a_module_s_own_memory_is_adopted_and_overlaps_are_reported() {
    let sandbox = Sandbox::new();
    sandbox.write(
        "first.wat",
        r#"(module (import "env" "memory" (memory 1))
          (data (i32.const 100) "first")
          (func (export "pages") (result i32) (memory.size)))"#,
    );
    sandbox.write(
        "own.wat",
        r#"(module (memory (export "memory") 3)
          (data (i32.const 200) "own")
          (func (export "own") (result i32) (memory.size)))"#,
    );
    sandbox.write(
        "main.wat",
        r#"(module
          (import "env" "memory" (memory 1))
          (import "env" "own" (func $own (result i32)))
          (import "env" "pages" (func $pages (result i32)))
          (data (i32.const 202) "main")
          (func (export "main") (result i32)
            (i32.add
              (i32.add (i32.mul (i32.const 10) (memory.size)) (call $own))
              (i32.and (i32.load8_u (i32.const 200)) (i32.eq (call $pages) (i32.const 256))))))"#,
    );
    let ended = sandbox.wasmaot(&["run", "main.wat", "own.wat", "first.wat"]);
    // 'o' is odd: the last term is 1.
    assert_eq!(ended.code, Some(34), "{ended:?}");
    let overlap = "main.wat: its 4 bytes of data at";
    assert!(
        ended.stderr.contains(overlap) && ended.stderr.contains("own.wat"),
        "{ended:?}"
    );
}

/// The host's `malloc` begins where main says that its heap does, whatever that is:
/// where there is no room, there is none.
#[test]
fn the_host_s_heap_begins_where_main_says() {
    let sandbox = Sandbox::new();
    for (base, at) in [
        ("i32 (i32.const 0)", 16384),
        ("i32 (i32.const 40001)", 40016),
        ("i32 (i32.const -1)", 0),
        ("i32 (i32.const -16)", 0),
        ("i64 (i64.const -1)", 0),
        ("i64 (i64.const -16)", 0),
        ("i64 (i64.const 0x1_0000_0000)", 0),
        ("f64 (f64.const -1)", 0),
    ] {
        let main = main_of(&format!(
            r#"(import "env" "malloc" (func $malloc (param i32) (result i32)))
            (global (export "__heap_base") {base})
            (func (export "main") (result i32)
              (i32.ne (call $malloc (i32.const 100)) (i32.const {at})))"#
        ));
        sandbox.write("main.wat", main);
        let ended = sandbox.wasmaot(&["run", "main.wat"]);
        assert_eq!(ended.code, Some(0), "{base}: {ended:?}");
    }
}

#[test]
fn the_host_has_a_small_libc() {
    let sandbox = Sandbox::new();
    sandbox.write(
        "main.wat",
        r#"(module
          (import "env" "memory" (memory 1))
          (import "env" "malloc" (func $malloc (param i32) (result i32)))
          (import "env" "calloc" (func $calloc (param i32 i32) (result i32)))
          (import "env" "realloc" (func $realloc (param i32 i32) (result i32)))
          (import "env" "strcpy" (func $strcpy (param i32 i32) (result i32)))
          (import "env" "strlen" (func $strlen (param i32) (result i32)))
          (import "env" "strcmp" (func $strcmp (param i32 i32) (result i32)))
          (import "env" "strrchr" (func $strrchr (param i32 i32) (result i32)))
          (import "env" "memset" (func $memset (param i32 i32 i32) (result i32)))
          (import "env" "toupper" (func $toupper (param i32) (result i32)))
          (import "env" "isdigit" (func $isdigit (param i32) (result i32)))
          (import "env" "sqrt" (func $sqrt (param f64) (result f64)))
          (import "env" "pow" (func $pow (param f64 f64) (result f64)))
          (import "env" "open" (func $open (param i32 i32 i32) (result i32)))
          (import "env" "getpid" (func $getpid (result i32)))
          (import "env" "isatty" (func $isatty (param i32) (result i32)))
          (import "env" "signal" (func $signal (param i32 i32) (result i32)))
          (import "env" "puts" (func $puts (param i32) (result i32)))
          (import "env" "putchar" (func $putchar (param i32) (result i32)))
          (import "env" "exit" (func $exit (param i32)))
          (data (i32.const 20000) "hello/there\00")
          (global $failed (mut i32) (i32.const 0))
          (func $expect (param $number i32) (param $right i32)
            (if (i32.eqz (local.get $right))
              (then (call $exit (local.get $number)))))
          (func (export "main") (result i32) (local $a i32) (local $b i32)
            (local.set $a (call $malloc (i32.const 100)))
            (local.set $b (call $calloc (i32.const 10) (i32.const 5)))
            (call $expect (i32.const 1) (i32.gt_u (local.get $a) (i32.const 20011)))
            (call $expect (i32.const 2)
              (i32.ge_u (local.get $b) (i32.add (local.get $a) (i32.const 100))))
            (call $expect (i32.const 3)
              (i32.eqz (i32.rem_u (local.get $b) (i32.const 16))))
            (drop (call $strcpy (local.get $a) (i32.const 20000)))
            (call $expect (i32.const 4) (i32.eq (call $strlen (local.get $a)) (i32.const 11)))
            (call $expect (i32.const 5)
              (i32.eqz (call $strcmp (local.get $a) (i32.const 20000))))
            (call $expect (i32.const 6)
              (i32.eq (call $strrchr (local.get $a) (i32.const 47))
                (i32.add (local.get $a) (i32.const 5))))
            (drop (call $memset (local.get $a) (i32.const 72) (i32.const 1)))
            (call $expect (i32.const 7)
              (i32.eq (call $strcmp (local.get $a) (i32.const 20000)) (i32.const -1)))
            (call $expect (i32.const 8) (i32.eq (call $toupper (i32.const 97)) (i32.const 65)))
            (call $expect (i32.const 9) (call $isdigit (i32.const 57)))
            (call $expect (i32.const 10) (f64.eq (call $sqrt (f64.const 9)) (f64.const 3)))
            (call $expect (i32.const 11)
              (f64.eq (call $pow (f64.const 2) (f64.const 10)) (f64.const 1024)))
            (call $expect (i32.const 12)
              (i32.eq (call $open (i32.const 20000) (i32.const 0) (i32.const 0)) (i32.const 3)))
            (call $expect (i32.const 13) (i32.eqz (call $getpid)))
            (call $expect (i32.const 14) (i32.eqz (call $isatty (i32.const 1))))
            (call $expect (i32.const 15)
              (i32.eq (call $signal (i32.const 2) (i32.const 0)) (i32.const -1)))
            (call $expect (i32.const 16)
              (call $realloc (i32.const 0) (i32.const 8)))
            (drop (call $puts (local.get $a)))
            (drop (call $putchar (i32.const 10)))
            (call $exit (i32.const 55))
            (i32.const 0)))"#,
    );
    let ended = sandbox.wasmaot(&["run", "main.wat"]);
    assert_eq!(ended.code, Some(55), "{ended:?}");
    assert_eq!(ended.stdout, "Hello/there\n\n");
    assert!(
        ended.stderr.contains("Program terminated with: exit(55)"),
        "{ended:?}"
    );
}

#[test]
fn an_unmet_import_fails_when_called() {
    let sandbox = Sandbox::new();
    let text = |when: i32| {
        format!(
            r#"(module
              (import "env" "memory" (memory 1))
              (import "env" "longjmp" (func $longjmp (param i32 i32)))
              (func (export "main") (result i32)
                (if (i32.const {when}) (then (call $longjmp (i32.const 1) (i32.const 2))))
                (i32.const 7)))"#
        )
    };
    sandbox.write("never.wat", text(0));
    sandbox.write("once.wat", text(1));
    let refused = sandbox.wasmaot(&["run", "never.wat"]);
    assert_eq!(refused.code, Some(1), "{refused:?}");
    let run = |name| sandbox.wasmaot(&["run", "--unresolved=warn", name]);
    assert_eq!(run("never.wat").code, Some(7));
    let ended = run("once.wat");
    assert_eq!(ended.code, Some(134), "{ended:?}");
    assert!(ended.stderr.contains("longjmp"), "{ended:?}");
}

/// The demonstration of the experiment, with the host's functions alone: main
/// and library are C without any libc.
#[test]
fn a_library_is_opened_by_host_functions_alone() {
    let include = format!("-I{}", own_headers().display());
    let main = object(&sources().join("dl/main.c"), Code::Fixed, &[&include]);
    let main = Link::new(Kind::Reactor, "main.wasm", vec![main], vec![])
        .freestanding()
        .flag("--no-entry")
        .flag("--export=__main_argc_argv")
        .flag("--growable-table")
        .flag("--export-table")
        .flag("--import-memory")
        .flag("--allow-undefined")
        .make();
    let library = object(&sources().join("dl/flat_world.c"), Code::Fixed, &[]);
    let library = Link::new(Kind::Reactor, "dlworld.wasm", vec![library], vec![])
        .freestanding()
        .flag("--no-entry")
        .flag("--import-memory")
        .flag("--global-base=100000")
        .flag("--allow-undefined")
        .make();
    let place = scratch("flat");
    std::fs::copy(main, place.join("main.wasm")).unwrap();
    let wasmaot = |args: &[&str]| -> Command {
        let mut command = Wasmaot::new(env!("CARGO_BIN_EXE_wasmaot")).run_command();
        command.arg(place.join("main.wasm")).args(args);
        command
    };
    let ended = run(&mut wasmaot(&[]));
    ended.expect_code(1);
    assert!(ended.stdout.contains("dlworld.wasm"), "{ended:?}");
    assert!(ended.stderr.contains("abort()"), "{ended:?}");
    std::fs::copy(library, place.join("dlworld.wasm")).unwrap();
    run(&mut wasmaot(&[])).expect(0, "World!\n");
}

/// The first module to be loaded is nothing but a memory manager: it brings
/// the memory, and everybody's `malloc` is its own.
#[test]
fn a_module_that_is_nothing_but_a_memory_manager() {
    let sandbox = Sandbox::new();
    sandbox.write(
        "manager.wat",
        r#"(module (memory (export "memory") 2)
          (global $next (mut i32) (i32.const 1000))
          (func (export "malloc") (param i32) (result i32)
            (global.get $next)
            (global.set $next (i32.add (global.get $next) (local.get 0))))
          (func (export "free") (param i32)))"#,
    );
    sandbox.write(
        "user.wat",
        r#"(module (import "env" "memory" (memory 1))
          (import "env" "malloc" (func $malloc (param i32) (result i32)))
          (func (export "make") (result i32) (local $at i32)
            (local.set $at (call $malloc (i32.const 4)))
            (i32.store (local.get $at) (i32.const 90))
            (local.get $at)))"#,
    );
    sandbox.write(
        "main.wat",
        r#"(module (import "env" "memory" (memory 1))
          (import "env" "malloc" (func $malloc (param i32) (result i32)))
          (import "env" "make" (func $make (result i32)))
          (func (export "main") (result i32)
            (drop (call $malloc (i32.const 20)))
            (if (i32.ne (call $make) (i32.const 1020)) (then (return (i32.const 1))))
            (i32.add (i32.load (i32.const 1020)) (memory.size))))"#,
    );
    let ended = sandbox.wasmaot(&["run", "main.wat", "user.wat", "manager.wat"]);
    assert_eq!(ended.code, Some(92), "{ended:?}");
}
