//! What the compilers make of a kernel, each thing once, in a directory:
//!
//! ```text
//! kernel.h text.h harness.c      shared by all
//! NAME/lib.c main.c *.h          the sources, of a kernel that is built in
//! NAME/one/main.wasm             one module
//! NAME/pie/{main.wasm,lib.so}    two, both position-independent; more, of several libraries
//! NAME/fixed/{main.wasm,lib.so}  two, main at fixed addresses; and fixedgot, symbolic
//! NAME/VARIANT/{main,libkernel.so}  native
//! ```

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use crate::kernel::{HARNESS, Kernel, SHARED, Unit};
use crate::libc::Libc;
use crate::native::Native;
use crate::tools::{CLANG, GCC, Tool, WASM_LD, Wanted};

/// Name of the program's module.
pub const MAIN: &str = "main.wasm";
/// Name of the module of a library that is the only one, by which main needs it.
pub const LIB: &str = "lib.so";

/// How the wasm modules of a kernel are cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cut {
    /// All in one module, with a memory of its own.
    One,
    /// A library, and a main that is position-independent too.
    Pie,
    /// A library, and a main at fixed addresses, with copies of the library's
    /// data where it refers to them.
    Fixed,
    /// A library, and a main at fixed addresses that refers to data by the GOT.
    FixedGot,
    /// As [`Cut::Pie`], and the library's own symbols are its own (`-Bsymbolic`).
    Symbolic,
    /// As [`Cut::Pie`], for threads: the memory is shared.
    Threads,
    /// Plain modules at absolute addresses that do not overlap, in one memory.
    Flat,
}

impl Cut {
    /// Name of its directory.
    const fn name(self) -> &'static str {
        match self {
            Self::One => "one",
            Self::Pie => "pie",
            Self::Fixed => "fixed",
            Self::FixedGot => "fixedgot",
            Self::Symbolic => "symbolic",
            Self::Threads => "threads",
            Self::Flat => "flat",
        }
    }

    /// Flags of compiling main and the library.
    const fn code(self) -> (&'static [&'static str], &'static [&'static str]) {
        match self {
            Self::One | Self::Flat => (&[], &[]),
            Self::Threads => (PIC_WITH_ATOMICS, PIC_WITH_ATOMICS),
            Self::Fixed => (&[], &["-fPIC"]),
            Self::Pie | Self::FixedGot | Self::Symbolic => (&["-fPIC"], &["-fPIC"]),
        }
    }

    /// Flags of linking main beside a library.
    const fn main(self) -> &'static [&'static str] {
        match self {
            Self::Fixed | Self::FixedGot => &[
                "--export=__stack_pointer",
                "--export=__heap_base",
                "--export-table",
                "--growable-table",
            ],
            Self::Flat => &["--import-memory", "--allow-undefined"],
            Self::Threads => &[
                "-pie",
                "--import-memory",
                "--experimental-pic",
                "--shared-memory",
                "--max-memory=4294967296",
            ],
            _ => &["-pie", "--import-memory", "--experimental-pic"],
        }
    }

    /// Flags of linking that say what else is exported.
    const fn exports(self) -> &'static [&'static str] {
        match self {
            Self::Threads => THREAD_LOCAL,
            _ => &[],
        }
    }

    /// Flags of linking a library.
    fn library(self) -> Vec<&'static str> {
        let more: &[&str] = match self {
            // Far behind main's data and stack.
            Self::Flat => {
                return vec![
                    "--no-entry",
                    "--export-all",
                    "--import-memory",
                    "--allow-undefined",
                    "--global-base=4194304",
                ];
            }
            Self::Symbolic => &["-Bsymbolic"],
            Self::Threads => &["--shared-memory"],
            _ => &[],
        };
        [SHARED_LIBRARY, more, self.exports()].concat()
    }
}

/// What a loader needs of thread-local variables.
const THREAD_LOCAL: &[&str] = &[
    "--export-if-defined=__wasm_init_tls",
    "--export-if-defined=__tls_base",
    "--export-if-defined=__tls_size",
    "--export-if-defined=__tls_align",
];

const PIC_WITH_ATOMICS: &[&str] = &["-fPIC", "-matomics", "-mbulk-memory"];

/// Flags of linking a library.
const SHARED_LIBRARY: &[&str] = &[
    "-shared",
    "--experimental-pic",
    "-Bdynamic",
    "--unresolved-symbols=import-dynamic",
];

