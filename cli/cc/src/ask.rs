//! What build systems ask a compiler driver.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};
use wasmaot_sysroot::{Clang, Host, Output, Sysroot};

use crate::binutils::{BINUTILS, binutil};
use crate::cmake;
use crate::line::{LINUX, Line, WASI};
use crate::tools::{code, of_llvm};

/// A question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Question {
    /// `--version`
    Version,
    /// `-dumpversion`
    Number,
    /// `-dumpmachine`, `-print-target-triple`
    Machine,
    /// `-print-search-dirs`
    Directories,
    /// `-print-file-name=NAME`
    File(String),
    /// `-print-prog-name=NAME`
    Program(String),
    /// `-print-libgcc-file-name`
    Builtins,
    /// `-print-sysroot`
    Sysroot,
    /// `-print-multi-directory` and the like: there is one kind of libraries.
    Multi,
    /// `-print-cmake-toolchain`
    Cmake,
    /// What clang answers.
    Clang(String),
}

impl Question {
    /// Reads an option.
    pub fn read(text: &str) -> Option<Self> {
        let name = text.strip_prefix("--").or_else(|| text.strip_prefix('-'))?;
        let valued = |option: &str| name.strip_prefix(option).map(str::to_owned);
        Some(match name {
            "version" => Self::Version,
            "dumpversion" | "dumpfullversion" => Self::Number,
            "dumpmachine"
            | "print-target-triple"
            | "print-effective-triple"
            | "print-multiarch" => Self::Machine,
            "print-search-dirs" => Self::Directories,
            "print-libgcc-file-name" => Self::Builtins,
            "print-sysroot" => Self::Sysroot,
            "print-multi-directory" | "print-multi-lib" | "print-multi-os-directory" => Self::Multi,
            "print-cmake-toolchain" => Self::Cmake,
            "print-resource-dir" | "print-supported-cpus" | "print-targets" => {
                Self::Clang(text.to_owned())
            }
            _ => {
                let file = valued("print-file-name=").map(Self::File);
                return file.or_else(|| valued("print-prog-name=").map(Self::Program));
            }
        })
    }

    /// Answers it; the exit code.
    ///
    /// # Errors
    /// If clang or the sysroot is missing, where these know.
    pub fn answer(&self, line: &Line, say: &mut dyn FnMut(&str) -> Result<()>) -> Result<u8> {
        let text = match self {
            Self::Version => version(&Clang::find()?, line),
            Self::Number => Clang::find()?.major().to_string(),
            Self::Machine => machine(line).to_owned(),
            Self::Multi => ".".to_owned(),
            Self::Cmake => cmake::toolchain()?.display().to_string(),
            Self::Directories => {
                let libraries = libraries(line)?.display().to_string();
                format!("libraries: ={libraries}")
            }
            Self::File(name) => file(line, name)?,
            Self::Program(name) => program(name)?.display().to_string(),
            Self::Builtins => file(line, "libclang_rt.builtins.a")?,
            Self::Sysroot => sysroot(line)?.root().display().to_string(),
            Self::Clang(option) => {
                let clang = Clang::find()?;
                return code(Command::new(clang.path()).arg(option), clang.path());
            }
        };
        say(&format!("{text}\n"))?;
        Ok(0)
    }
}

/// The sysroot of a command line. Where no target is said, programs are for what
/// the sysroot is for.
///
/// # Errors
/// If there is none.
pub fn sysroot(line: &Line) -> Result<Sysroot> {
    Sysroot::find(line.host, line.sysroot.as_deref())
}

/// What programs are for; for Linux where no target is said and there is no
/// sysroot.
pub fn machine(line: &Line) -> &'static str {
    let found = || sysroot(line).ok().map(|sysroot| sysroot.host());
    match line.host.or_else(found) {
        Some(Host::Wasi) => WASI,
        Some(Host::Linux) | None => LINUX,
    }
}

/// What `--version` says. Build systems look for clang's version in its first line.
pub fn version(clang: &Clang, line: &Line) -> String {
    let own = env!("CARGO_PKG_VERSION");
    format!(
        "wasmaot cc {own} ({})\nTarget: {}\nThread model: posix\nInstalledDir: {}",
        clang.banner(),
        machine(line),
        clang.path().parent().unwrap_or(Path::new("")).display()
    )
}

fn libraries(line: &Line) -> Result<PathBuf> {
    Ok(sysroot(line)?.target(line.threads)?.library_directory())
}

/// A file of the sysroot, or the name alone where there is none, as others
/// answer.
fn file(line: &Line, name: &str) -> Result<String> {
    let sysroot = sysroot(line)?;
    let target = sysroot.target(line.threads)?;
    let own = target.first_inputs(Output::Program).into_iter();
    let mut own = own.chain([target.library_directory().join(name)]);
    let found = own.find(|path| path.ends_with(name) && path.exists());
    Ok(found.map_or(name.to_owned(), |path| path.display().to_string()))
}

/// A program by the name that build systems know.
fn program(name: &str) -> Result<PathBuf> {
    let clang = Clang::find()?;
    let plain = name.strip_prefix("llvm-").unwrap_or(name);
    if BINUTILS.contains(&plain) {
        return binutil(&clang, plain);
    }
    if ["ld", "wasm-ld", "ld.lld"].contains(&name) {
        let linker = of_llvm(&clang, "wasm-ld");
        return linker.context("no wasm-ld of clang's version; install lld");
    }
    Ok(of_llvm(&clang, name).unwrap_or_else(|| name.into()))
}
