//! The report as one HTML file that needs nothing else: figures as inline SVG,
//! tables with the counts, the hot loops.

mod details;
mod figure;

use std::fmt::{self, Write as _};

use crate::costs::tables;
use crate::measure::{ABIS, DOMAINS, START};
use crate::report::{About, Report};

/// The file.
pub fn page(report: &Report) -> String {
    let mut out = String::new();
    // Writing to a string does not fail.
    let _ = write_page(report, &mut out);
    out
}

/// The figures, each a picture (SVG) by itself, in the colours for paper: names and
/// texts.
pub fn figures(report: &Report) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for group in report.groups() {
        let mut text = String::new();
        // Writing to a string does not fail.
        let _ = figure::figures(report, group, &mut text);
        let pictures = text.split("<svg ").skip(1);
        let pictures = pictures.filter_map(|rest| rest.split_once("</svg>"));
        for (number, (picture, _)) in (1..).zip(pictures) {
            let style = include_str!("style.css");
            let (head, rest) = picture.split_once('>').unwrap_or_default();
            let space = "xmlns=\"http://www.w3.org/2000/svg\"";
            found.push((
                format!("{group}-{number}.svg"),
                format!("<svg {space} {head}>\n<style>\n{style}</style>{rest}</svg>\n"),
            ));
        }
    }
    found
}

fn write_page(report: &Report, out: &mut String) -> fmt::Result {
    let title = match report.title.as_str() {
        "kernels" => "Calls and data across modules".to_owned(),
        ABIS => "What ABIs cost".to_owned(),
        program => format!("Calls and data across the modules of {program}"),
    };
    writeln!(
        out,
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\"/>\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>\n\
         <meta name=\"color-scheme\" content=\"light dark\"/>\n\
         <title>{0}</title>\n<style>\n{1}</style>\n</head>\n<body>\n<main>\n<h1>{0}</h1>",
        escape(&title),
        include_str!("style.css")
    )?;
    lead(report, out)?;
    legend(report, out)?;
    for group in report.groups() {
        let heading = match group {
            "micro" => "One thing at a time",
            "work" => "Work, split as programs are",
            START => "Whole processes",
            DOMAINS => "Messages between memories",
            _ => "Time",
        };
        writeln!(out, "<h2>{heading}</h2>")?;
        figure::figures(report, group, out)?;
    }
    if report.title == ABIS {
        costs(report, out)?;
    }
    let heading = match report.tasks.len() {
        1 => "Times and counts",
        _ => "Times and counts, one by one",
    };
    writeln!(out, "<h2>{heading}</h2>")?;
    for task in &report.tasks {
        details::details(report, task, report.tasks.len() <= 3, out)?;
    }
    variants(report, out)?;
    setting(report, out)?;
    writeln!(out, "</main>\n</body>\n</html>")
}

/// What ABIs cost beside time.
fn costs(report: &Report, out: &mut String) -> fmt::Result {
    writeln!(out, "<h2>Code, relocations, start, memory</h2>")?;
    for (title, table) in tables(report) {
        writeln!(
            out,
            "<h3>{}</h3>\n<div class=\"scroll\"><table class=\"counts\"><thead><tr>",
            escape(title)
        )?;
        for head in &table.heads {
            writeln!(out, "<th scope=\"col\">{}</th>", escape(head))?;
        }
        writeln!(out, "</tr></thead><tbody>")?;
        for row in &table.rows {
            let (name, cells) = row.split_first().map_or(("", &[][..]), |(n, c)| (n, c));
            write!(
                out,
                "<tr><th scope=\"row\"><span class=\"chip k-{}\"></span>{}</th>",
                class(kind(report, name)),
                escape(name)
            )?;
            for cell in cells {
                write!(out, "<td>{}</td>", escape(cell))?;
            }
            writeln!(out, "</tr>")?;
        }
        writeln!(out, "</tbody></table></div>")?;
    }
    Ok(())
}

/// How to read it.
fn lead(report: &Report, out: &mut String) -> fmt::Result {
    let base = report.tasks.first().and_then(|t| t.series.first());
    let base = base.map_or("", |s| s.contestant.as_str());
    let rounds = report.tasks.iter().flat_map(|t| &t.series);
    let rounds = rounds.map(|s| s.samples.len()).max().unwrap_or(0);
    writeln!(
        out,
        "<p class=\"lead\">Each row is one way to link the same program, each column one piece of \
         work. A dot is the median of {rounds} rounds of the time as a ratio to <b>{}</b>, the bar \
         around it half of the rounds, the thin line all of them, an arrow beyond the axis; further \
         left is faster; bold is faster than all others by more than chance (95 %). In each round everyone runs once, in turn, and all compute the same.</p>",
        escape(base)
    )?;
    for (name, why) in &report.absent {
        writeln!(
            out,
            "<p class=\"note\">Without <b>{}</b>: {}</p>",
            escape(name),
            escape(why)
        )?;
    }
    Ok(())
}

