//! The figures: a row for each contestant, a column for each piece of work, in
//! each place a dot with its spread on a logarithmic axis of ratios.

use std::fmt::{self, Write as _};

use super::{about, class, escape, family, kind, ratio};
use crate::report::{Report, Task, interval, time};
use crate::stats::{Spread, geometric_mean};

/// Width of a figure.
const WIDTH: f64 = 1180.0;
/// Width of the names.
const NAMES: f64 = 118.0;
/// Columns side by side, at most.
const COLUMNS: usize = 5;
/// Width of a column, at most.
const WIDEST: f64 = 560.0;
/// Room of a column for its numbers, and between columns.
const NUMBERS: f64 = 42.0;
const GAP: f64 = 14.0;
/// Height of a row, and of the gap between families.
const ROW: f64 = 19.0;
const FAMILY: f64 = 8.0;
/// Height of the heads of the columns, and of the axis.
const HEAD: f64 = 42.0;
const AXIS: f64 = 26.0;

/// Places for ticks.
const TICKS: [f64; 16] = [
    0.1, 0.15, 0.2, 0.3, 0.5, 0.7, 0.8, 1.0, 1.25, 1.5, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0,
];

/// The figures of a group: the mean of all first, if there are several.
pub(super) fn figures(report: &Report, group: &str, out: &mut String) -> fmt::Result {
    let tasks: Vec<&Task> = report.group(group).collect();
    let rows = Rows::new(report, group);
    let mut columns: Vec<Column<'_>> = tasks.iter().map(|task| Column::Task(task)).collect();
    if tasks.len() > 1 {
        columns.insert(0, Column::Mean(&tasks));
    }
    let axis = Axis::of(&tasks);
    // Side by side as many as fit, and in every figure about as many.
    let side_by_side = columns
        .len()
        .div_ceil(columns.len().div_ceil(COLUMNS).max(1));
    let wide = ((WIDTH - NAMES) / side_by_side.max(1) as f64).min(WIDEST);
    for part in columns.chunks(side_by_side.max(1)) {
        figure(report, &rows, &axis, part, wide, out)?;
    }
    Ok(())
}

/// The contestants and where their rows are.
struct Rows<'r> {
    names: Vec<(&'r str, f64)>,
    height: f64,
}

impl<'r> Rows<'r> {
    fn new(report: &'r Report, group: &'r str) -> Self {
        let mut names = Vec::new();
        let mut y = HEAD;
        let mut last = None;
        let mut contestants = report.contestants(group);
        // Not every contestant takes part in the first piece of work.
        let place = |name: &&str| report.variants.iter().position(|v| v.name == *name);
        contestants.sort_by_key(place);
        for name in contestants {
            let of = family(report, name);
            if last.is_some_and(|last| last != of) {
                y += FAMILY;
            }
            last = Some(of);
            names.push((name, y));
            y += ROW;
        }
        Self { names, height: y }
    }
}

enum Column<'r> {
    /// Geometric means over these.
    Mean(&'r [&'r Task]),
    Task(&'r Task),
}

impl Column<'_> {
    fn spread(&self, contestant: &str) -> Option<Spread> {
        match self {
            Self::Task(task) => task.ratio(contestant),
            Self::Mean(tasks) => {
                let medians: Option<Vec<f64>> = tasks
                    .iter()
                    .map(|task| Some(task.ratio(contestant)?.median))
                    .collect();
                let mean = geometric_mean(&medians?)?;
                Spread::of(&[mean])
            }
        }
    }

    /// Who is faster than all others, if that is no chance.
    fn fastest(&self) -> Option<&str> {
        match self {
            Self::Mean(_) => None,
            Self::Task(task) => task.fastest(),
        }
    }

    fn head(&self) -> (&str, String) {
        match self {
            Self::Mean(tasks) => ("mean", format!("geometric, of {}", tasks.len())),
            Self::Task(task) => {
                let first = task.series.first();
                let unit = first.and_then(|s| Spread::of(&s.samples));
                let unit = unit.map(|s| time(s.median / f64::from(task.n)));
                let base = first.map_or("", |s| s.contestant.as_str());
                let text = unit.map_or_else(String::new, |unit| format!("{base}: {unit}"));
                (&task.name, text)
            }
        }
    }

    /// What is known of one contestant, for whoever points at it.
    fn title(&self, contestant: &str, spread: &Spread) -> String {
        let Self::Task(task) = self else {
            return format!("{contestant}: {:.3}, the geometric mean", spread.median);
        };
        let sure = task.estimate(contestant).map(interval);
        let sure = sure.map_or_else(String::new, |sure| format!(", 95 % within {sure}"));
        let mut text = format!(
            "{contestant}, {}: {:.3}{sure} (half of the rounds {:.3} to {:.3}, all {:.3} to {:.3})",
            task.name,
            spread.median,
            spread.quarter,
            spread.three_quarters,
            spread.low,
            spread.high
        );
        let series = task.series(contestant);
        if let Some(unit) = series.and_then(|s| Spread::of(&s.samples)) {
            let _ = write!(text, "\n{} a unit", time(unit.median / f64::from(task.n)));
        }
        for (name, count) in series.into_iter().flat_map(|s| &s.counts) {
            let _ = write!(text, "\n{}: {count}", name.replace('_', " "));
        }
        text
    }
}

