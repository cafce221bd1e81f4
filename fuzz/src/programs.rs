//! The target `programs`: a running program that calls the host with hostile
//! arguments. Every host function of WASI, of Linux, of `<dlfcn.h>` and of flat
//! programs is called, and every instruction that is a call of the runtime, in
//! sequences, by which descriptors and libraries stay open. Nothing may panic,
//! take the process down, go on after a request to stop, lead out of what is
//! granted, or make the host hold much memory.

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use wasmaot_abi::trap::TrapCode;
use wasmaot_abi::types::ValType;
use wasmaot_compiler::{Emit, OptLevel};
use wasmaot_hosts::{HostEnv, Input, Output, OutputBuffer, flat_libc, linux, wasi};
use wasmaot_runtime::trap::{Interrupter, TrapReason};
use wasmaot_runtime::{
    CallError, Config, Error, Finder, InstanceId, Object, Process, Unresolved, Val,
};

use self::arguments::{Arguments, CANARY};
use self::exports::{Export, Kind};
use crate::{File, Outcome, Random, native, seeds};

mod arguments;
mod exports;

/// A call that takes longer is asked to stop.
const PATIENCE: Duration = Duration::from_millis(60);
/// One that goes on for that long then does not stop.
const STOPS: Duration = Duration::from_secs(60);
/// Bytes that the process may come to use beyond what it had at its start.
const MEMORY: u64 = 3 << 30;

/// A program and the seed of what it does.
#[derive(Debug)]
pub struct Program {
    seed: u64,
    kind: Kind,
    calls: usize,
}

impl Program {
    /// A random one.
    pub fn random(seed: u64) -> Self {
        let mut random = Random::new(seed);
        Self {
            kind: *random.pick(Kind::ALL),
            calls: 40 + random.below(160),
            seed: random.bits(),
        }
    }

    /// The module that is run.
    pub fn files(&self) -> Vec<File> {
        let made = exports::made(self.kind);
        vec![("program.wat".to_owned(), made.text.clone().into_bytes())]
    }

    /// Runs it.
    ///
    /// # Errors
    /// What is wrong.
    pub fn check(&self) -> Result<Outcome, String> {
        static BEGIN: OnceLock<u64> = OnceLock::new();
        let begin = *BEGIN.get_or_init(|| peak_memory().unwrap_or(0));
        let grant = Grant::new(self.seed).map_err(|e| format!("no directory: {e}"))?;
        let result = self.run(&grant);
        grant.check()?;
        let peak = peak_memory().unwrap_or(0);
        if peak > begin.saturating_add(MEMORY) {
            return Err(format!("{} MiB of memory were used", peak >> 20));
        }
        result.map(|()| Outcome::Passed)
    }

    fn run(&self, grant: &Grant) -> Result<(), String> {
        let mut random = Random::new(self.seed);
        let (mut process, id) = self.start(grant, &mut random)?;
        let mut arguments = Arguments::new(random, memory(&mut process, id).len());
        arguments.fill(&mut |at, bytes| {
            // What does not fit is of no use to the program either.
            let _ = process.write(id, at, bytes);
        });
        let watch = Watch::new(process.interrupter());
        let made = exports::made(self.kind);
        for _ in 0..self.calls {
            if arguments.random.once_in(8) {
                arguments.change(&mut |at, bytes| {
                    let _ = process.write(id, at, bytes);
                });
            }
            let export = made.pick(&mut arguments.random);
            let args = arguments.of(export);
            let called = describe(export, &args);
            watch.begin();
            let result = process.invoke(id, &export.name, &args);
            watch.end(&called)?;
            let answer = self::outcome(result, &called)?;
            arguments.remember(export, &args, answer, &memory(&mut process, id));
        }
        // A flat program has no way to read a file, and much memory.
        if self.kind != Kind::Flat && contains(&memory(&mut process, id), CANARY) {
            return Err("the program has read what is not granted".to_owned());
        }
        Ok(())
    }

