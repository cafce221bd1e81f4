//! What a process costs before its program runs: counts of page faults, of
//! system calls and of pages of its own, for what time depends on.

#![cfg(feature = "compiler")]

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};

use nix::sys::resource::{UsageWho, getrusage};
use wasmaot_testkit::{
    Code, Kind, Link, Wasmaot, libc, npm_package, object, run, scratch, sources,
};

/// Grammars of 0.2 and 7.7 MB, most of it tables.
const GRAMMARS: &str = "tree-sitter-wasms@0.1.13";

/// The system counts the faults of all children of the tests together.
static ALONE: Mutex<()> = Mutex::new(());

fn alone() -> MutexGuard<'static, ()> {
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

fn wasmaot() -> Wasmaot {
    Wasmaot::new(env!("CARGO_BIN_EXE_wasmaot"))
}

/// Builds the program that waits for its input to end, with its libc beside it.
fn program(directory: &Path) -> PathBuf {
    let unit = object(&sources().join("process/wait.c"), Code::Pic, &[]);
    let objects = vec![unit];
    let main = Link::new(Kind::Pie, "wait.wasm", objects, Vec::new()).make();
    let (built, lib) = (directory.join("wait.elf"), directory.join("libc.so.elf"));
    wasmaot().build(&main, &built);
    wasmaot().build(&libc(), &lib);
    built
}

/// `wasmaot run` as a user runs it: the checker reads what nobody else does.
fn run_command() -> Command {
    let mut command = wasmaot().command("run");
    command.env_remove("WASMAOT_CHECK").stdin(Stdio::null());
    command
}

/// Page faults of a command, when it has run a few times and what it reads is
/// in the system's cache.
fn faults(command: &mut Command) -> i64 {
    let children = || {
        getrusage(UsageWho::RUSAGE_CHILDREN)
            .unwrap()
            .minor_page_faults()
    };
    let once = || {
        let before = children();
        run(command).expect_code(0);
        children() - before
    };
    std::iter::repeat_with(once).take(5).min().unwrap()
}

#[test]
fn a_large_object_costs_the_pages_that_are_touched() {
    let _alone = alone();
    let directory = scratch("start-large");
    let main = program(&directory);
    let package = npm_package(GRAMMARS).join("out");
    let with = |grammar: &str| {
        let object = directory.join(format!("{grammar}.elf"));
        wasmaot().build(
            &package.join(format!("tree-sitter-{grammar}.wasm")),
            &object,
        );
        let pages = fs::metadata(&object).unwrap().len() / 4096;
        (
            pages,
            faults(run_command().arg("--preload").arg(object).arg(&main)),
        )
    };
    let (few, small) = with("json");
    let (many, large) = with("objc");
    assert!(few < 100 && many > 1900, "{few} and {many} pages");
    assert!(
        (large - small).abs() <= 12,
        "{small} page faults with a library of {few} pages, {large} with one of {many}"
    );
}

#[test]
fn data_without_contents_cost_the_pages_that_are_touched() {
    const PAGES: i64 = 1024;
    let _alone = alone();
    let directory = scratch("start-bss");
    let with = |name: &str, declaration: &str| {
        let source = directory.join(format!("{name}.c"));
        let text = format!("{declaration}\nint main(void) {{ return data[0]; }}\n");
        fs::write(&source, text).unwrap();
        let unit = object(&source, Code::Pic, &[]);
        let main = Link::new(Kind::Pie, &format!("{name}.wasm"), vec![unit], Vec::new()).make();
        let built = directory.join(format!("{name}.elf"));
        wasmaot().build(&main, &built);
        wasmaot().build(&libc(), &directory.join("libc.so.elf"));
        faults(run_command().arg(&built))
    };
    let small = with("small", "volatile char data[1];");
    let large = with("large", &format!("volatile char data[{} * 4096];", PAGES));
    // Of some of them the kernel wants page tables.
    assert!(
        (large - small).abs() <= 12,
        "{small} page faults without data, {large} with {PAGES} pages of zeros"
    );
}

#[test]
fn a_small_program_costs_few_system_calls() {
    let _alone = alone();
    let directory = scratch("start-calls");
    let main = program(&directory);
    let log = directory.join("calls");
    let mut command = Command::new("strace");
    let started = run_command();
    command.arg("-f").arg("-o").arg(&log);
    command.arg(started.get_program()).args(started.get_args());
    for (name, value) in started.get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    run(command.arg(&main).stdin(Stdio::null())).expect_code(0);
    let log = fs::read_to_string(log).unwrap();
    let names = log.lines().filter_map(|line| {
        let (_, call) = line.split_once(' ')?;
        Some(call.trim_start().split_once('(')?.0.to_owned())
    });
    let mut counts = BTreeMap::new();
    names.for_each(|name| *counts.entry(name).or_insert(0) += 1);
    let all: u32 = counts.values().sum();
    assert!(counts.contains_key("execve"), "no calls in: {log}");
    assert!(all <= 85, "{all} system calls: {counts:?}");
}

/// A process that waits for its input to end.
struct Waiting(Child);

impl Waiting {
    fn start(main: &Path, bind: &str) -> Self {
        let mut command = run_command();
        command.arg("--bind").arg(bind).arg(main);
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let mut output = BufReader::new(child.stdout.as_mut().unwrap());
        output.read_line(&mut line).unwrap();
        assert_eq!(line, "ready\n");
        Self(child)
    }

    /// What `smaps` says of the executable pages of a file, in KiB.
    fn text(&self, file: &Path) -> BTreeMap<String, u64> {
        let smaps = fs::read_to_string(format!("/proc/{}/smaps", self.0.id())).unwrap();
        let mut sums = BTreeMap::new();
        let mut is_text = false;
        for line in smaps.lines() {
            let mut words = line.split_whitespace();
            let (first, second) = (words.next().unwrap(), words.next().unwrap_or_default());
            match first.strip_suffix(':') {
                None => {
                    is_text =
                        second == "r-xp" && Some(Path::new(file)) == words.nth(3).map(Path::new)
                }
                Some(name) if is_text => {
                    if let Ok(size) = second.parse::<u64>() {
                        *sums.entry(name.to_owned()).or_insert(0) += size;
                    }
                }
                Some(_) => {}
            }
        }
        sums
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        assert!(self.0.wait().unwrap().success());
    }
}

#[test]
fn processes_share_their_text() {
    let _alone = alone();
    let directory = scratch("start-shared");
    let main = program(&directory);
    let (lib, program) = (directory.join("libc.so.elf"), main.clone());
    for bind in ["now", "lazy"] {
        let first = Waiting::start(&main, bind);
        let alone = [&lib, &program].map(|file| first.text(file));
        let second = Waiting::start(&main, bind);
        for (file, alone) in [&lib, &program].into_iter().zip(alone) {
            for process in [&first, &second] {
                let shared = process.text(file);
                let context = format!(
                    "{}: alone {alone:#?}, beside another {shared:#?}",
                    file.display()
                );
                assert!(shared["Rss"] > 0, "{context}");
                let own = shared["Private_Clean"] + shared["Private_Dirty"];
                assert_eq!(own, 0, "{context}");
                assert!(2 * shared["Pss"] <= shared["Rss"] + 8, "{context}");
            }
            assert!(alone["Private_Dirty"] == 0, "{alone:#?}");
        }
    }
}
