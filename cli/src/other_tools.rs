//! Words that other tools have for what a command here does.

use std::ffi::OsStr;

/// The words of a command, and what is to be given instead.
const WORDS: &[(&[&str], &str)] = &[
    (
        &[
            "aot",
            "aotc",
            "compile",
            "precompile",
            "translate",
            "validate",
        ],
        "wasmaot build MODULE",
    ),
    (
        &["exec", "execute", "serve", "start"],
        "wasmaot run PROGRAM",
    ),
    (
        &["call", "invoke"],
        "wasmaot run --invoke NAME PROGRAM [PARAMETER]...",
    ),
    (&["lld", "wasm-ld"], "wasmaot link OBJECT..."),
    (
        &["dis", "dump", "info", "print", "show", "symbols"],
        "wasmaot inspect FILE",
    ),
    (&["clang", "gcc"], "wasmaot cc FILE..."),
    (&["clang++", "cxx", "g++"], "wasmaot c++ FILE..."),
    (&["deps", "dependencies", "needed"], "wasmaot ldd FILE"),
    (&["benchmark", "perf"], "wasmaot bench"),
    (&["version"], "wasmaot --version"),
];

/// What is to be given instead of another tool's word.
pub(crate) fn instead_of(word: &OsStr) -> Option<&'static str> {
    let word = word.to_str()?;
    let found = WORDS.iter().find(|(words, _)| words.contains(&word));
    found.map(|(_, instead)| *instead)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;
    use crate::options::Cli;

    #[test]
    fn no_command_of_ours_is_among_the_words_of_others() {
        for command in Cli::command().get_subcommands() {
            assert_eq!(instead_of(OsStr::new(command.get_name())), None);
        }
        let instead = instead_of(OsStr::new("compile"));
        assert_eq!(instead, Some("wasmaot build MODULE"));
    }
}
