//! Files that appear whole or not at all.

use std::fs::{File, Permissions};
use std::io::Write as _;
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
    let directory = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let attempt = || -> std::io::Result<()> {
        if path.metadata().is_ok_and(|m| !m.is_file() && !m.is_dir()) {
            return File::options().write(true).open(path)?.write_all(bytes);
        }
        let mut file = tempfile::Builder::new()
            .prefix(".wasmaot-")
            .tempfile_in(directory)?;
        file.write_all(bytes)?;
        file.as_file().sync_all()?;
        // Temporary files are private; an output is not.
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
