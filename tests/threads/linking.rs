//! The dynamic linker while threads run.

use std::fmt::Write as _;

use crate::common::Sandbox;
use crate::program::{
    Form, Running, command, library, module, program, put, run, text_library, timed,
};

/// Functions of a library of which each thread has its own count.
const BUSY: &str = r#"
  (global $calls (mut i32) (i32.const 0))
  (func (export "step") (param $counter i32) (result i32)
    (drop (i64.atomic.rmw.add (local.get $counter) (i64.const 1)))
    (global.set $calls (i32.add (global.get $calls) (i32.const 1)))
    (global.get $calls))"#;

/// Globals of each thread's own: a constant, one that is computed, a reference; and a
/// constructor that tells the program.
const NEW: &str = r#"
  (type $number (func (result i32)))
  (global $value (mut i32) (i32.const 100))
  (global $computed (mut i32) (i32.add (global.get $memory_base) (i32.const 16)))
  (global $function (mut (ref $number)) (ref.func $one))
  (elem (global.get $table_base) func $one)
  (func $one (type $number) (i32.const 1))
  (func (export "__wasm_call_ctors") (call $they_go_on))
  (func (export "next_value") (result i32)
    (if (i32.ne (i32.sub (global.get $computed) (global.get $memory_base))
                (i32.sub (global.get $value) (i32.const 84)))
      (then unreachable))
    (global.set $computed (i32.add (global.get $computed) (i32.const 1)))
    (global.set $value (i32.add (global.get $value)
      (call_ref $number (global.get $function))))
    (if (i32.ne (call_indirect (type $number) (global.get $table_base)) (i32.const 1))
      (then unreachable))
    (global.get $value))"#;

const GO_ON: &str = r#"(import "env" "they_go_on" (func $they_go_on))"#;

/// Says that it is inside, and waits until it is to go on.
const STAYS: &str = r#"
  (global $own (mut i32) (i32.const 7))
  (func $help (param i32) (result i32) (i32.add (local.get 0) (global.get $own)))
  (func (export "stay") (param $inside i32) (param $go_on i32) (param $n i32) (result i32)
    (i32.atomic.store (local.get $inside) (i32.const 1))
    (drop (memory.atomic.notify (local.get $inside) (i32.const -1)))
    (loop $again
      (if (i32.eqz (i32.atomic.load (local.get $go_on)))
        (then
          (drop (memory.atomic.wait32 (local.get $go_on) (i32.const 0) (i64.const -1)))
          (br $again))))
    (call $help (i32.add (local.get $n) (i32.const 1000))))"#;

const ATEXIT: &str = r#"(import "env" "atexit" (func $atexit (param i32) (result i32)))"#;

const VALUE: &str = r#"(func (export "value") (result i32) (i32.const 5))"#;

