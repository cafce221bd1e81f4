//! What was measured, for a terminal and as JSON.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde::{Deserialize, Serialize};

use crate::contest::Series;
use crate::stats::{Spread, geometric_mean, ratios};

/// All that one run of a measurement found.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// What was measured: `kernels`, `compile`, `start`.
    pub title: String,
    /// What it was measured on and with: name and text.
    pub setting: BTreeMap<String, String>,
    /// Contestants that could not take part, and why.
    pub absent: BTreeMap<String, String>,
    /// The work, each with all contestants' results.
    pub tasks: Vec<Task>,
}

/// One piece of work.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Task {
    /// Its name.
    pub name: String,
    /// The table that it belongs to.
    pub group: String,
    /// Units of work in a run.
    pub n: u32,
    /// The contestants' results; the first is the baseline.
    pub series: Vec<Series>,
}

impl Task {
    /// The results of a contestant.
    pub fn series(&self, contestant: &str) -> Option<&Series> {
        self.series.iter().find(|s| s.contestant == contestant)
    }

    /// A contestant's time as a ratio to the first one's.
    pub fn ratio(&self, contestant: &str) -> Option<Spread> {
        let base = self.series.first()?;
        Spread::of(&ratios(&self.series(contestant)?.samples, &base.samples))
    }
}

impl Report {
    /// Adds what the machine is.
    pub fn note_machine(&mut self) {
        let cpu = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let model = cpu.lines().find_map(|l| l.strip_prefix("model name"));
        let model = model.map_or("unknown", |l| l.trim_start_matches([' ', '\t', ':']));
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        self.note("machine", format!("{model}, {cores} cores"));
    }

    /// Adds a line about the setting.
    pub fn note(&mut self, name: &str, text: impl Into<String>) {
        self.setting.insert(name.to_owned(), text.into());
    }

    /// The names of the groups, in order.
    pub fn groups(&self) -> Vec<&str> {
        distinct(self.tasks.iter().map(|task| task.group.as_str()))
    }

    /// The tasks of a group.
    pub fn group<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Task> {
        self.tasks.iter().filter(move |task| task.group == name)
    }

    /// The contestants of a group, in order.
    pub fn contestants(&self, group: &str) -> Vec<&str> {
        let series = self.tasks.iter().filter(|task| task.group == group);
        distinct(series.flat_map(|task| task.series.iter().map(|s| s.contestant.as_str())))
    }

    /// The geometric mean of a contestant's ratios over a group, if it has all.
    pub fn mean(&self, group: &str, contestant: &str) -> Option<f64> {
        let medians: Option<Vec<f64>> = self
            .group(group)
            .map(|task| task.ratio(contestant).map(|ratio| ratio.median))
            .collect();
        geometric_mean(&medians?)
    }

    /// What failed: each message, with those that it is about as `TASK/CONTESTANT`.
    pub fn failures(&self) -> BTreeMap<&str, Vec<String>> {
        let mut found: BTreeMap<&str, Vec<String>> = BTreeMap::new();
        for task in &self.tasks {
            for series in &task.series {
                if let Some(error) = &series.error {
                    let who = format!("{}/{}", task.name, series.contestant);
                    found.entry(error).or_default().push(who);
                }
            }
        }
        found
    }

    /// The tables: a row for each contestant, a column for each task; medians
    /// of ratios, and the first contestant's times for one unit of work.
    pub fn table(&self) -> String {
        let mut out = String::new();
        for (name, text) in &self.setting {
            let _ = writeln!(out, "{name}: {text}");
        }
        for group in self.groups() {
            self.group_table(group, &mut out);
        }
        for (name, why) in &self.absent {
            let _ = writeln!(out, "absent: {name}: {why}");
        }
        for (error, who) in self.failures() {
            let _ = writeln!(out, "failed: {}: {error}", who.join(", "));
        }
        out
    }

    fn group_table(&self, group: &str, out: &mut String) {
        let contestants = self.contestants(group);
        let wide = contestants.iter().map(|c| c.len()).max().unwrap_or(0);
        let wide = wide.max(group.len() + 2);
        let _ = write!(out, "\n{group:wide$}");
        for task in self.group(group) {
            let _ = write!(out, " {:>8}", task.name);
        }
        out.push_str("     mean  noise\n");
        if let Some(first) = contestants.first() {
            let _ = write!(out, "{:wide$}", "one unit");
            for task in self.group(group) {
                let samples = task.series(first).map_or(&[][..], |s| &s.samples);
                let cell = Spread::of(samples)
                    .map_or_else(|| "–".to_owned(), |s| time(s.median / f64::from(task.n)));
                let _ = write!(out, " {cell:>8}");
            }
            out.push('\n');
        }
        for contestant in contestants {
            let _ = write!(out, "{contestant:wide$}");
            let mut noise: f64 = 0.0;
            for task in self.group(group) {
                let ratio = task.ratio(contestant);
                let cell = ratio.map_or_else(|| "–".to_owned(), |r| format!("{:.2}", r.median));
                let _ = write!(out, " {cell:>8}");
                noise = noise.max(ratio.map_or(0.0, |r| r.noise()));
            }
            let mean = self.mean(group, contestant);
            let mean = mean.map_or_else(|| "–".to_owned(), |mean| format!("{mean:.3}"));
            let _ = writeln!(out, " {mean:>8} {:>5.1}%", 100.0 * noise);
        }
    }
}

/// A time with three digits.
pub fn time(nanoseconds: f64) -> String {
    let units = [(1e9, "s"), (1e6, "ms"), (1e3, "µs"), (1.0, "ns")];
    let unit = units.into_iter().find(|&(size, _)| nanoseconds >= size);
    let (size, unit) = unit.unwrap_or((1.0, "ns"));
    let number = nanoseconds / size;
    let digits = if number >= 99.95 {
        0
    } else if number >= 9.995 {
        1
    } else {
        2
    };
    format!("{number:.digits$} {unit}")
}

fn distinct<'a>(names: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let mut found: Vec<&str> = Vec::new();
    for name in names {
        if !found.contains(&name) {
            found.push(name);
        }
    }
    found
}
