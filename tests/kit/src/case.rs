//! Programs of our own, each in a directory: its sources, a file `case` that
//! says how they are linked (see `manifest.rs`), and, for those of `tests/c`,
//! a file `expected` with the output. What those of `tests/link` print is what
//! they print on the host.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::cache::{Key, make, once};
use crate::manifest::{Bind, Manifest, Options, Unit};
use crate::native::{self, Artifact};
use crate::run::{Run, Wasmaot, run};
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

impl Form {
    /// The form of this name.
    pub fn named(name: &str) -> Option<Self> {
        let all = [Self::Pie, Self::NoPie, Self::Native];
        all.into_iter().find(|form| form.name() == name)
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Pie => "pie",
            Self::NoPie => "no-pie",
            Self::Native => "native",
        }
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
    /// Its output; empty for those that have it from the host.
    pub expected: String,
    /// Flags of clang, for what is not part of every program.
    pub compile: Vec<String>,
    /// The ways in which it is run.
    pub runs: Vec<Options>,
    /// Links mains at fixed addresses; wasm-ld where there is none.
    pub linker: Option<Wasmaot>,
    program: Unit,
    libraries: Vec<Unit>,
    absent: Vec<String>,
}

/// The directory of the C sources.
pub fn sources() -> PathBuf {
    beside_kit("c")
}

/// The directory of the dynamic linker's cases.
pub fn link_sources() -> PathBuf {
    beside_kit("link")
}

fn beside_kit(name: &str) -> PathBuf {
    let kit = Path::new(env!("CARGO_MANIFEST_DIR"));
    kit.with_file_name(name)
}

/// The directory of the headers that wasmaot brings.
pub fn own_headers() -> PathBuf {
    workspace().join("include")
}

/// The directory of the examples.
pub fn examples() -> PathBuf {
    workspace().join("examples")
}

fn workspace() -> &'static Path {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2);
    root.expect("the kit lies in tests/")
}

pub(crate) const PROGRAM: &str = "main.wasm";

impl Case {
    /// Reads `tests/c/NAME/`.
    ///
    /// # Panics
    /// If something is missing there, or not understood.
    pub fn open(name: &str) -> Self {
        let directory = sources().join(name);
        let mut case = Self::read(&directory, name);
        let path = directory.join("expected");
        case.expected =
            fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        case
    }

    /// Reads `tests/link/NAME/`: a case of the dynamic linker. Its modules see
    /// wasmaot's headers, and functions that only the loader defines.
    ///
    /// # Panics
    /// If something is missing there, or not understood.
    pub fn linking(name: &str) -> Self {
        let mut case = Self::read(&link_sources().join(name), &format!("link/{name}"));
        let shared = format!("-I{}", link_sources().display());
        for unit in case.libraries.iter_mut().chain([&mut case.program]) {
            unit.defines.push(shared.clone());
        }
        case.compile.push(format!("-I{}", own_headers().display()));
        case.program.flags.push("--allow-undefined".to_owned());
        case
    }

    fn read(directory: &Path, name: &str) -> Self {
        let manifest = Manifest::read(directory);
        Self {
            name: name.to_owned(),
            forms: manifest.forms,
            code: manifest.code,
            expected: String::new(),
            compile: manifest.compile,
            runs: manifest.runs,
            linker: None,
            program: manifest.program,
            libraries: manifest.libraries,
            absent: manifest.absent,
        }
    }

    /// Builds it and returns the program's path; its libraries lie beside it.
    ///
    /// # Panics
    /// If a tool refuses.
    pub fn build(&self, form: Form) -> PathBuf {
        let mut files = vec![(PROGRAM, self.link(form, &self.program, &mut Vec::new()))];
        let present = |library: &&Unit| !self.absent.contains(&library.name);
        for library in self.libraries.iter().filter(present) {
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
                // Not a copy: a child that another thread starts meanwhile would
                // have it open for writing, and it could not be run.
                fs::hard_link(file, target).expect("both are on one file system");
            }
        });
        directory.join(PROGRAM)
    }

    /// Runs what [`build`](Self::build) made for the host, in its directory.
    pub fn run_native(&self, options: &Options) -> Run {
        let program = self.build(Form::Native);
        let directory = program.parent().expect("it is in a directory");
        let mut command = Command::new(&program);
        command
            .env_clear()
            .env("LD_LIBRARY_PATH", directory)
            .env("LD_PRELOAD", options.preload.join(":"))
            .envs(options.env.iter().map(|(name, value)| (name, value)));
        if matches!(options.bind, Some(Bind::Now | Bind::Direct)) {
            command.env("LD_BIND_NOW", "1");
        }
        run(command.args(&options.args).current_dir(directory))
    }

    /// Runs what [`build`](Self::build) made for wasm in the same way.
    pub fn run_wasm(&self, wasmaot: &Wasmaot, form: Form, options: &Options) -> Run {
        Self::run_program(wasmaot, &self.build(form), options)
    }

    /// Runs a program in its directory, where the libraries are.
    pub(crate) fn run_program(wasmaot: &Wasmaot, program: &Path, options: &Options) -> Run {
        let directory = program.parent().expect("it is in a directory");
        let mut command = wasmaot.run_command();
        for library in &options.preload {
            command.arg("--preload").arg(directory.join(library));
        }
        for directory in &options.dirs {
            command.arg("--dir").arg(directory);
        }
        for (name, value) in &options.env {
            command.arg("--env").arg(format!("{name}={value}"));
        }
        match options.bind {
            Some(Bind::Lazy) => command.args(["--bind", "lazy"]),
            Some(Bind::Now) => command.args(["--bind", "now"]),
            Some(Bind::Direct) => command.args(["--bind", "direct"]),
            None => &mut command,
        };
        command.arg(program).arg("--").args(&options.args);
        run(command.current_dir(directory))
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
        let flags = self.compile.iter().chain(&unit.defines);
        let flags: Vec<&str> = flags.map(String::as_str).collect();
        let objects = objects(&unit.sources, code, &flags);
        let mut link = Link::new(kind, &unit.name, objects, libraries);
        link.flags.extend(unit.flags.iter().cloned());
        link.flags
            .extend(unit.runpath.iter().map(|path| format!("--rpath={path}")));
        match &self.linker {
            Some(wasmaot) if kind == Kind::NoPie => wasmaot.link(&link),
            _ => link.make(),
        }
    }
}

fn make_native(unit: &Unit, libraries: Vec<PathBuf>) -> PathBuf {
    let is_cpp = |path: &PathBuf| path.extension().is_some_and(|e| e == "cpp");
    let cpp = unit.sources.iter().any(is_cpp);
    let mut flags: Vec<String> = unit.defines.iter().chain(&unit.native).cloned().collect();
    flags.extend(unit.runpath.iter().map(|path| format!("-Wl,-rpath,{path}")));
    flags.extend(cpp.then(|| "-lstdc++".to_owned()));
    let artifact = Artifact {
        name: unit.name.clone(),
        sources: unit.sources.clone(),
        libraries,
        flags,
    };
    if unit.name == PROGRAM {
        native::executable(&artifact)
    } else {
        native::shared_object(&artifact)
    }
}
