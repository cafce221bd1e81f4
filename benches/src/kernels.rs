//! The kernels, by all contestants.

use std::path::{Path, PathBuf};
use std::rc::Rc;

use anyhow::{Context as _, Result, bail};
use wasmaot_compiler::Options;
use wasmaot_lab::builds::{Builds, Cut, FLAGS, Native, WASM_FLAGS};
use wasmaot_lab::interleave::{Contestant, Runner, compete};
use wasmaot_lab::kernel::{KERNELS, Kernel, kernel};
use wasmaot_lab::native;
use wasmaot_lab::program::{Loaded, Program};
use wasmaot_lab::report::{Report, Task};
use wasmaot_lab::tools::{CLANG, GCC, Tool, Wanted};
use wasmaot_lab::variant::{Binding, Link};

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

/// How a contestant is made of a kernel.
type Make = fn(&Builds, &Kernel) -> Result<Runner>;

/// A contestant.
struct Entry {
    name: &'static str,
    /// The program that it cannot do without.
    needs: Option<Wanted>,
    /// It takes modules without vectors only.
    scalar: bool,
    make: Make,
}

const fn entry(name: &'static str, make: Make) -> Entry {
    Entry {
        name,
        needs: None,
        scalar: false,
        make,
    }
}

const fn external(name: &'static str, needs: Wanted, make: Make) -> Entry {
    Entry {
        needs: Some(needs),
        ..entry(name, make)
    }
}

/// Debian's wasm2c aborts where there are vectors.
const fn wasm2c(name: &'static str, make: Make) -> Entry {
    Entry {
        scalar: true,
        ..external(name, WASM2C, make)
    }
}

const CONTESTANTS: &[Entry] = &[
    entry(BASELINE, |w, k| natively(w, k, Native::Static)),
    entry("so", |w, k| natively(w, k, Native::Plt)),
    entry("so-now", |w, k| natively(w, k, Native::Now)),
    entry("so-noplt", |w, k| natively(w, k, Native::NoPlt)),
    entry("so-symbolic", |w, k| natively(w, k, Native::Symbolic)),
    entry("wasmaot-one", |w, k| ours(w, k, Link::One, Binding::Inside)),
    entry("wasmaot-two-lazy", |w, k| {
        ours(w, k, Link::Pie, Binding::Lazy)
    }),
    entry("wasmaot-two-now", |w, k| {
        ours(w, k, Link::Pie, Binding::Now)
    }),
    entry("wasmaot-two-direct", |w, k| {
        ours(w, k, Link::Pie, Binding::Direct)
    }),
    entry("wasmaot-two-static", |w, k| {
        ours(w, k, Link::Pie, Binding::Static)
    }),
    entry("wasmaot-fixed-now", |w, k| {
        ours(w, k, Link::Fixed, Binding::Now)
    }),
    entry("wasmaot-fixed-direct", |w, k| {
        ours(w, k, Link::Fixed, Binding::Direct)
    }),
    entry("wasmaot-fixed-static", |w, k| {
        ours(w, k, Link::Fixed, Binding::Static)
    }),
    #[cfg(feature = "wasmtime")]
    entry("wasmtime-one", |w, k| {
        engines::wasmtime::runner(&w.wasm(k, Cut::One)?, false)
    }),
    #[cfg(feature = "wasmtime")]
    entry("wasmtime-one-inlining", |w, k| {
        engines::wasmtime::runner(&w.wasm(k, Cut::One)?, true)
    }),
    #[cfg(feature = "wasmtime")]
    entry("wasmtime-two", |w, k| {
        engines::wasmtime::runner(&w.wasm(k, Cut::Pie)?, false)
    }),
    wasm2c("wasm2c-one", |w, k| {
        engines::wasm2c::runner(&w.wasm(k, Cut::One)?)
    }),
    wasm2c("wasm2c-two", |w, k| {
        engines::wasm2c::runner(&w.wasm(k, Cut::Pie)?)
    }),
    external("node-one", NODE, |w, k| {
        engines::node::runner(&w.wasm(k, Cut::One)?)
    }),
    external("node-two", NODE, |w, k| {
        engines::node::runner(&w.wasm(k, Cut::Pie)?)
    }),
    external("wasmer-one", WASMER, |w, k| {
        engines::program::runner(&w.wasm(k, Cut::One)?, WASMER_RUN)
    }),
];

const NO_VECTORS: &str = "-mno-simd128";

/// Whose times the others' are ratios to.
const BASELINE: &str = "native";

fn natively(builds: &Builds, kernel: &Kernel, native: Native) -> Result<Runner> {
    Ok(native::program(&builds.native(kernel, native)?))
}

fn ours(builds: &Builds, kernel: &Kernel, link: Link, binding: Binding) -> Result<Runner> {
    let program = Program::of_kernel(builds, kernel, link, &Options::default())?;
    Ok(Loaded::new(&Rc::new(program), binding)?.runner())
}

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
    let entries = present(&args.only, &mut report)?;
    for kernel in kernels {
        let mut contestants: Vec<Contestant> = entries
            .iter()
            .map(|entry| {
                let builds = if entry.scalar { &scalar } else { &builds };
                Contestant::new(entry.name, (entry.make)(builds, kernel))
            })
            .collect();
        for (name, command) in &args.engines {
            let modules = builds.wasm(kernel, Cut::One);
            let runner = modules.and_then(|modules| engines::program::runner(&modules, command));
            contestants.push(Contestant::new(name, runner));
        }
        let n = ((f64::from(kernel.n) * args.scale) as u32).max(1);
        let series = compete(&mut contestants, n, args.rounds, &mut |name| {
            crate::progress(&format!("{}: {name}", kernel.name));
        });
        report.tasks.push(Task {
            name: kernel.name.to_owned(),
            about: kernel.about(),
            group: kernel.group.name().to_owned(),
            n,
            series,
        });
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

/// The contestants that are asked for. Those whose program is not installed
/// are noted as absent.
fn present(only: &[String], report: &mut Report) -> Result<Vec<&'static Entry>> {
    let begins = |entry: &Entry, only: &String| entry.name.starts_with(only.as_str());
    for only in only {
        if !CONTESTANTS.iter().any(|entry| begins(entry, only)) {
            let all: Vec<&str> = CONTESTANTS.iter().map(|entry| entry.name).collect();
            bail!("no contestant {only}; there are: {}", all.join(" "));
        }
    }
    let mut entries = Vec::new();
    for entry in CONTESTANTS {
        let wanted = only.is_empty() || only.iter().any(|only| begins(entry, only));
        if !wanted && entry.name != BASELINE {
            continue;
        }
        match entry.needs.map(Tool::find) {
            Some(Err(error)) => {
                report
                    .absent
                    .insert(entry.name.to_owned(), error.to_string());
            }
            Some(Ok(tool)) => {
                let mut text = tool.version().to_owned();
                if entry.scalar {
                    text += &format!(", of modules compiled with {NO_VECTORS}");
                }
                report.note(entry.needs.map_or("", |w| w.programs[0]), text);
                entries.push(entry);
            }
            None => entries.push(entry),
        }
    }
    Ok(entries)
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
