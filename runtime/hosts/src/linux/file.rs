//! Numbers of open files: `open`, `close`, `dup`, `fcntl`.

use std::fs::File;
use std::io::Cursor;
use std::sync::Mutex;

use cap_std::fs::Dir;
use rustix::fs::OFlags;

use super::call::{Call, DONE};
use super::error::{Error, Result};
use super::locks;
use super::mount::{AT_FDCWD, ResolvedPath};
use super::table::{Directory, Kind, Open, flag};
use crate::beneath::{self, Access, Create};
use crate::lock::lock;

/// Flags that stay with an open file.
const STATUS: u32 = flag::ACCMODE
    | flag::APPEND
    | flag::NONBLOCK
    | flag::DSYNC
    | flag::SYNC
    | flag::DIRECTORY
    | flag::LARGEFILE
    | flag::PATH;

/// `open`
pub(super) fn open(call: &mut Call<'_>) -> Result {
    let path = call.path(0)?;
    open_path(call, AT_FDCWD, &path, call.uint(1), call.uint(2))
}

/// `creat`
pub(super) fn creat(call: &mut Call<'_>) -> Result {
    let path = call.path(0)?;
    let flags = flag::CREAT | flag::WRONLY | flag::TRUNC;
    open_path(call, AT_FDCWD, &path, flags, call.uint(1))
}

/// `openat`
pub(super) fn openat(call: &mut Call<'_>) -> Result {
    let path = call.path(1)?;
    open_path(call, call.int(0), &path, call.uint(2), call.uint(3))
}

fn open_path(call: &Call<'_>, fd: i32, path: &[u8], flags: u32, mode: u32) -> Result {
    if let Some(bytes) = own(call, path) {
        let made = Kind::Input(Mutex::new(Cursor::new(bytes)));
        return call.give(Open::new(made, flags & STATUS), flags);
    }
    let resolved = call.resolve_at(fd, path)?;
    let made = match resolved.read_only {
        true => opened_read_only(&resolved, flags)?,
        false => opened(&resolved, flags, mode)?,
    };
    let mut open = Open::new(made, flags & STATUS);
    open.read_only = resolved.read_only;
    call.give(open, flags)
}

/// What the program knows of itself: no granted directory hides it.
fn own(call: &Call<'_>, path: &[u8]) -> Option<Vec<u8>> {
    let list = match path {
        b"/proc/self/cmdline" => &call.state.args,
        b"/proc/self/environ" => &call.state.env,
        _ => return None,
    };
    let ended = list.iter().flat_map(|text| text.iter().chain(&[0]));
    Some(ended.copied().collect())
}

/// Opens what is there beneath a directory that is granted to be read alone.
fn opened_read_only(resolved: &ResolvedPath, flags: u32) -> Result<Kind> {
    const CHANGES: u32 = flag::WRONLY | flag::RDWR | flag::TRUNC;
    if flags & CHANGES != 0 && flags & flag::PATH == 0 {
        return Err(Error::EROFS);
    }
    let (create, exclusive) = (flags & flag::CREAT != 0, flags & flag::EXCL != 0);
    match opened(resolved, flags & !(flag::CREAT | flag::EXCL | CHANGES), 0) {
        Ok(_) if create && exclusive => Err(Error::EEXIST),
        Err(Error::Number(libc::ENOENT)) if create => Err(Error::EROFS),
        opened => opened,
    }
}

/// Opens a file or directory.
fn opened(resolved: &ResolvedPath, flags: u32, mode: u32) -> Result<Kind> {
    if flags & flag::TMPFILE != 0 {
        return Err(Error::Number(libc::EOPNOTSUPP));
    }
    let file = open_file(resolved, flags, mode)?;
    if !file.metadata()?.is_dir() {
        return Ok(Kind::File {
            file: file.into(),
            shared: false,
        });
    }
    Ok(Kind::Dir(Directory {
        dir: Dir::from_std_file(file),
        path: resolved.seen.clone(),
        listing: Mutex::default(),
    }))
}

