//! The package, made once for all pages, as `dist/build` makes it.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use wasmaot_testkit::{BareRoot, Scratch, musl_sysroot, scratch};

use crate::{loader, repository};

/// What the tutorial has its reader install beside the package, and a C compiler
/// for the machine itself, which two pages use.
const INSTALLED: &[&str] = &[
    "clang-22",
    "lld-22",
    "libclang-rt-22-dev-wasm32",
    "llvm-22",
    "gdb",
    "binutils",
    "gcc",
    "libc6-dev",
    "xz-utils",
];

/// The tarball and the Debian package.
pub struct Packages {
    _directory: Scratch,
    pub tarball: PathBuf,
    pub debian: PathBuf,
}

/// Makes the packages of what cargo has built with this test.
pub fn packages() -> &'static Packages {
    static PACKAGES: OnceLock<Packages> = OnceLock::new();
    PACKAGES.get_or_init(|| {
        let directory = scratch("packages");
        let mut build = Command::new(repository().join("dist/build"));
        let command = Path::new(env!("CARGO_BIN_EXE_wasmaot"));
        let built = command.parent().expect("it is in a directory");
        loader::loader();
        let library = built.join("deps/libwasmaot_capi.so");
        assert!(
            library.is_file(),
            "no {}: `cargo test -p wasmaot-capi --no-run` builds it",
            library.display()
        );
        build
            .arg("--built")
            .arg(built)
            .arg("--output")
            .arg(&*directory);
        build.arg("--sysroot").arg(musl_sysroot().root());
        let output = build.output().expect("dist/build is a script");
        assert!(
            output.status.success(),
            "dist/build: {}\n{}",
            output.status,
            String::from_utf8_lossy(&output.stderr)
        );
        let with_end = |end: &str| {
            let entries = std::fs::read_dir(&*directory).expect("it was made");
            let paths = entries.map(|entry| entry.expect("it can be read").path());
            let mut found = paths.filter(|path| path.to_string_lossy().ends_with(end));
            found
                .next()
                .unwrap_or_else(|| panic!("dist/build made no {end}"))
        };
        Packages {
            tarball: with_end(".tar.xz"),
            debian: with_end(".deb"),
            _directory: directory,
        }
    })
}

/// A newcomer's machine, with the Debian package to be installed in it.
pub fn fresh_machine() -> BareRoot {
    let root = BareRoot::with(INSTALLED);
    root.put(&packages().debian, "root");
    root
}
