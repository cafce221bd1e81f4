//! Kernels of real code: sources that others publish, which are fetched, and a main of our
//! own for each, in `benches/real`.

mod sources;
mod table;

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
#[cfg(feature = "wasmtime")]
use wasmaot_lab::builds::MAIN;
use wasmaot_lab::builds::{Builds, Cut, FLAGS, WASM_FLAGS};
use wasmaot_lab::csv;
use wasmaot_lab::interleave::Contestant;
use wasmaot_lab::kernel::Kernel;
use wasmaot_lab::libc::Libc;
use wasmaot_lab::manifest;
use wasmaot_lab::native::Native;
use wasmaot_lab::report::Report;
use wasmaot_lab::tools::{CLANG, GCC, Tool};
use wasmaot_lab::variant::{Binding, Link};
use wasmaot_testkit::{musl_sysroot, root, wasi_static_libc, wasi_sysroot};

use crate::contestants::{
    Amount, BASELINE, Entry, Form, NO_VECTORS, STANDARD_EXCEPTIONS, entry, external, measure,
    natively, ours, present,
};
use crate::engines;
use crate::engines::wasm2c::WASM2C;

/// `real`.
#[derive(clap::Args)]
pub struct Args {
    /// Kernels [default: all]
    names: Vec<String>,
    /// Where the kernels are
    #[arg(long, default_value = concat!(env!("CARGO_MANIFEST_DIR"), "/real"))]
    kernels: PathBuf,
    /// Rounds; every contestant runs once in each
    #[arg(long, default_value_t = 7)]
    rounds: usize,
    /// Do this times the usual work, which takes some 100 ms natively
    #[arg(long, default_value_t = 1.0)]
    scale: f64,
    /// Contestants whose names begin so, beside `native`, which is always there
    #[arg(long, num_args = 1.., value_delimiter = ',')]
    only: Vec<String>,
    /// Write the figures here too
    #[arg(long)]
    json: Option<PathBuf>,
    /// The same as comma-separated values
    #[arg(long)]
    csv: Option<PathBuf>,
    /// Build here [default: where inputs of tests are, each thing once]
    #[arg(long)]
    keep: Option<PathBuf>,
}

const CONTESTANTS: &[Entry] = &[
    entry(BASELINE, Form::Vectors, |b, k| {
        natively(b, k, Native::Static)
    }),
    entry("so", Form::Vectors, |b, k| natively(b, k, Native::Plt)),
    entry("clang", Form::Clang, |b, k| natively(b, k, Native::Static)),
    entry("one", Form::Standard, |b, k| {
        ours(b, k, Link::One, Binding::Inside)
    }),
    entry("two-now", Form::Scalar, |b, k| {
        ours(b, k, Link::Pie, Binding::Now)
    }),
    entry("two-direct", Form::Scalar, |b, k| {
        ours(b, k, Link::Pie, Binding::Direct)
    }),
    entry("two-static", Form::Scalar, |b, k| {
        ours(b, k, Link::Pie, Binding::Static)
    }),
    entry("simd-one", Form::Vectors, |b, k| {
        ours(b, k, Link::One, Binding::Inside)
    }),
    entry("simd-two-now", Form::Vectors, |b, k| {
        ours(b, k, Link::Pie, Binding::Now)
    }),
    entry("simd-two-static", Form::Vectors, |b, k| {
        ours(b, k, Link::Pie, Binding::Static)
    }),
    entry("musl-two-now", Form::Musl, |b, k| {
        ours(b, k, Link::Pie, Binding::Now)
    }),
    #[cfg(feature = "wasmtime")]
    entry("wasmtime-one", Form::Standard, |b, k| {
        engines::wasmtime::alone(&b.wasm(k, Cut::One)?.join(MAIN))
    }),
    #[cfg(feature = "wasmtime")]
    entry("wasmtime-simd-one", Form::Vectors, |b, k| {
        engines::wasmtime::alone(&b.wasm(k, Cut::One)?.join(MAIN))
    }),
    external("wasm2c-one", WASM2C, Form::Scalar, |b, k| {
        engines::wasm2c::runner(&b.wasm(k, Cut::One)?)
    }),
];

