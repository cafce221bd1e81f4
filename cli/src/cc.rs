//! `wasmaot cc`, `wasmaot c++` and the tools beside them.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

#[cfg(feature = "compiler")]
use anyhow::Context as _;
use anyhow::Result;
#[cfg(feature = "compiler")]
use clap::Parser as _;
use wasmaot_cc::{BINUTILS, Done, Language, run, run_binutil};

#[cfg(feature = "compiler")]
use crate::build;
#[cfg(feature = "compiler")]
use crate::options::{Cli, Command};
use crate::output;
use wasmaot_launch::report::{print, warn};

/// Whether a word names one of them.
pub(crate) fn names(word: &str) -> bool {
    ["cc", "c++"].contains(&word) || BINUTILS.contains(&word)
}

/// Whether a word names a tool of LLVM, which has help of its own.
pub(crate) fn is_binutil(word: &OsStr) -> bool {
    BINUTILS.iter().any(|name| word == *name)
}

/// Runs a compiler, or a tool for what it makes, if the word names one: its
/// arguments are its own, and not for the parser of ours.
pub(crate) fn driver(word: &OsStr, arguments: &[OsString]) -> Option<Result<u8>> {
    let word = word.to_str()?;
    match word {
        "cc" => Some(compile(Language::C, arguments)),
        "c++" => Some(compile(Language::Cxx, arguments)),
        _ if BINUTILS.contains(&word) => Some(run_binutil(word, arguments)),
        _ => None,
    }
}

/// Runs the compiler for a language.
pub(crate) fn compile(language: Language, arguments: &[OsString]) -> Result<u8> {
    let warn = |text: &str| warn(text);
    match run(language, arguments, &mut |text| print(text), &warn)? {
        Done::Code(code) => Ok(code),
        Done::File { path, bytes } => output::write_executable(&path, &bytes).map(|()| 0),
        Done::Executable {
            path,
            module,
            directories,
            options,
        } => executable(&path, &module, &directories, options).map(|()| 0),
    }
}

/// Makes an executable of a program's module and its libraries.
#[cfg(feature = "compiler")]
fn executable(path: &Path, module: &[u8], directories: &[PathBuf], options: &str) -> Result<()> {
    let directory = tempfile::tempdir().context("cannot make a temporary directory")?;
    // It is called as the program in messages.
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".wasm");
    let input = directory.path().join(name);
    output::write(&input, module)?;
    let mut line: Vec<OsString> = ["wasmaot", "build", "--exe", options, "-o"]
        .map(OsString::from)
        .to_vec();
    line.push(path.into());
    for directory in directories {
        line.extend(["-L".into(), directory.into()]);
    }
    line.push(input.into());
    match Cli::parse_from(line).command {
        Command::Build(args) => build::run(&args),
        _ => Ok(()),
    }
}

#[cfg(not(feature = "compiler"))]
fn executable(path: &Path, _: &[u8], _: &[PathBuf], _: &str) -> Result<()> {
    anyhow::bail!(
        "{}: -static needs a compiler of modules, which this wasmaot has not; leave it out",
        path.display()
    )
}
