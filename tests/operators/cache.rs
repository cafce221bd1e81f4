//! `wasmaot cache`.

use std::fs::{self, File};
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, SystemTime};

use serde_json::Value;

use crate::common::{Outcome, Sandbox};

/// A day.
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// A sandbox in whose cache these programs are, used so many days ago.
fn filled(programs: &[(&str, u32)]) -> Sandbox {
    let sandbox = Sandbox::new();
    for (number, (name, days)) in programs.iter().enumerate() {
        let before = objects(&sandbox);
        sandbox.write(name, program(number));
        sandbox.wasmaot(&["run", name]).success();
        let mut made = objects(&sandbox);
        made.retain(|path| !before.contains(path));
        age(&made[0], *days);
    }
    sandbox
}

fn program(number: usize) -> String {
    format!("(module (func (export \"_start\") (drop (i32.const {number}))))")
}

fn objects(sandbox: &Sandbox) -> Vec<PathBuf> {
    let Ok(listing) = fs::read_dir(sandbox.cache()) else {
        return Vec::new();
    };
    let all = listing.map(|entry| entry.unwrap().path());
    all.filter(|path| path.extension() == Some("so".as_ref()))
        .collect()
}

/// Has a file have been changed so many days ago.
fn age(path: &Path, days: u32) {
    let file = File::open(path).unwrap();
    file.set_modified(SystemTime::now() - days * DAY).unwrap();
}

/// Names of the objects, as they are listed.
fn listed(sandbox: &Sandbox) -> Vec<String> {
    let text = sandbox.wasmaot(&["cache", "list"]).success();
    let name = |line: &str| line.split_whitespace().last().unwrap().to_owned();
    text.lines().map(name).collect()
}

fn json(sandbox: &Sandbox, args: &[&str]) -> Value {
    serde_json::from_str(&sandbox.wasmaot(args).success()).unwrap()
}

#[test]
fn what_is_in_the_cache_is_listed_by_its_use() {
    let sandbox = filled(&[("old.wat", 40), ("older.wat", 50), ("new.wat", 0)]);
    assert_eq!(listed(&sandbox), ["new.wat", "old.wat", "older.wat"]);
    let path = sandbox.wasmaot(&["cache", "path"]).success();
    assert_eq!(Path::new(path.trim_end()), sandbox.cache());
    let list = json(&sandbox, &["cache", "list", "--json"]);
    let all = list["objects"].as_array().unwrap();
    let files = objects(&sandbox);
    for object in all {
        let file = format!("{}.so", object["build_id"].as_str().unwrap());
        let metadata = sandbox.cache().join(file).metadata().unwrap();
        assert_eq!(object["bytes"], metadata.len());
        let used = metadata.modified().unwrap();
        let used = used.duration_since(SystemTime::UNIX_EPOCH).unwrap();
        assert_eq!(object["used"], used.as_secs());
    }
    assert_eq!(
        (all.len(), &all[1]["name"]),
        (files.len(), &"old.wat".into())
    );
    let size = json(&sandbox, &["cache", "size", "--json"]);
    let bytes: u64 = files.iter().map(|f| f.metadata().unwrap().len()).sum();
    assert_eq!(size["objects"], 3);
    assert_eq!(size["bytes"], bytes);
    assert_eq!(size["limit"], Value::Null);
    assert_eq!((&size["built"], &size["hits"]), (&3.into(), &0.into()));
    let text = sandbox.wasmaot(&["cache", "size"]).success();
    for field in size.as_object().unwrap().keys() {
        let has = |line: &str| line.split(' ').next() == Some(field);
        assert!(text.lines().any(has), "no {field}: {text}");
    }
}

#[test]
fn an_object_that_is_used_is_young_again() {
    let sandbox = filled(&[("a.wat", 40), ("b.wat", 1)]);
    sandbox.wasmaot(&["run", "a.wat"]).success();
    assert_eq!(listed(&sandbox), ["a.wat", "b.wat"]);
    let size = json(&sandbox, &["cache", "size", "--json"]);
    assert_eq!((&size["built"], &size["hits"]), (&2.into(), &1.into()));
    // Not at each use: that would be a write at each start.
    let [one, two] = &objects(&sandbox)[..] else {
        panic!("two objects");
    };
    for path in [one, two] {
        let file = File::open(path).unwrap();
        file.set_modified(SystemTime::now() - DAY / 2).unwrap();
    }
    let times = || [one, two].map(|path| path.metadata().unwrap().modified().unwrap());
    let before = times();
    sandbox.wasmaot(&["run", "a.wat"]).success();
    assert_eq!(times(), before);
}

