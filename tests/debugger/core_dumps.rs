//! Core dumps of programs that have trapped.

use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};

use wasmaot_testkit::{run, tools};

use super::session::{module, wasmaot};

#[test]
fn a_core_dump_has_frames_variables_and_memory_of_a_program_that_trapped() {
    let directory = tempfile::tempdir().unwrap();
    let dump = directory.path().join("core");
    let crash = module("crash.c", "-O0");
    let command = wasmaot(&crash, "-O0");
    // The option stands before the program.
    let before = |dump| {
        let whole = wasmaot(&crash, "-O0");
        let mut command = std::process::Command::new(whole.get_program());
        command.envs(whole.get_envs().filter_map(|(k, v)| Some((k, v?))));
        command.args(["run", "--coredump"]).arg(dump);
        command.args(whole.get_args().skip(1));
        command
    };
    run(before(&dump).arg("ends")).expect_code(42);
    assert!(!dump.exists(), "a program that did not trap leaves none");

    let ran = run(&mut before(&dump));
    ran.expect_code(134);
    assert!(!ran.stderr.contains("no core dump"), "{ran:#?}");
    let about = dump.metadata().unwrap();
    assert_eq!(about.permissions().mode() & 0o777, 0o600);
    // Memory has pages that nothing has touched.
    assert!(about.blocks() * 512 < about.len(), "{about:?}");

    let mut gdb = tools().gdb.command();
    gdb.args(["-nx", "-batch"]);
    for command in [
        "bt",
        "frame 1",
        "print *node",
        "print text",
        "frame 4",
        "print answer",
        "print first.next->value",
    ] {
        gdb.args(["-ex", command]);
    }
    let said = run(gdb.arg(command.get_program()).arg(&dump));
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
        assert!(said.stdout.contains(part), "no {part}: {said:#?}");
    }

    let nowhere = directory.path().join("missing/core");
    let ran = run(&mut before(&nowhere));
    ran.expect_code(134);
    assert!(
        ran.stderr.contains("warning: no core dump: cannot write"),
        "{ran:#?}"
    );
}