    /// A process with the program loaded.
    fn start(&self, grant: &Grant, random: &mut Random) -> Result<(Process, InstanceId), String> {
        let config = Config {
            // A flat program has 16 MiB to begin with.
            max_memory: match self.kind {
                Kind::Flat => 20 << 20,
                _ => 1 << 20,
            },
            max_table: 1000,
            stack_size: 1 << 20,
            max_threads: 6,
            unresolved: Unresolved::Ignore,
            ..Config::default()
        };
        let mut process = Process::new(config).map_err(|e| e.to_string())?;
        let env = grant
            .env(random)
            .map_err(|e| format!("nothing to grant: {e}"))?;
        process.add_host_functions(wasi::functions(env.clone()));
        process.add_host_functions(linux::functions(env));
        process.add_host_functions(flat_libc::functions(std::io::sink()));
        process.set_finder(Libraries {
            shared: self.kind == Kind::Threads,
        });
        let main = Arc::clone(&exports::made(self.kind).object);
        let loaded = match self.kind {
            Kind::Flat => process.load_flat(main, &[]),
            _ => process.load_program(main, &[]),
        };
        let id = loaded.map_err(|e| e.to_string())?;
        Ok((process, id))
    }
}

/// The libraries that a program can open, and make.
struct Libraries {
    /// Whether their memory is.
    shared: bool,
}

impl Finder for Libraries {
    fn find(&mut self, name: &str, _: &Object) -> Result<Option<Arc<Object>>, Error> {
        Ok(match name.rsplit('/').next() {
            Some("lib.so") => Some(exports::library(false, self.shared)),
            Some("opener.so") => Some(exports::library(true, self.shared)),
            _ => None,
        })
    }

    fn module(&mut self, name: &str, bytes: &[u8]) -> Result<Arc<Object>, Error> {
        exports::written(name, bytes)
    }
}

/// What is in the program's memory.
fn memory(process: &mut Process, id: InstanceId) -> Vec<u8> {
    let view = process.memory_view(id);
    let bytes = view.read_vec(0, view.len());
    bytes.expect("it is as large as it says")
}

/// How a call ended: its first result; a fault of the runtime's is an error.
fn outcome(result: Result<Vec<Val>, CallError>, called: &str) -> Result<Option<Val>, String> {
    match result {
        Ok(values) => Ok(values.first().copied()),
        Err(CallError::Trap(trap)) => match trap.reason {
            TrapReason::Code(TrapCode::NativeFault) => Err(format!("{called}: {trap}")),
            TrapReason::Host(message) if message.contains("other types") => {
                Err(format!("{called}: {message}"))
            }
            _ => Ok(None),
        },
        Err(other) => Err(format!("{called}: {other}")),
    }
}

fn describe(export: &Export, args: &[Val]) -> String {
    let args = args.iter().map(|value| format!("{:#x}", value.bits()));
    let args: Vec<_> = args.collect();
    format!("{}({})", export.name, args.join(", "))
}

fn contains(memory: &[u8], text: &[u8]) -> bool {
    let starts = memory
        .iter()
        .enumerate()
        .filter(|(_, byte)| **byte == text[0]);
    let mut found = starts.map(|(at, _)| memory[at..].starts_with(text));
    found.any(|found| found)
}

/// Most memory that this process has used, in bytes.
fn peak_memory() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    let kib: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kib << 10)
}

/// Stops calls that take too long.
struct Watch {
    state: Arc<Watched>,
    thread: Option<thread::JoinHandle<()>>,
}

struct Watched {
    interrupter: Interrupter,
    /// When the call began, in milliseconds of `start`, and 1 more; 0 for none.
    since: AtomicU64,
    start: Instant,
    over: AtomicBool,
}

impl Watch {
    fn new(interrupter: Interrupter) -> Self {
        let state = Arc::new(Watched {
            interrupter,
            since: AtomicU64::new(0),
            start: Instant::now(),
            over: AtomicBool::new(false),
        });
        let watched = Arc::clone(&state);
        let thread = thread::spawn(move || {
            while !watched.over.load(Ordering::SeqCst) {
                thread::park_timeout(PATIENCE / 4);
                if watched.running() > PATIENCE {
                    watched.interrupter.interrupt(Duration::ZERO);
                }
            }
        });
        Self {
            state,
            thread: Some(thread),
        }
    }