/// Colours are ways of calling, shapes ways of linking main.
const COLOURS: &[(&str, &str)] = &[
    ("native", "gcc"),
    ("inside", "within one module"),
    ("lazy", "PLT, lazy"),
    ("now", "PLT, now"),
    ("noplt", "GOT (-fno-plt)"),
    ("direct", "patched"),
    ("static", "prelinked, inlined"),
    ("table", "through the table"),
    ("host", "through the host"),
];
const SHAPES: &[(&str, &str)] = &[
    ("native", "a native program"),
    ("one", "one module, or main of any other kind"),
    ("fixed", "main at fixed addresses, copied data"),
    ("symbolic", "other data access"),
];

fn legend(report: &Report, out: &mut String) -> fmt::Result {
    writeln!(out, "<p class=\"legend\">")?;
    for (kind, text) in COLOURS {
        if report.variants.iter().any(|about| about.kind == *kind) {
            writeln!(
                out,
                "<span><span class=\"chip k-{kind}\"></span>{text}</span>"
            )?;
        }
    }
    let families: Vec<&str> = report
        .variants
        .iter()
        .map(|about| family(report, &about.name))
        .collect();
    for (shape, text) in SHAPES.iter().filter(|(shape, _)| families.contains(shape)) {
        writeln!(
            out,
            "<span><svg class=\"shape\" viewBox=\"0 0 12 12\">{}</svg>{text}</span>",
            figure::dot(shape, 6.0, 6.0)
        )?;
    }
    writeln!(out, "</p>")
}

/// What the names stand for.
fn variants(report: &Report, out: &mut String) -> fmt::Result {
    if report.variants.is_empty() {
        return Ok(());
    }
    writeln!(out, "<h2>The variants</h2>\n<table class=\"variants\">")?;
    for About { name, kind, text } in &report.variants {
        writeln!(
            out,
            "<tr><th scope=\"row\"><span class=\"chip k-{}\"></span>{}</th><td>{}</td></tr>",
            class(kind),
            escape(name),
            escape(text)
        )?;
    }
    writeln!(out, "</table>")
}

/// Where and how it was measured.
fn setting(report: &Report, out: &mut String) -> fmt::Result {
    writeln!(out, "<h2>The setting</h2>\n<dl>")?;
    for (name, text) in &report.setting {
        writeln!(out, "<dt>{}</dt><dd>{}</dd>", escape(name), escape(text))?;
    }
    writeln!(out, "</dl>")
}

/// Text for HTML and SVG, attributes too.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            // Not in XML at all.
            c if c.is_control() && c != '\n' && c != '\t' => out.push('�'),
            c => out.push(c),
        }
    }
    out
}

/// The part of a class name that stands for a kind.
fn class(kind: &str) -> String {
    kind.chars().filter(char::is_ascii_alphanumeric).collect()
}

/// The kind of a contestant.
fn kind<'r>(report: &'r Report, contestant: &str) -> &'r str {
    let found = report
        .variants
        .iter()
        .find(|about| about.name == contestant);
    found.map_or("other", |about| about.kind.as_str())
}

/// What a contestant is.
fn about<'r>(report: &'r Report, contestant: &str) -> &'r str {
    let found = report
        .variants
        .iter()
        .find(|about| about.name == contestant);
    found.map_or("", |about| about.text.as_str())
}

/// A ratio with as many digits as mean something.
fn ratio(number: f64) -> String {
    match number {
        n if n >= 99_950.0 => format!("{:.0}k", n / 1000.0),
        n if n >= 999.5 => format!("{:.1}k", n / 1000.0),
        n if n >= 99.95 => format!("{n:.0}"),
        n if n >= 9.995 => format!("{n:.1}"),
        n => format!("{n:.2}"),
    }
}

/// The part of a name by which those of one family stand together.
fn family<'n>(report: &Report, contestant: &'n str) -> &'n str {
    match kind(report, contestant) {
        "native" => "native",
        _ => contestant.split('-').next().unwrap_or(contestant),
    }
}
