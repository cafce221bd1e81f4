//! What the cache was asked, and what came of it, over all processes.
//!
//! Counted in a file of eight bytes for each kind. Whoever counts locks it, and
//! gives up where others have it for long: a count that is lost is better than
//! a program that waits.

use std::os::unix::fs::FileExt as _;

use rustix::fs::{FlockOperation, OFlags, flock};

use super::directory::CacheDirectory;

/// The name of the file.
const NAME: &str = "counts";

/// How often a lock is tried.
const TRIES: u32 = 100;

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Count {
    Hit,
    Built,
}

/// Number of kinds.
const KINDS: usize = 2;

/// How many requests for an object ended in which way, since the directory was
/// made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CacheCounts {
    /// Found in this directory.
    pub hits: u64,
    /// Compiled.
    pub built: u64,
}

impl CacheDirectory {
    /// What has been counted.
    pub fn counts(&self) -> CacheCounts {
        let counts = self.file(NAME, OFlags::RDONLY).map(|file| {
            let mut bytes = [0; KINDS * 8];
            let _ = file.read_at(&mut bytes, 0);
            bytes
        });
        let counts = counts.unwrap_or([0; KINDS * 8]);
        let mut counts = counts.as_chunks::<8>().0.iter().copied();
        let mut next = || counts.next().map_or(0, u64::from_le_bytes);
        CacheCounts {
            hits: next(),
            built: next(),
        }
    }

    /// Counts one.
    pub(super) fn count(&self, kind: Count) {
        // A directory that cannot be written to counts nothing.
        let Ok(file) = self.file(NAME, OFlags::RDWR | OFlags::CREATE) else {
            return;
        };
        let lock = || flock(&file, FlockOperation::NonBlockingLockExclusive);
        let mut tries = 0..TRIES;
        if !tries.any(|_| {
            lock().is_ok() || {
                std::thread::yield_now();
                false
            }
        }) {
            return;
        }
        let at = kind as u64 * 8;
        let mut bytes = [0; 8];
        // What has not been written yet is zero.
        let _ = file.read_at(&mut bytes, at);
        let counted = u64::from_le_bytes(bytes).wrapping_add(1);
        let _ = file.write_at(&counted.to_le_bytes(), at);
    }
}