    fn begin(&self) {
        let now = self.state.start.elapsed().as_millis() as u64 + 1;
        self.state.since.store(now, Ordering::SeqCst);
    }

    /// The call has ended: how long it took is an error if it is too long.
    fn end(&self, called: &str) -> Result<(), String> {
        let took = self.state.running();
        self.state.since.store(0, Ordering::SeqCst);
        self.state.interrupter.resume();
        if took > STOPS {
            return Err(format!("{called}: stops only after {took:?}"));
        }
        Ok(())
    }
}

impl Watched {
    /// How long the call runs.
    fn running(&self) -> Duration {
        match self.since.load(Ordering::SeqCst) {
            0 => Duration::ZERO,
            since => self
                .start
                .elapsed()
                .saturating_sub(Duration::from_millis(since - 1)),
        }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.state.over.store(true, Ordering::SeqCst);
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            // It has nothing to say.
            let _ = thread.join();
        }
    }
}

/// A directory that is granted, in one that is not.
struct Grant {
    outer: PathBuf,
    /// When what is not granted was last changed.
    changed: SystemTime,
}

impl Grant {
    fn new(seed: u64) -> std::io::Result<Self> {
        let name = format!("wasmaot-fuzz-{}-{seed:x}", std::process::id());
        let outer = std::env::temp_dir().join(name);
        let granted = outer.join("granted");
        fs::create_dir_all(granted.join("dir/sub"))?;
        fs::create_dir(outer.join("beside"))?;
        fs::write(outer.join("canary"), CANARY)?;
        fs::write(granted.join("x"), "content")?;
        fs::write(granted.join("dir/y"), "inner")?;
        for (target, link) in [
            (Path::new("dir"), "link"),
            (Path::new("../canary"), "out"),
            (Path::new(".."), "up"),
            (Path::new("loop"), "loop"),
            (&outer.join("canary"), "absolute"),
        ] {
            std::os::unix::fs::symlink(target, granted.join(link))?;
        }
        let pipe = granted.join("pipe");
        let mode = rustix::fs::Mode::from_raw_mode(0o666);
        rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, mode, 0)?;
        let changed = fs::metadata(outer.join("canary"))?.modified()?;
        Ok(Self { outer, changed })
    }

    /// What the program is given.
    fn env(&self, random: &mut Random) -> std::io::Result<HostEnv> {
        let stdout = OutputBuffer::with_limit(1 << 20);
        let mut wasi = HostEnv::new()
            .args(["program", "x", ""])
            .env("HOME", "/")
            .stdin(Input::Bytes(b"given".to_vec()))
            .stdout(Output::Buffer(stdout))
            .max_open_files(40)
            .preopen(self.outer.join("granted"), "/")?
            .preopen_read_only(self.outer.join("granted/dir"), "/read")?;
        if random.once_in(6) {
            let listener = TcpListener::bind("127.0.0.1:0")?;
            let stream = TcpStream::connect(listener.local_addr()?)?;
            wasi = wasi.listener(listener).connection(stream);
        }
        Ok(wasi)
    }

    /// Whether all that is not granted is as it was.
    fn check(&self) -> Result<(), String> {
        let look = || -> std::io::Result<bool> {
            let canary = self.outer.join("canary");
            let names = fs::read_dir(&self.outer)?.count();
            let beside = fs::read_dir(self.outer.join("beside"))?.count();
            let as_it_was = fs::read(&canary)? == CANARY
                && fs::metadata(canary)?.modified()? == self.changed
                && fs::symlink_metadata(self.outer.join("granted"))?.is_dir();
            Ok(as_it_was && names == 3 && beside == 0)
        };
        match look() {
            Ok(true) => Ok(()),
            Ok(false) => Err("what is not granted was changed".to_owned()),
            Err(error) => Err(format!("what is not granted has gone: {error}")),
        }
    }
}

impl Drop for Grant {
    fn drop(&mut self) {
        // Another run begins with another directory.
        let _ = fs::remove_dir_all(&self.outer);
    }
}
