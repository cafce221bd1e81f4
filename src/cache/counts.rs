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
    RemoteHit,
    RemoteMiss,
    RemoteRefused,
    RemoteFailed,
    RemoteStored,
}

/// Number of kinds.
const KINDS: usize = 7;

/// How many requests for an object ended in which way, since the directory was
/// made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CacheCounts {
    /// Found in this directory.
    pub hits: u64,
    /// Compiled.
    pub built: u64,
    /// Found in a remote cache.
    pub remote_hits: u64,
    /// Not found there.
    pub remote_misses: u64,
    /// Found there and not taken, since it is not what one who has the key stored.
    pub remote_refused: u64,
    /// Not looked for there, since it does not answer, or has been of no use.
    pub remote_failed: u64,
    /// Stored there.
    pub remote_stored: u64,
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
            remote_hits: next(),
            remote_misses: next(),
            remote_refused: next(),
            remote_failed: next(),
            remote_stored: next(),
        }
    }

    /// Counts objects that have been stored in a remote cache.
    pub fn count_stored(&self, objects: u64) {
        self.add(Count::RemoteStored, objects);
    }

    /// Counts one.
    pub(super) fn count(&self, kind: Count) {
        self.add(kind, 1);
    }

    fn add(&self, kind: Count, number: u64) {
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
        let counted = u64::from_le_bytes(bytes).wrapping_add(number);
        let _ = file.write_at(&counted.to_le_bytes(), at);
    }
}
