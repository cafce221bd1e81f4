//! Programs and libraries on musl, as a shared library of wasm on the system calls
//! of the host, and on libc++.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use wasmaot_sysroot::{Language, Output, Target};

use crate::cache::{Key, once};
use crate::run::check;
use crate::sysroots::musl_sysroot;
use crate::tools::tools;
use crate::wasm::{Kind, Link, headers_for};

/// What all of it is compiled with.
const COMPILE: &[&str] = &["-O2", "-fPIC"];

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
            .text(tools().clang.version())
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
