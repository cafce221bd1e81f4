//! Native code comes from the user alone: nothing that a program can write is
//! run as it is. And what a library is: a file, whatever its names.

#![cfg(feature = "compiler")]

mod cached;
#[path = "../common/mod.rs"]
mod common;
mod identity;
mod known;

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::symlink;
use std::process::Stdio;

use common::{Outcome, Sandbox};
use wasmaot::{Engine, EngineConfig};
use wasmaot_runtime::Finder as _;

/// Opens each of its arguments and says what came of it. Of `-wNAME` and
/// `-tNAME`, in the first directory granted: writes the standard input there,
/// cuts the file; `-cDIR` changes the directory of the Linux host; `-uNAME`
/// calls what the library opened last has by that name.
const OPENER: &str = r#"
    (module (@dylink.0 (mem-info (memory 8192 4)) RUNPATH)
      (import "env" "memory" (memory 1))
      (import "env" "__indirect_function_table" (table 0 funcref))
      (import "env" "__memory_base" (global $base i32))
      (import "env" "dlopen" (func $dlopen (param i32 i32) (result i32)))
      (import "env" "dlsym" (func $dlsym (param i32 i32) (result i32)))
      (import "env" "dlerror" (func $dlerror (result i32)))
      (import "env" "__syscall1" (func $syscall (param i32 i32) (result i32)))
      (import "wasi_snapshot_preview1" "args_sizes_get" (func $sizes (param i32 i32) (result i32)))
      (import "wasi_snapshot_preview1" "args_get" (func $args (param i32 i32) (result i32)))
      (import "wasi_snapshot_preview1" "fd_read" (func $read (param i32 i32 i32 i32) (result i32)))
      (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
      (import "wasi_snapshot_preview1" "fd_close" (func $close (param i32) (result i32)))
      (import "wasi_snapshot_preview1" "path_open"
        (func $path_open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
      (data (global.get $base) "opened\n\00\n\00failed\n\00")
      (global $last (mut i32) (i32.const 0))
      (type $number (func (result i32)))

      (func $len (param $text i32) (result i32) (local $at i32)
        (local.set $at (local.get $text))
        (loop $on
          (if (i32.load8_u (local.get $at)) (then
            (local.set $at (i32.add (local.get $at) (i32.const 1)))
            (br $on))))
        (i32.sub (local.get $at) (local.get $text)))

      (func $at (param i32) (result i32) (i32.add (global.get $base) (local.get 0)))

      (func $put (param $fd i32) (param $from i32) (param $len i32)
        (i32.store (call $at (i32.const 32)) (local.get $from))
        (i32.store (call $at (i32.const 36)) (local.get $len))
        (drop (call $write (local.get $fd) (call $at (i32.const 32)) (i32.const 1) (call $at (i32.const 40)))))

      (func $print (param $text i32)
        (call $put (i32.const 1) (local.get $text) (call $len (local.get $text))))

      (func $open (param $name i32) (param $how i32) (result i32)
        (if (call $path_open (i32.const 3) (i32.const 1) (local.get $name) (call $len (local.get $name))
              (local.get $how) (i64.const 0x1fffffff) (i64.const 0x1fffffff) (i32.const 0)
              (call $at (i32.const 44)))
          (then (call $print (call $at (i32.const 10)))))
        (i32.load (call $at (i32.const 44))))

      (func $copy (param $fd i32)
        (loop $on
          (i32.store (call $at (i32.const 32)) (call $at (i32.const 4096)))
          (i32.store (call $at (i32.const 36)) (i32.const 4096))
          (drop (call $read (i32.const 0) (call $at (i32.const 32)) (i32.const 1) (call $at (i32.const 40))))
          (if (i32.load (call $at (i32.const 40))) (then
            (call $put (local.get $fd) (call $at (i32.const 4096)) (i32.load (call $at (i32.const 40))))
            (br $on))))
        (drop (call $close (local.get $fd))))

      (func $do (param $word i32) (local $name i32)
        (local.set $name (i32.add (local.get $word) (i32.const 2)))
        (if (i32.eq (i32.load16_u (local.get $word)) (i32.const 0x772d)) (then
          (call $copy (call $open (local.get $name) (i32.const 9)))
          (return)))
        (if (i32.eq (i32.load16_u (local.get $word)) (i32.const 0x742d)) (then
          (drop (call $close (call $open (local.get $name) (i32.const 8))))
          (return)))
        (if (i32.eq (i32.load16_u (local.get $word)) (i32.const 0x632d)) (then
          (if (call $syscall (i32.const 12) (local.get $name)) (then
            (call $print (call $at (i32.const 10)))))
          (return)))
        (if (i32.eq (i32.load16_u (local.get $word)) (i32.const 0x752d)) (then
          (i32.store (call $at (i32.const 48)) (i32.add (i32.const 48)
            (call_indirect (type $number) (call $dlsym (global.get $last) (local.get $name)))))
          (call $print (call $at (i32.const 48)))
          (call $print (call $at (i32.const 8)))
          (return)))
        (global.set $last (call $dlopen (local.get $word) (i32.const 2)))
        (if (global.get $last)
          (then (call $print (call $at (i32.const 0))))
          (else
            (call $print (call $dlerror))
            (call $print (call $at (i32.const 8))))))

      (func (export "_start") (local $n i32)
        (drop (call $sizes (call $at (i32.const 52)) (call $at (i32.const 56))))
        (drop (call $args (call $at (i32.const 64)) (call $at (i32.const 1024))))
        (loop $on
          (local.set $n (i32.add (local.get $n) (i32.const 1)))
          (if (i32.lt_u (local.get $n) (i32.load (call $at (i32.const 52)))) (then
            (call $do (i32.load (i32.add (call $at (i32.const 64)) (i32.shl (local.get $n) (i32.const 2)))))
            (br $on))))))"#;

/// The program, with a RUNPATH.
fn opener(runpath: &str) -> String {
    let clause = match runpath {
        "" => String::new(),
        path => format!("(runtime-path \"{path}\")"),
    };
    OPENER.replace("RUNPATH", &clause)
}

/// A library that counts its calls from a number on.
fn counter(from: u32) -> String {
    format!(
        r#"(module (@dylink.0 (mem-info (memory 4 2)))
          (import "env" "memory" (memory 1))
          (import "env" "__memory_base" (global $base i32))
          (data (global.get $base) "\{from:02x}\00\00\00")
          (func (export "count") (result i32)
            (i32.load (global.get $base))
            (i32.store (global.get $base)
              (i32.add (i32.load (global.get $base)) (i32.const 1)))))"#
    )
}

/// A sandbox with the program, the object of a library, and the directories
/// `g`, to be granted, and `lib`; the cache is elsewhere.
fn place() -> (Sandbox, Sandbox, Vec<u8>) {
    let (sandbox, elsewhere) = (Sandbox::new(), Sandbox::new());
    sandbox.write("main.wat", opener(""));
    let object = sandbox.build("evil.wat", &counter(1));
    for directory in ["g", "lib"] {
        fs::create_dir(sandbox.path(directory)).unwrap();
    }
    (sandbox, elsewhere, object)
}

/// Runs with a cache that is not in the sandbox.
fn run(sandbox: &Sandbox, elsewhere: &Sandbox, args: &[&str]) -> Outcome {
    let mut command = sandbox.command(&["run"]);
    command.args(args);
    command.env("WASMAOT_CACHE_DIR", elsewhere.cache());
    command.output().unwrap().into()
}

const GRANTED: &str = "only modules are taken from there";

#[test]
fn what_is_granted_is_a_module_or_refused() {
    let (sandbox, elsewhere, object) = place();
    // By each name, whatever stands beside it.
    for name in ["g/x.so", "g/x.wasm", "g/x", "g/only.so.elf", "lib/x.so"] {
        sandbox.write(name, &object);
    }
    sandbox.write("g/both.so", wat::parse_str(counter(2)).unwrap());
    sandbox.write("g/both.so.elf", &object);
    symlink("../g/x.so", sandbox.path("lib/link.so")).unwrap();
    symlink("../g", sandbox.path("lib/inside")).unwrap();
    symlink("../lib/x.so", sandbox.path("g/out.so")).unwrap();
    symlink(sandbox.path("lib/x.so"), sandbox.path("g/away.so")).unwrap();
    symlink("x.so", sandbox.path("g/inner.so")).unwrap();
    fs::hard_link(sandbox.path("g/x"), sandbox.path("lib/second.so")).unwrap();
    let open = |options: &[&str], name: &str| {
        let mut line = vec!["--dir", "g"];
        line.extend(options);
        line.extend(["main.wat", "--", name]);
        run(&sandbox, &elsewhere, &line).success()
    };
    let lib = ["-L", "lib"];
    let refused: &[(&[&str], &str, &str)] = &[
        (&[], "g/x.so", GRANTED),
        (&[], "./g/../g/x.so", GRANTED),
        (&[], "/g/x.wasm", GRANTED),
        (&[], "g/x", GRANTED),
        (&[], "g/only.so", GRANTED),
        (&[], "g/only.so.elf", GRANTED),
        (&[], "g/inner.so", GRANTED),
        (&[], "$ORIGIN/g/x.so", GRANTED),
        (&lib, "link.so", GRANTED),
        (&lib, "second.so", "hard links"),
        (&["-L", "g"], "x.so", GRANTED),
        (&["-L", "lib/inside"], "x.so", GRANTED),
        (&[], "g/out.so", "not found"),
        (&[], "g/away.so", "not found"),
        (&[], "/proc/self/fd/0", "not found"),
        (&[], "/proc/self/exe", "not found"),
    ];
    for (options, name, reason) in refused {
        let said = open(options, name);
        assert!(said.contains(reason), "{options:?} {name}: {said}");
    }
    assert_eq!(open(&lib, "x.so"), "opened\n");
    let path = sandbox.path("lib").display().to_string();
    let mut command = sandbox.command(&["run", "--dir", "g", "main.wat", "--", "x.so", "link.so"]);
    command.env("WASMAOT_LIBRARY_PATH", path);
    command.env("WASMAOT_CACHE_DIR", elsewhere.cache());
    let said = Outcome::from(command.output().unwrap()).success();
    assert!(
        said.starts_with("opened\n") && said.contains(GRANTED),
        "{said}"
    );
    // The module is taken, not the object beside it.
    let both = ["--dir", "g", "main.wat", "--", "g/both.so", "-ucount"];
    let both = run(&sandbox, &elsewhere, &both).success();
    assert_eq!(both, "opened\n2\n");
}

#[test]
fn no_directory_leads_into_a_grant() {
    let (sandbox, elsewhere, object) = place();
    sandbox.write("g/x.so", &object);
    sandbox.write("g/y.so.elf", &object);
    // RUNPATH, of main and of what it opens; the program's own directory.
    sandbox.write("by-path.wat", opener("$ORIGIN/g"));
    sandbox.write("g/main.wat", opener(""));
    let needs = r#"(module (@dylink.0 (mem-info) (needed "x.so") (runtime-path "$ORIGIN")))"#;
    sandbox.write("g/needs.so", wat::parse_str(needs).unwrap());
    for (main, name) in [
        ("by-path.wat", "x.so"),
        ("by-path.wat", "y.so"),
        ("g/main.wat", "x.so"),
        ("g/main.wat", "y.so"),
        ("main.wat", "g/needs.so"),
    ] {
        let said = run(&sandbox, &elsewhere, &["--dir", "g", main, "--", name]).success();
        assert!(said.contains(GRANTED), "{main} {name}: {said}");
    }
    // What main needs is found before anything runs.
    let main = r#"(module (@dylink.0 (mem-info) (needed "x.so"))
                    (import "env" "memory" (memory 1)) (func (export "_start")))"#;
    sandbox.write("needing.wat", main);
    run(
        &sandbox,
        &elsewhere,
        &["--dir", "g", "-L", "g", "needing.wat"],
    )
    .error(1, &["x.so", GRANTED]);
    run(&sandbox, &elsewhere, &["-L", "g", "needing.wat"]).success();
    // A library in a grant cannot have the search look where others write.
    let away = format!(
        r#"(module (@dylink.0 (mem-info) (needed "x.so") (runtime-path "{}")))"#,
        elsewhere.path("").display()
    );
    elsewhere.write("x.so", &object);
    sandbox.write("g/away.so", wat::parse_str(away).unwrap());
    let said = run(
        &sandbox,
        &elsewhere,
        &["--dir", "g", "main.wat", "--", "g/away.so"],
    )
    .success();
    assert!(said.contains("`x.so` not found"), "{said}");
}

/// The RUNPATH of a program that the user names is searched though the program
/// may write its own file: for modules, and for its libraries too.
#[test]
fn a_program_in_a_grant_has_modules_where_its_runpath_says() {
    let (sandbox, elsewhere, object) = place();
    let away = elsewhere.path("");
    let runpath = away.display().to_string();
    let module = r#"(module (@dylink.0 (mem-info)) (import "env" "memory" (memory 0)))"#;
    elsewhere.write("x.so", wat::parse_str(module).unwrap());
    sandbox.write("g/by-path.wat", opener(&runpath));
    let needs = format!(
        r#"(module (@dylink.0 (mem-info) (needed "x.so") (runtime-path "{runpath}"))
             (import "env" "memory" (memory 0)))"#
    );
    sandbox.write("g/needs.so", wat::parse_str(needs).unwrap());
    let opened = |name: &str| {
        let line = ["--dir", "g", "g/by-path.wat", "--", name];
        run(&sandbox, &elsewhere, &line).success()
    };
    assert_eq!(opened("x.so"), "opened\n");
    assert_eq!(opened("g/needs.so"), "opened\n");
    // Beside that directory, and below it, there is nothing.
    fs::create_dir(away.join("below")).unwrap();
    fs::copy(away.join("x.so"), away.join("below/y.so")).unwrap();
    let below = away.join("below/y.so").display().to_string();
    assert!(opened(&below).contains("not found"));
    // Native code is not taken from there.
    elsewhere.write("x.so", &object);
    assert!(opened("x.so").contains("only modules are taken"));
}

