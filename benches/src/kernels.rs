//! The kernels, by all contestants.

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use wasmaot_lab::builds::{Builds, Cut, FLAGS, WASM_FLAGS};
use wasmaot_lab::interleave::Contestant;
use wasmaot_lab::kernel::{Kernel, built_in};
use wasmaot_lab::native::Native;
use wasmaot_lab::report::Report;
use wasmaot_lab::tools::{CLANG, GCC, Tool};
use wasmaot_lab::variant::{Binding, Link};

use crate::contestants::{
    Amount, BASELINE, Entry, Form, NO_VECTORS, entry, external, measure, natively, ours, present,
};
use crate::engines;
use crate::engines::node::NODE;
use crate::engines::program::{WASMER, WASMER_RUN};
use crate::engines::wasm2c::WASM2C;

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
    /// A further flag of clang, such as -msimd128
    #[arg(long, allow_hyphen_values = true)]
    wasm_flag: Vec<String>,
    /// A further flag of gcc, such as -march=native
    #[arg(long, allow_hyphen_values = true)]
    native_flag: Vec<String>,
    /// A further engine: NAME=COMMAND; the command, with {wasm} and {n} in it, prints run(n)
    #[arg(long = "engine", value_name = "NAME=COMMAND", value_parser = engine)]
    engines: Vec<(String, String)>,
    /// Write the figures here too
    #[arg(long)]
    json: Option<PathBuf>,
    /// Build here, and leave what is built to be looked at
    #[arg(long)]
    keep: Option<PathBuf>,
}

const CONTESTANTS: &[Entry] = &[
    entry(BASELINE, Form::Vectors, |w, k| {
        natively(w, k, Native::Static)
    }),
    entry("so", Form::Vectors, |w, k| natively(w, k, Native::Plt)),
    entry("so-now", Form::Vectors, |w, k| natively(w, k, Native::Now)),
    entry("so-noplt", Form::Vectors, |w, k| {
        natively(w, k, Native::NoPlt)
    }),
    entry("so-symbolic", Form::Vectors, |w, k| {
        natively(w, k, Native::Symbolic)
    }),
    entry("wasmaot-one", Form::Vectors, |w, k| {
        ours(w, k, Link::One, Binding::Inside)
    }),
    entry("wasmaot-two-lazy", Form::Vectors, |w, k| {
        ours(w, k, Link::Pie, Binding::Lazy)
    }),
    entry("wasmaot-two-now", Form::Vectors, |w, k| {
        ours(w, k, Link::Pie, Binding::Now)
    }),
    entry("wasmaot-two-direct", Form::Vectors, |w, k| {
        ours(w, k, Link::Pie, Binding::Direct)
    }),
    entry("wasmaot-two-static", Form::Vectors, |w, k| {
        ours(w, k, Link::Pie, Binding::Static)
    }),
    entry("wasmaot-fixed-now", Form::Vectors, |w, k| {
        ours(w, k, Link::Fixed, Binding::Now)
    }),
    entry("wasmaot-fixed-direct", Form::Vectors, |w, k| {
        ours(w, k, Link::Fixed, Binding::Direct)
    }),
    entry("wasmaot-fixed-static", Form::Vectors, |w, k| {
        ours(w, k, Link::Fixed, Binding::Static)
    }),
    #[cfg(feature = "wasmtime")]
    entry("wasmtime-one", Form::Vectors, |w, k| {
        engines::wasmtime::runner(&w.wasm(k, Cut::One)?, false)
    }),
    #[cfg(feature = "wasmtime")]
    entry("wasmtime-one-inlining", Form::Vectors, |w, k| {
        engines::wasmtime::runner(&w.wasm(k, Cut::One)?, true)
    }),
    #[cfg(feature = "wasmtime")]
    entry("wasmtime-two", Form::Vectors, |w, k| {
        engines::wasmtime::runner(&w.wasm(k, Cut::Pie)?, false)
    }),
    // Debian's wasm2c aborts where there are vectors.
    external("wasm2c-one", WASM2C, Form::Scalar, |w, k| {
        engines::wasm2c::runner(&w.wasm(k, Cut::One)?)
    }),
    external("wasm2c-two", WASM2C, Form::Scalar, |w, k| {
        engines::wasm2c::runner(&w.wasm(k, Cut::Pie)?)
    }),
    external("node-one", NODE, Form::Vectors, |w, k| {
        engines::node::runner(&w.wasm(k, Cut::One)?)
    }),
    external("node-two", NODE, Form::Vectors, |w, k| {
        engines::node::runner(&w.wasm(k, Cut::Pie)?)
    }),
    external("wasmer-one", WASMER, Form::Vectors, |w, k| {
        engines::program::runner(&w.wasm(k, Cut::One)?, WASMER_RUN)
    }),
];

