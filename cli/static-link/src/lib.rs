//! Has a binary linked with a static C library, by its build script: what the
//! system's dynamic linker would do first takes longer than loading a program.
//!
//! `-C target-feature=+crt-static` does that for a whole build, but not for
//! one with procedural macros and without `--target`. So the binary's link is
//! told where to look for the libraries that rustc names, before all other
//! places: in files there that name the static ones.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

/// What rustc gives the linker, and what stands for it.
const LIBRARIES: &[(&str, &[&str])] = &[
    ("gcc_s", &["gcc_eh", "gcc"]),
    ("c", &["c", "gcc_eh", "gcc"]),
    ("m", &["m"]),
    ("util", &[]),
    ("rt", &[]),
    ("pthread", &[]),
    ("dl", &[]),
];

/// Where a static binary is in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// At a fixed address.
    Fixed,
    /// Anywhere: it relocates itself.
    Anywhere,
}

/// What came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Linked {
    /// The binary is static.
    Statically,
    /// It is what the target's default is: another target, or a build that asks
    /// for static ones itself.
    AsTheTarget,
    /// There is no static C library.
    NotFound,
}

/// Has a binary of the package linked statically; called by its build script,
/// which says what else the linker is told.
///
/// # Panics
/// Outside of a build script.
pub fn link(binary: &str, place: Place) -> Linked {
    let variable = |name| env::var(name).unwrap_or_default();
    let is_static = variable("CARGO_CFG_TARGET_FEATURE").contains("crt-static");
    // The archives are those of the C compiler here.
    let is_host = variable("TARGET") == variable("HOST");
    let is_glibc = variable("CARGO_CFG_TARGET_ENV") == "gnu";
    if !is_host || !is_glibc || is_static {
        return Linked::AsTheTarget;
    }
    let out = env::var_os("OUT_DIR").expect("a build script");
    let directory = PathBuf::from(out).join("static");
    if write(&directory).is_none() {
        return Linked::NotFound;
    }
    let kind: &[&str] = match place {
        Place::Fixed => &["-static", "-no-pie"],
        Place::Anywhere => &["-static-pie"],
    };
    let search = format!("-L{}", directory.display());
    for argument in kind.iter().copied().chain([&*search]) {
        println!("cargo:rustc-link-arg-bin={binary}={argument}");
    }
    Linked::Statically
}

/// Whether the C library, of the machine that builds, relocates a static program by
/// packed relocations (`DT_RELR`): those of glibc from 2.36 on do.
pub fn takes_packed_relocations() -> bool {
    let output = Command::new("getconf").arg("GNU_LIBC_VERSION").output();
    let text = output.map(|output| output.stdout).unwrap_or_default();
    let text = String::from_utf8(text).unwrap_or_default();
    let version = text.trim().strip_prefix("glibc 2.");
    let minor = version.and_then(|rest| rest.split('.').next()?.parse::<u32>().ok());
    minor.is_some_and(|minor| minor >= 36)
}

/// Writes a linker script for each library; none where one is missing.
fn write(directory: &Path) -> Option<()> {
    fs::create_dir_all(directory).ok()?;
    for (name, archives) in LIBRARIES {
        let archives = archives.iter().map(|name| archive(name));
        let archives = archives.collect::<Option<Vec<_>>>()?;
        let script = match archives.join(" ") {
            none if none.is_empty() => "/* part of libc */\n".to_owned(),
            some => format!("GROUP({some})\n"),
        };
        fs::write(directory.join(format!("lib{name}.a")), script).ok()?;
    }
    Some(())
}

/// Path of a static library of the C compiler's.
fn archive(name: &str) -> Option<String> {
    let question = format!("-print-file-name=lib{name}.a");
    let output = Command::new("cc").arg(question).output().ok()?;
    let path = String::from_utf8(output.stdout).ok()?;
    let path = Path::new(path.trim());
    (path.is_absolute() && path.exists()).then(|| path.display().to_string())
}
