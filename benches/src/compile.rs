//! Building a module, each time in a process of its own.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use anyhow::{Context as _, Result, bail};
use object::{Object as _, ObjectSection as _};
use serde::{Deserialize, Serialize};
use wasmaot_compiler::{Emit, OptLevel, Options};
use wasmaot_lab::interleave::{Contestant, Runner, Sample, compete, cpu_time_of_all_threads};
use wasmaot_lab::report::{Report, Task};
use wasmaot_testkit::{Code, Kind, Link};

use crate::child;
#[cfg(feature = "wasmtime")]
use crate::engines;

/// `compile`.
#[derive(clap::Args)]
pub struct Args {
    /// Modules [default: SQLite, as a shared library]
    modules: Vec<PathBuf>,
    /// Rounds; everyone builds the module once in each
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Contestants whose names begin so, such as `wasmaot -O2`
    #[arg(long, num_args = 1..)]
    only: Vec<String>,
    /// Write the figures here too
    #[arg(long)]
    json: Option<PathBuf>,
}

/// One build.
#[derive(clap::Args, Clone)]
pub struct One {
    /// Who builds
    #[arg(long, value_enum)]
    engine: Engine,
    /// As of `wasmaot build`; 0 is with single-pass register allocation
    #[arg(long)]
    level: u8,
    /// Threads
    #[arg(long)]
    threads: usize,
    /// The module
    module: PathBuf,
}

/// Who builds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Engine {
    Wasmtime,
    Wasmaot,
}

/// What a build took and gave, as a child process prints it.
#[derive(Serialize, Deserialize)]
struct Built {
    nanoseconds: f64,
    cpu_nanoseconds: f64,
    peak_bytes: f64,
    code_bytes: f64,
    file_bytes: f64,
}

/// Measures, prints the table.
pub fn run(args: &Args) -> Result<()> {
    let mut report = Report {
        title: "compile".to_owned(),
        ..Report::default()
    };
    report.note_machine();
    report.note(
        "measured",
        "time of a build in a process of its own, files read before",
    );
    report.note("rounds", args.rounds.to_string());
    let mut engines = vec![Engine::Wasmtime, Engine::Wasmaot];
    if cfg!(not(feature = "wasmtime")) {
        let why = "built without it (--no-default-features)";
        report.absent.insert("wasmtime".to_owned(), why.to_owned());
        engines.retain(|engine| *engine != Engine::Wasmtime);
    }
    let modules = match args.modules.is_empty() {
        true => vec![sqlite()],
        false => args.modules.clone(),
    };
    for module in &modules {
        let size = std::fs::metadata(module);
        let size = size
            .with_context(|| format!("cannot read {}", module.display()))?
            .len();
        let mut contestants = Vec::new();
        for (level, threads) in [(2, 1), (2, 2), (0, 1), (0, 2)] {
            for &engine in &engines {
                let engine_name = format!("{engine:?}").to_lowercase();
                let name = format!("{engine_name} -O{level} -j{threads}");
                let one = One {
                    engine,
                    level,
                    threads,
                    module: module.clone(),
                };
                if args.only.is_empty() || args.only.iter().any(|o| name.starts_with(o.as_str())) {
                    contestants.push(Contestant::new(name, builder(one, size)));
                }
            }
        }
        let file = module.file_name().unwrap_or_default().to_string_lossy();
        let series = compete(&mut contestants, 1, args.rounds, &mut |name| {
            crate::progress(&format!("{file}: {name}"));
        });
        report.tasks.push(Task {
            name: format!("{file}, {:.2} MB", size as f64 / 1e6),
            about: String::new(),
            group: "compile".to_owned(),
            n: 1,
            series,
        });
    }
    crate::progress("");
    print!("{}", report.details());
    crate::keep(&report, args.json.as_deref())
}

/// SQLite as clang and wasm-ld make it.
fn sqlite() -> PathBuf {
    let source = wasmaot_testkit::sqlite_sources().join("sqlite3.c");
    let object = wasmaot_testkit::object(&source, Code::Pic, wasmaot_testkit::SQLITE_FLAGS);
    Link::new(Kind::Shared, "libsqlite3.so", vec![object], Vec::new()).make()
}

/// A contestant: this program again, for one build.
fn builder(one: One, size: u64) -> Result<Runner> {
    let program = std::env::current_exe()?;
    Ok(Box::new(move |_| {
        let mut command = Command::new(&program);
        command.arg("compile-one");
        command
            .arg("--engine")
            .arg(format!("{:?}", one.engine).to_lowercase());
        command.arg("--level").arg(one.level.to_string());
        command.arg("--threads").arg(one.threads.to_string());
        command.arg(&one.module);
        // The pool of threads that wasmtime uses.
        command.env("RAYON_NUM_THREADS", one.threads.to_string());
        let ended = child::run(&mut command)?;
        let built: Built = serde_json::from_str(&ended.stdout)?;
        Ok(Sample {
            nanoseconds: built.nanoseconds,
            extra: vec![
                ("s per MB", built.nanoseconds / 1e9 / (size as f64 / 1e6)),
                ("CPU s", built.cpu_nanoseconds / 1e9),
                ("peak MB", built.peak_bytes / 1e6),
                ("code / wasm", built.code_bytes / size as f64),
                ("file / wasm", built.file_bytes / size as f64),
            ],
            ..Sample::default()
        })
    }))
}

/// Builds, and prints what that took.
pub fn one(one: &One) -> Result<()> {
    let wasm = std::fs::read(&one.module)
        .with_context(|| format!("cannot read {}", one.module.display()))?;
    let (start, cpu) = (Instant::now(), cpu_time_of_all_threads());
    let file = match one.engine {
        Engine::Wasmaot => ours(&one.module, &wasm, one)?,
        #[cfg(feature = "wasmtime")]
        Engine::Wasmtime => engines::wasmtime::build(&wasm, one.level, one.threads)?,
        #[cfg(not(feature = "wasmtime"))]
        Engine::Wasmtime => bail!("built without wasmtime"),
    };
    let nanoseconds = start.elapsed().as_nanos() as f64;
    let cpu = cpu_time_of_all_threads() - cpu;
    let peak_bytes = peak()?;
    let elf = object::File::parse(&*file)?;
    let text = elf
        .section_by_name(".text")
        .context("a file without code")?;
    let built = Built {
        nanoseconds,
        cpu_nanoseconds: cpu.as_nanos() as f64,
        peak_bytes,
        code_bytes: text.size() as f64,
        file_bytes: file.len() as f64,
    };
    println!("{}", serde_json::to_string(&built)?);
    Ok(())
}

fn ours(path: &Path, wasm: &[u8], one: &One) -> Result<Vec<u8>> {
    let options = Options {
        opt_level: match one.level {
            0 => OptLevel::None,
            1 => OptLevel::Less,
            2 => OptLevel::Speed,
            level => bail!("no level {level}"),
        },
        threads: Some(one.threads),
        ..Options::default()
    };
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    Ok(wasmaot_compiler::compile(&name, wasm, &options, Emit::So)?)
}

/// The most memory that this process had.
fn peak() -> Result<f64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kilobytes = line.and_then(|line| line.trim().strip_suffix(" kB"));
    let kilobytes: f64 = kilobytes
        .context("no VmHWM in /proc/self/status")?
        .parse()?;
    Ok(kilobytes * 1024.0)
}
