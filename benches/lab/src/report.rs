//! What was measured, for a terminal and as JSON.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use serde::{Deserialize, Serialize};

use crate::counters::COUNTERS;
use crate::interleave::Series;
use crate::setting;
use crate::stats::{Estimate, Spread, ratios};

/// All that one run of a measurement found.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// What was measured: `kernels`, `compile`, `start`.
    pub title: String,
    /// What it was measured on and with: name and text.
    pub setting: BTreeMap<String, String>,
    /// Contestants that could not take part, and why.
    pub absent: BTreeMap<String, String>,
    /// What the contestants are.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub variants: Vec<About>,
    /// The work, each with all contestants' results.
    pub tasks: Vec<Task>,
}

/// What a contestant is.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct About {
    /// Its name.
    pub name: String,
    /// What kind of its family it is; those of one kind look alike in plots.
    pub kind: String,
    /// What it is.
    pub text: String,
}

/// One piece of work.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Task {
    /// Its name.
    pub name: String,
    /// What it is, in a sentence or two.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub about: String,
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

    /// The same, and how sure it is.
    pub fn estimate(&self, contestant: &str) -> Option<Estimate> {
        let base = self.series.first()?;
        Estimate::median(&ratios(&self.series(contestant)?.samples, &base.samples))
    }

    /// The counters of which somebody has something.
    pub(crate) fn counters(&self) -> Vec<&'static str> {
        let has = |name: &str| self.series.iter().any(|s| s.extra.contains_key(name));
        COUNTERS.iter().copied().filter(|name| has(name)).collect()
    }

    /// The same of one contestant and one counter, as a cell of a table.
    pub(crate) fn counter_cell(&self, contestant: &str, counter: &str) -> String {
        let counted = self.counted_by_unit(contestant);
        let found = counted.iter().find(|(name, _)| *name == counter);
        found.map_or_else(|| "–".to_owned(), |(_, count)| format!("{count:.2}"))
    }

    /// What the processor counted of a contestant in a unit of work: names, and medians of
    /// the rounds; none where there are no counters.
    pub fn counted_by_unit(&self, contestant: &str) -> Vec<(&'static str, f64)> {
        let series = self.series(contestant);
        let median = |name: &str| Spread::of(series?.extra.get(name)?).map(|s| s.median);
        let all = COUNTERS.iter().copied();
        all.filter_map(|name| Some((name, median(name)? / f64::from(self.n))))
            .collect()
    }

    /// The contestant that is faster than every other, if one is and not by chance.
    pub fn fastest(&self) -> Option<&str> {
        let median = |series: &Series| Spread::of(&series.samples).map(|s| s.median);
        let timed = self
            .series
            .iter()
            .filter_map(|series| Some((series, median(series)?)));
        let (first, _) = timed.min_by(|a, b| a.1.total_cmp(&b.1))?;
        let mut others = self.series.iter();
        let slower = |series: &Series| {
            let ratio = Estimate::median(&ratios(&series.samples, &first.samples));
            ratio.is_none_or(|ratio| ratio.is_difference())
        };
        let alone = others.all(|series| std::ptr::eq(series, first) || slower(series));
        alone.then_some(first.contestant.as_str())
    }

    fn table(&self, out: &mut String) {
        let wide = self
            .series
            .iter()
            .map(|s| s.contestant.chars().count())
            .max();
        let wide = wide.unwrap_or(0).max(self.name.chars().count()) + 2;
        let extras: BTreeSet<&String> = self.series.iter().flat_map(|s| s.extra.keys()).collect();
        let _ = write!(
            out,
            "\n{:wide$} {:>9} {:>7} {:>11}",
            self.name, "time", "ratio", "95 %"
        );
        for extra in &extras {
            let _ = write!(out, " {extra:>18}");
        }
        out.push('\n');
        for series in &self.series {
            let Some(spread) = Spread::of(&series.samples) else {
                continue;
            };
            let unit = time(spread.median / f64::from(self.n));
            let ratio = self.estimate(&series.contestant);
            let _ = write!(
                out,
                "{:wide$} {unit:>9} {:>7.2} {:>11}",
                series.contestant,
                ratio.map_or(f64::NAN, |ratio| ratio.value),
                ratio.map_or_else(String::new, interval)
            );
            for &extra in &extras {
                let _ = write!(out, " {:>18}", self.cell(series, extra));
            }
            out.push('\n');
        }
    }

    /// A median and its ratio to the first contestant's.
    fn cell(&self, series: &Series, extra: &str) -> String {
        let of = |series: &Series| Spread::of(series.extra.get(extra)?).map(|s| s.median);
        let Some(own) = of(series) else {
            return "–".to_owned();
        };
        match self.series.first().and_then(of) {
            Some(base) if base > 0.0 => format!("{own:.2} ({:.2})", own / base),
            _ => format!("{own:.2}"),
        }
    }
}

