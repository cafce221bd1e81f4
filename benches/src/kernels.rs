//! The kernels, by all contestants.

use std::io::{IsTerminal as _, Write as _};
use std::path::PathBuf;

use anyhow::{Context as _, Result, bail};
use wasmaot_compiler::Options;
use wasmaot_lab::contest::{Contestant, Runner, compete};
use wasmaot_lab::kernel::{KERNELS, Kernel, kernel};
use wasmaot_lab::native;
use wasmaot_lab::report::{Report, Task};
use wasmaot_lab::tools::{CLANG, GCC, Tool};
use wasmaot_lab::wasm;
use wasmaot_lab::workshop::{Cut, FLAGS, Native, WASM_FLAGS, Workshop};
use wasmaot_runtime::{Bind, Config};

#[cfg(feature = "wasmtime")]
use crate::peers;

/// `kernels`.
#[derive(clap::Args)]
pub struct Args {
    /// Kernels [default: all]
    kernels: Vec<String>,
    /// Rounds; every contestant runs once in each
    #[arg(long, default_value_t = 9)]
    rounds: usize,
    /// Do this times the usual work, which takes some 100 ms natively
    #[arg(long, default_value_t = 1.0)]
    scale: f64,
    /// Contestants whose names begin so, beside `native`, which is always there
    #[arg(long, num_args = 1..)]
    only: Vec<String>,
    /// Write the figures here too
    #[arg(long)]
    json: Option<PathBuf>,
    /// Build here, and leave what is built to be looked at
    #[arg(long)]
    keep: Option<PathBuf>,
}

/// How a contestant is made of a kernel.
type Make = fn(&Workshop, &Kernel) -> Result<Runner>;

const CONTESTANTS: &[(&str, Make)] = &[
    ("native", |w, k| natively(w, k, Native::Static)),
    ("so", |w, k| natively(w, k, Native::Plt)),
    ("so-now", |w, k| natively(w, k, Native::Now)),
    ("so-noplt", |w, k| natively(w, k, Native::NoPlt)),
    ("so-symbolic", |w, k| natively(w, k, Native::Symbolic)),
    ("wasmaot-one", |w, k| ours(w, k, Cut::One, Bind::Now)),
    ("wasmaot-two-lazy", |w, k| ours(w, k, Cut::Pie, Bind::Lazy)),
    ("wasmaot-two-now", |w, k| ours(w, k, Cut::Pie, Bind::Now)),
    ("wasmaot-two-direct", |w, k| {
        ours(w, k, Cut::Pie, Bind::Direct)
    }),
    ("wasmaot-fixed-now", |w, k| {
        ours(w, k, Cut::Fixed, Bind::Now)
    }),
    ("wasmaot-fixed-direct", |w, k| {
        ours(w, k, Cut::Fixed, Bind::Direct)
    }),
    #[cfg(feature = "wasmtime")]
    ("wasmtime-one", |w, k| {
        peers::wasmtime::one(&w.wasm(k, Cut::One)?)
    }),
];

fn natively(workshop: &Workshop, kernel: &Kernel, native: Native) -> Result<Runner> {
    Ok(native::program(&workshop.native(kernel, native)?))
}

fn ours(workshop: &Workshop, kernel: &Kernel, cut: Cut, bind: Bind) -> Result<Runner> {
    let config = Config {
        bind,
        ..Config::default()
    };
    wasm::runner(&workshop.wasm(kernel, cut)?, &Options::default(), config)
}

/// Measures, prints the table.
pub fn run(args: &Args) -> Result<()> {
    let kernels = chosen(&args.kernels)?;
    let temporary = tempfile::tempdir()?;
    let directory = args.keep.as_deref().unwrap_or(temporary.path());
    std::fs::create_dir_all(directory)?;
    let workshop = Workshop::new(directory)?;
    let mut report = setting(args)?;
    for kernel in kernels {
        let mut contestants: Vec<Contestant> = CONTESTANTS
            .iter()
            .filter(|(name, _)| wanted(&args.only, name))
            .map(|(name, make)| Contestant::new(*name, make(&workshop, kernel)))
            .collect();
        let n = ((f64::from(kernel.n) * args.scale) as u32).max(1);
        let series = compete(&mut contestants, n, args.rounds, &mut |name| {
            progress(&format!("{}: {name}", kernel.name));
        });
        report.tasks.push(Task {
            name: kernel.name.to_owned(),
            group: kernel.group.name().to_owned(),
            n,
            series,
        });
    }
    progress("");
    print!("{}", report.table());
    if let Some(path) = &args.json {
        let text = serde_json::to_string_pretty(&report)?;
        std::fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(())
}

fn chosen(names: &[String]) -> Result<Vec<&'static Kernel>> {
    if names.is_empty() {
        return Ok(KERNELS.iter().collect());
    }
    let find = |name: &String| {
        let all: Vec<&str> = KERNELS.iter().map(|k| k.name).collect();
        kernel(name).with_context(|| format!("no kernel {name}; there are: {}", all.join(" ")))
    };
    names.iter().map(find).collect()
}

fn wanted(only: &[String], name: &str) -> bool {
    name == "native" || only.is_empty() || only.iter().any(|o| name.starts_with(o.as_str()))
}

fn setting(args: &Args) -> Result<Report> {
    for only in &args.only {
        if !CONTESTANTS
            .iter()
            .any(|(name, _)| name.starts_with(only.as_str()))
        {
            let all: Vec<&str> = CONTESTANTS.iter().map(|(name, _)| *name).collect();
            bail!("no contestant {only}; there are: {}", all.join(" "));
        }
    }
    let mut report = Report {
        title: "kernels".to_owned(),
        ..Report::default()
    };
    report.note_machine();
    report.note("flags of both compilers", FLAGS.join(" "));
    report.note("flags of clang", WASM_FLAGS.join(" "));
    report.note("clang", Tool::find(CLANG)?.version());
    report.note("gcc", Tool::find(GCC)?.version());
    if cfg!(not(feature = "wasmtime")) {
        let why = "built without it (--no-default-features)";
        report.absent.insert("wasmtime".to_owned(), why.to_owned());
    }
    let measure = "CPU time of the thread; each warmed up by 1/16 of the work";
    report.note("measured", measure);
    report.note("rounds", args.rounds.to_string());
    Ok(report)
}

/// One line on a terminal, in place of the last.
fn progress(text: &str) {
    let mut err = std::io::stderr();
    if err.is_terminal() {
        let _ = write!(err, "\r\x1b[K{text}");
        let _ = err.flush();
    }
}