/// Measures, prints the tables.
pub fn run(args: &Args) -> Result<()> {
    let kernels = chosen(args)?;
    let directory = args.keep.clone().unwrap_or_else(|| root().join("real"));
    let forms = Forms::new(&directory)?;
    let mut report = setting(args)?;
    let entries = present(CONTESTANTS, &args.only, &mut report)?;
    let amount = Amount {
        rounds: args.rounds,
        scale: args.scale,
    };
    for kernel in &kernels {
        let contestants = entries.iter().map(|entry| {
            crate::progress(&format!("{}: makes {}", kernel.name, entry.name));
            let made = (entry.make)(forms.builds(entry.form), kernel);
            Contestant::new(entry.name, made)
        });
        let contestants = contestants.collect();
        report.tasks.push(measure(kernel, contestants, amount));
        // What is known so far is not lost.
        crate::keep(&report, args.json.as_deref())?;
    }
    crate::progress("");
    print!("{}", table::by_kernel(&report));
    if let Some(path) = &args.csv {
        crate::write(path, &csv::table(&report))?;
    }
    Ok(())
}

fn chosen(args: &Args) -> Result<Vec<Kernel>> {
    let mut names = manifest::names(&args.kernels)?;
    if let Some(name) = args.names.iter().find(|name| !names.contains(name)) {
        bail!("no kernel {name}; there are: {}", names.join(" "));
    }
    names.retain(|name| args.names.is_empty() || args.names.contains(name));
    let read = |name: String| manifest::read(&args.kernels.join(name), &sources::fetched);
    names.into_iter().map(read).collect()
}

/// The builds of each form.
struct Forms {
    vectors: Builds,
    scalar: Builds,
    clang: Builds,
    musl: Builds,
    standard: Builds,
}

impl Forms {
    fn new(directory: &Path) -> Result<Self> {
        let wasi = wasi()?;
        let builds = |name: &str| {
            let directory = directory.join(name);
            std::fs::create_dir_all(&directory)?;
            let mut builds = Builds::new(&directory)?;
            builds.libc = Some(wasi.clone());
            builds.native_flags = vec!["-w".to_owned()];
            builds.wasm_flags = vec!["-w".to_owned()];
            anyhow::Ok(builds)
        };
        let mut forms = Self {
            vectors: builds("vectors")?,
            scalar: builds("scalar")?,
            clang: builds("clang")?,
            musl: builds("musl")?,
            standard: builds("standard")?,
        };
        forms.clang.compiler = CLANG;
        forms.musl.libc = Some(Libc::of(&musl_sysroot().target(false)?)?);
        for scalar in [&mut forms.scalar, &mut forms.musl, &mut forms.standard] {
            scalar.wasm_flags.push(NO_VECTORS.to_owned());
        }
        let standard = STANDARD_EXCEPTIONS.map(str::to_owned);
        forms.standard.wasm_flags.extend(standard);
        Ok(forms)
    }

    const fn builds(&self, form: Form) -> &Builds {
        match form {
            Form::Vectors => &self.vectors,
            Form::Scalar => &self.scalar,
            Form::Clang => &self.clang,
            Form::Musl => &self.musl,
            Form::Standard => &self.standard,
        }
    }
}

/// wasi-libc: as a library of its own, and of the same version as a static one.
fn wasi() -> Result<Libc> {
    let shared = Libc::of(&wasi_sysroot().target(false)?)?;
    shared.with_static(wasi_static_libc("crt1-reactor.o", &[]))
}

fn setting(args: &Args) -> Result<Report> {
    let mut report = Report {
        title: "real".to_owned(),
        ..Report::default()
    };
    report.note_machine();
    report.note("flags of all compilers", FLAGS.join(" "));
    report.note("flags of clang for wasm", WASM_FLAGS.join(" "));
    report.note("clang", Tool::find(CLANG)?.version());
    report.note("gcc", Tool::find(GCC)?.version());
    report.note(
        "modules",
        format!("simd-*: as above; all others {NO_VECTORS}"),
    );
    report.note(
        "C library",
        "native: the host's; one, two, wasmtime: wasi-libc, static or libc.so; musl-*: musl, libc.so",
    );
    report.note(
        "measured",
        "CPU time of run(n), after 1/16 of the work in the same process",
    );
    report.note("rounds", args.rounds.to_string());
    Ok(report)
}
