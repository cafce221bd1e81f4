//! Which command a command line is of.

use std::ffi::{OsStr, OsString};
use std::path::Path;

use super::Talk;

/// All commands.
pub(super) const COMMANDS: &[&str] = &[
    "bench",
    "build",
    "c++",
    "cache",
    "cc",
    "completions",
    "help",
    "inspect",
    "ld",
    "ldd",
    "link",
    "man",
    "run",
    "sysroot",
];

/// Whether the first word of a command line is a program to run: a path, or
/// the name of a file and not of a command.
pub(super) fn names_program(word: &OsStr) -> bool {
    let bytes = word.as_encoded_bytes();
    if bytes == b"-" {
        return true;
    }
    let is_word = !bytes.starts_with(b"-") && !COMMANDS.iter().any(|command| word == *command);
    is_word && (bytes.iter().any(|byte| b"./".contains(byte)) || Path::new(word).is_file())
}

/// Whether a command line is one of `run`, which is left out: its first word, after
/// those of how much is to be said, is a program or an option of that command.
pub fn is_of_run(line: &[OsString]) -> bool {
    let own = ["-h", "--help", "-V", "--version", "-", "--"];
    let is_option = |word: &OsStr| {
        word.as_encoded_bytes().starts_with(b"-") && !own.iter().any(|option| word == *option)
    };
    let is_talk = |word: &&OsString| Talk::WORDS.iter().any(|known| *word == *known);
    let first = line.iter().find(|word| !is_talk(word));
    first.is_some_and(|word| is_option(word) || names_program(word))
}
