//! wasm-ld: finding it, running it.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail};

/// Environment variable that names the linker.
pub const VARIABLE: &str = "WASMAOT_WASM_LD";

/// Environment variable that tells what we run where: the directory of an
/// outer `wasmaot link`, for one that is started as wasm-ld.
const OUTER: &str = "WASMAOT_LINKING";
/// In that directory: the path of the linker that the outer one runs.
const LINKER: &str = "linker";
/// In that directory: that the linker leads back here.
const LEADS_BACK: &str = "leads-back";

/// The linker.
#[derive(Clone, Debug)]
pub struct WasmLd(PathBuf);

/// The linker that is run is a script which runs us, as the error of that one
/// has said.
#[derive(Debug)]
pub struct LeadsBack(PathBuf);

impl fmt::Display for LeadsBack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let linker = self.0.display();
        write!(f, "{linker} leads back to `wasmaot link`, as it said")
    }
}

impl std::error::Error for LeadsBack {}

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
    /// The linker of a path.
    pub const fn at(path: PathBuf) -> Self {
        Self(path)
    }

    /// What it says of its version.
    ///
    /// # Errors
    /// If it cannot be run.
    pub fn version(&self) -> Result<String> {
        let output = Command::new(&self.0).arg("--version").output();
        let output = output.with_context(|| format!("cannot run {}", self.0.display()))?;
        let text = String::from_utf8_lossy(&output.stdout);
        Ok(text.lines().next().unwrap_or_default().trim().to_owned())
    }

    /// Whether it has an option, without dashes: versions differ.
    ///
    /// # Errors
    /// If it cannot be run.
    pub fn knows(&self, option: &str) -> Result<bool> {
        let output = Command::new(&self.0).arg("--help").output();
        let output = output.with_context(|| format!("cannot run {}", self.0.display()))?;
        let text = String::from_utf8_lossy(&output.stdout);
        let mut words = text.split_whitespace();
        Ok(words.any(|word| word.trim_start_matches('-') == option))
    }

    /// Refuses to be run by the linker that would be run.
    ///
    /// # Errors
    /// If it is.
    pub fn leads_elsewhere(&self) -> Result<()> {
        let Some(outer) = std::env::var_os(OUTER).map(PathBuf::from) else {
            return Ok(());
        };
        let linker = std::fs::read(outer.join(LINKER)).unwrap_or_default();
        if linker != self.0.as_os_str().as_bytes() {
            return Ok(());
        }
        // If that cannot be written there is one error more.
        let _ = std::fs::write(outer.join(LEADS_BACK), "");
        bail!(
            "{}: runs `wasmaot link`, which runs it as wasm-ld; name the real linker with {VARIABLE}",
            self.0.display()
        );
    }

    /// Runs it, with our arguments before the user's. What it says goes to
    /// standard error. `directory` is one of our own.
    ///
    /// # Errors
    /// If it cannot be run, fails, or leads back here.
    pub fn run(
        &self,
        first: &[OsString],
        rest: &[OsString],
        directory: &Path,
        output: &Path,
    ) -> Result<()> {
        let shown = self.0.display();
        let mark = directory.join(LINKER);
        std::fs::write(&mark, self.0.as_os_str().as_bytes())
            .with_context(|| format!("cannot write {}", mark.display()))?;
        let mut command = Command::new(&self.0);
        command.env(OUTER, directory);
        command.args(first).args(rest).arg("-o").arg(output);
        let status = command
            .status()
            .with_context(|| format!("cannot run {shown}; name the linker with {VARIABLE}"))?;
        if !status.success() && directory.join(LEADS_BACK).exists() {
            return Err(LeadsBack(self.0.clone()).into());
        }
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
