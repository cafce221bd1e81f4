//! Options in words: what an executable was built with, what [`VARIABLE`] holds,
//! and the command line of the loader. They are those of `wasmaot run`.

use std::ffi::{OsStr, OsString};
use std::fmt::Display;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::str::FromStr;

use anyhow::Result;
use lexopt::{Arg, Parser};

use crate::choice::{BIND, DL_STUBS, Names, UNRESOLVED, name_of, named};
use crate::grant::Grant;
use crate::options::Options;
use crate::report::usage;
use crate::timeout::Timeout;

/// Environment variable with options, in words as a shell splits them.
pub const VARIABLE: &str = "WASMAOT_OPTIONS";

/// An option: how it is written, and what it does.
pub struct Word {
    /// Its name.
    pub name: &'static str,
    /// What its value is called; empty if it has none.
    pub value: &'static str,
    /// What it does.
    pub help: &'static str,
}

const fn word(name: &'static str, value: &'static str, help: &'static str) -> Word {
    Word { name, value, help }
}

/// All of them.
pub const WORDS: &[Word] = &[
    word("-L", "DIR", "Look for libraries in this directory first"),
    word("--preload", "FILE", "Load this object before all libraries"),
    word("--verify", "", "Check every byte of objects"),
    word("--dir", "[ro:]HOST[::GUEST]", "Grant access to a directory"),
    word("--env", "K=V", "Set a variable; K alone passes it on"),
    word("--argv0", "NAME", "The program's name for itself"),
    word(
        "--listen",
        "ADDRESS:PORT",
        "Give the program a listening socket",
    ),
    word("--bind", "WAY", "static, now, lazy or direct"),
    word(
        "--lazy-load",
        "",
        "With --bind lazy, load libraries when they are needed",
    ),
    word("--dl-stubs", "WAY", "replace or keep"),
    word("--unresolved", "WAY", "error, warn or ignore"),
    word("--max-memory", "BYTES", "What the program may use"),
    word("--stack-size", "BYTES", "Native stack"),
    word("--max-threads", "N", "Threads at a time"),
    word("--timeout", "TIME", "Stop after this time"),
];

impl Options {
    /// Reads the options that [`VARIABLE`] holds.
    ///
    /// # Errors
    /// As of [`Options::of_words`].
    pub fn of_environment() -> Result<Self> {
        let Some(text) = std::env::var_os(VARIABLE) else {
            return Ok(Self::default());
        };
        let words = shlex::bytes::split(text.as_bytes())
            .ok_or_else(|| usage(format!("{VARIABLE}: a quote in it is not closed")))?;
        Self::of_words(VARIABLE, words.into_iter().map(OsString::from_vec))
    }

    /// Reads all words of a place, which is called `place` in messages.
    ///
    /// # Errors
    /// Wrong usage: a word that is no option, or a value that is none.
    pub fn of_words(place: &str, words: impl IntoIterator<Item = OsString>) -> Result<Self> {
        let mut options = Self::default();
        let mut parser = Parser::from_args(words);
        let mut read = || {
            while let Some(arg) = parser.next().map_err(|error| usage(error.to_string()))? {
                let name = written(&arg);
                if !options.take(&name, &mut parser)? {
                    return Err(unknown(&name));
                }
            }
            Ok(())
        };
        match read() {
            Ok(()) => Ok(options),
            Err(error) => Err(usage(format!("{place}: {error}"))),
        }
    }

