//! Engines that are programs: a command line runs `run` of a module and prints
//! its result. What they take to start is measured by a run with little work,
//! and subtracted.

use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result};
use wasmaot_lab::builds::MAIN;
use wasmaot_lab::interleave::{Runner, Sample, warm_up};
use wasmaot_lab::tools::Wanted;

use crate::child;

/// The program.
pub const WASMER: Wanted = Wanted {
    programs: &["wasmer"],
    hint: "https://docs.wasmer.io/install",
};

/// How it is called.
pub const WASMER_RUN: &str = "wasmer run --invoke run {wasm} -- {n}";

/// `run` of a module of a builds, by a command with `{wasm}` and `{n}` in it.
pub fn runner(directory: &Path, command: &str) -> Result<Runner> {
    let path = directory.join(MAIN);
    let path = path.to_str().context("a path in UTF-8")?;
    let words: Vec<String> = command
        .split_whitespace()
        .map(|word| word.replace("{wasm}", path))
        .collect();
    let run = move |n: u32| {
        let mut words = words.iter().map(|word| word.replace("{n}", &n.to_string()));
        let mut command = Command::new(words.next().unwrap_or_default());
        child::run(command.args(words))
    };
    Ok(Box::new(move |n| {
        let (little, all) = (run(warm_up(n))?, run(n)?);
        let last = all.stdout.lines().last().unwrap_or_default().trim();
        let checksum = last.parse();
        let part = 1.0 - f64::from(warm_up(n)) / f64::from(n);
        Ok(Sample {
            checksum: checksum.with_context(|| format!("it prints {last:?}, not a number"))?,
            nanoseconds: all.cpu.saturating_sub(little.cpu).as_nanos() as f64 / part,
            extra: Vec::new(),
        })
    }))
}
