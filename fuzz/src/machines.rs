//! The target `machines`: what a random module does on another machine must look the same
//! as what it does on this one. Modules are compiled here for both; the other machine's
//! objects are run by a process of `wasmaot-fuzz-run`, case after case, so that starting
//! it, as an emulator may need long for, is done once.

use std::env;
use std::io::{self, BufReader};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::{Mutex, PoisonError};

use wasmaot_fuzz_run::case::Case;
use wasmaot_fuzz_run::{Answer, Job, Refusal, receive, run, send};

use crate::compare::compare;
use crate::ours::{self, Build, Machine};
use crate::{File, Outcome, Random, generate};

/// What starts `wasmaot-fuzz-run` on the other machine, in words.
const RUN: &str = "WASMAOT_FUZZ_RUN";

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
        static OTHER: Mutex<Option<Other>> = Mutex::new(None);
        let mut place = OTHER.lock().unwrap_or_else(PoisonError::into_inner);
        for builds in &self.builds {
            // Put back if it is as it should be afterwards: a case may take it down.
            let mut other = match place.take() {
                Some(other) => other,
                None => Other::start()?,
            };
            let outcome = self.compare(builds, &mut other);
            if let Some(status) = other.child.try_wait().map_err(|e| e.to_string())? {
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

    fn compare(&self, builds: &[Build], other: &mut Other) -> Result<Outcome, String> {
        let build = |machine: &Machine| ours::build(&self.case, machine, |unit| builds[unit]);
        let here = build(&Machine::here()).and_then(|objects| run(&self.case, &objects));
        let there = build(&other.machine).and_then(|objects| other.run(&self.case, objects));
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

/// A process on the other machine.
#[derive(Debug)]
struct Other {
    child: Child,
    jobs: ChildStdin,
    answers: BufReader<ChildStdout>,
    machine: Machine,
}

impl Other {
    fn start() -> Result<Self, String> {
        let words = env::var(RUN).map_err(|_| {
            format!("{RUN}: is not set; it says how wasmaot-fuzz-run is started on another machine")
        })?;
        let mut words = words.split_whitespace();
        let mut command = Command::new(words.next().unwrap_or_default());
        let command = command
            .args(words)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        let fail = |e: io::Error| format!("{RUN}: {e}");
        let mut child = command.spawn().map_err(fail)?;
        let (jobs, answers) = child
            .stdin
            .take()
            .zip(child.stdout.take())
            .expect("both are pipes");
        let mut answers = BufReader::new(answers);
        let greeting = receive(&mut answers).map_err(fail)?;
        let greeting = greeting.ok_or(format!("{RUN}: ends and says nothing"))?;
        Ok(Self {
            child,
            jobs,
            answers,
            machine: Machine::of(&greeting)?,
        })
    }

    /// Runs objects there.
    fn run(&mut self, case: &Case, objects: Vec<Vec<u8>>) -> Answer {
        let job = Job {
            case: case.clone(),
            objects,
        };
        let answer = send(&mut self.jobs, &job).and_then(|()| receive(&mut self.answers));
        match answer {
            Ok(Some(answer)) => answer,
            Ok(None) => Err(Refusal::Bug(self.ended())),
            Err(error) => Err(Refusal::Bug(format!("{error}; {}", self.ended()))),
        }
    }

    /// How it has ended, which it does whose answers end.
    fn ended(&mut self) -> String {
        let status = self.child.kill().and_then(|()| self.child.wait());
        match status {
            Ok(status) => format!("its process has ended: {status}"),
            Err(error) => error.to_string(),
        }
    }
}

impl Drop for Other {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
