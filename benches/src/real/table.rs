//! The table of many kernels: a row for each.

use std::fmt::Write as _;

use wasmaot_lab::report::{Report, time};
use wasmaot_lab::stats::Spread;

/// A row for each kernel, a column for each contestant: medians of the ratios to the first,
/// and its time for one unit of work; geometric means of what all have, with an interval.
pub fn by_kernel(report: &Report) -> String {
    let mut out = String::new();
    for (name, text) in &report.setting {
        let _ = writeln!(out, "{name}: {text}");
    }
    for group in report.groups() {
        let contestants = report.contestants(group);
        let wide = |name: &str| name.len().max(11);
        let _ = write!(out, "\n{group:14} {:>9}", "one unit");
        for name in &contestants {
            let _ = write!(out, " {name:>wide$}", wide = wide(name));
        }
        out.push('\n');
        for task in report.group(group) {
            let base = task.series.first().map_or(&[][..], |s| &s.samples);
            let unit = Spread::of(base).map(|s| time(s.median / f64::from(task.n)));
            let _ = write!(out, "{:14} {:>9}", task.name, unit.unwrap_or_default());
            for name in &contestants {
                let ratio = task.ratio(name);
                let cell = ratio.map_or_else(|| "–".to_owned(), |r| format!("{:.2}", r.median));
                let _ = write!(out, " {cell:>wide$}", wide = wide(name));
            }
            out.push('\n');
        }
        for (line, part) in [("mean", 0), ("95 %", 1)] {
            let _ = write!(out, "{line:14} {:>9}", "");
            for name in &contestants {
                let cell = match (report.mean(group, name), part) {
                    (None, _) => "–".to_owned(),
                    (Some(mean), 0) => format!("{:.3}", mean.value),
                    (Some(mean), _) => format!("{:.3}–{:.3}", mean.low, mean.high),
                };
                let _ = write!(out, " {cell:>wide$}", wide = wide(name));
            }
            out.push('\n');
        }
    }
    for (name, why) in &report.absent {
        let _ = writeln!(out, "absent: {name}: {why}");
    }
    for (error, who) in report.failures() {
        let _ = writeln!(out, "failed: {}: {error}", who.join(", "));
    }
    out
}
