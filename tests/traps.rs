//! Every trap has its name, a backtrace across modules, and exit code 134.

mod common;

use std::path::Path;
use std::process::Command;

use common::Sandbox;
use wasmaot_compiler::{Emit, OptLevel, Options, compile};
use wasmaot_testkit::tools;

/// (what the body of `f` does, name of the trap)
const TRAPS: &[(&str, &str)] = &[
    ("unreachable", "unreachable"),
    (
        "(drop (i32.load (i32.const -4)))",
        "out of bounds memory access",
    ),
    (
        "(i64.store offset=0xffffffff (i32.const -1) (i64.const 1))",
        "out of bounds memory access",
    ),
    (
        "(drop (v128.load (i32.const 65521)))",
        "out of bounds memory access",
    ),
    (
        "(memory.fill (i32.const 65535) (i32.const 0) (i32.const 2))",
        "out of bounds memory access",
    ),
    (
        "(memory.init $data (i32.const 0) (i32.const 0) (i32.const 9))",
        "out of bounds memory access",
    ),
    (
        "(table.set $table (i32.const 5) (ref.null func))",
        "out of bounds table access",
    ),
    (
        "(call_indirect (type $f) (i32.const 5))",
        "undefined element",
    ),
    (
        "(call_indirect (type $f) (i32.const 99999999))",
        "undefined element",
    ),
    (
        "(call_indirect (type $f) (i32.const -1))",
        "undefined element",
    ),
    (
        "(call_indirect (type $f) (i32.const 1))",
        "uninitialized element",
    ),
    (
        "(drop (call_indirect (result i32) (i32.const 0)))",
        "indirect call type mismatch",
    ),
    (
        "(drop (i32.div_s (i32.const -2147483648) (local.get 0)))",
        "integer overflow",
    ),
    (
        "(drop (i32.div_u (i32.const 7) (i32.const 0)))",
        "integer divide by zero",
    ),
    (
        "(drop (i64.rem_s (i64.const 7) (i64.const 0)))",
        "integer divide by zero",
    ),
    (
        "(drop (i32.trunc_f64_s (f64.const nan)))",
        "invalid conversion to integer",
    ),
    (
        "(drop (i32.trunc_f32_u (f32.const 1e10)))",
        "integer overflow",
    ),
    ("(throw_ref (ref.null exn))", "null exception reference"),
    (
        "(throw $tag (i32.const 3))",
        "uncaught exception (tag `oops`)",
    ),
    ("(call $f (local.get 0))", "call stack exhausted"),
];

#[test]
fn every_trap_has_its_name() {
    for level in ["-O0", "-O2"] {
        for (body, name) in TRAPS {
            let sandbox = Sandbox::new();
            sandbox.write(
                "main.wat",
                format!(
                    r#"
                (module
                  (type $f (func))
                  (memory 1)
                  (tag $tag (export "oops") (param i32))
                  (table $table 5 funcref)
                  (elem (i32.const 0) func $start)
                  (data $data "12345678")
                  (func $f (param i32) {body})
                  (func $start (export "_start") (call $f (i32.const -1))))"#
                ),
            );
            let outcome = sandbox.wasmaot(&["run", level, "main.wat"]);
            outcome.trap(name, &["main.wat!f", "main.wat!start"]);
        }
    }
}

