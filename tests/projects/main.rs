//! Well-known projects as they are published, by their own build systems, with
//! their own tests: what gcc makes of them on the host has to say the same as what
//! `wasmaot cc` makes of them for each of its hosts.

mod cjson;
mod cxx;
mod lua;
mod sqlite;
mod zlib;

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use wasmaot_testkit::{Key, musl_sysroot, once, root, run, tools, wasi_sysroot};

/// A project and what is done with it.
struct Project {
    /// Name for directories.
    name: &'static str,
    /// Where it is published; it is copied, and stays as it is.
    source: PathBuf,
    /// Files of ours beside it.
    files: Vec<PathBuf>,
    /// Lines for a shell, in the copy. `$CC` and the like are who builds it.
    steps: Vec<&'static str>,
}

/// Who builds a project.
#[derive(Clone, Copy)]
enum With {
    Gcc,
    /// `wasmaot cc`, for Linux.
    Linux,
    /// The same for WASI: the sysroot alone says so.
    Wasi,
}

impl Project {
    /// What the steps print where gcc builds it.
    fn natively(&self) -> Vec<String> {
        let key = self.steps.iter().fold(Key::new("project"), Key::text);
        let key = self.files.iter().fold(key, |key, file| key.file(file));
        let key = key
            .text(tools().gcc.version())
            .text(self.source.as_os_str().as_encoded_bytes());
        let directory = once("projects", &key, |directory| {
            let (place, outputs) = self.carried_out(With::Gcc);
            for (number, output) in outputs.iter().enumerate() {
                fs::write(directory.join(number.to_string()), output).unwrap();
            }
            drop(place);
        });
        let read = |number: usize| fs::read_to_string(directory.join(number.to_string()));
        (0..self.steps.len())
            .map(|number| read(number).unwrap())
            .collect()
    }

    /// Carries out the steps in a copy; what each printed.
    fn carried_out(&self, with: With) -> (Place, Vec<String>) {
        let place = Place::new(&format!("{}{}", self.name, with.suffix()));
        copy(&self.source, &place.path);
        for file in &self.files {
            fs::copy(file, place.path.join(file.file_name().unwrap())).unwrap();
        }
        let outputs = self.steps.iter().map(|step| {
            let mut shell = Command::new("sh");
            shell.args(["-ec", step]).current_dir(&place.path);
            with.environment(&mut shell, &place.path);
            let done = run(&mut shell);
            done.expect_code(0);
            done.stdout
        });
        let outputs = outputs.collect();
        (place, outputs)
    }
}

/// A directory where a project is built: always the same, since modules have its
/// path in them, and what is built of equal modules is built once. One process at a time
/// has it. It goes with the value, unless the test fails.
struct Place {
    path: PathBuf,
    _lock: File,
}

impl Place {
    fn new(name: &str) -> Self {
        let path = root().join("building").join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let lock = File::create(path.with_extension("lock")).unwrap();
        lock.lock().unwrap();
        let _ = fs::remove_dir_all(&path);
        fs::create_dir(&path).unwrap();
        Self { path, _lock: lock }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            let _ = fs::remove_dir_all(&self.path);
        }
    }
}

/// Copies what is in a directory.
fn copy(from: &Path, to: &Path) {
    let mut command = Command::new("cp");
    command.arg("-a").arg(from.join(".")).arg(to);
    run(&mut command).expect_code(0);
}

impl With {
    /// What is appended to names of directories: tests of one project need not wait
    /// for each other.
    fn suffix(self) -> &'static str {
        match self {
            Self::Gcc | Self::Linux => "",
            Self::Wasi => "-wasi",
        }
    }

    fn environment(self, command: &mut Command, place: &Path) {
        // What is asked of the user's directories is asked of the copy.
        command.env("HOME", place).env_remove("XDG_DATA_HOME");
        match self {
            Self::Gcc => {
                command.envs([("CC", "gcc"), ("CXX", "g++"), ("AR", "ar")]);
                command.envs([("RANLIB", "ranlib"), ("TOOLCHAIN", "-DCMAKE_BUILD_TYPE=")]);
            }
            Self::Linux => wasmaot_environment(command, place, musl_sysroot().root()),
            Self::Wasi => wasmaot_environment(command, place, wasi_sysroot().root()),
        }
    }
}

/// What build systems take for `wasmaot cc` and the tools beside it.
fn wasmaot_environment(command: &mut Command, place: &Path, sysroot: &Path) {
    let wasmaot = wasmaot();
    for (variable, word) in [
        ("CC", "cc"),
        ("CXX", "c++"),
        ("AR", "ar"),
        ("RANLIB", "ranlib"),
        ("NM", "nm"),
        ("LD", "ld"),
    ] {
        command.env(variable, format!("{} {word}", wasmaot.display()));
    }
    command
        .env("WASMAOT_SYSROOT", sysroot)
        .env("WASMAOT_CLANG", &tools().clang.path)
        .env("WASMAOT_CACHE_DIR", root().join("objects"))
        .env("WASMAOT_CHECK", "1")
        .env_remove("WASMAOT_OPTIONS")
        .env_remove("WASMAOT_LIBRARY_PATH");
    let mut ask = Command::new(wasmaot);
    ask.args(["cc", "--print-cmake-toolchain"])
        .env("HOME", place);
    let asked = run(ask.env_remove("XDG_DATA_HOME"));
    let file = asked.expect_code(0).stdout.trim_end().to_owned();
    command.env("TOOLCHAIN", format!("-DCMAKE_TOOLCHAIN_FILE={file}"));
}

/// The command under test.
fn wasmaot() -> PathBuf {
    let other = std::env::var_os("WASMAOT_TEST_BINARY");
    other.map_or_else(|| env!("CARGO_BIN_EXE_wasmaot").into(), PathBuf::from)
}

/// A file of ours.
fn own(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../tests/projects")
        .join(name)
}

/// What `wasmaot ldd` says of a program.
fn needed(place: &Place, program: &str) -> String {
    let mut ldd = Command::new(wasmaot());
    ldd.args(["ldd", program]).current_dir(&place.path);
    ldd.env("WASMAOT_CACHE_DIR", root().join("objects"));
    run(&mut ldd).expect_code(0).stdout.clone()
}
