//! musl as a shared library of wasm, on the system calls of the host, and libc++
//! on that: the sysroot that `wasmaot sysroot install` makes, by the same code.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::atomic::AtomicBool;
use std::thread;

use wasmaot_sysroot::{Clang, Install, Language, Libc, Output, Sysroot, Target, downloads};

use crate::cache::{Key, once, root};
use crate::run::check;
use crate::tools::tools;
use crate::wasm::{Kind, Link, headers_for};

/// What all of it is compiled with.
const COMPILE: &[&str] = &["-O2", "-fPIC"];

/// The files that say how it is made, of those in `cli/sysroot/src`.
const RECIPE: [&str; 4] = ["cxx.rs", "install.rs", "layout.rs", "musl.rs"];

/// musl, built: for programs with threads, or for those without.
#[derive(Debug)]
pub struct Musl {
    /// The library.
    pub libc: PathBuf,
    target: Target<'static>,
    language: Language,
}

/// Builds musl for programs without threads.
///
/// # Panics
/// If its source cannot be fetched or a tool refuses.
pub fn musl() -> &'static Musl {
    static MUSL: OnceLock<Musl> = OnceLock::new();
    MUSL.get_or_init(|| Musl::new(false))
}

/// Builds musl for programs with threads: the memory is shared.
///
/// # Panics
/// As [`musl`].
pub fn musl_with_threads() -> &'static Musl {
    static MUSL: OnceLock<Musl> = OnceLock::new();
    MUSL.get_or_init(|| Musl::new(true))
}

/// What the sysroot of musl is made of, in one directory.
///
/// # Panics
/// If it cannot be fetched.
pub fn musl_sources() -> PathBuf {
    let downloads = downloads(Libc::Musl);
    let key = downloads.iter().fold(Key::new("sources"), |key, file| {
        key.text(file.name).text(file.hash.unwrap_or_default())
    });
    once("sysroot-sources", &key, |directory| {
        for file in downloads {
            let by_hand = root().join(file.name);
            let to = directory.join(file.name);
            if by_hand.is_file() {
                fs::copy(by_hand, to).expect("it can be copied");
                continue;
            }
            let fetching = directory.join("fetching");
            let fetched = file.fetch(&fetching).unwrap_or_else(|error| {
                let (name, from, root) = (file.name, file.from(), root().display());
                panic!("{error:#}; put {name} of {from} into {root}")
            });
            fs::rename(fetched, to).expect("the directory is ours");
            fs::remove_dir_all(fetching).expect("the directory is ours");
        }
    })
}

/// The sysroot.
///
/// # Panics
/// As [`musl`].
pub fn musl_sysroot() -> &'static Sysroot {
    static SYSROOT: OnceLock<Sysroot> = OnceLock::new();
    SYSROOT.get_or_init(|| {
        let recipe = crate::sources().join("../../cli/sysroot");
        let mut key = Key::new("sysroot of musl").text(&tools().clang.version);
        for file in downloads(Libc::Musl) {
            key = key.text(file.hash.unwrap_or_default());
        }
        let mut all = RECIPE.map(|name| recipe.join("src").join(name)).to_vec();
        files(&recipe.join("files"), &mut all);
        for path in all {
            let name = path.strip_prefix(&recipe).expect("it is below");
            key = key.text(name.as_os_str().as_encoded_bytes()).file(&path);
        }
        let directory = once("sysroots", &key, |directory| {
            install(&directory.join("musl"))
        });
        Sysroot::open(&directory.join("musl")).unwrap_or_else(|error| panic!("{error:#}"))
    })
}

fn install(to: &Path) {
    let clang = Clang::at(&tools().clang.path).unwrap_or_else(|error| panic!("{error:#}"));
    let install = Install {
        libc: Libc::Musl,
        to,
        source: Some(&musl_sources()),
        cxx: true,
        jobs: thread::available_parallelism().map_or(1, usize::from),
        stop: &AtomicBool::new(false),
        report: &|_| {},
    };
    install
        .run(&clang)
        .unwrap_or_else(|error| panic!("{error:#}"));
}

/// Every file below a directory, in order.
fn files(directory: &Path, list: &mut Vec<PathBuf>) {
    let entries =
        fs::read_dir(directory).unwrap_or_else(|e| panic!("{}: {e}", directory.display()));
    let mut paths: Vec<PathBuf> = entries.map(|e| e.expect("it can be read").path()).collect();
    paths.sort();
    for path in paths {
        if path.is_dir() {
            files(&path, list);
        } else {
            list.push(path);
        }
    }
}

impl Musl {
    fn new(threads: bool) -> Self {
        let target = musl_sysroot().target(threads);
        let target = target.expect("there are both");
        let libc = target.library_directory().join("libc.so");
        Self {
            libc,
            target,
            language: Language::C,
        }
    }

    /// The same for sources in C++.
    #[must_use]
    pub fn in_cxx(&self) -> Self {
        Self {
            libc: self.libc.clone(),
            language: Language::Cxx,
            ..*self
        }
    }

    /// Compiles a file of a program or library.
    ///
    /// # Panics
    /// If clang refuses it.
    pub fn object(&self, source: &Path, flags: &[&str]) -> PathBuf {
        let compile = self.target.compile_flags(self.language);
        let mut arguments = compile.expect("it has both languages");
        arguments.extend(COMPILE.iter().chain(flags).map(OsString::from));
        let key = Key::new("musl object")
            .text(&tools().clang.version)
            .file(source);
        let key = headers_for(source, std::iter::empty())
            .iter()
            .fold(key, |key, header| key.file(header));
        // Those of the sysroot carry the hash of what it is made from.
        let key = arguments
            .iter()
            .fold(key, |key, argument| key.text(argument.as_encoded_bytes()));
        let directory = once("musl-objects", &key, |directory| {
            let mut clang = tools().clang.command();
            clang.args(&arguments).arg("-c").arg(source);
            check(clang.arg("-o").arg(directory.join("unit.o")));
        });
        directory.join("unit.o")
    }

    /// Links a position-independent program that needs libraries and libc.
    ///
    /// # Panics
    /// If a tool refuses.
    pub fn program(&self, objects: Vec<PathBuf>, libraries: &[PathBuf]) -> PathBuf {
        self.link(Kind::Pie, "main.wasm", objects, libraries)
    }

    /// Links a library that needs libraries and libc.
    ///
    /// # Panics
    /// If a tool refuses.
    pub fn library(&self, name: &str, objects: Vec<PathBuf>, libraries: &[PathBuf]) -> PathBuf {
        self.link(Kind::Shared, name, objects, libraries)
    }

    fn link(
        &self,
        kind: Kind,
        name: &str,
        mut objects: Vec<PathBuf>,
        libraries: &[PathBuf],
    ) -> PathBuf {
        let output = match kind {
            Kind::Shared => Output::Library,
            _ => Output::Program,
        };
        objects.extend(self.target.first_inputs(output));
        let last = self.target.last_inputs(output, self.language);
        let mut libraries = libraries.to_vec();
        libraries.extend(
            last.expect("it has both languages")
                .into_iter()
                .map(PathBuf::from),
        );
        let link = Link::new(kind, name, objects, libraries).freestanding();
        let flags = self.target.link_flags();
        flags.iter().fold(link, |link, flag| link.flag(flag)).make()
    }
}
