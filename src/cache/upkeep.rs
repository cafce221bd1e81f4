//! What is in the directory of a cache, and what is removed from it.
//!
//! An object that is removed while processes run it stays theirs until they
//! end: the mapping keeps the file.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustix::fs::{AtFlags, Dir, FileType, Stat, statat, unlinkat};

use super::directory::{CacheDirectory, is_own};
use super::index;
use crate::error::{Error, Result};

/// How long a file is known without its module being read anew.
const KNOWN_FOR: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// An object in a cache.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CacheEntry {
    /// Its build id, in hexadecimal digits.
    pub build_id: String,
    /// Bytes of its file.
    pub bytes: u64,
    /// When it was last used, to a day.
    pub used: SystemTime,
}

/// What has been removed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Removed {
    /// Number of objects.
    pub objects: u64,
    /// Their bytes together.
    pub bytes: u64,
}

/// What the names in a directory stand for.
enum Name<'a> {
    Object(&'a str),
    Known,
    Unfinished,
    Other,
}

impl<'a> Name<'a> {
    fn read(name: &'a str) -> Self {
        match name.rsplit_once('.') {
            _ if name.starts_with('.') => Self::Unfinished,
            Some((id, "so")) => Self::Object(id),
            Some((_, index::EXTENSION)) => Self::Known,
            _ => Self::Other,
        }
    }
}

impl CacheDirectory {
    /// The objects, those used last first.
    ///
    /// # Errors
    /// If the directory cannot be read.
    pub fn entries(&self) -> Result<Vec<CacheEntry>> {
        let mut entries = Vec::new();
        self.each(|name| {
            if let Name::Object(id) = Name::read(name)
                && let Ok(status) = statat(&self.fd, name, AtFlags::SYMLINK_NOFOLLOW)
                && is_own(&status)
            {
                entries.push(CacheEntry {
                    build_id: id.to_owned(),
                    bytes: status.st_size.cast_unsigned(),
                    used: modified(&status),
                });
            }
        })?;
        entries.sort_by(|a, b| (b.used, &b.build_id).cmp(&(a.used, &a.build_id)));
        Ok(entries)
    }

    /// Removes the objects that have not been used for a time, then those unused
    /// for longest until the rest takes no more than so many bytes; and what is
    /// left of processes that have ended.
    ///
    /// # Errors
    /// If the directory cannot be read or written to.
    pub fn clean(&self, unused_for: Option<Duration>, max_bytes: Option<u64>) -> Result<Removed> {
        self.sweep()?;
        let now = SystemTime::now();
        let is_old = |entry: &CacheEntry| {
            let age = now.duration_since(entry.used).unwrap_or_default();
            unused_for.is_some_and(|time| age >= time)
        };
        let mut removed = Removed::default();
        let (old, rest): (Vec<_>, Vec<_>) = self.entries()?.into_iter().partition(is_old);
        for entry in &old {
            self.remove(entry, &mut removed)?;
        }
        if let Some(max) = max_bytes {
            self.trim(&rest, max, None, &mut removed)?;
        }
        Ok(removed)
    }

    /// Looks after the directory when an object has been added: that one stays,
    /// whatever the limit is.
    pub(super) fn keep_limit(&self, added: &str) -> Result<()> {
        self.sweep()?;
        match self.limit() {
            Some(max) => self.trim(&self.entries()?, max, Some(added), &mut Removed::default()),
            None => Ok(()),
        }
    }

    /// Removes the last of these entries but one until the rest takes no more
    /// than so many bytes.
    fn trim(
        &self,
        entries: &[CacheEntry],
        max: u64,
        but: Option<&str>,
        removed: &mut Removed,
    ) -> Result<()> {
        let mut all: u64 = entries.iter().map(|entry| entry.bytes).sum();
        let oldest = entries.iter().rev();
        for entry in oldest.filter(|entry| Some(&*entry.build_id) != but) {
            if all <= max {
                break;
            }
            self.remove(entry, removed)?;
            all -= entry.bytes;
        }
        Ok(())
    }

    /// Removes what processes have left that were ended while they wrote, and
    /// what is known of files for too long.
    fn sweep(&self) -> Result<()> {
        let now = SystemTime::now();
        self.each(|name| match Name::read(name) {
            Name::Unfinished => self.remove_unfinished(name),
            Name::Known => {
                let status = statat(&self.fd, name, AtFlags::SYMLINK_NOFOLLOW);
                let age = status.map(|status| now.duration_since(modified(&status)));
                if matches!(age, Ok(Ok(age)) if age > KNOWN_FOR) {
                    let _ = unlinkat(&self.fd, name, AtFlags::empty());
                }
            }
            Name::Object(_) | Name::Other => {}
        })
    }

    fn remove(&self, entry: &CacheEntry, removed: &mut Removed) -> Result<()> {
        let name = format!("{}.so", entry.build_id);
        match unlinkat(&self.fd, name, AtFlags::empty()) {
            Ok(()) => {
                removed.objects += 1;
                removed.bytes += entry.bytes;
                Ok(())
            }
            // Another process was faster.
            Err(rustix::io::Errno::NOENT) => Ok(()),
            Err(error) => Err(self.cannot_write()(error.into())),
        }
    }

    /// Calls a function with the name of each file.
    fn each(&self, mut f: impl FnMut(&str)) -> Result<()> {
        let cannot_read = || Error::cannot_read(&self.path);
        let directory = Dir::read_from(&self.fd).map_err(|e| cannot_read()(e.into()))?;
        for entry in directory {
            let entry = entry.map_err(|e| cannot_read()(e.into()))?;
            if entry.file_type() != FileType::Directory
                && let Ok(name) = entry.file_name().to_str()
            {
                f(name);
            }
        }
        Ok(())
    }
}

/// The mtime of a file.
pub(super) fn modified(status: &Stat) -> SystemTime {
    let seconds = u64::try_from(status.st_mtime).unwrap_or_default();
    let nanoseconds = u32::try_from(status.st_mtime_nsec).unwrap_or_default();
    UNIX_EPOCH + Duration::new(seconds, nanoseconds.min(999_999_999))
}
