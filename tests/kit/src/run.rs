//! Running programs and wasmaot.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use crate::cache::{Key, make, once, root, scratch};
use crate::wasm::{Link, library_directory};

/// How a program ended.
#[derive(Debug)]
pub struct Run {
    /// Its exit code; `None` if a signal killed it.
    pub code: Option<i32>,
    /// What it wrote.
    pub stdout: String,
    /// What it wrote on the side.
    pub stderr: String,
    command: String,
}

impl Run {
    /// Checks the exit code.
    ///
    /// # Panics
    /// If it is another, with all that the program wrote.
    #[track_caller]
    pub fn expect_code(&self, code: i32) -> &Self {
        assert!(
            self.code == Some(code),
            "exit code is not {code}: {self:#?}"
        );
        self
    }

    /// Checks the exit code and the output.
    ///
    /// # Panics
    /// If either is another.
    #[track_caller]
    pub fn expect(&self, code: i32, stdout: &str) -> &Self {
        self.expect_code(code);
        assert!(
            self.stdout == stdout,
            "unexpected output of {}\n--- expected\n{stdout}--- found\n{}--- stderr\n{}",
            self.command,
            self.stdout,
            self.stderr
        );
        self
    }
}

/// Runs a command to its end, without input.
///
/// # Panics
/// If it cannot be started.
pub fn run(command: &mut Command) -> Run {
    let Output {
        status,
        stdout,
        stderr,
    } = command
        .stdin(Stdio::null())
        .output()
        .unwrap_or_else(|e| panic!("cannot run {command:?}: {e}"));
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    Run {
        code: status.code(),
        stdout: text(stdout),
        stderr: text(stderr),
        command: format!("{command:?}"),
    }
}

/// Runs a tool that has to succeed.
#[track_caller]
pub(crate) fn check(command: &mut Command) {
    run(command).expect_code(0);
}

/// The `wasmaot` binary under test.
#[derive(Clone, Debug)]
pub struct Wasmaot {
    program: PathBuf,
}

impl Wasmaot {
    /// `program` is `env!("CARGO_BIN_EXE_wasmaot")`; `WASMAOT_TEST_BINARY`
    /// names another, such as the one of a release or for another machine.
    pub fn new(program: &str) -> Self {
        let other = std::env::var_os("WASMAOT_TEST_BINARY");
        Self {
            program: other.map_or_else(|| program.into(), PathBuf::from),
        }
    }

    /// Whether it is the one for another machine, for which `tests/foreign.py` stands:
    /// what is prelinked is so by that machine's own command.
    pub fn is_foreign(&self) -> bool {
        std::env::var_os("WASMAOT_FOREIGN_TARGET").is_some()
    }

    /// Its path.
    pub fn program(&self) -> &Path {
        &self.program
    }

    /// A command, with a cache of built objects that the tests share: the
    /// libraries of the sysroot are built once for all of them.
    pub fn command(&self, subcommand: &str) -> Command {
        let cache = root().join("objects");
        make(&cache);
        let mut command = Command::new(&self.program);
        command
            .env("WASMAOT_CHECK", "1")
            .env_remove("WASMAOT_DEBUG")
            .env_remove("WASMAOT_LIBRARY_PATH");
        command.env("WASMAOT_CACHE_DIR", cache).arg(subcommand);
        command
    }

    /// `wasmaot run`, with the libraries of the sysroot in the search path.
    pub fn run_command(&self) -> Command {
        let mut command = self.command("run");
        command.arg("-L").arg(library_directory());
        command
    }

    /// Runs a program with no options and no arguments.
    pub fn run(&self, program: &Path) -> Run {
        run(self.run_command().arg(program))
    }

    /// `wasmaot link` in place of wasm-ld. The same output has the same path.
    ///
    /// # Panics
    /// If that fails.
    #[track_caller]
    pub(crate) fn link(&self, link: &Link) -> PathBuf {
        let directory = scratch("link");
        let out = directory.join("linked");
        let mut command = self.command("link");
        run(command.arg("-o").arg(&out).args(link.arguments())).expect_code(0);
        let key = Key::new("linked").text(&link.name).file(&out);
        let directory = once("linked", &key, |directory| {
            fs::copy(&out, directory.join(&link.name)).expect("a file can be copied");
        });
        directory.join(&link.name)
    }

    /// Builds one module into an object.
    ///
    /// # Panics
    /// If that fails.
    #[track_caller]
    pub fn build(&self, module: &Path, out: &Path) {
        let args = [OsStr::new("-o"), out.as_os_str(), module.as_os_str()];
        run(self.command("build").args(args)).expect_code(0);
    }
}
