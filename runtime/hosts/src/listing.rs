//! Directories as they are listed, within a bound on what all listings of a
//! program take.

use std::ffi::CStr;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use cap_std::fs::Dir;
use rustix::fs::{AtFlags, FileType, Mode, OFlags};

/// An entry of a directory.
pub(crate) struct Entry {
    pub(crate) ino: u64,
    pub(crate) ty: FileType,
    pub(crate) name: Vec<u8>,
}

/// Bytes that the listings of one program's directories may take at once.
const LISTED: usize = 128 << 20;

/// Bytes that are taken of [`LISTED`], which all listings of a program share.
#[derive(Clone, Debug, Default)]
pub(crate) struct Room(Arc<AtomicUsize>);

/// The entries of a directory, as they were when it was read from its start.
pub(crate) struct Listing {
    pub(crate) entries: Vec<Entry>,
    /// How many bytes they take.
    bytes: usize,
    room: Room,
}

impl Drop for Listing {
    fn drop(&mut self) {
        self.room.0.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

impl Listing {
    /// Lists a directory, `.` and `..` first. The number of `..` is that of the
    /// directory itself: what lies above a granted one is not shown.
    pub(crate) fn of(dir: &Dir, room: &Room) -> rustix::io::Result<Self> {
        let mut listing = Self {
            entries: Vec::new(),
            bytes: 0,
            room: room.clone(),
        };
        // A granted directory may be open for resolving paths alone.
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let dir = rustix::fs::openat(dir, ".", flags, Mode::empty())?;
        let ino = rustix::fs::fstat(&dir)?.st_ino;
        for name in [&b"."[..], b".."] {
            listing.push(ino, FileType::Directory, name)?;
        }
        for entry in rustix::fs::Dir::read_from(&dir)? {
            let entry = entry?;
            let name = entry.file_name();
            if !matches!(name.to_bytes(), b"." | b"..") {
                let ty = entry_type(&dir, name, entry.file_type());
                listing.push(entry.ino(), ty, name.to_bytes())?;
            }
        }
        Ok(listing)
    }

    fn push(&mut self, ino: u64, ty: FileType, name: &[u8]) -> rustix::io::Result<()> {
        let bytes = size_of::<Entry>() + name.len();
        self.bytes += bytes;
        if self.room.0.fetch_add(bytes, Ordering::Relaxed) > LISTED {
            return Err(rustix::io::Errno::NOMEM);
        }
        self.entries.push(Entry {
            ino,
            ty,
            name: name.to_vec(),
        });
        Ok(())
    }
}

/// The type of an entry, asked of the entry itself where the file system does
/// not list it.
fn entry_type(dir: &OwnedFd, name: &CStr, listed: FileType) -> FileType {
    if listed != FileType::Unknown {
        return listed;
    }
    match rustix::fs::statat(dir, name, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(stat) => FileType::from_raw_mode(stat.st_mode),
        Err(_) => FileType::Unknown,
    }
}
