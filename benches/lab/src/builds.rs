//! What the compilers make of a kernel, each thing once, in a directory:
//!
//! ```text
//! kernel.h text.h harness.c      shared by all
//! NAME/lib.c main.c *.h          the sources
//! NAME/one/main.wasm             one module
//! NAME/pie/{main.wasm,lib.so}    two, both position-independent
//! NAME/fixed/{main.wasm,lib.so}  two, main at fixed addresses; and fixedgot, symbolic
//! NAME/VARIANT/{main,libkernel.so}  native
//! ```

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use crate::kernel::{HARNESS, Kernel, SHARED};
use crate::tools::{CLANG, GCC, Tool, WASM_LD};

/// Name of the program's module.
pub const MAIN: &str = "main.wasm";
/// Name of the library's module, by which main needs it.
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
        [SHARED_LIBRARY, more].concat()
    }
}

const PIC_WITH_ATOMICS: &[&str] = &["-fPIC", "-matomics", "-mbulk-memory"];

/// Flags of linking a library.
const SHARED_LIBRARY: &[&str] = &[
    "-shared",
    "--experimental-pic",
    "-Bdynamic",
    "--unresolved-symbols=import-dynamic",
];

/// How a native program is linked. Each is called after what it is of `gcc`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Native {
    /// One program at fixed addresses, without a dynamic linker: the baseline.
    Static,
    /// A library, bound at first calls, through the PLT.
    Plt,
    /// A library, bound at the start, through the PLT.
    Now,
    /// A library, called through the GOT (`-fno-plt`).
    NoPlt,
    /// A library whose own symbols are its own (`-Bsymbolic`). Main cannot
    /// have copies of its variables then, and is `-fPIC`.
    Symbolic,
}

impl Native {
    /// All.
    pub const ALL: [Self; 5] = [
        Self::Static,
        Self::Plt,
        Self::Now,
        Self::NoPlt,
        Self::Symbolic,
    ];

