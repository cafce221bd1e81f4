//! The report on ABIs (`docs/abi-report`): the parts of its text that are tables and
//! comparisons, and its figures, from what was measured on any number of machines.
//!
//! A generated part stands between `<!-- generated: NAME -->` and `<!-- end -->`; all else
//! is written by hand and stays.

use std::fmt::Write as _;

use anyhow::{Context as _, Result, bail};

use crate::costs::{self, NONE, Table};
use crate::html;
use crate::measure::MANY;
use crate::report::{Report, Task, interval};
use crate::stats::{Estimate, ratios};

/// What one machine has measured.
#[derive(Clone, Debug)]
pub struct Machine {
    /// The name of its file, by which its figures are called.
    pub name: String,
    /// What was measured there.
    pub report: Report,
}

impl Machine {
    /// The processor, as columns are called.
    fn cpu(&self) -> String {
        let text = self.report.setting.get("machine");
        let text = text.map_or("unknown", String::as_str);
        // Without stepping, microcode and the number of cores.
        let parts: Vec<&str> = text.split(", ").take(3).collect();
        parts.join(", ")
    }

    fn task(&self, name: &str) -> Option<&Task> {
        self.report.tasks.iter().find(|task| task.name == name)
    }
}

const BEGIN: &str = "<!-- generated: ";
const BEGIN_END: &str = " -->\n";
const END: &str = "<!-- end -->";

/// The text with its generated parts made again.
///
/// # Errors
/// A part has no end, or a name that there is not.
pub fn text(old: &str, machines: &[Machine]) -> Result<String> {
    let mut out = String::new();
    let mut rest = old;
    while let Some((before, after)) = rest.split_once(BEGIN) {
        let (name, after) = after
            .split_once(BEGIN_END)
            .context("a generated part without a name")?;
        let (_, after) = after
            .split_once(END)
            .with_context(|| format!("generated part {name} has no end"))?;
        let part = part(name, machines)?;
        let _ = write!(out, "{before}{BEGIN}{name}{BEGIN_END}\n{part}\n{END}");
        rest = after;
    }
    out.push_str(rest);
    Ok(out)
}

fn part(name: &str, machines: &[Machine]) -> Result<String> {
    let by_costs = |table: &dyn Fn(&Report) -> Table| markdown(&merged(machines, table));
    Ok(match name {
        "machines" => self::machines(machines),
        "abis" => abis(machines),
        "times" => by_costs(&costs::times),
        "instructions" => by_costs(&costs::instructions),
        "link" => by_costs(&costs::link),
        "data" => by_costs(&costs::data),
        "relocations of functions" => by_costs(&|r| costs::relocations(r, MANY[0])),
        "relocations of variables" => by_costs(&|r| costs::relocations(r, MANY[1])),
        "start" => by_costs(&costs::start),
        "thread-local" => by_costs(&costs::thread_local),
        "messages" => by_costs(&costs::messages),
        "comparisons" => comparisons(machines),
        "findings" => findings(machines),
        "figures" => pictures(machines),
        _ => bail!("there is no generated part `{name}`"),
    })
}

/// The figures: file names and texts.
pub fn figures(machines: &[Machine]) -> Vec<(String, String)> {
    let all = machines.iter().flat_map(|machine| {
        let figures = html::figures(&machine.report).into_iter();
        figures.map(|(name, text)| (format!("{}-{name}", machine.name), text))
    });
    all.collect()
}

fn pictures(machines: &[Machine]) -> String {
    let mut out = String::new();
    for machine in machines {
        for (name, _) in html::figures(&machine.report) {
            let _ = writeln!(
                out,
                "![{0}: ratios of times, a row for each ABI](figures/{1}-{name})\n\n*{0}.*\n",
                machine.cpu(),
                machine.name
            );
        }
    }
    out.truncate(out.trim_end().len());
    out
}

