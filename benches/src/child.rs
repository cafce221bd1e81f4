//! Programs run to their end, and what they took.

use std::process::{Command, Output};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use nix::sys::resource::{Usage, UsageWho, getrusage};
use nix::sys::time::TimeVal;
use wasmaot_lab::interleave::{Runner, Sample};

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

/// A contestant that is a whole process, run so many times.
pub fn process(mut make: impl FnMut() -> Command + 'static) -> Runner {
    Box::new(move |n| {
        let mut sample = Sample::default();
        let (mut wall, mut faults) = (0.0, 0.0);
        for _ in 0..n {
            let ended = run(&mut make())?;
            sample.nanoseconds += ended.cpu.as_nanos() as f64;
            wall += ended.wall.as_nanos() as f64;
            faults += ended.faults as f64;
            // The check-sum is of what it prints.
            sample.checksum = ended.stdout.bytes().fold(0, |sum: i32, byte| {
                sum.wrapping_mul(31).wrapping_add(byte.into())
            });
        }
        sample.extra = vec![
            ("wall ms", wall / 1e6 / f64::from(n)),
            ("page faults", faults / f64::from(n)),
        ];
        Ok(sample)
    })
}
