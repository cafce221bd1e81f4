//! The compilers and linkers on this machine, and how to get them.

use std::ffi::OsStr;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail, ensure};

/// A program that was found in `PATH`.
#[derive(Clone, Debug)]
pub struct Tool {
    program: String,
    version: String,
}

/// Clang for wasm: positions that do not depend need 20 or later.
pub const CLANG: (&[&str], &str) = (
    &["clang-22", "clang-23", "clang-21", "clang-20", "clang"],
    "apt-get install clang-22",
);
/// The linker of wasm objects.
pub const WASM_LD: (&[&str], &str) = (
    &[
        "wasm-ld-22",
        "wasm-ld-23",
        "wasm-ld-21",
        "wasm-ld-20",
        "wasm-ld",
    ],
    "apt-get install lld-22",
);
/// The native compiler.
pub const GCC: (&[&str], &str) = (&["gcc", "cc"], "apt-get install gcc libc6-dev");

impl Tool {
    /// The first of some programs that runs.
    ///
    /// # Errors
    /// None does; the message says how to get one.
    pub fn find((programs, hint): (&[&str], &str)) -> Result<Self> {
        for &program in programs {
            let mut command = Command::new(program);
            let output = command.arg("--version").stderr(Stdio::null()).output();
            if let Ok(output) = output
                && output.status.success()
            {
                let text = String::from_utf8_lossy(&output.stdout);
                return Ok(Self {
                    program: program.to_owned(),
                    version: text.lines().next().unwrap_or_default().to_owned(),
                });
            }
        }
        bail!("{} is not installed; install it with: {hint}", programs[0])
    }

    /// A tool at a known path.
    pub fn at(program: impl Into<String>, version: impl Into<String>) -> Self {
        Self {
            program: program.into(),
            version: version.into(),
        }
    }

    /// First line of what it says about itself.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// Runs it in a directory.
    ///
    /// # Errors
    /// It cannot be started, or fails: the first lines that it wrote.
    pub fn run(
        &self,
        directory: &Path,
        args: impl IntoIterator<Item = impl AsRef<OsStr>>,
    ) -> Result<()> {
        let output = Command::new(&self.program)
            .args(args)
            .current_dir(directory)
            .output();
        let output = output.with_context(|| format!("cannot run {}", self.program))?;
        let text = String::from_utf8_lossy(&output.stderr);
        let first: Vec<&str> = text.lines().take(3).collect();
        ensure!(
            output.status.success(),
            "{} failed in {}: {}",
            self.program,
            directory.display(),
            first.join("; ")
        );
        Ok(())
    }
}
