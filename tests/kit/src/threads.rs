//! A program with its libraries, built from the same sources for wasm, with musl
//! for threads, and for the host.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::cache::scratch;
use crate::case::sources;
use crate::fetch::crate_sources;
use crate::musl::musl_with_threads;
use crate::native::{Artifact, executable, shared_object};
use crate::run::{Run, Wasmaot, run};

/// One of our sources, `tests/musl/threads/NAME`.
fn source(name: &str) -> PathBuf {
    sources().with_file_name("musl").join("threads").join(name)
}

/// A library, or main.
#[derive(Clone, Debug, Default)]
pub struct ThreadsUnit {
    /// Name of the file.
    pub name: &'static str,
    /// C files.
    pub sources: Vec<PathBuf>,
    /// Flags of the compilers.
    pub flags: Vec<String>,
}

impl ThreadsUnit {
    /// A unit of one of our sources, `tests/musl/threads/FILE`.
    pub fn of(name: &'static str, file: &str, flags: &[&str]) -> Self {
        Self {
            name,
            sources: vec![source(file)],
            flags: flags.iter().map(|&flag| flag.to_owned()).collect(),
        }
    }
}

/// A program and its libraries.
#[derive(Clone, Debug, Default)]
pub struct ThreadsProgram {
    /// Main.
    pub main: ThreadsUnit,
    /// What it needs; each needs those after it.
    pub needed: Vec<ThreadsUnit>,
    /// What it opens.
    pub opened: Vec<ThreadsUnit>,
    /// What wasm has in addition.
    pub wasm: Additions,
    /// Flags of the host's compiler.
    pub native: Vec<&'static str>,
}

/// What wasm has in addition.
#[derive(Clone, Debug, Default)]
pub struct Additions {
    /// Flags of the compiler.
    pub flags: Vec<&'static str>,
    /// Sources that are part of main and of each library, and hidden there.
    pub everywhere: Vec<PathBuf>,
    /// A library that all need.
    pub runtime: Option<ThreadsUnit>,
}

impl ThreadsProgram {
    /// A program of one of our sources, `tests/musl/threads/FILE`.
    pub fn of(file: &str) -> Self {
        Self {
            main: ThreadsUnit::of("main", file, &[]),
            ..Self::default()
        }
    }

    /// zstd with its own threads: `real/zstd.c` and the library.
    ///
    /// # Panics
    /// If its source cannot be fetched.
    pub fn zstd() -> Self {
        let directory = crate_sources("zstd-sys", "2.1.2+zstd.1.5.7").join("zstd/lib");
        let mut program = Self::of("real/zstd.c");
        program.main.flags = vec![format!("-I{}", directory.display()), "-O2".to_owned()];
        program.needed.push(ThreadsUnit {
            name: "libzstd.so",
            sources: c_files(&directory, &["common", "compress", "decompress"]),
            // The same code for both: none that is for one machine alone.
            flags: [
                "-w",
                "-O2",
                "-DZSTD_MULTITHREAD",
                "-DZSTD_DISABLE_ASM",
                "-DZSTD_NO_INTRINSICS",
                "-DDYNAMIC_BMI2=0",
            ]
            .map(str::to_owned)
            .into(),
        });
        program
    }

    fn objects(&self, unit: &ThreadsUnit) -> Vec<PathBuf> {
        let musl = musl_with_threads();
        let own = unit.flags.iter().map(String::as_str);
        let flags: Vec<&str> = self.wasm.flags.iter().copied().chain(own).collect();
        let hidden = [&flags[..], &["-fvisibility=hidden"]].concat();
        let own = unit.sources.iter().map(|file| musl.object(file, &flags));
        let everywhere = &self.wasm.everywhere;
        own.chain(everywhere.iter().map(|file| musl.object(file, &hidden)))
            .collect()
    }

    /// Builds it for wasm; all files get to a directory, and main's is returned.
    ///
    /// # Panics
    /// If a tool refuses.
    pub fn build(&self, directory: &Path) -> PathBuf {
        let musl = musl_with_threads();
        let library = |unit: &ThreadsUnit, needed: &[PathBuf]| {
            let file = musl.library(unit.name, self.objects(unit), needed);
            fs::copy(&file, directory.join(unit.name)).expect("it can be copied");
            file
        };
        let mut libraries = Vec::new();
        for unit in self.wasm.runtime.iter().chain(self.needed.iter().rev()) {
            let made = library(unit, &libraries);
            libraries.insert(0, made);
        }
        for unit in &self.opened {
            library(unit, &libraries);
        }
        let main = musl.program(self.objects(&self.main), &libraries);
        fs::copy(main, directory.join("main.wasm")).expect("it can be copied");
        directory.join("main.wasm")
    }