/// A sandbox with a program and all libraries that programs here open.
fn sandbox(main: &str) -> Sandbox {
    let sandbox = Sandbox::new();
    put(
        &sandbox,
        &[program(main), library("own.wasm", "own.c", &[])],
    );
    let constructor = |body: &str| format!(r#"(func (export "__wasm_call_ctors") {body}) {VALUE}"#);
    let import = |name: &str| format!(r#"(import "env" "{name}" (func ${name}))"#);
    for (name, imports, fields) in [
        ("busy.wat", "", BUSY.to_owned()),
        ("new.wat", GO_ON, NEW.to_owned()),
        ("other.wat", "", VALUE.to_owned()),
        ("stays.wat", "", STAYS.to_owned()),
        (
            "starts.wat",
            &*(import("constructor_begins") + &import("open_in_a_thread")),
            constructor("(call $constructor_begins) (call $open_in_a_thread)"),
        ),
        (
            "ends.wat",
            &*(import("constructor_begins") + &import("finaliser_lasts") + ATEXIT),
            constructor(
                "(call $constructor_begins) (drop (call $atexit (global.get $table_base)))",
            ) + "(elem (global.get $table_base) func $finaliser_lasts)",
        ),
        ("needs_ends.wat", "", VALUE.to_owned()),
        ("needs_slow.wat", "", VALUE.to_owned()),
        (
            "slow.wat",
            &*(import("constructor_begins") + &import("constructor_lasts")),
            constructor("(call $constructor_begins) (call $constructor_lasts)"),
        ),
    ] {
        let mut text = text_library(imports, &fields);
        if let Some(needed) = name.strip_prefix("needs_") {
            text = text.replace("(@dylink.0", &format!(r#"(@dylink.0 (needed "{needed}")"#));
        }
        sandbox.write(name, text);
    }
    sandbox
}

#[test]
fn opening_and_closing_stop_no_thread() {
    let sandbox = sandbox("busy.c");
    for bind in ["static", "lazy"] {
        let options = ["--bind", bind, "--lib", "busy.wat", "main.wasm"];
        let output = run(&sandbox, &options).success();
        println!("{bind}: {output}");
        assert!(
            output.starts_with("8 rounds, none was stopped\n"),
            "{output}"
        );
    }
}

#[test]
fn constructors_may_wait_for_threads_that_open_libraries() {
    let output = run(&sandbox("constructors.c"), &["main.wasm"]).success();
    assert_eq!(output, "constructed once\n");
}

#[test]
fn a_call_ends_in_a_library_that_is_closed() {
    let output = run(&sandbox("close.c"), &["main.wasm"]).success();
    assert_eq!(output, "30 calls ended in closed libraries\n");
}

#[test]
fn many_rounds_beside_busy_threads_at_constant_memory() {
    let rounds = std::env::var("WASMAOT_ROUNDS");
    let rounds: usize = rounds.map_or(2000, |text| text.parse().expect("a number of rounds"));
    let sandbox = sandbox("rounds.c");
    let mut command = timed(&sandbox, "2h", &["--lib", "busy.wat", "main.wasm"]);
    command.env_remove("WASMAOT_CHECK");
    let mut running = Running::start(&mut command);
    let mut figures = Vec::new();
    // Memory has its size after the first quarter.
    for _ in 0..4 {
        running.send(&format!("{}\n", rounds / 4));
        running.line();
        figures.push((running.maps().lines().count(), running.resident()));
    }
    running.send("0\n");
    let output = running.end().success();
    println!("mappings, KiB after each quarter of {rounds} rounds: {figures:?}\n{output}");
    let (maps, resident) = figures[0];
    for &(later, kilobytes) in &figures[1..] {
        // Pages of libraries that were closed last wait until nothing leads into them.
        assert!(later <= maps + 100, "{figures:?}");
        assert!(kilobytes <= resident + 2048, "{figures:?}");
    }
}

/// Two hundred functions, and a library that calls each of them from one place.
fn write_functions(sandbox: &Sandbox) {
    let (mut functions, mut imports, mut calls) = (String::new(), String::new(), String::new());
    for i in 0..200 {
        let ty = "(param i32) (result i32)";
        write!(
            functions,
            r#"(func (export "f{i}") {ty} (i32.add (local.get 0) (i32.const {i})))"#
        )
        .unwrap();
        write!(imports, r#"(import "env" "f{i}" (func $f{i} {ty}))"#).unwrap();
        write!(
            calls,
            "(local.set $sum (i32.add (local.get $sum) (call $f{i} (local.get $from))))"
        )
        .unwrap();
    }
    let call_all = format!(
        r#"(func (export "call_all") (param $from i32) (result i32) (local $sum i32)
             {calls} (local.get $sum))"#
    );
    sandbox.write("functions.wat", text_library("", &functions));
    sandbox.write("caller.wat", text_library(&imports, &call_all));
}

const THROWS: &str = r#"
  (tag $tag (export "tag") (param i32 i64))
  (func $throw (export "throw_at") (param $value i32) (param $depth i32) (result i32)
    (if (i32.eqz (local.get $depth))
      (then (throw $tag (local.get $value) (i64.extend_i32_u (local.get $value)))))
    (i32.add (i32.const 1)
      (call $throw (local.get $value) (i32.sub (local.get $depth) (i32.const 1)))))"#;

const CATCHES: &str = r#"
  (func (export "catch") (param $value i32) (param $depth i32) (result i32)
    (local $n i32) (local $wide i64)
    (block $caught (result i32 i64)
      (try_table (catch $tag $caught)
        (drop (call $throw_at (local.get $value) (local.get $depth))))
      (unreachable))
    (local.set $wide)
    (local.set $n)
    (if (i64.ne (local.get $wide) (i64.extend_i32_u (local.get $n))) (then unreachable))
    (i32.add (local.get $n) (i32.const 1)))
  ;; Caught with a reference to it, and thrown again by that.
  (func (export "keep") (param $value i32) (result i32) (local $exception exnref)
    (block $again (result i32 i64)
      (try_table (catch $tag $again)
        (block $caught (result i32 i64 exnref)
          (try_table (catch_ref $tag $caught)
            (drop (call $throw_at (local.get $value) (i32.const 3))))
          (unreachable))
        (local.set $exception)
        (drop)
        (drop)
        (throw_ref (local.get $exception)))
      (unreachable))
    (drop))"#;

const CATCHER_IMPORTS: &str = r#"
  (import "env" "tag" (tag $tag (param i32 i64)))
  (import "env" "throw_at" (func $throw_at (param i32 i32) (result i32)))"#;

#[test]
fn threads_bind_throw_and_catch_at_once() {
    let sandbox = Sandbox::new();
    put(&sandbox, &[program("together.c")]);
    write_functions(&sandbox);
    sandbox.write("throws.wat", text_library("", THROWS));
    sandbox.write("catches.wat", text_library(CATCHER_IMPORTS, CATCHES));
    let libraries = ["functions.wat", "caller.wat", "throws.wat", "catches.wat"];
    let libraries = libraries.map(|name| ["--lib", name]).concat();
    for options in [
        &["--bind", "lazy"][..],
        &["--bind", "lazy", "--lazy-load"],
        &["--bind", "now"],
        &["--bind", "direct"],
        &["--bind", "lazy", "-O0"],
    ] {
        let output = run(&sandbox, &[options, &libraries, &["main.wasm"]].concat());
        assert_eq!(output.success(), "all right\n", "{options:?}");
    }
}

/// A mutable global of a library, imported by main: each thread has its own.
#[test]
fn a_global_of_another_module_is_a_threads_own() {
    let sandbox = Sandbox::new();
    let fields = r#"
      (global $counter (export "counter") (mut i64) (i64.const 0x300000003))
      (func (export "more") (result i64)
        (global.set $counter (i64.add (global.get $counter) (i64.const 1)))
        (global.get $counter))"#;
    sandbox.write("counter.wat", text_library("", fields));
    // Twice by each thread, by the import and by the library's function.
    let count = r#"
      (call $check (i64.eq (global.get $counter) (i64.const 0x300000003)))
      (call $check (i64.eq (call $more) (i64.const 0x300000004)))
      (global.set $counter (i64.add (global.get $counter) (i64.const 6)))
      (call $count (i32.const 8))
      (call $until (i32.const 8) (i32.const 9))
      (call $check (i64.eq (global.get $counter) (i64.const 0x30000000a)))
      (call $check (i64.eq (call $more) (i64.const 0x30000000b)))
      (call $count (i32.const 12))"#;
    let main = format!(
        r#"(local $i i32)
           (loop $next
             (drop (call $start (i32.const 0)))
             (br_if $next (i32.lt_u
               (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 8))))
           {count}
           (call $until (i32.const 12) (i32.const 9))
           (call $exit (i32.const 3))"#
    );
    let text = module(Form::Dynamic, "", count, &main).replacen(
        "(import",
        r#"(import "env" "counter" (global $counter (mut i64)))
           (import "env" "more" (func $more (result i64)))
           (import"#,
        1,
    );
    sandbox.write("main.wat", text);
    for bind in ["static", "lazy"] {
        let outcome = run(
            &sandbox,
            &["--bind", bind, "--lib", "counter.wat", "main.wat"],
        );
        assert_eq!(outcome.code, Some(3), "{outcome:#?}");
    }
}

#[test]
fn a_program_ends_while_its_threads_are_at_work() {
    let sandbox = sandbox("ends.c");
    sandbox.write("throws.wat", text_library("", THROWS));
    sandbox.write("catches.wat", text_library(CATCHER_IMPORTS, CATCHES));
    let options = ["--lib", "throws.wat", "--lib", "catches.wat", "main.wasm"];
    for round in 0..24 {
        let how = round % 4;
        let mut running = Running::start(&mut command(&sandbox, &options));
        running.send(&how.to_string());
        let outcome = running.end();
        match how {
            2 => outcome.trap("unreachable", &["main.wasm!end"]),
            _ => {
                let code = [0, 7, 134, 9][how];
                assert_eq!(outcome.code, Some(code), "{how}: {outcome:#?}");
                assert!(outcome.stderr.is_empty(), "{how}: {outcome:#?}");
            }
        }
    }
}

#[test]
fn a_program_ends_while_a_constructor_waits() {
    let outcome = run(&sandbox("stuck.c"), &["main.wasm"]);
    assert_eq!(outcome.code, Some(7), "{outcome:#?}");
}
