//! The key that all machines have which share a store.

use std::fmt;
use std::fs::File;
use std::io::Read as _;
use std::os::fd::AsFd as _;
use std::path::{Path, PathBuf};

use rustix::fs::{FileType, Mode, OFlags, fstat};
use rustix::process::geteuid;

use crate::error::{Error, Result};
use crate::grants::Grants;
use crate::opened::real_path;

/// Fewest bytes of a key.
const MIN: usize = 32;
/// Most bytes of one.
const MAX: u64 = 1 << 16;
/// Access of group and others.
const OTHERS: u32 = 0o077;

/// What the bytes of the file are made to a key for.
const PURPOSE: &str = "wasmaot 2026-11-30 objects in a remote cache";

/// A key: whoever has it can have native code run on all machines that have it.
#[derive(Clone)]
pub struct SharedKey {
    key: [u8; blake3::KEY_LEN],
    /// Where the file is; `None` if the system does not say.
    file: Option<PathBuf>,
}

impl fmt::Debug for SharedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SharedKey")
    }
}

impl SharedKey {
    /// Reads a key file, all bytes of which count. It is not taken from a file that
    /// is another user's, that others may read, or that has a second name, as it is
    /// when it has been opened.
    ///
    /// # Errors
    /// [`Error::Cache`]: one line that names the file, and what to do.
    pub fn read(path: &Path) -> Result<Self> {
        let shown = path.display();
        let cannot = || Error::cannot_read(path);
        // A pipe that nobody writes to is not waited for.
        let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
        let file = rustix::fs::open(path, flags, Mode::empty()).map_err(|e| cannot()(e.into()))?;
        let status = fstat(&file).map_err(|e| cannot()(e.into()))?;
        let wrong = |what| Err(Error::cache(format!("the key file {shown} {what}")));
        if FileType::from_raw_mode(status.st_mode) != FileType::RegularFile {
            return wrong("is not a file".to_owned());
        }
        if status.st_uid != geteuid().as_raw() {
            let owner = status.st_uid;
            return wrong(format!("belongs to another user ({owner})"));
        }
        if status.st_mode & OTHERS != 0 {
            let mode = status.st_mode & 0o7777;
            return wrong(format!("is open to others (mode {mode:o}): `chmod 600` it"));
        }
        if status.st_nlink != 1 {
            return wrong("has several names (hard links)".to_owned());
        }
        let place = real_path(file.as_fd());
        let mut bytes = Vec::new();
        let read = File::from(file).take(MAX + 1).read_to_end(&mut bytes);
        read.map_err(cannot())?;
        if bytes.len() < MIN || bytes.len() as u64 > MAX {
            return wrong(format!(
                "has not from {MIN} to {MAX} bytes: `head -c 32 /dev/urandom` makes a key"
            ));
        }
        Ok(Self {
            key: blake3::derive_key(PURPOSE, &bytes),
            file: place,
        })
    }

    /// Refuses the key where a program can read its file: it could then store what
    /// it likes, in a store that it is granted, or by another program's hands.
    pub(crate) fn check_outside(&self, grants: &Grants) -> Result<()> {
        match grants.holding(self.file.as_deref()) {
            Some(grant) => Err(Error::cache(format!(
                "its key file is in {}, which the program is granted",
                grant.host.display()
            ))),
            None => Ok(()),
        }
    }

    /// The keyed hash over some bytes.
    pub(super) fn hash(&self, bytes: &[u8]) -> blake3::Hash {
        blake3::keyed_hash(&self.key, bytes)
    }

    #[cfg(test)]
    pub(super) fn of(byte: u8) -> Self {
        Self {
            key: [byte; blake3::KEY_LEN],
            file: None,
        }
    }
}
