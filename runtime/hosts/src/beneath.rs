//! Paths beneath a granted directory, with the kernel's own meaning of how they
//! end.
//!
//! cap-std resolves what comes before the last name, and what is asked for as a
//! whole, and never leaves the directory. It takes `x/` for `x` in some calls and
//! for `x/.` in others, though. So the calls that make or remove a name are made
//! here on its parent directory and are given the last name with its slashes: of
//! these the kernel follows no link, and it knows what a slash asks for. Whatever
//! else is asked of a path is asked of an `O_PATH` descriptor of the file, which is
//! opened without any effect on it.
//!
//! Of procfs only what every user may read is opened, and for reading alone:
//! `/proc/PID/mem` would let a program write the code that it runs. What is
//! procfs is asked of the open file, so no link, name or mount hides it.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use cap_fs_ext::{FollowSymlinks, OpenOptionsFollowExt};
use cap_std::fs::{Dir, OpenOptions, OpenOptionsExt};
use rustix::fs::{AtFlags, FileType, Mode, OFlags, PROC_SUPER_MAGIC, Stat, Timestamps};
use rustix::io::Errno;

use crate::wait::interruptible;

/// Longest path, with the zero at its end: Linux's `PATH_MAX`.
pub(crate) const PATH_MAX: usize = 4096;

type Result<T = ()> = io::Result<T>;

/// A path taken apart before its last name.
struct Split<'a> {
    /// Where the last name is to be found; empty for the directory itself.
    parent: &'a Path,
    /// The last name with the slashes that follow it.
    last: &'a Path,
    /// Whether the last name is `.` or `..`.
    dots: bool,
    /// Whether slashes follow the last name.
    slashes: bool,
}

impl<'a> Split<'a> {
    fn of(path: &'a Path) -> Result<Self> {
        let bytes = path.as_os_str().as_bytes();
        if bytes.is_empty() {
            return Err(Errno::NOENT.into());
        }
        if bytes.len() >= PATH_MAX {
            return Err(Errno::NAMETOOLONG.into());
        }
        let as_path = |bytes| Path::new(OsStr::from_bytes(bytes));
        let Some(end) = bytes.iter().rposition(|&b| b != b'/') else {
            return Ok(Self {
                parent: path,
                last: as_path(b"."),
                dots: true,
                slashes: false,
            });
        };
        let start = bytes[..end].iter().rposition(|&b| b == b'/');
        let start = start.map_or(0, |slash| slash + 1);
        Ok(Self {
            parent: as_path(&bytes[..start]),
            last: as_path(&bytes[start..]),
            dots: matches!(&bytes[start..=end], b"." | b".."),
            slashes: end + 1 < bytes.len(),
        })
    }

    /// Whether the path can name a directory alone; a link at its end is
    /// followed then, whatever the call says.
    const fn needs_directory(&self) -> bool {
        self.dots || self.slashes
    }
}

/// A directory: the granted one, or one that was opened beneath it.
enum Parent<'a> {
    Granted(&'a Dir),
    Opened(Dir),
}

impl AsFd for Parent<'_> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Self::Granted(dir) => dir.as_fd(),
            Self::Opened(dir) => dir.as_fd(),
        }
    }
}

/// The directory in which the last name of a path is made or removed, and that
/// name. The kernel does not resolve `..` there; a path that ends so must not lead
/// out of the granted directory all the same.
fn parent<'a>(dir: &'a Dir, path: &'a Path) -> Result<(Parent<'a>, &'a Path)> {
    let split = Split::of(path)?;
    if split.dots {
        open_directory(dir, path)?;
    }
    let parent = if split.parent.as_os_str().is_empty() {
        Parent::Granted(dir)
    } else {
        Parent::Opened(open_directory(dir, split.parent)?)
    };
    Ok((parent, split.last))
}

fn open_directory(dir: &Dir, path: &Path) -> Result<Dir> {
    dir.open_dir(path)
}

