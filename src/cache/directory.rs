//! The directory of a cache: whose it is, and what may be in it.
//!
//! | name | what |
//! |---|---|
//! | `ID.so` | the object of this build id; its mtime is a day of its last use |
//! | `HASH.id` | a module's file that is known (`index.rs`) |
//! | `.ID.so.PID.N` | an object that is being written, locked by who does |
//! | `limit` | bytes that objects may take together, in digits |
//! | `counts` | what the cache was asked, and what came of it (`counts.rs`) |

use std::fs::{DirBuilder, File};
use std::io::{self, Read as _, Write as _};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use rustix::fs::{
    AtFlags, FlockOperation, Mode, OFlags, Stat, flock, fstat, openat, renameat, unlinkat,
};
use rustix::io::Errno;
use rustix::process::geteuid;

use super::VARIABLE;
use crate::error::{Error, Result};

/// Others can write: group and all.
pub(super) const WRITABLE: u32 = 0o022;

/// The name of the file with the limit.
const LIMIT: &str = "limit";

/// The directory of the user's cache: `$WASMAOT_CACHE_DIR`, else
/// `$XDG_CACHE_HOME/wasmaot`, else `~/.cache/wasmaot`.
///
/// # Errors
/// If none of these variables nor `HOME` is set.
pub fn default_directory() -> Result<PathBuf> {
    let variable = |name| {
        std::env::var_os(name)
            .filter(|v| !v.is_empty())
            .map(PathBuf::from)
    };
    variable(VARIABLE)
        .or_else(|| variable("XDG_CACHE_HOME").map(|d| d.join("wasmaot")))
        .or_else(|| variable("HOME").map(|d| d.join(".cache/wasmaot")))
        .ok_or_else(|| Error::cache(format!("no directory for built objects: set {VARIABLE}")))
}

/// An open directory of a cache, to be looked after.
#[derive(Debug)]
pub struct CacheDirectory {
    pub(super) path: PathBuf,
    pub(super) fd: OwnedFd,
}

impl CacheDirectory {
    /// Opens a directory, which is made where missing if `make` says so, for this
    /// user alone.
    ///
    /// # Errors
    /// If it is missing or cannot be made; if it is another user's, or others can
    /// write there.
    pub fn open(path: PathBuf, make: bool) -> Result<Self> {
        let shown = path.display();
        let open = || {
            let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
            let there = || rustix::fs::open(&path, flags, Mode::empty());
            let directory = match there() {
                Err(Errno::NOENT) if make => {
                    DirBuilder::new()
                        .recursive(true)
                        .mode(0o700)
                        .create(&path)?;
                    there()?
                }
                opened => opened?,
            };
            let status = fstat(&directory)?;
            Ok::<_, io::Error>((directory, status))
        };
        let what = match make {
            true => "cannot make",
            false => "cannot open",
        };
        let (fd, status) = open().map_err(Error::io(format_args!(
            "{what} the cache directory {shown}: set {VARIABLE}"
        )))?;
        if status.st_uid != geteuid().as_raw() {
            return Err(Error::cache(format!(
                "the cache directory {shown} belongs to another user ({}): set {VARIABLE} to one of yours",
                status.st_uid
            )));
        }
        if status.st_mode & WRITABLE != 0 {
            return Err(Error::cache(format!(
                "others can write in the cache directory {shown} (mode {:o}): empty it and `chmod 700` it, or set {VARIABLE} to another",
                status.st_mode & 0o7777
            )));
        }
        Ok(Self { path, fd })
    }

    /// Its path, as it was given.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Bytes that objects may take together; `None`: any number.
    pub fn limit(&self) -> Option<u64> {
        let mut text = String::new();
        let file = self.file(LIMIT, OFlags::RDONLY).ok()?;
        file.take(32).read_to_string(&mut text).ok()?;
        text.trim().parse().ok()
    }

    /// Sets or lifts the limit. It is kept from then on by who adds an object.
    ///
    /// # Errors
    /// If the directory cannot be written to.
    pub fn set_limit(&self, limit: Option<u64>) -> Result<()> {
        let set = match limit {
            Some(bytes) => self.write(LIMIT, format!("{bytes}\n").as_bytes()),
            None => match unlinkat(&self.fd, LIMIT, AtFlags::empty()) {
                Err(Errno::NOENT) => Ok(()),
                removed => removed.map_err(Into::into),
            },
        };
        set.map_err(self.cannot_write())
    }

    /// The error of an attempt to write.
    pub(super) fn cannot_write(&self) -> impl FnOnce(io::Error) -> Error {
        Error::io(format!(
            "cannot write to {}: set {VARIABLE} to a directory of yours",
            self.path.display()
        ))
    }

    /// Opens a regular file of ours.
    pub(super) fn file(&self, name: &str, flags: OFlags) -> io::Result<File> {
        let flags = flags | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = openat(&self.fd, name, flags, Mode::RUSR | Mode::WUSR)?;
        Ok(File::from(file))
    }

    /// Writes a file: whole, or not at all. While it is being written it has a
    /// name with a dot, and is locked: one that is not locked is of a process
    /// that has ended.
    pub(super) fn write(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let create = OFlags::CREATE | OFlags::EXCL | OFlags::WRONLY;
        let (unfinished, mut file) = loop {
            let number = COUNT.fetch_add(1, Ordering::Relaxed);
            let unfinished = format!(".{name}.{}.{number}", std::process::id());
            let file = match self.file(&unfinished, create) {
                // Of a process of the same number, in another container perhaps.
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => continue,
                opened => opened?,
            };
            flock(&file, FlockOperation::LockExclusive)?;
            // Who cleaned up before it was locked has removed it.
            if fstat(&file)?.st_nlink > 0 {
                break (unfinished, file);
            }
        };
        let mut written = || {
            file.write_all(bytes)?;
            file.sync_all()?;
            Ok(renameat(&self.fd, &unfinished, &self.fd, name)?)
        };
        written().inspect_err(|_| {
            let _ = unlinkat(&self.fd, &unfinished, AtFlags::empty());
        })
    }

    /// Removes a file that was being written, if nobody does any more.
    pub(super) fn remove_unfinished(&self, name: &str) {
        let Ok(file) = self.file(name, OFlags::RDONLY) else {
            return;
        };
        if flock(&file, FlockOperation::NonBlockingLockExclusive).is_ok() {
            let _ = unlinkat(&self.fd, name, AtFlags::empty());
        }
    }
}

impl AsFd for CacheDirectory {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

/// Whether a file is one that only we can have written.
pub(super) fn is_own(status: &Stat) -> bool {
    rustix::fs::FileType::from_raw_mode(status.st_mode) == rustix::fs::FileType::RegularFile
        && status.st_uid == geteuid().as_raw()
        && status.st_mode & WRITABLE == 0
        && status.st_nlink == 1
}
