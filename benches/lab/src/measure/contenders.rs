//! The contestants of one task, and what can be looked at when they have run.

use std::path::{Path, PathBuf};

use anyhow::Result;

use super::Meter;
use crate::counts::{self, Facts};
use crate::interleave::{Contestant, compete, rehearse};
use crate::native;
use crate::program::Loaded;
use crate::report::Task;
use crate::variant::Binding;

/// What can be looked at after the rounds.
#[derive(Clone)]
pub(super) enum Subject {
    Ours(Loaded, Binding),
    Native(PathBuf),
    Nothing,
}

/// The contestants of one task.
#[derive(Default)]
pub(super) struct Contenders {
    contestants: Vec<Contestant>,
    subjects: Vec<Subject>,
}

impl Contenders {
    /// Adds a native program.
    pub fn add_native(&mut self, name: String, made: Result<PathBuf>) {
        self.subjects.push(match &made {
            Ok(path) => Subject::Native(path.clone()),
            Err(_) => Subject::Nothing,
        });
        let runner = made.map(|path| native::program(&path));
        self.contestants.push(Contestant::new(name, runner));
    }

    /// Adds a program of ours.
    pub fn add(&mut self, name: String, binding: Binding, loaded: Result<Loaded>) {
        self.subjects.push(match &loaded {
            Ok(loaded) => Subject::Ours(loaded.clone(), binding),
            Err(_) => Subject::Nothing,
        });
        let runner = loaded.map(|loaded| loaded.runner());
        self.contestants.push(Contestant::new(name, runner));
    }

    /// Everyone, by name, as the rounds left them.
    pub fn subjects(&self) -> Vec<(String, Subject)> {
        let names = self.contestants.iter().map(|c| c.name.clone());
        names.zip(self.subjects.iter().cloned()).collect()
    }

    /// Rehearses, measures, counts.
    pub fn run(&mut self, name: &str, n: u32, rounds: usize, meter: &mut Meter<'_>) -> Task {
        let mut before = |who: &str| meter.step(name, who);
        rehearse(&mut self.contestants, n, &mut before);
        let mut series = compete(&mut self.contestants, n, rounds, &mut before);
        for (series, subject) in series.iter_mut().zip(&self.subjects) {
            let facts = match subject {
                Subject::Ours(loaded, binding) => counts::of_process(loaded, *binding),
                Subject::Native(path) => natively(path),
                Subject::Nothing => continue,
            };
            // What cannot be counted is not in the tables; it was measured.
            let facts = facts.unwrap_or_default();
            series.counts = facts.counts;
            series.listing = facts.listing;
        }
        Task {
            name: name.to_owned(),
            about: String::new(),
            group: String::new(),
            n,
            series,
        }
    }
}

/// What is known of a native program, its library beside it.
pub(super) fn natively(program: &Path) -> Result<Facts> {
    let library = program.with_file_name("libkernel.so");
    counts::of_native(program, library.exists().then_some(&*library))
}
