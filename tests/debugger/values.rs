//! Breakpoints, frames, lines and values, beside those of the host's program.

use std::process::Command;

use super::session::{module, native, session, started_by_the_system, wasmaot};

/// What is asked of `program.c`. Each is a command, and what it says is compared.
const SESSION: &[&str] = &[
    "run",
    "bt",
    "next",
    "next",
    "next",
    "info args",
    "info locals",
    "print *list",
    "print list->next->value",
    "print list->next->next->value",
    "print *list->next",
    "print at->next->next->next",
    "print list[0].value",
    "whatis list",
    "whatis *list",
    "ptype struct node",
    "up",
    "info locals",
    "print *p",
    "print &first == p",
    "print p->next->next->value",
    "print string",
    "print string[1]",
    "print *string@5",
    "print *pvalue",
    "print pvalue[0] * 2",
    "print origin",
    "print point->x + point->y",
    "print *point->count",
    "print *point",
    "print greeting",
    "print counter",
    "print total",
    "print primes",
    "print primes[3]",
    "print pool[1].next->value",
    "print pool",
    "print color",
    "print (enum color) 6",
    "print flags",
    "print flags.b",
    "print number",
    "print number.bytes[3]",
    "print matrix",
    "print matrix[1][2]",
    "print text",
    "print single",
    "print big",
    "print small",
    "print yes",
    "print argc",
    "print sizeof(struct point) > 16",
    "list square",
    "print square::calls",
    "set var counter = 9",
    "print counter",
    "down",
    "set var v = 100",
    "next",
    "print all",
    "finish",
    "next",
];

/// Another, from the start: steps into functions, and a recursion.
const STEPS: &[&str] = &[
    "run",
    "next",
    "next",
    "next",
    "next",
    "next",
    "print matrix",
    "advance 77",
    "print single",
    "step",
    "bt",
    "print n",
    "next",
    "next",
    "print calls",
    "print result",
    "finish",
    "continue",
    "bt",
    "print n",
    "up",
    "print n",
    "up 2",
    "print n",
    "finish",
    "next",
    "print f",
    "until 83",
    "print d",
    "print total",
];

/// What is the same: without addresses, and without what called `main`.
fn same(answer: &str) -> String {
    let mut lines = Vec::new();
    for line in answer.lines() {
        let of_threads = line.starts_with('[') && !line.starts_with("[Inferior");
        let about = line.starts_with("warning:") || line.starts_with("Using host libthread_db");
        // When the program's own output comes is another matter.
        let own = line.starts_with("36 24 30");
        let outside = line.starts_with('#') && !line.contains(" at ");
        if of_threads || about || own || outside || line.trim().is_empty() {
            continue;
        }
        let line = match line.find("(process ") {
            Some(at) => line[..at].trim_end(),
            None => line,
        };
        lines.push(without_addresses(line));
    }
    lines.join("\n")
}

fn without_addresses(line: &str) -> String {
    // What hit a breakpoint: programs with several threads name it.
    let line = match (line.find("Thread 1 "), line.find(" hit ")) {
        (Some(0), Some(at)) => &line[at + " hit ".len()..],
        _ => line,
    };
    let mut out = String::new();
    let mut rest = line;
    while let Some(at) = rest.find("0x") {
        let digits = rest[at + 2..].find(|c: char| !c.is_ascii_hexdigit());
        let end = digits.map_or(rest.len(), |digits| at + 2 + digits);
        out.push_str(&rest[..at]);
        out.push_str(if &rest[at..end] == "0x0" {
            "0x0"
        } else {
            "ADDRESS"
        });
        rest = &rest[end..];
        // Symbols of data are the host's alone.
        if rest.starts_with(" <")
            && let Some(end) = rest.find('>')
        {
            rest = &rest[end + 1..];
        }
    }
    out + rest
}