/// The file that a path names, open for nothing but questions about it.
fn locate(dir: &Dir, path: &Path, follow: bool) -> Result<File> {
    let needs_directory = Split::of(path)?.needs_directory();
    let mut flags = OFlags::PATH;
    flags.set(OFlags::DIRECTORY, needs_directory);
    let mut options = OpenOptions::new();
    options
        .read(true)
        .custom_flags(flags.bits().cast_signed())
        .follow(following(follow || needs_directory));
    Ok(dir.open_with(path, &options)?.into_std())
}

const fn following(follow: bool) -> FollowSymlinks {
    if follow {
        FollowSymlinks::Yes
    } else {
        FollowSymlinks::No
    }
}

/// Makes a directory.
pub(crate) fn create_dir(dir: &Dir, path: &Path, mode: u32) -> Result {
    let (parent, name) = parent(dir, path)?;
    Ok(rustix::fs::mkdirat(
        parent,
        name,
        Mode::from_raw_mode(mode),
    )?)
}

/// Removes a directory.
pub(crate) fn remove_dir(dir: &Dir, path: &Path) -> Result {
    let (parent, name) = parent(dir, path)?;
    Ok(rustix::fs::unlinkat(parent, name, AtFlags::REMOVEDIR)?)
}

/// Removes a file that is not a directory.
pub(crate) fn remove_file(dir: &Dir, path: &Path) -> Result {
    let (parent, name) = parent(dir, path)?;
    Ok(rustix::fs::unlinkat(parent, name, AtFlags::empty())?)
}

/// Renames a file, which may replace another.
pub(crate) fn rename(from: &Dir, old: &Path, to: &Dir, new: &Path) -> Result {
    let (from, old) = parent(from, old)?;
    let (to, new) = parent(to, new)?;
    Ok(rustix::fs::renameat(from, old, to, new)?)
}

/// Makes a symbolic link. One to an absolute path is refused: nothing here follows
/// it, but a program of the host's would.
pub(crate) fn symlink(target: &Path, dir: &Dir, path: &Path) -> Result {
    if target.has_root() {
        return Err(io::ErrorKind::PermissionDenied.into());
    }
    if target.as_os_str().len() >= PATH_MAX {
        return Err(Errno::NAMETOOLONG.into());
    }
    let (parent, name) = parent(dir, path)?;
    Ok(rustix::fs::symlinkat(target, parent, name)?)
}

/// Makes another name for a file; for that which a link at the end of the path
/// leads to, if it is to be followed.
pub(crate) fn hard_link(from: &Dir, old: &Path, follow: bool, to: &Dir, new: &Path) -> Result {
    let link = |from: BorrowedFd<'_>, name: &Path| -> Result {
        let (to, new) = parent(to, new)?;
        Ok(rustix::fs::linkat(from, name, to, new, AtFlags::empty())?)
    };
    // What is missing is told before anything is said of the new name.
    locate(from, old, follow)?;
    if Split::of(old)?.needs_directory() {
        // No directory has a second name, and the kernel says how it is refused.
        return link(open_directory(from, old)?.as_fd(), Path::new("."));
    }
    let resolved;
    let mut old = old;
    if follow {
        resolved = from.canonicalize(old)?;
        old = &resolved;
    }
    let (from, name) = parent(from, old)?;
    link(from.as_fd(), name)
}

fn is_symlink(file: &File) -> Result<bool> {
    Ok(file.metadata()?.file_type().is_symlink())
}

/// What is known of a file.
pub(crate) fn stat(dir: &Dir, path: &Path, follow: bool) -> Result<Stat> {
    Ok(rustix::fs::fstat(locate(dir, path, follow)?)?)
}

/// Where a symbolic link leads, as it stands there.
pub(crate) fn read_link(dir: &Dir, path: &Path) -> Result<PathBuf> {
    let found = locate(dir, path, false)?;
    if !is_symlink(&found)? {
        return Err(Errno::INVAL.into());
    }
    let target = rustix::fs::readlinkat(found, "", Vec::new())?;
    Ok(OsString::from_vec(target.into_bytes()).into())
}

/// Sets the times of last access and modification.
pub(crate) fn set_times(dir: &Dir, path: &Path, follow: bool, times: &Timestamps) -> Result {
    let found = locate(dir, path, follow)?;
    Ok(rustix::fs::utimensat(
        found,
        "",
        times,
        AtFlags::EMPTY_PATH,
    )?)
}