/// What was measured on what: a row for each line of the setting.
fn machines(machines: &[Machine]) -> String {
    let mut names: Vec<&str> = Vec::new();
    for name in machines.iter().flat_map(|m| m.report.setting.keys()) {
        if !names.contains(&name.as_str()) {
            names.push(name);
        }
    }
    let heads = std::iter::once(String::new()).chain(machines.iter().map(|m| m.name.clone()));
    let rows = names.iter().map(|name| {
        let cells = machines.iter().map(|m| m.report.setting.get(*name));
        let cells = cells.map(|text| text.cloned().unwrap_or_else(|| NONE.to_owned()));
        std::iter::once((*name).to_owned()).chain(cells).collect()
    });
    let mut out = markdown(&Table {
        heads: heads.collect(),
        rows: rows.collect(),
    });
    for machine in machines {
        for (name, why) in &machine.report.absent {
            let _ = write!(out, "\n\nNot on {}: {name}: {why}.", machine.name);
        }
    }
    out
}

/// What the names stand for.
fn abis(machines: &[Machine]) -> String {
    let mut rows: Vec<Vec<String>> = Vec::new();
    for about in machines.iter().flat_map(|m| &m.report.variants) {
        let row = vec![format!("`{}`", about.name), about.text.clone()];
        if !rows.contains(&row) {
            rows.push(row);
        }
    }
    markdown(&Table {
        heads: ["ABI", "what it is"].map(str::to_owned).to_vec(),
        rows,
    })
}

/// The table of all machines: of each head a column for each machine, named by its processor.
fn merged(machines: &[Machine], table: &dyn Fn(&Report) -> Table) -> Table {
    let tables: Vec<Table> = machines.iter().map(|m| table(&m.report)).collect();
    let mut heads: Vec<&String> = Vec::new();
    let mut names: Vec<&String> = Vec::new();
    for table in &tables {
        for head in table.heads.iter().skip(1) {
            if !heads.contains(&head) {
                heads.push(head);
            }
        }
        for name in table.rows.iter().filter_map(|row| row.first()) {
            if !names.contains(&name) {
                names.push(name);
            }
        }
    }
    let mut merged = Table {
        heads: vec!["ABI".to_owned()],
        rows: names.iter().map(|&name| vec![name.clone()]).collect(),
    };
    for head in heads {
        for (machine, table) in machines.iter().zip(&tables) {
            merged.heads.push(format!("{head}<br>{}", machine.cpu()));
            let column = table.heads.iter().position(|h| h == head);
            for row in &mut merged.rows {
                let of = table.rows.iter().find(|r| r.first() == row.first());
                let cell = column.and_then(|column| of?.get(column));
                row.push(cell.map_or_else(|| NONE.to_owned(), Clone::clone));
            }
        }
    }
    merged
}

/// A question: the same work by two ABIs.
struct Question {
    text: &'static str,
    task: &'static str,
    one: &'static str,
    other: &'static str,
}

const fn question(
    text: &'static str,
    task: &'static str,
    one: &'static str,
    other: &'static str,
) -> Question {
    Question {
        text,
        task,
        one,
        other,
    }
}

