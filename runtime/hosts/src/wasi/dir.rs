//! Directories: their entries, and the names of preopened ones.

use rustix::fs::FileType;

use super::call::Call;
use super::io::finish;
use super::table::Kind;
use super::types::{Record, dirent, filetype, prestat, right};
use crate::errno::{Errno, Result};
use crate::listing::Listing;
use crate::lock::lock;
use crate::memory::Span;

/// `fd_readdir`. A cookie is an index in a listing taken when the directory is
/// read from its start, so entries that come or go meanwhile shift nothing.
pub(super) fn fd_readdir(
    cx: &mut Call<'_>,
    fd: u32,
    buffer: Span,
    cookie: u64,
    out: u32,
) -> Result {
    cx.memory().check(out, 4)?;
    let descriptor = cx.state.get(fd)?;
    let directory = descriptor.dir(right::FD_READDIR)?;
    cx.memory().check(buffer.ptr, buffer.len.into())?;
    let mut kept = lock(&directory.listing);
    if cookie == 0 {
        *kept = None;
    }
    let listing = match &mut *kept {
        Some(listing) => listing,
        none => none.insert(Listing::of(&directory.dir, &cx.state.room)?),
    };
    let start = usize::try_from(cookie).unwrap_or(usize::MAX);
    let (mut at, mut room) = (u64::from(buffer.ptr), buffer.len as usize);
    for (index, entry) in listing.entries.iter().enumerate().skip(start) {
        let namlen = u32::try_from(entry.name.len()).map_err(|_| Errno::OVERFLOW)?;
        let record = Record::<{ dirent::SIZE }>::new()
            .put(dirent::NEXT, (index as u64 + 1).to_le_bytes())
            .put(dirent::INO, entry.ino.to_le_bytes())
            .put(dirent::NAMLEN, namlen.to_le_bytes())
            .put(dirent::TYPE, [filetype_of(entry.ty)]);
        // An entry cut short tells the guest that there is more.
        for part in [&record.bytes()[..], &entry.name] {
            let part = &part[..part.len().min(room)];
            cx.memory().write(at, part)?;
            at += part.len() as u64;
            room -= part.len();
        }
        if room == 0 {
            break;
        }
    }
    finish(cx, out, buffer.len as usize - room)
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
    cx.memory().write(out, record.bytes())
}

/// `fd_prestat_dir_name`
pub(super) fn fd_prestat_dir_name(cx: &mut Call<'_>, fd: u32, buffer: Span) -> Result {
    let name = preopen_name(cx, fd, str::to_owned)?;
    if name.len() > buffer.len as usize {
        return Err(Errno::NAMETOOLONG);
    }
    cx.memory().write(buffer.ptr, name.as_bytes())
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