#[test]
fn some_objects_are_removed_or_all() {
    let sandbox = filled(&[("a.wat", 40), ("b.wat", 20), ("c.wat", 5), ("d.wat", 0)]);
    let cleaned = sandbox.wasmaot(&["cache", "clean", "--unused-for", "30"]);
    assert!(cleaned.success().starts_with("removed 1 objects"));
    assert_eq!(listed(&sandbox), ["d.wat", "c.wat", "b.wat"]);
    let each = objects(&sandbox)[0].metadata().unwrap().len();
    let max = (2 * each).to_string();
    sandbox
        .wasmaot(&["cache", "clean", "--max-size", &max])
        .success();
    assert_eq!(listed(&sandbox), ["d.wat", "c.wat"]);
    sandbox.wasmaot(&["cache", "clean"]).success();
    assert!(listed(&sandbox).is_empty());
    sandbox.wasmaot(&["run", "a.wat"]).success();
}

#[test]
fn a_limit_is_kept_by_who_adds_an_object() {
    let sandbox = filled(&[("a.wat", 3), ("b.wat", 2), ("c.wat", 1)]);
    assert_eq!(sandbox.wasmaot(&["cache", "limit"]).success(), "none\n");
    let each = objects(&sandbox)[0].metadata().unwrap().len();
    let limit = (3 * each).to_string();
    let set = sandbox.wasmaot(&["cache", "limit", &limit]).success();
    assert_eq!(set, "removed 0 objects, 0 bytes\n");
    sandbox.write("d.wat", program(9));
    sandbox.wasmaot(&["run", "d.wat"]).success();
    assert_eq!(listed(&sandbox), ["d.wat", "c.wat", "b.wat"]);
    // It is used, so another goes.
    sandbox.wasmaot(&["run", "b.wat"]).success();
    sandbox.write("e.wat", program(10));
    sandbox.wasmaot(&["run", "e.wat"]).success();
    let left = listed(&sandbox);
    assert!(
        left.len() == 3 && !left.contains(&"c.wat".to_owned()),
        "{left:?}"
    );
    // What has just been built is there, whatever the limit.
    sandbox.wasmaot(&["cache", "limit", "1"]).success();
    assert!(listed(&sandbox).is_empty());
    sandbox.wasmaot(&["run", "a.wat"]).success();
    assert_eq!(listed(&sandbox), ["a.wat"]);
    sandbox.wasmaot(&["cache", "limit", "none"]).success();
    assert_eq!(sandbox.wasmaot(&["cache", "limit"]).success(), "none\n");
    sandbox
        .wasmaot(&["cache", "limit", "much"])
        .error_in_usage("much");
}

/// A program that waits for its input, and then calls its library.
fn waiting(sandbox: &Sandbox) -> Child {
    let main = r#"(module (@dylink.0 (mem-info (memory 16 2)) (needed "lib.so"))
        (import "env" "memory" (memory 1))
        (import "env" "__memory_base" (global $base i32))
        (import "env" "f" (func $f (result i32)))
        (import "wasi_snapshot_preview1" "fd_read" (func $read (param i32 i32 i32 i32) (result i32)))
        (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
        (func (export "_start")
          (i32.store (global.get $base) (global.get $base))
          (i32.store offset=4 (global.get $base) (i32.const 1))
          (drop (call $read (i32.const 0) (global.get $base) (i32.const 1)
            (i32.add (global.get $base) (i32.const 8))))
          (call $exit (call $f))))"#;
    let library = r#"(module (@dylink.0 (mem-info)) (import "env" "memory" (memory 0))
        (func (export "f") (result i32) (i32.const 7)))"#;
    sandbox.write("main.wasm", wat::parse_str(main).unwrap());
    sandbox.write("lib.so", wat::parse_str(library).unwrap());
    let mut command = sandbox.command(&["run", "main.wasm"]);
    command.stdin(Stdio::piped()).spawn().unwrap()
}