/// A logarithmic axis.
struct Axis {
    low: f64,
    high: f64,
}

impl Axis {
    /// For all of a group, so that columns can be compared. What is far beyond
    /// most of the others is past the end.
    fn of(tasks: &[&Task]) -> Self {
        let ratios = |task: &&Task| {
            let names = task.series.iter().map(|s| s.contestant.clone());
            let task: &Task = task;
            names
                .filter_map(|name| task.ratio(&name))
                .collect::<Vec<_>>()
        };
        let all: Vec<Spread> = tasks.iter().flat_map(ratios).collect();
        let mut medians: Vec<f64> = all.iter().map(|s| s.median).collect();
        medians.sort_by(f64::total_cmp);
        let most = medians.len().saturating_sub(1) * 9 / 10;
        let high = medians.get(most).copied().unwrap_or(1.0) * 1.08;
        let low = all.iter().map(|s| s.quarter).fold(1.0, f64::min);
        let fits_low = TICKS.iter().rev().find(|&&t| t <= low * 0.97);
        let fits_high = TICKS.iter().find(|&&t| t >= high && t > 1.0);
        Self {
            low: fits_low.copied().unwrap_or(TICKS[0]).min(0.8),
            high: fits_high.copied().unwrap_or(8.0).max(1.5),
        }
    }

    /// The place of a ratio, 0 to 1; beyond, for what is off the axis.
    fn place(&self, ratio: f64) -> f64 {
        (ratio / self.low).ln() / (self.high / self.low).ln()
    }

    /// Ticks with labels that do not run into each other; 1 is always one.
    fn ticks(&self, width: f64) -> Vec<f64> {
        const APART: f64 = 27.0;
        let inside = TICKS
            .iter()
            .copied()
            .filter(|t| (self.low..=self.high).contains(t));
        let mut chosen = vec![1.0];
        for tick in inside {
            let free = |other: &f64| (self.place(*other) - self.place(tick)).abs() * width >= APART;
            if chosen.iter().all(free) {
                chosen.push(tick);
            }
        }
        chosen
    }
}

fn figure(
    report: &Report,
    rows: &Rows<'_>,
    axis: &Axis,
    columns: &[Column<'_>],
    wide: f64,
    out: &mut String,
) -> fmt::Result {
    let width = NAMES + wide * columns.len() as f64;
    let height = rows.height + AXIS;
    // Narrower, its numbers could not be read: it is scrolled then.
    let least = width * 0.85;
    writeln!(
        out,
        "<div class=\"scroll\"><svg viewBox=\"0 0 {width:.0} {height:.0}\" \
         style=\"min-width:{least:.0}px;max-width:{width:.0}px\" role=\"img\" \
         aria-label=\"Ratios of times, a row for each variant\">"
    )?;
    names(report, rows, width, out)?;
    for (i, column) in columns.iter().enumerate() {
        let x = NAMES + wide * i as f64;
        writeln!(out, "<g transform=\"translate({x:.1} 0)\">")?;
        let plot = wide - NUMBERS - GAP;
        frame(column, rows, axis, plot, out)?;
        let fastest = column.fastest();
        for &(name, y) in &rows.names {
            match column.spread(name) {
                Some(spread) => {
                    let mark = Mark {
                        spread,
                        is_best: fastest == Some(name),
                        axis,
                        plot,
                        y: y + ROW / 2.0,
                    };
                    let title = column.title(name, &spread);
                    mark.draw(kind(report, name), family(report, name), &title, out)?;
                }
                None => writeln!(
                    out,
                    "<text class=\"none\" x=\"{:.1}\" y=\"{:.1}\">–</text>",
                    plot + NUMBERS - 4.0,
                    y + ROW / 2.0 + 4.0
                )?,
            }
        }
        writeln!(out, "</g>")?;
    }
    writeln!(out, "</svg></div>")
}

/// The rows' names, on bands that lead the eye.
fn names(report: &Report, rows: &Rows<'_>, width: f64, out: &mut String) -> fmt::Result {
    for (i, &(name, y)) in rows.names.iter().enumerate() {
        let band = if i % 2 == 0 { "band" } else { "band odd" };
        writeln!(
            out,
            "<g class=\"row\"><title>{}: {}</title>\
             <rect class=\"{band}\" x=\"0\" y=\"{y:.1}\" width=\"{width:.0}\" height=\"{ROW}\"/>\
             <text class=\"name\" x=\"{:.0}\" y=\"{:.1}\">{}</text></g>",
            escape(name),
            escape(about(report, name)),
            NAMES - 12.0,
            y + ROW / 2.0 + 4.0,
            escape(name)
        )?;
    }
    Ok(())
}

/// A column's head, its lines and its axis.
fn frame(
    column: &Column<'_>,
    rows: &Rows<'_>,
    axis: &Axis,
    plot: f64,
    out: &mut String,
) -> fmt::Result {
    let (name, unit) = column.head();
    writeln!(
        out,
        "<text class=\"head\" x=\"0\" y=\"16\">{}</text><text class=\"unit\" x=\"0\" y=\"31\">{}</text>",
        escape(name),
        escape(&unit)
    )?;
    for tick in axis.ticks(plot) {
        let x = axis.place(tick) * plot;
        let class = if tick == 1.0 { "grid one" } else { "grid" };
        writeln!(
            out,
            "<line class=\"{class}\" x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{HEAD}\" y2=\"{0:.1}\"/>\
             <text class=\"tick\" x=\"{x:.1}\" y=\"{1:.1}\">{tick}</text>",
            rows.height,
            rows.height + 15.0
        )?;
    }
    Ok(())
}

/// A dot with its spread.
struct Mark<'a> {
    spread: Spread,
    is_best: bool,
    axis: &'a Axis,
    plot: f64,
    y: f64,
}

