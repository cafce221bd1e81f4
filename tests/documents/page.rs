//! A page of the documents as what a reader does with it: files to write and
//! commands to run, in order.
//!
//! ````text
//! ```c main.c        a file, by the second word after the fence
//! ```console         commands after `$ `, what they print after them
//! ```console fails   the same, where the last one ends with an error
//! ````
//!
//! A command goes on in the next line after a backslash, and in lines that begin
//! with `> `. In what is printed, `…` stands for any text, and alone in a line for
//! any lines. All other blocks are for reading.

/// What a reader does.
#[derive(Debug, PartialEq, Eq)]
pub enum Step {
    /// Writes a file.
    Write { name: String, text: String },
    /// Runs a command.
    Run(Command),
}

/// A command of a page.
#[derive(Debug, PartialEq, Eq)]
pub struct Command {
    /// Its line in the page, from 1.
    pub line: usize,
    /// What is typed.
    pub text: String,
    /// What is printed, a line each.
    pub printed: Vec<String>,
    /// Whether it ends with an error.
    pub fails: bool,
}

/// Reads a page.
pub fn steps(page: &str) -> Vec<Step> {
    let mut steps = Vec::new();
    let mut lines = page.lines().enumerate();
    while let Some((_, line)) = lines.next() {
        let Some(info) = line.strip_prefix("```").filter(|rest| !rest.is_empty()) else {
            continue;
        };
        let words: Vec<&str> = info.split_whitespace().collect();
        let block: Vec<(usize, &str)> = lines
            .by_ref()
            .take_while(|(_, line)| *line != "```")
            .map(|(number, line)| (number + 1, line))
            .collect();
        match words.as_slice() {
            ["console", rest @ ..] => {
                let mut commands = commands(&block);
                if let Some(last) = commands.last_mut() {
                    last.fails = rest.contains(&"fails");
                }
                steps.extend(commands.into_iter().map(Step::Run));
            }
            [_, name] => {
                let text = block.iter().map(|(_, line)| format!("{line}\n")).collect();
                let name = (*name).to_owned();
                steps.push(Step::Write { name, text });
            }
            _ => {}
        }
    }
    steps
}

fn commands(block: &[(usize, &str)]) -> Vec<Command> {
    let mut commands: Vec<Command> = Vec::new();
    let mut goes_on = false;
    for &(number, line) in block {
        if let Some(text) = line.strip_prefix("$ ") {
            commands.push(Command {
                line: number,
                text: text.to_owned(),
                printed: Vec::new(),
                fails: false,
            });
            goes_on = text.ends_with('\\');
            continue;
        }
        let Some(last) = commands.last_mut() else {
            continue;
        };
        let continued = match goes_on {
            true => Some(line),
            false if last.printed.is_empty() => line.strip_prefix("> "),
            false => None,
        };
        match continued {
            Some(text) => {
                last.text = format!("{}\n{text}", last.text);
                goes_on = text.ends_with('\\');
            }
            None => last.printed.push(line.to_owned()),
        }
    }
    commands
}

/// Whether a command printed what its page says.
pub fn agrees(expected: &[String], printed: &[&str]) -> bool {
    match expected.split_first() {
        None => printed.iter().all(|line| line.trim().is_empty()),
        Some((line, rest)) if line.trim() == "…" => {
            (0..=printed.len()).any(|skipped| agrees(rest, &printed[skipped..]))
        }
        Some((line, rest)) => printed.split_first().is_some_and(|(first, others)| {
            line_agrees(line.trim_end(), first.trim_end()) && agrees(rest, others)
        }),
    }
}

fn line_agrees(expected: &str, printed: &str) -> bool {
    match expected.split_once('…') {
        None => expected == printed,
        Some((before, after)) => printed.strip_prefix(before).is_some_and(|rest| {
            let ends = rest.char_indices().map(|(at, _)| at).chain([rest.len()]);
            ends.into_iter().any(|at| line_agrees(after, &rest[at..]))
        }),
    }
}

#[test]
fn a_page_is_files_and_commands() {
    let page = "text\n```c a.c\nint a;\n```\n```sh\nno\n```\n```console fails\n$ one \\\n  two\n\
                out\n$ cat <<E\n> x\n> E\nx\n```\n";
    let command = |line, text: &str, printed: &[&str], fails| {
        Step::Run(Command {
            line,
            text: text.to_owned(),
            printed: printed.iter().map(|&line| line.to_owned()).collect(),
            fails,
        })
    };
    let file = Step::Write {
        name: "a.c".to_owned(),
        text: "int a;\n".to_owned(),
    };
    assert_eq!(
        steps(page),
        [
            file,
            command(9, "one \\\n  two", &["out"], false),
            command(12, "cat <<E\nx\nE", &["x"], true),
        ]
    );
}

#[test]
fn dots_stand_for_any_text() {
    let lines = |text: &str| text.lines().map(str::to_owned).collect::<Vec<_>>();
    let fits = |expected: &str, printed: &str| {
        agrees(&lines(expected), &printed.lines().collect::<Vec<_>>())
    };
    assert!(fits("a…c", "abc") && fits("a…", "a") && fits("…\nz", "x\ny\nz"));
    assert!(fits("a\n…", "a") && fits("", "\n") && fits("a…b…c", "a1b2c"));
    assert!(!fits("a…c", "ab") && !fits("a", "a\nb") && !fits("…\nz", "x"));
}