/// Measures, prints the table.
pub fn run(args: &Args) -> Result<()> {
    let kernels = chosen(&args.kernels)?;
    let temporary = tempfile::tempdir()?;
    let directory = args.keep.as_deref().unwrap_or(temporary.path());
    std::fs::create_dir_all(directory)?;
    let builds = builds(directory, args)?;
    let scalar = directory.join("scalar");
    std::fs::create_dir_all(&scalar)?;
    let mut scalar = self::builds(&scalar, args)?;
    scalar.wasm_flags.push(NO_VECTORS.to_owned());
    let mut report = setting(args, &builds)?;
    let entries = present(CONTESTANTS, &args.only, &mut report)?;
    let amount = Amount {
        rounds: args.rounds,
        scale: args.scale,
    };
    for kernel in kernels {
        let contestants = entries.iter().map(|entry| {
            let builds = match entry.form {
                Form::Scalar => &scalar,
                _ => &builds,
            };
            Contestant::new(entry.name, (entry.make)(builds, &kernel))
        });
        let mut contestants: Vec<Contestant> = contestants.collect();
        for (name, command) in &args.engines {
            let modules = builds.wasm(&kernel, Cut::One);
            let runner = modules.and_then(|modules| engines::program::runner(&modules, command));
            contestants.push(Contestant::new(name, runner));
        }
        report.tasks.push(measure(&kernel, contestants, amount));
    }
    crate::progress("");
    print!("{}", report.table());
    crate::keep(&report, args.json.as_deref())
}

fn builds(directory: &Path, args: &Args) -> Result<Builds> {
    let mut builds = Builds::new(directory)?;
    builds.wasm_flags.clone_from(&args.wasm_flag);
    builds.native_flags.clone_from(&args.native_flag);
    Ok(builds)
}

fn chosen(names: &[String]) -> Result<Vec<Kernel>> {
    let mut all = built_in();
    if let Some(name) = names
        .iter()
        .find(|name| !all.iter().any(|k| k.name == **name))
    {
        let all: Vec<&str> = all.iter().map(|k| k.name.as_str()).collect();
        bail!("no kernel {name}; there are: {}", all.join(" "));
    }
    all.retain(|kernel| names.is_empty() || names.contains(&kernel.name));
    Ok(all)
}

fn engine(text: &str) -> Result<(String, String), String> {
    let (name, command) = text.split_once('=').ok_or("not NAME=COMMAND")?;
    for part in ["{wasm}", "{n}"] {
        if !command.contains(part) {
            return Err(format!("the command has no {part}"));
        }
    }
    Ok((name.to_owned(), command.to_owned()))
}

fn setting(args: &Args, builds: &Builds) -> Result<Report> {
    let mut report = Report {
        title: "kernels".to_owned(),
        ..Report::default()
    };
    report.note_machine();
    report.note("flags of both compilers", FLAGS.join(" "));
    let further = |known: &[&str], more: &[String]| {
        [known, &more.iter().map(String::as_str).collect::<Vec<_>>()]
            .concat()
            .join(" ")
    };
    report.note("flags of clang", further(WASM_FLAGS, &builds.wasm_flags));
    report.note("flags of gcc", further(&[], &builds.native_flags));
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
