//! What has a name: making, removing, renaming it, and asking for it.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use rustix::fs::{FileType, OFlags};

use super::call::{Call, DONE};
use super::error::{Error, Result};
use super::mount::{AT_FDCWD, ResolvedPath};
use crate::beneath::{self, Access, Create};

const AT_SYMLINK_FOLLOW: u32 = 0x400;
const AT_REMOVEDIR: u32 = 0x200;

/// `mkdir`
pub(super) fn mkdir(call: &mut Call<'_>) -> Result {
    make_directory(&call.resolve_argument(0)?, call.uint(1))
}

/// `mkdirat`
pub(super) fn mkdirat(call: &mut Call<'_>) -> Result {
    let resolved = call.resolve_argument_at(0, 1)?;
    make_directory(&resolved, call.uint(2))
}

fn make_directory(resolved: &ResolvedPath, mode: u32) -> Result {
    beneath::create_dir(resolved.dir_to_change()?, resolved.path(), mode & 0o777)?;
    DONE
}

/// `rmdir`
pub(super) fn rmdir(call: &mut Call<'_>) -> Result {
    remove_directory(&call.resolve_argument(0)?)
}

fn remove_directory(resolved: &ResolvedPath) -> Result {
    beneath::remove_dir(resolved.dir_to_change()?, resolved.path())?;
    DONE
}

/// `unlink`
pub(super) fn unlink(call: &mut Call<'_>) -> Result {
    remove_file(&call.resolve_argument(0)?)
}

fn remove_file(resolved: &ResolvedPath) -> Result {
    beneath::remove_file(resolved.dir_to_change()?, resolved.path())?;
    DONE
}

/// `unlinkat`
pub(super) fn unlinkat(call: &mut Call<'_>) -> Result {
    let resolved = call.resolve_argument_at(0, 1)?;
    match call.uint(2) {
        0 => remove_file(&resolved),
        AT_REMOVEDIR => remove_directory(&resolved),
        _ => Err(Error::EINVAL),
    }
}

/// `rename`
pub(super) fn rename(call: &mut Call<'_>) -> Result {
    let (old, new) = (call.path(0)?, call.path(1)?);
    move_name(&call.resolve(&old)?, &call.resolve(&new)?)
}

/// `renameat`, and `renameat2` without flags
pub(super) fn renameat(call: &mut Call<'_>) -> Result {
    let old = call.resolve_argument_at(0, 1)?;
    let new = call.resolve_argument_at(2, 3)?;
    move_name(&old, &new)
}

/// `renameat2`
pub(super) fn renameat2(call: &mut Call<'_>) -> Result {
    match call.uint(4) {
        0 => renameat(call),
        _ => Err(Error::EINVAL),
    }
}

fn move_name(old: &ResolvedPath, new: &ResolvedPath) -> Result {
    beneath::rename(
        old.dir_to_change()?,
        old.path(),
        new.dir_to_change()?,
        new.path(),
    )?;
    DONE
}

/// `link`
pub(super) fn link(call: &mut Call<'_>) -> Result {
    let (old, new) = (call.path(0)?, call.path(1)?);
    hard_link(&call.resolve(&old)?, &call.resolve(&new)?, false)
}

/// `linkat`
pub(super) fn linkat(call: &mut Call<'_>) -> Result {
    let old = call.resolve_argument_at(0, 1)?;
    let new = call.resolve_argument_at(2, 3)?;
    match call.uint(4) {
        0 => hard_link(&old, &new, false),
        AT_SYMLINK_FOLLOW => hard_link(&old, &new, true),
        _ => Err(Error::EINVAL),
    }
}

fn hard_link(old: &ResolvedPath, new: &ResolvedPath, follow: bool) -> Result {
    // A second name for a file would be one by which it can be written.
    beneath::hard_link(
        old.dir_to_change()?,
        old.path(),
        follow,
        new.dir_to_change()?,
        new.path(),
    )?;
    DONE
}

/// `symlink`
pub(super) fn symlink(call: &mut Call<'_>) -> Result {
    let target = call.path(0)?;
    symbolic_link(&target, &call.resolve_argument(1)?)
}

/// `symlinkat`
pub(super) fn symlinkat(call: &mut Call<'_>) -> Result {
    let target = call.path(0)?;
    symbolic_link(&target, &call.resolve_argument_at(1, 2)?)
}