#[test]
fn a_program_runs_nothing_that_it_writes() {
    let (sandbox, elsewhere, object) = place();
    let mut command = sandbox.command(&["run", "--dir", "g", "main.wat", "--"]);
    command.args(["-wx.so", "g/x.so", "-wx.so.elf", "g/x.so"]);
    command.env("WASMAOT_CACHE_DIR", elsewhere.cache());
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(&object).unwrap();
    let said = Outcome::from(child.wait_with_output().unwrap()).success();
    assert_eq!(fs::read(sandbox.path("g/x.so")).unwrap(), object);
    assert_eq!(said.matches(GRANTED).count(), 2, "{said}");
}

#[test]
fn a_later_run_takes_no_code_from_where_a_program_says() {
    let (sandbox, elsewhere, object) = place();
    // What an earlier run was granted, and this one is not.
    fs::write(sandbox.path("g/x.so"), &object).unwrap();
    let words = ["x.so", "only modules are taken"];
    let refused = |outcome: Outcome| {
        let said = &outcome.stdout;
        assert!(words.iter().all(|word| said.contains(word)), "{outcome:#?}");
    };
    refused(run(&sandbox, &elsewhere, &["main.wat", "--", "g/x.so"]));
    fs::rename(sandbox.path("g/x.so"), sandbox.path("g/x.so.elf")).unwrap();
    refused(run(&sandbox, &elsewhere, &["main.wat", "--", "g/x.so"]));
    sandbox.write("by.wat", opener("$ORIGIN/g"));
    refused(run(&sandbox, &elsewhere, &["by.wat", "--", "x.so"]));
    // The user may say so.
    let outcome = run(
        &sandbox,
        &elsewhere,
        &["-L", "g", "main.wat", "--", "x.so", "-ucount"],
    );
    assert_eq!(outcome.stdout, "opened\n1\n", "{outcome:#?}");
}

