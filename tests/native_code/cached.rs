//! The cache of built objects.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::PathBuf;
use std::process::Command;

use super::common::{Outcome, Sandbox, with_mounts_of_its_own};
use super::{counter, opener};

fn main(number: u32) -> String {
    format!(r#"(module (func (export "f") (result i32) (i32.const {number})))"#)
}

fn call(sandbox: &Sandbox, file: &str) -> Outcome {
    sandbox.wasmaot(&["run", "--verify", "--invoke", "f", file])
}

fn entries(sandbox: &Sandbox) -> Vec<PathBuf> {
    let listing = fs::read_dir(sandbox.cache()).unwrap();
    let all = listing.map(|e| e.unwrap().path());
    let mut all: Vec<_> = all
        .filter(|path| path.extension() == Some("so".as_ref()))
        .collect();
    all.sort();
    all
}

#[test]
fn an_entry_is_of_its_key() {
    let sandbox = Sandbox::new();
    for (file, number) in [("a.wat", 1), ("b.wat", 2)] {
        sandbox.write(file, main(number));
        assert_eq!(call(&sandbox, file).success(), format!("{number}\n"));
    }
    assert_eq!(
        fs::metadata(sandbox.cache()).unwrap().permissions().mode() & 0o777,
        0o700
    );
    let both = entries(&sandbox);
    let [one, two] = &both[..] else {
        panic!("two entries: {both:?}");
    };
    let (first, second) = (fs::read(one).unwrap(), fs::read(two).unwrap());
    // Swapped.
    fs::write(one, &second).unwrap();
    fs::write(two, &first).unwrap();
    assert_eq!(call(&sandbox, "a.wat").success(), "1\n");
    assert_eq!(call(&sandbox, "b.wat").success(), "2\n");
    assert_eq!(fs::read(one).unwrap(), first);
    // Not files of ours: replaced, and not waited for.
    type Change = fn(&PathBuf);
    let changes: [Change; 4] = [
        |entry| {
            fs::remove_file(entry).unwrap();
            let made = Command::new("mkfifo").arg(entry).status().unwrap();
            assert!(made.success());
        },
        |entry| {
            let aside = entry.with_extension("aside");
            fs::rename(entry, &aside).unwrap();
            symlink(aside, entry).unwrap();
        },
        |entry| fs::set_permissions(entry, Permissions::from_mode(0o666)).unwrap(),
        |entry| fs::hard_link(entry, entry.with_extension("second")).unwrap(),
    ];
    for change in changes {
        change(one);
        change(two);
        assert_eq!(call(&sandbox, "a.wat").success(), "1\n");
        assert_eq!(call(&sandbox, "b.wat").success(), "2\n");
        for entry in [one, two] {
            let metadata = fs::symlink_metadata(entry).unwrap();
            assert!(metadata.is_file() && metadata.permissions().mode() & 0o777 == 0o600);
        }
    }
}

/// One warning with these parts; the program runs.
#[track_caller]
fn warned(outcome: Outcome, parts: &[&str]) {
    let warnings = outcome.stderr.clone();
    outcome.success();
    assert_eq!(warnings.matches("warning").count(), 1, "{warnings}");
    for part in parts {
        assert!(warnings.contains(part), "no `{part}` in {warnings}");
    }
}

#[test]
fn a_cache_of_others_is_not_used() {
    let sandbox = Sandbox::new();
    sandbox.write("a.wat", main(1));
    let cache = sandbox.cache();
    fs::create_dir(&cache).unwrap();
    for mode in [0o777, 0o770, 0o1777] {
        fs::set_permissions(&cache, Permissions::from_mode(mode)).unwrap();
        warned(
            call(&sandbox, "a.wat"),
            &["others can write", "chmod 700", "WASMAOT_CACHE_DIR"],
        );
    }
    assert!(entries(&sandbox).is_empty());
    // Others may look, as in any directory of programs.
    fs::set_permissions(&cache, Permissions::from_mode(0o755)).unwrap();
    assert_eq!(call(&sandbox, "a.wat").success(), "1\n");
    assert_eq!(entries(&sandbox).len(), 1);
    let owner = Command::new("chown").args(["12345"]).arg(&cache).status();
    if owner.unwrap().success() {
        warned(
            call(&sandbox, "a.wat"),
            &["another user", "12345", "WASMAOT_CACHE_DIR"],
        );
    }
}

#[test]
fn a_cache_that_programs_reach_is_not_used() {
    let sandbox = Sandbox::new();
    sandbox.write("main.wat", opener(""));
    sandbox.write("a.so", counter(1));
    sandbox.write("b.so", counter(2));
    let cache = sandbox.path("cache");
    let line = ["run", "--dir", ".", "main.wat", "--", "./a.so", "./b.so"];
    let mut command = sandbox.command(&line);
    command.env("WASMAOT_CACHE_DIR", &cache);
    let outcome = Outcome::from(command.output().unwrap());
    assert_eq!(outcome.stdout, "opened\nopened\n");
    warned(
        outcome,
        &["cache directory", "granted", "WASMAOT_CACHE_DIR"],
    );
    assert_eq!(fs::read_dir(&cache).unwrap().count(), 0);
    let link = sandbox.path("by-link");
    symlink(&cache, &link).unwrap();
    let mut command = sandbox.command(&["run", "--dir", "cache", "main.wat"]);
    command.env("WASMAOT_CACHE_DIR", link);
    warned(
        command.output().unwrap().into(),
        &["cache directory", "granted"],
    );
    let mut command = sandbox.command(&["run", "--dir", "cache", "main.wat"]);
    command.env("WASMAOT_CACHE_DIR", "/dev/null/cache");
    warned(
        command.output().unwrap().into(),
        &["/dev/null/cache", "WASMAOT_CACHE_DIR"],
    );
}

/// Runs with the cache on a file system where nothing is executable, in a name
/// space of its own, after a command that may use it as `$WASMAOT_CACHE_DIR`.
fn without_code(sandbox: &Sandbox, before: &str, args: &[&str]) -> Outcome {
    let mount = "mount -t tmpfs -o noexec,mode=700 none \"$WASMAOT_CACHE_DIR\"";
    let script = format!("{mount} && {before} && exec \"$@\"");
    let run = sandbox.command(args);
    let mut command = with_mounts_of_its_own();
    command.args(["sh", "-c", &script, "sh"]);
    command.arg(run.get_program()).args(run.get_args());
    command.current_dir(sandbox.path(""));
    for (name, value) in run.get_envs() {
        command.env(name, value.unwrap_or_default());
    }
    let output = command.output();
    output.expect("unshare of util-linux").into()
}

#[test]
fn a_cache_where_nothing_is_executable_is_not_used() {
    let sandbox = Sandbox::new();
    let object = sandbox.build("a.wat", &main(1));
    sandbox.write("a.elf", object);
    fs::create_dir_all(sandbox.cache()).unwrap();
    let outcome = without_code(&sandbox, "true", &["run", "--invoke", "f", "a.wat"]);
    assert_eq!(outcome.stdout, "1\n", "{outcome:?}");
    warned(outcome, &["noexec", "cache", "WASMAOT_CACHE_DIR"]);
    let there = sandbox.cache().join("a.elf");
    let run = ["run", "--invoke", "f", there.to_str().unwrap()];
    let outcome = without_code(&sandbox, "cp a.elf \"$WASMAOT_CACHE_DIR\"", &run);
    outcome.error(1, &["a.elf", "noexec"]);
}
