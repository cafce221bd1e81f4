//! C to wasm objects, and wasm objects to libraries and programs.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::cache::{Key, make, once};
use crate::fetch::sysroot;
use crate::run::check;
use crate::tools::tools;

/// How an object refers to what is elsewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Code {
    /// Relative to bases and through the GOT (`-fPIC`).
    Pic,
    /// By absolute addresses.
    Fixed,
}

/// What is linked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A shared library.
    Shared,
    /// A position-independent program.
    Pie,
    /// A program at fixed addresses, which defines memory and table.
    NoPie,
    /// A module with its libraries inside, for others to call.
    Reactor,
}

/// Clang hides everything by default: nothing would be exported.
const COMPILE: &[&str] = &[
    "--target=wasm32-wasip1",
    "-O2",
    "-fvisibility=default",
    "-Wno-experimental",
];

/// What clang calls for 128-bit numbers and the like; linked in, hidden.
pub(crate) const BUILTINS: &str = "lib/wasm32-unknown-wasip1/libclang_rt.builtins.a";

/// Compiles one C file.
///
/// # Panics
/// If clang refuses it.
pub fn object(source: &Path, code: Code, flags: &[&str]) -> PathBuf {
    let mut arguments: Vec<OsString> = COMPILE.iter().map(OsString::from).collect();
    arguments.push("--sysroot".into());
    arguments.push(sysroot().into());
    if code == Code::Pic {
        arguments.push("-fPIC".into());
    }
    arguments.extend(flags.iter().map(OsString::from));
    arguments.push("-c".into());
    arguments.push(source.into());

    let mut key = Key::new("object")
        .text(tools().clang.version())
        .file(source);
    for argument in &arguments {
        key = key.text(argument.as_encoded_bytes());
    }
    for header in headers_for(source, flags.iter().copied()) {
        key = key.file(&header);
    }
    let directory = once("wasm-objects", &key, |directory| {
        let out = directory.join("unit.o");
        check(tools().clang.command().args(&arguments).arg("-o").arg(out));
    });
    directory.join("unit.o")
}

/// Compiles C files with the same flags.
///
/// # Panics
/// If clang refuses one.
pub fn objects(sources: &[PathBuf], code: Code, flags: &[&str]) -> Vec<PathBuf> {
    sources
        .iter()
        .map(|source| object(source, code, flags))
        .collect()
}

/// The headers that a source may include of ours: those beside it, and those
/// in the directories of `-I` among the flags.
pub(crate) fn headers_for<'a>(
    source: &'a Path,
    flags: impl Iterator<Item = &'a str>,
) -> Vec<PathBuf> {
    let beside = source.parent().expect("a file has a parent");
    let included = flags.filter_map(|flag| flag.strip_prefix("-I"));
    let directories = included.map(Path::new).chain([beside]);
    let entries = directories.flat_map(|directory| {
        std::fs::read_dir(directory)
            .unwrap_or_else(|e| panic!("cannot read {}: {e}", directory.display()))
    });
    let mut headers: Vec<PathBuf> = entries
        .map(|entry| entry.expect("a directory can be read").path())
        .filter(|path| path.extension().is_some_and(|e| e == "h"))
        .collect();
    headers.sort();
    headers
}

/// The object with `_start`; the sysroot's own cannot be part of a program
/// that takes its libc from a library.
pub fn start_file(code: Code) -> PathBuf {
    let recipe = crate::sources().join("../../cli/sysroot");
    object(&recipe.join("files/wasi/crt1.c"), code, &[])
}

/// Where the sysroot has its libraries.
pub fn library_directory() -> PathBuf {
    sysroot().join("lib/wasm32-wasip1")
}

/// The C library.
pub fn libc() -> PathBuf {
    library_directory().join("libc.so")
}

/// One run of the linker.
#[derive(Clone, Debug)]
pub struct Link {
    /// What it makes.
    pub kind: Kind,
    /// Name of the file, which for a library is the name it is needed by.
    pub name: String,
    /// Objects, in order.
    pub objects: Vec<PathBuf>,
    /// Libraries that it needs, in order, before libc.
    pub libraries: Vec<PathBuf>,
    /// Without a start file, libc and the compiler's helpers.
    pub freestanding: bool,
    /// Further flags.
    pub flags: Vec<String>,
}

impl Link {
    /// A link of objects against libraries and libc.
    pub fn new(kind: Kind, name: &str, objects: Vec<PathBuf>, libraries: Vec<PathBuf>) -> Self {
        Self {
            kind,
            name: name.into(),
            objects,
            libraries,
            freestanding: false,
            flags: Vec::new(),
        }
    }

    /// The same without a start file, libc and the compiler's helpers.
    #[must_use]
    pub fn freestanding(mut self) -> Self {
        self.freestanding = true;
        self
    }

    /// The same with a further flag.
    #[must_use]
    pub fn flag(mut self, flag: &str) -> Self {
        self.flags.push(flag.to_owned());
        self
    }

    /// What the linker is given.
    pub(crate) fn arguments(&self) -> Vec<OsString> {
        // 22 refuses a library in a link without `-Bdynamic`.
        let kind: &[&str] = match self.kind {
            Kind::Shared => &[
                "-shared",
                "--experimental-pic",
                "-Bdynamic",
                // Main or another library may define what is missing.
                "--unresolved-symbols=import-dynamic",
            ],
            Kind::Pie => &[
                "-pie",
                "-E",
                "--import-memory",
                "--experimental-pic",
                "-Bdynamic",
            ],
            Kind::NoPie => &[
                "-Bdynamic",
                "-E",
                "--export=__stack_pointer",
                "--export=__heap_base",
                "--export-table",
                "--growable-table",
            ],
            Kind::Reactor => &["--entry=_initialize"],
        };
        let mut arguments: Vec<OsString> = kind.iter().map(OsString::from).collect();
        arguments.extend(self.flags.iter().map(OsString::from));
        if !self.freestanding {
            match self.kind {
                Kind::Shared => {}
                Kind::Pie => arguments.push(start_file(Code::Pic).into()),
                Kind::NoPie => arguments.push(start_file(Code::Fixed).into()),
                Kind::Reactor => arguments.push(library_directory().join("crt1-reactor.o").into()),
            }
        }
        arguments.extend(
            self.objects
                .iter()
                .chain(&self.libraries)
                .map(OsString::from),
        );
        if !self.freestanding {
            arguments.push(match self.kind {
                Kind::Reactor => library_directory().join("libc.a").into(),
                _ => libc().into(),
            });
            arguments.push(sysroot().join(BUILTINS).into());
        }
        arguments
    }

    /// Links, and returns the file.
    ///
    /// # Panics
    /// If the linker refuses.
    pub fn make(&self) -> PathBuf {
        let arguments = self.arguments();
        let mut key = Key::new("link")
            .text(tools().wasm_ld.version())
            .text(&self.name);
        for argument in &arguments {
            // Paths of objects and libraries carry the hash of their content.
            key = key.text(argument.as_encoded_bytes());
        }
        let directory = once("wasm", &key, |directory| {
            let out = directory.join(&self.name);
            make(out.parent().expect("it is in the directory"));
            check(
                tools()
                    .wasm_ld
                    .command()
                    .args(&arguments)
                    .arg("-o")
                    .arg(out),
            );
        });
        directory.join(&self.name)
    }
}