impl Mark<'_> {
    fn x(&self, ratio: f64) -> f64 {
        self.axis.place(ratio).clamp(0.0, 1.0) * self.plot
    }

    fn draw(&self, kind: &str, family: &str, title: &str, out: &mut String) -> fmt::Result {
        let (y, s) = (self.y, &self.spread);
        writeln!(
            out,
            "<g class=\"mark k-{}\"><title>{}</title>",
            class(kind),
            escape(title)
        )?;
        // Something larger than the dot to point at.
        writeln!(
            out,
            "<rect class=\"hit\" x=\"-4\" y=\"{:.1}\" width=\"{:.1}\" height=\"{ROW}\"/>",
            y - ROW / 2.0,
            self.plot + NUMBERS
        )?;
        if self.axis.place(s.median) > 1.0 {
            let x = self.plot;
            writeln!(
                out,
                "<path class=\"beyond\" d=\"M{0:.1} {1:.1}L{2:.1} {y:.1}L{0:.1} {3:.1}\"/>",
                x - 5.0,
                y - 4.0,
                x,
                y + 4.0
            )?;
        } else {
            let line = |class: &str, from: f64, to: f64| {
                format!(
                    "<line class=\"{class}\" x1=\"{:.1}\" x2=\"{:.1}\" y1=\"{y:.1}\" y2=\"{y:.1}\"/>",
                    self.x(from),
                    self.x(to)
                )
            };
            out.push_str(&line("all", s.low, s.high));
            out.push_str(&line("half", s.quarter, s.three_quarters));
            writeln!(out, "{}", dot(family, self.x(s.median), y))?;
        }
        writeln!(
            out,
            "<text class=\"value{}\" x=\"{:.1}\" y=\"{:.1}\">{}</text></g>",
            if self.is_best { " best" } else { "" },
            self.plot + NUMBERS - 4.0,
            y + 4.0,
            ratio(s.median)
        )
    }
}

/// The shape of a family: how main is linked shows without its colour.
pub(super) fn dot(family: &str, x: f64, y: f64) -> String {
    let path = |points: &[(f64, f64)]| {
        let mut d = String::new();
        for (i, (dx, dy)) in points.iter().enumerate() {
            let step = if i == 0 { 'M' } else { 'L' };
            let _ = write!(d, "{step}{:.1} {:.1}", x + dx, y + dy);
        }
        format!("<path class=\"dot\" d=\"{d}Z\"/>")
    };
    match family {
        "native" => path(&[(-4.6, 3.8), (0.0, -4.6), (4.6, 3.8)]),
        "fixed" => path(&[(-3.8, -3.8), (3.8, -3.8), (3.8, 3.8), (-3.8, 3.8)]),
        "fixedgot" | "symbolic" => path(&[(-5.2, 0.0), (0.0, -5.2), (5.2, 0.0), (0.0, 5.2)]),
        _ => format!("<circle class=\"dot\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"4.2\"/>"),
    }
}
