//! The options of `wasmaot bench`.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, ValueHint};

use super::Codegen;
use wasmaot_launch::Grant;

/// `wasmaot bench`.
#[derive(Debug, Args)]
#[command(
    override_usage = "wasmaot bench [OPTIONS] [--kernels DIR] [KERNEL]...\n       wasmaot bench [OPTIONS] --main MAIN [--lib LIB]... [--invoke NAME] [--n N] [-- ARGS...]",
    after_help = "Every variant does the same work in each round, in turn; times are ratios to the first one's, and beside \
                  them is where they lie with a confidence of 95 %. \
                  A function of --main runs in a new process each round, once before it is measured: it may have state, \
                  but has to answer the same in every round. \
                  --kernels takes a directory with a folder for each kernel: main.c, which defines int run(int n), and lib.c, which it \
                  calls; or kernel.toml, which says what main and libraries are made of. \
                  Without kernels, all of them are measured, which takes some minutes: --rounds 3 --scale 0.1 is quick."
)]
pub struct Bench {
    /// Kernels [default: all]; --list names them
    #[arg(value_name = "KERNEL")]
    pub names: Vec<String>,
    /// Take kernels from this directory in place of those that are built in
    #[arg(long = "kernels", value_name = "DIR", value_hint = ValueHint::DirPath, conflicts_with = "main")]
    pub directory: Option<PathBuf>,
    /// Say which kernels and variants there are
    #[arg(long, conflicts_with_all = ["names", "main", "explain", "json", "csv", "html", "svg", "from", "keep"])]
    pub list: bool,
    /// Compare ABIs instead: time, code, relocations, start and memory of each, in tables
    #[arg(long, conflicts_with_all = ["main", "explain", "directory"])]
    pub abi: bool,
    /// Make the tables and figures of a report again that has a README.md, and in `data` what --abi
    /// --json wrote on each machine
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath, exclusive = true)]
    pub abi_report: Option<PathBuf>,
    /// Measure this program instead; given again, another build of the same program
    #[arg(long, value_name = "MAIN", value_hint = ValueHint::FilePath, conflicts_with = "names")]
    pub main: Vec<PathBuf>,
    /// A library that it needs
    #[arg(long, value_name = "LIB", value_hint = ValueHint::FilePath, requires = "main")]
    pub lib: Vec<PathBuf>,
    /// Look for needed libraries in this directory
    #[arg(short = 'L', value_name = "DIR", value_hint = ValueHint::DirPath, requires = "main")]
    pub library_path: Vec<PathBuf>,
    /// The function to measure, which may take one integer: how much to do [default: run, else _start]
    #[arg(long, value_name = "NAME", requires = "main")]
    pub invoke: Option<String>,
    /// How much to do [default: what takes some 100 ms]
    #[arg(long, value_name = "N", requires = "main", value_parser = clap::value_parser!(u32).range(1..))]
    pub n: Option<u32>,
    /// Grant the program a directory, by another name if GUEST is given, to be read alone with `ro:`
    #[arg(long = "dir", value_name = "[ro:]HOST[::GUEST]", value_hint = ValueHint::DirPath, requires = "main", value_parser = super::grant_parser())]
    pub grants: Vec<Grant>,
    /// Arguments of the program
    #[arg(last = true, requires = "main")]
    pub args: Vec<OsString>,
    /// Variants whose names begin so, beside the baseline
    #[arg(long, value_name = "VARIANT", value_delimiter = ',')]
    pub only: Vec<String>,
    /// Rounds; every variant runs once in each
    #[arg(long, value_name = "N", default_value_t = 11, value_parser = clap::value_parser!(u16).range(1..))]
    pub rounds: u16,
    /// Do so many times the usual work, which takes some 100 ms
    #[arg(long, value_name = "F", default_value_t = 1.0, value_parser = scale)]
    pub scale: f64,
    /// Print the instructions of a variant's hot loop, and measure nothing
    #[arg(long, value_name = "VARIANT", conflicts_with_all = ["json", "csv", "html"])]
    pub explain: Option<String>,
    /// Write what was measured here; `-` is standard output, and the tables go to standard error
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub json: Option<PathBuf>,
    /// Write the figures here as a table for other programs: comma-separated values, a line for each
    /// variant of each kernel; `-` is standard output
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub csv: Option<PathBuf>,
    /// Draw what was measured, as one file for a browser; `-` is standard output
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub html: Option<PathBuf>,
    /// Draw the figures alone into this directory, each in a file for vector graphics
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath, conflicts_with = "explain")]
    pub svg: Option<PathBuf>,
    /// Show what an earlier run wrote with --json, and measure nothing; `-` is standard input
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, conflicts_with_all = ["names", "directory", "main", "explain", "json"])]
    pub from: Option<PathBuf>,
    /// Build the kernels in this directory, and leave them there
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath, conflicts_with = "main")]
    pub keep: Option<PathBuf>,
    #[command(flatten)]
    pub codegen: Codegen,
}

fn scale(text: &str) -> Result<f64, String> {
    let number = text
        .parse()
        .ok()
        .filter(|n: &f64| n.is_finite() && *n > 0.0);
    number.ok_or_else(|| "not a number above 0 such as 0.1".to_owned())
}
