//! Programs whose libc is musl itself, unchanged but for an architecture, as a
//! shared library on the system calls of the host.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use wasmaot_testkit::{Artifact, Run, Wasmaot, executable, musl, run, scratch, sources};

/// Builds one of the C files.
fn program(source: &str) -> PathBuf {
    musl().program(&sources().join(source), &[])
}

/// Runs a program with options of `wasmaot run` and arguments of its own.
fn run_with(source: &str, options: &[&str], args: &[&str]) -> Run {
    let program = program(source);
    let mut command = Wasmaot::new(env!("CARGO_BIN_EXE_wasmaot")).command("run");
    command.arg("-L").arg(musl().library_directory());
    run(command.args(options).arg(program).arg("--").args(args))
}

/// What the host says of the same program.
fn native(source: &str, args: &[&str]) -> Run {
    let artifact = Artifact {
        name: "main".to_owned(),
        sources: vec![sources().join(source)],
        ..Artifact::default()
    };
    run(Command::new(executable(&artifact)).args(args))
}

/// Runs a program here and on the host: both have to say the same.
fn as_on_the_host(source: &str) {
    let host = native(source, &[]);
    run_with(source, &[], &[]).expect(host.code.unwrap(), &host.stdout);
}

#[test]
fn hello() {
    as_on_the_host("hello/main.c");
}

#[test]
fn floats_are_printed_and_read() {
    as_on_the_host("musl/floats.c");
}

#[test]
fn the_heap_keeps_what_it_is_given() {
    as_on_the_host("musl/heap.c");
}

#[test]
fn qsort_calls_back() {
    as_on_the_host("musl/sort.c");
}

/// stdout and stderr are data of libc.so.
#[test]
fn data_of_the_library_has_addresses() {
    let run = run_with("hey/main.c", &[], &[]);
    run.expect_code(0);
    let addresses = run.stdout.strip_prefix("hey there: 0x").unwrap().trim_end();
    let (one, two) = addresses.split_once(" 0x").unwrap();
    let number = |text: &str| u64::from_str_radix(text, 16).unwrap();
    assert!(
        number(one) != 0 && number(two) != 0 && one != two,
        "{run:#?}"
    );
}

#[test]
fn arguments_and_environment_reach_main() {
    let options = ["--env", "WASMAOT_TEST_VALUE=some value"];
    let run = run_with("musl/arguments.c", &options, &["one", "", "a b"]);
    run.expect(
        7,
        "argument 1 one\nargument 2 \nargument 3 a b\nvalue some value\n\
         /etc/passwd: No such file or directory\nnot yet flushed",
    );
    assert_eq!(run.stderr, "on the side\n");
}

/// Libraries beside libc, whose constructors print before main has set libc up.
#[test]
fn libraries_start_before_main_and_end_after_it() {
    let source = |name: &str| sources().join("constructors").join(name);
    let base = musl().library("libbase.so", &source("base.c"), &[]);
    let middle = musl().library("libmiddle.so", &source("middle.c"), &[base.clone()]);
    let top = musl().library("libtop.so", &source("top.c"), &[middle.clone()]);
    let libraries = [top, middle, base];
    let program = musl().program(&source("main.c"), &libraries);
    let mut command = Wasmaot::new(env!("CARGO_BIN_EXE_wasmaot")).command("run");
    for library in libraries.iter().chain([&musl().libc]) {
        command.arg("-L").arg(library.parent().unwrap());
    }
    let expected = fs::read_to_string(source("expected")).unwrap();
    run(command.arg(program)).expect(0, &expected);
}

/// A directory with a file, a directory and links that lead in and out.
fn fill(directory: &Path) {
    fs::create_dir_all(directory.join("in/sub")).unwrap();
    fs::write(directory.join("in/file"), "12345").unwrap();
    fs::write(directory.join("in/sub/deep"), "").unwrap();
    fs::write(directory.join("secret"), "secret").unwrap();
    symlink("sub/deep", directory.join("in/link")).unwrap();
}

#[test]
fn a_granted_directory_is_listed() {
    let directory = scratch("musl-list");
    fill(&directory);
    let granted = directory.join("in").display().to_string();
    let host = native("musl/list.c", &[&granted]);
    let option = format!("{granted}::/data");
    for path in ["/data", "data/", "/data/sub/..", "/x/../data"] {
        run_with("musl/list.c", &["--dir", &option], &[path]).expect(0, &host.stdout);
    }
}

#[test]
fn no_path_leads_out_of_a_granted_directory() {
    let directory = scratch("musl-confined");
    fill(&directory);
    symlink("../secret", directory.join("in/out")).unwrap();
    symlink("/etc", directory.join("in/etc")).unwrap();
    let option = format!("{}::/data", directory.join("in").display());
    let paths = [
        "/",
        "/etc",
        "/data/..",
        "/data/sub/../..",
        "/data/etc",
        "../etc",
    ];
    let run = run_with("musl/list.c", &["--dir", &option], &paths);
    run.expect_code(paths.len() as i32);
    for line in run.stdout.lines() {
        let known = ["No such file or directory", "Operation not permitted"];
        assert!(known.contains(&line), "{run:#?}");
    }
    let run = run_with("musl/list.c", &["--dir", &option], &["/data"]);
    run.expect_code(0);
    assert!(
        run.stdout.contains("out link 777 Operation not permitted"),
        "{run:#?}"
    );
}

#[test]
fn files_are_written_read_and_named() {
    let directory = scratch("musl-files");
    let (here, there) = (directory.join("here"), directory.join("there"));
    fs::create_dir(&here).unwrap();
    fs::create_dir(&there).unwrap();
    let host = native("musl/files.c", &[&there.display().to_string()]);
    let option = format!("{}::/work", here.display());
    run_with("musl/files.c", &["--dir", &option], &["/work"]).expect(0, &host.stdout);
    assert_eq!(fs::read_dir(&here).unwrap().count(), 0);
}

#[test]
fn the_system_answers_for_itself() {
    let run = run_with("musl/clock.c", &[], &[]);
    run.expect(
        134,
        "slept 1\nagree 1\n1971-01-01\nrandom 1\nuname 0 Linux\npages of 4096\nkept 0\nunmapped 0\n\
         poll 2 4 32\nfork -1 Function not implemented\nsocket -1\n",
    );
}
