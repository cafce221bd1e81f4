//! A report as one SVG: a panel for the mean of each group, then one for each
//! task; in each a bar for every contestant, from the baseline's time to its
//! own, on a logarithmic scale. To the left is faster.

use std::fmt::Write as _;

use crate::report::{Report, Task, time};
use crate::stats::Spread;

const COLUMNS: usize = 3;
const WIDTH: f64 = 380.0;
const GAP: f64 = 24.0;
const LABEL: f64 = 138.0;
const VALUE: f64 = 34.0;
const LANE: f64 = 14.0;
const HEAD: f64 = 30.0;
const FOOT: f64 = 20.0;

/// Colours of families of contestants: a name up to its first dash or space.
const PALETTE: &[&str] = &[
    "#8a8f98", "#b0763f", "#2f6fde", "#e0532f", "#2a9d6f", "#c9a227", "#8a4fc7", "#d1477a",
];

const STYLE: &str = "\
svg { font-family: system-ui, sans-serif; background: #fff; }
text { font-size: 10.5px; fill: #24292f; }
.title { font-size: 13px; font-weight: 600; }
.head { font-size: 18px; font-weight: 600; }
.quiet { fill: #6e7781; }
.panel { fill: #f6f8fa; }
.grid { stroke: #d8dee4; }
.one { stroke: #57606a; stroke-dasharray: 3 2; }
.range { stroke: #24292f; stroke-width: 1.2; }
@media (prefers-color-scheme: dark) {
  svg { background: #0d1117; } text { fill: #e6edf3; } .quiet { fill: #8d96a0; }
  .panel { fill: #161b22; } .grid { stroke: #30363d; } .one { stroke: #8d96a0; }
  .range { stroke: #e6edf3; }
}";

/// A bar: a contestant and its ratio, with where the middle half of the rounds lies.
struct Bar<'a> {
    contestant: &'a str,
    ratio: f64,
    quarters: Option<(f64, f64)>,
}

struct Panel<'a> {
    title: String,
    note: String,
    bars: Vec<Bar<'a>>,
}

/// Draws a report.
pub fn svg(report: &Report) -> String {
    let groups: Vec<Vec<Panel<'_>>> = report
        .groups()
        .into_iter()
        .map(|group| {
            let mean = mean(report, group).into_iter();
            mean.chain(report.group(group).map(panel)).collect()
        })
        .collect();
    let panels = || groups.iter().flatten();
    let lanes = panels().map(|panel| panel.bars.len()).max().unwrap_or(0);
    let sheet = Sheet {
        scale: Scale::of(panels()),
        families: families(panels()),
        height: HEAD + LANE * lanes as f64 + FOOT,
    };
    let mut body = String::new();
    text(&mut body, (GAP, 30.0), "head", "start", &report.title);
    let legend = "time as a ratio to the first contestant; median of rounds, line: middle half";
    text(&mut body, (GAP, 49.0), "quiet", "start", legend);
    let mut top = 64.0;
    for group in &groups {
        // A group begins a row.
        for row in group.chunks(COLUMNS) {
            for (column, panel) in row.iter().enumerate() {
                let left = GAP + column as f64 * (WIDTH + GAP);
                sheet.draw(&mut body, panel, (left, top));
            }
            top += sheet.height + GAP;
        }
    }
    for (name, setting) in &report.setting {
        let setting = format!("{name}: {setting}");
        text(&mut body, (GAP, top), "quiet", "start", &setting);
        top += 15.0;
    }
    let width = GAP + COLUMNS as f64 * (WIDTH + GAP);
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width:.0}\" height=\"{top:.0}\" \
         viewBox=\"0 0 {width:.0} {top:.0}\">\n<style>\n{STYLE}\n</style>\n{body}</svg>\n"
    )
}

fn mean<'a>(report: &'a Report, group: &'a str) -> Option<Panel<'a>> {
    let bar = |contestant| {
        Some(Bar {
            contestant,
            ratio: report.mean(group, contestant)?.value,
            quarters: None,
        })
    };
    let bars: Vec<Bar<'_>> = report
        .contestants(group)
        .into_iter()
        .filter_map(bar)
        .collect();
    let tasks = report.group(group).count();
    (tasks > 1).then(|| Panel {
        title: format!("{group}: geometric mean"),
        note: format!("of {tasks}"),
        bars,
    })
}

fn panel(task: &Task) -> Panel<'_> {
    let bars = task.series.iter().filter_map(|series| {
        let ratio = task.ratio(&series.contestant)?;
        Some(Bar {
            contestant: &series.contestant,
            ratio: ratio.median,
            quarters: Some((ratio.quarter, ratio.three_quarters)),
        })
    });
    let base = task
        .series
        .first()
        .and_then(|series| Spread::of(&series.samples));
    Panel {
        title: task.name.clone(),
        note: base.map_or_else(String::new, |base| {
            format!("1 = {}", time(base.median / f64::from(task.n)))
        }),
        bars: bars.collect(),
    }
}

/// Ratios to places, logarithmic, the same for all panels.
struct Scale {
    low: f64,
    high: f64,
}

impl Scale {
    fn of<'a>(panels: impl Iterator<Item = &'a Panel<'a>>) -> Self {
        let ratios: Vec<f64> = panels.flat_map(|p| &p.bars).map(|b| b.ratio).collect();
        Self {
            low: ratios.iter().copied().fold(0.8, f64::min) / 1.05,
            high: ratios.iter().copied().fold(1.5, f64::max) * 1.05,
        }
    }

    fn x(&self, ratio: f64) -> f64 {
        let place = (ratio / self.low).ln() / (self.high / self.low).ln();
        LABEL + place.clamp(0.0, 1.0) * (WIDTH - LABEL - VALUE)
    }

    fn ticks(&self) -> impl Iterator<Item = f64> {
        let steps = [0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0];
        let fine = [0.75, 1.5];
        let narrow = self.high / self.low < 8.0;
        let (low, high) = (self.low, self.high);
        steps
            .into_iter()
            .chain(fine.into_iter().filter(move |_| narrow))
            .filter(move |tick| (low..=high).contains(tick))
    }
}

/// What all panels have in common.
struct Sheet<'a> {
    scale: Scale,
    families: Vec<&'a str>,
    height: f64,
}

impl Sheet<'_> {
    fn draw(&self, out: &mut String, panel: &Panel<'_>, (left, top): (f64, f64)) {
        let _ = writeln!(out, "<g transform=\"translate({left:.1} {top:.1})\">");
        let _ = writeln!(
            out,
            "<rect class=\"panel\" x=\"-8\" y=\"0\" width=\"{:.0}\" height=\"{:.0}\" rx=\"6\"/>",
            WIDTH + 16.0,
            self.height
        );
        text(out, (0.0, 19.0), "title", "start", &panel.title);
        text(out, (WIDTH, 19.0), "quiet", "end", &panel.note);
        let bottom = HEAD + LANE * panel.bars.len() as f64;
        for tick in self.scale.ticks() {
            let x = self.scale.x(tick);
            let class = if tick == 1.0 { "one" } else { "grid" };
            line(out, (x, HEAD - 4.0), (x, bottom), class);
            text(
                out,
                (x, bottom + 13.0),
                "quiet",
                "middle",
                &tick.to_string(),
            );
        }
        for (lane, bar) in panel.bars.iter().enumerate() {
            self.bar(out, bar, HEAD + LANE * lane as f64);
        }
        out.push_str("</g>\n");
    }

    fn bar(&self, out: &mut String, bar: &Bar<'_>, y: f64) {
        let (one, x) = (self.scale.x(1.0), self.scale.x(bar.ratio));
        let middle = y + LANE / 2.0;
        let family = family(bar.contestant);
        let color = self.families.iter().position(|f| *f == family);
        let color = PALETTE[color.unwrap_or(0) % PALETTE.len()];
        text(out, (LABEL - 8.0, middle + 3.5), "", "end", bar.contestant);
        let _ = writeln!(
            out,
            "<rect x=\"{:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"{:.1}\" rx=\"1.5\" fill=\"{color}\"/>",
            one.min(x),
            y + 2.5,
            (x - one).abs().max(1.0),
            LANE - 5.0
        );
        let mut end = x.max(one);
        if let Some((low, high)) = bar.quarters {
            let (low, high) = (self.scale.x(low), self.scale.x(high));
            line(out, (low, middle), (high, middle), "range");
            end = end.max(high);
        }
        let value = format!("{:.2}", bar.ratio);
        text(out, (end + 5.0, middle + 3.5), "", "start", &value);
    }
}

fn line(out: &mut String, from: (f64, f64), to: (f64, f64), class: &str) {
    let _ = writeln!(
        out,
        "<line class=\"{class}\" x1=\"{:.1}\" y1=\"{:.1}\" x2=\"{:.1}\" y2=\"{:.1}\"/>",
        from.0, from.1, to.0, to.1
    );
}

fn text(out: &mut String, (x, y): (f64, f64), class: &str, anchor: &str, text: &str) {
    let text = text.replace('&', "&amp;").replace('<', "&lt;");
    let _ = writeln!(
        out,
        "<text class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\">{text}</text>"
    );
}

fn family(contestant: &str) -> &str {
    contestant.split(['-', ' ']).next().unwrap_or(contestant)
}

fn families<'a>(panels: impl Iterator<Item = &'a Panel<'a>>) -> Vec<&'a str> {
    let mut found = Vec::new();
    for bar in panels.flat_map(|panel| &panel.bars) {
        if !found.contains(&family(bar.contestant)) {
            found.push(family(bar.contestant));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::interleave::Series;

    fn report() -> Report {
        let series = |contestant: &str, samples: &[f64]| Series {
            contestant: contestant.to_owned(),
            samples: samples.to_vec(),
            ..Series::default()
        };
        let task = |name: &str| Task {
            name: name.to_owned(),
            about: String::new(),
            group: "work".to_owned(),
            n: 10,
            series: vec![
                series("native", &[10.0, 11.0]),
                series("a<b & c", &[20.0, 22.0]),
            ],
        };
        Report {
            title: "kernels".to_owned(),
            tasks: vec![task("one"), task("two")],
            ..Report::default()
        }
    }

    #[test]
    fn every_bar_is_drawn_and_names_are_escaped() {
        let svg = svg(&report());
        // A mean and two tasks, each with two contestants, and the panel itself.
        assert_eq!(svg.matches("<rect").count(), 3 * (2 + 1));
        assert_eq!(svg.matches("a&lt;b &amp; c</text>").count(), 3);
        assert_eq!(svg.matches(">2.00</text>").count(), 3);
        assert_eq!(svg.matches("<g ").count(), svg.matches("</g>").count());
    }

    #[test]
    fn nothing_to_draw_is_a_picture_too() {
        assert!(svg(&Report::default()).ends_with("</svg>\n"));
    }

    #[test]
    fn the_scale_shows_all() {
        let scale = Scale {
            low: 0.5,
            high: 4.0,
        };
        assert!(scale.x(0.5) < scale.x(1.0) && scale.x(1.0) < scale.x(4.0));
        assert_eq!(scale.x(9.0), scale.x(4.0));
        assert!(scale.ticks().any(|tick| tick == 1.0));
    }
}
