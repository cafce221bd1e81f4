//! Programs in C against `wasmaot.h`, each linked with both libraries that cargo
//! has built for this test.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// A library that cargo built with this test: beside it, or one folder up.
fn built(name: &str) -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let folders: Vec<&Path> = test.ancestors().skip(1).take(2).collect();
    let mut places = folders.iter().map(|folder| folder.join(name));
    let found = places.find(|place| place.is_file());
    found.unwrap_or_else(|| {
        panic!("{name} is in none of {folders:?}: `cargo test -p wasmaot-capi` builds it")
    })
}

/// Runs a command, which has to succeed.
fn run(command: &mut Command) -> Output {
    let output = command.output();
    let output = output.unwrap_or_else(|error| panic!("{command:?}: {error}; install it"));
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(
        output.status.success(),
        "{command:?}: {}\n{}{}",
        output.status,
        text(&output.stdout),
        text(&output.stderr)
    );
    output
}

/// The C compiler with all warnings that the header has to bear.
fn gcc(standard: &str) -> Command {
    let mut gcc = Command::new("gcc");
    gcc.args([standard, "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-g"]);
    gcc.arg("-I").arg(root().join("include"));
    gcc
}

/// Builds a program in both ways, runs it in a folder with arguments, and
/// compares what it prints.
fn program(source: &Path, args: &[PathBuf], expected: &str) {
    let folder = tempfile::tempdir().unwrap();
    // As it is installed: by its name for programs.
    let shared = built("libwasmaot_capi.so");
    for name in ["libwasmaot.so", "libwasmaot.so.0"] {
        std::os::unix::fs::symlink(&shared, folder.path().join(name)).unwrap();
    }
    let dynamic = folder.path().join("dynamic");
    let mut command = gcc("-std=c99");
    command.arg(source).arg("-o").arg(&dynamic).arg("-pthread");
    command.arg("-L").arg(folder.path()).arg("-lwasmaot");
    run(command.arg(format!("-Wl,-rpath,{}", folder.path().display())));
    let fixed = folder.path().join("static");
    let mut command = gcc("-std=c99");
    command.arg(source).arg("-o").arg(&fixed);
    command.arg(built("libwasmaot_capi.a"));
    run(command.args(["-lgcc_s", "-lm", "-ldl", "-lrt", "-pthread"]));
    for program in [dynamic, fixed] {
        let output = run(Command::new(&program).args(args).current_dir(folder.path()));
        let printed = String::from_utf8(output.stdout).unwrap();
        assert_eq!(printed, expected, "{}", program.display());
    }
}

#[test]
fn the_example_runs() {
    let place = |name: &str| root().join("examples/c").join(name).canonicalize().unwrap();
    let expected = std::fs::read_to_string(place("count.expected")).unwrap();
    program(&place("count.c"), &[place("libcount.wat")], &expected);
}

/// Null pointers, wrong types, things of other processes, use from within a call,
/// and interruption: errors with a text.
#[test]
fn what_is_wrong_is_an_error() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/wrong.c");
    let library = root().join("examples/c/libcount.wat");
    program(&source, &[library.canonicalize().unwrap()], "done\n");
}

/// A module starts threads only where that was asked for; callbacks run on them.
#[test]
fn threads_are_asked_for() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/threads.c");
    program(&source, &[], "done\n");
}

#[test]
fn the_header_is_one_for_every_standard() {
    for standard in ["-std=c99", "-std=c11", "-std=c17", "-std=gnu99"] {
        let header = root().join("include/wasmaot.h");
        run(gcc(standard).args(["-fsyntax-only", "-x", "c"]).arg(header));
    }
}

/// Every function of the header is in the library, and no other of that name.
#[test]
fn header_and_library_have_the_same_functions() {
    let header = std::fs::read_to_string(root().join("include/wasmaot.h")).unwrap();
    let functions = |text: &str| {
        let words = text.split(|c: char| !c.is_alphanumeric() && c != '_' && c != '(');
        let calls = words.filter_map(|word| word.split_once('(').map(|(name, _)| name));
        let mut names: Vec<String> = calls
            .filter(|name| name.starts_with("wasmaot_"))
            .map(str::to_owned)
            .collect();
        names.sort();
        names.dedup();
        names
    };
    let code: String = header
        .split("/*")
        .map(|part| part.split_once("*/").map_or("", |p| p.1))
        .collect();
    let mut declared = functions(&code);
    declared.retain(|name| {
        !["wasmaot_i32", "wasmaot_i64", "wasmaot_f32", "wasmaot_f64"].contains(&&**name)
    });
    let mut nm = Command::new("nm");
    let output = run(nm
        .args(["-D", "--defined-only"])
        .arg(built("libwasmaot_capi.so")));
    let output = String::from_utf8(output.stdout).unwrap();
    let mut defined: Vec<&str> = output
        .lines()
        .filter_map(|line| line.split_whitespace().nth(2))
        .filter(|name| name.starts_with("wasmaot_"))
        .collect();
    defined.sort_unstable();
    assert_eq!(declared, defined);
}
