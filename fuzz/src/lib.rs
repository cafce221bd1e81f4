//! Fuzzing of wasmaot: random cases that a seed determines, and their checks.

#![forbid(unsafe_code)]

mod compare;
mod differential;
mod generate;
mod inputs;
mod interface;
mod machines;
mod mutate;
mod objects;
mod ours;
mod programs;
mod seeds;
mod smith;
mod theirs;
mod types;

use std::panic::{self, AssertUnwindSafe};

pub use wasmaot_test_agent::Random;
use wasmaot_test_agent::native;

/// A file of a case: name and content.
pub type File = (String, Vec<u8>);

/// What came of a case.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Outcome {
    /// All is as it should be.
    Passed,
    /// It was refused, as it may be.
    Refused,
    /// It could not be tried, for this reason.
    Skipped(String),
}

/// What to fuzz.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// Random modules, against wasmtime.
    Modules,
    /// Random modules linked with each other, against wasmtime.
    Sets,
    /// Random modules, against another machine.
    Machines,
    /// Damaged objects.
    Objects,
    /// Damaged modules.
    Inputs,
    /// Programs that call the host with hostile arguments.
    Programs,
    /// Sets of modules with one wrong type, or none.
    Types,
}

/// A case.
#[derive(Debug)]
pub enum Case {
    /// Of `modules` or `sets`.
    Differential(differential::Differential),
    /// Of `machines`.
    Machines(machines::Machines),
    /// Of `objects`.
    Damaged(objects::Damaged),
    /// Of `inputs`.
    Input(inputs::Input),
    /// Of `programs`.
    Program(programs::Program),
    /// Of `types`.
    Typed(types::Typed),
}

impl Target {
    /// Every target with its name.
    pub const ALL: &[(Self, &'static str)] = &[
        (Self::Modules, "modules"),
        (Self::Sets, "sets"),
        (Self::Machines, "machines"),
        (Self::Objects, "objects"),
        (Self::Inputs, "inputs"),
        (Self::Programs, "programs"),
        (Self::Types, "types"),
    ];

    /// The target's name.
    pub fn name(self) -> &'static str {
        let found = Self::ALL.iter().find(|(target, _)| *target == self);
        found.map_or("", |(_, name)| name)
    }

    /// The case of a seed: always the same.
    pub fn case(self, seed: u64) -> Case {
        match self {
            Self::Modules => Case::Differential(differential::Differential::modules(seed)),
            Self::Sets => Case::Differential(differential::Differential::sets(seed)),
            Self::Machines => Case::Machines(machines::Machines::random(seed)),
            Self::Objects => Case::Damaged(objects::Damaged::random(seed)),
            Self::Inputs => Case::Input(inputs::Input::random(seed)),
            Self::Programs => Case::Program(programs::Program::random(seed)),
            Self::Types => Case::Typed(types::Typed::random(seed)),
        }
    }

    /// Makes the case of a seed and checks it; a panic is a failure.
    ///
    /// # Errors
    /// What is wrong.
    pub fn try_case(self, seed: u64) -> Result<Outcome, String> {
        let caught = panic::catch_unwind(AssertUnwindSafe(|| self.case(seed).check()));
        caught.unwrap_or_else(|payload| {
            let text = payload.downcast_ref::<String>().map(String::as_str);
            let text = text.or_else(|| payload.downcast_ref::<&str>().copied());
            Err(format!("panic: {}", text.unwrap_or("?")))
        })
    }
}

impl Case {
    /// Whether there is something in it that is to run in a process of its own
    /// ([`Case::run`]), once it has passed.
    pub fn runs(&self) -> bool {
        match self {
            Self::Damaged(case) => case.runs(),
            Self::Differential(_)
            | Self::Machines(_)
            | Self::Input(_)
            | Self::Program(_)
            | Self::Typed(_) => false,
        }
    }

    /// Runs that, which may take the process down.
    ///
    /// # Errors
    /// What is wrong.
    pub fn run(&self) -> Result<Outcome, String> {
        match self {
            Self::Damaged(case) => case.run(),
            Self::Differential(_)
            | Self::Machines(_)
            | Self::Input(_)
            | Self::Program(_)
            | Self::Typed(_) => Ok(Outcome::Passed),
        }
    }

    /// What the case consists of, to look at.
    pub fn files(&self) -> Vec<File> {
        match self {
            Self::Differential(case) => case.files(),
            Self::Machines(case) => case.files(),
            Self::Damaged(case) => case.files(),
            Self::Input(case) => case.files(),
            Self::Program(case) => case.files(),
            Self::Typed(case) => case.files(),
        }
    }

    /// Checks it.
    ///
    /// # Errors
    /// What is wrong.
    pub fn check(&self) -> Result<Outcome, String> {
        match self {
            Self::Differential(case) => case.check(),
            Self::Machines(case) => case.check(),
            Self::Damaged(case) => case.check(),
            Self::Input(case) => case.check(),
            Self::Program(case) => case.check(),
            Self::Typed(case) => case.check(),
        }
    }
}