    /// Its name in reports, and of its directory.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Static => "native",
            Self::Plt => "so",
            Self::Now => "so-now",
            Self::NoPlt => "so-noplt",
            Self::Symbolic => "so-symbolic",
        }
    }

    /// What it is, for people.
    pub const fn about(self) -> &'static str {
        match self {
            Self::Static => "gcc, one static program at fixed addresses",
            Self::Plt => "gcc, a library called through the PLT, bound at the first call",
            Self::Now => "gcc, a library called through the PLT, bound at the start",
            Self::NoPlt => "gcc -fno-plt, a library called through the GOT",
            Self::Symbolic => "gcc, a library linked with -Bsymbolic",
        }
    }

    /// Flags of compiling and of linking main; flags of linking the library.
    const fn flags(self) -> (&'static [&'static str], &'static [&'static str]) {
        match self {
            Self::Static => (&["-static", "-fno-pie", "-no-pie"], &[]),
            Self::Plt => (&["-Wl,-z,lazy"], &["-Wl,-z,lazy"]),
            Self::Now => (&["-Wl,-z,now"], &["-Wl,-z,now"]),
            Self::NoPlt => (&["-fno-plt", "-Wl,-z,now"], &["-fno-plt", "-Wl,-z,now"]),
            Self::Symbolic => (
                &["-fPIC", "-Wl,-z,lazy"],
                &["-Wl,-z,lazy", "-Wl,-Bsymbolic"],
            ),
        }
    }
}

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
    /// Further flags of gcc, such as `-march=native`.
    pub native_flags: Vec<String>,
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
        })
    }

    /// The directory of a kernel, with its sources.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn sources(&self, kernel: &Kernel) -> Result<PathBuf> {
        let directory = self.directory.join(kernel.name);
        fs::create_dir_all(&directory)?;
        let own = [("lib.c", kernel.lib), ("main.c", kernel.main)];
        write(&directory, kernel.headers.iter().copied().chain(own))?;
        Ok(directory)
    }

    /// Builds wasm modules; answers the directory with [`MAIN`] and perhaps [`LIB`].
    ///
    /// # Errors
    /// A tool is missing or refuses.
    pub fn wasm(&self, kernel: &Kernel, cut: Cut) -> Result<PathBuf> {
        let sources = self.sources(kernel)?;
        let copies = cut == Cut::Fixed && kernel.shares_data;
        let made_of = self.made_of(kernel, &[WASM_FLAGS, &[cut.name()]].concat());
        once(&sources.join(cut.name()), &made_of, |out| {
            let (clang, wasm_ld) = (Tool::find(CLANG)?, Tool::find(WASM_LD)?);
            let compile = |unit: &str, code: &[&str]| {
                let (from, to) = (sources.join(format!("{unit}.c")), format!("{unit}.o"));
                let mut args: Vec<&str> = [WASM_FLAGS, FLAGS, code].concat();
                args.extend(self.wasm_flags.iter().map(String::as_str));
                args.extend(["-I../..", "-c", text(&from)?, "-o", &to]);
                clang.run(out, args)
            };
            let (main_code, lib_code) = cut.code();
            compile("main", main_code)?;
            compile("lib", lib_code)?;
            if cut == Cut::One {
                let one = ["--no-entry", "--export=run", "main.o", "lib.o", "-o", MAIN];
                return wasm_ld.run(out, one);
            }
            wasm_ld.run(out, [&cut.library()[..], &["lib.o", "-o", LIB]].concat())?;
            if copies {
                // Of the library's data, which wasm-ld does not make.
                let arguments = ["--no-entry", "main.o", LIB, "-o", MAIN];
                return wasmaot_link::link_in(out, &arguments);
            }
            if cut == Cut::Flat {
                // It does not know the library.
                let main = ["-E", "--no-entry", "main.o", "-o", MAIN];
                return wasm_ld.run(out, [cut.main(), &main].concat());
            }
            let common = ["-E", "--no-entry", "-Bdynamic", "main.o", LIB, "-o", MAIN];
            wasm_ld.run(out, [cut.main(), &common].concat())
        })
    }

    /// All that something is made of, as a text.
    fn made_of(&self, kernel: &Kernel, flags: &[&str]) -> String {
        let own = self.wasm_flags.iter().chain(&self.native_flags);
        let flags = FLAGS.iter().chain(flags).copied();
        let flags: Vec<&str> = flags.chain(own.map(String::as_str)).collect();
        let headers = SHARED.iter().chain(kernel.headers).map(|(_, text)| *text);
        let texts = [kernel.lib, kernel.main, HARNESS].into_iter();
        let flags = flags.join(" ");
        texts.chain(headers).chain([flags.as_str()]).collect()
    }

    /// Builds a native program; answers its path. It takes two numbers, prints
    /// the check-sum for the second and its nanoseconds.
    ///
    /// # Errors
    /// gcc is missing or refuses.
    pub fn native(&self, kernel: &Kernel, native: Native) -> Result<PathBuf> {
        let sources = self.sources(kernel)?;
        let (main, lib) = native.flags();
        let made_of = self.made_of(kernel, &[main, lib].concat());
        let out = once(&sources.join(native.name()), &made_of, |out| {
            let gcc = Tool::find(GCC)?;
            let own: Vec<&str> = self.native_flags.iter().map(String::as_str).collect();
            let program = ["../main.c", "../../harness.c", "-I../..", "-o", "main"];
            if native == Native::Static {
                let args = [FLAGS, &own, main, &program, &["../lib.c"]].concat();
                return gcc.run(out, args);
            }
            let library = ["-shared", "-fPIC", "-I../..", "../lib.c"];
            let name = ["-Wl,-soname,libkernel.so", "-o", "libkernel.so"];
            gcc.run(out, [FLAGS, &own, lib, &library, &name].concat())?;
            let linked = ["-rdynamic", "-Wl,-rpath,$ORIGIN", "-L.", "-lkernel"];
            gcc.run(out, [FLAGS, &own, main, &program, &linked].concat())
        })?;
        Ok(out.join("main"))
    }
}

/// Fills a directory, unless it was filled before of the same.
fn once(
    directory: &Path,
    made_of: &str,
    fill: impl FnOnce(&Path) -> Result<()>,
) -> Result<PathBuf> {
    let done = directory.join("done");
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
