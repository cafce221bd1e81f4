//! CPython for WASI, as libraries and a program.

use std::path::{Path, PathBuf};

use crate::cache::{Key, once};
use crate::case::sources;
use crate::fetch::python_package;
use crate::run::run;
use crate::tools::tools;
use crate::wasm::{Code, Kind, Link, object};

/// CPython 3.14 for WASI, and its own library, out of a package for components.
const PACKAGE: &str = "componentize-py==0.25.1";

/// The modules and files of CPython.
#[derive(Clone, Debug)]
pub struct Cpython {
    /// The program, which needs the library.
    pub main: PathBuf,
    /// `libpython3.14.so`, which needs those of the SDK.
    pub library: PathBuf,
    /// The directory in which `python3.14` is its library of Python.
    pub lib: PathBuf,
}

impl Cpython {
    /// What others publish, and a program of it.
    ///
    /// # Panics
    /// If pip cannot fetch it, or a tool refuses.
    pub fn fetched() -> Self {
        let directory = unpacked();
        let library = directory.join("libpython3.14.so");
        let code = object(&sources().join("extensions/python.c"), Code::Pic, &[]);
        let main = Link::new(Kind::Pie, "main.wasm", vec![code], vec![library.clone()])
            .flag("--allow-undefined")
            .make();
        Self {
            main,
            library,
            lib: directory.join("lib"),
        }
    }
}

/// The directory with the library and `lib/python3.14`. The package has them as compressed
/// data in its code.
fn unpacked() -> PathBuf {
    once("python", &Key::new("python").text(PACKAGE), |directory| {
        let file = python_package(PACKAGE).join("componentize_py/componentize_py.abi3.so");
        let bytes = std::fs::read(file).expect("the package has it");
        let begins = bytes.windows(4).enumerate();
        let begins = begins.filter(|(_, window)| *window == [0x28, 0xb5, 0x2f, 0xfd]);
        let (mut library, mut modules) = (false, false);
        for (at, _) in begins {
            let packed = directory.join("packed");
            std::fs::write(&packed, &bytes[at..]).expect("the directory is ours");
            // What follows is no such data, or the next.
            let mut zstd = tools().zstd.command();
            let unpacked = zstd.args(["-d", "-c", "-q"]).arg(&packed).output();
            let unpacked = unpacked.expect("zstd can be run").stdout;
            if let Some(module) = module(&unpacked) {
                if !library && contains(module, b"\x0cPy_BytesMain") {
                    std::fs::write(directory.join("libpython3.14.so"), module)
                        .expect("the directory is ours");
                    library = true;
                }
            } else if !modules && unpacked.get(257..262) == Some(b"ustar") {
                modules = extracted(directory, &unpacked);
            }
        }
        assert!(library && modules, "{PACKAGE} is packed in another way");
    })
}

/// Whether an archive is that of the library of Python; it is extracted then.
fn extracted(directory: &Path, archive: &[u8]) -> bool {
    let lib = directory.join("lib/python3.14");
    std::fs::create_dir_all(&lib).expect("the directory is ours");
    let file = directory.join("archive");
    std::fs::write(&file, archive).expect("the directory is ours");
    let mut tar = tools().tar.command();
    // It complains of what follows the archive.
    run(tar.arg("xf").arg(&file).arg("-C").arg(&lib));
    let found = lib.join("traceback.py").is_file();
    if !found {
        std::fs::remove_dir_all(&lib).expect("it is ours");
    }
    found
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

/// The module that bytes begin with, whatever follows.
fn module(bytes: &[u8]) -> Option<&[u8]> {
    const HEAD: &[u8] = b"\0asm\x01\0\0\0";
    bytes.strip_prefix(HEAD)?;
    let mut at = HEAD.len();
    while let Some(&id) = bytes.get(at)
        && id <= 13
        && !bytes[at..].starts_with(&HEAD[..4])
    {
        let (mut size, mut shift) = (0, 0);
        loop {
            at += 1;
            let byte = *bytes.get(at)?;
            size |= usize::from(byte & 0x7f) << shift;
            shift += 7;
            if byte < 0x80 {
                break;
            }
        }
        at += 1 + size;
    }
    bytes.get(..at)
}