/// What the report asks. Each answer is a ratio of times, round by round.
const QUESTIONS: &[Question] = &[
    question("PLT, wasm against gcc", "call", "pie-now", "so-now"),
    question("PLT, wasm against gcc", "functions", "pie-now", "so-now"),
    question("lazy against now", "call", "pie-lazy", "pie-now"),
    question("lazy against now", "functions", "pie-lazy", "pie-now"),
    question("`-fno-plt` against the PLT", "call", "pie-noplt", "pie-now"),
    question(
        "`-fno-plt` against the PLT",
        "functions",
        "pie-noplt",
        "pie-now",
    ),
    question(
        "`-fno-plt` against the PLT, gcc",
        "functions",
        "so-noplt",
        "so-now",
    ),
    question("patched against the PLT", "call", "pie-direct", "pie-now"),
    question(
        "patched against the PLT",
        "functions",
        "pie-direct",
        "pie-now",
    ),
    question(
        "patched against one program of gcc",
        "functions",
        "pie-direct",
        "native",
    ),
    question(
        "prelinked against patched",
        "functions",
        "pie-static",
        "pie-direct",
    ),
    question(
        "prelinked against one module",
        "functions",
        "pie-static",
        "one",
    ),
    question("the table against the PLT", "call", "pie-table", "pie-now"),
    question(
        "the table against the PLT",
        "functions",
        "pie-table",
        "pie-now",
    ),
    question(
        "the host against the PLT",
        "functions",
        "pie-host",
        "pie-now",
    ),
    question(
        "flat against position-independent",
        "functions",
        "flat-now",
        "pie-now",
    ),
    question(
        "dyninfo against the table of dylink",
        "functions",
        "dyninfo-table",
        "pie-table",
    ),
    question(
        "copies against the GOT",
        "globals",
        "fixed-now",
        "fixedgot-now",
    ),
    question(
        "copies against the GOT",
        "variables",
        "fixed-now",
        "fixedgot-now",
    ),
    question(
        "copies against the GOT, gcc",
        "variables",
        "so-now",
        "so-symbolic",
    ),
    question(
        "words of linear memory against the GOT",
        "globals",
        "dyninfo-table",
        "pie-now",
    ),
    question(
        "words of linear memory against the GOT",
        "variables",
        "dyninfo-table",
        "pie-now",
    ),
    question(
        "a shared memory against one thread's",
        "frame",
        "threads-now",
        "pie-now",
    ),
    question(
        "a shared memory against one thread's",
        "functions",
        "threads-now",
        "pie-now",
    ),
    question("lazy against now", "start", "pie-lazy", "pie-now"),
    question("lazy against now, gcc", "start", "so", "so-now"),
    question("patched against the PLT", "start", "pie-direct", "pie-now"),
    question("the table against the PLT", "start", "pie-table", "pie-now"),
    question(
        "dyninfo against the PLT",
        "start",
        "dyninfo-table",
        "pie-now",
    ),
    question(
        "prelinked against the PLT",
        "start",
        "pie-static",
        "pie-now",
    ),
];

/// Times of one ABI as a ratio to another's.
pub fn versus(task: &Task, one: &str, other: &str) -> Option<Estimate> {
    let (one, other) = (task.series(one)?, task.series(other)?);
    Estimate::median(&ratios(&one.samples, &other.samples))
}

/// What can be said of a ratio.
fn verdict(ratio: &Estimate) -> &'static str {
    match ratio.is_difference() {
        false => "not told apart",
        // A difference, but one that no program would show.
        true if (ratio.value - 1.0).abs() < 0.01 => "within 1 %",
        true if ratio.value < 1.0 => "faster",
        true => "slower",
    }
}

fn comparisons(machines: &[Machine]) -> String {
    let mut heads = ["question", "work", "ABIs"].map(str::to_owned).to_vec();
    for machine in machines {
        heads.push(format!("ratio (95 %)<br>{}", machine.cpu()));
        heads.push(format!("it is<br>{}", machine.cpu()));
    }
    let rows = QUESTIONS.iter().map(|question| {
        let mut row = vec![
            question.text.to_owned(),
            question.task.to_owned(),
            format!("`{}` / `{}`", question.one, question.other),
        ];
        for machine in machines {
            let task = machine.task(question.task);
            let ratio = task.and_then(|task| versus(task, question.one, question.other));
            match ratio {
                Some(ratio) => {
                    row.push(format!("{:.2} ({})", ratio.value, interval(ratio)));
                    row.push(verdict(&ratio).to_owned());
                }
                None => row.extend([NONE.to_owned(), NONE.to_owned()]),
            }
        }
        row
    });
    markdown(&Table {
        heads,
        rows: rows.collect(),
    })
}

