//! `wasmaot cc` and `wasmaot c++`: a compiler driver, as hands know it.
//!
//! ```text
//! table     what the options of drivers are for
//! line      the command line, read
//! ask       what build systems ask
//! cmake     the toolchain file
//! tools     clang, the linker
//! binutils  tools for objects and archives
//! compile   sources to objects
//! finish    linked modules to files that run
//! ```
//!
//! Between the last two the modules are linked by `wasmaot-link`. What it is all
//! compiled and linked against is a sysroot (`wasmaot-sysroot`).

mod ask;
mod binutils;
mod cmake;
mod compile;
mod finish;
mod line;
mod table;
mod tools;

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use wasmaot_link::{Kind, Linked, expand, link_with};
pub use wasmaot_sysroot::Language;
use wasmaot_sysroot::{Clang, Output, Target};

pub use crate::binutils::{BINUTILS, run_binutil};
use crate::compile::{Compiler, Ended};
use crate::finish::{OPTIONS, finish};
use crate::line::{Line, Stage};

/// Functions that fail in programs without threads.
const STARTERS: &[&str] = &["pthread_create", "thrd_create"];

/// What is left to do for who runs the driver.
#[derive(Debug)]
pub enum Done {
    /// Nothing; the exit code.
    Code(u8),
    /// To write a file that can be started, whole or not at all.
    File {
        /// Where to.
        path: PathBuf,
        /// What is in it.
        bytes: Vec<u8>,
    },
    /// To make one executable of a program and its libraries (`-static`).
    Executable {
        /// Where to.
        path: PathBuf,
        /// The program's module.
        module: Vec<u8>,
        /// Where its libraries are.
        directories: Vec<PathBuf>,
        /// Options that it is run with unless others are given.
        options: &'static str,
    },
}

/// Runs the driver for a language with arguments. `say` takes answers to what is
/// asked, `warn` what the user should know.
///
/// # Errors
/// If something is missing, or asked for that cannot be had. What clang and
/// wasm-ld have to say they say themselves.
pub fn run(
    driver: Language,
    arguments: &[OsString],
    say: &mut dyn FnMut(&str) -> Result<()>,
    warn: &dyn Fn(&str),
) -> Result<Done> {
    let line = Line::read(&expand(arguments)?)?;
    line.warnings.iter().for_each(|text| warn(text));
    if let Some(question) = &line.question {
        return question.answer(&line, say).map(Done::Code);
    }
    let clang = Clang::find()?;
    if line.verbose {
        eprintln!("{}", ask::version(&clang, &line));
    }
    if line.is_empty() {
        if line.verbose || line.dry_run {
            return Ok(Done::Code(0));
        }
        bail!("nothing to compile or link: give sources, objects or libraries");
    }
    let sysroot = ask::sysroot(&line)?;
    let target = sysroot.target(line.threads)?;
    let compiler = Compiler {
        clang: &clang,
        target,
        driver,
        line: &line,
    };
    if let Stage::Clang(stage) = line.stage {
        return compiler.only(stage).map(Done::Code);
    }
    let directory = tempfile::tempdir().context("cannot make a temporary directory")?;
    let objects = match compiler.objects(directory.path())? {
        Ended::Well(objects) => objects,
        Ended::Badly(code) => return Ok(Done::Code(code)),
    };
    link(&compiler, &objects, warn)
}

/// Links, and makes a file of what comes out that runs.
fn link(compiler: &Compiler<'_>, objects: &[OsString], warn: &dyn Fn(&str)) -> Result<Done> {
    let Compiler { line, target, .. } = compiler;
    let kind = line.kind.unwrap_or(Kind::Pie);
    let words = words(compiler, kind, target, objects)?;
    let output = line.output.clone().unwrap_or_else(|| "a.out".into());
    if line.verbose || line.dry_run {
        let command = tools::shown("wasmaot".as_ref(), &link_line(kind, &output, &words));
        eprintln!("{command}");
    }
    if line.dry_run {
        return Ok(Done::Code(0));
    }
    let linker = tools::linker(compiler.clang)?;
    let Linked {
        output,
        module,
        undefined,
        directories,
    } = link_with(&linker, Some(kind), Some(output), &words, warn)?;
    if let Some(name) = STARTERS.iter().find(|name| undefined.contains(**name))
        && !line.threads
    {
        let advice = match target.sysroot().record().threads {
            true => "give -pthread when compiling and linking, as in CC=\"wasmaot cc -pthread\"",
            false => {
                "this sysroot has none with threads, that of musl has: `wasmaot sysroot install musl`"
            }
        };
        warn(&format!(
            "{}: calls `{name}`, which fails in programs without threads; {advice}",
            output.display()
        ));
    }
    if line.alone && matches!(kind, Kind::Pie | Kind::NoPie) {
        return Ok(Done::Executable {
            path: output,
            module,
            directories,
            options: OPTIONS,
        });
    }
    let command = std::env::current_exe().unwrap_or_else(|_| Path::new("wasmaot").into());
    Ok(Done::File {
        bytes: finish(kind, &output, &command, module),
        path: output,
    })
}

/// What the linker is given.
fn words(
    compiler: &Compiler<'_>,
    kind: Kind,
    target: &Target<'_>,
    objects: &[OsString],
) -> Result<Vec<OsString>> {
    let line = compiler.line;
    if kind == Kind::Relocatable {
        return Ok(objects.to_vec());
    }
    let output = match kind {
        Kind::Shared => Output::Library,
        _ => Output::Program,
    };
    let mut words: Vec<OsString> = target.link_flags().iter().map(OsString::from).collect();
    if !line.no_start {
        words.extend(target.first_inputs(output).into_iter().map(OsString::from));
    }
    words.extend_from_slice(objects);
    let libraries = target.library_directory();
    words.extend(["-L".into(), libraries.clone().into()]);
    if !line.no_libraries {
        let is_cxx = compiler.driver == Language::Cxx && !line.no_cxx_library || line.cxx_library;
        let language = if is_cxx { Language::Cxx } else { Language::C };
        let last = target.last_inputs(output, language)?;
        words.extend(last);
        words.extend(["-rpath".into(), libraries.into()]);
    }
    Ok(words)
}

/// The linker's command line as it could be typed.
fn link_line(kind: Kind, output: &Path, words: &[OsString]) -> Vec<OsString> {
    let kind = match kind {
        Kind::Pie => "-pie",
        Kind::NoPie => "-no-pie",
        Kind::Shared => "-shared",
        Kind::Relocatable => "-r",
    };
    let mut line: Vec<OsString> = ["link", kind, "-o"].map(OsString::from).to_vec();
    line.push(output.into());
    line.extend_from_slice(words);
    line
}
