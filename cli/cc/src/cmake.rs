//! The toolchain file for CMake, and what CMake does not know of WASI.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use wasmaot_sysroot::user_directory;

/// The toolchain file; what is beside it.
const TOOLCHAIN: &str = "wasmaot.cmake";
const FILES: &[(&str, &str)] = &[
    (TOOLCHAIN, include_str!("../cmake/wasmaot.cmake")),
    (
        "Platform/WASI.cmake",
        include_str!("../cmake/Platform/WASI.cmake"),
    ),
    (
        "Platform/WASI-Clang-C.cmake",
        include_str!("../cmake/Platform/WASI-Clang-C.cmake"),
    ),
    (
        "Platform/WASI-Clang-CXX.cmake",
        include_str!("../cmake/Platform/WASI-Clang-CXX.cmake"),
    ),
];

/// Where an installed package has them, from the directory that the command's
/// is in.
const PACKAGED: &str = "share/wasmaot/cmake";

/// The toolchain file's path: the one that came with the command, else a copy in
/// the user's directory of data, which is made where it is not there.
///
/// # Errors
/// If it cannot be written.
pub fn toolchain() -> Result<PathBuf> {
    let command = std::env::current_exe().and_then(|path| path.canonicalize());
    let command = command.context("cannot tell where the command is")?;
    let prefix = command.parent().and_then(Path::parent);
    let packaged = prefix.map(|prefix| prefix.join(PACKAGED).join(TOOLCHAIN));
    if let Some(path) = packaged.filter(|path| path.is_file()) {
        return Ok(path);
    }
    let data = user_directory().context("no directory for data: set HOME or XDG_DATA_HOME")?;
    let directory = data.with_file_name("cmake");
    for (name, text) in FILES {
        let path = directory.join(name);
        let text = match *name {
            TOOLCHAIN => format!("{}{text}", default(&command)),
            _ => (*text).to_owned(),
        };
        let is_there = std::fs::read_to_string(&path).is_ok_and(|there| there == text);
        if !is_there {
            write(&path, &text).with_context(|| format!("cannot write {}", path.display()))?;
        }
    }
    Ok(directory.join(TOOLCHAIN))
}

/// The command that made the file is the one that it takes, if none is named:
/// some have it not in `PATH`.
fn default(command: &Path) -> String {
    format!(
        "if(NOT WASMAOT AND NOT DEFINED ENV{{WASMAOT}})\n  set(WASMAOT \"{}\")\nendif()\n\n",
        command.display()
    )
}

/// Whoever reads it meanwhile reads the one or the other.
fn write(path: &Path, text: &str) -> std::io::Result<()> {
    let directory = path.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(directory)?;
    let file = tempfile::NamedTempFile::new_in(directory)?;
    std::fs::write(file.path(), text)?;
    file.persist(path)?;
    Ok(())
}