impl Report {
    /// Adds what it is measured on, when, and by which command.
    pub fn note_machine(&mut self) {
        for (name, text) in setting::lines() {
            self.note(name, text);
        }
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
    pub fn mean(&self, group: &str, contestant: &str) -> Option<Estimate> {
        let of = |task: &Task| {
            let base = task.series.first()?;
            Some(ratios(&task.series(contestant)?.samples, &base.samples))
        };
        let all: Option<Vec<Vec<f64>>> = self.group(group).map(of).collect();
        Estimate::mean(&all?)
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
        let mut out = self.settings();
        for group in self.groups() {
            self.group_table(group, &mut out);
        }
        self.ends(&mut out);
        out
    }

    /// The tables the other way round: one for each task, a row for each
    /// contestant, with everything that was measured. In brackets are ratios to
    /// the first contestant.
    pub fn details(&self) -> String {
        let mut out = self.settings();
        for task in &self.tasks {
            task.table(&mut out);
        }
        self.ends(&mut out);
        out
    }

    pub(crate) fn settings(&self) -> String {
        let lines = self
            .setting
            .iter()
            .map(|(name, text)| format!("{name}: {text}\n"));
        lines.collect()
    }

    /// What did not take part, and what failed.
    pub(crate) fn ends(&self, out: &mut String) {
        for (name, why) in &self.absent {
            let _ = writeln!(out, "absent: {name}: {why}");
        }
        for (error, who) in self.failures() {
            let _ = writeln!(out, "failed: {}: {error}", who.join(", "));
        }
    }

    fn group_table(&self, group: &str, out: &mut String) {
        let contestants = self.contestants(group);
        let wide = contestants.iter().map(|c| c.len()).max().unwrap_or(0);
        let wide = wide.max(group.len() + 2);
        let _ = write!(out, "\n{group:wide$}");
        for task in self.group(group) {
            let _ = write!(out, " {:>8}", task.name);
        }
        out.push_str("     mean        95 %\n");
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
            for task in self.group(group) {
                let ratio = task.ratio(contestant);
                let cell = ratio.map_or_else(|| "–".to_owned(), |r| format!("{:.2}", r.median));
                let _ = write!(out, " {cell:>8}");
            }
            let (mean, sure) = match self.mean(group, contestant) {
                Some(m) => (
                    format!("{:.3}", m.value),
                    format!("{:.3}–{:.3}", m.low, m.high),
                ),
                None => ("–".to_owned(), String::new()),
            };
            let _ = writeln!(out, " {mean:>8} {sure:>11}");
        }
    }
}

/// From where to where a ratio may be.
pub(crate) fn interval(ratio: Estimate) -> String {
    format!("{:.2}–{:.2}", ratio.low, ratio.high)
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

#[cfg(test)]
mod tests {
    use super::*;

    fn task(name: &str, fast: &[f64], slow: &[f64]) -> Task {
        let series = |contestant: &str, samples: &[f64]| Series {
            contestant: contestant.to_owned(),
            samples: samples.to_vec(),
            extra: [(
                "pages".to_owned(),
                vec![4.0 * samples.first().unwrap_or(&0.0)],
            )]
            .into(),
            ..Series::default()
        };
        Task {
            name: name.to_owned(),
            about: String::new(),
            group: "work".to_owned(),
            n: 10,
            series: vec![series("native", fast), series("slow", slow)],
        }
    }

    fn report() -> Report {
        let mut report = Report {
            title: "test".to_owned(),
            tasks: vec![
                // A round that is slow for both.
                task("a", &[100.0, 900.0, 100.0], &[200.0, 1800.0, 200.0]),
                task("b", &[1e6], &[8e6]),
            ],
            ..Report::default()
        };
        report
            .absent
            .insert("other".to_owned(), "not installed".to_owned());
        report
    }

    #[test]
    fn ratios_are_of_rounds() {
        let report = report();
        let ratio = report.tasks[0].ratio("slow").unwrap();
        assert_eq!((ratio.low, ratio.median, ratio.high), (2.0, 2.0, 2.0));
        assert_eq!(report.mean("work", "slow").unwrap().value, 4.0);
        assert_eq!(report.mean("work", "nobody"), None);
    }

    #[test]
    fn the_fastest_is_so_by_more_than_chance() {
        let fast = [10.0, 10.1, 10.2, 9.9, 10.0, 10.1, 9.8];
        let alike = [10.1, 10.0, 10.1, 10.0, 9.9, 10.2, 9.9];
        let slow = [11.0, 11.1, 11.2, 10.9, 11.0, 11.1, 10.8];
        assert_eq!(task("a", &fast, &slow).fastest(), Some("native"));
        assert_eq!(task("a", &slow, &fast).fastest(), Some("slow"));
        assert_eq!(task("a", &fast, &alike).fastest(), None);
        assert_eq!(task("a", &fast[..3], &slow[..3]).fastest(), None);
        assert_eq!(task("a", &fast, &[]).fastest(), Some("native"));
    }

    #[test]
    fn tables_name_everyone() {
        let mut report = report();
        report.tasks[1].series[1].error = Some("broken".to_owned());
        report.tasks[1].series[1].samples.clear();
        let table = report.table();
        for part in [
            "one unit  10.0 ns   100 µs",
            "slow       2.00        –        –",
            "absent: other: not installed",
            "failed: b/slow: broken",
        ] {
            assert!(table.contains(part), "no `{part}` in:\n{table}");
        }
        let details = report.details();
        assert!(details.contains("800.00 (2.00)"), "{details}");
    }

    #[test]
    fn json_comes_back() {
        let report = report();
        let text = serde_json::to_string(&report).unwrap();
        assert_eq!(serde_json::from_str::<Report>(&text).unwrap(), report);
    }

    #[test]
    fn times() {
        let want = [
            "0.37 ns", "1.40 ns", "14.0 ns", "140 ns", "1.00 µs", "2.50 s",
        ];
        let times = [0.37, 1.4, 14.0, 140.0, 1000.0, 2.5e9];
        assert_eq!(times.map(time), want);
    }
}
