//! The programs of LLVM that are run: what there is of clang's version.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};
use wasmaot_link::{VARIABLE as LINKER, WasmLd, wasm_ld};
use wasmaot_sysroot::Clang;

/// Finds a program of LLVM that belongs to clang: in the directory where clang
/// itself is, or in `PATH` with the number of its version.
pub fn of_llvm(clang: &Clang, name: &str) -> Option<PathBuf> {
    let real = clang.path().canonicalize().ok();
    let homes = real.as_deref().into_iter().chain([clang.path()]);
    let beside = homes.filter_map(|path| Some(path.parent()?.join(name)));
    let path = std::env::var_os("PATH").unwrap_or_default();
    let numbered = format!("{name}-{}", clang.major());
    let in_path = std::env::split_paths(&path).map(|directory| directory.join(&numbered));
    beside.chain(in_path).find(|path| path.is_file())
}

/// The linker: the one that is named, else that of clang's version, else
/// whichever there is.
///
/// # Errors
/// If there is none.
pub fn linker(clang: &Clang) -> Result<WasmLd> {
    let is_named = std::env::var_os(LINKER).is_some_and(|name| !name.is_empty());
    match of_llvm(clang, "wasm-ld").filter(|_| !is_named) {
        Some(path) => Ok(WasmLd::at(path)),
        None => wasm_ld(),
    }
}

/// Runs a program that says itself what went wrong; answers its exit code.
///
/// # Errors
/// If it cannot be run.
pub fn code(command: &mut Command, program: &Path) -> Result<u8> {
    let status = command.status();
    let status = status.with_context(|| format!("cannot run {}", program.display()))?;
    // One that a signal ended has no code.
    Ok(status.code().map_or(1, |code| code as u8))
}

/// A command as it could be typed.
pub fn shown(program: &OsStr, arguments: &[OsString]) -> String {
    let words = std::iter::once(program).chain(arguments.iter().map(OsString::as_os_str));
    let words = words.map(|word| {
        let word = word.to_string_lossy();
        let is_plain = |c: char| c.is_ascii_alphanumeric() || "_-./=,:+@%".contains(c);
        match !word.is_empty() && word.chars().all(is_plain) {
            true => word.into_owned(),
            false => format!("'{}'", word.replace('\'', r"'\''")),
        }
    });
    words.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_shown_as_it_could_be_typed() {
        let arguments = ["-DA=\"b c\"", "x.c", "", "it's"].map(OsString::from);
        assert_eq!(
            shown(OsStr::new("clang"), &arguments),
            r#"clang '-DA="b c"' x.c '' 'it'\''s'"#
        );
    }
}
