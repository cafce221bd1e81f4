//! Descriptors: their state, position, size and times; closing and renumbering.

use std::num::NonZeroU64;

use rustix::fs::{
    Advice, FallocateFlags, OFlags, SeekFrom, Stat, Timestamps, UTIME_NOW, UTIME_OMIT,
};
use rustix::time::Timespec;

use super::call::{Call, Rights, Times};
use super::table::{Descriptor, Kind};
use super::types::{Record, fdflags, fdstat, filestat, filetype, fstflags, right};
use crate::errno::{Errno, Result};

/// `fd_advise`
pub(super) fn fd_advise(cx: &mut Call<'_>, fd: u32, offset: u64, len: u64, advice: u32) -> Result {
    let advice = match advice {
        0 => Advice::Normal,
        1 => Advice::Sequential,
        2 => Advice::Random,
        3 => Advice::WillNeed,
        4 => Advice::DontNeed,
        5 => Advice::NoReuse,
        _ => return Err(Errno::INVAL),
    };
    signed(offset)?;
    signed(len)?;
    let descriptor = cx.state.get(fd)?;
    let file = descriptor.positioned(right::FD_ADVISE)?;
    Ok(rustix::fs::fadvise(
        file,
        offset,
        NonZeroU64::new(len),
        advice,
    )?)
}

/// `fd_allocate`
pub(super) fn fd_allocate(cx: &mut Call<'_>, fd: u32, offset: u64, len: u64) -> Result {
    let descriptor = cx.state.get(fd)?;
    let file = descriptor.positioned(right::FD_ALLOCATE)?;
    let end = offset.checked_add(len).ok_or(Errno::FBIG)?;
    signed(end).map_err(|_| Errno::FBIG)?;
    Ok(rustix::fs::fallocate(
        file,
        FallocateFlags::empty(),
        offset,
        len,
    )?)
}

/// `fd_close`
pub(super) fn fd_close(cx: &mut Call<'_>, fd: u32) -> Result {
    // The table is unlocked again when what stood there is dropped, which may
    // take its time.
    let closed = cx.state.table().remove(fd)?;
    drop(closed);
    Ok(())
}

/// `fd_datasync`
pub(super) fn fd_datasync(cx: &mut Call<'_>, fd: u32) -> Result {
    let descriptor = cx.state.get(fd)?;
    descriptor.require(right::FD_DATASYNC)?;
    let host = descriptor.host_fd().ok_or(Errno::INVAL)?;
    Ok(rustix::fs::fdatasync(host)?)
}

/// `fd_sync`
pub(super) fn fd_sync(cx: &mut Call<'_>, fd: u32) -> Result {
    let descriptor = cx.state.get(fd)?;
    descriptor.require(right::FD_SYNC)?;
    let host = descriptor.host_fd().ok_or(Errno::INVAL)?;
    Ok(rustix::fs::fsync(host)?)
}

/// `fd_fdstat_get`
pub(super) fn fd_fdstat_get(cx: &mut Call<'_>, fd: u32, out: u32) -> Result {
    let descriptor = cx.state.get(fd)?;
    let attributes = *descriptor.attributes();
    let flags = attributes.flags as u16;
    let record = Record::<{ fdstat::SIZE }>::new()
        .put(fdstat::FILETYPE, [descriptor.filetype])
        .put(fdstat::FLAGS, flags.to_le_bytes())
        .put(fdstat::RIGHTS_BASE, attributes.rights.base.to_le_bytes())
        .put(
            fdstat::RIGHTS_INHERITING,
            attributes.rights.inheriting.to_le_bytes(),
        );
    cx.memory().write(out, record.bytes())
}

/// `fd_fdstat_set_flags`. Appending and not blocking can be changed; Linux
/// keeps how writes are synchronised as it was when the file was opened.
pub(super) fn fd_fdstat_set_flags(cx: &mut Call<'_>, fd: u32, flags: u32) -> Result {
    const CHANGEABLE: u32 = fdflags::APPEND | fdflags::NONBLOCK;
    let descriptor = cx.state.get(fd)?;
    descriptor.require(right::FD_FDSTAT_SET_FLAGS)?;
    let mut attributes = descriptor.attributes();
    if (flags ^ attributes.flags) & !CHANGEABLE != 0 {
        return Err(Errno::INVAL);
    }
    if let Kind::File(file) = &descriptor.kind {
        let mut status = rustix::fs::fcntl_getfl(file)?;
        status.set(OFlags::APPEND, flags & fdflags::APPEND != 0);
        status.set(OFlags::NONBLOCK, flags & fdflags::NONBLOCK != 0);
        rustix::fs::fcntl_setfl(file, status)?;
    }
    attributes.flags = flags;
    Ok(())
}

/// `fd_fdstat_set_rights`: only ever fewer.
pub(super) fn fd_fdstat_set_rights(cx: &mut Call<'_>, fd: u32, rights: Rights) -> Result {
    let descriptor = cx.state.get(fd)?;
    let mut attributes = descriptor.attributes();
    let added =
        rights.base & !attributes.rights.base | rights.inheriting & !attributes.rights.inheriting;
    if added != 0 {
        return Err(Errno::NOTCAPABLE);
    }
    attributes.rights = rights;
    Ok(())
}

