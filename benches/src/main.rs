//! Measures; `cargo run --release -p wasmaot-benches -- calls`.

mod calls;

use std::path::PathBuf;

use anyhow::Result;
use clap::{Parser, Subcommand};

#[derive(Parser)]
struct Cli {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// Nanoseconds per call of a small function
    Calls {
        /// Rounds; every variant runs once in each
        #[arg(long, default_value_t = 9)]
        rounds: usize,
        /// Calls in a run
        #[arg(long, default_value_t = 100_000_000)]
        calls: u32,
        /// Write the figures here too, as JSON
        #[arg(long)]
        json: Option<PathBuf>,
    },
}

fn main() -> Result<()> {
    match Cli::parse().what {
        What::Calls {
            rounds,
            calls,
            json,
        } => {
            let figures = calls::measure(rounds, calls)?;
            print!("{}", calls::table(&figures));
            if let Some(path) = json {
                std::fs::write(path, serde_json::to_string_pretty(&calls::json(&figures))?)?;
            }
            Ok(())
        }
    }
}
