//! The command line of wasmaot: flags in, exit code out.

mod advice;
#[cfg(feature = "bench")]
mod bench;
#[cfg(feature = "compiler")]
mod build;
mod choice;
mod debug;
mod grant;
mod inspect;
mod invoke;
mod ldd;
mod libraries;
mod link;
mod man;
mod opening;
mod options;
mod other_tools;
mod output;
#[cfg(feature = "compiler")]
mod progress;
mod report;
mod run;
mod timeout;

use std::ffi::OsString;

use clap::{CommandFactory as _, Parser as _};
use wasmaot_link::LeadsBack;

use options::{Cli, Command, Run};
use report::{BrokenPipe, FAILURE, Usage, complain, print, usage};

/// Exit code for wrong usage.
const USAGE: u8 = 2;
/// Exit code when nobody reads standard output any more: that of a process that
/// ends by SIGPIPE.
const BROKEN_PIPE: u8 = 141;

/// Parses the command line and carries it out; answers the exit code.
pub fn main() -> i32 {
    let line: Vec<OsString> = std::env::args_os().skip(1).collect();
    let first = line.first();
    let command = if let Some(run) = Run::plain(&line) {
        Command::Run(Box::new(run))
    } else if let Some(instead) = first.and_then(|word| other_tools::instead_of(word)) {
        let word = line[0].display();
        return failed(&usage(format!("no command `{word}`; that is `{instead}`")));
    } else if first.is_some_and(|word| options::is_of_run(word)) {
        let run = ["wasmaot".into(), "run".into()];
        Cli::parse_from(run.into_iter().chain(line)).command
    } else {
        Cli::parse().command
    };
    match carry_out(&command) {
        Ok(code) => code.into(),
        // It has been said by the one that was run.
        Err(error) if error.is::<LeadsBack>() => FAILURE.into(),
        // Whoever read what was written wants no more of it.
        Err(error) if error.is::<BrokenPipe>() => BROKEN_PIPE.into(),
        Err(error) => {
            let advice = advice::advice(&error, &command);
            complain_of(&error, advice.as_deref())
        }
    }
}

fn carry_out(command: &Command) -> anyhow::Result<u8> {
    match command {
        #[cfg(feature = "compiler")]
        Command::Build(args) => build::run(args).map(|()| 0),
        Command::Run(args) => run::run(args),
        Command::Ldd(args) => ldd::run(args),
        Command::Link(args) => link::run(args).map(|()| 0),
        Command::Inspect(args) => inspect::run(args).map(|()| 0),
        #[cfg(feature = "bench")]
        Command::Bench(args) => bench::run(args).map(|()| 0),
        Command::Completions { shell } => {
            let mut text = Vec::new();
            clap_complete::generate(*shell, &mut Cli::command(), "wasmaot", &mut text);
            print(&text).map(|()| 0)
        }
        Command::Man { directory } => man::run(directory).map(|()| 0),
    }
}

/// Says what went wrong before there was a command; answers the exit code.
pub fn failed(error: &anyhow::Error) -> i32 {
    complain_of(error, None)
}

/// Says what went wrong, and what to do about it; answers the exit code.
fn complain_of(error: &anyhow::Error, advice: Option<&str>) -> i32 {
    let told = told(error);
    match advice {
        Some(advice) => complain("error", format_args!("{told}; {advice}")),
        None => complain("error", told),
    }
    let code = if error.is::<Usage>() { USAGE } else { FAILURE };
    code.into()
}

/// An error and its causes in one line. Many an error's text has its cause's in
/// it already.
fn told(error: &anyhow::Error) -> String {
    let mut text = error.to_string();
    for cause in error.chain().skip(1).map(ToString::to_string) {
        if !text.contains(&cause) {
            text = format!("{text}: {cause}");
        }
    }
    text
}
