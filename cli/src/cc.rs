//! `wasmaot cc`, `wasmaot c++` and the tools beside them.

use std::ffi::{OsStr, OsString};

use anyhow::Result;
use wasmaot_cc::{BINUTILS, Done, Language, run, run_binutil};

use crate::output;
use wasmaot_launch::report::{complain, print};

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
    let warn = |text: &str| complain("warning", text);
    match run(language, arguments, &mut |text| print(text), &warn)? {
        Done::Code(code) => Ok(code),
        Done::File { path, bytes } => output::write_executable(&path, &bytes).map(|()| 0),
    }
}
