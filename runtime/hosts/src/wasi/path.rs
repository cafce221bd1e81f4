//! Paths. They never leave the directory that they start from ([`beneath`]):
//! neither by `..`, nor by a symbolic link, nor by a leading `/`, each of which
//! ends as `perm`.
//!
//! A path is bytes, as the host's file names are: a name that is not UTF-8 is
//! listed, and is reached by the bytes that the listing gives.

use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::PathBuf;
use std::sync::Arc;

use cap_std::fs::Dir;
use rustix::fs::{FileType, OFlags};

use super::call::{Call, LookupArg, PathArg, Rights, Times};
use super::dir::filetype_of;
use super::fd::filestat;
use super::io::finish;
use super::table::Descriptor;
use super::types::{SYMLINK_FOLLOW, fdflags, oflags, right};
use crate::beneath::{self, Access, Create};
use crate::errno::{Errno, Result};
use crate::memory::Span;

impl LookupArg {
    /// Whether a link at the end of the path is followed.
    fn follows(&self) -> Result<bool> {
        match self.flags {
            0 => Ok(false),
            SYMLINK_FOLLOW => Ok(true),
            _ => Err(Errno::INVAL),
        }
    }
}

/// The path of a span.
fn path(cx: &mut Call<'_>, span: Span) -> Result<PathBuf> {
    cx.memory().check(span.ptr, span.len.into())?;
    if span.len as usize >= beneath::PATH_MAX {
        return Err(Errno::NAMETOOLONG);
    }
    Ok(OsString::from_vec(cx.memory().bytes(span)?).into())
}

/// Permissions of a file and of a directory that a program makes, of which the
/// host's mask takes what it takes from every program.
const FILE_MODE: u32 = 0o666;
const DIRECTORY_MODE: u32 = 0o777;

/// `path_create_directory`
pub(super) fn path_create_directory(cx: &mut Call<'_>, at: PathArg) -> Result {
    let descriptor = cx.state.get(at.fd)?;
    let directory = descriptor.dir(right::PATH_CREATE_DIRECTORY)?;
    let path = path(cx, at.path)?;
    Ok(beneath::create_dir(&directory.dir, &path, DIRECTORY_MODE)?)
}

/// `path_filestat_get`
pub(super) fn path_filestat_get(cx: &mut Call<'_>, at: LookupArg, out: u32) -> Result {
    let descriptor = cx.state.get(at.fd)?;
    let directory = descriptor.dir(right::PATH_FILESTAT_GET)?;
    let path = path(cx, at.path)?;
    let stat = beneath::stat(&directory.dir, &path, at.follows()?)?;
    let filetype = filetype_of(FileType::from_raw_mode(stat.st_mode));
    cx.memory().write(out, filestat(&stat, filetype).bytes())
}

/// `path_filestat_set_times`
pub(super) fn path_filestat_set_times(cx: &mut Call<'_>, at: LookupArg, times: Times) -> Result {
    let times = times.timestamps()?;
    let descriptor = cx.state.get(at.fd)?;
    let directory = descriptor.dir(right::PATH_FILESTAT_SET_TIMES)?;
    let path = path(cx, at.path)?;
    Ok(beneath::set_times(
        &directory.dir,
        &path,
        at.follows()?,
        &times,
    )?)
}

/// `path_link`
pub(super) fn path_link(cx: &mut Call<'_>, old: LookupArg, new: PathArg) -> Result {
    let source = cx.state.get(old.fd)?;
    let target = cx.state.get(new.fd)?;
    let from = &source.dir(right::PATH_LINK_SOURCE)?.dir;
    let to = &target.dir(right::PATH_LINK_TARGET)?.dir;
    let (old_path, new_path) = (path(cx, old.path)?, path(cx, new.path)?);
    let follow = old.follows()?;
    Ok(beneath::hard_link(from, &old_path, follow, to, &new_path)?)
}

/// `path_open`
pub(super) fn path_open(
    cx: &mut Call<'_>,
    at: LookupArg,
    how: u32,
    rights: Rights,
    flags: u32,
    out: u32,
) -> Result {
    cx.memory().check(out, 4)?;
    let exclusive = how & (oflags::CREAT | oflags::EXCL | oflags::TRUNC) != 0;
    let unknown = how & !oflags::ALL != 0 || flags & !fdflags::ALL != 0;
    if unknown || (how & oflags::DIRECTORY != 0 && exclusive) {
        return Err(Errno::INVAL);
    }
    let parent = cx.state.get(at.fd)?;
    let mut needed = right::PATH_OPEN;
    // Beneath a read-only directory, what is there may be opened all the same.
    if how & oflags::CREAT != 0 && !parent.read_only {
        needed |= right::PATH_CREATE_FILE;
    }
    if how & oflags::TRUNC != 0 {
        needed |= right::PATH_FILESTAT_SET_SIZE;
    }
    let directory = parent.dir(needed)?;
    // Of the rights that a guest asks for, reading and writing count: a file is
    // opened for these. All others it has, and a directory has every right of the
    // one that it is opened through, as in the engines that guests were made with.
    let inheriting = parent.attributes().rights.inheriting;
    let transfer = right::FD_READ | right::FD_WRITE;
    if rights.base & transfer & !inheriting != 0 {
        return Err(Errno::NOTCAPABLE);
    }
    let rights = Rights {
        base: rights.base & transfer | inheriting & !transfer,
        inheriting,
    };
    let request = Request {
        path: path(cx, at.path)?,
        follow: at.follows()?,
        how,
        rights,
        flags,
    };
    let opened = match parent.read_only {
        true => request.open_read_only(&directory.dir)?,
        false => request.open(&directory.dir)?,
    };
    let fd = cx.state.add(opened)?;
    cx.memory().write_u32(out, fd)
}

