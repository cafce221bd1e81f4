//! The toolchain file for CMake.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use wasmaot_sysroot::user_directory;

/// What is in it.
const TEXT: &str = include_str!("wasmaot.cmake");

/// Where an installed package has it, from the directory that the command's is
/// in.
const PACKAGED: &str = "share/wasmaot/wasmaot.cmake";

/// The file's path: the one that came with the command, else a copy in the
/// user's directory of data, which is made where it is not there.
///
/// # Errors
/// If it cannot be written.
pub fn toolchain() -> Result<PathBuf> {
    let command = std::env::current_exe().and_then(|path| path.canonicalize());
    let command = command.context("cannot tell where the command is")?;
    let prefix = command.parent().and_then(Path::parent);
    let packaged = prefix.map(|prefix| prefix.join(PACKAGED));
    if let Some(path) = packaged.filter(|path| path.is_file()) {
        return Ok(path);
    }
    let data = user_directory().context("no directory for data: set HOME or XDG_DATA_HOME")?;
    let path = data.with_file_name("wasmaot.cmake");
    // The file says which command made it, for users who have it not in PATH.
    let text = format!(
        "if(NOT WASMAOT AND NOT DEFINED ENV{{WASMAOT}})\n  set(WASMAOT \"{}\")\nendif()\n\n{TEXT}",
        command.display()
    );
    let is_there = std::fs::read_to_string(&path).is_ok_and(|there| there == text);
    if !is_there {
        write(&path, &text).with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(path)
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