fn symbolic_link(target: &[u8], resolved: &ResolvedPath) -> Result {
    let target = Path::new(OsStr::from_bytes(target));
    beneath::symlink(target, resolved.dir_to_change()?, resolved.path())?;
    DONE
}

/// `readlink`
pub(super) fn readlink(call: &mut Call<'_>) -> Result {
    let resolved = call.resolve_argument(0)?;
    read_link(call, &resolved, 1)
}

/// `readlinkat`
pub(super) fn readlinkat(call: &mut Call<'_>) -> Result {
    let resolved = call.resolve_argument_at(0, 1)?;
    read_link(call, &resolved, 2)
}

/// Stores the target as it stands; too long a one is cut.
fn read_link(call: &mut Call<'_>, resolved: &ResolvedPath, buffer: usize) -> Result {
    let (at, room) = (call.uint(buffer), call.uint(buffer + 1) as usize);
    if room == 0 {
        return Err(Error::EINVAL);
    }
    let target = beneath::read_link(resolved.dir()?, resolved.path())?;
    let target = target.as_os_str().as_bytes();
    let used = target.len().min(room);
    call.write(at, &target[..used])?;
    Ok(used as u64)
}

/// `access`
pub(super) fn access(call: &mut Call<'_>) -> Result {
    let path = call.path(0)?;
    may_access(call, AT_FDCWD, &path, call.uint(1))
}

/// `faccessat`, `faccessat2`
pub(super) fn faccessat(call: &mut Call<'_>) -> Result {
    let path = call.path(1)?;
    may_access(call, call.int(0), &path, call.uint(2))
}

/// Whether a file is there and can be opened. Of what cannot be opened without
/// a consequence, its mode says it.
fn may_access(call: &Call<'_>, fd: i32, path: &[u8], mode: u32) -> Result {
    const EXECUTE: u32 = 1;
    const WRITE: u32 = 2;
    const READ: u32 = 4;
    let resolved = call.resolve_at(fd, path)?;
    let (dir, path) = (resolved.dir()?, resolved.path());
    let mode_there = beneath::stat(dir, path, true)?.st_mode;
    if mode & WRITE != 0 && resolved.read_only {
        return Err(Error::EROFS);
    }
    if mode & EXECUTE != 0 && mode_there & 0o111 == 0 {
        return Err(Error::Number(libc::EACCES));
    }
    if FileType::from_raw_mode(mode_there) == FileType::RegularFile {
        let (read, write) = (mode & READ != 0, mode & WRITE != 0);
        if read || write {
            let access = Access {
                read,
                write,
                truncate: false,
                create: Create::No,
                follow: true,
                // Should it be another file by now, that is not waited for.
                flags: OFlags::NONBLOCK,
                mode: 0,
            };
            beneath::open(dir, path, access)?;
        }
    } else if mode & WRITE != 0 && mode_there & 0o222 == 0 {
        return Err(Error::Number(libc::EACCES));
    }
    DONE
}

/// `getcwd`: answers the length, with the zero.
pub(super) fn getcwd(call: &mut Call<'_>) -> Result {
    let (at, room) = (call.uint(0), call.uint(1) as usize);
    let mut path = call.state.mounts.current();
    path.push(0);
    if path.len() > room {
        return Err(Error::ERANGE);
    }
    call.write(at, &path)?;
    Ok(path.len() as u64)
}

/// `chdir`: links on the way are resolved, as the kernel would name the place.
pub(super) fn chdir(call: &mut Call<'_>) -> Result {
    let resolved = call.resolve_argument(0)?;
    let dir = resolved.dir()?;
    let mode = beneath::stat(dir, resolved.path(), true)?.st_mode;
    if FileType::from_raw_mode(mode) != FileType::Directory {
        return Err(Error::ENOTDIR);
    }
    let canonical = dir.canonicalize(resolved.path())?;
    let seen = resolved.seen_as(&canonical);
    call.state.mounts.set_current(seen, &mut call.caller);
    DONE
}

/// `fchdir`
pub(super) fn fchdir(call: &mut Call<'_>) -> Result {
    let open = call.file(0)?;
    let path = open.directory()?.path.clone();
    call.state.mounts.set_current(path, &mut call.caller);
    DONE
}
