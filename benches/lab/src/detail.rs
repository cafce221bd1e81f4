//! The table of one task: times, and counts beside them.

use std::fmt::Write as _;

use crate::counts::COUNTS;
use crate::interleave::Series;
use crate::program::LOAD;
use crate::report::{Report, Task, interval, time};
use crate::stats::Spread;

/// The counts that some contestant of a task has: names and titles.
pub(crate) fn counted(task: &Task) -> Vec<(&'static str, &'static str)> {
    let known = COUNTS.iter().map(|&(name, title, _)| (name, title));
    let has = |name: &str| task.series.iter().any(|s| s.counts.contains_key(name));
    known.filter(|(name, _)| has(name)).collect()
}

/// Tasks of which everything is printed; of more, ratios alone.
const IN_DETAIL: usize = 4;

/// The tables of a report: ratios of all tasks, then each task by itself, if
/// they are few.
pub fn tables(report: &Report) -> String {
    let mut out = match report.tasks.len() {
        1 => report.settings(),
        _ => report.table(),
    };
    if report.tasks.len() <= IN_DETAIL {
        for task in &report.tasks {
            let _ = write!(out, "\n{}", detail(task));
        }
    }
    if report.tasks.len() == 1 {
        report.ends(&mut out);
    }
    out
}

/// A row for each contestant: the median of its ratios to the first, between what it
/// is with 95 % confidence, the time of a unit, the counts.
fn detail(task: &Task) -> String {
    let counted = counted(task);
    let base = task.series.first().map_or("", |s| s.contestant.as_str());
    let mut rows = vec![vec![
        task.name.clone(),
        format!("× {base}"),
        "95 %".to_owned(),
        "one unit".to_owned(),
        "load".to_owned(),
    ]];
    rows[0].extend(counted.iter().map(|(_, title)| (*title).to_owned()));
    let counters = task.counters();
    rows[0].extend(counters.iter().map(|name| format!("{name}/unit")));
    for series in &task.series {
        let mut cells = row(task, series, &counted);
        let by_counters = counters.iter();
        cells.extend(by_counters.map(|name| task.counter_cell(&series.contestant, name)));
        rows.push(cells);
    }
    aligned(&rows)
}

/// The time that loading took.
pub(crate) fn load(series: &Series) -> Option<String> {
    let spread = Spread::of(series.extra.get(LOAD)?)?;
    Some(time(spread.median))
}

fn row(task: &Task, series: &Series, counted: &[(&str, &str)]) -> Vec<String> {
    let none = || "–".to_owned();
    let ratio = task.estimate(&series.contestant);
    let unit = Spread::of(&series.samples).map(|s| time(s.median / f64::from(task.n)));
    let mut cells = vec![
        series.contestant.clone(),
        ratio.map_or_else(none, |r| format!("{:.2}", r.value)),
        ratio.map_or_else(none, interval),
        unit.unwrap_or_else(none),
        load(series).unwrap_or_else(none),
    ];
    cells.extend(counted.iter().map(|(name, _)| {
        let count = series.counts.get(*name);
        count.map_or_else(none, |count| format!("{count}"))
    }));
    cells
}

/// The first column to the left, the others to the right.
pub(crate) fn aligned(rows: &[Vec<String>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let mut out = String::new();
    for row in rows {
        for (i, (cell, &width)) in row.iter().zip(&widths).enumerate() {
            let _ = match i {
                0 => write!(out, "{cell:width$}"),
                _ => write!(out, "  {cell:>width$}"),
            };
        }
        out.push('\n');
    }
    out
}
