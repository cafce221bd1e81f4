//! Measuring: for each kernel, or for a program of the user's, every
//! variant is made, rehearsed, measured in rounds with all others, and counted.

mod abis;
mod contenders;
mod kernels;
mod user_modules;

use anyhow::{Result, ensure};
use wasmaot_abi::machine::Machine;
use wasmaot_compiler::Options;

use crate::report::{Report, Task};

pub use abis::{ABIS, DOMAINS, MANY, PRIVATE_KIB, SHARE_KIB, START, SYSTEM_CALLS, abis, work};
pub use kernels::{explain, kernels};
pub use user_modules::{Build, explain_program, program};

/// How to measure.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Every contestant runs once in each round.
    pub rounds: usize,
    /// So many times the usual work.
    pub scale: f64,
    /// Beginnings of the names of those that take part; all, if there are none.
    /// The baseline always does.
    pub only: Vec<String>,
    /// How our modules are compiled.
    pub options: Options,
}

impl Settings {
    /// Units of work, of so many that are usual.
    fn units(&self, usual: u32) -> u32 {
        ((f64::from(usual) * self.scale) as u32).max(1)
    }
}

/// How far the measuring is.
#[derive(Clone, Copy, Debug)]
pub struct Step<'a> {
    /// The kernel.
    pub task: &'a str,
    /// Who is made or runs now.
    pub contestant: &'a str,
    /// Steps done.
    pub done: usize,
    /// Steps in all.
    pub all: usize,
}

/// Is told of every step.
pub type Watcher<'a> = &'a mut dyn FnMut(Step<'_>);

/// Which of some names are wanted. The first is the baseline.
fn chosen(names: &[String], only: &[String]) -> Result<Vec<bool>> {
    for beginning in only {
        ensure!(
            names
                .iter()
                .any(|name| name.starts_with(beginning.as_str())),
            "no variant `{beginning}`; there are: {}",
            names.join(" ")
        );
    }
    let is_wanted =
        |name: &String| only.is_empty() || only.iter().any(|o| name.starts_with(o.as_str()));
    Ok((0..)
        .zip(names)
        .map(|(i, name)| i == 0 || is_wanted(name))
        .collect())
}

/// A report on where and how it is measured.
fn begun(settings: &Settings) -> Report {
    let mut report = Report::default();
    report.note_machine();
    let built = match cfg!(debug_assertions) {
        true => ", built without optimisation: host calls and loading are slow",
        false => "",
    };
    report.note("wasmaot", format!("{}{built}", env!("CARGO_PKG_VERSION")));
    let options = &settings.options;
    let cpu = Machine::HOST.map(|m| m.cpu.names(options.cpu).join(" "));
    let cpu = cpu.unwrap_or_default();
    report.note(
        "compiled",
        format!("{}, CPU features: {cpu}", options.opt_level.flag()),
    );
    report.note(
        "measured",
        format!(
            "rounds, of all in turn: {}; work: {} × the usual",
            settings.rounds, settings.scale
        ),
    );
    report
}

/// Leaves out the hot loop, where only running it would tell which of many it is.
fn without_loops(task: &mut Task) {
    for series in &mut task.series {
        series.listing = None;
        series.counts.remove("instructions");
    }
}

/// Counts the steps for the watcher.
struct Meter<'w> {
    watch: Watcher<'w>,
    done: usize,
    all: usize,
}

impl<'w> Meter<'w> {
    /// Steps of a contestant beside its rounds: it is made and rehearses.
    const BEFORE: usize = 2;

    fn new(watch: Watcher<'w>, contestants: usize, rounds: usize) -> Self {
        Self {
            watch,
            done: 0,
            all: contestants * (rounds + Self::BEFORE),
        }
    }

    fn step(&mut self, task: &str, contestant: &str) {
        (self.watch)(Step {
            task,
            contestant,
            done: self.done,
            all: self.all,
        });
        self.done += 1;
    }
}
