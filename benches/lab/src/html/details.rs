//! One piece of work: times with the counts beside them, and the hot loops.

use std::fmt::{self, Write as _};

use super::{class, escape, family, kind, ratio};
use crate::counts::COUNTS;
use crate::detail::{counted, load};
use crate::interleave::Series;
use crate::report::{Report, Task, interval, time};
use crate::stats::Spread;

pub(super) fn details(report: &Report, task: &Task, open: bool, out: &mut String) -> fmt::Result {
    let open = if open { " open=\"open\"" } else { "" };
    writeln!(
        out,
        "<details class=\"task\"{open}><summary><b>{}</b> <span>{}</span></summary>",
        escape(&task.name),
        escape(&summary(task))
    )?;
    if !task.about.is_empty() {
        writeln!(out, "<p class=\"note\">{}</p>", escape(&task.about))?;
    }
    table(report, task, out)?;
    loops(report, task, out)?;
    writeln!(out, "</details>")
}

/// The fastest, in a line, if that is no chance.
fn summary(task: &Task) -> String {
    if task.series.iter().all(|series| series.samples.is_empty()) {
        return "nobody could be measured".to_owned();
    }
    let fastest = task
        .fastest()
        .and_then(|name| Some((name, task.ratio(name)?)));
    fastest.map_or_else(
        || "no single one is the fastest".to_owned(),
        |(name, r)| format!("fastest: {name}, {}", ratio(r.median)),
    )
}

fn table(report: &Report, task: &Task, out: &mut String) -> fmt::Result {
    let counted = counted(task);
    let base = task.series.first().map_or("", |s| s.contestant.as_str());
    writeln!(
        out,
        "<div class=\"scroll\"><table class=\"counts\"><thead><tr><th scope=\"col\">variant</th>\
         <th scope=\"col\">× {}</th><th scope=\"col\" title=\"where the ratio is with a \
         confidence of 95 %, by bootstrap over the rounds\">95 %</th><th scope=\"col\">one unit</th>\
         <th scope=\"col\" title=\"mapping, resolving, relocating, initialising\">load</th>",
        escape(base)
    )?;
    for (name, title) in &counted {
        let about = COUNTS.iter().find(|(n, ..)| n == name);
        writeln!(
            out,
            "<th scope=\"col\" title=\"{}\">{}</th>",
            escape(about.map_or("", |(.., text)| text)),
            escape(title)
        )?;
    }
    for name in task.counters() {
        writeln!(
            out,
            "<th scope=\"col\" title=\"by the processor's counter, in a unit of work\">{}/unit</th>",
            escape(name)
        )?;
    }
    writeln!(out, "</tr></thead><tbody>")?;
    let mut last = None;
    let loops = alike(task);
    for series in &task.series {
        let of = family(report, &series.contestant);
        let first = last.is_some_and(|last| last != of);
        last = Some(of);
        let own = |hot: &HotLoop<'_>| hot.contestants.contains(&series.contestant.as_str());
        let hot_loop = loops.iter().position(own).map(|at| loop_id(task, at));
        row(report, task, series, &counted, (first, hot_loop), out)?;
    }
    writeln!(out, "</tbody></table></div>")?;
    let most = task.series.iter().map(|s| s.part).max().unwrap_or(1);
    if most > 1 {
        writeln!(
            out,
            "<p class=\"note\">* so slow that it did a part of the work; its time is multiplied.</p>"
        )?;
    }
    Ok(())
}

fn row(
    report: &Report,
    task: &Task,
    series: &Series,
    counted: &[(&str, &str)],
    (first, hot_loop): (bool, Option<String>),
    out: &mut String,
) -> fmt::Result {
    let name = &series.contestant;
    let row = if first {
        "<tr class=\"family\">"
    } else {
        "<tr>"
    };
    let star = if series.part > 1 { " *" } else { "" };
    writeln!(
        out,
        "{row}<th scope=\"row\"><span class=\"chip k-{}\"></span>{}{star}</th>",
        class(kind(report, name)),
        escape(name)
    )?;
    if let Some(error) = &series.error {
        let columns = 4 + counted.len() + task.counters().len();
        return writeln!(
            out,
            "<td class=\"error\" colspan=\"{columns}\">{}</td></tr>",
            escape(error)
        );
    }
    let estimate = task.estimate(name);
    let unit = Spread::of(&series.samples).map(|s| time(s.median / f64::from(task.n)));
    let none = || "–".to_owned();
    write!(
        out,
        "<td class=\"ratio\">{}</td><td class=\"spread\">{}</td><td>{}</td><td>{}</td>",
        estimate.map_or_else(none, |s| ratio(s.value)),
        estimate.map_or_else(none, interval),
        unit.unwrap_or_else(none),
        load(series).unwrap_or_else(none)
    )?;
    for (name, _) in counted {
        let count = series.counts.get(*name);
        let count = count.map_or_else(none, |count| format!("{count}"));
        match &hot_loop {
            Some(id) if *name == "instructions" => {
                write!(out, "<td><a href=\"#{}\">{count}</a></td>", escape(id))?;
            }
            _ => write!(out, "<td>{count}</td>")?,
        }
    }
    for counter in task.counters() {
        write!(out, "<td>{}</td>", task.counter_cell(name, counter))?;
    }
    writeln!(out, "</tr>")
}

/// A hot loop, and those who have it.
struct HotLoop<'t> {
    text: String,
    instructions: usize,
    contestants: Vec<&'t str>,
}

/// The hot loops, those alike together.
fn alike(task: &Task) -> Vec<HotLoop<'_>> {
    let mut alike: Vec<HotLoop<'_>> = Vec::new();
    for series in &task.series {
        let Some(listing) = &series.listing else {
            continue;
        };
        let text = listing.text();
        match alike.iter_mut().find(|known| known.text == text) {
            Some(known) => known.contestants.push(&series.contestant),
            None => alike.push(HotLoop {
                text,
                instructions: listing.instructions,
                contestants: vec![&series.contestant],
            }),
        }
    }
    alike
}

/// What the table links to.
fn loop_id(task: &Task, number: usize) -> String {
    format!("loop-{}-{number}", task.name.replace(' ', "-"))
}

fn loops(report: &Report, task: &Task, out: &mut String) -> fmt::Result {
    let alike = alike(task);
    if alike.is_empty() {
        return Ok(());
    }
    writeln!(
        out,
        "<details class=\"loops\"><summary>the hot loops, with what they call</summary><div>"
    )?;
    for (number, hot) in alike.iter().enumerate() {
        let id = loop_id(task, number);
        write!(out, "<figure id=\"{}\"><figcaption>", escape(&id))?;
        for name in &hot.contestants {
            let (kind, name) = (class(kind(report, name)), escape(name));
            write!(
                out,
                "<span><span class=\"chip k-{kind}\"></span>{name}</span>"
            )?;
        }
        writeln!(
            out,
            "<em>{} instructions</em></figcaption><pre>{}</pre></figure>",
            hot.instructions,
            escape(hot.text.trim_end())
        )?;
    }
    writeln!(out, "</div></details>")
}