/// What is to be opened, and how.
struct Request {
    path: PathBuf,
    follow: bool,
    how: u32,
    rights: Rights,
    flags: u32,
}

impl Request {
    /// Opens what is there, to be read.
    fn open_read_only(self, dir: &Dir) -> Result<Descriptor> {
        if self.rights.base & right::FD_WRITE != 0 {
            return Err(Errno::ROFS);
        }
        let (create, exclusive) = (self.how & oflags::CREAT != 0, self.how & oflags::EXCL != 0);
        let how = self.how & !(oflags::CREAT | oflags::EXCL);
        match (Self { how, ..self }).open(dir) {
            Ok(_) if create && exclusive => Err(Errno::EXIST),
            Err(Errno::NOENT) if create => Err(Errno::ROFS),
            opened => opened.map(Descriptor::read_only),
        }
    }

    fn open(&self, dir: &Dir) -> Result<Descriptor> {
        let file = beneath::open(dir, &self.path, self.access())?;
        if !file.metadata()?.is_dir() {
            return Ok(Descriptor::file(file.into(), self.rights.base, self.flags)?);
        }
        let dir = Arc::new(Dir::from_std_file(file));
        Ok(Descriptor::directory(dir, None, self.rights, self.flags))
    }

    /// Access, flags, and how the path is resolved.
    fn access(&self) -> Access {
        let write = self.rights.base & right::FD_WRITE != 0;
        let read = self.rights.base & right::FD_READ != 0;
        let mut flags = OFlags::empty();
        for (given, host) in [
            (fdflags::APPEND, OFlags::APPEND),
            (fdflags::NONBLOCK, OFlags::NONBLOCK),
            (fdflags::DSYNC, OFlags::DSYNC),
            (fdflags::RSYNC, OFlags::RSYNC),
            (fdflags::SYNC, OFlags::SYNC),
        ] {
            flags.set(host, flags.contains(host) || self.flags & given != 0);
        }
        flags.set(OFlags::DIRECTORY, self.how & oflags::DIRECTORY != 0);
        Access {
            // There is no opening for nothing; rights keep it from being read.
            read: read || !write,
            write,
            truncate: self.how & oflags::TRUNC != 0,
            create: match self.how & (oflags::CREAT | oflags::EXCL) {
                0 | oflags::EXCL => Create::No,
                oflags::CREAT => Create::Missing,
                _ => Create::New,
            },
            follow: self.follow,
            flags,
            mode: FILE_MODE,
        }
    }
}

/// `path_readlink`. The target is given as it stands, even where nothing in the
/// directory can follow it; too long a one is cut.
pub(super) fn path_readlink(cx: &mut Call<'_>, at: PathArg, buffer: Span, out: u32) -> Result {
    cx.memory().check(out, 4)?;
    cx.memory().check(buffer.ptr, buffer.len.into())?;
    let descriptor = cx.state.get(at.fd)?;
    let directory = descriptor.dir(right::PATH_READLINK)?;
    let target = beneath::read_link(&directory.dir, &path(cx, at.path)?)?;
    let target = target.as_os_str().as_bytes();
    let used = target.len().min(buffer.len as usize);
    cx.memory().write(buffer.ptr, &target[..used])?;
    finish(cx, out, used)
}

/// `path_remove_directory`
pub(super) fn path_remove_directory(cx: &mut Call<'_>, at: PathArg) -> Result {
    let descriptor = cx.state.get(at.fd)?;
    let directory = descriptor.dir(right::PATH_REMOVE_DIRECTORY)?;
    Ok(beneath::remove_dir(&directory.dir, &path(cx, at.path)?)?)
}

/// `path_rename`
pub(super) fn path_rename(cx: &mut Call<'_>, old: PathArg, new: PathArg) -> Result {
    let source = cx.state.get(old.fd)?;
    let target = cx.state.get(new.fd)?;
    let from = &source.dir(right::PATH_RENAME_SOURCE)?.dir;
    let to = &target.dir(right::PATH_RENAME_TARGET)?.dir;
    let (old, new) = (path(cx, old.path)?, path(cx, new.path)?);
    Ok(beneath::rename(from, &old, to, &new)?)
}

/// `path_symlink`
pub(super) fn path_symlink(cx: &mut Call<'_>, target: Span, at: PathArg) -> Result {
    let descriptor = cx.state.get(at.fd)?;
    let directory = descriptor.dir(right::PATH_SYMLINK)?;
    let (target, link) = (path(cx, target)?, path(cx, at.path)?);
    Ok(beneath::symlink(&target, &directory.dir, &link)?)
}

/// `path_unlink_file`
pub(super) fn path_unlink_file(cx: &mut Call<'_>, at: PathArg) -> Result {
    let descriptor = cx.state.get(at.fd)?;
    let directory = descriptor.dir(right::PATH_UNLINK_FILE)?;
    Ok(beneath::remove_file(&directory.dir, &path(cx, at.path)?)?)
}
