//! Runs a page's steps in one shell, so that a command finds what those before it
//! have done: its directory, its variables, its files.

use std::io::Write as _;
use std::process::{Command, Stdio};

use crate::page::{self, Step};

/// Begins the lines that say where a command's output begins and ends: no
/// program prints it.
const MARK: char = '\u{1e}';

/// Runs all steps by a shell that reads its commands from standard input, and
/// says each command that did not do what the page says.
///
/// # Panics
/// If there is such a command.
pub fn run(name: &str, page: &str, shell: &mut Command) {
    let steps = page::steps(page);
    let script: String = steps
        .iter()
        .enumerate()
        .map(|(number, step)| of_step(number, step))
        .collect();
    let mut shell = shell
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("a shell");
    let mut input = shell.stdin.take().expect("it is piped");
    let writer = std::thread::spawn(move || input.write_all(script.as_bytes()));
    let output = shell.wait_with_output().expect("it ends");
    let written = writer.join().expect("it does not panic");
    let printed = String::from_utf8_lossy(&output.stdout);
    let mut wrong = Vec::new();
    for (number, step) in steps.iter().enumerate() {
        let Step::Run(command) = step else { continue };
        let place = format!("{name}:{}: $ {}", command.line, command.text);
        let Some((text, code)) = of_command(&printed, number) else {
            wrong.push(format!("{place}\nis not run to its end:\n{printed}"));
            break;
        };
        let lines: Vec<&str> = text.lines().collect();
        if command.fails == (code == 0) {
            wrong.push(format!("{place}\nends with {code}:\n{text}"));
        } else if !page::agrees(&command.printed, &lines) {
            let expected = command.printed.join("\n");
            wrong.push(format!("{place}\nprints\n{text}--- not\n{expected}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
    written.expect("the shell has read all");
}

/// What the shell reads for a step.
fn of_step(number: usize, step: &Step) -> String {
    match step {
        Step::Write { name, text } => {
            let end = format!("{MARK}END");
            format!("mkdir -p \"$(dirname '{name}')\"; cat >'{name}' <<'{end}'\n{text}{end}\n")
        }
        // No command takes what is meant for the shell.
        Step::Run(command) => format!(
            "printf '{MARK}begin {number}\\n'\n{{\n{}\n}} </dev/null 2>&1\n\
             printf '{MARK}end {number} %d\\n' $?\n",
            command.text
        ),
    }
}

/// What a command has printed, and its exit code.
fn of_command(printed: &str, number: usize) -> Option<(&str, i32)> {
    let (_, rest) = printed.split_once(&format!("{MARK}begin {number}\n"))?;
    let (text, rest) = rest.split_once(&format!("{MARK}end {number} "))?;
    let code = rest.lines().next()?.parse().ok()?;
    Some((text, code))
}

#[test]
fn a_session_keeps_its_directory_and_its_variables() {
    let directory = tempfile::tempdir().unwrap();
    let page = "```text a/b.txt\nhello\n```\n```console\n$ cd a; X=1\n$ cat b.txt\nhello\n\
                $ echo $X \\\n  y\n1 y\n```\n```console fails\n$ cat c.txt\ncat: …\n```\n";
    run("page", page, Command::new("sh").current_dir(&directory));
    let wrong = "```console\n$ echo a\nb\n```\n";
    let told = std::panic::catch_unwind(|| run("page", wrong, &mut Command::new("sh")));
    let told = told.unwrap_err();
    assert_eq!(
        told.downcast_ref::<String>().unwrap(),
        "page:2: $ echo a\nprints\na\n--- not\nb"
    );
}
