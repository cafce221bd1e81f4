//! The command line of a compiler driver, read.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use wasmaot_link::Kind;
use wasmaot_sysroot::Host;

use crate::ask::Question;
use crate::table::{self, Library, Use};

/// How far it goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Stage {
    /// Each source to what the option says; clang knows to what.
    Clang(&'static str),
    /// To a linked module.
    #[default]
    Link,
}

/// Options of clang that stop before linking.
const STAGES: &[&str] = &["-c", "-S", "-E", "-M", "-MM", "-fsyntax-only"];

/// What is given, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Item {
    /// A file to compile.
    Source {
        /// Its path; `-` is standard input.
        path: OsString,
        /// What `-x` calls it, or its name tells.
        language: String,
    },
    /// A file or a word for the linker.
    Link(OsString),
}

/// What `-MD` and the like say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Dependencies {
    /// Whether they are written beside what is compiled.
    pub wanted: bool,
    /// Whether it is said to which file.
    pub file_named: bool,
    /// Whether it is said of what they are dependencies.
    pub target_named: bool,
}

/// What the command line says.
#[derive(Debug, Default)]
pub struct Line {
    /// How far to go.
    pub stage: Stage,
    /// Where to.
    pub output: Option<PathBuf>,
    /// What is compiled and linked.
    pub items: Vec<Item>,
    /// What clang is told, in order.
    pub compile: Vec<OsString>,
    /// What to link, if anything is said of it.
    pub kind: Option<Kind>,
    /// Whether the program is to be one file, with its libraries.
    pub alone: bool,
    /// Whether code is compiled for a fixed address.
    pub fixed: bool,
    /// Whether C++ has no exceptions.
    pub no_exceptions: bool,
    /// What is written of the headers that sources include.
    pub dependencies: Dependencies,
    /// Whether the program has threads.
    pub threads: bool,
    /// Whether the C++ library is linked though it is not the driver for C++.
    pub cxx_library: bool,
    /// Without the start of a program.
    pub no_start: bool,
    /// Without libraries.
    pub no_libraries: bool,
    /// Without the C++ library.
    pub no_cxx_library: bool,
    /// What programs run on, if that is said.
    pub host: Option<Host>,
    /// The sysroot, if it is named.
    pub sysroot: Option<PathBuf>,
    /// Say what is run.
    pub verbose: bool,
    /// Say it, and run nothing.
    pub dry_run: bool,
    /// What is asked, in the place of work.
    pub question: Option<Question>,
    /// What the user should know.
    pub warnings: Vec<String>,
    language: Option<String>,
}

impl Line {
    /// Reads the arguments, in which there are no response files any more.
    ///
    /// # Errors
    /// If a value is missing, or something is asked for that cannot be had.
    pub fn read(arguments: &[OsString]) -> Result<Self> {
        let mut line = Self::default();
        let mut rest = arguments.iter();
        while let Some(argument) = rest.next() {
            let bytes = argument.as_bytes();
            if !bytes.starts_with(b"-") || bytes == b"-" {
                line.file(argument);
                continue;
            }
            let mut value = || {
                let next = rest.next().map(OsString::as_os_str);
                next.with_context(|| format!("{}: needs a value", argument.display()))
            };
            let text = argument.to_string_lossy();
            if !line.own(&text, &mut value)? {
                line.other(argument, &text, &mut value)?;
            }
        }
        Ok(line)
    }

