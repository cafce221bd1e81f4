//! Libraries that come and go, processes that a debugger attaches to, and objects
//! whose debugging sections are damaged.

use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::Stdio;

use tempfile::TempDir;
use wasmaot_testkit::{Code, Kind, Link, object, own_headers, run, tools};

use super::session::{module, session, source, wasmaot};

/// A directory with a program that opens a library, and the library, of `plugin`.
pub fn program(directory: &TempDir, plugin: &str) -> PathBuf {
    let include = format!("-I{}", own_headers().display());
    let unit = object(&source("opens.c"), Code::Pic, &["-g", "-O0", &include]);
    let main = Link::new(Kind::Pie, "opens.wasm", vec![unit], vec![])
        .flag("--unresolved-symbols=import-dynamic")
        .make();
    let unit = object(&source(plugin), Code::Pic, &["-g", "-O0"]);
    let plugin = Link::new(Kind::Shared, "plugin.wasm", vec![unit], vec![]).make();
    std::fs::copy(plugin, directory.path().join("plugin.wasm")).unwrap();
    let there = directory.path().join("opens.wasm");
    std::fs::copy(main, &there).unwrap();
    there
}

#[test]
fn libraries_are_known_from_dlopen_to_dlclose() {
    let directory = tempfile::tempdir().unwrap();
    let main = program(&directory, "plugin.c");
    let mut command = wasmaot(&main, "-O0");
    command.current_dir(directory.path());
    let said = session(
        &command,
        &[
            "break twice",
            "break closed",
            "run",
            "bt 2",
            "print second.key + 10 * first.other->key",
            "next",
            "next",
            "print item->key",
            "print item->other->key",
            "print result",
            "info line twice",
            "maint info jit",
            "continue",
            "maint info jit",
            "info line twice",
            "print value",
            "continue",
        ],
    );
    let of = |number: usize| said[number].as_str();
    assert!(of(2).contains("twice (n=21) at"), "{said:#?}");
    assert!(
        of(3).contains("#1") && of(3).contains("main () at"),
        "{said:#?}"
    );
    for (number, value) in [(4, "22"), (7, "1"), (8, "2"), (9, "42"), (15, "42")] {
        assert!(
            of(number).ends_with(&format!("= {value}")),
            "{number}: {said:#?}"
        );
    }
    assert!(of(10).contains("plugin.c"), "{said:#?}");
    // Lines of `maint info jit`: a head, and one for each object.
    let objects = |number: usize| of(number).lines().filter(|l| l.starts_with("0x")).count();
    assert_eq!(objects(11), objects(13) + 1, "{said:#?}");
    assert!(objects(13) >= 2, "{said:#?}");
    assert!(!of(14).contains("plugin.c"), "{said:#?}");
    assert!(of(16).contains("exited normally"), "{said:#?}");
}

#[test]
fn a_debugger_that_attaches_finds_the_objects_that_the_environment_asked_for() {
    let main = module("waits.c", "-O0");
    let mut command = wasmaot(&main, "-O0");
    command.env("WASMAOT_DEBUGGER", "always");
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    let mut output = BufReader::new(child.stdout.take().unwrap());
    output.read_line(&mut line).unwrap();
    let mut gdb = tools().gdb.command();
    gdb.args(["-nx", "-batch", "-p", &child.id().to_string()]);
    gdb.args([
        "-ex",
        "bt 1",
        "-ex",
        "print secret",
        "-ex",
        "set var go = 1",
    ]);
    let ran = run(&mut gdb);
    assert!(child.wait().unwrap().success());
    assert!(ran.stdout.contains("wait_here (secret=77) at"), "{ran:#?}");
    assert!(ran.stdout.contains("$1 = 77"), "{ran:#?}");
}

#[test]
fn profilers_find_names_of_code_that_is_in_no_file() {
    let directory = tempfile::tempdir().unwrap();
    let module = std::fs::File::open(module("waits.c", "-O0")).unwrap();
    let whole = wasmaot(std::path::Path::new("-"), "-O0");
    // Where it can have no cache, objects are in memory.
    let cache = directory.path().join("cache");
    std::fs::write(&cache, "").unwrap();
    let mut child = std::process::Command::new(whole.get_program())
        .args(whole.get_args())
        .env("WASMAOT_CACHE_DIR", cache)
        .env("WASMAOT_PERF", "map")
        .stdin(module)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    let mut output = BufReader::new(child.stdout.take().unwrap());
    output.read_line(&mut line).unwrap();
    let path = format!("/tmp/perf-{}.map", child.id());
    let map = std::fs::read_to_string(&path);
    let maps = std::fs::read_to_string(format!("/proc/{}/maps", child.id())).unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    let map = map.unwrap();
    std::fs::remove_file(path).unwrap();
    let function = map.lines().find(|line| line.ends_with(" wait_here"));
    let start = function.unwrap().split_once(' ').unwrap().0;
    let start = u64::from_str_radix(start, 16).unwrap();
    // Profilers look there for memory without a file alone.
    let around = maps.lines().find(|line| {
        let range = line.split(' ').next().unwrap().split_once('-').unwrap();
        let number = |text| u64::from_str_radix(text, 16).unwrap();
        (number(range.0)..number(range.1)).contains(&start)
    });
    let words: Vec<_> = around.unwrap().split_whitespace().collect();
    assert!(
        words[1].starts_with("r-xp") && words.len() == 5,
        "{words:?}"
    );
}
