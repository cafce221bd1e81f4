//! `<dlfcn.h>` for wasm programs: what is special to this linker. That it is
//! as the host's is shown case by case in `tests/link`.

#![cfg(feature = "compiler")]

use std::path::{Path, PathBuf};
use std::process::Command;

use wasmaot_testkit::{
    Code, Kind, Link, Scratch, Wasmaot, libc, library_directory, object, own_headers, run, scratch,
    sources,
};

fn source(name: &str) -> PathBuf {
    sources().join("dl").join(name)
}

fn include() -> String {
    format!("-I{}", own_headers().display())
}

fn program(name: &str, kind: Kind) -> PathBuf {
    let code = if kind == Kind::Pie {
        Code::Pic
    } else {
        Code::Fixed
    };
    let object = object(&source(name), code, &[&include()]);
    Link::new(kind, "main.wasm", vec![object], vec![])
        .flag("--unresolved-symbols=import-dynamic")
        .make()
}

fn library(name: &str, source_name: &str) -> PathBuf {
    let object = object(&source(source_name), Code::Pic, &[]);
    Link::new(Kind::Shared, name, vec![object], vec![]).make()
}

/// A directory with a program and the libraries that it opens.
fn directory(name: &str, main: &Path, libraries: &[PathBuf]) -> Scratch {
    let place = scratch(name);
    std::fs::copy(main, place.join("main.wasm")).unwrap();
    for library in libraries {
        let name = library.file_name().unwrap();
        std::fs::copy(library, place.join(name)).unwrap();
    }
    place
}

fn wasmaot(place: &Scratch, args: &[&str]) -> Command {
    let mut command = Wasmaot::new(env!("CARGO_BIN_EXE_wasmaot")).run_command();
    command.arg(place.join("main.wasm")).arg("--").args(args);
    command
}

#[test]
fn a_library_is_opened_and_called() {
    let world = library("dlworld.wasm", "world.c");
    for kind in [Kind::Pie, Kind::NoPie] {
        let place = directory(
            "world",
            &program("main.c", kind),
            std::slice::from_ref(&world),
        );
        run(&mut wasmaot(&place, &[])).expect(0, "World!\n");

        let missing = run(&mut wasmaot(&place, &["nowhere.wasm"]));
        missing.expect_code(134);
        assert!(missing.stdout.contains("nowhere.wasm"), "{missing:?}");
        let symbol = run(&mut wasmaot(&place, &["dlworld.wasm", "nothing"]));
        symbol.expect_code(1);
        assert!(
            symbol.stdout.contains("undefined symbol: nothing"),
            "{symbol:?}"
        );
    }
}

#[test]
fn only_granted_directories_are_opened() {
    let world = library("dlworld.wasm", "world.c");
    let place = directory("granted", &program("main.c", Kind::Pie), &[]);
    let elsewhere = directory("elsewhere", &world, std::slice::from_ref(&world));
    let path = elsewhere.join("dlworld.wasm");
    let path = path.to_str().unwrap();
    let refused = run(&mut wasmaot(&place, &[path]));
    refused.expect_code(134);
    assert!(refused.stdout.contains("dlworld.wasm"), "{refused:?}");

    let main = place.join("main.wasm");
    let granted = |dir: &str, name: &str| {
        let mut command = Wasmaot::new(env!("CARGO_BIN_EXE_wasmaot")).run_command();
        command.args(["--dir", dir]).arg(&main).args(["--", name]);
        run(&mut command)
    };
    let host = elsewhere.display();
    granted(&format!("{host}"), path).expect(0, "World!\n");
    granted(&format!("{host}::/plugins"), "/plugins/dlworld.wasm").expect(0, "World!\n");
    granted(&format!("{host}::/plugins"), "/plugins/../dlworld.wasm").expect_code(134);
}

#[test]
fn many_rounds_at_constant_memory() {
    let counter = library("counter.wasm", "counter.c");
    let place = directory("rounds", &program("rounds.c", Kind::Pie), &[counter]);
    let rounds = "20000";
    let mut command = wasmaot(&place, &[rounds]);
    command.env_remove("WASMAOT_CHECK");
    run(&mut command).expect(0, &format!("{rounds} rounds, constant memory\n"));
}

#[test]
fn a_stale_pointer_traps() {
    let counter = library("counter.wasm", "counter.c");
    let place = directory("stale", &program("stale.c", Kind::Pie), &[counter]);
    let ended = run(&mut wasmaot(&place, &[]));
    ended.expect(134, "42\n");
    assert!(
        ended.stderr.contains("wasm trap: uninitialized element"),
        "{ended:?}"
    );
}

