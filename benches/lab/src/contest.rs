//! Who is measured, and the measurement: in each round every contestant runs
//! once, in turn, so that what disturbs the machine disturbs all. All have to
//! compute the same.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Result, ensure};
use rustix::time::{ClockId, clock_gettime};
use serde::{Deserialize, Serialize};

/// One run.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sample {
    /// What it computed.
    pub checksum: i32,
    /// The time that it took.
    pub nanoseconds: f64,
    /// Whatever else was measured, by name.
    pub extra: Vec<(&'static str, f64)>,
}

/// Does so many units of work.
pub type Runner = Box<dyn FnMut(u32) -> Result<Sample>>;

/// A contestant; one that could not be made says why in the results.
pub struct Contestant {
    /// Its name.
    pub name: String,
    runner: Result<Runner>,
}

impl Contestant {
    /// A contestant.
    pub fn new(name: impl Into<String>, runner: Result<Runner>) -> Self {
        Self {
            name: name.into(),
            runner,
        }
    }
}

/// The time for which this thread was on a CPU: others on the machine take
/// nothing from it but caches.
pub fn cpu_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec.cast_unsigned(), time.tv_nsec as u32)
}

/// A contestant in this process, measured by the [`cpu_time`] of its thread. Before each run it warms up: others ran before
/// it, and a contestant that is a process of its own starts cold as well.
pub fn timed(mut run: impl FnMut(u32) -> Result<i32> + 'static) -> Runner {
    Box::new(move |n| {
        run(warm_up(n))?;
        let start = cpu_time();
        let checksum = run(n)?;
        Ok(Sample {
            checksum,
            nanoseconds: (cpu_time() - start).as_nanos() as f64,
            extra: Vec::new(),
        })
    })
}

/// Units of work before those that are measured.
pub fn warm_up(n: u32) -> u32 {
    (n / 16).max(1)
}

/// What a contestant's runs gave.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Series {
    /// Its name.
    pub contestant: String,
    /// Nanoseconds, one for each round.
    pub samples: Vec<f64>,
    /// What else was measured.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub extra: BTreeMap<String, Vec<f64>>,
    /// Why it did not run, or not to the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// Runs all of them for `n` units in each of some rounds. `before` is told who
/// runs next. The first that runs says what the check-sum is.
pub fn compete(
    contestants: &mut [Contestant],
    n: u32,
    rounds: usize,
    before: &mut dyn FnMut(&str),
) -> Vec<Series> {
    let mut checksum = None;
    let mut series: Vec<Series> = contestants
        .iter()
        .map(|contestant| Series {
            contestant: contestant.name.clone(),
            ..Series::default()
        })
        .collect();
    for round in 0..rounds {
        for at in 0..contestants.len() {
            // Nobody runs after the same one each time, but the first sets the check-sum.
            let at = if round == 0 {
                at
            } else {
                (at + round) % contestants.len()
            };
            let (contestant, series) = (&mut contestants[at], &mut series[at]);
            if series.error.is_some() {
                continue;
            }
            before(&contestant.name);
            match run(contestant, n, &mut checksum) {
                Ok(sample) => {
                    series.samples.push(sample.nanoseconds);
                    for (name, value) in sample.extra {
                        series.extra.entry(name.to_owned()).or_default().push(value);
                    }
                }
                Err(error) => series.error = Some(format!("{error:#}")),
            }
        }
    }
    series
}

fn run(contestant: &mut Contestant, n: u32, checksum: &mut Option<i32>) -> Result<Sample> {
    let sample = match &mut contestant.runner {
        Ok(runner) => runner(n)?,
        Err(error) => anyhow::bail!("{error:#}"),
    };
    let want = *checksum.get_or_insert(sample.checksum);
    ensure!(
        sample.checksum == want,
        "its check-sum is {}, not {want}",
        sample.checksum
    );
    Ok(sample)
}
