//! Paths. cap-std resolves them, never leaving the directory that they start
//! from: neither by `..`, nor by a symbolic link, nor by a leading `/`, each of
//! which ends as `perm`.

use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use cap_fs_ext::{
    DirExt, FollowSymlinks, OpenOptionsFollowExt, OpenOptionsSyncExt, SystemTimeSpec,
};
use cap_std::fs::{Dir, MetadataExt, OpenOptions, OpenOptionsExt};
use rustix::fs::{FileType, OFlags};

use super::call::{Call, Lookup, Place, Rights, Times};
use super::dir::filetype_of;
use super::errno::{Errno, Result};
use super::fd::{Stamp, filestat};
use super::io::finish;
use super::memory::Span;
use super::table::Descriptor;
use super::types::{SYMLINK_FOLLOW, fdflags, oflags, right};

impl Lookup {
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
fn path<'a>(cx: &'a Call<'_>, span: Span) -> Result<&'a Path> {
    cx.memory.text(span).map(Path::new)
}

/// `path_create_directory`
pub(super) fn path_create_directory(cx: &mut Call<'_>, at: Place) -> Result {
    let descriptor = cx.state.get(at.fd)?;
    let directory = descriptor.dir(right::PATH_CREATE_DIRECTORY)?;
    Ok(directory.dir.create_dir(path(cx, at.path)?)?)
}

/// `path_filestat_get`
pub(super) fn path_filestat_get(cx: &mut Call<'_>, at: Lookup, out: u32) -> Result {
    let descriptor = cx.state.get(at.fd)?;
    let directory = descriptor.dir(right::PATH_FILESTAT_GET)?;
    let path = path(cx, at.path)?;
    let metadata = if at.follows()? {
        directory.dir.metadata(path)?
    } else {
        directory.dir.symlink_metadata(path)?
    };
    let filetype = filetype_of(FileType::from_raw_mode(metadata.mode()));
    cx.memory.write(out, filestat(&metadata, filetype).bytes())
}

/// `path_filestat_set_times`
pub(super) fn path_filestat_set_times(cx: &mut Call<'_>, at: Lookup, times: Times) -> Result {
    let [access, modification] = times.stamps()?.map(time_spec);
    let descriptor = cx.state.get(at.fd)?;
    let directory = descriptor.dir(right::PATH_FILESTAT_SET_TIMES)?;
    let path = path(cx, at.path)?;
    if at.follows()? {
        directory.dir.set_times(path, access, modification)?;
    } else {
        directory
            .dir
            .set_symlink_times(path, access, modification)?;
    }
    Ok(())
}

fn time_spec(stamp: Stamp) -> Option<SystemTimeSpec> {
    match stamp {
        Stamp::Keep => None,
        Stamp::Now => Some(SystemTimeSpec::SymbolicNow),
        Stamp::At(time) => {
            let time = SystemTime::UNIX_EPOCH + Duration::from_nanos(time);
            Some(SystemTimeSpec::Absolute(
                cap_std::time::SystemTime::from_std(time),
            ))
        }
    }
}

/// `path_link`
pub(super) fn path_link(cx: &mut Call<'_>, old: Lookup, new: Place) -> Result {
    let source = cx.state.get(old.fd)?;
    let target = cx.state.get(new.fd)?;
    let from = &source.dir(right::PATH_LINK_SOURCE)?.dir;
    let to = &target.dir(right::PATH_LINK_TARGET)?.dir;
    let (old_path, new_path) = (path(cx, old.path)?, path(cx, new.path)?);
    if old.follows()? {
        let followed = from.canonicalize(old_path)?;
        from.hard_link(followed, to, new_path)?;
    } else {
        from.hard_link(old_path, to, new_path)?;
    }
    Ok(())
}

/// `path_open`
pub(super) fn path_open(
    cx: &mut Call<'_>,
    at: Lookup,
    how: u32,
    rights: Rights,
    flags: u32,
    out: u32,
) -> Result {
    cx.memory.check(out, 4)?;
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
    // Bits that name no right ask for nothing: guests set them all for "all".
    let rights = Rights {
        base: rights.base & right::ALL,
        inheriting: rights.inheriting & right::ALL,
    };
    let inheriting = parent.attributes().rights.inheriting;
    if (rights.base | rights.inheriting) & !inheriting != 0 {
        return Err(Errno::NOTCAPABLE);
    }
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
    let fd = cx.state.table().insert(opened)?;
    cx.memory.write_u32(out, fd)
}

/// What is to be opened, and how.
struct Request<'a> {
    path: &'a Path,
    follow: bool,
    how: u32,
    rights: Rights,
    flags: u32,
}