#[test]
fn what_runs_is_not_disturbed_by_a_cleaning() {
    let sandbox = Sandbox::new();
    let mut child = waiting(&sandbox);
    let mapped = || {
        let maps = fs::read_to_string(format!("/proc/{}/maps", child.id())).unwrap();
        let cache = sandbox.cache().display().to_string();
        let files: Vec<_> = maps
            .lines()
            .filter_map(|line| line.split_once(&cache))
            .collect();
        files
            .iter()
            .map(|(_, name)| (*name).to_owned())
            .collect::<std::collections::BTreeSet<_>>()
    };
    while mapped().len() < 2 || objects(&sandbox).len() < 2 {
        std::thread::sleep(Duration::from_millis(5));
    }
    sandbox.wasmaot(&["cache", "clean"]).success();
    assert!(objects(&sandbox).is_empty());
    assert!(
        mapped().iter().all(|name| name.ends_with("(deleted)")),
        "{:?}",
        mapped()
    );
    drop(child.stdin.take());
    assert_eq!(child.wait().unwrap().code(), Some(7));
}

/// Processes that fill the cache and others that empty it, all at once.
#[test]
fn filling_and_cleaning_at_once_disturbs_nobody() {
    let sandbox = Sandbox::new();
    for number in 0..8 {
        sandbox.write(&format!("{number}.wat"), program(number));
    }
    std::thread::scope(|scope| {
        for first in 0..4 {
            let sandbox = &sandbox;
            scope.spawn(move || {
                for number in 0..8 {
                    let file = format!("{}.wat", (first + number) % 8);
                    let ran = sandbox.wasmaot(&["run", &file]);
                    assert_eq!(ran.stderr, "");
                    ran.success();
                }
            });
        }
        for _ in 0..8 {
            sandbox.wasmaot(&["cache", "clean"]).success();
        }
    });
    let names: Vec<_> = fs::read_dir(sandbox.cache()).unwrap().collect();
    let unfinished = names.iter().filter(|entry| {
        let name = entry.as_ref().unwrap().file_name();
        name.as_encoded_bytes().starts_with(b".")
    });
    assert_eq!(unfinished.count(), 0);
}

#[test]
fn what_ended_processes_left_is_removed_and_what_is_being_written_is_not() {
    let sandbox = filled(&[("a.wat", 0)]);
    let unfinished = |name: &str| {
        let path = sandbox.cache().join(name);
        fs::write(&path, "half").unwrap();
        path
    };
    let (left, locked) = (unfinished(".x.so.1.0"), unfinished(".y.so.1.0"));
    let writer = File::open(&locked).unwrap();
    writer.lock().unwrap();
    // What is known of files is read anew some day.
    let known = sandbox.cache().join("00.id");
    symlink("x", &known).unwrap();
    let old = Command::new("touch")
        .args(["-h", "-d", "60 days ago"])
        .arg(&known)
        .status();
    assert!(old.unwrap().success());
    sandbox.write("b.wat", program(3));
    sandbox.wasmaot(&["run", "b.wat"]).success();
    assert!(!left.exists() && locked.exists() && !known.is_symlink());
    // Processes that other tests start have the descriptor until they are
    // programs of their own.
    drop(writer);
    let mut tries = 0..100;
    while locked.exists() && tries.next().is_some() {
        let clean = ["cache", "clean", "--unused-for", "1"];
        sandbox.wasmaot(&clean).success();
    }
    assert!(!locked.exists());
}

/// As another user than root, whom the system lets write everywhere.
#[test]
fn a_cache_that_cannot_be_written_to_still_serves() {
    let sandbox = filled(&[("a.wat", 40)]);
    let cache = sandbox.cache();
    let before = objects(&sandbox)[0].metadata().unwrap().modified().unwrap();
    let script = "mount --bind \"$WASMAOT_CACHE_DIR\" \"$WASMAOT_CACHE_DIR\" && \
                  mount -o remount,bind,ro \"$WASMAOT_CACHE_DIR\" && exec \"$@\"";
    let run = |file: &str| {
        let command = sandbox.command(&["run", file]);
        let mut outer = crate::common::with_mounts_of_its_own();
        outer
            .args(["sh", "-c", script, "sh"])
            .arg(command.get_program());
        outer.args(command.get_args()).current_dir(sandbox.path(""));
        outer.env("WASMAOT_CACHE_DIR", &cache);
        Outcome::from(outer.output().unwrap())
    };
    let served = run("a.wat");
    assert_eq!(served.stderr, "");
    served.success();
    let after = objects(&sandbox)[0].metadata().unwrap().modified().unwrap();
    assert_eq!(before, after);
    sandbox.write("b.wat", program(3));
    let built = run("b.wat");
    assert!(
        built.stderr.contains("what is built is not kept"),
        "{built:?}"
    );
    built.success();
    assert_eq!(objects(&sandbox).len(), 1);
    assert_eq!(
        cache.metadata().unwrap().permissions().mode() & 0o777,
        0o700
    );
}
