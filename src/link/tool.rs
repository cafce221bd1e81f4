//! wasm-ld: finding it, running it.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail};

/// Environment variable that names the linker.
pub const VARIABLE: &str = "WASMAOT_WASM_LD";

/// The linker.
#[derive(Clone, Debug)]
pub struct WasmLd(PathBuf);

/// Finds the linker: `$WASMAOT_WASM_LD`, else `wasm-ld` in `PATH`, else the
/// latest `wasm-ld-NN` there.
///
/// # Errors
/// If there is none.
pub fn wasm_ld() -> Result<WasmLd> {
    if let Some(named) = std::env::var_os(VARIABLE).filter(|v| !v.is_empty()) {
        return Ok(WasmLd(named.into()));
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    let directories: Vec<PathBuf> = std::env::split_paths(&path).collect();
    find(&directories).map(WasmLd).with_context(|| {
        format!("no wasm-ld in PATH; install lld (Debian: apt-get install lld-22), or name it with {VARIABLE}")
    })
}

fn find(directories: &[PathBuf]) -> Option<PathBuf> {
    let plain = directories.iter().map(|d| d.join("wasm-ld"));
    if let Some(found) = plain.into_iter().find(|path| path.is_file()) {
        return Some(found);
    }
    let entries = directories.iter().filter_map(|d| d.read_dir().ok());
    let numbered = entries.flatten().flatten().filter_map(|entry| {
        let version = version(&entry.file_name())?;
        Some((version, entry.path()))
    });
    numbered.max().map(|(_, path)| path)
}

fn version(name: &OsStr) -> Option<u32> {
    name.to_str()?.strip_prefix("wasm-ld-")?.parse().ok()
}

impl WasmLd {
    /// Runs it, with our arguments before the user's. What it says goes to
    /// standard error.
    ///
    /// # Errors
    /// If it cannot be run, or fails.
    pub fn run(&self, first: &[OsString], rest: &[OsString], output: &Path) -> Result<()> {
        let shown = self.0.display();
        let mut command = Command::new(&self.0);
        command.args(first).args(rest).arg("-o").arg(output);
        let status = command
            .status()
            .with_context(|| format!("cannot run {shown}; name the linker with {VARIABLE}"))?;
        if !status.success() {
            bail!("{shown} failed ({status}); what it said is above");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_plain_name_comes_first_then_the_latest() {
        let directory = tempfile::tempdir().unwrap();
        let at = |name: &str| directory.path().join(name);
        let places = [directory.path().to_owned()];
        assert_eq!(find(&places), None);
        for name in ["wasm-ld-9", "wasm-ld-22", "wasm-ld-x", "wasm-ld-19"] {
            std::fs::write(at(name), "").unwrap();
        }
        assert_eq!(find(&places), Some(at("wasm-ld-22")));
        std::fs::write(at("wasm-ld"), "").unwrap();
        assert_eq!(find(&places), Some(at("wasm-ld")));
    }
}
