//! musl as a shared library of wasm, on the system calls of the host: Debian's
//! source, an architecture of our own (`tests/musl/arch/wasm32`), and not a
//! line of musl changed. There are two of it, without threads and with them, by
//! the flags of clang and wasm-ld.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, OnceLock};
use std::thread;

use crate::cache::{Key, make, once};
use crate::debian::Source;
use crate::fetch::sysroot;
use crate::run::{check, run};
use crate::tools::tools;
use crate::wasm::{BUILTINS, Kind, Link, headers_for};

const SOURCE: Source = Source {
    package: "musl",
    version: "1.2.3-1",
    release: "bookworm",
    archive: "musl_1.2.3.orig.tar.gz",
    hash: "dd4d86b7f568ec1650d473d79697ea5df7a7b1a7fb71859a33f6e3161e62aecc",
    directory: "musl-1.2.3",
};

/// What is left out, by the start of its path, and why.
const LEFT_OUT: &[(&str, &str)] = &[
    ("src/mq/mq_notify.c", "waits at a socket of the kernel's"),
    (
        "src/time/timer_create.c",
        "a thread of its own waits for a signal",
    ),
    ("src/setjmp/", "is assembly"),
    ("src/signal/siglongjmp.c", "needs setjmp"),
    ("src/signal/sigsetjmp", "needs setjmp"),
];

/// The same for musl and for programs: nothing of the host's is to be seen.
const COMPILE: &[&str] = &[
    "--target=wasm32-unknown-unknown",
    "-O2",
    "-fPIC",
    "-fvisibility=default",
];

/// What a program with threads is compiled with beside that.
const COMPILE_THREADS: &[&str] = &["-pthread"];

/// What its modules are linked with. The compiler's helpers are no code for
/// threads, and need not be.
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

/// What musl's own build says, and warnings off: they are not ours to heed.
const COMPILE_MUSL: &[&str] = &[
    "-std=c99",
    "-ffreestanding",
    "-nostdinc",
    "-fno-strict-aliasing",
    "-D_XOPEN_SOURCE=700",
    "-w",
];

/// musl, built.
#[derive(Debug)]
pub struct Musl {
    /// The library.
    pub libc: PathBuf,
    source: PathBuf,
    headers: PathBuf,
    flags: Flags,
}

/// What tells the two of it apart.
#[derive(Clone, Copy, Debug)]
struct Flags {
    compile: &'static [&'static str],
    link: &'static [&'static str],
}

/// Builds musl for programs without threads.
///
/// # Panics
/// If its source cannot be fetched or a tool refuses.
pub fn musl() -> &'static Musl {
    static MUSL: OnceLock<Musl> = OnceLock::new();
    MUSL.get_or_init(|| {
        Musl::build(Flags {
            compile: &[],
            link: &[],
        })
    })
}

/// Builds musl for programs with threads: the memory is shared.
///
/// # Panics
/// As [`musl`].
pub fn musl_with_threads() -> &'static Musl {
    static MUSL: OnceLock<Musl> = OnceLock::new();
    MUSL.get_or_init(|| {
        Musl::build(Flags {
            compile: COMPILE_THREADS,
            link: LINK_THREADS,
        })
    })
}