fn open_file(resolved: &ResolvedPath, flags: u32, mode: u32) -> Result<File> {
    let write = flags & (flag::WRONLY | flag::RDWR) != 0;
    let mut custom = OFlags::empty();
    custom.set(OFlags::APPEND, flags & flag::APPEND != 0);
    custom.set(OFlags::NONBLOCK, flags & flag::NONBLOCK != 0);
    custom.set(OFlags::DIRECTORY, flags & flag::DIRECTORY != 0);
    custom.set(OFlags::DSYNC, flags & flag::DSYNC != 0);
    custom.set(OFlags::SYNC, flags & flag::SYNC == flag::SYNC);
    let access = Access {
        read: flags & flag::ACCMODE != flag::WRONLY,
        write,
        truncate: flags & flag::TRUNC != 0 && flags & flag::PATH == 0,
        create: match flags & (flag::CREAT | flag::EXCL) {
            0 | flag::EXCL => Create::No,
            flag::CREAT => Create::Missing,
            _ => Create::New,
        },
        follow: flags & flag::NOFOLLOW == 0,
        flags: custom,
        mode: mode & 0o777,
    };
    Ok(beneath::open(resolved.dir()?, resolved.path(), access)?)
}

/// `close`
pub(super) fn close(call: &mut Call<'_>) -> Result {
    // The table is unlocked again when what stood there is dropped, which may
    // take its time.
    let closed = lock(&call.state.table).remove(call.int(0))?;
    drop(closed);
    DONE
}

/// `dup`
pub(super) fn dup(call: &mut Call<'_>) -> Result {
    duplicate(call, 0, false)
}

/// `dup2`
pub(super) fn dup2(call: &mut Call<'_>) -> Result {
    if call.int(0) == call.int(1) {
        call.file(0)?;
        return Ok(call.uint(1).into());
    }
    duplicate_to(call, 0)
}

/// `dup3`
pub(super) fn dup3(call: &mut Call<'_>) -> Result {
    let flags = call.uint(2);
    if call.int(0) == call.int(1) || flags & !flag::CLOEXEC != 0 {
        return Err(Error::EINVAL);
    }
    duplicate_to(call, flags)
}

/// Gives the file of a number another one, the lowest free from `from` up.
fn duplicate(call: &Call<'_>, from: usize, close_on_exec: bool) -> Result {
    let mut table = lock(&call.state.table);
    let mut slot = table.slot(call.int(0))?.clone();
    slot.close_on_exec = close_on_exec;
    table.insert(slot, from)
}

fn duplicate_to(call: &Call<'_>, flags: u32) -> Result {
    let index = usize::try_from(call.int(1)).map_err(|_| Error::EBADF)?;
    let mut table = lock(&call.state.table);
    let mut slot = table.slot(call.int(0))?.clone();
    slot.close_on_exec = flags & flag::CLOEXEC != 0;
    let replaced = table.replace(index, slot)?;
    drop(table);
    drop(replaced);
    Ok(index as u64)
}

/// `fcntl`, `fcntl64`
pub(super) fn fcntl(call: &mut Call<'_>) -> Result {
    const F_DUPFD: u32 = 0;
    const F_GETFD: u32 = 1;
    const F_SETFD: u32 = 2;
    const F_GETFL: u32 = 3;
    const F_SETFL: u32 = 4;
    const F_DUPFD_CLOEXEC: u32 = 1030;
    const FD_CLOEXEC: u32 = 1;
    let open = call.file(0)?;
    let from = call.uint(2) as usize;
    match call.uint(1) {
        F_DUPFD => duplicate(call, from, false),
        F_DUPFD_CLOEXEC => duplicate(call, from, true),
        F_GETFD => {
            let mut table = lock(&call.state.table);
            Ok(table.slot(call.int(0))?.close_on_exec.into())
        }
        F_SETFD => {
            let mut table = lock(&call.state.table);
            table.slot(call.int(0))?.close_on_exec = call.uint(2) & FD_CLOEXEC != 0;
            DONE
        }
        F_GETFL => Ok(open.flags().into()),
        F_SETFL => {
            open.set_flags(call.uint(2))?;
            DONE
        }
        _ => locks::fcntl_lock(call).unwrap_or(Err(Error::EINVAL)),
    }
}
