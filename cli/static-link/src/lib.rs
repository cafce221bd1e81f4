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

/// Has a binary of the package linked statically with the C compiler's own C library;
/// called by its build script, which says what else the linker is told.
///
/// # Panics
/// Outside of a build script.
pub fn link(binary: &str, place: Place) -> Linked {
    if is_as_the_target(place) {
        return Linked::AsTheTarget;
    }
    let Some(directory) = write(&own_archive) else {
        return Linked::NotFound;
    };
    let kind: &[&str] = match place {
        Place::Fixed => &["-static", "-no-pie"],
        Place::Anywhere => &["-static-pie"],
    };
    tell(binary, &directory, kind.iter().map(|&text| text.to_owned()));
    Linked::Statically
}

/// The same with musl, where its development files are installed, for any address.
///
/// Rust's standard library is then the one for glibc. On 64-bit machines both C libraries
/// take the kernel's structures and agree in their own; what the standard library asks
/// of glibc alone are weak references, for each of which it has another way. Two things
/// are left to the binary: musl gives the functions of `.init_array` no arguments, so
/// that [`std::env::args`] must not be used; and libgcc's unwinder may want
/// `_dl_find_object`.
///
/// # Panics
/// Outside of a build script.
pub fn link_with_musl(binary: &str) -> Linked {
    if is_as_the_target(Place::Anywhere) {
        return Linked::AsTheTarget;
    }
    let Some(musl) = musl() else {
        return Linked::NotFound;
    };
    let archive = |name: &str| match name {
        "gcc" | "gcc_eh" => own_archive(name),
        // The others are parts of it.
        _ => Some(musl.join("libc.a").display().to_string()),
    };
    let Some(directory) = write(&archive) else {
        return Linked::NotFound;
    };
    let start = START.map(|name| musl.join(name).display().to_string());
    let wanted = WEAKLY_WANTED.map(|name| format!("-Wl,--undefined={name}"));
    let kind = ["-static-pie", "-nostartfiles"].map(str::to_owned);
    tell(
        binary,
        &directory,
        kind.into_iter().chain(start).chain(wanted),
    );
    Linked::Statically
}

/// What musl starts a static program with that is loaded anywhere.
const START: [&str; 3] = ["rcrt1.o", "crti.o", "crtn.o"];

/// What libgcc refers to weakly and takes to be there, all of it, if one is: in a static
/// program only what is asked for is.
const WEAKLY_WANTED: [&str; 3] = ["pthread_once", "pthread_mutex_lock", "pthread_mutex_unlock"];

/// Where systems put musl's development files, if they have them. Another place is
/// named by `WASMAOT_MUSL`; an empty one is none.
fn musl() -> Option<PathBuf> {
    println!("cargo:rerun-if-env-changed=WASMAOT_MUSL");
    let machine = env::var("CARGO_CFG_TARGET_ARCH").unwrap_or_default();
    let places = match env::var_os("WASMAOT_MUSL") {
        Some(place) => vec![PathBuf::from(place)],
        None => [
            format!("/usr/lib/{machine}-linux-musl"),   // Debian
            format!("/usr/{machine}-linux-musl/lib64"), // Fedora
            "/usr/lib/musl/lib".to_owned(),             // Arch
        ]
        .map(PathBuf::from)
        .to_vec(),
    };
    let is_whole = |place: &PathBuf| {
        let mut files = START.iter().chain(&["libc.a"]);
        files.all(|name| place.join(name).is_file())
    };
    for place in &places {
        println!("cargo:rerun-if-changed={}", place.join("libc.a").display());
    }
    places.into_iter().find(is_whole)
}

/// Whether the binary is linked as the target's default is: the archives are those of
/// a C compiler, and of glibc's target. For another machine that is the one which cargo
/// links with, and only what has to be static asks it: what is loaded anywhere.
fn is_as_the_target(place: Place) -> bool {
    let variable = |name| env::var(name).unwrap_or_default();
    let is_static = variable("CARGO_CFG_TARGET_FEATURE").contains("crt-static");
    let has_compiler = place == Place::Anywhere && env::var_os(LINKER).is_some();
    let is_glibc = variable("CARGO_CFG_TARGET_ENV") == "gnu";
    !(is_host() || has_compiler) || !is_glibc || is_static
}

/// Whether the binary is for the machine that builds.
fn is_host() -> bool {
    env::var_os("TARGET") == env::var_os("HOST")
}

/// Where cargo says what it links with, if it is told.
const LINKER: &str = "RUSTC_LINKER";

/// Tells the linker of a binary where it finds libraries first, and what else.
fn tell(binary: &str, directory: &Path, arguments: impl Iterator<Item = String>) {
    let search = format!("-L{}", directory.display());
    for argument in arguments.chain([search]) {
        println!("cargo:rustc-link-arg-bin={binary}={argument}");
    }
}

/// Whether the C library, of the machine that builds, relocates a static program by
/// packed relocations (`DT_RELR`): those of glibc from 2.36 on do. That of another machine
/// is not asked.
pub fn takes_packed_relocations() -> bool {
    let output = Command::new("getconf").arg("GNU_LIBC_VERSION").output();
    let text = output.map(|output| output.stdout).unwrap_or_default();
    let text = String::from_utf8(text).unwrap_or_default();
    let version = text.trim().strip_prefix("glibc 2.");
    let minor = version.and_then(|rest| rest.split('.').next()?.parse::<u32>().ok());
    is_host() && minor.is_some_and(|minor| minor >= 36)
}

/// Writes a linker script for each library, that names archives by their paths, into a
/// directory of the build; none where one is missing.
fn write(archive: &dyn Fn(&str) -> Option<String>) -> Option<PathBuf> {
    let out = env::var_os("OUT_DIR").expect("a build script");
    let directory = PathBuf::from(out).join("static");
    fs::create_dir_all(&directory).ok()?;
    for (name, archives) in LIBRARIES {
        let archives = archives.iter().map(|name| archive(name));
        let archives = archives.collect::<Option<Vec<_>>>()?;
        let script = match archives.join(" ") {
            none if none.is_empty() => "/* part of libc */\n".to_owned(),
            some => format!("GROUP({some})\n"),
        };
        fs::write(directory.join(format!("lib{name}.a")), script).ok()?;
    }
    Some(directory)
}

/// Path of a static library of the C compiler's.
fn own_archive(name: &str) -> Option<String> {
    let question = format!("-print-file-name=lib{name}.a");
    let compiler = match is_host() {
        true => "cc".into(),
        false => env::var_os(LINKER)?,
    };
    let output = Command::new(compiler).arg(question).output().ok()?;
    let path = String::from_utf8(output.stdout).ok()?;
    let path = Path::new(path.trim());
    (path.is_absolute() && path.exists()).then(|| path.display().to_string())
}