#[test]
fn a_program_cannot_pull_the_file_away_from_under_itself() {
    let (sandbox, elsewhere, _) = place();
    sandbox.build("main.wat", &opener(""));
    fs::rename(sandbox.path("main.wat.elf"), sandbox.path("g/main.elf")).unwrap();
    let second = sandbox.build("main.wat", &opener(""));
    sandbox.write("lib/main.elf", second);
    fs::hard_link(sandbox.path("lib/main.elf"), sandbox.path("g/second.elf")).unwrap();
    for (main, cut) in [
        ("g/main.elf", "-tmain.elf"),
        ("lib/main.elf", "-tsecond.elf"),
    ] {
        let line = ["--dir", "g", main, "--", cut, "nowhere.so"];
        let said = run(&sandbox, &elsewhere, &line).success();
        assert!(said.contains("nowhere.so"), "{said}");
        assert_eq!(fs::metadata(sandbox.path(main)).unwrap().len(), 0);
    }
}

#[test]
fn the_library_takes_objects_where_it_is_told_to() {
    let (sandbox, _, object) = place();
    let file = sandbox.write("lib/x.so", &object);
    let engine = Engine::new(EngineConfig::new().verify(true));
    let mut library = engine.finder(&sandbox.path("main.wat"));
    library.open(&sandbox.path("main.wat")).unwrap();
    let error = library.open(&file).unwrap_err().to_string();
    assert!(error.contains("no native code is taken"), "{error}");
    let main = library.open(&sandbox.path("main.wat")).unwrap();
    sandbox.write("x.so", &object);
    let error = library.find("x.so", &main).unwrap_err().to_string();
    assert!(error.contains("no native code is taken"), "{error}");
    let error = library.module("given", &object).unwrap_err().to_string();
    assert!(error.contains("is not a binary wasm module"), "{error}");
}

#[test]
fn a_word_for_the_program_brings_no_native_code() {
    let (sandbox, elsewhere, object) = place();
    sandbox.write("g/x.so", &object);
    sandbox.write(
        "needing.wat",
        r#"(module (@dylink.0 (mem-info)) (import "env" "memory" (memory 1))
             (import "env" "count" (func $count (result i32)))
             (func (export "_start") (drop (call $count))))"#,
    );
    let run = |args: &[&str]| run(&sandbox, &elsewhere, args);
    run(&["--dir", "g", "needing.wat", "g/x.so"]).error(1, &["undefined function `count`"]);
    run(&["needing.wat", "g/x.so"]).success();
    // That is as code.
    run(&["--dir", "g", "--lib", "g/x.so", "needing.wat"]).success();
    run(&["--dir", "g", "--preload", "g/x.so", "needing.wat"]).success();
}
