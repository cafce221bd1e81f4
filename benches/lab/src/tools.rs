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

/// A program that is looked for.
#[derive(Clone, Copy, Debug)]
pub struct Wanted {
    /// Its names; the first that runs is taken.
    pub programs: &'static [&'static str],
    /// How to get it.
    pub hint: &'static str,
}

/// Clang for wasm; what it makes for libraries is of use from 20 on.
pub const CLANG: Wanted = Wanted {
    programs: &["clang-22", "clang-23", "clang-21", "clang-20", "clang"],
    hint: "apt-get install clang-22",
};

/// The linker of wasm objects.
pub const WASM_LD: Wanted = Wanted {
    programs: &[
        "wasm-ld-22",
        "wasm-ld-23",
        "wasm-ld-21",
        "wasm-ld-20",
        "wasm-ld",
    ],
    hint: "apt-get install lld-22",
};

/// The native compiler.
pub const GCC: Wanted = Wanted {
    programs: &["gcc", "cc"],
    hint: "apt-get install gcc libc6-dev",
};

impl Tool {
    /// The first of some programs that runs.
    ///
    /// # Errors
    /// None does; the message says how to get one.
    pub fn find(wanted: Wanted) -> Result<Self> {
        let Wanted { programs, hint } = wanted;
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

    /// First line of what it says about itself.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// A command that runs it.
    pub fn command(&self) -> Command {
        Command::new(&self.program)
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
        let output = self.command().args(args).current_dir(directory).output();
        let output = output.with_context(|| format!("cannot run {}", self.program))?;
        let text = String::from_utf8_lossy(&output.stderr);
        let first: Vec<&str> = text.lines().take(3).collect();
        ensure!(
            output.status.success(),
            "{} ends with {} in {}: {}",
            self.program,
            output.status,
            directory.display(),
            first.join("; ")
        );
        Ok(())
    }
}
