//! The target `machines`: what a random module does on another machine must look the same
//! as what it does on this one. Modules are compiled here for both; the other machine's
//! objects are run by a process of `wasmaot-test-agent`, case after case, so that starting
//! it, as an emulator may need long for, is done once.

use std::sync::{Mutex, PoisonError};

use wasmaot_test_agent::case::Case;
use wasmaot_test_agent::{Agent, CaseAnswer, Job, Refusal, run};

use crate::compare::compare;
use crate::ours::{self, Build, Machine};
use crate::{File, Outcome, Random, generate};

/// A case and how to build it.
#[derive(Debug)]
pub struct Machines {
    case: Case,
    /// Builds of all units, to be run one after the other.
    builds: Vec<Vec<Build>>,
}

impl Machines {
    /// A few random modules, each built in ways of its own.
    pub fn random(seed: u64) -> Self {
        let mut random = Random::new(!seed);
        let case = generate::case(seed, 1 + random.below(3));
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
    /// What differs, or why there is no other machine.
    pub fn check(&self) -> Result<Outcome, String> {
        static OTHER: Mutex<Option<Agent>> = Mutex::new(None);
        let mut place = OTHER.lock().unwrap_or_else(PoisonError::into_inner);
        for builds in &self.builds {
            // Put back if it is as it should be afterwards: a case may take it down.
            let mut other = match place.take() {
                Some(other) => other,
                None => Agent::start()?.ok_or_else(|| {
                    let name = Agent::VARIABLE;
                    format!("{name}: is not set; it says how wasmaot-test-agent is started on another machine")
                })?,
            };
            let outcome = self.compare(builds, &mut other);
            if let Some(status) = other.status().map_err(|e| e.to_string())? {
                return Err(format!(
                    "{builds:?}: ended the other machine's process: {status}"
                ));
            }
            let outcome = outcome.map_err(|what| format!("{builds:?}:\n{what}"))?;
            *place = Some(other);
            if outcome != Outcome::Passed {
                return Ok(outcome);
            }
        }
        Ok(Outcome::Passed)
    }

    fn compare(&self, builds: &[Build], other: &mut Agent) -> Result<Outcome, String> {
        let build = |machine: &Machine| ours::build(&self.case, machine, |unit| builds[unit]);
        let here = build(&Machine::here()).and_then(|objects| run(&self.case, &objects));
        let machine = Machine::of(other.greeting())?;
        let there = build(&machine).and_then(|objects| {
            let case = self.case.clone();
            let answer: CaseAnswer = other
                .answer(&Job::Case { case, objects })
                .map_err(Refusal::Bug)?;
            answer
        });
        match (here, there) {
            (Ok(here), Ok(there)) => {
                compare(&here, &there, ["here", "on the other machine"])?;
                Ok(Outcome::Passed)
            }
            // A bug or not, it is not the other machine's: `sets` is to find it.
            (Err(here), Err(there)) if here == there => Ok(Outcome::Refused),
            (here, there) => Err(format!(
                "here\n  {:?}\nthere\n  {:?}",
                here.err(),
                there.err()
            )),
        }
    }
}
