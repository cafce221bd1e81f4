//! Directories: their entries, and the names of preopened ones.

use std::ffi::CStr;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use cap_std::fs::Dir;
use rustix::fs::{AtFlags, FileType, Mode, OFlags};

use super::call::Call;
use super::errno::{Errno, Result};
use super::io::finish;
use super::memory::Span;
use super::table::{Kind, lock};
use super::types::{Record, dirent, filetype, prestat, right};

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

/// `fd_readdir`. A cookie is an index in a listing taken when the directory is
/// read from its start, so entries that come or go meanwhile shift nothing.
pub(super) fn fd_readdir(
    cx: &mut Call<'_>,
    fd: u32,
    buffer: Span,
    cookie: u64,
    out: u32,
) -> Result {
    cx.memory.check(out, 4)?;
    let descriptor = cx.state.get(fd)?;
    let directory = descriptor.dir(right::FD_READDIR)?;
    let target = cx.memory.bytes_mut(buffer)?;
    let mut kept = lock(&directory.listing);
    if cookie == 0 {
        *kept = None;
    }
    let listing = match &mut *kept {
        Some(listing) => listing,
        none => none.insert(Listing::of(&directory.dir, &cx.state.room)?),
    };
    let start = usize::try_from(cookie).unwrap_or(usize::MAX);
    let mut rest = &mut *target;
    for (index, entry) in listing.entries.iter().enumerate().skip(start) {
        let namlen = u32::try_from(entry.name.len()).map_err(|_| Errno::OVERFLOW)?;
        let record = Record::<{ dirent::SIZE }>::new()
            .put(dirent::NEXT, (index as u64 + 1).to_le_bytes())
            .put(dirent::INO, entry.ino.to_le_bytes())
            .put(dirent::NAMLEN, namlen.to_le_bytes())
            .put(dirent::TYPE, [filetype_of(entry.ty)]);
        rest = fill(fill(rest, record.bytes()), &entry.name);
        if rest.is_empty() {
            break;
        }
    }
    let used = buffer.len as usize - rest.len();
    finish(cx, out, used)
}

/// Copies as much as fits and gives what is left of the buffer. An entry cut
/// short tells the guest that there is more.
fn fill<'a>(buffer: &'a mut [u8], bytes: &[u8]) -> &'a mut [u8] {
    let (head, rest) = buffer.split_at_mut(bytes.len().min(buffer.len()));
    head.copy_from_slice(&bytes[..head.len()]);
    rest
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

/// The `filetype` of what is not open. What kind of socket it is shows only
/// then.
pub(super) const fn filetype_of(ty: FileType) -> u8 {
    match ty {
        FileType::RegularFile => filetype::REGULAR_FILE,
        FileType::Directory => filetype::DIRECTORY,
        FileType::Symlink => filetype::SYMBOLIC_LINK,
        FileType::CharacterDevice => filetype::CHARACTER_DEVICE,
        FileType::BlockDevice => filetype::BLOCK_DEVICE,
        FileType::Socket => filetype::SOCKET_STREAM,
        FileType::Fifo | FileType::Unknown => filetype::UNKNOWN,
    }
}

/// `fd_prestat_get`
pub(super) fn fd_prestat_get(cx: &mut Call<'_>, fd: u32, out: u32) -> Result {
    let len = preopen_name(cx, fd, |name| u32::try_from(name.len()))?;
    let len = len.map_err(|_| Errno::OVERFLOW)?;
    let record = Record::<{ prestat::SIZE }>::new().put(prestat::NAME_LEN, len.to_le_bytes());
    cx.memory.write(out, record.bytes())
}

/// `fd_prestat_dir_name`
pub(super) fn fd_prestat_dir_name(cx: &mut Call<'_>, fd: u32, buffer: Span) -> Result {
    let name = preopen_name(cx, fd, str::to_owned)?;
    if name.len() > buffer.len as usize {
        return Err(Errno::NAMETOOLONG);
    }
    cx.memory.write(buffer.ptr, name.as_bytes())
}

/// Gives the name of a preopened directory to `then`. Guests look for them
/// from descriptor 3 until they meet `badf`.
fn preopen_name<T>(cx: &Call<'_>, fd: u32, then: impl FnOnce(&str) -> T) -> Result<T> {
    let descriptor = cx.state.get(fd)?;
    match &descriptor.kind {
        Kind::Dir(directory) => {
            let name = directory.preopen.as_deref().ok_or(Errno::BADF)?;
            Ok(then(name))
        }
        _ => Err(Errno::BADF),
    }
}
