//! Whole programs as users start them, beside native ones and wasmtime: CPU time of processes
//! from nothing to their end.

mod c;
mod python;
mod uses;

use std::ffi::OsString;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail};
use wasmaot_lab::interleave::{Contestant, Runner, compete};
use wasmaot_lab::report::{Report, Task};
use wasmaot_lab::tools::{CLANG, GCC, Tool};

use crate::child;
use uses::{USES, Use};

/// `programs`.
#[derive(clap::Args)]
pub struct Args {
    /// The programs: lua-hello, lua-work, sqlite-hello and so on [default: all]
    names: Vec<String>,
    /// Rounds; everyone runs once in each, as often as --runs says
    #[arg(long, default_value_t = 11)]
    rounds: usize,
    /// Runs of a process in a round, for the mean
    #[arg(long, default_value_t = 3)]
    runs: u32,
    /// The command to measure
    #[arg(long, default_value = "target/release/wasmaot")]
    wasmaot: PathBuf,
    /// The static loader, of which executables are made [default: none, and none are measured]
    #[arg(long)]
    loader: Option<PathBuf>,
    /// A native CPython, beside which that for WASI is measured; several times for several
    #[arg(long, default_value = "python3")]
    python: Vec<PathBuf>,
    /// Write the figures here too
    #[arg(long)]
    json: Option<PathBuf>,
    /// Build here, and leave what is built to be looked at
    #[arg(long)]
    keep: Option<PathBuf>,
}

/// A program in one of its forms.
struct Form {
    name: String,
    /// What starts it, before its own arguments.
    words: Vec<OsString>,
    environment: Vec<(&'static str, PathBuf)>,
}

impl Form {
    fn new(name: &str, words: impl IntoIterator<Item = impl Into<OsString>>) -> Self {
        Self {
            name: name.to_owned(),
            words: words.into_iter().map(Into::into).collect(),
            environment: Vec::new(),
        }
    }
}

/// The programs that make ours.
struct Making {
    wasmaot: PathBuf,
    loader: Option<PathBuf>,
}

impl Making {
    /// Copies, as what is installed is one: the pages of a file that was written by a linker,
    /// in no order, are in the system's cache one by one, and a process takes them so.
    fn new(args: &Args, directory: &Path) -> Result<Self> {
        let copy = |from: &Path, name: &str, how: &str| {
            let to = directory.join(name);
            fs::copy(from, &to).with_context(|| format!("no {}: {how}", from.display()))?;
            anyhow::Ok(to)
        };
        let how = "build it with cargo build --release, or say --wasmaot";
        let wasmaot = copy(&args.wasmaot, "wasmaot", how)?;
        let how = "build it with cargo build --profile loader -p wasmaot-ld";
        let loader = args.loader.as_ref();
        let loader = loader
            .map(|from| copy(from, "wasmaot-ld", how))
            .transpose()?;
        Ok(Self { wasmaot, loader })
    }