/// A program that was linked with the SDK's `libdl.so`, which is not to be had
/// where it runs: the loader stands in for it.
#[test]
fn a_needed_libdl_may_be_nowhere() {
    let libdl = library_directory().join("libdl.so");
    let main = object(&source("main.c"), Code::Pic, &[&include()]);
    let main = Link::new(Kind::Pie, "main.wasm", vec![main], vec![libdl]).make();
    let world = library("dlworld.wasm", "world.c");
    let place = directory("libdl", &main, &[world, libc()]);
    let start = |subcommand: &str, args: &[&str]| {
        let mut command = Wasmaot::new(env!("CARGO_BIN_EXE_wasmaot")).command(subcommand);
        run(command.args(args).arg(place.join("main.wasm")))
    };
    start("run", &[]).expect(0, "World!\n");
    start("run", &["--bind=lazy", "--lazy-load"]).expect(0, "World!\n");
    let listed = start("ldd", &[]);
    listed.expect_code(0);
    assert!(
        listed.stdout.contains("libdl.so => the loader\n"),
        "{listed:?}"
    );
}

/// The stubs of the SDK are replaced, which the trace says, or kept.
#[test]
fn stubs_are_replaced_unless_told_not_to() {
    let libdl = library_directory().join("libdl.so");
    let main = object(&source("main.c"), Code::Pic, &[&include()]);
    let main = Link::new(Kind::Pie, "main.wasm", vec![main], vec![libdl]).make();
    let world = library("dlworld.wasm", "world.c");
    let place = directory("stubs", &main, &[world]);
    let main = place.join("main.wasm");
    let start = |args: &[&str]| {
        let mut command = Wasmaot::new(env!("CARGO_BIN_EXE_wasmaot")).run_command();
        run(command
            .env("WASMAOT_DEBUG", "bindings")
            .args(args)
            .arg(&main))
    };
    let replaced = start(&[]);
    replaced.expect(0, "World!\n");
    let line = "dlopen: that of libdl.so is a stub, the loader's takes its place";
    assert!(replaced.stderr.contains(line), "{replaced:?}");
    let kept = start(&["--dl-stubs", "keep"]);
    kept.expect_code(134);
    assert!(!kept.stderr.contains(line), "{kept:?}");
    // What is preloaded is meant, what is merely loaded with the program is not.
    let libdl = library_directory().join("libdl.so");
    let libdl = libdl.to_str().unwrap();
    start(&["--lib", libdl]).expect(0, "World!\n");
    start(&["--preload", libdl]).expect_code(134);
    let explained = start(&["--explain", "dlopen"]);
    let why = "main.wasm calls it: bound to the host, that of libdl.so is a stub";
    assert!(explained.stdout.contains(why), "{explained:?}");
}

/// A program that is no dynamic main can open nothing: it is told so, in memory
/// that is its own.
#[test]
fn a_static_program_gets_errors() {
    let main = object(&source("static.c"), Code::Fixed, &[&include()]);
    let link = |flag: &str| {
        let start = library_directory().join("crt1-command.o");
        let libc = library_directory().join("libc.a");
        Link::new(
            Kind::NoPie,
            "main.wasm",
            vec![start, main.clone(), libc],
            vec![],
        )
        .freestanding()
        .flag("--allow-undefined")
        .flag(flag)
        .make()
    };
    let texts = "the program is not linked dynamically: it can open nothing\n\
                 undefined symbol: nothing (in the global scope)\n";
    // The text is in memory of its `malloc`, in new memory, or there is no room.
    for (flag, texts) in [
        ("--export=free", texts),
        ("--gc-sections", texts),
        ("--no-growable-memory", "\n\n"),
    ] {
        let place = directory("static", &link(flag), &[]);
        let ended = run(&mut wasmaot(&place, &[]));
        ended.expect(0, &format!("{texts}0 0 1000\n"));
    }
}

#[test]
fn a_library_stays_while_its_constructor_closes_it() {
    let place = scratch("closes_itself");
    let module = |body: &str| {
        format!(
            r#"(module (@dylink.0 (mem-info (memory 32 4)))
                 (import "env" "memory" (memory 1))
                 (import "env" "__memory_base" (global $base i32))
                 (import "env" "dlopen" (func $dlopen (param i32 i32) (result i32)))
                 (import "env" "dlclose" (func $dlclose (param i32) (result i32)))
                 (data (global.get $base) "a.wat\00")
                 {body})"#
        )
    };
    let main = module(
        r#"(func (export "_start") (local $h i32)
             (local.set $h (call $dlopen (global.get $base) (i32.const 2)))
             (if (call $dlclose (local.get $h)) (then unreachable))
             (if (i32.eqz (call $dlclose (local.get $h))) (then unreachable)))"#,
    );
    // Of its closes the first is of its own handle, the others of none.
    let library = module(
        r#"(func (export "__wasm_call_ctors") (local $h i32)
             (local.set $h (call $dlopen (global.get $base) (i32.const 2)))
             (if (call $dlclose (local.get $h)) (then unreachable))
             (if (i32.eqz (call $dlclose (local.get $h))) (then unreachable))
             (if (i32.eqz (call $dlclose (local.get $h))) (then unreachable)))"#,
    );
    std::fs::write(place.join("main.wat"), main).unwrap();
    std::fs::write(place.join("a.wat"), library).unwrap();
    let mut command = Wasmaot::new(env!("CARGO_BIN_EXE_wasmaot")).run_command();
    run(command.arg(place.join("main.wat"))).expect(0, "");
}
