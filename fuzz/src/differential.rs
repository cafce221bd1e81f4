//! The targets `modules` and `sets`: what wasmaot and wasmtime make of random
//! modules must look the same from outside.

use std::panic::{self, AssertUnwindSafe};
use std::sync::OnceLock;

use wasmaot_compiler::OptLevel;
use wasmaot_test_agent::case::Case;
use wasmaot_test_agent::{Refusal, run};
use wasmtime::Engine;

use crate::compare::compare;
use crate::ours::{self, Build, Machine};
use crate::{File, Outcome, Random, generate, theirs};

/// A case and how to build it.
#[derive(Debug)]
pub struct Differential {
    case: Case,
    /// Builds of each unit in turn, to be run one after the other.
    builds: Vec<Vec<Build>>,
}

impl Differential {
    /// One random module, at all levels.
    pub fn modules(seed: u64) -> Self {
        let build = |level, native| vec![Build { level, native }];
        Self {
            case: generate::case(seed, 1),
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
        let case = generate::case(seed, 2 + random.below(2));
        let builds = Build::mixed(&mut random, &case);
        Self { case, builds }
    }

    /// The modules.
    pub fn files(&self) -> Vec<File> {
        generate::files(&self.case)
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
            let objects = ours::build(&self.case, &Machine::here(), build);
            let found = match objects.and_then(|objects| run(&self.case, &objects)) {
                Ok(events) => events,
                Err(Refusal::Unsupported(what)) => return Ok(Outcome::Skipped(what)),
                Err(Refusal::Bug(what)) => return Err(format!("{builds:?}: {what}")),
            };
            compare(&wanted, &found, ["wasmtime", "wasmaot"])
                .map_err(|what| format!("{builds:?}:\n{what}"))?;
        }
        Ok(Outcome::Passed)
    }
}
