//! Files that appear whole or not at all.

use std::fs::{File, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use anyhow::{Context as _, Result};

/// Writes `bytes` to `path` by way of a temporary file in the same directory:
/// synced, then renamed. A device or a pipe is written to, not replaced.
///
/// # Errors
/// Of the file system, naming `path`; nothing is left behind then.
pub fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    write_with(path, bytes, 0o644)
}

/// The same for a file that can be started.
///
/// # Errors
/// As of [`write`].
pub fn write_executable(path: &Path, bytes: &[u8]) -> Result<()> {
    write_with(path, bytes, 0o755)
}

fn write_with(path: &Path, bytes: &[u8], mode: u32) -> Result<()> {
    if path.metadata().is_ok_and(|m| !m.is_file() && !m.is_dir()) {
        let device = File::options().write(true).open(path);
        let written = device.and_then(|mut device| device.write_all(bytes));
        return written.with_context(|| format!("cannot write {}", path.display()));
    }
    replace(path, mode, |file| file.write_all(bytes))
}

/// Has a file written that its owner alone may read.
///
/// # Errors
/// As of [`write`].
pub fn write_private(path: &Path, fill: impl FnOnce(&mut File) -> io::Result<()>) -> Result<()> {
    replace(path, 0o600, fill)
}

fn replace(path: &Path, mode: u32, fill: impl FnOnce(&mut File) -> io::Result<()>) -> Result<()> {
    let directory = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let attempt = || -> io::Result<()> {
        let mut file = tempfile::Builder::new()
            .prefix(".wasmaot-")
            .tempfile_in(directory)?;
        fill(file.as_file_mut())?;
        file.as_file().sync_all()?;
        // Temporary files are private; an output need not be.
        file.as_file()
            .set_permissions(Permissions::from_mode(mode))?;
        file.persist(path)?;
        Ok(())
    };
    attempt().with_context(|| format!("cannot write {}", path.display()))
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_device_stays_one() {
        let dir = tempfile::tempdir().unwrap();
        // By a link, so that a mistake replaces the link alone.
        let path = dir.path().join("link");
        std::os::unix::fs::symlink("/dev/null", &path).unwrap();
        super::write(&path, b"one").unwrap();
        assert!(path.symlink_metadata().unwrap().is_symlink());
    }

    #[test]
    fn replaces_and_leaves_nothing_behind() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("out");
        super::write(&path, b"one").unwrap();
        super::write(&path, b"two").unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"two");
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
        let nowhere = dir.path().join("missing/out");
        let error = super::write(&nowhere, b"x").unwrap_err().to_string();
        assert!(error.contains("missing/out"), "{error}");
    }
}