/// What both compilers are given.
pub const FLAGS: &[&str] = &["-O2", "-fno-math-errno", "-ffp-contract=off"];
/// What clang is given besides. A compiler for x86-64 uses SSE2 unasked; for
/// wasm it has to be told that there are vectors.
pub const WASM_FLAGS: &[&str] = &[
    "--target=wasm32-wasip1",
    "-fvisibility=default",
    "-msimd128",
];

/// Makes kernels.
#[derive(Debug)]
pub struct Builds {
    directory: PathBuf,
    /// Further flags of clang, such as `-msimd128`.
    pub wasm_flags: Vec<String>,
    /// Further flags of the native compiler, such as `-march=native`.
    pub native_flags: Vec<String>,
    /// What native programs are compiled with.
    pub compiler: Wanted,
    /// What kernels that need a C library have in wasm.
    pub libc: Option<Libc>,
}

impl Builds {
    /// A builds in a directory, which has to exist. What was made there before
    /// of the same sources with the same flags is used again.
    ///
    /// # Errors
    /// The directory cannot be written.
    pub fn new(directory: &Path) -> Result<Self> {
        let headers = SHARED.iter().copied();
        write(directory, headers.chain([("harness.c", HARNESS)]))?;
        let directory = directory.canonicalize()?;
        Ok(Self {
            directory,
            wasm_flags: Vec::new(),
            native_flags: Vec::new(),
            compiler: GCC,
            libc: None,
        })
    }

    /// The directory of a kernel, with the sources of one that is built in.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn sources(&self, kernel: &Kernel) -> Result<PathBuf> {
        let directory = self.directory.join(&kernel.name);
        fs::create_dir_all(&directory)?;
        write(&directory, kernel.files.iter().copied())?;
        Ok(directory)
    }

    /// The modules of a kernel, main first: the name that others need each by, and its file.
    ///
    /// # Errors
    /// As [`Builds::wasm`].
    pub fn modules(&self, kernel: &Kernel, cut: Cut) -> Result<Vec<(String, PathBuf)>> {
        let out = self.wasm(kernel, cut)?;
        let mut modules = vec![(MAIN.to_owned(), out.join(MAIN))];
        if cut != Cut::One {
            let libraries = kernel.libraries.iter().map(|library| library.module());
            modules.extend(libraries.map(|name| (name.clone(), out.join(name))));
            if let (true, Some(libc)) = (kernel.libc, &self.libc) {
                modules.extend(libc.modules.iter().cloned());
            }
        }
        Ok(modules)
    }

    /// Builds wasm modules; answers the directory with [`MAIN`] and perhaps libraries.
    ///
    /// # Errors
    /// A tool is missing or refuses; a kernel needs a C library, and there is none.
    pub fn wasm(&self, kernel: &Kernel, cut: Cut) -> Result<PathBuf> {
        let sources = self.sources(kernel)?;
        let none = Libc::default();
        let libc = match (kernel.libc, &self.libc) {
            (false, _) => &none,
            (true, libc) => libc.as_ref().with_context(|| {
                format!("{} needs a C library, and there is no sysroot", kernel.name)
            })?,
        };
        let linked = match cut {
            Cut::One if kernel.libc => libc.one.as_ref(),
            Cut::One => Some(&none.main),
            _ => Some(&libc.main),
        };
        let linked = linked.context("the sysroot has no static C library to link one module of")?;
        let made_of = self.made_of(kernel, &[WASM_FLAGS, &[cut.name()]].concat(), Some(libc))?;
        once(&sources.join(cut.name()), &made_of, |out| {
            let wasm = Wasm {
                builds: self,
                libc,
                clang: Tool::find(CLANG)?,
                wasm_ld: Tool::find(WASM_LD)?,
                out,
            };
            match cut {
                Cut::One => wasm.one(kernel, linked),
                _ => wasm.several(kernel, cut, linked),
            }
        })
    }

    /// All that something is made of, as a text.
    fn made_of(&self, kernel: &Kernel, flags: &[&str], libc: Option<&Libc>) -> Result<String> {
        let own = self.wasm_flags.iter().chain(&self.native_flags);
        let flags = FLAGS.iter().chain(flags).copied();
        let flags: Vec<&str> = flags.chain(own.map(String::as_str)).collect();
        let compiler = self.compiler.programs;
        let Kernel {
            main,
            libraries,
            files,
            ..
        } = kernel;
        let mut text = format!(
            "{flags:?} {compiler:?} {libc:?} {main:?} {libraries:?} {files:?} {SHARED:?} {HARNESS}"
        );
        // What is not ours may change: files of the same names are told apart by size and time.
        let units = kernel.libraries.iter().map(|library| &library.unit);
        let mut directories = BTreeSet::new();
        for unit in units.chain([&kernel.main]) {
            let of_sources = unit.sources.iter().filter_map(|source| source.parent());
            directories.extend(of_sources.filter(|directory| directory.is_absolute()));
            directories.extend(unit.include.iter().map(PathBuf::as_path));
        }
        for directory in directories {
            stamps(directory, &mut text)
                .with_context(|| format!("cannot read {}", directory.display()))?;
        }
        Ok(text)
    }

    /// Builds a native program; answers its path. It takes two numbers, prints
    /// the check-sum for the second and its nanoseconds.
    ///
    /// # Errors
    /// The compiler is missing or refuses.
    pub fn native(&self, kernel: &Kernel, native: Native) -> Result<PathBuf> {
        let sources = self.sources(kernel)?;
        let (main, lib) = native.flags();
        let made_of = self.made_of(kernel, &[main, lib].concat(), None)?;
        let out = once(&sources.join(native.name()), &made_of, |out| {
            let compiler = Tool::find(self.compiler)?;
            let own: Vec<&str> = self.native_flags.iter().map(String::as_str).collect();
            let main = [FLAGS, &own, main].concat();
            let compile = |name: &str, unit: &Unit, flags: &[&str]| {
                compile(&compiler, out, name, unit, flags)
            };
            let harness = Unit {
                sources: vec!["../harness.c".into()],
                ..Unit::default()
            };
            let mut objects = compile("main", &kernel.main, &main)?;
            objects.extend(compile("harness", &harness, &main)?);
            let library_flags = match native {
                Native::Static => main.clone(),
                _ => [FLAGS, &own, lib, &["-fPIC"]].concat(),
            };
            let mut linked: Vec<String> = Vec::new();
            for library in &kernel.libraries {
                let made = compile(&library.name, &library.unit, &library_flags)?;
                if native == Native::Static {
                    objects.extend(made);
                    continue;
                }
                let name = library.native_name();
                let file = format!("lib{name}.so");
                let mut args = strings(&library_flags);
                args.extend([format!("-Wl,-soname,{file}"), "-shared".to_owned()]);
                args.extend(strings(&["-Wl,-rpath,$ORIGIN", "-L.", "-o"]));
                args.push(file);
                args.extend(made);
                let needed = kernel
                    .libraries
                    .iter()
                    .filter(|l| library.needs.contains(&l.name));
                args.extend(needed.map(|library| format!("-l{}", library.native_name())));
                compiler.run(out, args)?;
                linked.push(format!("-l{name}"));
            }
            let mut args = strings(&main);
            args.extend(strings(&["-o", "main"]));
            args.extend(objects);
            if native != Native::Static {
                args.extend(strings(&["-rdynamic", "-Wl,-rpath,$ORIGIN", "-L."]));
                args.extend(linked);
            }
            if kernel.libc {
                args.push("-lm".to_owned());
            }
            compiler.run(out, args)
        })?;
        Ok(out.join("main"))
    }
}

