//! Sysroots: what is built against one does what it does on the host; and the
//! command that makes them.

#![cfg(feature = "compiler")]

mod install;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::slice::from_ref;

use wasmaot_testkit::{
    Artifact, Musl, Wasmaot, executable, musl, musl_with_threads, run, shared_object, sources,
};

fn source(name: &str) -> PathBuf {
    sources().join("sysroot").join(name)
}

/// The same files as a program of the host.
fn native(files: &[&str], libraries: &[PathBuf], flags: &[&str]) -> PathBuf {
    executable(&artifact("main", files, libraries, flags))
}

fn artifact(name: &str, files: &[&str], libraries: &[PathBuf], flags: &[&str]) -> Artifact {
    Artifact {
        name: name.to_owned(),
        sources: files.iter().map(|file| source(file)).collect(),
        libraries: libraries.to_vec(),
        flags: flags.iter().copied().map(str::to_owned).collect(),
    }
}

/// Runs a program here and on the host: both have to say the same.
fn as_on_the_host(musl: &Musl, program: &Path, libraries: &[PathBuf], native: &Path) {
    let mut there = Command::new(native);
    let mut here = Wasmaot::new(env!("CARGO_BIN_EXE_wasmaot")).command("run");
    // What is built is large, what is run is not.
    here.arg("-O0");
    for library in libraries.iter().chain([&musl.libc]) {
        here.arg("-L").arg(library.parent().expect("it is a file"));
    }
    let expected = run(&mut there);
    run(here.arg(program)).expect(expected.code.expect("it ends"), &expected.stdout);
}

#[test]
fn a_program_jumps() {
    let musl = musl();
    let program = musl.program(vec![musl.object(&source("jumps.c"), &[])], &[]);
    as_on_the_host(musl, &program, &[], &native(&["jumps.c"], &[], &[]));
}

/// Thrown in one library, rethrown in another, caught in the program, by types
/// that all three have.
#[test]
fn exceptions_pass_through_libraries() {
    let musl = musl().in_cxx();
    let object = |name: &str| vec![musl.object(&source(name), &["-std=c++17"])];
    let find = musl.library("libfind.so", object("find.cpp"), &[]);
    let twice = musl.library("libtwice.so", object("twice.cpp"), from_ref(&find));
    let libraries = [twice, find];
    let program = musl.program(object("errors.cpp"), &libraries);

    let flags = &["-std=c++17", "-lstdc++"];
    let find = shared_object(&artifact("libfind.so", &["find.cpp"], &[], flags));
    let rpath = |library: &Path| format!("-Wl,-rpath,{}", library.parent().unwrap().display());
    let twice = shared_object(&artifact(
        "libtwice.so",
        &["twice.cpp"],
        from_ref(&find),
        flags,
    ));
    let (to_find, to_twice) = (rpath(&find), rpath(&twice));
    let flags = &["-std=c++17", "-lstdc++", &to_find, &to_twice];
    let native = native(&["errors.cpp"], &[twice, find], flags);
    as_on_the_host(&musl, &program, &libraries, &native);
}

#[test]
fn threads_throw_each_to_itself() {
    let musl = musl_with_threads().in_cxx();
    let flags = &["-std=c++17", "-pthread"];
    let object = musl.object(&source("threads.cpp"), flags);
    let program = musl.program(vec![object], &[]);
    let flags = &["-std=c++17", "-pthread", "-lstdc++"];
    as_on_the_host(&musl, &program, &[], &native(&["threads.cpp"], &[], flags));
}
