//! Files that are opened once, and judged by what was opened: whoever changes
//! names meanwhile changes nothing.

use std::cell::OnceCell;
use std::fs::{File, Metadata};
use std::io::Read as _;
use std::os::fd::{AsFd as _, AsRawFd as _, BorrowedFd};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use cap_std::fs::{Dir, OpenOptions, OpenOptionsExt as _};
use rustix::fs::{Mode, OFlags};
use wasmaot_runtime::{FileId, Object};

use crate::error::{Error, Result};

/// Largest module.
const MAX_MODULE: u64 = 1 << 30;

/// An open file.
#[derive(Debug)]
pub(crate) struct Opened {
    pub file: File,
    /// A time before it was opened.
    #[cfg_attr(
        not(feature = "compiler"),
        expect(dead_code, reason = "only caches ask")
    )]
    pub since: SystemTime,
    /// What the system said of it, once it has been asked.
    metadata: OnceCell<Metadata>,
    /// The path that led to it.
    pub path: PathBuf,
}

impl Opened {
    /// Opens what the user names, which may be a pipe.
    pub fn named(path: &Path) -> Result<Self> {
        let since = SystemTime::now();
        let file = File::open(path).map_err(Error::cannot_read(path))?;
        Ok(Self::at(file, since, path))
    }

    /// Takes what was opened after a time, and found at a path.
    pub fn at(file: File, since: SystemTime, path: &Path) -> Self {
        Self {
            file,
            since,
            metadata: OnceCell::new(),
            path: path.to_owned(),
        }
    }

    /// Opens a file in a directory of the user's, if there is one.
    pub fn found(path: &Path) -> Option<Self> {
        let since = SystemTime::now();
        let file = rustix::fs::open(path, reading(), Mode::empty()).ok()?;
        Self::regular(file.into(), since, path)
    }

    /// Opens a file by a path that a program gives, where it is at a place
    /// that is allowed. What is elsewhere is not even opened.
    pub fn allowed(path: &Path, is_allowed: impl FnOnce(&Path) -> bool) -> Option<Self> {
        let flags = OFlags::PATH | OFlags::CLOEXEC;
        let place = rustix::fs::open(path, flags, Mode::empty()).ok()?;
        if !is_allowed(&real_path(place.as_fd())?) {
            return None;
        }
        let since = SystemTime::now();
        let link = link_of(place.as_fd());
        let file = rustix::fs::open(link, reading(), Mode::empty()).ok()?;
        Self::regular(file.into(), since, path)
    }

    /// Opens a file below a directory, as a program does: nothing leads out of
    /// it. `host` is the same directory's path.
    pub fn beneath(directory: &Dir, host: &Path, path: &Path) -> Option<Self> {
        let flags = (OFlags::NONBLOCK | OFlags::NOCTTY).bits().cast_signed();
        let mut options = OpenOptions::new();
        options.read(true).custom_flags(flags);
        let since = SystemTime::now();
        let file = directory.open_with(path, &options).ok()?;
        Self::regular(file.into_std(), since, &host.join(path))
    }

    fn regular(file: File, since: SystemTime, path: &Path) -> Option<Self> {
        let metadata = file.metadata().ok().filter(Metadata::is_file)?;
        Some(Self {
            file,
            since,
            metadata: metadata.into(),
            path: path.to_owned(),
        })
    }

    /// What the system says of it.
    pub fn metadata(&self) -> Result<&Metadata> {
        if let Some(known) = self.metadata.get() {
            return Ok(known);
        }
        let metadata = self.file.metadata();
        let metadata = metadata.map_err(Error::cannot_read(&self.path))?;
        Ok(self.metadata.get_or_init(|| metadata))
    }

    /// Its identity.
    pub fn id(&self) -> Result<FileId> {
        Ok(FileId::of(self.metadata()?))
    }

    /// Where the open file is, links followed; `None` if it has no such place,
    /// or the system does not tell.
    pub fn real_path(&self) -> Option<PathBuf> {
        real_path(self.file.as_fd())
    }

    /// As much as tells an object from a module.
    pub fn head(&mut self) -> Result<Vec<u8>> {
        let mut head = Vec::new();
        let wanted = Object::MAGIC.len() as u64;
        let read = self.file.by_ref().take(wanted).read_to_end(&mut head);
        read.map_err(Error::cannot_read(&self.path))?;
        Ok(head)
    }

    /// The rest of it, after what was read.
    pub fn rest(&mut self, mut bytes: Vec<u8>) -> Result<Vec<u8>> {
        let read = self.file.by_ref().take(MAX_MODULE).read_to_end(&mut bytes);
        read.map_err(Error::cannot_read(&self.path))?;
        if bytes.len() as u64 > MAX_MODULE {
            let reason =
                format!("is larger than {MAX_MODULE} bytes, which is the most for a module");
            return Err(Error::input(self.path.display(), reason));
        }
        Ok(bytes)
    }
}

/// Opening neither waits for the writer of a pipe nor takes a terminal.
fn reading() -> OFlags {
    OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY
}

fn link_of(fd: BorrowedFd<'_>) -> PathBuf {
    format!("/proc/self/fd/{}", fd.as_raw_fd()).into()
}

/// The path of what a descriptor stands for.
pub(crate) fn real_path(fd: BorrowedFd<'_>) -> Option<PathBuf> {
    let path = std::fs::read_link(link_of(fd)).ok()?;
    path.is_absolute().then_some(path)
}
