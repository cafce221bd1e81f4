//! Programs with threads, and what a test sees of one while it runs.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

use wasmaot_testkit::{Code, Kind, Link, object, sources};

use crate::common::{Outcome, Sandbox};

/// How a module comes by its memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// It imports and exports it, as toolchains for wasi-threads have it.
    Imports,
    /// It defines and exports it.
    Defines,
    /// It is a main of dynamic linking.
    Dynamic,
}

pub const FORMS: [Form; 3] = [Form::Imports, Form::Defines, Form::Dynamic];

/// Functions that all programs here use. Memory below 65536 is theirs.
const COMMON: &str = r#"
  (func $check (param i32) (if (i32.eqz (local.get 0)) (then unreachable)))
  ;; One more at an address; whoever waits there looks.
  (func $count (param $at i32)
    (drop (i32.atomic.rmw.add (local.get $at) (i32.const 1)))
    (drop (memory.atomic.notify (local.get $at) (i32.const -1))))
  ;; Until the word at an address is at least this.
  (func $until (param $at i32) (param $value i32) (local $seen i32)
    (loop $again
      (local.set $seen (i32.atomic.load (local.get $at)))
      (if (i32.lt_u (local.get $seen) (local.get $value))
        (then
          (drop (memory.atomic.wait32 (local.get $at) (local.get $seen) (i64.const -1)))
          (br $again)))))
  (func $sleep (param $milliseconds i64)
    (drop (memory.atomic.wait32 (i32.const 65532) (i32.const 0)
      (i64.mul (local.get $milliseconds) (i64.const 1000000)))))
  (func $start (param $argument i32) (result i32) (local $tid i32)
    (local.set $tid (call $spawn (local.get $argument)))
    (call $check (i32.gt_s (local.get $tid) (i32.const 0)))
    (local.get $tid))
  ;; A line, so that the test goes on; then until the test lets the program go on.
  (func $report
    (i32.store (i32.const 65500) (i32.const 65508))
    (i32.store (i32.const 65504) (i32.const 1))
    (i32.store8 (i32.const 65508) (i32.const 10))
    (call $check (i32.eqz (call $fd_write
      (i32.const 1) (i32.const 65500) (i32.const 1) (i32.const 65512))))
    (drop (call $fd_read (i32.const 0) (i32.const 65500) (i32.const 1) (i32.const 65512))))
"#;

