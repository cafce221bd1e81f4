//! Fuzzing of wasmaot: random cases that a seed determines, and their checks.

#![forbid(unsafe_code)]

#[cfg(feature = "differential")]
mod case;
#[cfg(feature = "differential")]
mod differential;
mod inputs;
#[cfg(feature = "differential")]
mod interface;
mod mutate;
mod objects;
#[cfg(feature = "differential")]
mod ours;
mod random;
mod seeds;
mod smith;
#[cfg(feature = "differential")]
mod theirs;

use std::panic::{self, AssertUnwindSafe};

pub use random::Random;

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
    #[cfg(feature = "differential")]
    Modules,
    /// Random modules linked with each other, against wasmtime.
    #[cfg(feature = "differential")]
    Sets,
    /// Damaged objects.
    Objects,
    /// Damaged modules.
    Inputs,
}

/// A case.
#[derive(Debug)]
pub enum Case {
    /// Of `modules` or `sets`.
    #[cfg(feature = "differential")]
    Differential(differential::Differential),
    /// Of `objects`.
    Damaged(objects::Damaged),
    /// Of `inputs`.
    Input(inputs::Input),
}

impl Target {
    /// Every target with its name.
    pub const ALL: &[(Self, &'static str)] = &[
        #[cfg(feature = "differential")]
        (Self::Modules, "modules"),
        #[cfg(feature = "differential")]
        (Self::Sets, "sets"),
        (Self::Objects, "objects"),
        (Self::Inputs, "inputs"),
    ];

    /// The target's name.
    pub fn name(self) -> &'static str {
        let found = Self::ALL.iter().find(|(target, _)| *target == self);
        found.map_or("", |(_, name)| name)
    }

    /// The case of a seed: always the same.
    pub fn case(self, seed: u64) -> Case {
        match self {
            #[cfg(feature = "differential")]
            Self::Modules => Case::Differential(differential::Differential::modules(seed)),
            #[cfg(feature = "differential")]
            Self::Sets => Case::Differential(differential::Differential::sets(seed)),
            Self::Objects => Case::Damaged(objects::Damaged::random(seed)),
            Self::Inputs => Case::Input(inputs::Input::random(seed)),
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
    /// What the case consists of, to look at.
    pub fn files(&self) -> Vec<File> {
        match self {
            #[cfg(feature = "differential")]
            Self::Differential(case) => case.files(),
            Self::Damaged(case) => case.files(),
            Self::Input(case) => case.files(),
        }
    }

    /// Checks it.
    ///
    /// # Errors
    /// What is wrong.
    pub fn check(&self) -> Result<Outcome, String> {
        match self {
            #[cfg(feature = "differential")]
            Self::Differential(case) => case.check(),
            Self::Damaged(case) => case.check(),
            Self::Input(case) => case.check(),
        }
    }
}
