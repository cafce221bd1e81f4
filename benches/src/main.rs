//! Measures wasmaot against native code and other engines:
//! `cargo run --release -p wasmaot-benches -- kernels`.

mod calls;
mod child;
mod compile;
mod contestants;
mod engines;
mod kernels;
mod programs;
mod real;
mod speedup;
mod start;
mod threads;

use std::io::{IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use clap::{Parser, Subcommand};
use wasmaot_lab::draw;
use wasmaot_lab::report::Report;

#[derive(Parser)]
#[command(name = "wasmaot-benches", max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// Kernels: C of one module and of two, by everyone, as ratios to gcc in one program
    Kernels(kernels::Args),
    /// Kernels of real code, with a C library, as ratios to gcc in one program
    Real(real::Args),
    /// Whole programs: Lua, SQLite's shell and CPython, from nothing to their end
    Programs(programs::Args),
    /// Building a module: time, memory and code size
    Compile(compile::Args),
    /// Starting: whole processes of programs, and libraries opened and closed
    Start(start::Args),
    /// Calls between host and wasm code, each way
    Calls(calls::Args),
    /// Where a thread's own state is: what each place costs compiled code, and memory
    Threads(threads::Args),
    /// A second thread: zstd with one worker and with two, here and natively
    Speedup(speedup::Args),
    /// Draw what another subcommand wrote with --json
    Draw {
        /// The figures
        json: PathBuf,
        /// Where to write the picture
        #[arg(short, long, value_name = "SVG")]
        output: PathBuf,
    },
    /// One build, in a process of its own whose memory is measured
    #[command(hide = true)]
    CompileOne(compile::One),
    /// A program for WASI that wasmtime has compiled
    #[cfg(feature = "wasmtime")]
    #[command(hide = true)]
    RunPlan(engines::wasi::Args),
}

fn main() -> Result<()> {
    match Cli::parse().what {
        What::Kernels(args) => kernels::run(&args),
        What::Real(args) => real::run(&args),
        What::Programs(args) => programs::run(&args),
        What::Compile(args) => compile::run(&args),
        What::Start(args) => start::run(&args),
        What::Calls(args) => calls::run(&args),
        What::Threads(args) => threads::run(&args),
        What::Speedup(args) => speedup::run(&args),
        What::Draw { json, output } => {
            let text = std::fs::read_to_string(&json);
            let text = text.with_context(|| format!("cannot read {}", json.display()))?;
            let report: Report = serde_json::from_str(&text)
                .with_context(|| format!("{} is not a report", json.display()))?;
            write(&output, &draw::svg(&report))
        }
        What::CompileOne(one) => compile::one(&one),
        #[cfg(feature = "wasmtime")]
        What::RunPlan(args) => engines::wasi::run(&args),
    }
}

/// Writes a report as JSON, if a path is given.
fn keep(report: &Report, path: Option<&Path>) -> Result<()> {
    match path {
        Some(path) => write(path, &serde_json::to_string_pretty(report)?),
        None => Ok(()),
    }
}

fn write(path: &Path, text: &str) -> Result<()> {
    std::fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
}

/// One line on a terminal, in place of the last.
fn progress(text: &str) {
    let mut err = std::io::stderr();
    if err.is_terminal() {
        let _ = write!(err, "\r\x1b[K{text}");
        let _ = err.flush();
    }
}
