//! The file `case` of a program of ours: what is built of which sources, and
//! how it is run.
//!
//! A line is one of
//!
//! ```text
//! program SOURCE… [needs LIBRARY…] [runpath DIRECTORY] [define MACRO…] [flags FLAG…] [native FLAG…]
//! library NAME SOURCE… [as for a program]
//! forms [pie] [no-pie] [native]
//! compile FLAG…
//! exit CODE
//! absent LIBRARY…
//! run [preload LIBRARY…] [bind lazy|now|direct] [dir DIRECTORY…] [env NAME=VALUE…] [args ARGUMENT…]
//! ```
//!
//! Every module needs libc as well. `flags` go to wasm-ld, those of `compile`
//! to clang, those of `native` to gcc; `define` to both compilers. What is
//! needed and no library of the case is one of the sysroot's. Sources are C,
//! or C++ without its library. A library's NAME may lie in a subdirectory; its
//! file name alone is what others need it by. Libraries may need each other:
//! the second is then first linked against a stub of the first, as it is done
//! with ELF. A library that nobody needs lies beside the program, for
//! `dlopen` or `preload`; one that is `absent` does not, though it was linked
//! with. `dir` grants a directory, relative to the program's.
//!
//! `lib{0..3}.so` in a list is four names. As the NAME of a library it makes
//! four libraries; in the rest of the line `{}` is the number, `{+1}` the next.
//!
//! Without a line `run` there is one run with no options.

use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

use crate::case::{Form, PROGRAM};

/// One library or the program.
#[derive(Clone, Debug, Default)]
pub(crate) struct Unit {
    pub name: String,
    pub sources: Vec<PathBuf>,
    pub needs: Vec<String>,
    pub runpath: Option<String>,
    pub defines: Vec<String>,
    pub flags: Vec<String>,
    pub native: Vec<String>,
}

/// When functions of other modules are looked up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bind {
    /// At their first call.
    Lazy,
    /// At load.
    Now,
    /// At load, and calls go straight to them. To the host that is the same.
    Direct,
}

/// One way to run a program.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Libraries of the case that are loaded before those that main needs.
    pub preload: Vec<String>,
    /// `None`: as the loader does it by itself.
    pub bind: Option<Bind>,
    /// Directories that the program may use.
    pub dirs: Vec<String>,
    /// Names and values.
    pub env: Vec<(String, String)>,
    /// What main gets.
    pub args: Vec<String>,
}

/// All that the file says.
#[derive(Clone, Debug)]
pub(crate) struct Manifest {
    pub forms: Vec<Form>,
    pub code: i32,
    pub compile: Vec<String>,
    pub program: Unit,
    pub libraries: Vec<Unit>,
    pub absent: Vec<String>,
    pub runs: Vec<Options>,
}

impl Manifest {
    /// Reads the file in `directory`.
    ///
    /// # Panics
    /// If it is missing or not understood.
    pub fn read(directory: &Path) -> Self {
        let path = directory.join("case");
        let text =
            std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        let mut manifest = Self {
            forms: vec![Form::Pie, Form::NoPie, Form::Native],
            code: 0,
            compile: Vec::new(),
            program: Unit::default(),
            libraries: Vec::new(),
            absent: Vec::new(),
            runs: Vec::new(),
        };
        for line in text
            .lines()
            .filter(|l| !l.is_empty() && !l.starts_with('#'))
        {
            assert!(
                manifest.line(directory, line),
                "{}: what is `{line}`?",
                path.display()
            );
        }
        if manifest.runs.is_empty() {
            manifest.runs.push(Options::default());
        }
        manifest
    }

    /// `false`: not understood.
    fn line(&mut self, directory: &Path, line: &str) -> bool {
        let words: Vec<&str> = line.split_whitespace().collect();
        match words[..] {
            ["program", ref rest @ ..] => self.program = unit(directory, PROGRAM, rest),
            ["library", name, ref rest @ ..] => self.libraries(directory, name, rest),
            ["forms", ref rest @ ..] => match rest.iter().map(|word| Form::named(word)).collect() {
                Some(forms) => self.forms = forms,
                None => return false,
            },
            ["compile", ref rest @ ..] => {
                self.compile = rest.iter().map(|&word| word.to_owned()).collect();
            }
            ["absent", ref rest @ ..] => {
                self.absent = rest.iter().map(|&word| word.to_owned()).collect();
            }
            ["exit", code] => match code.parse() {
                Ok(code) => self.code = code,
                Err(_) => return false,
            },
            ["run", ref rest @ ..] => match options(rest) {
                Some(options) => self.runs.push(options),
                None => return false,
            },
            _ => return false,
        }
        true
    }

    fn libraries(&mut self, directory: &Path, name: &str, rest: &[&str]) {
        let Some((before, numbers, after)) = range(name) else {
            self.libraries.push(unit(directory, name, rest));
            return;
        };
        for number in numbers {
            let this = |word: &str| {
                let word = word.replace("{}", &number.to_string());
                word.replace("{+1}", &(number + 1).to_string())
            };
            let name = format!("{before}{number}{after}");
            let rest: Vec<String> = rest.iter().map(|word| this(word)).collect();
            let rest: Vec<&str> = rest.iter().map(String::as_str).collect();
            self.libraries.push(unit(directory, &name, &rest));
        }
    }
}

fn unit(directory: &Path, name: &str, words: &[&str]) -> Unit {
    let mut unit = Unit {
        name: name.to_owned(),
        ..Unit::default()
    };
    let mut list = "";
    for word in words.iter().flat_map(|word| expand(word)) {
        match (word.as_str(), list) {
            ("needs", _) => list = "needs",
            ("runpath", _) => list = "runpath",
            ("define", _) => list = "define",
            ("flags", _) => list = "flags",
            ("native", _) => list = "native",
            (_, "needs") => unit.needs.push(word),
            (_, "runpath") => unit.runpath = Some(word),
            (_, "define") => unit.defines.push(format!("-D{word}")),
            (_, "flags") => unit.flags.push(word),
            (_, "native") => unit.native.push(word),
            _ => unit.sources.push(directory.join(word)),
        }
    }
    unit
}

/// `None`: not understood.
fn options(words: &[&str]) -> Option<Options> {
    let mut options = Options::default();
    let mut list = "";
    for &word in words {
        match (word, list) {
            ("preload" | "bind" | "dir" | "env" | "args", _) => list = word,
            (_, "preload") => options.preload.push(word.to_owned()),
            ("lazy", "bind") => options.bind = Some(Bind::Lazy),
            ("now", "bind") => options.bind = Some(Bind::Now),
            ("direct", "bind") => options.bind = Some(Bind::Direct),
            (_, "dir") => options.dirs.push(word.to_owned()),
            (_, "env") => {
                let (name, value) = word.split_once('=')?;
                options.env.push((name.to_owned(), value.to_owned()));
            }
            (_, "args") => options.args.push(word.to_owned()),
            _ => return None,
        }
    }
    Some(options)
}

/// The parts of `BEFORE{FIRST..LAST}AFTER`.
fn range(word: &str) -> Option<(&str, RangeInclusive<u32>, &str)> {
    let (before, rest) = word.split_once('{')?;
    let (numbers, after) = rest.split_once('}')?;
    let (first, last) = numbers.split_once("..")?;
    Some((before, first.parse().ok()?..=last.parse().ok()?, after))
}

fn expand(word: &str) -> Vec<String> {
    match range(word) {
        Some((before, numbers, after)) => {
            let name = |number| format!("{before}{number}{after}");
            numbers.map(name).collect()
        }
        None => vec![word.to_owned()],
    }
}
