//! A directory of its own for a test, and `wasmaot` run in it; modules as text.
#![allow(dead_code, reason = "each test uses its part")]

#[cfg(feature = "compiler")]
pub mod calls;
pub mod loader;
#[cfg(feature = "compiler")]
pub mod program;

use std::path::PathBuf;
use std::process::{Command, Output};

use wasmaot_testkit::Wasmaot;

/// A temporary directory, and beside it a cache of built objects.
pub struct Sandbox {
    directory: tempfile::TempDir,
}

/// A command, to be given its words, that may mount what nobody else sees. Whoever
/// may not mount does it as root of a user name space, which in turn a process
/// with another root directory (chroot) cannot make.
pub fn with_mounts_of_its_own() -> Command {
    let unshare = |args: &[&str]| {
        let mut command = Command::new("unshare");
        command.args(args);
        command
    };
    let alone = unshare(&["--mount", "true"]).output();
    match alone.expect("unshare of util-linux").status.success() {
        true => unshare(&["--mount"]),
        false => unshare(&["--user", "--map-root-user", "--mount"]),
    }
}

/// What a run of `wasmaot` gave.
#[derive(Debug)]
pub struct Outcome {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Sandbox {
    pub fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        std::fs::create_dir(directory.path().join("work")).unwrap();
        Self { directory }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join("work").join(name)
    }

    /// Where the cache is, once something is in it.
    pub fn cache(&self) -> PathBuf {
        self.directory.path().join("cache")
    }

    /// Writes a file.
    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        std::fs::write(&path, content).unwrap();
        path
    }

    /// The command, in this directory.
    pub fn command(&self, args: &[&str]) -> Command {
        let wasmaot = Wasmaot::new(env!("CARGO_BIN_EXE_wasmaot"));
        let mut command = Command::new(wasmaot.program());
        command
            .args(args)
            .current_dir(self.path(""))
            .env("WASMAOT_CACHE_DIR", self.cache())
            .env("WASMAOT_CHECK", "1")
            .env_remove("WASMAOT_CACHE_KEY")
            .env_remove("WASMAOT_CACHE_REMOTE")
            .env_remove("WASMAOT_DEBUG")
            .env_remove("WASMAOT_LIBRARY_PATH")
            .env_remove("WASMAOT_OPTIONS");
        command
    }

    /// Runs `wasmaot`.
    pub fn wasmaot(&self, args: &[&str]) -> Outcome {
        self.command(args).output().unwrap().into()
    }

    /// Builds a module's text to `NAME.elf` and answers its bytes.
    pub fn build(&self, name: &str, text: &str) -> Vec<u8> {
        self.write(name, text);
        self.wasmaot(&["build", name]).success();
        std::fs::read(self.path(&format!("{name}.elf"))).unwrap()
    }
}

impl From<Output> for Outcome {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

impl Outcome {
    /// Exit code 0; answers standard output.
    #[track_caller]
    pub fn success(self) -> String {
        assert_eq!(self.code, Some(0), "{self:#?}");
        self.stdout
    }

    /// `error: …` in any number of lines, with every one of `parts`, nothing on
    /// standard output, and this exit code.
    #[track_caller]
    pub fn error_lines(&self, code: i32, parts: &[&str]) {
        assert_eq!(self.code, Some(code), "{self:#?}");
        assert!(self.stdout.is_empty(), "{self:#?}");
        assert!(self.stderr.starts_with("error: "), "{self:#?}");
        for part in parts {
            assert!(self.stderr.contains(part), "no `{part}` in {self:#?}");
        }
    }

    /// One line `error: …` with every one of `parts`, nothing on standard
    /// output, and this exit code.
    #[track_caller]
    pub fn error(&self, code: i32, parts: &[&str]) {
        assert_eq!(self.code, Some(code), "{self:#?}");
        assert!(self.stdout.is_empty(), "{self:#?}");
        assert!(self.stderr.starts_with("error: "), "{self:#?}");
        assert_eq!(self.stderr.trim_end().lines().count(), 1, "{self:#?}");
        for part in parts {
            assert!(self.stderr.contains(part), "no `{part}` in {self:#?}");
        }
    }

    /// Refused by the parser of the command line: exit code 2.
    #[track_caller]
    pub fn error_in_usage(&self, part: &str) {
        assert_eq!(self.code, Some(2), "{self:#?}");
        assert!(self.stderr.contains(part), "no `{part}` in {self:#?}");
    }

    /// A trap of this name: exit code 134.
    #[track_caller]
    pub fn trap(&self, name: &str, parts: &[&str]) {
        assert_eq!(self.code, Some(134), "{self:#?}");
        assert!(
            self.stderr.contains(&format!("wasm trap: {name}")),
            "{self:#?}"
        );
        for part in parts {
            assert!(self.stderr.contains(part), "no `{part}` in {self:#?}");
        }
    }
}
