//! What is in a sysroot, and which flags programs need for it.

use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use anyhow::{Context as _, Result, bail, ensure};
use serde::{Deserialize, Serialize};

use crate::files::write;

/// The number of the layout that this version writes and reads.
pub const FORMAT: u32 = 1;

/// The file that says what a sysroot is.
pub(crate) const RECORD: &str = "sysroot.json";

/// The largest such file that is read, in bytes.
const MOST_RECORD: u64 = 1 << 16;

/// Objects that define the tags of exceptions. A program has those that it or
/// a function of its own refers to, and libraries import them: so each is one
/// tag everywhere, and the linker need not be told that they may be undefined.
pub(crate) const TAGS: [&str; 2] = ["cpp_exception.o", "c_longjmp.o"];

/// What a program asks for what it cannot do itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Host {
    /// System calls of Linux.
    Linux,
    /// WASI preview 1.
    Wasi,
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Linux => "Linux",
            Self::Wasi => "WASI",
        })
    }
}

/// A C library that sysroots can be made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Libc {
    /// musl, on system calls of Linux.
    Musl,
    /// wasi-libc, on WASI preview 1.
    Wasi,
}

impl Libc {
    /// Every one; the first is the default.
    pub const ALL: [Self; 2] = [Self::Musl, Self::Wasi];

    /// The name on the command line and of the sysroot's directory.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Musl => "musl",
            Self::Wasi => "wasi",
        }
    }

    /// What it is made for.
    #[must_use]
    pub const fn host(self) -> Host {
        match self {
            Self::Musl => Host::Linux,
            Self::Wasi => Host::Wasi,
        }
    }
}

impl FromStr for Libc {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|libc| libc.name() == name);
        found.ok_or_else(|| {
            let names = Self::ALL.map(Self::name).join(" and ");
            format!("no libc of that name; there are {names}")
        })
    }
}

/// The language of a source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    /// C.
    C,
    /// C++, with exceptions.
    Cxx,
}

/// What is linked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Output {
    /// A program.
    Program,
    /// A shared library.
    Library,
}

/// What `sysroot.json` says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// The layout, [`FORMAT`].
    pub format: u32,
    /// What its programs run on.
    pub host: Host,
    /// The C library's name.
    pub libc: String,
    /// Its version.
    pub version: String,
    /// What clang is told to compile for.
    pub triple: String,
    /// The first line of what the compiler of its libraries says of itself.
    pub compiler: String,
    /// Flags that all code needs beside those that follow from the layout.
    pub flags: Vec<String>,
    /// Flags that code in C++ needs beside those.
    pub cxx_flags: Vec<String>,
    /// The version of libc++, if it is there.
    pub cxx: Option<String>,
    /// Objects beside the libraries that each module has a copy of, where it
    /// refers to what they define.
    #[serde(default)]
    pub members: Vec<String>,
    /// Whether there are libraries for programs with threads.
    pub threads: bool,
}

/// A sysroot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sysroot {
    root: PathBuf,
    record: Record,
}

impl Sysroot {
    /// The sysroot in a directory.
    ///
    /// # Errors
    /// If there is none, or its layout is one that this version does not know.
    pub fn open(root: &Path) -> Result<Self> {
        let root = std::path::absolute(root)
            .with_context(|| format!("cannot find the sysroot {}", root.display()))?;
        let path = root.join(RECORD);
        let shown = path.display();
        let file = std::fs::metadata(&path)
            .with_context(|| format!("{} is no sysroot: cannot read {shown}", root.display()))?;
        ensure!(
            file.len() <= MOST_RECORD,
            "{shown} has {} bytes, more than {MOST_RECORD}: it is no description of a sysroot",
            file.len()
        );
        let text = std::fs::read(&path).with_context(|| format!("cannot read {shown}"))?;
        let format: Format = serde_json::from_slice(&text)
            .with_context(|| format!("{shown} does not describe a sysroot"))?;
        ensure!(
            format.format == FORMAT,
            "{shown} has layout {}, and this version of wasmaot knows {FORMAT}; install it again \
             with `wasmaot sysroot install`",
            format.format
        );
        let record = serde_json::from_slice(&text)
            .with_context(|| format!("{shown} does not describe a sysroot"))?;
        Ok(Self { root, record })
    }

    /// The sysroot that is being made in a directory.
    pub(crate) fn in_making(root: &Path, record: Record) -> Self {
        let root = root.to_owned();
        Self { root, record }
    }

    /// Says what it is, which makes it one.
    pub(crate) fn finish(&self) -> Result<()> {
        let mut text = serde_json::to_vec_pretty(&self.record)?;
        text.push(b'\n');
        write(&self.root.join(RECORD), text)
    }

    /// Its directory, from the file system's root.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// What it says of itself.
    #[must_use]
    pub const fn record(&self) -> &Record {
        &self.record
    }

    /// What its programs run on.
    #[must_use]
    pub const fn host(&self) -> Host {
        self.record.host
    }

