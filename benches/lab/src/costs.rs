//! What each ABI costs, as tables: a row for each, a column for each cost.

use std::collections::BTreeSet;

use crate::counts::{GOT_BYTES, PLT_BYTES, RELOCATION};
use crate::detail::aligned;
use crate::interleave::Series;
use crate::kernel::Group;
use crate::measure::{DOMAINS, MANY, PRIVATE_KIB, SHARE_KIB, START, SYSTEM_CALLS};
use crate::report::{Report, Task, interval, time};
use crate::stats::Spread;

/// A table: its heads, and a row for each contestant.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Table {
    /// The heads of the columns, that of the names first.
    pub heads: Vec<String>,
    /// The rows.
    pub rows: Vec<Vec<String>>,
}

impl Table {
    /// Whether there is anything in it.
    fn has_cells(&self) -> bool {
        self.heads.len() > 1 && !self.rows.is_empty()
    }
}

/// What stands where nothing was measured.
pub const NONE: &str = "–";

/// The tables for a terminal.
pub fn text(report: &Report) -> String {
    let mut out = report.settings();
    let times = ("time, as a ratio to the first", times(report));
    let all = std::iter::once(times).chain(tables(report));
    for (title, table) in all.filter(|(_, table)| table.has_cells()) {
        let rows = std::iter::once(table.heads).chain(table.rows);
        out += &format!("\n{title}\n{}", aligned(&rows.collect::<Vec<_>>()));
    }
    report.ends(&mut out);
    out
}

/// All tables but that of times, with their titles; those of work that was left out are
/// not there.
pub fn tables(report: &Report) -> Vec<(&'static str, Table)> {
    let all = [
        (
            "instructions in the hot loop, with what it calls",
            instructions(report),
        ),
        (
            "the program with 512 functions: what linking needs",
            link(report),
        ),
        (
            "the same: relocations by kind",
            relocations(report, MANY[0]),
        ),
        ("the program with 512 variables", data(report)),
        (
            "the same: relocations by kind",
            relocations(report, MANY[1]),
        ),
        (
            "the program with 512 functions: start and memory",
            start(report),
        ),
        (
            "thread-local variables, time as a ratio to local-exec",
            thread_local(report),
        ),
        (
            "messages between modules, as a ratio to a pointer",
            messages(report),
        ),
    ];
    let all = all.into_iter();
    all.filter(|(_, table)| table.has_cells()).collect()
}

/// The same of thread-local variables.
pub fn thread_local(report: &Report) -> Table {
    times_of(report, Group::ThreadLocal.name())
}

/// Times of every kernel, with where they are by 95 %.
pub fn times(report: &Report) -> Table {
    times_of(report, Group::Micro.name())
}

/// The same of messages between modules, in one memory and in two.
pub fn messages(report: &Report) -> Table {
    times_of(report, DOMAINS)
}

fn times_of(report: &Report, group: &str) -> Table {
    let tasks: Vec<&Task> = report.group(group).collect();
    let cell = |task: &Task, name: &str| {
        let estimate = task.estimate(name);
        estimate.map_or_else(none, |e| format!("{:.2} ({})", e.value, interval(e)))
    };
    let heads = std::iter::once("ABI".to_owned()).chain(tasks.iter().map(|t| t.name.clone()));
    let mut rows = vec![unit_row(&tasks)];
    let names = report.contestants(group);
    rows.extend(in_order(report, names).into_iter().map(|name| {
        let cells = tasks.iter().map(|task| cell(task, name));
        std::iter::once(name.to_owned()).chain(cells).collect()
    }));
    Table {
        heads: heads.collect(),
        rows,
    }
}

/// Instructions in the hot loops of the kernels that show one thing.
pub fn instructions(report: &Report) -> Table {
    const COUNT: &str = "instructions";
    let counted = |task: &&Task| task.series.iter().any(|s| s.counts.contains_key(COUNT));
    let tasks: Vec<&Task> = report.tasks.iter().filter(counted).collect();
    let groups = [Group::Micro, Group::ThreadLocal];
    let names = groups.map(|group| report.contestants(group.name()));
    let names = in_order(report, names.concat());
    let rows = names.into_iter().map(|name| {
        let cells = tasks.iter().map(|task| {
            let count = task.series(name).and_then(|s| s.counts.get(COUNT));
            count.map_or_else(none, |count| format!("{count}"))
        });
        std::iter::once(name.to_owned()).chain(cells).collect()
    });
    Table {
        heads: std::iter::once("ABI".to_owned())
            .chain(tasks.iter().map(|t| t.name.clone()))
            .collect(),
        rows: rows.collect(),
    }
}

