//! The sysroots that `wasmaot sysroot install` makes, by the same code: musl on the
//! system calls of the host and wasi-libc, each with libc++.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::atomic::AtomicBool;
use std::thread;

use wasmaot_sysroot::{Clang, Download, Install, Libc, Sysroot, downloads};

use crate::cache::{Key, once, root};
use crate::tools::tools;

/// The files that say how each is made, of those in `cli/sysroot/src`.
const RECIPE: [&str; 4] = ["cxx.rs", "install.rs", "layout.rs", "work.rs"];

/// What the sysroot of a libc is made of, in one directory.
///
/// # Panics
/// If it cannot be fetched.
pub fn sources_of(libc: Libc) -> PathBuf {
    let downloads = downloads(libc);
    let key = downloads.iter().fold(Key::new("sources"), |key, file| {
        key.text(file.name).text(file.hash.unwrap_or_default())
    });
    once("sysroot-sources", &key, |directory| {
        for file in downloads {
            // The same file may be a source of several.
            symlink(fetched(file), directory.join(file.name)).expect("the directory is ours");
        }
    })
}

/// A file that others publish: one that was put into the directory of inputs by
/// hand, or fetched once for all who need it.
///
/// # Panics
/// If it cannot be fetched.
pub(crate) fn fetched(file: &Download<'_>) -> PathBuf {
    let by_hand = root().join(file.name);
    if by_hand.is_file() {
        return by_hand;
    }
    let key = Key::new("download")
        .text(file.name)
        .text(file.hash.unwrap_or_default());
    let directory = once("downloads", &key, |directory| {
        let fetching = directory.join("fetching");
        let fetched = file.fetch(&fetching).unwrap_or_else(|error| {
            let (name, from, root) = (file.name, file.from(), root().display());
            panic!("{error:#}; put {name} of {from} into {root}")
        });
        fs::rename(fetched, directory.join(file.name)).expect("the directory is ours");
        fs::remove_dir_all(fetching).expect("the directory is ours");
    });
    directory.join(file.name)
}

/// The sysroot of musl.
///
/// # Panics
/// If its sources cannot be fetched or a tool refuses.
pub fn musl_sysroot() -> &'static Sysroot {
    static SYSROOT: OnceLock<Sysroot> = OnceLock::new();
    SYSROOT.get_or_init(|| sysroot(Libc::Musl, "musl.rs"))
}

/// The sysroot of wasi-libc.
///
/// # Panics
/// As [`musl_sysroot`].
pub fn wasi_sysroot() -> &'static Sysroot {
    static SYSROOT: OnceLock<Sysroot> = OnceLock::new();
    SYSROOT.get_or_init(|| sysroot(Libc::Wasi, "wasi.rs"))
}

/// wasi-libc as static libraries, of the version of [`wasi_sysroot`], with a file that starts
/// what is linked: `crt1-reactor.o` is of a module whose functions are called from outside,
/// `crt1-command.o` of a program. `emulated` are the names of further libraries for what
/// WASI has not, such as `signal`.
///
/// # Panics
/// As [`musl_sysroot`].
pub fn wasi_static_libc(start: &str, emulated: &[&str]) -> Vec<PathBuf> {
    let of_sdk = crate::fetch::sysroot().join("lib/wasm32-wasip1");
    let ours = wasi_sysroot().root().join("lib");
    let mut files = vec![of_sdk.join(start), of_sdk.join("libsetjmp.a")];
    let emulated = emulated
        .iter()
        .map(|name| format!("libwasi-emulated-{name}.a"));
    files.extend(emulated.map(|name| of_sdk.join(name)));
    files.extend([
        // As `libc.so` has it.
        of_sdk.join("libc-printscan-long-double.a"),
        of_sdk.join("libc.a"),
        ours.join("c_longjmp.o"),
        ours.join("libclang_rt.builtins.a"),
    ]);
    files
}

/// The sysroot of a libc, which a file of the recipe is about alone.
fn sysroot(libc: Libc, own: &str) -> Sysroot {
    let recipe = crate::sources().join("../../cli/sysroot");
    let mut key = Key::new("sysroot").text(libc.name());
    key = key.text(tools().clang.version());
    for file in downloads(libc) {
        key = key.text(file.hash.unwrap_or_default());
    }
    let names = RECIPE.into_iter().chain([own]);
    let mut all: Vec<PathBuf> = names.map(|name| recipe.join("src").join(name)).collect();
    files(&recipe.join("files"), &mut all);
    for path in all {
        let name = path.strip_prefix(&recipe).expect("it is below");
        key = key.text(name.as_os_str().as_encoded_bytes()).file(&path);
    }
    let directory = once("sysroots", &key, |directory| {
        install(libc, &directory.join(libc.name()));
    });
    let sysroot = Sysroot::open(&directory.join(libc.name()));
    sysroot.unwrap_or_else(|error| panic!("{error:#}"))
}

fn install(libc: Libc, to: &Path) {
    let clang = Clang::at(&tools().clang.path).unwrap_or_else(|error| panic!("{error:#}"));
    let install = Install {
        libc,
        to,
        source: Some(&sources_of(libc)),
        cxx: true,
        jobs: thread::available_parallelism().map_or(1, usize::from),
        stop: &AtomicBool::new(false),
        report: &|_| {},
    };
    install
        .run(&clang)
        .unwrap_or_else(|error| panic!("{error:#}"));
}

/// Every file below a directory, in order.
fn files(directory: &Path, list: &mut Vec<PathBuf>) {
    let entries =
        fs::read_dir(directory).unwrap_or_else(|e| panic!("{}: {e}", directory.display()));
    let mut paths: Vec<PathBuf> = entries.map(|e| e.expect("it can be read").path()).collect();
    paths.sort();
    for path in paths {
        if path.is_dir() {
            files(&path, list);
        } else {
            list.push(path);
        }
    }
}
