//! The command line of wasmaot: flags in, exit code out.

mod advice;
#[cfg(feature = "bench")]
mod bench;
#[cfg(feature = "compiler")]
mod build;
#[cfg(feature = "compiler")]
mod cache;
mod cc;
mod choice;
mod core_dump;
#[cfg(feature = "compiler")]
mod executable;
mod inspect;
#[cfg(feature = "compiler")]
mod installed;
mod invoke;
mod json;
mod ldd;
mod libraries;
mod link;
mod man;
mod opening;
mod options;
mod other_tools;
mod output;
#[cfg(feature = "compiler")]
mod profile;
#[cfg(feature = "compiler")]
mod progress;
#[cfg(feature = "remote-cache")]
mod remote;
mod run;
#[cfg(feature = "compiler")]
mod sysroot;

use std::ffi::{OsStr, OsString};
use std::path::Path;

use clap::{CommandFactory as _, Parser as _};
use wasmaot_cc::Language;
use wasmaot_launch::report::{FAILURE, failed, print, usage};
use wasmaot_link::LeadsBack;

use options::{Cli, Command, Run, Words};

/// Parses the command line and carries it out; answers the exit code.
pub fn main() -> u8 {
    let line = line();
    let first = line.first();
    #[cfg(feature = "remote-cache")]
    if first.is_some_and(|word| word == wasmaot_remote::WORD) {
        return wasmaot_remote::serve();
    }
    if let Some(ended) = first.and_then(|word| direct(word, &line[1..])) {
        return ended.unwrap_or_else(|error| ended_by(&error, |_| None));
    }
    let command = if let Some(run) = Run::plain(&line) {
        Command::Run(Box::new(run))
    } else if let Some(instead) = first.and_then(|word| other_tools::instead_of(word)) {
        let word = line[0].display();
        let error = usage(format!("no command `{word}`; that is `{instead}`"));
        return failed(&error, None);
    } else {
        let run = ["wasmaot".into(), "run".into()];
        let parsed = match options::is_of_run(&line) {
            true => Cli::parse_from(run.into_iter().chain(line)),
            false => Cli::parse(),
        };
        parsed.talk.verbosity().choose();
        parsed.command
    };
    let ended = carry_out(&command);
    #[cfg(feature = "remote-cache")]
    remote::finish();
    match ended {
        Ok(code) => code,
        Err(error) => ended_by(&error, |error| advice::advice(error, &command)),
    }
}

/// The command line after the command's name. One that is started by a name
/// such as `wasmaot-cc` is the command `cc`.
fn line() -> Vec<OsString> {
    let mut words = std::env::args_os();
    let name = words.next().unwrap_or_default();
    let name = Path::new(&name).file_name().and_then(OsStr::to_str);
    let command = name.and_then(|name| name.strip_prefix("wasmaot-"));
    let is_named = |command: &&str| cc::names(command) || *command == "link";
    let command = command.filter(is_named).map(OsString::from);
    command.into_iter().chain(words).collect()
}

/// Runs a command whose arguments are of the form that linkers and compilers
/// have. What it is asked for help is described by the parser.
fn direct(word: &OsStr, arguments: &[OsString]) -> Option<anyhow::Result<u8>> {
    if arguments.iter().any(|argument| argument == "--help") && !cc::is_binutil(word) {
        return None;
    }
    if word == "link" || word == "ld" {
        return Some(link::run(arguments));
    }
    cc::driver(word, arguments)
}

/// Says what went wrong, and what to do about it; answers the exit code.
fn ended_by(error: &anyhow::Error, advice: impl Fn(&anyhow::Error) -> Option<String>) -> u8 {
    match error.is::<LeadsBack>() {
        // It has been said by the one that was run.
        true => FAILURE,
        false => failed(error, advice(error).as_deref()),
    }
}

fn carry_out(command: &Command) -> anyhow::Result<u8> {
    match command {
        #[cfg(feature = "compiler")]
        Command::Build(args) => build::run(args).map(|()| 0),
        Command::Run(args) => run::run(args),
        Command::Ldd(args) => ldd::run(args),
        Command::Cc(Words { words }) => cc::compile(Language::C, words),
        Command::Cxx(Words { words }) => cc::compile(Language::Cxx, words),
        Command::Link(Words { words }) => link::run(words),
        Command::Inspect(args) => inspect::run(args).map(|()| 0),
        #[cfg(feature = "bench")]
        Command::Bench(args) => bench::run(args).map(|()| 0),
        #[cfg(feature = "compiler")]
        Command::Sysroot(args) => sysroot::run(&args.command).map(|()| 0),
        #[cfg(feature = "compiler")]
        Command::Cache(args) => cache::run(args).map(|()| 0),
        Command::Completions { shell } => {
            let mut text = Vec::new();
            clap_complete::generate(*shell, &mut Cli::command(), "wasmaot", &mut text);
            print(&text).map(|()| 0)
        }
        Command::Man { directory } => man::run(directory).map(|()| 0),
    }
}
