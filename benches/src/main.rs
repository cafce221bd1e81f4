//! Measures wasmaot against native code and other engines:
//! `cargo run --release -p wasmaot-benches -- kernels`.

mod kernels;
mod peers;

use anyhow::Result;
use clap::{Parser, Subcommand};

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
}

fn main() -> Result<()> {
    match Cli::parse().what {
        What::Kernels(args) => kernels::run(&args),
    }
}