/// A sentence, and the ratios that stand in it at each `{}`: work, one ABI, the other.
type Finding = (
    &'static str,
    &'static [(&'static str, &'static str, &'static str)],
);

const FINDINGS: &[Finding] = &[
    (
        "A call through the PLT takes {} of the time of one that was patched to go straight, with 512 functions {}.",
        &[
            ("call", "pie-now", "pie-direct"),
            ("functions", "pie-now", "pie-direct"),
        ],
    ),
    (
        "With 512 functions a call through an address from the GOT takes {} of the time of one through the PLT; with gcc {}.",
        &[
            ("functions", "pie-noplt", "pie-now"),
            ("functions", "so-noplt", "so-now"),
        ],
    ),
    (
        "Patched calls take {} of the time of calls in one program of gcc; prelinked, where functions are inlined across modules, {}.",
        &[
            ("functions", "pie-direct", "native"),
            ("functions", "pie-static", "native"),
        ],
    ),
    (
        "A call by the table takes {} of the time of one through the PLT, with 512 functions {}.",
        &[
            ("call", "pie-table", "pie-now"),
            ("functions", "pie-table", "pie-now"),
        ],
    ),
    (
        "A call through functions of the host takes {} of that time.",
        &[("functions", "pie-host", "pie-now")],
    ),
    (
        "Copies of variables in main take {} of the time of addresses from the GOT with 8 variables in a loop, and {} with 512; with gcc {}.",
        &[
            ("globals", "fixed-now", "fixedgot-now"),
            ("variables", "fixed-now", "fixedgot-now"),
            ("variables", "so-now", "so-symbolic"),
        ],
    ),
    (
        "Addresses in words of linear memory (`dyninfo`) take {} of the time of addresses from the GOT with 8 variables, and {} with 512.",
        &[
            ("globals", "dyninfo-table", "pie-now"),
            ("variables", "dyninfo-table", "pie-now"),
        ],
    ),
    (
        "A process that binds 512 functions at their first calls takes {} of the CPU time of one that binds them at the start; with gcc {}.",
        &[("start", "pie-lazy", "pie-now"), ("start", "so", "so-now")],
    ),
    (
        "A process whose calls are patched takes {} of that time.",
        &[("start", "pie-direct", "pie-now")],
    ),
    (
        "A message of 16 bytes into another memory and back takes {} of the time of a pointer, of 4096 bytes {}.",
        &[
            ("16 bytes", "copies", "pointer"),
            ("4096 bytes", "copies", "pointer"),
        ],
    ),
];

/// Sentences with what was measured; what a machine has not measured is left out.
fn findings(machines: &[Machine]) -> String {
    let mut out = String::new();
    for machine in machines {
        let _ = writeln!(out, "On {}:\n", machine.cpu());
        for (sentence, ratios) in FINDINGS {
            let ratios: Option<Vec<Estimate>> = ratios
                .iter()
                .map(|(task, one, other)| versus(machine.task(task)?, one, other))
                .collect();
            let Some(ratios) = ratios else { continue };
            let mut parts = sentence.split("{}");
            let _ = write!(out, "- {}", parts.next().unwrap_or_default());
            for (ratio, part) in ratios.iter().zip(parts) {
                let _ = write!(out, "{:.2} ({}){part}", ratio.value, interval(*ratio));
            }
            out.push('\n');
        }
        out.push('\n');
    }
    out.truncate(out.trim_end().len());
    out
}

/// The table as Markdown has it.
fn markdown(table: &Table) -> String {
    let line = |cells: &[String]| format!("| {} |\n", cells.join(" | "));
    let mut out = line(&table.heads);
    let columns = table.heads.len().saturating_sub(1);
    let _ = writeln!(out, "|---|{}", "---:|".repeat(columns));
    for row in &table.rows {
        out.push_str(&line(row));
    }
    out.truncate(out.trim_end().len());
    out
}