    /// Takes an option as it is [written], and its value; answers whether it is
    /// one of these.
    ///
    /// # Errors
    /// Wrong usage: a value that is missing, or none.
    pub fn take(&mut self, name: &str, parser: &mut Parser) -> Result<bool> {
        let mut value = || -> Result<OsString> {
            let value = parser.value();
            value.map_err(|_| usage(format!("{name}: its value is missing")))
        };
        match name {
            "-L" => self.library_path.push(value()?.into()),
            "--preload" => self.preload.push(value()?.into()),
            "--verify" => self.verify = true,
            "--dir" => self.grants.push(read(name, &value()?, Grant::read)?),
            "--env" => self.env.push(value()?),
            "--argv0" => self.argv0 = Some(value()?),
            "--listen" => self.listen.push(text(name, &value()?)?),
            "--bind" => self.bind = Some(choice(name, &value()?, BIND)?),
            "--lazy-load" => self.lazy_load = true,
            "--dl-stubs" => self.dl_stubs = Some(choice(name, &value()?, DL_STUBS)?),
            "--unresolved" => self.unresolved = Some(choice(name, &value()?, UNRESOLVED)?),
            "--max-memory" => self.max_memory = Some(parse(name, &value()?)?),
            "--stack-size" => self.stack_size = Some(parse(name, &value()?)?),
            "--max-threads" => self.max_threads = Some(parse(name, &value()?)?),
            "--timeout" => {
                let given = text(name, &value()?)?;
                self.timeout =
                    Some(Timeout::parse(&given).map_err(|error| bad(name, &given, error))?);
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// The words from which these options are read.
    pub fn words(&self) -> Vec<OsString> {
        let mut words: Vec<OsString> = Vec::new();
        let mut add = |name: &str, value: &OsStr| words.extend([name.into(), value.to_owned()]);
        self.library_path
            .iter()
            .for_each(|dir| add("-L", dir.as_ref()));
        self.preload
            .iter()
            .for_each(|file| add("--preload", file.as_ref()));
        self.grants
            .iter()
            .for_each(|grant| add("--dir", &grant.written()));
        self.env.iter().for_each(|variable| add("--env", variable));
        self.argv0.iter().for_each(|name| add("--argv0", name));
        self.listen
            .iter()
            .for_each(|at| add("--listen", at.as_ref()));
        let values = [
            (
                "--bind",
                self.bind.map(|way| name_of(BIND, &way).to_owned()),
            ),
            (
                "--dl-stubs",
                self.dl_stubs.map(|way| name_of(DL_STUBS, &way).to_owned()),
            ),
            (
                "--unresolved",
                self.unresolved
                    .map(|way| name_of(UNRESOLVED, &way).to_owned()),
            ),
            ("--max-memory", self.max_memory.map(|size| size.to_string())),
            ("--stack-size", self.stack_size.map(|size| size.to_string())),
            (
                "--max-threads",
                self.max_threads.map(|number| number.to_string()),
            ),
            ("--timeout", self.timeout.as_ref().map(ToString::to_string)),
        ];
        for (name, value) in values {
            value.iter().for_each(|value| add(name, value.as_ref()));
        }
        let flags = [("--verify", self.verify), ("--lazy-load", self.lazy_load)];
        words.extend(
            flags
                .iter()
                .filter(|(_, given)| *given)
                .map(|(name, _)| name.into()),
        );
        words
    }
}

/// An option as it is written, or the word that is none.
pub fn written(arg: &Arg<'_>) -> String {
    match arg {
        Arg::Short(letter) => format!("-{letter}"),
        Arg::Long(name) => format!("--{name}"),
        Arg::Value(word) => word.to_string_lossy().into_owned(),
    }
}

/// The error of a word that is no option.
pub fn unknown(word: &str) -> anyhow::Error {
    let names = WORDS.iter().map(|word| word.name);
    let names = names.collect::<Vec<_>>().join(" ");
    usage(format!("`{word}` is no option; there are {names}"))
}

fn bad(name: &str, value: &str, reason: impl Display) -> anyhow::Error {
    usage(format!("{name} {value}: {reason}"))
}

fn text(name: &str, value: &OsStr) -> Result<String> {
    let text = value.to_str().map(str::to_owned);
    text.ok_or_else(|| bad(name, &value.to_string_lossy(), "is no UTF-8"))
}

fn read<T, E: Display>(
    name: &str,
    value: &OsStr,
    read: impl FnOnce(&OsStr) -> Result<T, E>,
) -> Result<T> {
    read(value).map_err(|error| bad(name, &value.to_string_lossy(), error))
}

fn parse<T: FromStr<Err: Display>>(name: &str, value: &OsStr) -> Result<T> {
    let given = text(name, value)?;
    given.parse().map_err(|error| bad(name, &given, error))
}

fn choice<T: Copy>(name: &str, value: &OsStr, all: Names<T>) -> Result<T> {
    let given = text(name, value)?;
    named(all, &given).ok_or_else(|| {
        let names = all.iter().map(|(_, name, _)| *name);
        let names = names.collect::<Vec<_>>().join(", ");
        bad(name, &given, format_args!("is none of {names}"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(words: &[&str]) -> Result<Options> {
        Options::of_words("place", words.iter().map(OsString::from))
    }

    #[test]
    fn options_are_read_from_the_words_that_they_are_written_in() {
        for words in [
            &[][..],
            &["-L", "a", "-L", "b c", "--preload", "p", "--verify"],
            &[
                "--dir", "ro:a::/b", "--dir", "c", "--env", "A=b c", "--env", "D",
            ],
            &[
                "--argv0",
                "me",
                "--listen",
                "127.0.0.1:0",
                "--timeout",
                "1.5s",
            ],
            &["--bind", "lazy", "--lazy-load", "--dl-stubs", "keep"],
            &["--unresolved", "warn", "--max-memory", "64K"],
            &["--stack-size", "1M", "--max-threads", "3"],
        ] {
            let options = read(words).unwrap();
            assert_ne!(
                options == Options::default(),
                !words.is_empty(),
                "{words:?}"
            );
            let again = Options::of_words("again", options.words()).unwrap();
            assert_eq!(again, options, "{words:?}");
        }
        assert_eq!(
            read(&["--dir=a", "-Lb"]).unwrap(),
            read(&["--dir", "a", "-L", "b"]).unwrap()
        );
    }

    #[test]
    fn every_word_is_read() {
        for word in WORDS {
            let mut parser = Parser::from_args(["1"]);
            let taken = Options::default().take(word.name, &mut parser);
            // What a value has to be is each option's own.
            let needs_another = taken
                .as_ref()
                .err()
                .is_some_and(|error| error.to_string().contains(" 1: "));
            assert!(
                needs_another || taken.is_ok_and(|taken| taken),
                "{}",
                word.name
            );
            assert_eq!(
                parser.next().unwrap().is_none(),
                !word.value.is_empty(),
                "{}",
                word.name
            );
        }
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (words, parts) in [
            (&["x"][..], "place: `x` is no option; there are -L"),
            (&["--nothing"], "place: `--nothing` is no option"),
            (&["--dir"], "place: --dir: its value is missing"),
            (
                &["--bind", "x"],
                "place: --bind x: is none of static, now, lazy, direct",
            ),
            (&["--max-memory", "x"], "place: --max-memory x: not a size"),
            (&["--max-threads", "0"], "place: --max-threads 0: "),
            (&["--timeout", "0"], "place: --timeout 0: "),
            (&["--dir", "::"], "place: --dir ::: "),
        ] {
            let error = read(words).unwrap_err().to_string();
            assert!(error.starts_with(parts), "{words:?}: {error}");
        }
    }

    #[test]
    fn the_highest_place_counts() {
        let high = read(&["--dir", "a", "--env", "A=1", "--max-memory", "1K"]).unwrap();
        let low = read(&[
            "--dir",
            "b",
            "--env",
            "A=2",
            "--max-memory",
            "2K",
            "--timeout",
            "1",
        ])
        .unwrap();
        let both = read(&[
            "--dir",
            "a",
            "--dir",
            "b",
            "--env",
            "A=1",
            "--env",
            "A=2",
            "--max-memory",
            "1K",
            "--timeout",
            "1",
        ]);
        assert_eq!(high.over(low), both.unwrap());
    }
}