impl Request<'_> {
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
        let file = self.open_file(dir)?.into_std();
        if !file.metadata()?.is_dir() {
            return Ok(Descriptor::file(file, self.rights.base, self.flags)?);
        }
        if self.how & oflags::CREAT != 0 {
            return Err(Errno::ISDIR);
        }
        let dir = Arc::new(Dir::from_std_file(file));
        Ok(Descriptor::directory(dir, None, self.rights, self.flags))
    }

    fn open_file(&self, dir: &Dir) -> Result<cap_std::fs::File> {
        let mut options = self.options();
        let write = self.rights.base & right::FD_WRITE != 0;
        if self.how & oflags::TRUNC != 0 {
            options.write(true).truncate(true);
        }
        if self.how & oflags::CREAT == 0 {
            return Ok(dir.open_with(self.path, &options)?);
        }
        if self.how & oflags::EXCL != 0 {
            options.write(true).create_new(true);
            return Ok(dir.open_with(self.path, &options)?);
        }
        // cap-std creates only what it opens for writing; what is there
        // already need not be writable.
        if !write {
            match dir.open_with(self.path, &options).map_err(Errno::from) {
                Err(Errno::NOENT) => {}
                opened => return opened,
            }
        }
        Ok(dir.open_with(self.path, options.write(true).create(true))?)
    }

    /// Access, flags, and how the path is resolved.
    fn options(&self) -> OpenOptions {
        let write = self.rights.base & right::FD_WRITE != 0;
        let read = self.rights.base & (right::FD_READ | right::FD_READDIR) != 0;
        // Never let the host's process get a terminal of the guest's choice.
        let mut custom = OFlags::NOCTTY;
        custom.set(OFlags::APPEND, self.flags & fdflags::APPEND != 0);
        custom.set(OFlags::DIRECTORY, self.how & oflags::DIRECTORY != 0);
        let follow = if self.follow {
            FollowSymlinks::Yes
        } else {
            FollowSymlinks::No
        };
        let mut options = OpenOptions::new();
        options
            // There is no opening for nothing; rights keep it from being read.
            .read(read || !write)
            .write(write)
            .custom_flags(custom.bits().cast_signed())
            .follow(follow)
            .nonblock(self.flags & fdflags::NONBLOCK != 0)
            .dsync(self.flags & fdflags::DSYNC != 0)
            .rsync(self.flags & fdflags::RSYNC != 0)
            .sync(self.flags & fdflags::SYNC != 0);
        options
    }
}

/// `path_readlink`. The target is given as it stands, even where nothing in the
/// directory can follow it; too long a one is cut.
pub(super) fn path_readlink(cx: &mut Call<'_>, at: Place, buffer: Span, out: u32) -> Result {
    cx.memory.check(out, 4)?;
    let descriptor = cx.state.get(at.fd)?;
    let directory = descriptor.dir(right::PATH_READLINK)?;
    let target = directory.dir.read_link_contents(path(cx, at.path)?)?;
    let target = target.as_os_str().as_bytes();
    let buffer = cx.memory.bytes_mut(buffer)?;
    let used = target.len().min(buffer.len());
    buffer[..used].copy_from_slice(&target[..used]);
    finish(cx, out, used)
}

/// `path_remove_directory`. The host's own call ignores a slash at the end;
/// cap-std does not.
pub(super) fn path_remove_directory(cx: &mut Call<'_>, at: Place) -> Result {
    let descriptor = cx.state.get(at.fd)?;
    let directory = descriptor.dir(right::PATH_REMOVE_DIRECTORY)?;
    let path = cx.memory.text(at.path)?;
    let path = match path.trim_end_matches('/') {
        "" => path,
        trimmed => trimmed,
    };
    Ok(directory.dir.remove_dir(path)?)
}

/// `path_rename`
pub(super) fn path_rename(cx: &mut Call<'_>, old: Place, new: Place) -> Result {
    let source = cx.state.get(old.fd)?;
    let target = cx.state.get(new.fd)?;
    let from = &source.dir(right::PATH_RENAME_SOURCE)?.dir;
    let to = &target.dir(right::PATH_RENAME_TARGET)?.dir;
    Ok(from.rename(path(cx, old.path)?, to, path(cx, new.path)?)?)
}

/// `path_symlink`
pub(super) fn path_symlink(cx: &mut Call<'_>, target: Span, at: Place) -> Result {
    let descriptor = cx.state.get(at.fd)?;
    let directory = descriptor.dir(right::PATH_SYMLINK)?;
    let (target, link) = (path(cx, target)?, path(cx, at.path)?);
    // Both cap-std and cap-fs-ext have one; this one refuses absolute targets.
    Ok(Dir::symlink(&directory.dir, target, link)?)
}

/// `path_unlink_file`
pub(super) fn path_unlink_file(cx: &mut Call<'_>, at: Place) -> Result {
    let descriptor = cx.state.get(at.fd)?;
    let directory = descriptor.dir(right::PATH_UNLINK_FILE)?;
    Ok(directory.dir.remove_file(path(cx, at.path)?)?)
}
