//! The structure of the code: which file may name which, what a crate may depend
//! on, where what may stand, and the documents that say so.
//!
//! Tests are exempt: `#[cfg(test)]`, `tests/`, `benches/` and `fuzz/` may look at everything.

mod arrows;
mod documents;
mod floors;
mod packages;
mod places;
mod tokens;

use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Every Rust source file of the crates that are built for use, as (path below the
/// root, text).
fn sources() -> Vec<(String, String)> {
    let mut found = Vec::new();
    let folders = &floors::sources().1;
    let tools = ["benches/src/", "fuzz/", "tests/"];
    let folders = folders
        .iter()
        .filter(|folder| !tools.iter().any(|tool| folder.starts_with(tool)));
    let mut todo: Vec<PathBuf> = folders.map(|d| root().join(d)).collect();
    while let Some(path) = todo.pop() {
        if path.is_dir() {
            let entries = std::fs::read_dir(&path).unwrap();
            todo.extend(entries.map(|entry| entry.unwrap().path()));
        } else if path.extension().is_some_and(|e| e == "rs") {
            let name = path.strip_prefix(root()).unwrap().to_str().unwrap();
            found.push((name.to_owned(), std::fs::read_to_string(&path).unwrap()));
        }
    }
    assert!(found.len() > 20, "the search for sources is broken");
    found
}

/// Lines of a source that are code, without comments.
fn code(text: &str) -> impl Iterator<Item = &str> {
    text.lines()
        .map(|line| line.split("//").next().unwrap_or(""))
}

/// Whether a path is one of some places, the folders among which end with a slash.
fn is_in(path: &str, places: &[&str]) -> bool {
    let holds = |place: &&str| path == *place || place.ends_with('/') && path.starts_with(*place);
    places.iter().any(holds)
}

/// A document of the project.
fn document(name: &str) -> String {
    std::fs::read_to_string(root().join(Path::new(name))).unwrap_or_default()
}