    /// Builds it for the host; libraries get to a directory.
    ///
    /// # Panics
    /// If a tool refuses.
    pub fn build_native(&self, directory: &Path) -> PathBuf {
        let artifact = |unit: &ThreadsUnit, libraries: &[PathBuf]| Artifact {
            name: unit.name.to_owned(),
            sources: unit.sources.clone(),
            libraries: libraries.to_vec(),
            flags: ["-pthread".to_owned()]
                .into_iter()
                .chain(self.native.iter().map(|&flag| flag.to_owned()))
                .chain(unit.flags.iter().cloned())
                .collect(),
        };
        let library = |unit: &ThreadsUnit, needed: &[PathBuf]| {
            let file = shared_object(&artifact(unit, needed));
            fs::copy(&file, directory.join(unit.name)).expect("it can be copied");
            file
        };
        let mut libraries = Vec::new();
        for unit in self.needed.iter().rev() {
            let made = library(unit, &libraries);
            libraries.insert(0, made);
        }
        for unit in &self.opened {
            library(unit, &libraries);
        }
        executable(&artifact(&self.main, &libraries))
    }

    /// Runs it on the host.
    fn run_native(&self, args: &[&str]) -> Run {
        let directory = scratch("threads-host");
        let mut command = Command::new(self.build_native(&directory));
        command
            .env("LD_LIBRARY_PATH", &*directory)
            .current_dir(&*directory);
        let ended = run(command.args(args));
        assert!(ended.stderr.is_empty(), "{ended:#?}");
        ended
    }

    /// Runs it here and on the host, each in a directory that it may write: both
    /// have to say the same.
    ///
    /// # Panics
    /// If they do not.
    #[track_caller]
    pub fn as_on_the_host(&self, wasmaot: &Wasmaot, args: &[&str]) {
        self.as_on_the_host_with(wasmaot, &[&[]], args);
    }

    /// The same with each of some sets of options of `wasmaot run`, and prelinked.
    ///
    /// # Panics
    /// If it is another with one.
    #[track_caller]
    pub fn as_on_the_host_however(&self, wasmaot: &Wasmaot, ways: &[&[&str]]) {
        let host = self.as_on_the_host_with(wasmaot, ways, &[]);
        let (directory, set) = (scratch("threads"), scratch("threads-set"));
        let main = self.build(&directory);
        let mut command = wasmaot.command("build");
        command.args(["--prelink", "-o"]).arg(&*set).arg(main);
        for path in [libc_directory(), &*directory] {
            command.arg("-L").arg(path);
        }
        run(&mut command).expect_code(0);
        // What it opens is not part of the set.
        for unit in &self.opened {
            fs::copy(directory.join(unit.name), set.join(unit.name)).expect("it can be copied");
        }
        let mut command = wasmaot.command("run");
        command.arg("-L").arg(&*set).current_dir(&*set);
        let ended = run(command.arg(set.join("main.wasm.elf")));
        ended.expect(host.code.expect("no signal ends it"), &host.stdout);
    }

    #[track_caller]
    fn as_on_the_host_with(&self, wasmaot: &Wasmaot, ways: &[&[&str]], args: &[&str]) -> Run {
        let host = self.run_native(args);
        let directory = scratch("threads");
        let main = self.build(&directory);
        let grant: &[&str] = match args {
            [] => &[],
            _ => &["--dir", "."],
        };
        for way in ways {
            let mut command = Self::command(wasmaot, &directory);
            command.args(*way).args(grant).arg(&main);
            let ended = run(command.arg("--").args(args));
            ended.expect(host.code.expect("no signal ends it"), &host.stdout);
        }
        host
    }

    /// A command that runs what was built in a directory.
    pub fn command(wasmaot: &Wasmaot, directory: &Path) -> Command {
        let mut command = wasmaot.command("run");
        for path in [libc_directory(), directory] {
            command.arg("-L").arg(path);
        }
        command.current_dir(directory);
        command
    }
}

fn libc_directory() -> &'static Path {
    let libc = &musl_with_threads().libc;
    libc.parent().expect("it is in a directory")
}

/// The C files of directories, in order.
///
/// # Panics
/// If one cannot be read.
pub fn c_files(parent: &Path, directories: &[&str]) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for directory in directories {
        let entries = fs::read_dir(parent.join(directory)).expect("the source is there");
        let paths = entries.map(|entry| entry.expect("it can be read").path());
        files.extend(paths.filter(|path| path.extension().is_some_and(|e| e == "c")));
    }
    files.sort();
    files
}