/// `fd_filestat_get`
pub(super) fn fd_filestat_get(cx: &mut Call<'_>, fd: u32, out: u32) -> Result {
    let descriptor = cx.state.get(fd)?;
    descriptor.require(right::FD_FILESTAT_GET)?;
    let record = match &descriptor.kind {
        Kind::File(file) | Kind::Shared(file) => filestat(&file.stat()?, descriptor.filetype),
        Kind::Dir(directory) => filestat(&rustix::fs::fstat(&directory.dir)?, filetype::DIRECTORY),
        // Like a pipe: nothing is known of it.
        Kind::Input(_) | Kind::Output(_) => Record::new(),
    };
    cx.memory().write(out, record.bytes())
}

/// The `filestat` of a file.
#[allow(
    clippy::useless_conversion,
    reason = "the count of links is narrower on other machines"
)]
pub(super) fn filestat(stat: &Stat, filetype: u8) -> Record<{ filestat::SIZE }> {
    Record::new()
        .put(filestat::DEV, stat.st_dev.to_le_bytes())
        .put(filestat::INO, stat.st_ino.to_le_bytes())
        .put(filestat::FILETYPE, [filetype])
        .put(filestat::NLINK, u64::from(stat.st_nlink).to_le_bytes())
        .put(filestat::LEN, stat.st_size.to_le_bytes())
        .put(filestat::ATIM, timestamp(stat.st_atime, stat.st_atime_nsec))
        .put(filestat::MTIM, timestamp(stat.st_mtime, stat.st_mtime_nsec))
        .put(filestat::CTIM, timestamp(stat.st_ctime, stat.st_ctime_nsec))
}

/// A time of the host's; one that a `timestamp` cannot hold becomes the
/// nearest one that it can.
fn timestamp(seconds: i64, nanoseconds: u64) -> [u8; 8] {
    let total = i128::from(seconds) * 1_000_000_000 + i128::from(nanoseconds);
    let total = u64::try_from(total.max(0)).unwrap_or(u64::MAX);
    total.to_le_bytes()
}

/// `fd_filestat_set_size`
pub(super) fn fd_filestat_set_size(cx: &mut Call<'_>, fd: u32, size: u64) -> Result {
    let descriptor = cx.state.get(fd)?;
    let file = descriptor.as_file(right::FD_FILESTAT_SET_SIZE, Errno::INVAL)?;
    Ok(rustix::fs::ftruncate(file, size)?)
}

impl Times {
    /// As the host takes them.
    pub(super) fn timestamps(self) -> Result<Timestamps> {
        if self.flags & !fstflags::ALL != 0 {
            return Err(Errno::INVAL);
        }
        let special = |tv_nsec| Timespec { tv_sec: 0, tv_nsec };
        let stamp = |given, now, time: u64| match (self.flags & given != 0, self.flags & now != 0) {
            (false, false) => Ok(special(UTIME_OMIT)),
            (false, true) => Ok(special(UTIME_NOW)),
            (true, false) => Ok(Timespec {
                tv_sec: (time / 1_000_000_000).cast_signed(),
                tv_nsec: (time % 1_000_000_000).cast_signed(),
            }),
            (true, true) => Err(Errno::INVAL),
        };
        Ok(Timestamps {
            last_access: stamp(fstflags::ATIM, fstflags::ATIM_NOW, self.access)?,
            last_modification: stamp(fstflags::MTIM, fstflags::MTIM_NOW, self.modification)?,
        })
    }
}

/// `fd_filestat_set_times`
pub(super) fn fd_filestat_set_times(cx: &mut Call<'_>, fd: u32, times: Times) -> Result {
    let times = times.timestamps()?;
    let descriptor = cx.state.get(fd)?;
    descriptor.require(right::FD_FILESTAT_SET_TIMES)?;
    let host = descriptor.host_fd().ok_or(Errno::INVAL)?;
    Ok(rustix::fs::futimens(host, &times)?)
}

/// `fd_renumber`
pub(super) fn fd_renumber(cx: &mut Call<'_>, from: u32, to: u32) -> Result {
    let replaced = cx.state.table().renumber(from, to)?;
    drop(replaced);
    Ok(())
}

/// `fd_seek`
pub(super) fn fd_seek(cx: &mut Call<'_>, fd: u32, offset: u64, whence: u32, out: u32) -> Result {
    cx.memory().check(out, 8)?;
    let descriptor = cx.state.get(fd)?;
    let (seek, rights) = match (whence, offset.cast_signed()) {
        (0, _) => (SeekFrom::Start(signed(offset)?), right::FD_SEEK),
        // To ask for the position is not to move it.
        (1, 0) => return tell(cx, &descriptor, out),
        (1, offset) => (SeekFrom::Current(offset), right::FD_SEEK),
        (2, offset) => (SeekFrom::End(offset), right::FD_SEEK),
        _ => return Err(Errno::INVAL),
    };
    let file = descriptor.positioned(rights)?;
    let position = rustix::fs::seek(file, seek)?;
    cx.memory().write_u64(out, position)
}

/// `fd_tell`
pub(super) fn fd_tell(cx: &mut Call<'_>, fd: u32, out: u32) -> Result {
    let descriptor = cx.state.get(fd)?;
    tell(cx, &descriptor, out)
}

fn tell(cx: &mut Call<'_>, descriptor: &Descriptor, out: u32) -> Result {
    let file = descriptor.positioned(right::FD_TELL)?;
    let position = rustix::fs::tell(file)?;
    cx.memory().write_u64(out, position)
}

/// A position or length that the host can express.
fn signed(number: u64) -> Result<u64> {
    match i64::try_from(number) {
        Ok(_) => Ok(number),
        Err(_) => Err(Errno::INVAL),
    }
}