    /// A run of the command in a directory.
    fn run(
        &self,
        directory: &Path,
        environment: &[(&'static str, PathBuf)],
        words: impl IntoIterator<Item = impl Into<OsString>>,
    ) -> Result<()> {
        let mut command = Command::new(&self.wasmaot);
        command.args(words.into_iter().map(Into::into));
        command.envs(environment.iter().map(|(name, value)| (name, value)));
        if let Some(loader) = &self.loader {
            command.env("WASMAOT_LD", loader);
        }
        child::run(command.current_dir(directory))?;
        Ok(())
    }
}

/// What wasmtime compiles of modules, main first, with options that say what it may use.
#[cfg(feature = "wasmtime")]
fn wasmtime(modules: &[PathBuf], place: &Path, options: &[OsString]) -> Result<Option<Form>> {
    let mut command = crate::engines::wasi::command(modules, place)?;
    command.extend_from_slice(options);
    command.push("--".into());
    Ok(Some(Form::new("wasmtime", command)))
}

#[cfg(not(feature = "wasmtime"))]
fn wasmtime(_: &[PathBuf], _: &Path, _: &[OsString]) -> Result<Option<Form>> {
    Ok(None)
}

/// Measures, prints the table.
pub fn run(args: &Args) -> Result<()> {
    let unknown = |name: &&String| !USES.iter().any(|used| used.name == **name);
    if let Some(name) = args.names.iter().find(unknown) {
        let all: Vec<&str> = USES.iter().map(|used| used.name).collect();
        bail!("no program {name}; there are: {}", all.join(" "));
    }
    let temporary = tempfile::tempdir()?;
    let directory = args.keep.as_deref().unwrap_or(temporary.path());
    fs::create_dir_all(directory)?;
    let directory = directory.canonicalize()?;
    let making = Making::new(args, &directory)?;
    let mut report = setting(args)?;
    for program in ["lua", "sqlite", "python"] {
        let wanted =
            |used: &Use| args.names.is_empty() || args.names.iter().any(|n| n == used.name);
        let uses = USES.iter().filter(|used| used.program == program);
        let uses: Vec<&Use> = uses.filter(|used| wanted(used)).collect();
        if uses.is_empty() {
            continue;
        }
        crate::progress(&format!("builds {program}"));
        let place = directory.join(program);
        fs::create_dir_all(&place)?;
        let forms = match program {
            "lua" => c::forms(&c::lua()?, &place, &making)?,
            "sqlite" => c::forms(&c::sqlite(), &place, &making)?,
            _ => python::forms(&args.python, &place, &making, &mut report)?,
        };
        for used in uses {
            report.tasks.push(measure(args, used, &place, &forms)?);
            // What is known so far is not lost.
            crate::keep(&report, args.json.as_deref())?;
        }
    }
    crate::progress("");
    print!("{}", report.details());
    Ok(())
}

fn setting(args: &Args) -> Result<Report> {
    let mut report = Report {
        title: "programs".to_owned(),
        ..Report::default()
    };
    report.note_machine();
    report.note("gcc", Tool::find(GCC)?.version());
    report.note("clang", Tool::find(CLANG)?.version());
    report.note(
        "measured",
        "whole processes: CPU time, user and system; beside it from spawning one to its end",
    );
    report.note(
        "wasmaot, wasmaot-now, exe",
        "main, the program's library, musl's libc.so as objects; built before",
    );
    report.note(
        "wasi, wasmtime",
        "one module with wasi-libc in it; CPython: main, libpython3.14.so, wasi-libc and four small \
         libraries; built before, by wasmtime to .cwasm, which a process of this program runs \
         with the crate wasmtime-wasi",
    );
    if cfg!(not(feature = "wasmtime")) {
        let why = "built without it (--no-default-features)";
        report.absent.insert("wasmtime".to_owned(), why.to_owned());
    }
    report.note("rounds", args.rounds.to_string());
    Ok(report)
}

fn measure(args: &Args, used: &'static Use, place: &Path, forms: &[Form]) -> Result<Task> {
    let input = place.join(used.name);
    fs::write(&input, used.input)?;
    let contestants = forms.iter().map(|form| {
        let (words, environment) = (form.words.clone(), form.environment.clone());
        let input = input.clone();
        let runner: Runner = child::process(move || {
            let mut command = Command::new(&words[0]);
            command.args(&words[1..]).args(used.args);
            command.envs(environment.iter().map(|(name, value)| (name, value)));
            // One that cannot be opened gives the program nothing to read, and another output.
            match File::open(&input) {
                Ok(file) => command.stdin(file),
                Err(_) => &mut command,
            };
            command
        });
        Contestant::new(&form.name, Ok(runner))
    });
    let mut contestants: Vec<Contestant> = contestants.collect();
    let mut before = |who: &str| crate::progress(&format!("{}: {who}", used.name));
    // Caches are filled and files read before anything is measured.
    compete(&mut contestants, 1, 1, &mut before);
    let series = compete(&mut contestants, args.runs, args.rounds, &mut before);
    Ok(Task {
        name: used.name.to_owned(),
        about: used.about.to_owned(),
        group: "programs".to_owned(),
        n: args.runs,
        series,
    })
}
