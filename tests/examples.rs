//! Runs every example and compares what it prints with what its head says.
//!
//! The examples are modules of this program, which runs itself for each of them:
//! so none is older than the library.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

/// How an example's `main` ends.
type Ended = Result<(), Box<dyn std::error::Error>>;

macro_rules! examples {
    ($($name:ident $path:literal)*) => {
        $(#[path = $path]
        mod $name;)*

        /// The examples and their `main`.
        const EXAMPLES: &[(&str, fn() -> Ended)] = &[$((stringify!($name), $name::main)),*];
    };
}

examples! {
    host_functions "../examples/host_functions.rs"
    limits "../examples/limits.rs"
    plugins "../examples/plugins.rs"
    threads "../examples/threads.rs"
    workers "../examples/workers.rs"
}

/// Environment variable that names the example to run.
const RUN: &str = "WASMAOT_EXAMPLE";

fn main() -> ExitCode {
    if let Ok(name) = std::env::var(RUN) {
        let example = EXAMPLES.iter().find(|(known, _)| *known == name);
        let (_, run) = example.expect("an example of that name");
        if let Err(error) = run() {
            eprintln!("{name}: {error}");
            return ExitCode::FAILURE;
        }
        return ExitCode::SUCCESS;
    }
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
    assert_eq!(
        files(&folder),
        EXAMPLES
            .iter()
            .map(|(name, _)| (*name).to_owned())
            .collect(),
        "tests/examples.rs has to list all of {}",
        folder.display()
    );
    for (name, _) in EXAMPLES {
        check(name, &folder.join(name).with_extension("rs"));
        println!("example {name} ... ok");
    }
    ExitCode::SUCCESS
}

/// The names of the examples in a folder.
fn files(folder: &Path) -> BTreeSet<String> {
    let entries = std::fs::read_dir(folder).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    let sources = paths.filter(|path: &PathBuf| path.extension().is_some_and(|e| e == "rs"));
    let name = |path: PathBuf| path.file_stem().unwrap().to_str().unwrap().to_owned();
    sources.map(name).collect()
}

/// Runs an example; its source says in the block `text` of its head what it
/// prints.
fn check(name: &str, source: &Path) {
    let text = std::fs::read_to_string(source).unwrap();
    let head = text.lines().take_while(|line| line.starts_with("//!"));
    let lines = head.map(|line| line.trim_start_matches("//!").trim_start());
    let block = lines.skip_while(|line| *line != "```text").skip(1);
    let expected: Vec<&str> = block.take_while(|line| *line != "```").collect();
    assert!(!expected.is_empty(), "{name}: its head says what it prints");
    let run = Command::new(std::env::current_exe().unwrap())
        .env(RUN, name)
        .output();
    let output = run.unwrap();
    let printed = String::from_utf8(output.stdout).unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success(),
        "{name}: {}\n{printed}{errors}",
        output.status
    );
    assert_eq!(
        printed.lines().collect::<Vec<_>>(),
        expected,
        "{name}\n{errors}"
    );
}
