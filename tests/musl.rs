//! Programs whose libc is musl itself, unchanged but for an architecture, as a
//! shared library on the system calls of the host.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::slice::from_ref;

use wasmaot_testkit::{
    Artifact, Run, Wasmaot, crate_sources, executable, musl, run, scratch, sources,
};

/// Builds one of the C files.
fn program(source: &str) -> PathBuf {
    let object = musl().object(&sources().join(source), &[]);
    musl().program(vec![object], &[])
}

/// A command that runs a program with libraries beside libc.
fn command(libraries: &[PathBuf]) -> Command {
    let mut command = Wasmaot::new(env!("CARGO_BIN_EXE_wasmaot")).command("run");
    for library in libraries.iter().chain([&musl().libc]) {
        command.arg("-L").arg(library.parent().unwrap());
    }
    command
}

/// Runs a program with options of `wasmaot run` and arguments of its own.
fn run_with(source: &str, options: &[&str], args: &[&str]) -> Run {
    let program = program(source);
    run(command(&[]).args(options).arg(program).arg("--").args(args))
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
fn nothing_is_missing_but_the_system_calls_that_the_host_has() {
    let mut ldd = Wasmaot::new(env!("CARGO_BIN_EXE_wasmaot")).command("ldd");
    ldd.arg("-L").arg(musl().libc.parent().unwrap());
    let run = run(ldd.arg(program("hello/main.c")));
    run.expect(0, &format!("\tlibc.so => {}\n", musl().libc.display()));
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
    let object = |name: &str| vec![musl().object(&source(name), &[])];
    let base = musl().library("libbase.so", object("base.c"), &[]);
    let middle = musl().library("libmiddle.so", object("middle.c"), from_ref(&base));
    let top = musl().library("libtop.so", object("top.c"), from_ref(&middle));
    let libraries = [top, middle, base];
    let program = musl().program(object("main.c"), &libraries);
    let expected = fs::read_to_string(source("expected")).unwrap();
    run(command(&libraries).arg(program)).expect(0, &expected);
}

/// A library that others wrote, with files.
#[test]
fn zlib_compresses() {
    let directory = crate_sources("libz-sys", "1.1.31").join("src/zlib");
    let mut files: Vec<PathBuf> = fs::read_dir(&directory)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|e| e == "c"))
        .collect();
    files.sort();
    let flags = ["-w", "-DHAVE_UNISTD_H"];
    let objects = files.iter().map(|file| musl().object(file, &flags));
    let libraries = [musl().library("libz.so", objects.collect(), &[])];
    let main = sources().join("real/zlib.c");
    let include = format!("-I{}", directory.display());
    let program = musl().program(vec![musl().object(&main, &[&include])], &libraries);

    let host = executable(&Artifact {
        name: "main".to_owned(),
        sources: [files, vec![main]].concat(),
        flags: vec![include, "-DHAVE_UNISTD_H".to_owned()],
        ..Artifact::default()
    });
    let (here, there) = (scratch("musl-zlib"), scratch("musl-zlib-host"));
    let expected = run(Command::new(host).arg("text.gz").current_dir(&*there));
    let option = format!("{}::.", here.display());
    let options = ["--dir", &option];
    let run = run(command(&libraries)
        .args(options)
        .arg(program)
        .args(["--", "text.gz"]));
    run.expect(expected.code.unwrap(), &expected.stdout);
    let written = fs::read(here.join("text.gz")).unwrap();
    assert!(written == fs::read(there.join("text.gz")).unwrap());
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

/// Locks are the kernel's: SQLite has no databases without them.
#[test]
fn ranges_of_files_are_locked() {
    let directory = scratch("musl-locks");
    let host = native("musl/locks.c", &[&directory.display().to_string()]);
    host.expect_code(0);
    let option = format!("{}::/work", directory.display());
    run_with("musl/locks.c", &["--dir", &option], &["/work"]).expect(0, &host.stdout);
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

/// musl's libc.so defines `dlopen` and its like for programs without a dynamic
/// linker: there they fail. Its header has the numbers that wasi-libc's has, but
/// for `RTLD_LOCAL`.
#[test]
fn libraries_are_opened_in_spite_of_the_stubs_in_libc() {
    let object = |name: &str| vec![musl().object(&sources().join("musl").join(name), &[])];
    let main = musl().program(object("opens.c"), &[]);
    let plug = musl().library("libplug.so", object("opened.c"), &[]);
    let place = scratch("musl-opens");
    for (file, name) in [(&main, "main.wasm"), (&plug, "libplug.so")] {
        fs::copy(file, place.join(name)).unwrap();
    }
    let ended = run(command(&[]).arg(place.join("main.wasm")));
    ended.expect(0, "1 5\n0 1\n1 0\n");
    let kept = run(command(&[])
        .args(["--dl-stubs", "keep"])
        .arg(place.join("main.wasm")));
    kept.expect(1, "Dynamic loading not supported\n");
}
