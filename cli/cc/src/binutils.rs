//! LLVM's tools for objects and archives. They take no module behind a line `#!`,
//! which programs are here: these get the module alone, and what they change is
//! put back behind the line.

use std::ffi::OsString;
use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};
use wasmaot_abi::shebang;
use wasmaot_sysroot::Clang;

use crate::tools::{code, of_llvm};

/// The tools, by the names that build systems have for them; with `llvm-` before
/// these are LLVM's.
pub const BINUTILS: &[&str] = &[
    "ar", "nm", "objcopy", "objdump", "ranlib", "readelf", "size", "strings", "strip",
];

/// A program that stands for its module for as long as a tool runs.
struct Program {
    /// Its file.
    path: PathBuf,
    /// The line that it begins with.
    line: Vec<u8>,
    /// The module's file.
    module: PathBuf,
}

/// Finds one of [`BINUTILS`].
///
/// # Errors
/// If it is not there, with what installs it.
pub fn binutil(clang: &Clang, name: &str) -> Result<PathBuf> {
    let program = format!("llvm-{name}");
    of_llvm(clang, &program).with_context(|| {
        let version = clang.major();
        format!(
            "no {program} of version {version}, which is that of {}; install it (Debian: apt-get install llvm-{version})",
            clang.path().display()
        )
    })
}

/// Runs one of [`BINUTILS`]; answers its exit code.
///
/// # Errors
/// If it is not there or cannot be run; if a program cannot be read or written.
pub fn run_binutil(name: &str, arguments: &[OsString]) -> Result<u8> {
    let tool = binutil(&Clang::find()?, name)?;
    let directory = tempfile::tempdir().context("cannot make a temporary directory")?;
    let mut programs = Vec::new();
    let mut words = Vec::new();
    for (number, argument) in arguments.iter().enumerate() {
        let at = directory.path().join(number.to_string());
        let program = Program::read(argument.as_ref(), &at)?;
        words.push(match &program {
            Some(program) => program.module.clone().into(),
            None => argument.clone(),
        });
        programs.extend(program);
    }
    let code = code(Command::new(&tool).args(&words), &tool)?;
    let has_output = arguments.iter().any(|argument| argument == "-o");
    if code == 0 && name == "strip" && !has_output {
        programs.iter().try_for_each(Program::put_back)?;
    }
    Ok(code)
}

impl Program {
    /// A program, if a word names one, with its module in a directory.
    fn read(path: &Path, directory: &Path) -> Result<Option<Self>> {
        if !begins_with_line(path) {
            return Ok(None);
        }
        let bytes = std::fs::read(path);
        let bytes = bytes.with_context(|| format!("cannot read {}", path.display()))?;
        let module = shebang::module(&bytes);
        if !module.starts_with(b"\0asm") {
            return Ok(None);
        }
        let copy = directory.join(path.file_name().unwrap_or_default());
        std::fs::create_dir_all(directory)
            .and_then(|()| std::fs::write(&copy, module))
            .with_context(|| format!("cannot write {}", copy.display()))?;
        Ok(Some(Self {
            path: path.to_owned(),
            line: bytes[..bytes.len() - module.len()].to_vec(),
            module: copy,
        }))
    }

    /// Writes the program again, with what its module is now.
    fn put_back(&self) -> Result<()> {
        let write = || {
            let mut bytes = self.line.clone();
            bytes.extend(std::fs::read(&self.module)?);
            let parent = self
                .path
                .parent()
                .filter(|path| !path.as_os_str().is_empty());
            let file = tempfile::NamedTempFile::new_in(parent.unwrap_or(Path::new(".")))?;
            std::fs::write(file.path(), bytes)?;
            let mode = std::fs::metadata(&self.path)?.permissions();
            std::fs::set_permissions(file.path(), mode)?;
            file.persist(&self.path)?;
            std::io::Result::Ok(())
        };
        write().with_context(|| format!("cannot write {}", self.path.display()))
    }
}

/// Whether a word names a file that begins so; of all others nothing is read.
fn begins_with_line(path: &Path) -> bool {
    let mut start = [0; 2];
    let file = File::open(path).ok().filter(|_| path.is_file());
    file.is_some_and(|mut file| file.read_exact(&mut start).is_ok()) && start == *b"#!"
}