/// Compiles a unit in a directory; answers the names of its objects.
fn compile(
    compiler: &Tool,
    out: &Path,
    name: &str,
    unit: &Unit,
    flags: &[&str],
) -> Result<Vec<String>> {
    let mut objects = Vec::new();
    for (number, source) in unit.sources.iter().enumerate() {
        let object = format!("{name}-{number}.o");
        let mut args = strings(flags);
        args.extend(unit.flags.iter().cloned());
        for include in &unit.include {
            args.push(format!("-I{}", text(include)?));
        }
        args.extend(strings(&["-I../..", "-c", "-o", &object]));
        // What a builds has written is in the directory above.
        args.push(text(&Path::new("..").join(source))?.to_owned());
        compiler.run(out, args)?;
        objects.push(object);
    }
    Ok(objects)
}

/// How wasm modules are made in a directory.
struct Wasm<'a> {
    builds: &'a Builds,
    libc: &'a Libc,
    clang: Tool,
    wasm_ld: Tool,
    out: &'a Path,
}

impl Wasm<'_> {
    fn compile(&self, name: &str, unit: &Unit, code: &[&str]) -> Result<Vec<String>> {
        let mut flags: Vec<&str> = [WASM_FLAGS, FLAGS, code].concat();
        let own = self.libc.compile.iter().chain(&self.builds.wasm_flags);
        flags.extend(own.map(String::as_str));
        compile(&self.clang, self.out, name, unit, &flags)
    }

    fn one(&self, kernel: &Kernel, libc: &[String]) -> Result<()> {
        let mut args = strings(&["--no-entry", "--export=run", "-o", MAIN]);
        args.extend(self.compile("main", &kernel.main, &[])?);
        for library in &kernel.libraries {
            args.extend(self.compile(&library.name, &library.unit, &[])?);
        }
        args.extend_from_slice(libc);
        self.wasm_ld.run(self.out, args)
    }

    fn several(&self, kernel: &Kernel, cut: Cut, libc: &[String]) -> Result<()> {
        let (main_code, lib_code) = cut.code();
        let mut libraries = Vec::new();
        for library in &kernel.libraries {
            let mut args = strings(&cut.library());
            args.extend(self.compile(&library.name, &library.unit, lib_code)?);
            args.extend(library.needs.iter().map(|name| format!("{name}.so")));
            args.extend_from_slice(&self.libc.library);
            args.extend(["-o".to_owned(), library.module()]);
            self.wasm_ld.run(self.out, args)?;
            libraries.push(library.module());
        }
        let mut objects = self.compile("main", &kernel.main, main_code)?;
        if kernel.libc {
            fs::write(self.out.join("start.c"), self.libc.start)?;
            let unit = Unit {
                sources: vec![Path::new(cut.name()).join("start.c")],
                ..Unit::default()
            };
            objects.extend(self.compile("start", &unit, main_code)?);
        }
        if cut == Cut::Flat {
            // It does not know the library.
            libraries.clear();
        }
        let last = libc.iter().cloned().chain(strings(&["-o", MAIN]));
        let files: Vec<String> = objects.into_iter().chain(libraries).chain(last).collect();
        if cut == Cut::Fixed && kernel.shares_data {
            // Of the library's data, which wasm-ld does not make.
            let mut args = vec!["--no-entry"];
            args.extend(files.iter().map(String::as_str));
            return wasmaot_link::link_in(self.out, &args);
        }
        let mut args = strings(&[cut.main(), cut.exports()].concat());
        args.extend(strings(&["-E", "--no-entry"]));
        if cut != Cut::Flat {
            args.push("-Bdynamic".to_owned());
        }
        args.extend(files);
        self.wasm_ld.run(self.out, args)
    }
}

