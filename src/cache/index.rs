//! The hash of a module's file, by what the system says of that file: a module
//! that has not changed is not read again.
//!
//! An entry is a symbolic link in the cache's directory. Its name is a hash of
//! device, inode, size and times of the file, its target is the hash of the
//! module; so it is found by one system call, appears at once and whole, and
//! never changes.
//!
//! An entry must never stand for a file that has changed. Each change of a file
//! sets its ctime to the present, which nobody can set otherwise. So a file
//! whose ctime is the same has not changed, if the clock has certainly moved on
//! between that ctime and the reading: an entry is made only if that is so
//! (else a change right after the reading could leave the same ctime, as in
//! git's "racily clean" files), and only where the times are the kernel's own.

use std::fs::Metadata;
use std::os::fd::{AsFd as _, BorrowedFd};
use std::os::unix::fs::MetadataExt as _;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustix::fs::{AtFlags, fstatfs, readlinkat, symlinkat, unlinkat};
use rustix::io::Errno;
use wasmaot_abi::info::ModuleHash;

use super::hex;
use crate::opened::Opened;

/// Extension of the names of entries.
pub(super) const EXTENSION: &str = "id";

/// A hundred times what the kernel's clock for files may lag behind (a tick, of
/// 10 milliseconds at most).
const GRANULARITY: Duration = Duration::from_secs(1);

/// File systems whose ctime is this kernel's clock, by their numbers: not those
/// of other machines (NFS, 9p, FUSE), and not images that were made elsewhere
/// (squashfs, ISO 9660).
const TIMED_BY_KERNEL: [u64; 8] = [
    0xef53,      // ext2, ext3, ext4
    0x5846_5342, // XFS
    0x9123_683e, // Btrfs
    0x0102_1994, // tmpfs
    0x794c_7630, // overlay
    0x2fc1_2fc1, // ZFS
    0xf2f5_2010, // F2FS
    0xca45_1a4e, // bcachefs
];

/// The hash of a module's file, if it has been read as it is now.
pub(super) fn look_up(cache: BorrowedFd<'_>, file: &Opened) -> Option<ModuleHash> {
    target(cache, &name(file.metadata().ok()?)?)
}

/// Keeps the hash of a file that has been read, if what the system says of it
/// has been true since before it was opened, and will not be after any change.
/// A directory that cannot be written to keeps none.
pub(super) fn enter(cache: BorrowedFd<'_>, file: &Opened, hash: &ModuleHash) {
    // Asked after the reading: so it is of what has been read.
    let Ok(now) = file.file.metadata() else {
        return;
    };
    let is_certain = tells_changes(&now, file.since) && is_timed_by_kernel(file);
    let Some(name) = name(&now).filter(|_| is_certain) else {
        return;
    };
    let text = hex(hash);
    let made = symlinkat(&text, cache, &name);
    if made == Err(Errno::EXIST) && target(cache, &name) != Some(*hash) {
        // It was damaged: nothing else makes two of a name.
        let _ = unlinkat(cache, &name, AtFlags::empty());
        let _ = symlinkat(&text, cache, &name);
    }
}

/// The hash that an entry stands for.
fn target(cache: BorrowedFd<'_>, name: &str) -> Option<ModuleHash> {
    let target = readlinkat(cache, name, Vec::new()).ok()?;
    parse(target.as_bytes())
}

/// Whether a change at or after some time gives a file another ctime: then one
/// that has this ctime after that time has not been changed in between.
fn tells_changes(metadata: &Metadata, since: SystemTime) -> bool {
    let (Ok(seconds), Ok(nanoseconds)) = (
        u64::try_from(metadata.ctime()),
        u32::try_from(metadata.ctime_nsec()),
    ) else {
        return false;
    };
    let changed = UNIX_EPOCH + Duration::new(seconds, nanoseconds);
    // A whole second is what file systems have that keep no parts of one, and
    // those whose times were made up.
    nanoseconds != 0
        && since
            .duration_since(changed)
            .is_ok_and(|age| age > GRANULARITY)
}

fn is_timed_by_kernel(file: &Opened) -> bool {
    let system = fstatfs(file.file.as_fd());
    system.is_ok_and(|system| TIMED_BY_KERNEL.contains(&(system.f_type as u64)))
}

/// The name of a regular file's entry.
fn name(metadata: &Metadata) -> Option<String> {
    let facts = facts(metadata)?;
    let hash = blake3::hash(facts.map(u64::to_le_bytes).as_flattened());
    Some(format!("{}.{EXTENSION}", hex(&hash.as_bytes()[..20])))
}

/// What tells a regular file from each other, and from itself when it was
/// different.
fn facts(metadata: &Metadata) -> Option<[u64; 9]> {
    let born = metadata.created().ok();
    let born = born.and_then(|born| born.duration_since(UNIX_EPOCH).ok());
    let born = born.unwrap_or_default();
    metadata.is_file().then(|| {
        [
            metadata.dev(),
            metadata.ino(),
            metadata.len(),
            metadata.mtime().cast_unsigned(),
            metadata.mtime_nsec().cast_unsigned(),
            metadata.ctime().cast_unsigned(),
            metadata.ctime_nsec().cast_unsigned(),
            born.as_secs(),
            born.subsec_nanos().into(),
        ]
    })
}

/// A hash in hexadecimal digits.
fn parse(text: &[u8]) -> Option<ModuleHash> {
    let mut hash = ModuleHash::default();
    let (digits, []) = text.as_chunks::<2>() else {
        return None;
    };
    if digits.len() != hash.len() {
        return None;
    }
    for (byte, digits) in hash.iter_mut().zip(digits) {
        *byte = u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
    }
    Some(hash)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_the_digits_of_a_hash_or_nothing() {
        let hash: ModuleHash = std::array::from_fn(|i| i as u8 * 7);
        let text = hex(&hash);
        assert_eq!(parse(text.as_bytes()), Some(hash));
        for wrong in [
            &text[1..],
            &text[2..],
            "",
            &format!("{text}00"),
            &text.replace("07", "0x"),
        ] {
            assert_eq!(parse(wrong.as_bytes()), None, "{wrong}");
        }
    }
}
