//! The report as comma-separated values (RFC 4180), for other programs.

use std::collections::BTreeSet;

use crate::interleave::Series;
use crate::report::{Report, Task};
use crate::stats::Spread;

/// A line for each contestant of each task, with what was measured of it.
const COLUMNS: &[&str] = &[
    "group",
    "task",
    "contestant",
    "rounds",
    "nanoseconds",
    "ratio",
    "low",
    "high",
    "error",
];

/// The table, with a head.
pub fn table(report: &Report) -> String {
    let series = report.tasks.iter().flat_map(|task| &task.series);
    let counts: BTreeSet<&str> = series
        .flat_map(|series| series.counts.keys().map(String::as_str))
        .collect();
    // What a unit of work is by the processor's counters.
    let by_unit = |task: &Task, series: &Series| task.counted_by_unit(&series.contestant);
    let all = report.tasks.iter();
    let all = all.flat_map(|task| task.series.iter().flat_map(|s| by_unit(task, s)));
    let counters: BTreeSet<&str> = all.map(|(name, _)| name).collect();
    let heads: Vec<String> = counters.iter().map(|n| format!("{n} a unit")).collect();
    let mut out = String::new();
    line(
        &mut out,
        COLUMNS
            .iter()
            .copied()
            .chain(counts.iter().copied())
            .chain(heads.iter().map(String::as_str)),
    );
    for task in &report.tasks {
        for series in &task.series {
            let number = |number: Option<f64>| number.map_or_else(String::new, |n| n.to_string());
            let unit = Spread::of(&series.samples).map(|s| s.median / f64::from(task.n));
            let ratio = task.estimate(&series.contestant);
            let mut cells = vec![
                task.group.clone(),
                task.name.clone(),
                series.contestant.clone(),
                series.samples.len().to_string(),
                number(unit),
                number(ratio.map(|r| r.value)),
                number(ratio.map(|r| r.low)),
                number(ratio.map(|r| r.high)),
                series.error.clone().unwrap_or_default(),
            ];
            cells.extend(
                counts
                    .iter()
                    .map(|&name| number(series.counts.get(name).copied())),
            );
            let counted = by_unit(task, series);
            cells.extend(counters.iter().map(|&counter| {
                let of = counted.iter().find(|&&(name, _)| name == counter);
                number(of.map(|(_, count)| *count))
            }));
            line(&mut out, cells.iter().map(String::as_str));
        }
    }
    out
}

fn line<'a>(out: &mut String, cells: impl Iterator<Item = &'a str>) {
    for (i, cell) in cells.enumerate() {
        if i > 0 {
            out.push(',');
        }
        match cell.contains([',', '"', '\n', '\r']) {
            true => out.push_str(&format!("\"{}\"", cell.replace('"', "\"\""))),
            false => out.push_str(cell),
        }
    }
    out.push_str("\r\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_quoted_where_they_must() {
        let series = |contestant: &str, samples: &[f64]| Series {
            contestant: contestant.to_owned(),
            samples: samples.to_vec(),
            counts: [("pages".to_owned(), 4.0)].into(),
            ..Series::default()
        };
        let failed = Series {
            contestant: "c".to_owned(),
            error: Some("say \"a, b\"".to_owned()),
            ..Series::default()
        };
        let task = Task {
            name: "t".to_owned(),
            about: String::new(),
            group: "work".to_owned(),
            n: 10,
            series: vec![series("a", &[10.0]), series("b", &[25.0]), failed],
        };
        let report = Report {
            tasks: vec![task],
            ..Report::default()
        };
        let want = "group,task,contestant,rounds,nanoseconds,ratio,low,high,error,pages\r\n\
                    work,t,a,1,1,1,1,1,,4\r\n\
                    work,t,b,1,2.5,2.5,2.5,2.5,,4\r\n\
                    work,t,c,0,,,,,\"say \"\"a, b\"\"\",\r\n";
        assert_eq!(table(&report), want);
    }
}
