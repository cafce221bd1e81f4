//! Contestants that are programs: they print a check-sum, nanoseconds, and what
//! the processor has counted.

use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};

use crate::counters::COUNTERS;
use crate::interleave::{Runner, Sample, warm_up};

/// A contestant that is a program which is given the units of its warm-up and
/// those that it measures.
pub fn program(path: &Path) -> Runner {
    let path = path.to_owned();
    command(move |n| {
        let mut command = Command::new(&path);
        command.args([warm_up(n).to_string(), n.to_string(), "count".to_owned()]);
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

/// A line: check-sum, nanoseconds, and perhaps what each of [`COUNTERS`] counted.
fn sample(text: &str) -> Result<Sample> {
    let mut words = text.split_whitespace();
    let sum = words.next().and_then(|sum| sum.parse().ok());
    let time = words.next().and_then(|time| time.parse().ok());
    let (checksum, nanoseconds) = sum
        .zip(time)
        .with_context(|| format!("it prints {text:?}, not a check-sum and nanoseconds"))?;
    let counted = COUNTERS.into_iter().zip(words);
    let counted = counted.filter_map(|(name, count)| Some((name, count.parse().ok()?)));
    Ok(Sample {
        checksum,
        nanoseconds,
        extra: counted.collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_that_are_not_there_are_left_out() {
        let extra = |text| sample(text).unwrap().extra;
        let want = [("instructions", 90.0), ("branch misses", 3.0)];
        assert_eq!(extra("-7 55 90 - 3 - - - -\n"), want);
        assert_eq!(extra("-7 55"), []);
        assert!(sample("hello").is_err());
    }
}
