//! The targets `modules` and `sets`: what wasmaot and wasmtime make of random
//! modules must look the same from outside.

use std::panic::{self, AssertUnwindSafe};
use std::sync::OnceLock;

use wasmaot_compiler::OptLevel;
use wasmtime::Engine;

use crate::case::{Case, Event, Frame};
use crate::ours::{self, Build, Refusal};
use crate::random::Random;
use crate::{File, Outcome, theirs};

/// A case and how to build it.
#[derive(Debug)]
pub struct Differential {
    case: Case,
    /// Builds of each unit in turn, to be run one after the other.
    builds: Vec<Vec<Build>>,
}

const LEVELS: [OptLevel; 3] = [OptLevel::None, OptLevel::Less, OptLevel::Speed];

impl Differential {
    /// One random module, at all levels.
    pub fn modules(seed: u64) -> Self {
        let build = |level, native| vec![Build { level, native }];
        Self {
            case: Case::random(seed, 1),
            builds: vec![
                build(OptLevel::None, false),
                build(OptLevel::Less, false),
                build(OptLevel::Speed, false),
                build(OptLevel::Speed, true),
            ],
        }
    }

    /// Two or three modules that import from each other, each at a level of its own.
    pub fn sets(seed: u64) -> Self {
        let mut random = Random::new(!seed);
        let case = Case::random(seed, 2 + random.below(2));
        let mut builds = || {
            let units = case.units.iter();
            let build = |_| Build {
                level: *random.pick(&LEVELS),
                native: random.once_in(2),
            };
            units.map(build).collect()
        };
        let builds = vec![builds(), builds()];
        Self { case, builds }
    }

    /// The modules.
    pub fn files(&self) -> Vec<File> {
        let units = self.case.units.iter().enumerate();
        units
            .map(|(i, unit)| (format!("{i}-{}.wasm", unit.name), unit.wasm.clone()))
            .collect()
    }

    /// Runs and compares.
    ///
    /// # Errors
    /// What differs.
    pub fn check(&self) -> Result<Outcome, String> {
        static ENGINE: OnceLock<Engine> = OnceLock::new();
        let engine = ENGINE.get_or_init(|| theirs::engine().expect("the options are right"));
        // It has assertions that fail at times.
        let wanted = match panic::catch_unwind(AssertUnwindSafe(|| theirs::run(engine, &self.case)))
        {
            Ok(Ok(events)) => events,
            Ok(Err(error)) => return Ok(Outcome::Skipped(format!("wasmtime: {error:#}"))),
            Err(_) => return Ok(Outcome::Skipped("wasmtime panics".to_owned())),
        };
        for builds in &self.builds {
            let build = |unit: usize| builds[unit % builds.len()];
            let run = || ours::run(&self.case, &ours::build(&self.case, build)?);
            let found = match run() {
                Ok(events) => events,
                Err(Refusal::Unsupported(what)) => return Ok(Outcome::Skipped(what)),
                Err(Refusal::Bug(what)) => return Err(format!("{builds:?}: {what}")),
            };
            compare(&wanted, &found).map_err(|what| format!("{builds:?}:\n{what}"))?;
        }
        Ok(Outcome::Passed)
    }
}

/// Whether two logs agree, up to where either used up its stack.
fn compare(wanted: &[Event], found: &[Event]) -> Result<(), String> {
    let ends = |events: &[Event]| events.last() == Some(&Event::Exhausted);
    for at in 0..wanted.len().max(found.len()) {
        let (ours, theirs) = (found.get(at), wanted.get(at));
        match (ours, theirs) {
            (Some(Event::Exhausted), _) | (_, Some(Event::Exhausted)) => return Ok(()),
            (Some(ours), Some(theirs)) if same(ours, theirs) => {}
            _ => {
                let context = found[at.saturating_sub(20).min(found.len())..at].iter();
                let context: Vec<_> = context.map(|e| format!("  {e}")).collect();
                let show =
                    |event: Option<&Event>| event.map_or("the end".to_owned(), Event::to_string);
                return Err(format!(
                    "after\n{}\nwasmaot\n  {}\nwasmtime\n  {}",
                    context.join("\n"),
                    show(ours),
                    show(theirs)
                ));
            }
        }
    }
    debug_assert!(!ends(wanted) && !ends(found));
    Ok(())
}

fn same(ours: &Event, theirs: &Event) -> bool {
    let (Event::Stop(a), Event::Stop(b)) = (ours, theirs) else {
        return ours == theirs;
    };
    // wasmtime has one name for what we name more finely.
    let broad = |reason: &str| match reason {
        "undefined element" => "out of bounds table access".to_owned(),
        // An access may be both; which is found first is open.
        "unaligned atomic" => "out of bounds memory access".to_owned(),
        "null exception reference" | "null function reference" => "null reference".to_owned(),
        other => other.to_owned(),
    };
    broad(&a.reason) == broad(&b.reason) && a.depth == b.depth && same_frames(&a.frames, &b.frames)
}

fn same_frames(ours: &[Frame], theirs: &[Frame]) -> bool {
    // The innermost frame's offset may be that of an instruction that the code
    // generator has made one with the stopping one: a load's consumer, a branch
    // around a trap.
    match (ours.split_first(), theirs.split_first()) {
        (Some(((ours, _), callers)), Some(((theirs, _), their_callers))) => {
            ours == theirs && callers == their_callers
        }
        _ => ours == theirs,
    }
}