/// Names, sizes and times of the files in a directory.
fn stamps(directory: &Path, text: &mut String) -> Result<()> {
    let mut lines = Vec::new();
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        let about = entry.metadata()?;
        if about.is_file() {
            let time = about.modified()?;
            lines.push(format!("{:?} {} {time:?}", entry.file_name(), about.len()));
        }
    }
    lines.sort();
    let _ = writeln!(text, "{}: {}", directory.display(), lines.join(", "));
    Ok(())
}

fn strings(words: &[&str]) -> Vec<String> {
    words.iter().map(|&word| word.to_owned()).collect()
}

/// Fills a directory, unless it was filled before of the same.
///
/// # Errors
/// It cannot be written; what fills it fails.
pub fn once(
    directory: &Path,
    made_of: &str,
    fill: impl FnOnce(&Path) -> Result<()>,
) -> Result<PathBuf> {
    let done = directory.join("done");
    // Somebody else may be making the same.
    let lock = File::create(directory.with_extension("lock"))?;
    lock.lock()?;
    if fs::read_to_string(&done).is_ok_and(|text| text == made_of) {
        return Ok(directory.to_owned());
    }
    if directory.exists() {
        fs::remove_dir_all(directory)?;
    }
    fs::create_dir_all(directory)?;
    fill(directory)?;
    fs::write(done, made_of)?;
    Ok(directory.to_owned())
}

fn write<'a>(directory: &Path, files: impl Iterator<Item = (&'a str, &'a str)>) -> Result<()> {
    for (name, text) in files {
        let path = directory.join(name);
        fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(())
}

fn text(path: &Path) -> Result<&str> {
    let text = path.to_str();
    text.with_context(|| format!("{} is not a path in UTF-8", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_made_of_something_else_is_made_again() {
        let directory = tempfile::tempdir().unwrap();
        let place = directory.path().join("place");
        let mut made = 0;
        let mut make = |made_of: &str| {
            once(&place, made_of, |place| {
                made += 1;
                Ok(fs::write(place.join(made_of), "")?)
            })
        };
        for made_of in ["one", "one", "other", "other"] {
            make(made_of).unwrap();
            assert!(place.join(made_of).exists());
        }
        assert!(!place.join("one").exists());
        assert_eq!(made, 2);
    }
}
