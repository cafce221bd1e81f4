//! The command line of wasmaot: flags in, exit code out.

mod advice;
#[cfg(feature = "bench")]
mod bench;
#[cfg(feature = "compiler")]
mod build;
mod choice;
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
mod run;

use std::ffi::OsString;

use clap::{CommandFactory as _, Parser as _};
use wasmaot_launch::report::{FAILURE, failed, print, usage};
use wasmaot_link::LeadsBack;

use options::{Cli, Command, Run};

/// Parses the command line and carries it out; answers the exit code.
pub fn main() -> u8 {
    let line: Vec<OsString> = std::env::args_os().skip(1).collect();
    let first = line.first();
    let command = if let Some(run) = Run::plain(&line) {
        Command::Run(Box::new(run))
    } else if let Some(instead) = first.and_then(|word| other_tools::instead_of(word)) {
        let word = line[0].display();
        let error = usage(format!("no command `{word}`; that is `{instead}`"));
        return failed(&error, None);
    } else if first.is_some_and(|word| options::is_of_run(word)) {
        let run = ["wasmaot".into(), "run".into()];
        Cli::parse_from(run.into_iter().chain(line)).command
    } else {
        Cli::parse().command
    };
    match carry_out(&command) {
        Ok(code) => code,
        // It has been said by the one that was run.
        Err(error) if error.is::<LeadsBack>() => FAILURE,
        Err(error) => {
            let advice = advice::advice(&error, &command);
            failed(&error, advice.as_deref())
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
