//! Who is measured, and the measurement: in each round every contestant runs
//! once, in turn, so that what disturbs the machine disturbs all. All have to
//! compute the same.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Result, ensure};
use rustix::time::{ClockId, Timespec, clock_gettime};
use serde::{Deserialize, Serialize};

use crate::counters::{COUNTERS, Counters};
use crate::machine::Listing;

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
    /// Of how many parts of the work it does one, since it is so slow.
    part: u32,
}

impl Contestant {
    /// A contestant.
    pub fn new(name: impl Into<String>, runner: Result<Runner>) -> Self {
        Self {
            name: name.into(),
            runner,
            part: 1,
        }
    }
}

/// How many times the time of the fastest a contestant may take.
const PATIENCE: f64 = 8.0;

/// Runs all of them once, for a small part of the work: who fails or computes
/// something else says so now. Those that are much slower than the fastest are
/// given a part of the work from then on. `before` is told who runs next.
pub fn rehearse(contestants: &mut [Contestant], n: u32, before: &mut dyn FnMut(&str)) {
    let mut checksum = None;
    let mut times = Vec::new();
    for contestant in &mut *contestants {
        before(&contestant.name);
        match run(contestant, warm_up(n), &mut checksum) {
            Ok(sample) => times.push(sample.nanoseconds),
            Err(error) => {
                contestant.runner = Err(error);
                times.push(f64::NAN);
            }
        }
    }
    let fastest = times.iter().copied().fold(f64::INFINITY, f64::min);
    for (contestant, time) in contestants.iter_mut().zip(times) {
        let slower = time / fastest.max(1.0);
        if slower > PATIENCE && contestant.runner.is_ok() {
            let part = (slower / PATIENCE).log2().ceil().exp2() as u32;
            contestant.part = part.clamp(1, n.max(1));
        }
    }
}

/// The time for which this thread was on a CPU: others on the machine take
/// nothing from it but caches.
pub fn cpu_time() -> Duration {
    duration(clock_gettime(ClockId::ThreadCPUTime))
}

/// The same of all threads of this process together.
pub fn cpu_time_of_all_threads() -> Duration {
    duration(clock_gettime(ClockId::ProcessCPUTime))
}

fn duration(time: Timespec) -> Duration {
    Duration::new(time.tv_sec.cast_unsigned(), time.tv_nsec as u32)
}

/// A contestant in this process, measured by the [`cpu_time`] of its thread. Before each run it warms up: others ran before
/// it, and a contestant that is a process of its own starts cold as well.
pub fn timed(mut run: impl FnMut(u32) -> Result<i32> + 'static) -> Runner {
    Box::new(move |n| {
        run(warm_up(n))?;
        measured(|| run(n))
    })
}

/// One run: the CPU time of this thread, and what the processor counts meanwhile.
pub(crate) fn measured(run: impl FnOnce() -> Result<i32>) -> Result<Sample> {
    let mut counters = Counters::open();
    let ((checksum, time), extra) = counters.count(|| {
        let start = cpu_time();
        let checksum = run();
        (checksum, cpu_time() - start)
    });
    Ok(Sample {
        checksum: checksum?,
        nanoseconds: time.as_nanos() as f64,
        extra,
    })
}

/// Units of work before those that are measured.
pub fn warm_up(n: u32) -> u32 {
    (n / 16).max(1)
}

const fn whole() -> u32 {
    1
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's convention")]
const fn is_whole(part: &u32) -> bool {
    *part == 1
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
    /// Its times are of one of so many parts of the work, and multiplied.
    #[serde(default = "whole", skip_serializing_if = "is_whole")]
    pub part: u32,
    /// What was counted.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub counts: BTreeMap<String, f64>,
    /// Its hot loop.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub listing: Option<Listing>,
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
            part: contestant.part,
            ..Series::default()
        })
        .collect();
    for round in 0..rounds {
        for at in 0..contestants.len() {
            // Forwards and backwards, so that nobody runs after the same one each time.
            let at = match round % 2 {
                0 => at,
                _ => contestants.len() - 1 - at,
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
    let units = n / contestant.part;
    let mut sample = match &mut contestant.runner {
        Ok(runner) => runner(units)?,
        Err(error) => anyhow::bail!("{error:#}"),
    };
    if units != n {
        // What part of the work comes to was compared in the rehearsal.
        let whole = f64::from(n) / f64::from(units.max(1));
        sample.nanoseconds *= whole;
        let counted = sample.extra.iter_mut();
        for (_, count) in counted.filter(|(name, _)| COUNTERS.contains(name)) {
            *count *= whole;
        }
        return Ok(sample);
    }
    let want = *checksum.get_or_insert(sample.checksum);
    ensure!(
        sample.checksum == want,
        "its check-sum is {}, not {want}: every variant has to compute the same in every round",
        sample.checksum
    );
    Ok(sample)
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::rc::Rc;

    use super::*;

    fn constant(name: &str, checksum: i32) -> Contestant {
        let runner: Runner = Box::new(move |n| {
            Ok(Sample {
                checksum,
                nanoseconds: f64::from(n),
                extra: vec![("count", 2.0)],
            })
        });
        Contestant::new(name, Ok(runner))
    }

    #[test]
    fn everyone_runs_once_a_round() {
        let mut contestants = [constant("a", 7), constant("b", 7)];
        let mut order = String::new();
        let series = compete(&mut contestants, 50, 3, &mut |name| order += name);
        assert_eq!(order, "abbaab");
        for series in series {
            assert_eq!(series.samples, [50.0; 3]);
            assert_eq!(series.extra["count"], [2.0; 3]);
            assert_eq!(series.error, None);
        }
    }

    #[test]
    fn who_computes_something_else_is_out() {
        let absent = Contestant::new("absent", Err(anyhow::anyhow!("no compiler")));
        let mut contestants = [constant("a", 7), constant("b", 8), absent];
        let series = compete(&mut contestants, 1, 3, &mut |_| {});
        assert_eq!(series[0].samples.len(), 3);
        assert!(series[1].samples.is_empty());
        let error = series[1].error.as_deref();
        assert!(error.is_some_and(|e| e.starts_with("its check-sum is 8, not 7: ")));
        assert_eq!(series[2].error.as_deref(), Some("no compiler"));
    }

    #[test]
    fn the_warm_up_is_not_measured() {
        let runs = Rc::new(RefCell::new(Vec::new()));
        let seen = Rc::clone(&runs);
        let mut runner = timed(move |n| {
            seen.borrow_mut().push(n);
            Ok(3)
        });
        assert_eq!(runner(320).unwrap().checksum, 3);
        assert_eq!(*runs.borrow(), [20, 320]);
        assert_eq!(warm_up(1), 1);
    }
}
