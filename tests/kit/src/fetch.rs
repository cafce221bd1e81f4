//! What others published: npm packages, and C sources that crates carry.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use wasmaot_sysroot::{Libc, Origin, downloads};

use crate::cache::{Key, once};
use crate::run::check;
use crate::sysroots::fetched;
use crate::tools::tools;

/// The content of an npm package, `NAME@VERSION`.
///
/// # Panics
/// If npm cannot fetch it.
pub fn npm_package(spec: &str) -> PathBuf {
    let directory = once("npm", &Key::new("npm").text(spec), |directory| {
        fetch(Origin::Npm { package: spec }, directory);
        let archive = only_entry(directory);
        check(
            tools()
                .tar
                .command()
                .arg("xzf")
                .arg(&archive)
                .arg("-C")
                .arg(directory),
        );
        fs::remove_file(archive).expect("the archive is ours");
    });
    directory.join("package")
}

/// The sysroot that all C inputs are compiled and linked against: that of the SDK
/// which sysroots for WASI are made of.
///
/// # Panics
/// If npm cannot fetch it.
pub fn sysroot() -> &'static Path {
    static SYSROOT: OnceLock<PathBuf> = OnceLock::new();
    SYSROOT.get_or_init(|| {
        let mut files = downloads(Libc::Wasi).iter();
        let sdk = files.find_map(|file| match file.origin {
            Origin::Npm { package } => Some((file, package)),
            _ => None,
        });
        let (sdk, package) = sdk.expect("it is an npm package");
        let key = Key::new("sysroot").text(package);
        once("sysroot", &key, |directory| {
            let resources = "package/gen/llvm-resources.tar";
            let tar = |operation: &str, archive: &Path| {
                let mut tar = tools().tar.command();
                tar.arg(operation).arg(archive).arg("-C").arg(directory);
                tar
            };
            check(tar("xzf", &fetched(sdk)).arg(resources));
            check(&mut tar("xf", &directory.join(resources)));
            fs::remove_dir_all(directory.join("package")).expect("the directory is ours");
        })
    })
}

/// The sources of a crate, for the C code in it: never built by cargo. The
/// version is the full one, with what follows a `+`.
///
/// # Panics
/// If cargo cannot fetch it.
pub fn crate_sources(name: &str, version: &str) -> PathBuf {
    let key = Key::new("crate").text(name).text(version);
    let directory = once("crates", &key, |directory| {
        // A requirement is without that part.
        let required = version.split('+').next().unwrap_or(version);
        // `[workspace]`: the target directory may lie inside ours.
        let manifest = format!(
            "[package]\nname = \"sources\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n\
             [lib]\npath = \"lib.rs\"\n\n[workspace]\n\n\
             [dependencies]\n{name} = {{ version = \"={required}\", default-features = false }}\n"
        );
        fs::write(directory.join("Cargo.toml"), manifest).expect("the directory is ours");
        fs::write(directory.join("lib.rs"), "").expect("the directory is ours");
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        check(
            Command::new(cargo)
                .args(["vendor", "--quiet", "--versioned-dirs", "vendor"])
                .current_dir(directory),
        );
    });
    directory.join("vendor").join(format!("{name}-{version}"))
}

/// Flags to compile SQLite with, whatever the target.
pub const SQLITE_FLAGS: &[&str] = &[
    "-w",
    "-DSQLITE_THREADSAFE=0",
    "-DSQLITE_OMIT_LOAD_EXTENSION",
];

/// The file of a Python package, `NAME==VERSION`, as it is for 64-bit Linux; unpacked.
///
/// # Panics
/// If pip cannot fetch it.
pub fn python_package(spec: &str) -> PathBuf {
    once("pypi", &Key::new("pypi").text(spec), |directory| {
        let platform = "manylinux_2_28_x86_64";
        let package = spec;
        fetch(Origin::Python { package, platform }, directory);
        let archive = only_entry(directory);
        let mut python = tools().python.command();
        check(
            python
                .args(["-m", "zipfile", "-e"])
                .arg(&archive)
                .arg(directory),
        );
        fs::remove_file(archive).expect("the archive is ours");
    })
}

/// The source of a Python package of this SHA-256, unpacked: for the C code in it,
/// which pip never builds.
///
/// # Panics
/// If pip cannot fetch it.
pub fn python_sources(name: &str, version: &str, hash: &str) -> PathBuf {
    let required = format!("{name}=={version} --hash=sha256:{hash}\n");
    let key = Key::new("pypi sources").text(&required);
    let directory = once("pypi", &key, |directory| {
        fs::write(directory.join("required"), required).expect("the directory is ours");
        let mut pip = tools().python.command();
        pip.args(["-m", "pip", "download", "--quiet", "--no-deps"])
            .args(["--disable-pip-version-check", "--no-binary", name])
            .args(["--require-hashes", "--requirement", "required"]);
        check(pip.current_dir(directory));
        let mut tar = tools().tar.command();
        tar.arg("xzf").arg(format!("{name}-{version}.tar.gz"));
        check(tar.current_dir(directory));
    });
    directory.join(format!("{name}-{version}"))
}

/// A directory with `sqlite3.c` and its headers.
///
/// # Panics
/// If cargo cannot fetch it.
pub fn sqlite_sources() -> PathBuf {
    crate_sources("libsqlite3-sys", "0.39.1").join("sqlite3")
}

/// What sqlite.org publishes to be built: the amalgamation, its shell, and `configure`.
///
/// # Panics
/// If npm cannot fetch it.
pub fn sqlite_shell_sources() -> PathBuf {
    // The package carries the archive.
    const PACKAGE: &str = "sqlite3@5.1.7";
    const ARCHIVE: &str = "sqlite-autoconf-3440200";
    let directory = once("sqlite", &Key::new("sqlite").text(PACKAGE), |directory| {
        let archive = npm_package(PACKAGE).join(format!("deps/{ARCHIVE}.tar.gz"));
        let mut tar = tools().tar.command();
        check(tar.arg("xzf").arg(archive).arg("-C").arg(directory));
    });
    directory.join(ARCHIVE)
}

fn fetch(origin: Origin<'_>, directory: &Path) {
    let fetched = origin.fetch(directory);
    fetched.unwrap_or_else(|error| panic!("{error:#}"));
}

fn only_entry(directory: &Path) -> PathBuf {
    let mut entries = fs::read_dir(directory).expect("the directory is ours");
    let entry = entries
        .next()
        .expect("npm wrote an archive")
        .expect("it can be read");
    entry.path()
}
