//! Modules' files that are known as they are, and not read.

use std::fs::{self, File};
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::process::Command;
use std::thread::sleep;
use std::time::{Duration, SystemTime};

use super::common::{Outcome, Sandbox};

/// A binary module of one size, whatever the number.
fn module(number: u8) -> Vec<u8> {
    let text = format!(
        "(module (func (export \"f\") (result i32) (i32.const {number})) (func (export \"_start\")))"
    );
    wat::parse_str(text).unwrap()
}

/// A program with a library, which are known after two runs: a file that has
/// just been written is not told from what it may be within the same tick.
fn known() -> Sandbox {
    let sandbox = Sandbox::new();
    let main = r#"(module (@dylink.0 (mem-info) (needed "lib.so"))
        (import "env" "memory" (memory 0))
        (import "env" "f" (func $f (result i32)))
        (func (export "_start"))
        (func (export "g") (result i32) (call $f)))"#;
    let library = r#"(module (@dylink.0 (mem-info))
        (import "env" "memory" (memory 0))
        (func (export "f") (result i32) (i32.const 1)))"#;
    sandbox.write("main.wasm", wat::parse_str(main).unwrap());
    sandbox.write("lib.so", wat::parse_str(library).unwrap());
    sandbox.write("one.wasm", module(1));
    sleep(Duration::from_millis(1100));
    for _ in 0..2 {
        sandbox.wasmaot(&["run", "main.wasm"]).success();
        sandbox.wasmaot(&["run", "one.wasm"]).success();
    }
    sandbox
}

fn f(sandbox: &Sandbox) -> Outcome {
    sandbox.wasmaot(&["run", "--invoke", "f", "one.wasm"])
}

/// The entries of the index.
fn entries(sandbox: &Sandbox) -> Vec<PathBuf> {
    let listing = fs::read_dir(sandbox.cache()).unwrap();
    let all = listing.map(|e| e.unwrap().path());
    all.filter(|path| path.is_symlink()).collect()
}

/// The system calls by which a command asks for more of a file than what the
/// system says of it.
fn reads(sandbox: &Sandbox, args: &[&str], file: &str) -> Vec<String> {
    let log = sandbox.path("calls");
    let run = sandbox.command(args);
    let mut command = Command::new("strace");
    command.args(["-f", "-yy", "-o"]).arg(&log);
    command.arg(run.get_program()).args(run.get_args());
    command.current_dir(sandbox.path(""));
    for (name, value) in run.get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    let output = command.output().expect("apt-get install strace");
    Outcome::from(output).success();
    let calls = fs::read_to_string(log).unwrap();
    let descriptor = format!("/{file}>");
    let of_file = calls.lines().filter(|line| line.contains(&descriptor));
    let mut seen = 0;
    let read = of_file.filter(|line| {
        seen += 1;
        let asks = ["open", "stat", "close", "fcntl"];
        let name = line.split('(').next().unwrap();
        !asks.iter().any(|ask| name.contains(ask))
    });
    let read = read.map(str::to_owned).collect();
    assert!(seen > 0, "{file} is not opened: {calls}");
    read
}

#[test]
fn a_module_that_has_not_changed_is_not_read() {
    let sandbox = known();
    assert_eq!(entries(&sandbox).len(), 3);
    for file in ["main.wasm", "lib.so"] {
        let run = reads(&sandbox, &["run", "main.wasm"], file);
        assert!(run.is_empty(), "{run:#?}");
        let verified = reads(&sandbox, &["run", "--verify", "main.wasm"], file);
        assert!(verified.iter().any(|call| call.contains("read(")));
    }
    // By another name, for other options, and beside its built object too.
    fs::hard_link(sandbox.path("one.wasm"), sandbox.path("two.wasm")).unwrap();
    let line = ["run", "-O0", "two.wasm"];
    assert!(!reads(&sandbox, &line, "two.wasm").is_empty());
    sleep(Duration::from_millis(1100));
    for _ in 0..2 {
        sandbox.wasmaot(&line).success();
    }
    assert!(reads(&sandbox, &line, "two.wasm").is_empty());
    sandbox.wasmaot(&["build", "lib.so"]).success();
    assert!(reads(&sandbox, &["run", "main.wasm"], "lib.so").is_empty());
}

#[test]
fn a_change_that_hides_itself_is_seen() {
    let sandbox = known();
    assert_eq!(f(&sandbox).success(), "1\n");
    let path = sandbox.path("one.wasm");
    let before = fs::metadata(&path).unwrap();
    let restore = |path: &PathBuf| {
        let file = File::options().write(true).open(path).unwrap();
        file.set_modified(before.modified().unwrap()).unwrap();
        assert_eq!(file.metadata().unwrap().len(), before.len());
    };
    // In place, and as another file of that name.
    fs::write(&path, module(2)).unwrap();
    restore(&path);
    assert_eq!(f(&sandbox).success(), "2\n");
    let other = sandbox.write("other.wasm", module(3));
    restore(&other);
    fs::rename(other, &path).unwrap();
    assert_eq!(f(&sandbox).success(), "3\n");
}

/// A change within the tick of the clock in which the file was read.
#[test]
fn a_file_is_not_known_as_long_as_a_change_could_look_the_same() {
    let sandbox = Sandbox::new();
    let time = SystemTime::now() - Duration::from_secs(1000);
    for number in 0..20 {
        let path = sandbox.write("one.wasm", module(number));
        let file = File::options().write(true).open(path).unwrap();
        file.set_modified(time).unwrap();
        assert_eq!(f(&sandbox).success(), format!("{number}\n"));
        assert!(entries(&sandbox).is_empty());
    }
}

#[test]
fn what_the_index_says_wrong_is_repaired() {
    let sandbox = known();
    for entry in entries(&sandbox) {
        fs::remove_file(&entry).unwrap();
        symlink("nothing", &entry).unwrap();
    }
    assert_eq!(f(&sandbox).success(), "1\n");
    assert!(reads(&sandbox, &["run", "one.wasm"], "one.wasm").is_empty());
    // A hash of nothing that is there: the module is read, and counts.
    let target = "00".repeat(32);
    for entry in entries(&sandbox) {
        fs::remove_file(&entry).unwrap();
        symlink(&target, &entry).unwrap();
    }
    assert_eq!(f(&sandbox).success(), "1\n");
    assert!(reads(&sandbox, &["run", "one.wasm"], "one.wasm").is_empty());
    // Objects that are gone are built again.
    for entry in fs::read_dir(sandbox.cache()).unwrap() {
        let entry = entry.unwrap().path();
        if entry.extension() == Some("so".as_ref()) {
            fs::remove_file(entry).unwrap();
        }
    }
    assert_eq!(f(&sandbox).success(), "1\n");
    sandbox.wasmaot(&["run", "main.wasm"]).success();
}

#[test]
fn a_text_is_read_each_time() {
    let sandbox = Sandbox::new();
    sandbox.write("a.wat", "(module (func (export \"_start\")))");
    sleep(Duration::from_millis(1100));
    for _ in 0..2 {
        sandbox.wasmaot(&["run", "a.wat"]).success();
    }
    assert!(entries(&sandbox).is_empty());
}