/// Whether opening makes a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Create {
    No,
    /// Unless it is there.
    Missing,
    /// It must not be there.
    New,
}

/// How a file is opened.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Access {
    pub(crate) read: bool,
    pub(crate) write: bool,
    pub(crate) truncate: bool,
    pub(crate) create: Create,
    /// Whether a link at the end of the path is followed.
    pub(crate) follow: bool,
    /// Further flags of the host's.
    pub(crate) flags: OFlags,
    /// Permissions of a file that is made.
    pub(crate) mode: u32,
}

/// Opens a file or a directory.
pub(crate) fn open(dir: &Dir, path: &Path, access: Access) -> Result<File> {
    let split = Split::of(path)?;
    // To open a pipe waits for its other end.
    let opened = |access: Access| {
        let options = access.options();
        let file = interruptible(|| dir.open_with(path, &options))?.into_std();
        refuse_private_procfs(&file, access)?;
        Ok(file)
    };
    if access.create == Create::No {
        let mut access = access;
        access.follow |= split.needs_directory();
        access.flags.set(
            OFlags::DIRECTORY,
            access.flags.contains(OFlags::DIRECTORY) || split.needs_directory(),
        );
        return opened(access);
    }
    if split.dots {
        open_directory(dir, path)?;
        let there = match access.create {
            Create::New => Errno::EXIST,
            _ => Errno::ISDIR,
        };
        return Err(there.into());
    }
    if split.slashes {
        // The way there is checked first; what the name means is not asked.
        parent(dir, path)?;
        return Err(Errno::ISDIR.into());
    }
    // cap-std makes only what it opens for writing; what is there already need not
    // be writable.
    if access.create == Create::Missing && !access.write {
        let as_it_is = Access {
            create: Create::No,
            ..access
        };
        match opened(as_it_is) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Ok(file) if file.metadata()?.is_dir() => return Err(Errno::ISDIR.into()),
            opened => return opened,
        }
    }
    opened(Access {
        write: true,
        ..access
    })
}

/// Refuses a file of procfs that is opened for writing, or that not every user
/// may read: among these are the memory of processes and of the kernel, and the
/// environment of the host's process.
fn refuse_private_procfs(file: &File, access: Access) -> Result {
    if rustix::fs::fstatfs(file)?.f_type != PROC_SUPER_MAGIC {
        return Ok(());
    }
    let mode = rustix::fs::fstat(file)?.st_mode;
    let is_directory = FileType::from_raw_mode(mode).is_dir();
    let public = Mode::from_raw_mode(mode).contains(Mode::ROTH);
    if access.write || access.truncate || !(public || is_directory) {
        return Err(Errno::ACCESS.into());
    }
    Ok(())
}

impl Access {
    fn options(self) -> OpenOptions {
        let mut options = OpenOptions::new();
        options
            .read(self.read)
            // Linux asks for the permission to write where it truncates, too.
            .write(self.write || self.truncate)
            .truncate(self.truncate)
            .create(self.create == Create::Missing)
            .create_new(self.create == Create::New)
            .mode(self.mode)
            // Never let the host's process get a terminal of the program's choice.
            .custom_flags((self.flags | OFlags::NOCTTY).bits().cast_signed())
            .follow(following(self.follow));
        options
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_taken_apart_before_the_last_name() {
        let split = |path| {
            let split = Split::of(Path::new(path)).unwrap();
            (
                split.parent.to_str().unwrap(),
                split.last.to_str().unwrap(),
                split.dots,
                split.slashes,
            )
        };
        assert_eq!(split("x"), ("", "x", false, false));
        assert_eq!(split("x//"), ("", "x//", false, true));
        assert_eq!(split("/x"), ("/", "x", false, false));
        assert_eq!(split("a//x/"), ("a//", "x/", false, true));
        assert_eq!(split("x/."), ("x/", ".", true, false));
        assert_eq!(split("x/../"), ("x/", "../", true, true));
        assert_eq!(split(".x"), ("", ".x", false, false));
        assert_eq!(split("//"), ("//", ".", true, false));
    }
}