#[test]
fn backtrace_crosses_modules_and_names_offsets() {
    let sandbox = Sandbox::new();
    sandbox.write("lib.wat", r#"
        (module
          (@dylink.0 (mem-info))
          (import "env" "memory" (memory 1))
          (import "env" "back" (func $back (param i32)))
          (func $middle (export "middle") (param i32) (call $back (local.get 0)) (drop (i32.const 1))))"#);
    sandbox.write(
        "main.wat",
        r#"
        (module
          (@dylink.0 (mem-info) (needed "lib.wat"))
          (import "env" "memory" (memory 1))
          (import "env" "middle" (func $middle (param i32)))
          (func $back (export "back") (param i32)
            (drop (i32.div_u (i32.const 1) (local.get 0))))
          (func $start (export "_start") (call $middle (i32.const 0))))"#,
    );
    let outcome = sandbox.wasmaot(&["run", "main.wat"]);
    outcome.trap("integer divide by zero", &[]);
    let frames: Vec<&str> = outcome
        .stderr
        .lines()
        .filter(|line| line.contains('!'))
        .map(str::trim)
        .collect();
    assert_eq!(frames.len(), 3, "{outcome:#?}");
    for (frame, name) in frames
        .iter()
        .zip(["main.wat!back", "lib.wat!middle", "main.wat!start"])
    {
        assert!(
            frame.contains(name) && frame.contains(" at 0x"),
            "{outcome:#?}"
        );
    }
}

#[test]
fn inlined_functions_are_frames_too() {
    let sandbox = Sandbox::new();
    sandbox.write(
        "main.wat",
        r#"
        (module
          (memory 1)
          (func $divide (param i32) (result i32) (i32.div_u (i32.const 1) (local.get 0)))
          (func $twice (param i32) (result i32)
            (i32.add (call $divide (i32.const 2)) (call $divide (local.get 0))))
          (func $used (export "used") (result i32) (call $twice (i32.const 0)))
          (func $start (export "_start") (drop (call $used))))"#,
    );
    let frames = |level| {
        let outcome = sandbox.wasmaot(&["run", level, "main.wat"]);
        let names = ["divide", "twice", "used", "start"].map(|name| format!("main.wat!{name} at"));
        let names = names.each_ref().map(String::as_str);
        outcome.trap("integer divide by zero", &names);
        let lines = outcome.stderr.lines();
        let frames: Vec<_> = lines
            .filter(|line| line.contains('!'))
            .map(str::to_owned)
            .collect();
        assert_eq!(frames.len(), 4, "{outcome:#?}");
        frames
    };
    let unoptimised = frames("-O0");
    assert_eq!(frames("-O1"), unoptimised);
    assert_eq!(frames("-O2"), unoptimised);
    let names = sandbox.wasmaot(&["build", "-O2", "--emit", "asm", "-o", "-", "main.wat"]);
    assert!(!names.stdout.contains("; function divide"), "{names:#?}");
}

#[test]
fn inlined_functions_that_end_in_a_call_are_no_frames() {
    let sandbox = Sandbox::new();
    sandbox.write(
        "main.wat",
        r#"
        (module
          (memory 1)
          (func $divide (param i32) (result i32)
            (if (local.get 0) (then (drop (call $divide (i32.const 0)))))
            (i32.div_u (i32.const 1) (local.get 0)))
          (func $tail (param i32) (result i32)
            (return_call $divide (local.get 0)))
          (func $used (export "used") (result i32)
            (i32.add (i32.const 1) (call $tail (i32.const 1))))
          (func $start (export "_start") (drop (call $used))))"#,
    );
    let frames = |level| {
        let outcome = sandbox.wasmaot(&["run", level, "main.wat"]);
        let names = ["divide", "divide", "used", "start"].map(|name| format!("main.wat!{name} at"));
        let names = names.each_ref().map(String::as_str);
        outcome.trap("integer divide by zero", &names);
        let lines = outcome.stderr.lines().filter(|line| line.contains('!'));
        let frames: Vec<_> = lines.map(str::to_owned).collect();
        assert_eq!(frames.len(), 4, "{outcome:#?}");
        frames
    };
    let unoptimised = frames("-O0");
    assert_eq!(frames("-O2"), unoptimised);
}

#[test]
fn frames_that_are_left_out_are_counted_with_what_is_inlined() {
    let sandbox = Sandbox::new();
    // `$down` is too large to be inlined, `$on` is not.
    let large = "(i32.store (i32.const 0) (local.get 0))".repeat(100);
    let module = format!(
        r#"
        (module
          (memory 1)
          (func $down (param i32)
            (if (i32.eqz (local.get 0)) (then unreachable))
            {large}
            (call $on (i32.sub (local.get 0) (i32.const 1))))
          (func $on (param i32) (call $down (local.get 0)))
          (func (export "_start") (call $down (i32.const 1000)) (call $on (i32.const 0))))"#
    );
    sandbox.write("main.wat", module);
    // The innermost frames, how many there are not, and the last one's number.
    let shown = |level| {
        let outcome = sandbox.wasmaot(&["run", level, "main.wat"]);
        outcome.trap("unreachable", &[" more frames "]);
        let mut lines = outcome.stderr.lines();
        lines.rfind(|line| line.contains('!')).unwrap().to_owned()
    };
    let unoptimised = shown("-O0");
    assert!(unoptimised.contains(" 2001: "), "{unoptimised}");
    assert_eq!(shown("-O2"), unoptimised);
}

#[test]
fn a_large_frame_hits_the_guard_too() {
    // 1,000 live v128 locals: the frame is larger than the guard's page.
    let sandbox = Sandbox::new();
    let locals: String = (0..1000).map(|i| format!("(local $v{i} v128)")).collect();
    let set: String = (0..1000)
        .map(|i| format!("(local.set $v{i} (v128.load (i32.const {})))", i * 16))
        .collect();
    let mut sum = "(v128.const i32x4 0 0 0 0)".to_owned();
    for i in 0..1000 {
        sum = format!("(i32x4.add {sum} (local.get $v{i}))");
    }
    sandbox.write(
        "main.wat",
        format!(
            r#"
        (module (memory 1)
          (func $f (export "_start") {locals} {set}
            (call $f)
            (v128.store (i32.const 0) {sum})))"#
        ),
    );
    let outcome = sandbox.wasmaot(&["run", "--stack-size", "1M", "main.wat"]);
    outcome.trap("call stack exhausted", &["main.wat!f"]);
}

#[test]
fn exit_codes_are_the_programs_own() {
    let sandbox = Sandbox::new();
    sandbox.write(
        "exit.wat",
        r#"
        (module
          (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
          (memory (export "memory") 1)
          (func (export "_start") (call $exit (i32.const 7)) unreachable))"#,
    );
    let outcome = sandbox.wasmaot(&["run", "exit.wat"]);
    assert_eq!(outcome.code, Some(7), "{outcome:#?}");
    assert!(outcome.stderr.is_empty(), "{outcome:#?}");
}

/// A library whose function divides in one that clang inlines.
const LIBRARY: &str = "\
static inline __attribute__((always_inline)) int divide(int a, int b) {
  return a / b;
}
__attribute__((visibility(\"default\"))) int quotient(int x) {
  int sum = 1;
  sum += divide(10, x);
  return sum;
}
";

/// A program that calls it, through a function that our compiler inlines.
const PROGRAM: &str = "\
int quotient(int);
static volatile int zero;
static __attribute__((noinline)) int once(int x) {
  return 1 + quotient(x);
}
__attribute__((visibility(\"default\"))) void _start(void) {
  zero = 0;
  zero =
      once(zero);
}
";

/// What there is of a frame in the sources: function, file, line.
const FRAMES: [(&str, &str, &str, u32); 4] = [
    ("lib.so", "divide", "lib.c", 2),
    ("lib.so", "quotient", "lib.c", 6),
    ("main.wasm", "once", "main.c", 4),
    ("main.wasm", "_start", "main.c", 9),
];

/// Builds both in a directory.
fn build_sources(sandbox: &Sandbox, debug: &str, link: &[&str]) {
    sandbox.write("lib.c", LIBRARY);
    sandbox.write("main.c", PROGRAM);
    let directory = sandbox.path("");
    for name in ["lib", "main"] {
        let mut clang = tools().clang.command();
        clang.args(["--target=wasm32-wasip1", "-O2", "-fPIC", "-nostdlib", debug]);
        clang.args(["-c", &format!("{name}.c"), "-o", &format!("{name}.o")]);
        succeed(clang.current_dir(&directory));
    }
    let shared = ["-shared", "lib.o", "-o", "lib.so"];
    let program = [
        "-pie",
        "--import-memory",
        "main.o",
        "lib.so",
        "-o",
        "main.wasm",
    ];
    for what in [&shared[..], &program[..]] {
        let mut linker = tools().wasm_ld.command();
        linker.args(["--experimental-pic", "-Bdynamic"]);
        succeed(linker.args(link).args(what).current_dir(&directory));
    }
}

fn succeed(command: &mut Command) -> String {
    let output = command.output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(output.status.success(), "{}", text(&output.stderr));
    text(&output.stdout)
}

/// The frames of a trap: object, function, offset, place in the source.
fn frames(stderr: &str) -> Vec<(String, String, String, Option<String>)> {
    let lines = stderr.lines().filter_map(|line| line.split_once('!'));
    let frame = |(object, rest): (&str, &str)| {
        let (function, rest) = rest.split_once(" at ").expect("an offset");
        let (offset, place) = match rest.split_once(' ') {
            Some((offset, place)) => (offset, Some(place.trim_matches(['(', ')']).to_owned())),
            None => (rest, None),
        };
        let object = object.rsplit(' ').next().unwrap_or(object);
        let object = object.trim_end_matches(".elf");
        (
            object.to_owned(),
            function.to_owned(),
            offset.to_owned(),
            place,
        )
    };
    lines.map(frame).collect()
}

/// What llvm-symbolizer says of an offset: functions and places.
fn symbolize(module: &Path, offset: &str) -> Vec<(String, String)> {
    let mut symbolizer = tools().symbolizer.command();
    let text = succeed(symbolizer.arg("-e").arg(module).arg(offset));
    let lines: Vec<&str> = text.lines().filter(|line| !line.is_empty()).collect();
    let pairs = lines.chunks_exact(2);
    pairs
        .map(|pair| (pair[0].to_owned(), pair[1].to_owned()))
        .collect()
}

#[test]
fn frames_have_their_lines() {
    for debug in ["-gdwarf-4", "-gdwarf-5"] {
        let sandbox = Sandbox::new();
        build_sources(&sandbox, debug, &[]);
        let run = |args: &[&str]| {
            let outcome = sandbox.wasmaot(args);
            outcome.trap("integer divide by zero", &[]);
            let frames = frames(&outcome.stderr);
            assert_eq!(frames.len(), FRAMES.len(), "{outcome:#?}");
            for (frame, (object, function, file, line)) in frames.iter().zip(FRAMES) {
                assert_eq!((&*frame.0, &*frame.1), (object, function), "{outcome:#?}");
                let place = frame.3.as_deref().unwrap_or_default();
                let wanted = format!("/{file}:{line}:");
                assert!(place.contains(&wanted), "no {wanted} in {place}");
            }
            frames
        };
        let unoptimised = run(&["run", "-O0", "main.wasm"]);
        assert_eq!(run(&["run", "-O2", "main.wasm"]), unoptimised);

        // The offsets are what tools take, which say the same of them.
        for pair in unoptimised.chunk_by(|a, b| (&a.0, &a.2) == (&b.0, &b.2)) {
            let (object, _, offset, _) = &pair[0];
            let theirs = symbolize(&sandbox.path(object), offset);
            let ours = pair.iter().map(|f| (f.1.clone(), f.3.clone().unwrap()));
            assert_eq!(theirs, ours.collect::<Vec<_>>());
        }

        // Across objects, too.
        sandbox
            .wasmaot(&["build", "--prelink", "main.wasm", "lib.so"])
            .success();
        assert_eq!(run(&["run", "main.wasm.elf"]), unoptimised);
    }
}

#[test]
fn modules_without_lines_have_offsets_for_tools() {
    let sandbox = Sandbox::new();
    build_sources(&sandbox, "-g", &["--strip-debug"]);
    let outcome = sandbox.wasmaot(&["run", "main.wasm"]);
    outcome.trap("integer divide by zero", &[]);
    let stripped = frames(&outcome.stderr);
    // What clang has inlined is known by its DWARF alone.
    let names: Vec<_> = stripped.iter().map(|f| &*f.1).collect();
    assert_eq!(names, ["quotient", "once", "_start"], "{outcome:#?}");
    assert!(stripped.iter().all(|f| f.3.is_none()), "{outcome:#?}");

    let whole = Sandbox::new();
    build_sources(&whole, "-g", &[]);
    let found = stripped.iter().map(|f| symbolize(&whole.path(&f.0), &f.2));
    let lines: Vec<_> = found.flatten().map(|(function, _)| function).collect();
    assert_eq!(lines, FRAMES.map(|frame| frame.1));
}

#[test]
fn damaged_debug_sections_are_no_error() {
    let sandbox = Sandbox::new();
    build_sources(&sandbox, "-g", &[]);
    let module = std::fs::read(sandbox.path("lib.so")).unwrap();
    let options = Options {
        opt_level: OptLevel::None,
        ..Options::default()
    };
    let mut compiled = 0;
    let sections = wasmparser::Parser::new(0)
        .parse_all(&module)
        .map(Result::unwrap);
    let debug = sections.filter_map(|payload| match payload {
        wasmparser::Payload::CustomSection(s) if s.name().starts_with(".debug_") => {
            Some(s.data_offset() as usize..s.range().end as usize)
        }
        _ => None,
    });
    for at in debug.flatten().step_by(3) {
        for byte in [0x00, 0x01, 0x7f, 0xff] {
            let mut bad = module.clone();
            bad[at] = byte;
            let object = compile("lib.so", &bad, &options, Emit::So);
            assert!(object.is_ok(), "byte {byte:#x} at {at}: {:?}", object.err());
            compiled += 1;
        }
    }
    assert!(compiled > 500, "{compiled}");
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
