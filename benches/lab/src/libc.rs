//! The C library that kernels use in wasm: that of a sysroot, as a module of its own.

use std::ffi::OsString;
use std::path::PathBuf;

use anyhow::{Result, anyhow};
use wasmaot_sysroot::{Host, Language, Output, Target};

/// What wasm modules are built with that use a C library.
#[derive(Clone, Debug, Default)]
pub struct Libc {
    /// Flags of clang.
    pub compile: Vec<String>,
    /// What wasm-ld is given besides for a program of one module, if there is a static library.
    pub one: Option<Vec<String>>,
    /// The same for a main that needs libraries.
    pub main: Vec<String>,
    /// The same for a library.
    pub library: Vec<String>,
    /// What a main that needs libraries has besides, in C: it makes the library ready.
    pub start: &'static str,
    /// The modules of the C library itself: names, by which others need them, and files.
    pub modules: Vec<(String, PathBuf)>,
}

const MUSL_START: &str = include_str!("../kernels/musl-start.c");
const WASI_START: &str = include_str!("../kernels/wasi-start.c");

/// Many a program takes more for granted than wasm-ld gives.
const STACK: &str = "-zstack-size=1048576";

impl Libc {
    /// That of a sysroot.
    ///
    /// # Errors
    /// The sysroot's path is not UTF-8.
    pub fn of(target: &Target<'_>) -> Result<Self> {
        let mut main = target.last_inputs(Output::Program, Language::C)?;
        main.push(STACK.into());
        let libc = "libc.so";
        Ok(Self {
            compile: texts(target.compile_flags(Language::C)?)?,
            one: None,
            main: texts(main)?,
            library: texts(target.last_inputs(Output::Library, Language::C)?)?,
            start: match target.sysroot().host() {
                Host::Linux => MUSL_START,
                Host::Wasi => WASI_START,
            },
            modules: vec![(libc.to_owned(), target.library_directory().join(libc))],
        })
    }

    /// The same, and a program of one module is linked with files of a static library.
    ///
    /// # Errors
    /// A path is not UTF-8.
    pub fn with_static(mut self, files: Vec<PathBuf>) -> Result<Self> {
        let mut one = texts(files.into_iter().map(PathBuf::into_os_string).collect())?;
        one.push(STACK.to_owned());
        self.one = Some(one);
        Ok(self)
    }
}

fn texts(words: Vec<OsString>) -> Result<Vec<String>> {
    let text = |word: OsString| {
        let text = word.into_string();
        text.map_err(|word| anyhow!("{} is not a path in UTF-8", word.display()))
    };
    words.into_iter().map(text).collect()
}
