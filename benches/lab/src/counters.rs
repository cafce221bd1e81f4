//! The processor's own counters, by `perf_event_open`, of the code that is measured: of a
//! thread of this process alone, in user mode. A machine that has none, as most virtual
//! ones, or on which the kernel keeps them for itself, is measured without.

use std::io;

use perf_event::events::{Cache, CacheId, CacheOp, CacheResult, Event, Hardware};
use perf_event::{Builder, Counter, ReadFormat};

/// Names of what is counted, in the order of reports. Native programs count the same
/// (`kernels/harness.c`).
pub const COUNTERS: [&str; 7] = [
    "instructions",
    "branches",
    "branch misses",
    "L1d misses",
    "L1i misses",
    "dTLB misses",
    "iTLB misses",
];

/// Counters that are open.
#[derive(Default)]
pub(crate) struct Counters(Vec<(&'static str, Counter)>);

impl Counters {
    /// Those that the machine has, in the order of [`COUNTERS`].
    pub fn open() -> Self {
        Self(each().into_iter().flatten().collect())
    }

    /// Why there is none; `None` if there is one.
    pub fn absent() -> Option<io::Error> {
        let mut failed = None;
        for counter in each() {
            failed = Some(counter.err()?);
        }
        failed
    }

    /// Counts what a function does; what it has counted comes with its answer.
    pub fn count<R>(&mut self, run: impl FnOnce() -> R) -> (R, Vec<(&'static str, f64)>) {
        for (_, counter) in &mut self.0 {
            // One that cannot be turned on has no time in which it ran.
            let _ = counter.enable();
        }
        let result = run();
        for (_, counter) in &mut self.0 {
            let _ = counter.disable();
        }
        let counted = self.0.iter_mut();
        let counted = counted.filter_map(|(name, counter)| Some((*name, read(counter)?)));
        (result, counted.collect())
    }
}

/// Each counter, or why it is not there.
fn each() -> [io::Result<(&'static str, Counter)>; 7] {
    let cache = |which, operation, result| Cache {
        which,
        operation,
        result,
    };
    let miss = |which| cache(which, CacheOp::READ, CacheResult::MISS);
    let [instructions, branches, branch_misses, l1d, l1i, dtlb, itlb] = COUNTERS;
    [
        open(instructions, Hardware::INSTRUCTIONS),
        open(branches, Hardware::BRANCH_INSTRUCTIONS),
        open(branch_misses, Hardware::BRANCH_MISSES),
        open(l1d, miss(CacheId::L1D)),
        open(l1i, miss(CacheId::L1I)),
        open(dtlb, miss(CacheId::DTLB)),
        open(itlb, miss(CacheId::ITLB)),
    ]
}

fn open(name: &'static str, event: impl Event) -> io::Result<(&'static str, Counter)> {
    let times = ReadFormat::TOTAL_TIME_ENABLED | ReadFormat::TOTAL_TIME_RUNNING;
    let counter = Builder::new(event).read_format(times).build()?;
    Ok((name, counter))
}

/// What was counted; where counters took turns, what it would have been all the time.
fn read(counter: &mut Counter) -> Option<f64> {
    let data = counter.read_full().ok()?;
    let (enabled, running) = (data.time_enabled()?, data.time_running()?);
    let whole = enabled.as_secs_f64() / running.as_secs_f64();
    whole.is_finite().then(|| data.count() as f64 * whole)
}

#[cfg(test)]
mod tests {
    use super::*;
    use perf_event::events::Software;

    /// By a counter that every kernel has.
    #[test]
    fn what_runs_is_counted_and_nothing_else() {
        const PAGES: usize = 64;
        let counter = open("faults", Software::PAGE_FAULTS).unwrap();
        let mut counters = Counters(vec![counter]);
        let touch = |pages: usize| {
            let mut memory = vec![0u8; pages * 4096 + (1 << 20)];
            (0..pages).for_each(|page| memory[page * 4096] = 1);
            std::hint::black_box(memory).len()
        };
        let (_, counted) = counters.count(|| touch(PAGES));
        let [("faults", faults)] = counted[..] else {
            panic!("{counted:?}");
        };
        // What is counted adds up, and stands still between.
        touch(PAGES);
        let (_, counted) = counters.count(|| ());
        let none = counted[0].1 - faults;
        assert!(faults > 0.0 && none < faults, "{faults}, {none}");
    }
}