/// What a unit of work of the first takes.
fn unit_row(tasks: &[&Task]) -> Vec<String> {
    let unit = |task: &&Task| {
        let samples = task.series.first().map_or(&[][..], |s| &s.samples);
        let spread = Spread::of(samples);
        spread.map_or_else(none, |s| time(s.median / f64::from(task.n)))
    };
    let first = "one unit of the first".to_owned();
    std::iter::once(first)
        .chain(tasks.iter().map(unit))
        .collect()
}

/// Sections, relocations and pages of the program with many functions.
pub fn link(report: &Report) -> Table {
    counted(
        report,
        MANY[0],
        &[
            ("text_bytes", "code, bytes"),
            (PLT_BYTES, "PLT of it"),
            (GOT_BYTES, "GOT, bytes"),
            ("relocations", "relocations at start"),
            ("patched", "calls patched"),
            ("text_pages", "code pages copied"),
            ("data_pages", "data pages written"),
        ],
    )
}

/// The same of the program with many variables.
pub fn data(report: &Report) -> Table {
    counted(
        report,
        MANY[1],
        &[
            ("text_bytes", "code, bytes"),
            (GOT_BYTES, "GOT, bytes"),
            ("relocations", "relocations at start"),
            ("data_pages", "data pages written"),
        ],
    )
}

fn counted(report: &Report, task: &str, columns: &[(&str, &str)]) -> Table {
    table(report, task, columns, |series, name| {
        let count = series.counts.get(name);
        count.map_or_else(none, |count| format!("{count}"))
    })
}

/// Relocations of the objects, by kind.
pub fn relocations(report: &Report, task: &str) -> Table {
    let of = report.tasks.iter().find(|t| t.name == task);
    let keys = of.into_iter().flat_map(|task| &task.series);
    let kinds: BTreeSet<&str> = keys
        .flat_map(|series| series.counts.keys())
        .filter_map(|key| key.strip_prefix(RELOCATION))
        .collect();
    let columns: Vec<(&str, &str)> = kinds.into_iter().map(|kind| (kind, kind)).collect();
    table(report, task, &columns, |series, kind| {
        let count = series.counts.get(&format!("{RELOCATION}{kind}"));
        count.map_or_else(|| "0".to_owned(), |count| format!("{count}"))
    })
}

/// Processes of the program with many functions.
pub fn start(report: &Report) -> Table {
    let columns = [
        ("cpu", "CPU time"),
        ("page faults", "page faults"),
        (SYSTEM_CALLS, "system calls"),
        (PRIVATE_KIB, "own memory, KiB"),
        (SHARE_KIB, "share of memory, KiB"),
    ];
    let runs = report.tasks.iter().find(|t| t.name == START);
    let runs = f64::from(runs.map_or(1, |task| task.n.max(1)));
    table(report, START, &columns, |series, column| match column {
        "cpu" => {
            let spread = Spread::of(&series.samples);
            spread.map_or_else(none, |s| time(s.median / runs))
        }
        "page faults" => {
            let faults = series.extra.get(column).and_then(|all| Spread::of(all));
            faults.map_or_else(none, |s| format!("{:.0}", s.median))
        }
        _ => {
            let count = series.counts.get(column);
            count.map_or_else(none, |count| format!("{count}"))
        }
    })
}

/// A row for each ABI of which something was measured in a task.
fn table(
    report: &Report,
    task: &str,
    columns: &[(&str, &str)],
    cell: impl Fn(&Series, &str) -> String,
) -> Table {
    let of = report.tasks.iter().find(|t| t.name == task);
    let heads = columns.iter().map(|(_, head)| (*head).to_owned());
    let rows = of.into_iter().flat_map(|task| &task.series).map(|series| {
        let cells = columns.iter().map(|(name, _)| cell(series, name));
        std::iter::once(series.contestant.clone())
            .chain(cells)
            .collect()
    });
    Table {
        heads: std::iter::once("ABI".to_owned()).chain(heads).collect(),
        rows: rows.collect(),
    }
}

/// Names in the order of the ABIs, each once: not every one is in the first task.
fn in_order<'a>(report: &Report, mut names: Vec<&'a str>) -> Vec<&'a str> {
    names.sort_by_key(|name| report.variants.iter().position(|v| v.name == *name));
    names.dedup();
    names
}

fn none() -> String {
    NONE.to_owned()
}
