//! Programs of our own: `tests/c/NAME/` holds the sources, a file `case` that
//! says how they are linked, and a file `expected` with the output.
//!
//! A line of `case` is one of
//!
//! ```text
//! program SOURCE… [needs LIBRARY…] [runpath DIRECTORY] [flags FLAG…]
//! library NAME SOURCE… [needs LIBRARY…] [runpath DIRECTORY] [flags FLAG…]
//! forms [pie] [no-pie] [native]
//! compile FLAG…
//! exit CODE
//! ```
//!
//! Every module needs libc as well. `flags` go to wasm-ld, those of `compile`
//! to clang. What is needed and no library of the case is one of the sysroot's.
//! Sources are C, or C++ without its library. A library's NAME may
//! lie in a subdirectory; its file name alone is what others need it by.
//! Libraries may need each other: the second is then first linked against a
//! stub of the first, as it is done with ELF.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::cache::{Key, make, once};
use crate::native::{self, Artifact};
use crate::run::{Run, run};
use crate::wasm::{Code, Kind, Link, library_directory, objects};

/// How a case is built.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// A position-independent main module.
    Pie,
    /// A main module at fixed addresses.
    NoPie,
    /// For the host, by gcc: its output has to be the expected one too.
    Native,
}

/// One library or the program.
#[derive(Clone, Debug, Default)]
struct Unit {
    name: String,
    sources: Vec<PathBuf>,
    needs: Vec<String>,
    runpath: Option<String>,
    flags: Vec<String>,
}

impl Unit {
    fn is_cpp(&self) -> bool {
        let mut sources = self.sources.iter();
        sources.any(|path| path.extension().is_some_and(|e| e == "cpp"))
    }
}

/// A program of ours.
#[derive(Clone, Debug)]
pub struct Case {
    name: String,
    /// The ways in which it can be built.
    pub forms: Vec<Form>,
    /// Its exit code.
    pub code: i32,
    /// Its output.
    pub expected: String,
    /// Flags of clang, for what is not part of every program.
    pub compile: Vec<String>,
    program: Unit,
    libraries: Vec<Unit>,
}

/// The directory of the C sources.
pub fn sources() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("it lies in tests/")
        .join("c")
}

const PROGRAM: &str = "main.wasm";

impl Case {
    /// Reads `tests/c/NAME/`.
    ///
    /// # Panics
    /// If something is missing there, or not understood.
    pub fn open(name: &str) -> Self {
        let directory = sources().join(name);
        let read = |file: &str| {
            let path = directory.join(file);
            fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
        };
        let mut case = Self {
            name: name.to_owned(),
            forms: vec![Form::Pie, Form::NoPie, Form::Native],
            code: 0,
            expected: read("expected"),
            compile: Vec::new(),
            program: Unit::default(),
            libraries: Vec::new(),
        };
        for line in read("case")
            .lines()
            .filter(|l| !l.is_empty() && !l.starts_with('#'))
        {
            case.line(&directory, line);
        }
        case
    }

    fn line(&mut self, directory: &Path, line: &str) {
        let mut words = line.split_whitespace();
        let keyword = words.next().unwrap_or_default();
        match keyword {
            "program" => self.program = unit(directory, PROGRAM, words),
            "library" => {
                let name = words.next().unwrap_or_default();
                self.libraries.push(unit(directory, name, words));
            }
            "forms" => {
                self.forms = words
                    .map(|word| match word {
                        "pie" => Form::Pie,
                        "no-pie" => Form::NoPie,
                        "native" => Form::Native,
                        _ => panic!("{}: no form `{word}`", self.name),
                    })
                    .collect();
            }
            "compile" => self.compile = words.map(str::to_owned).collect(),
            "exit" => self.code = words.next().and_then(|w| w.parse().ok()).expect("a number"),
            _ => panic!("{}: what is `{line}`?", self.name),
        }
    }