    /// Options that are the driver's to carry out.
    fn own<'a>(
        &mut self,
        text: &str,
        value: &mut impl FnMut() -> Result<&'a OsStr>,
    ) -> Result<bool> {
        if let Some(stage) = STAGES.iter().find(|stage| **stage == text) {
            self.stop(stage);
            return Ok(true);
        }
        if let Some(question) = Question::read(text) {
            self.question = Some(question);
            return Ok(true);
        }
        match text {
            "-o" => self.output = Some(value()?.into()),
            "-x" => {
                let language = value()?.to_string_lossy().into_owned();
                self.language = Some(language).filter(|language| language != "none");
            }
            "-v" => self.verbose = true,
            "-###" => self.dry_run = true,
            "-shared" | "--shared" => self.kind = Some(Kind::Shared),
            "-pie" | "--pie" => self.kind = Some(Kind::Pie),
            "-no-pie" | "--no-pie" | "-nopie" => {
                self.kind = Some(Kind::NoPie);
                self.fixed = true;
            }
            "-static" | "--static" | "-static-pie" => self.alone = true,
            "-r" => self.kind = Some(Kind::Relocatable),
            "-fno-pic" | "-fno-PIC" | "-fno-pie" | "-fno-PIE" => self.fixed = true,
            "-fno-exceptions" => self.no_exceptions = true,
            "-pthread" => self.threads = true,
            "-nostdlib" => (self.no_start, self.no_libraries) = (true, true),
            "-nostartfiles" => self.no_start = true,
            "-nodefaultlibs" => self.no_libraries = true,
            "-nostdlib++" => self.no_cxx_library = true,
            "-target" | "--target" => self.target(&value()?.to_string_lossy())?,
            "--sysroot" => self.sysroot = Some(value()?.into()),
            "-MD" | "-MMD" => {
                self.dependencies.wanted = true;
                self.compile.push(text.into());
            }
            _ => return self.joined(text).map(|known| known || self.lto(text)),
        }
        if text == "-fno-exceptions" {
            self.compile.push(text.into());
        }
        Ok(true)
    }

    /// Those of them whose value is joined.
    fn joined(&mut self, text: &str) -> Result<bool> {
        if let Some(triple) = text.strip_prefix("--target=") {
            self.target(triple)?;
        } else if let Some(root) = text.strip_prefix("--sysroot=") {
            self.sysroot = Some(root.into());
        } else if let Some(language) = text.strip_prefix("-x") {
            self.language = Some(language.to_owned()).filter(|language| language != "none");
        } else if let Some(output) = text.strip_prefix("-o") {
            self.output = Some(output.into());
        } else {
            return Ok(false);
        }
        Ok(true)
    }

    fn lto(&mut self, text: &str) -> bool {
        let is_lto = text == "-flto" || text.starts_with("-flto=");
        if is_lto {
            self.warnings
                .push(format!("{text}: objects are not bitcode; it is left out"));
        }
        is_lto
    }

    fn other<'a>(
        &mut self,
        argument: &OsStr,
        text: &str,
        value: &mut impl FnMut() -> Result<&'a OsStr>,
    ) -> Result<()> {
        let (purpose, has_value) = table::option(text);
        let mut words = vec![argument.to_owned()];
        if has_value {
            words.push(value()?.to_owned());
        }
        match purpose {
            Use::Compile => {
                self.dependencies.file_named |= text.starts_with("-MF");
                self.dependencies.target_named |=
                    ["-MT", "-MQ"].iter().any(|o| text.starts_with(o));
                self.compile.extend(words);
            }
            Use::Link => {
                let whole = words[words.len() - 1].to_string_lossy().into_owned();
                match text.strip_prefix("-l") {
                    Some("") => self.library(&whole, words),
                    Some(name) => self.library(name, words),
                    None => self.items.extend(words.into_iter().map(Item::Link)),
                }
            }
            Use::Nobody => {}
            Use::Refused(instead) => bail!("{text}: cannot be had: {instead}"),
        }
        Ok(())
    }

    fn library(&mut self, name: &str, words: Vec<OsString>) {
        match table::library(name) {
            Library::Known => {}
            Library::Cxx => self.cxx_library = true,
            Library::Threads if self.stage == Stage::Link => {
                self.threads = true;
                self.items.extend(words.into_iter().map(Item::Link));
            }
            Library::Other | Library::Threads => {
                self.items.extend(words.into_iter().map(Item::Link));
            }
        }
    }

    fn target(&mut self, triple: &str) -> Result<()> {
        let parts: Vec<&str> = triple.split('-').collect();
        self.host = Some(match &parts[..] {
            ["wasm32", .., "wasi" | "wasip1"] => Host::Wasi,
            ["wasm32", .., "wasip1" | "wasi", "threads"] => {
                self.threads = true;
                Host::Wasi
            }
            ["wasm32"] | ["wasm32", "unknown"] | ["wasm32", "unknown", "unknown"] => Host::Linux,
            ["wasm32", .., "linux"] | ["wasm32", .., "linux", "musl"] => Host::Linux,
            _ => bail!(
                "--target={triple}: programs are for {LINUX}, which is the default, or {WASI}"
            ),
        });
        Ok(())
    }

    /// The first option of these wins, but -E and -M go less far than others.
    fn stop(&mut self, stage: &'static str) {
        let is_first = self.stage == Stage::Link;
        if is_first || ["-E", "-M", "-MM"].contains(&stage) {
            self.stage = Stage::Clang(stage);
        }
    }

    fn file(&mut self, path: &OsStr) {
        let extension = Path::new(path).extension().unwrap_or_default();
        let by_name = || table::language(&extension.to_string_lossy());
        let language = self.language.clone();
        match language.or_else(|| by_name().map(str::to_owned)) {
            Some(language) => self.items.push(Item::Source {
                path: path.to_owned(),
                language,
            }),
            // What comes by a pipe has no name.
            None if path == "-" && self.stage != Stage::Link => self.items.push(Item::Source {
                path: path.to_owned(),
                language: "c".to_owned(),
            }),
            None => self.items.push(Item::Link(path.to_owned())),
        }
    }

    /// The sources, and what clang calls their languages.
    pub fn sources(&self) -> impl Iterator<Item = (&OsStr, &str)> {
        self.items.iter().filter_map(|item| match item {
            Item::Source { path, language } => Some((path.as_os_str(), language.as_str())),
            Item::Link(_) => None,
        })
    }
}

/// What `-dumpmachine` says of programs on Linux.
pub const LINUX: &str = "wasm32-unknown-linux-musl";
/// The same on WASI.
pub const WASI: &str = "wasm32-wasip1";