/// Our architecture.
fn arch() -> PathBuf {
    crate::sources().with_file_name("musl").join("arch/wasm32")
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

/// Adds the files of the architecture, by name and content.
fn key_of_arch(mut key: Key) -> Key {
    let mut all = Vec::new();
    files(&arch(), &mut all);
    for path in all {
        let name = path.strip_prefix(arch()).expect("it is below");
        key = key.text(name.as_os_str().as_encoded_bytes()).file(&path);
    }
    key
}

/// The headers that musl's build generates.
fn headers(source: &Path) -> PathBuf {
    let key = key_of_arch(Key::new("musl headers").text(SOURCE.hash));
    once("musl-headers", &key, |directory| {
        let sed = |arguments: &[OsString]| {
            let output = run(tools().sed.command().args(arguments));
            output.expect_code(0);
            output.stdout
        };
        let (bits, arch) = (directory.join("include/bits"), arch().join("bits"));
        make(&bits);
        let types = sed(&[
            "-f".into(),
            source.join("tools/mkalltypes.sed").into(),
            arch.join("alltypes.h.in").into(),
            source.join("include/alltypes.h.in").into(),
        ]);
        let numbers = arch.join("syscall.h.in");
        let synonyms = sed(&["-n".into(), "s/__NR_/SYS_/p".into(), numbers.clone().into()]);
        let numbers = fs::read_to_string(numbers).expect("it is ours");
        let version = fs::read_to_string(source.join("VERSION")).expect("musl has one");
        let version = format!("#define VERSION \"{}\"\n", version.trim());
        let internal = directory.join("internal");
        make(&internal);
        for (path, text) in [
            (bits.join("alltypes.h"), types),
            (bits.join("syscall.h"), numbers + &synonyms),
            (internal.join("version.h"), version),
        ] {
            fs::write(path, text).expect("the directory is ours");
        }
    })
}

/// musl's C files that are built, by directory; those of the architecture
/// stand in for the ones of the same name.
fn units(source: &Path) -> Vec<(String, Vec<PathBuf>)> {
    let mut directories = Vec::new();
    for entry in fs::read_dir(source.join("src")).expect("musl has one") {
        let name = entry.expect("it can be read").file_name();
        directories.push(format!("src/{}", name.display()));
    }
    directories.push("src/malloc/mallocng".to_owned());
    directories.sort();
    let mut left_out = vec![0; LEFT_OUT.len()];
    let mut units = Vec::new();
    for directory in directories {
        let entries = fs::read_dir(source.join(&directory)).expect("it was listed");
        let mut sources = Vec::new();
        for entry in entries {
            let name = entry.expect("it can be read").file_name();
            let name = format!("{directory}/{}", name.display());
            if !name.ends_with(".c") {
                continue;
            }
            match LEFT_OUT
                .iter()
                .position(|(start, _)| name.starts_with(start))
            {
                Some(reason) => left_out[reason] += 1,
                None if arch().join(&name).is_file() => sources.push(arch().join(name)),
                None => sources.push(source.join(name)),
            }
        }
        sources.sort();
        if !sources.is_empty() {
            units.push((directory.replace('/', "-"), sources));
        }
    }
    for ((start, _), count) in LEFT_OUT.iter().zip(left_out) {
        assert!(count > 0, "musl has no {start} to be left out");
    }
    units
}

/// Compiles and links musl.
fn library(source: &Path, headers: &Path, variant: Flags) -> PathBuf {
    let units = units(source);
    let compile_flags = || COMPILE.iter().chain(COMPILE_MUSL).chain(variant.compile);
    let mut flags: Vec<OsString> = compile_flags().map(Into::into).collect();
    for directory in [
        arch(),
        source.join("arch/generic"),
        headers.join("internal"),
        source.join("src/include"),
        source.join("src/internal"),
        headers.join("include"),
        source.join("include"),
    ] {
        flags.push("-I".into());
        flags.push(directory.into());
    }
    let mut key = key_of_arch(Key::new("musl").text(SOURCE.hash))
        .text(&tools().clang.version)
        .text(&tools().wasm_ld.version)
        .text(sysroot().as_os_str().as_encoded_bytes());
    for (name, sources) in &units {
        key = key.text(name).text(sources.len().to_string());
    }
    for flag in compile_flags().chain(variant.link) {
        key = key.text(flag);
    }
    let directory = once("musl", &key, |directory| {
        let objects = directory.join("objects");
        compile(&units, &flags, &objects);
        let mut all = Vec::new();
        files(&objects, &mut all);
        check(
            tools()
                .wasm_ld
                .command()
                .args(["-shared", "--experimental-pic", "-Bdynamic"])
                .args(variant.link)
                .args(["--unresolved-symbols=import-dynamic", "--whole-archive"])
                .args(all)
                .arg("--no-whole-archive")
                .arg(sysroot().join(BUILTINS))
                .arg("-o")
                .arg(directory.join("libc.so")),
        );
        fs::remove_dir_all(objects).expect("they are ours");
    });
    directory.join("libc.so")
}

/// Compiles each directory's files by one run of clang, as many runs at once as
/// there are processors.
fn compile(units: &[(String, Vec<PathBuf>)], flags: &[OsString], objects: &Path) {
    let next = AtomicUsize::new(0);
    let failed = Mutex::new(None);
    let work = || {
        while let Some((name, sources)) = units.get(next.fetch_add(1, Ordering::Relaxed)) {
            let directory = objects.join(name);
            make(&directory);
            let mut clang = tools().clang.command();
            clang.args(flags).arg("-c").args(sources);
            let done = run(clang.current_dir(directory));
            if done.code != Some(0) {
                *failed.lock().expect("nobody panics") = Some(done);
            }
        }
    };
    thread::scope(|scope| {
        let processors = thread::available_parallelism().map_or(1, usize::from);
        (0..processors).for_each(|_| drop(scope.spawn(work)));
    });
    if let Some(done) = failed.into_inner().expect("nobody panics") {
        done.expect_code(0);
    }
}

impl Musl {
    fn build(flags: Flags) -> Self {
        let source = SOURCE.unpacked();
        let headers = headers(&source);
        let libc = library(&source, &headers, flags);
        Self {
            libc,
            source,
            headers,
            flags,
        }
    }

    /// Compiles a C file of a program or library.
    ///
    /// # Panics
    /// If clang refuses it.
    pub fn object(&self, source: &Path, flags: &[&str]) -> PathBuf {
        let compile = COMPILE.iter().chain(self.flags.compile).chain(flags);
        let mut arguments: Vec<OsString> = compile.map(Into::into).collect();
        arguments.push("-nostdlibinc".into());
        for directory in [
            arch(),
            self.source.join("arch/generic"),
            self.headers.join("include"),
            self.source.join("include"),
        ] {
            arguments.push("-isystem".into());
            arguments.push(directory.into());
        }
        let key = key_of_arch(Key::new("musl object").text(SOURCE.hash))
            .text(&tools().clang.version)
            .file(source);
        let key = headers_for(source, std::iter::empty())
            .iter()
            .fold(key, |key, header| key.file(header));
        let key = self.flags.compile.iter().chain(flags).fold(key, Key::text);
        let directory = once("musl-objects", &key, |directory| {
            let mut clang = tools().clang.command();
            clang.args(&arguments).arg("-c").arg(source);
            check(clang.arg("-o").arg(directory.join("unit.o")));
        });
        directory.join("unit.o")
    }

    /// Links a position-independent program that needs libraries and libc.
    ///
    /// # Panics
    /// If a tool refuses.
    pub fn program(&self, mut objects: Vec<PathBuf>, libraries: &[PathBuf]) -> PathBuf {
        objects.push(self.object(&arch().join("crt1.c"), &[]));
        self.link(Kind::Pie, "main.wasm", objects, libraries)
    }

    /// Links a library that needs libraries and libc.
    ///
    /// # Panics
    /// If a tool refuses.
    pub fn library(&self, name: &str, objects: Vec<PathBuf>, libraries: &[PathBuf]) -> PathBuf {
        self.link(Kind::Shared, name, objects, libraries)
    }

    fn link(
        &self,
        kind: Kind,
        name: &str,
        objects: Vec<PathBuf>,
        libraries: &[PathBuf],
    ) -> PathBuf {
        let mut libraries = libraries.to_vec();
        libraries.extend([self.libc.clone(), sysroot().join(BUILTINS)]);
        let link = Link::new(kind, name, objects, libraries).freestanding();
        self.flags
            .link
            .iter()
            .fold(link, |link, f| link.flag(f))
            .make()
    }
}
