//! ABI.md and records.md say what the code does: their tables are read and
//! compared with it, and records are read by what the documents say alone.

mod formats;
mod info;
mod tables;

use std::fs;

/// A document's text.
fn document(name: &str) -> String {
    let path = format!("{}/{name}", env!("CARGO_MANIFEST_DIR"));
    fs::read_to_string(&path).unwrap_or_else(|e| panic!("{path}: {e}"))
}

/// The rows of the first table whose head has these cells. A cell is its text,
/// without the marks of code.
fn table(text: &str, head: &[&str]) -> Vec<Vec<String>> {
    let tables = tables(text, |cells| cells == head);
    let found = tables.into_iter().next();
    found.unwrap_or_else(|| panic!("no table {head:?}"))
}

/// The rows of the tables whose head is wanted.
fn tables(text: &str, wanted: impl Fn(&[String]) -> bool) -> Vec<Vec<Vec<String>>> {
    let mut found = Vec::new();
    let mut lines = text.lines();
    let row = |line: &str| -> Option<Vec<String>> {
        let line = line.trim().strip_prefix('|')?.strip_suffix('|')?;
        let cells = line.split('|').map(|cell| cell.trim().replace('`', ""));
        Some(cells.collect())
    };
    while let Some(line) = lines.next() {
        let Some(head) = row(line) else {
            continue;
        };
        let rows: Vec<_> = lines.by_ref().map_while(row).collect();
        if wanted(&head) {
            // The first row is the rule below the head.
            found.push(rows[1..].to_vec());
        }
    }
    found
}

/// A number as documents have it.
fn number(text: &str) -> u64 {
    let read = match text.strip_prefix("0x") {
        Some(digits) => u64::from_str_radix(digits, 16),
        None => text.parse(),
    };
    read.unwrap_or_else(|e| panic!("{text}: {e}"))
}