const IMPORTS: &str = r#"
  (import "wasi" "thread-spawn" (func $spawn (param i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
  (import "wasi_snapshot_preview1" "fd_write"
    (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_read"
    (func $fd_read (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "poll_oneoff"
    (func $poll (param i32 i32 i32 i32) (result i32)))
"#;

/// A module with threads. `thread` is what a thread does with `$tid` and `$argument`,
/// `start` what the program does. `BASE` is the module's memory base.
pub fn module(form: Form, fields: &str, thread: &str, start: &str) -> String {
    let (before, memory) = match form {
        Form::Imports => (
            "",
            r#"(import "env" "memory" (memory 2 1000 shared)) (export "memory" (memory 0))"#,
        ),
        Form::Defines => ("", r#"(memory (export "memory") 2 1000 shared)"#),
        Form::Dynamic => (
            "(@dylink.0 (mem-info (memory 32 4)))",
            r#"(import "env" "memory" (memory 2 1000 shared))
               (import "env" "__memory_base" (global $base i32))
               (import "env" "__stack_pointer" (global $stack (mut i32)))"#,
        ),
    };
    // Imports come before all else.
    let (imports, memory) = match form {
        Form::Defines => (IMPORTS.to_owned(), memory),
        _ => (format!("{IMPORTS} {memory}"), ""),
    };
    let base = match form {
        Form::Dynamic => "(global.get $base)",
        _ => "(i32.const 0)",
    };
    let fields = fields.replace("BASE", base);
    format!(
        r#"(module {before} {imports} {memory} {COMMON} {fields}
             (func $thread (export "wasi_thread_start") (param $tid i32) (param $argument i32)
               {thread})
             (func $main (export "_start") {start}))"#
    )
}

/// Runs a module to its end in each form.
pub fn in_each_form(fields: &str, thread: &str, start: &str, judge: impl Fn(Outcome)) {
    for form in FORMS {
        println!("{form:?}");
        let sandbox = Sandbox::new();
        sandbox.write("main.wat", module(form, fields, thread, start));
        judge(run(&sandbox, &["main.wat"]));
    }
}

/// Runs `wasmaot run`. What hangs for a minute is ended: that is another exit code
/// than any program here has.
pub fn command(sandbox: &Sandbox, args: &[&str]) -> Command {
    timed(sandbox, "60", args)
}

/// The same with another time.
pub fn timed(sandbox: &Sandbox, seconds: &str, args: &[&str]) -> Command {
    sandbox.command(&[&["run", "--timeout", seconds], args].concat())
}

pub fn run(sandbox: &Sandbox, args: &[&str]) -> Outcome {
    command(sandbox, args).output().unwrap().into()
}

/// A module in a sandbox of its own, with these options.
pub fn start(sandbox: &Sandbox, options: &[&str], text: &str) -> Running {
    sandbox.write("main.wat", text);
    Running::start(&mut command(sandbox, &[options, &["main.wat"]].concat()))
}

const THREADS: &[&str] = &["-matomics", "-mbulk-memory", "-ffreestanding", "-Wall"];

/// A program in C of `tests/c/threads`, position-independent.
pub fn program(name: &str) -> PathBuf {
    let source = sources().join("threads").join(name);
    let main = object(&source, Code::Pic, THREADS);
    shared(Link::new(Kind::Pie, "main.wasm", vec![main], vec![]))
        .flag("--unresolved-symbols=import-dynamic")
        .make()
}

/// The same as a module with all in it, as SDKs for wasi-threads link it.
pub fn whole_program(name: &str) -> PathBuf {
    let source = sources().join("threads").join(name);
    let main = object(&source, Code::Fixed, THREADS);
    shared(Link::new(Kind::NoPie, "whole.wasm", vec![main], vec![]))
        .flag("--import-memory")
        .flag("--export-memory")
        .make()
}

/// A library in C.
pub fn library(name: &str, source: &str, flags: &[&str]) -> PathBuf {
    let flags = [THREADS, flags, &["-DLIBRARY"]].concat();
    let source = sources().join("threads").join(source);
    let library = object(&source, Code::Pic, &flags);
    let link = shared(Link::new(Kind::Shared, name, vec![library], vec![]));
    let exported = ["__wasm_init_tls", "__tls_base", "__tls_size", "__tls_align"];
    let flags = exported.map(|name| format!("--export-if-defined={name}"));
    flags.iter().fold(link, |link, flag| link.flag(flag)).make()
}

fn shared(link: Link) -> Link {
    link.freestanding()
        .flag("--shared-memory")
        .flag("--max-memory=268435456")
}

/// A library in text, that shares memory and table with the program.
pub fn text_library(imports: &str, fields: &str) -> String {
    format!(
        r#"(module (@dylink.0 (mem-info (memory 64 4) (table 4 0)))
             (import "env" "memory" (memory 1 4096 shared))
             (import "env" "__indirect_function_table" (table $table 1 funcref))
             (import "env" "__memory_base" (global $memory_base i32))
             (import "env" "__table_base" (global $table_base i32))
             {imports}
             {fields})"#
    )
}

/// Puts files into a sandbox, under their names.
pub fn put(sandbox: &Sandbox, files: &[PathBuf]) {
    for file in files {
        std::fs::copy(
            file,
            sandbox.path(file.file_name().unwrap().to_str().unwrap()),
        )
        .unwrap();
    }
}

/// A program that runs, with a pipe to and from the test.
pub struct Running {
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
}

impl Running {
    pub fn start(command: &mut Command) -> Self {
        let piped = command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = piped.stderr(Stdio::piped()).spawn().unwrap();
        Self {
            input: child.stdin.take(),
            output: BufReader::new(child.stdout.take().unwrap()),
            child,
        }
    }

    /// The next line that it writes; how it ended, if it has.
    #[track_caller]
    pub fn line(&mut self) -> String {
        let mut line = String::new();
        self.output.read_line(&mut line).unwrap();
        if line.is_empty() {
            let mut errors = String::new();
            let stderr = self.child.stderr.as_mut().unwrap();
            stderr.read_to_string(&mut errors).unwrap();
            panic!("it has ended: {:?}\n{errors}", self.child.wait().unwrap());
        }
        line.trim_end().to_owned()
    }

    /// Lets it go on: a byte of input.
    pub fn go(&mut self) {
        self.send("\n");
    }

    /// Gives it input.
    pub fn send(&mut self, text: &str) {
        self.input
            .as_mut()
            .unwrap()
            .write_all(text.as_bytes())
            .unwrap();
    }

    /// Returns once it has this many threads and all of them sleep. Nobody but
    /// the test or a clock can wake one then.
    pub fn until_quiet(&self, threads: usize) {
        let mut quiet = 0;
        while quiet < 3 {
            let states = self.states();
            assert!(!states.is_empty(), "it has ended");
            let sleeping = states.iter().all(|&state| state == 'S');
            quiet = match states.len() == threads && sleeping {
                true => quiet + 1,
                false => 0,
            };
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    /// The state of each thread, as `/proc` has it. One that is just ending is none.
    fn states(&self) -> Vec<char> {
        let tasks = std::fs::read_dir(self.proc("task")).unwrap();
        let stats = tasks.filter_map(|task| {
            // One that ends meanwhile is none.
            std::fs::read_to_string(task.ok()?.path().join("stat")).ok()
        });
        let state = |stat: String| stat.rsplit_once(") ").unwrap().1.chars().next().unwrap();
        let states = stats.map(state);
        states.filter(|state| !matches!(state, 'Z' | 'X')).collect()
    }

    fn proc(&self, name: &str) -> PathBuf {
        PathBuf::from(format!("/proc/{}/{name}", self.child.id()))
    }

    /// How many threads it has, those of the runtime among them.
    pub fn threads(&self) -> usize {
        self.states().len()
    }

    /// Its mappings.
    pub fn maps(&self) -> String {
        std::fs::read_to_string(self.proc("maps")).unwrap()
    }

    /// No page of it can be written and executed at once, at any moment that this sees
    /// until it has ended. Its output has to fit a pipe.
    pub fn watch_until_end(&mut self) {
        while self.child.try_wait().unwrap().is_none() {
            let maps = std::fs::read_to_string(self.proc("maps")).unwrap_or_default();
            let both = maps.lines().find(|line| line.contains("wx"));
            assert!(both.is_none(), "{both:?}");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Its memory, in KiB.
    pub fn resident(&self) -> u64 {
        let status = std::fs::read_to_string(self.proc("status")).unwrap();
        let line = status.lines().find_map(|l| l.strip_prefix("VmRSS:"));
        let number = line.unwrap().split_whitespace().next();
        number.unwrap().parse().unwrap()
    }

    /// Waits for its end, its input open meanwhile.
    pub fn end(mut self) -> Outcome {
        let mut stdout = String::new();
        let errors = std::thread::scope(|scope| {
            let stderr = self.child.stderr.as_mut().unwrap();
            let errors = scope.spawn(|| {
                let mut text = String::new();
                stderr.read_to_string(&mut text).unwrap();
                text
            });
            self.output.read_to_string(&mut stdout).unwrap();
            errors.join().unwrap()
        });
        Outcome {
            code: self.child.wait().unwrap().code(),
            stdout,
            stderr: errors,
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
