//! Core dumps of programs that have trapped.

use std::fs::File;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::Path;

use wasmaot_runtime::Config;
use wasmaot_testkit::{run, tools};

use super::program;
use super::session::{dumping, module, wasmaot};

/// What gdb says of a dump of the command.
pub fn opened(dump: &Path, commands: &[&str]) -> String {
    let program = wasmaot(Path::new(""), "-O0");
    opened_with(Path::new(program.get_program()), dump, commands)
}

fn opened_with(program: &Path, dump: &Path, commands: &[&str]) -> String {
    let mut gdb = tools().gdb.command();
    // What a host brings for gdb is its own.
    gdb.args(["-nx", "-batch", "-iex", "set auto-load no"]);
    for command in commands {
        gdb.args(["-ex", command]);
    }
    let ran = run(gdb.arg(program).arg(dump));
    assert!(!ran.stderr.contains("warning"), "{ran:#?}");
    ran.stdout
}

#[test]
fn a_core_dump_has_frames_variables_and_memory_of_a_program_that_trapped() {
    let directory = tempfile::tempdir().unwrap();
    let dump = directory.path().join("core");
    let crash = module("crash.c", "-O0");
    run(dumping("-O0", &dump).arg(&crash).arg("ends")).expect_code(42);
    assert!(!dump.exists(), "a program that did not trap leaves none");

    let ran = run(dumping("-O0", &dump).arg(&crash));
    ran.expect_code(134);
    assert!(!ran.stderr.contains("no core dump"), "{ran:#?}");
    let about = dump.metadata().unwrap();
    assert_eq!(about.permissions().mode() & 0o777, 0o600);
    // Memory has pages that nothing has touched.
    assert!(about.blocks() * 512 < about.len(), "{about:?}");

    let commands = [
        "bt",
        "frame 1",
        "print *node",
        "print text",
        "frame 4",
        "print answer",
        "print first.next->value",
    ];
    let said = opened(&dump, &commands);
    for part in [
        "signal SIGSEGV",
        "#0  ",
        "deep (node=",
        "depth=0) at",
        "#4  ",
        " in main (argc=1, ",
        "= {value = 2, next = 0x0}",
        "= \"deep",
        "= 42",
        "= 2\n",
    ] {
        assert!(said.contains(part), "no {part}: {said:#?}");
    }

    let nowhere = directory.path().join("missing/core");
    let ran = run(dumping("-O0", &nowhere).arg(&crash));
    ran.expect_code(134);
    assert!(
        ran.stderr.contains("warning: no core dump: cannot write"),
        "{ran:#?}"
    );
}

#[test]
fn a_trap_in_a_constructor_leaves_a_core_dump_too() {
    let directory = tempfile::tempdir().unwrap();
    let module = module("ctor.c", "-O0");
    let started = directory.path().join("started.wat");
    // By a start function, before anything of C.
    let text = "(module (func $boot unreachable) (start $boot) (func (export \"_start\")))";
    std::fs::write(&started, text).unwrap();
    for (program, frames, line) in [
        (&module, ["touch", "boot"], "ctor.c:5"),
        (&started, ["boot", ""], ""),
    ] {
        let dump = directory.path().join("core");
        let ran = run(dumping("-O0", &dump).arg(program));
        ran.expect_code(134);
        assert!(ran.stderr.contains("wasm trap: "), "{ran:#?}");
        for frame in frames.iter().chain([&line]) {
            assert!(ran.stderr.contains(frame), "{frame}: {ran:#?}");
        }
        let said = opened(&dump, &["bt"]);
        for frame in frames.iter().chain([&line]) {
            assert!(said.contains(frame), "{frame}: {said}");
        }
        std::fs::remove_file(dump).unwrap();
    }
}

/// A thread that runs, another that waits in a host function, and the first one, which traps
/// with a number in a vector register. A second one does so where the first is to wait.
pub const THREADS: &str = r#"(module
  (import "wasi" "thread-spawn" (func $spawn (param i32) (result i32)))
  (memory (export "memory") 1 1 shared)
  (func $spins
    (drop (i32.atomic.rmw.add (i32.const 0) (i32.const 1)))
    (loop $again (br $again)))
  (func $waits
    (drop (i32.atomic.rmw.add (i32.const 0) (i32.const 1)))
    (drop (memory.atomic.wait32 (i32.const 8) (i32.const 0) (i64.const -1))))
  (func $starts (export "wasi_thread_start") (param i32 i32)
    (if (i32.eq (local.get 1) (i32.const 2))
      (then
        (call $until_all_run)
        (call $fails (f64.const 1.5))))
    (if (local.get 1) (then (call $spins)) (else (call $waits))))
  (func $fails (param f64) (f64.store (i32.const -8) (local.get 0)))
  (func $until_all_run
    (loop $again
      (br_if $again (i32.lt_u (i32.atomic.load (i32.const 0)) (i32.const 2)))))
  (func $starts_all (export "_start")
    (drop (call $spawn (i32.const 0)))
    (drop (call $spawn (i32.const FIRST)))
    (if (i32.eq (i32.const FIRST) (i32.const 2)) (then (call $spins)))
    (call $until_all_run)
    (call $fails (f64.const 1.5))))"#;

#[test]
fn a_core_dump_has_all_threads_and_their_vector_registers() {
    let directory = tempfile::tempdir().unwrap();
    let dump = directory.path().join("core");
    // The first thread traps, or another one.
    for (second, first) in [("1", "_start"), ("2", "wasi_thread_start")] {
        let program = directory.path().join("threads.wat");
        std::fs::write(&program, THREADS.replace("FIRST", second)).unwrap();
        run(dumping("-O0", &dump).arg(&program)).expect_code(134);
        let commands = [
            "bt",
            "print $xmm0.v2_double[0]",
            "thread apply all bt",
            "info threads",
        ];
        let said = opened(&dump, &commands);
        let (own, all) = said
            .split_once("$1 = 1.5")
            .unwrap_or_else(|| panic!("{said}"));
        for frame in ["in fails ", first] {
            assert!(own.contains(frame), "{frame}: {said}");
        }
        for frame in ["in fails ", "in spins ", "in waits ", "in _start "] {
            assert!(all.contains(frame), "{frame}: {said}");
        }
        assert_eq!(all.matches("\nThread ").count(), 3, "{said}");
    }
}

#[test]
fn a_core_dump_of_a_host_whose_place_is_chosen_when_it_starts_has_names() {
    let directory = tempfile::tempdir().unwrap();
    let dump = directory.path().join("core");
    // This test is such a host.
    let config = Config {
        core_dumps: true,
        ..program::config()
    };
    let text = r#"(module (func $inner unreachable) (func (export "outer") (call $inner)))"#;
    let mut program = program::load(text, &[], config).unwrap();
    let trap = program.trap("outer");
    let mut file = File::create(&dump).unwrap();
    program.process.write_core_dump(&trap, &mut file).unwrap();
    let said = opened_with(&std::env::current_exe().unwrap(), &dump, &["bt 2"]);
    assert!(said.contains(" in outer "), "{said}");
}