    /// What `wasmaot sysroot install` calls one of its kind.
    fn name(&self) -> &'static str {
        let mut all = Libc::ALL.into_iter();
        let same = all.find(|libc| libc.host() == self.host());
        same.map_or("", Libc::name)
    }

    /// The part of it for programs with threads, or for those without.
    ///
    /// # Errors
    /// If it has no libraries for threads and they are asked for.
    pub fn target(&self, threads: bool) -> Result<Target<'_>> {
        if threads && !self.record.threads {
            bail!(
                "{} has no libraries for programs with threads (-pthread); the sysroot of musl has: \
                 `wasmaot sysroot install musl`",
                self.root.display()
            );
        }
        Ok(Target {
            sysroot: self,
            threads,
        })
    }
}

/// The number alone: what else there is depends on it.
#[derive(Deserialize)]
struct Format {
    format: u32,
}

/// What modules of shared memory are linked with. The compiler's helpers are no
/// code for threads, and need not be.
const LINK_THREADS: &[&str] = &[
    "--shared-memory",
    "--import-memory",
    "--max-memory=1073741824",
    "--no-check-features",
    "--export-if-defined=__wasm_init_tls",
    "--export-if-defined=__tls_base",
    "--export-if-defined=__tls_size",
    "--export-if-defined=__tls_align",
];

/// A sysroot for programs with threads, or without.
#[derive(Clone, Copy, Debug)]
pub struct Target<'a> {
    sysroot: &'a Sysroot,
    threads: bool,
}

impl Target<'_> {
    /// The sysroot that it is part of.
    #[must_use]
    pub const fn sysroot(&self) -> &Sysroot {
        self.sysroot
    }

    /// What clang has to be told to compile for it, but for `-fPIC`.
    ///
    /// # Errors
    /// If it is to be C++ and the sysroot has no libc++.
    pub fn compile_flags(&self, language: Language) -> Result<Vec<OsString>> {
        let Sysroot { root, record } = self.sysroot;
        let mut flags: Vec<OsString> = vec![
            format!("--target={}", record.triple).into(),
            // Clang hides everything by default: nothing would be exported.
            "-fvisibility=default".into(),
            // The host's headers are not for these programs.
            "-nostdlibinc".into(),
        ];
        if self.threads {
            flags.push("-pthread".into());
        }
        flags.extend(record.flags.iter().map(Into::into));
        let include = root.join("include");
        if language == Language::Cxx {
            self.has_cxx()?;
            flags.extend(record.cxx_flags.iter().map(Into::into));
            flags.extend(["-nostdinc++".into(), "-isystem".into()]);
            flags.push(include.join("c++/v1").into());
        }
        flags.extend(["-isystem".into(), include.into()]);
        Ok(flags)
    }

    /// What wasm-ld has to be told beside what dynamic linking needs.
    #[must_use]
    pub const fn link_flags(&self) -> &'static [&'static str] {
        if self.threads { LINK_THREADS } else { &[] }
    }

    /// The directory of the libraries, for `-L`, and for `RUNPATH` where a
    /// program is to find them without being told.
    #[must_use]
    pub fn library_directory(&self) -> PathBuf {
        let lib = self.sysroot.root.join("lib");
        if self.threads {
            lib.join("threads")
        } else {
            lib
        }
    }

    /// The files that come before those of the user: the start of a program.
    #[must_use]
    pub fn first_inputs(&self, output: Output) -> Vec<PathBuf> {
        match output {
            Output::Program => vec![self.library_directory().join("crt1.o")],
            Output::Library => Vec::new(),
        }
    }

    /// The files that come after those of the user, and options of wasm-ld around
    /// them: libc++ if there is any C++, libc, and what is linked in of the
    /// compiler's helpers.
    ///
    /// # Errors
    /// As of [`compile_flags`](Self::compile_flags).
    pub fn last_inputs(&self, output: Output, language: Language) -> Result<Vec<OsString>> {
        let lib = self.library_directory();
        let at = |name: &str| lib.join(name).into_os_string();
        let mut inputs = Vec::new();
        if language == Language::Cxx {
            self.has_cxx()?;
            inputs.extend([at("libc++.so"), at("unwind.o")]);
        }
        inputs.push(at("libc.so"));
        let members = self.sysroot.record.members.iter();
        let mut members: Vec<OsString> = members.map(|name| at(name)).collect();
        if output == Output::Program {
            members.extend(TAGS.map(at));
        }
        if !members.is_empty() {
            // As of an archive: each only where it is referred to.
            inputs.push("--start-lib".into());
            inputs.extend(members);
            inputs.push("--end-lib".into());
        }
        inputs.push(at("libclang_rt.builtins.a"));
        Ok(inputs)
    }

    fn has_cxx(&self) -> Result<()> {
        if self.sysroot.record.cxx.is_none() {
            bail!(
                "{} has no libc++; make it again without --no-cxx: `wasmaot sysroot install {}`",
                self.sysroot.root.display(),
                self.sysroot.name()
            );
        }
        Ok(())
    }
}
