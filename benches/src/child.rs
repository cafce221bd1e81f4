//! Programs run to their end, and what they took.

use std::process::{Command, Output};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use nix::sys::resource::{Usage, UsageWho, getrusage};
use nix::sys::time::TimeVal;

/// What a program wrote and took.
#[derive(Debug)]
pub struct Ended {
    /// Its standard output.
    pub stdout: String,
    /// From its start to its end.
    pub wall: Duration,
    /// On a CPU, in the program and in the system for it.
    pub cpu: Duration,
    /// Pages that it touched first, without input.
    pub faults: u64,
}

/// Runs a program that has to succeed. Only one at a time: the system adds up
/// what all children took.
pub fn run(command: &mut Command) -> Result<Ended> {
    let before = children()?;
    let start = Instant::now();
    let output = command.output();
    let wall = start.elapsed();
    let output = output.with_context(|| format!("cannot run {command:?}"))?;
    let after = children()?;
    let Output {
        status,
        stdout,
        stderr,
    } = output;
    ensure!(
        status.success(),
        "{command:?} ends with {status}: {}",
        String::from_utf8_lossy(&stderr)
            .lines()
            .next()
            .unwrap_or("")
    );
    Ok(Ended {
        stdout: String::from_utf8_lossy(&stdout).into_owned(),
        wall,
        cpu: cpu(&after).saturating_sub(cpu(&before)),
        faults: (after.minor_page_faults() - before.minor_page_faults()).cast_unsigned(),
    })
}

fn children() -> Result<Usage> {
    getrusage(UsageWho::RUSAGE_CHILDREN).context("cannot ask for what children took")
}

fn cpu(usage: &Usage) -> Duration {
    let time = |t: TimeVal| {
        Duration::from_secs(t.tv_sec().cast_unsigned())
            + Duration::from_micros(t.tv_usec().cast_unsigned())
    };
    time(usage.user_time()) + time(usage.system_time())
}