/// Compares what is said to commands after some others. `also`: whether what is said here is
/// right though it is not what is said of the host's program.
pub fn compare(
    breakpoints: &[&str],
    commands: &[&str],
    program: &Command,
    host: &Command,
    also: impl Fn(&str, &str) -> bool,
) {
    let all = [breakpoints, commands].concat();
    let (mut ours, mut theirs) = (session(program, &all), session(host, &all));
    // Here, functions are not known before the program runs.
    let (ours, theirs) = (
        ours.split_off(breakpoints.len()),
        theirs.split_off(breakpoints.len()),
    );
    let mut wrong = Vec::new();
    for ((command, ours), theirs) in commands.iter().zip(&ours).zip(&theirs) {
        let (ours, theirs) = (same(ours), same(theirs));
        if ours != theirs && !also(&ours, &theirs) {
            wrong.push(format!("{command}\n--- host\n{theirs}\n--- here\n{ours}\n"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn without_optimising_all_that_gdb_says_is_what_it_says_of_the_hosts_program() {
    let cache = tempfile::tempdir().unwrap();
    let program = wasmaot(&module("program.c", "-O0"), "-O0");
    let host = Command::new(native(&cache, "program.c", "-O0"));
    compare(&["break sum"], SESSION, &program, &host, |_, _| false);
    let at = ["break program.c:63", "break factorial if n == 1"];
    compare(&at, STEPS, &program, &host, |_, _| false);
}

/// What is asked of programs that the system starts.
const STARTED: &[&str] = &[
    "bt",
    "next",
    "info args",
    "print *list",
    "print list->next->value",
    "up",
    "info locals",
    "print greeting",
    "down",
    "finish",
    "next",
];

#[test]
fn executables_and_objects_with_an_interpreter_are_debugged_as_the_hosts_programs() {
    let directory = tempfile::tempdir().unwrap();
    let host = Command::new(native(&directory, "program.c", "-O0"));
    let module = module("program.c", "-O0");
    for program in started_by_the_system(&module, directory.path()) {
        compare(&["break sum", "run"], STARTED, &program, &host, |_, _| {
            false
        });
    }
}

/// What is asked of `shapes.cc`.
const SHAPES: &[&str] = &[
    "run",
    "bt",
    "print rect.width",
    "print *other",
    "print other->peer->width",
    "print rect.peer->height",
    "print *rect.peer",
    "print rect.peer->peer->width",
    "print shapes::Rect::count",
    "print *shapes::Rect::last",
    "step",
    "bt",
    "print this->width",
    "print *this",
    "print width",
    "finish",
    "next",
    "next",
    "print h",
    "print big",
    "up",
    "print one",
    "print two.peer->id",
    "break shapes::Rect::area",
    "continue",
    "print *this",
    "print height",
    "bt",
    "info locals",
];

#[test]
fn members_references_and_methods_of_classes_are_as_on_the_host() {
    let directory = tempfile::tempdir().unwrap();
    let program = wasmaot(&module("shapes.cc", "-O0"), "-O0");
    let host = Command::new(native(&directory, "shapes.cc", "-O0"));
    // Of what a pointer in memory leads to, static members are not known.
    let known_gap =
        |ours: &str, _: &str| ours.contains("peer = ADDRESS, static count = <optimized out>");
    compare(&["break measure"], SHAPES, &program, &host, known_gap);
}

/// What is asked of `optimised.c`, each time that `step` is called.
const VALUES: &[&str] = &[
    "continue",
    "print sum",
    "print i",
    "print pair->left",
    "print pair->right",
    "print *pair",
    "print calls",
    "up",
    "print n",
    "print i",
    "print sum",
    "print mask",
    "print scaled",
    "print scale",
    "print pair->left",
    "up",
    "print n",
    "print argc",
    "print pair",
];

/// A value as gdb prints it, or `None` if it does not know it.
fn value(answer: &str) -> Option<String> {
    let (_, value) = answer.split_once(" = ")?;
    let known = !value.contains("<optimized out>") && !value.contains("<error");
    known.then(|| without_addresses(value))
}

#[test]
fn where_code_is_optimised_a_value_is_the_hosts_or_not_known() {
    let cache = tempfile::tempdir().unwrap();
    let commands = [&["break step", "run"][..], VALUES, VALUES, &VALUES[1..]].concat();
    // Of the first call what is said at `run`, so the list begins at its values.
    let commands = [
        &commands[..2],
        &VALUES[1..],
        &commands[2..2 + 2 * VALUES.len()],
    ]
    .concat();
    let host = Command::new(native(&cache, "optimised.c", "-O0"));
    let truth = session(&host, &commands);
    assert!(
        truth.iter().filter_map(|answer| value(answer)).count() > 40,
        "{truth:#?}"
    );
    let mut wrong = Vec::new();
    // How the module was made, how we make code of it, and values that are known at least.
    for (clang, ours, least) in [
        ("-O0", "-O2", 3),
        ("-O2", "-O0", 6),
        ("-O2", "-O2", 3),
        ("-O1", "-O1", 3),
    ] {
        let program = wasmaot(&module("optimised.c", clang), ours);
        let said = session(&program, &commands);
        let mut known = 0;
        for ((command, said), truth) in commands.iter().zip(&said).zip(&truth) {
            let is_value = command.starts_with("print");
            let Some(found) = value(said).filter(|_| is_value) else {
                continue;
            };
            known += 1;
            if Some(&found) != value(truth).as_ref() {
                wrong.push(format!("{clang} {ours}: {command}: {found}, not {truth}"));
            }
        }
        if known < least {
            wrong.push(format!("{clang} {ours}: {known} values known\n{said:#?}"));
        }
        eprintln!("{clang} {ours}: {known} values known");
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
