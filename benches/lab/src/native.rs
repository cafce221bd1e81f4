//! Contestants that are programs: they print a check-sum and nanoseconds.

use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};

use crate::interleave::{Runner, Sample, warm_up};

/// A contestant that is a program which is given the units of its warm-up and
/// those that it measures.
pub fn program(path: &Path) -> Runner {
    let path = path.to_owned();
    command(move |n| {
        let mut command = Command::new(&path);
        command.args([warm_up(n).to_string(), n.to_string()]);
        command
    })
}

/// The same of any command that prints what such a program does.
pub fn command(mut make: impl FnMut(u32) -> Command + 'static) -> Runner {
    Box::new(move |n| {
        let mut command = make(n);
        let output = command.output().with_context(|| format!("{command:?}"))?;
        let (out, err) = (output.stdout, output.stderr);
        ensure!(
            output.status.success(),
            "{command:?} ends with {}: {}",
            output.status,
            String::from_utf8_lossy(&err).lines().next().unwrap_or("")
        );
        sample(&String::from_utf8_lossy(&out))
    })
}

fn sample(text: &str) -> Result<Sample> {
    let parts = text.trim().split_once(' ');
    let parts = parts.and_then(|(sum, time)| Some((sum.parse().ok()?, time.parse().ok()?)));
    let (checksum, nanoseconds) =
        parts.with_context(|| format!("it prints {text:?}, not a check-sum and nanoseconds"))?;
    Ok(Sample {
        checksum,
        nanoseconds,
        extra: Vec::new(),
    })
}
