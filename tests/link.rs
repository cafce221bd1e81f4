//! The dynamic linker's cases: each `tests/link/NAME` is built twice from the
//! same sources, by gcc for the host and by clang for wasm, and run under the
//! host's `ld.so` and by `wasmaot run`. What the host gives is what ours has to
//! give, prelinked or not.
//!
//! `tests/link/waiting.txt` lists `NAME/FORM REASON` (or `NAME/*`) for what is
//! known to differ; an unlisted difference fails the test, and so does what is listed
//! and does not differ. A program of its own (no test harness), so that the
//! counts are always shown; its arguments are parts of names, to run those
//! alone, and `--once`: each case in one form, its calls bound in one way, which are
//! others from case to case.

use std::collections::BTreeMap;
use std::panic::catch_unwind;

use rayon::prelude::*;
use wasmaot_testkit::{Bind, Case, Form, Options, Run, Wasmaot, link_sources};

const WAITING: &str = "waiting.txt";

/// A case in one form: its key, and why it failed if it did.
type Outcome = (String, Result<(), String>);

fn main() {
    // A tool that refuses panics; the text belongs to the case.
    std::panic::set_hook(Box::new(|_| {}));
    let parts: Vec<String> = std::env::args()
        .skip(1)
        .filter(|argument| !argument.starts_with('-'))
        .collect();
    let chosen = |name: &String| parts.is_empty() || parts.iter().any(|part| name.contains(part));
    let names: Vec<String> = cases().into_iter().filter(chosen).collect();
    let (names, left_out): (Vec<_>, Vec<_>) = names.into_iter().partition(|name| can_run(name));
    let once = std::env::args().any(|argument| argument == "--once");
    let numbered = names.par_iter().enumerate();
    let outcomes: Vec<Outcome> = numbered
        .flat_map(|(number, name)| check(name, once.then_some(number)))
        .collect();
    let waiting = waiting();
    let (mut passed, mut waits, mut problems) = (0, 0, Vec::new());
    for (key, outcome) in &outcomes {
        let listed = waiting.keys().any(|line| covers(line, key));
        match (outcome, listed) {
            (Ok(()), false) => passed += 1,
            (Err(_), true) => waits += 1,
            (Ok(()), true) => problems.push(format!("{key} passes: remove it from {WAITING}")),
            (Err(why), false) => problems.push(format!("{key}: {why}")),
        }
    }
    if parts.is_empty() {
        let unknown = |line: &&String| !outcomes.iter().any(|(key, _)| covers(line, key));
        let unknown = waiting.keys().filter(unknown);
        problems.extend(unknown.map(|key| format!("{key} is listed in {WAITING} and no case")));
    }
    let prelinked = match wasmaot().is_foreign() {
        true => ", none of them prelinked",
        false => "",
    };
    if !left_out.is_empty() {
        let names = left_out.join(" ");
        println!("link: left out, for they open modules: {names}");
    }
    println!(
        "link: {} cases, {passed} builds behave as on the host{prelinked}, {waits} wait, {} do not",
        names.len(),
        problems.len()
    );
    if !problems.is_empty() {
        println!("{}", problems.join("\n"));
        std::process::exit(1);
    }
}

fn wasmaot() -> Wasmaot {
    Wasmaot::new(env!("CARGO_BIN_EXE_wasmaot"))
}

fn cases() -> Vec<String> {
    let entries = std::fs::read_dir(link_sources()).expect("the cases are there");
    let paths = entries.map(|entry| entry.expect("the directory can be read").path());
    let mut names: Vec<String> = paths
        .filter(|path| path.is_dir())
        .filter_map(|path| Some(path.file_name()?.to_str()?.to_owned()))
        .collect();
    names.sort();
    names
}

/// Whether the command under test can run a case. Of a directory that the program is
/// granted modules alone are taken, and one for another machine has no compiler.
fn can_run(name: &str) -> bool {
    let grants = |options: &Options| !options.dirs.is_empty();
    !wasmaot().is_foreign() || !Case::linking(name).runs.iter().any(grants)
}

/// Key and reason.
fn waiting() -> BTreeMap<String, String> {
    let text = std::fs::read_to_string(link_sources().join(WAITING)).expect("the list is there");
    let lines = text
        .lines()
        .filter(|l| !l.is_empty() && !l.starts_with('#'));
    lines
        .map(|line| {
            let (key, reason) = line.split_once(' ').expect("each has a reason");
            (key.to_owned(), reason.to_owned())
        })
        .collect()
}

/// Whether a line of the list speaks of this build of a case.
fn covers(line: &str, key: &str) -> bool {
    match line.strip_suffix('*') {
        Some(name) => key.starts_with(name),
        None => line == key,
    }
}

/// Runs a case on the host, then in each form; in one alone, and in one way, if it is given
/// a number that says which.
fn check(name: &str, only: Option<usize>) -> Vec<Outcome> {
    let on_host = caught(|| {
        let mut case = Case::linking(name);
        case.linker = Some(wasmaot());
        let runs = case.runs.iter().map(|options| case.run_native(options));
        let runs: Vec<Run> = runs.collect();
        for run in &runs {
            run.expect_code(case.code);
            assert!(!run.stdout.is_empty(), "the case tells nothing: {run:#?}");
        }
        (case, runs)
    });
    let (case, runs) = match on_host {
        Ok(both) => both,
        Err(why) => return vec![(format!("{name}/native"), Err(why))],
    };
    let forms = case.forms.iter().filter(|form| **form != Form::Native);
    let forms = pick(forms.copied().collect(), only);
    // Another half of the number says how calls are bound.
    let binding = only.map(|number| number / 2);
    forms
        .into_iter()
        .map(|form| {
            let outcome = caught(|| compare(&case, form, &runs, binding));
            (format!("{name}/{}", form.name()), outcome)
        })
        .collect()
}

/// One of them, if a number says which.
fn pick<T>(mut all: Vec<T>, only: Option<usize>) -> Vec<T> {
    match only {
        Some(number) => vec![all.swap_remove(number % all.len())],
        None => all,
    }
}

fn compare(case: &Case, form: Form, on_host: &[Run], binding: Option<usize>) {
    let prelinked = (!wasmaot().is_foreign()).then(|| case.prelink(&wasmaot(), form));
    for (options, host) in case.runs.iter().zip(on_host) {
        for bind in pick(bindings(options), binding) {
            let options = Options {
                bind,
                ..options.clone()
            };
            let run = case.run_wasm(&wasmaot(), form, &options);
            run.expect(case.code, &host.stdout);
            // Of a directory that the program may write, modules alone are taken.
            if let Some(prelinked) = &prelinked
                && options.dirs.is_empty()
            {
                let run = prelinked.run(&wasmaot(), &options);
                run.expect(case.code, &host.stdout);
            }
        }
    }
}

/// A program behaves alike however its calls are bound, unless the case says
/// that this is what it is about.
fn bindings(options: &Options) -> Vec<Option<Bind>> {
    match options.bind {
        None => vec![None, Some(Bind::Lazy), Some(Bind::Direct)],
        bind => vec![bind],
    }
}

/// What `work` gives, or the text of its panic.
fn caught<T>(work: impl FnOnce() -> T + std::panic::UnwindSafe) -> Result<T, String> {
    catch_unwind(work).map_err(|payload| match payload.downcast::<String>() {
        Ok(text) => *text,
        Err(payload) => match payload.downcast::<&str>() {
            Ok(text) => (*text).to_owned(),
            Err(_) => "a panic without a text".to_owned(),
        },
    })
}
