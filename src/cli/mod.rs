//! The command line: flags in, exit code out.

#[cfg(feature = "compiler")]
mod build;
mod debug;
mod inspect;
mod ldd;
mod options;
mod run;

use std::fmt;
use std::process::ExitCode;

use clap::{CommandFactory as _, Parser as _};

use options::{Cli, Command};

/// Exit code for an error of ours.
const FAILURE: u8 = 1;
/// Exit code for wrong usage.
const USAGE: u8 = 2;

/// Parses the command line and carries it out.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    let result = match cli.command {
        #[cfg(feature = "compiler")]
        Command::Build(args) => build::run(&args).map(|()| 0),
        Command::Run(args) => run::run(&args),
        Command::Ldd(args) => ldd::run(&args),
        Command::Inspect(args) => inspect::run(&args).map(|()| 0),
        Command::Completions { shell } => {
            clap_complete::generate(
                shell,
                &mut Cli::command(),
                "wasmaot",
                &mut std::io::stdout(),
            );
            Ok(0)
        }
    };
    match result {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::from(if error.is::<Usage>() { USAGE } else { FAILURE })
        }
    }
}

/// Flags that do not go together.
#[derive(Debug)]
struct Usage(String);

impl fmt::Display for Usage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Usage {}

fn usage(message: impl Into<String>) -> anyhow::Error {
    Usage(message.into()).into()
}
