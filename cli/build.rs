//! Links the command with a static C library, where the system has one: a
//! program that the command starts would wait for the system's dynamic linker
//! first, longer than for ours.
//!
//! `-C target-feature=+crt-static` does that for a whole build, but not for
//! one with procedural macros and without `--target`. So the command's link is
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

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    let variable = |name| env::var(name).unwrap_or_default();
    let is_static = variable("CARGO_CFG_TARGET_FEATURE").contains("crt-static");
    if variable("TARGET") != "x86_64-unknown-linux-gnu" || is_static {
        return;
    }
    let directory = PathBuf::from(variable("OUT_DIR")).join("static");
    match write(&directory) {
        Some(()) => {
            let directory = directory.display();
            for argument in ["-static", "-no-pie", &format!("-L{directory}")] {
                println!("cargo:rustc-link-arg-bin=wasmaot={argument}");
            }
        }
        None => println!(
            "cargo:warning=no static C library (libc.a): the command will start more slowly"
        ),
    }
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
