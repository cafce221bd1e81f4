//! Gives the compiler a version finer than its package's: a hash of its
//! sources. Objects built by another state of the compiler are never taken
//! for this one's.

use std::path::{Path, PathBuf};

fn main() {
    let root = PathBuf::from(std::env::var("CARGO_MANIFEST_DIR").expect("cargo sets it"));
    let mut files = Vec::new();
    // The crates beside it are not there where this one has been published, and
    // have exactly its version.
    for directory in ["src", "../abi/src", "../abi/dylink/src"] {
        let path = root.join(directory);
        if path.exists() {
            println!("cargo::rerun-if-changed={directory}");
            collect(&path, &mut files);
        }
    }
    files.sort();
    // FNV-1a: no dependency, and nobody attacks it here.
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for file in files {
        for byte in std::fs::read(&file).expect("a source file can be read") {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3);
        }
    }
    println!("cargo::rustc-env=WASMAOT_SOURCES={hash:016x}");
}

fn collect(directory: &Path, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(directory).expect("a source folder can be read") {
        let path = entry.expect("a source folder can be read").path();
        if path.is_dir() {
            collect(&path, files);
        } else {
            files.push(path);
        }
    }
}