    /// Builds it and returns the program's path; its libraries lie beside it.
    ///
    /// # Panics
    /// If a tool refuses.
    pub fn build(&self, form: Form) -> PathBuf {
        let mut files = vec![(PROGRAM, self.link(form, &self.program, &mut Vec::new()))];
        for library in &self.libraries {
            files.push((&library.name, self.link(form, library, &mut Vec::new())));
        }
        let mut key = Key::new("program").text(&self.name);
        for (name, file) in &files {
            key = key.text(name).file(file);
        }
        let directory = once("programs", &key, |directory| {
            for (name, file) in &files {
                let target = directory.join(name);
                make(target.parent().expect("it is in the directory"));
                fs::copy(file, target).expect("a file can be copied");
            }
        });
        directory.join(PROGRAM)
    }

    /// Runs what [`build`](Self::build) made for the host.
    pub fn run_native(&self) -> Run {
        let program = self.build(Form::Native);
        let directory = program.parent().expect("it is in a directory");
        run(Command::new(&program).env("LD_LIBRARY_PATH", directory))
    }

    /// Links one unit after the libraries that it needs. `under_way` are those
    /// that wait for it: of them it gets stubs.
    fn link(&self, form: Form, unit: &Unit, under_way: &mut Vec<String>) -> PathBuf {
        under_way.push(unit.name.clone());
        let mut libraries = Vec::new();
        for need in &unit.needs {
            match self.libraries.iter().find(|l| l.name == *need) {
                Some(library) if under_way.contains(need) => {
                    libraries.push(self.make(form, library, Vec::new()));
                }
                Some(library) => libraries.push(self.link(form, library, under_way)),
                // The host's libc has what the sysroot has beside its own.
                None if form == Form::Native => {}
                None => libraries.push(library_directory().join(need)),
            }
        }
        under_way.pop();
        self.make(form, unit, libraries)
    }

    fn make(&self, form: Form, unit: &Unit, libraries: Vec<PathBuf>) -> PathBuf {
        if form == Form::Native {
            return make_native(unit, libraries);
        }
        let (kind, code) = match (unit.name == PROGRAM, form) {
            (true, Form::NoPie) => (Kind::NoPie, Code::Fixed),
            (true, _) => (Kind::Pie, Code::Pic),
            (false, _) => (Kind::Shared, Code::Pic),
        };
        let flags: Vec<&str> = self.compile.iter().map(String::as_str).collect();
        let objects = objects(&unit.sources, code, &flags);
        let mut link = Link::new(kind, &unit.name, objects, libraries);
        link.flags.extend(unit.flags.iter().cloned());
        link.flags
            .extend(unit.runpath.iter().map(|path| format!("--rpath={path}")));
        link.make()
    }
}

fn unit<'a>(directory: &Path, name: &str, words: impl Iterator<Item = &'a str>) -> Unit {
    let mut unit = Unit {
        name: name.to_owned(),
        ..Unit::default()
    };
    let mut list = "";
    for word in words {
        match (word, list) {
            ("needs" | "runpath" | "flags", _) => list = word,
            (_, "needs") => unit.needs.push(word.to_owned()),
            (_, "runpath") => unit.runpath = Some(word.to_owned()),
            (_, "flags") => unit.flags.push(word.to_owned()),
            _ => unit.sources.push(directory.join(word)),
        }
    }
    unit
}

fn make_native(unit: &Unit, libraries: Vec<PathBuf>) -> PathBuf {
    let runpath = unit.runpath.iter().map(|path| format!("-Wl,-rpath,{path}"));
    let cpp = unit.is_cpp().then(|| "-lstdc++".to_owned());
    let artifact = Artifact {
        name: unit.name.clone(),
        sources: unit.sources.clone(),
        libraries,
        flags: runpath.chain(cpp).collect(),
    };
    if unit.name == PROGRAM {
        native::executable(&artifact)
    } else {
        native::shared_object(&artifact)
    }
}
