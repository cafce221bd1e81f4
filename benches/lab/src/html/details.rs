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
    for series in &task.series {
        let of = family(report, &series.contestant);
        let first = last.is_some_and(|last| last != of);
        last = Some(of);
        row(report, task, series, &counted, first, out)?;
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
    first: bool,
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
        write!(out, "<td>{count}</td>")?;
    }
    for counter in task.counters() {
        write!(out, "<td>{}</td>", task.counter_cell(name, counter))?;
    }
    writeln!(out, "</tr>")
}

/// The hot loops, those alike together.
fn loops(report: &Report, task: &Task, out: &mut String) -> fmt::Result {
    let mut alike: Vec<(String, usize, Vec<&str>)> = Vec::new();
    for series in &task.series {
        let Some(listing) = &series.listing else {
            continue;
        };
        let text = listing.text();
        match alike.iter_mut().find(|(known, ..)| *known == text) {
            Some((.., names)) => names.push(&series.contestant),
            None => alike.push((text, listing.instructions, vec![&series.contestant])),
        }
    }
    if alike.is_empty() {
        return Ok(());
    }
    writeln!(
        out,
        "<details class=\"loops\"><summary>the hot loops, with what they call</summary><div>"
    )?;
    for (text, instructions, names) in alike {
        write!(out, "<figure><figcaption>")?;
        for name in names {
            let (kind, name) = (class(kind(report, name)), escape(name));
            write!(
                out,
                "<span><span class=\"chip k-{kind}\"></span>{name}</span>"
            )?;
        }
        writeln!(
            out,
            "<em>{instructions} instructions</em></figcaption><pre>{}</pre></figure>",
            escape(text.trim_end())
        )?;
    }
    writeln!(out, "</div></details>")
}
