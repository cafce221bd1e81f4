//! Where granted directories are seen, and what a path means.
//!
//! A path is resolved by name down to a granted directory, and from there
//! [`beneath`](crate::beneath) it, never leaving that directory: neither by
//! `..`, nor by a symbolic link, nor by what others do to the directory meanwhile.

use std::ffi::OsStr;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use cap_std::fs::Dir;
use wasmaot_runtime::Caller;

use super::call::Call;
use super::error::{Error, Result};
use super::table::Open;
use crate::env::Preopen;
use crate::lock::lock;

/// The current directory, as the `at` calls name it.
pub(super) const AT_FDCWD: i32 = -100;

/// A granted directory.
struct Mount {
    /// Names from `/` on.
    at: Vec<Vec<u8>>,
    dir: Arc<Dir>,
    read_only: bool,
}

/// All granted directories, and the current one.
pub(super) struct Mounts {
    list: Vec<Mount>,
    /// An absolute path.
    current: Mutex<Vec<u8>>,
    /// Held while it changes, here and in what the loader knows, so that both
    /// agree whoever changes it last.
    moving: Mutex<()>,
}

/// What a path means.
pub(super) struct ResolvedPath {
    base: Base,
    /// Whether it lies beneath a directory that is granted to be read alone.
    pub(super) read_only: bool,
    /// From the base on; never empty.
    path: PathBuf,
    /// The whole path as the program sees it, without links resolved.
    pub(super) seen: Vec<u8>,
    /// How many of its names lead to the granted directory.
    depth: usize,
}

enum Base {
    Mount(Arc<Dir>),
    Open(Arc<Open>),
}

impl ResolvedPath {
    /// The directory that the path starts from.
    pub(super) fn dir(&self) -> Result<&Dir> {
        match &self.base {
            Base::Mount(dir) => Ok(dir),
            Base::Open(open) => Ok(&open.directory()?.dir),
        }
    }

    /// The directory that the path starts from, to change something by it.
    pub(super) fn dir_to_change(&self) -> Result<&Dir> {
        match self.read_only {
            true => Err(Error::EROFS),
            false => self.dir(),
        }
    }

    /// The path from there.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// What the program sees a path beneath the granted directory as.
    pub(super) fn seen_as(&self, path: &Path) -> Vec<u8> {
        let granted = names(&self.seen).take(self.depth);
        absolute(granted.chain(names(path.as_os_str().as_bytes())))
    }
}

/// Names of a path; `.` and empty ones mean nothing.
fn names(path: &[u8]) -> impl Iterator<Item = &[u8]> {
    path.split(|&byte| byte == b'/')
        .filter(|name| !matches!(*name, b"" | b"."))
}

/// What follows the last name of a path and asks for a directory: slashes, or a
/// dot, which calls tell apart.
fn ending(path: &[u8]) -> &'static [u8] {
    match path
        .rsplit(|&byte| byte == b'/')
        .find(|name| !name.is_empty())
    {
        Some(b".") => b"/.",
        _ if path.ends_with(b"/") => b"/",
        _ => b"",
    }
}

/// The absolute path of names.
fn absolute<'a>(names: impl IntoIterator<Item = &'a [u8]>) -> Vec<u8> {
    let mut path = Vec::new();
    for name in names {
        path.push(b'/');
        path.extend_from_slice(name);
    }
    if path.is_empty() {
        path.push(b'/');
    }
    path
}

impl Mounts {
    /// Directories by the names under which they are granted.
    pub(super) fn new(granted: Vec<Preopen>) -> Self {
        let mount = |granted: Preopen| Mount {
            at: names(granted.guest.as_bytes())
                .map(<[u8]>::to_vec)
                .collect(),
            dir: granted.dir,
            read_only: granted.read_only,
        };
        Self {
            list: granted.into_iter().map(mount).collect(),
            current: Mutex::new(b"/".to_vec()),
            moving: Mutex::new(()),
        }
    }

    /// The current directory.
    pub(super) fn current(&self) -> Vec<u8> {
        lock(&self.current).clone()
    }

    /// Makes an absolute path the current directory, also for the loader.
    pub(super) fn set_current(&self, path: Vec<u8>, caller: &mut Caller<'_>) {
        let _moving = lock(&self.moving);
        caller.set_current_directory(path.clone());
        *lock(&self.current) = path;
    }

    /// The directory granted deepest on the way along names, and how many of
    /// them lead to it. Of two granted by one name, the first.
    fn find(&self, names: &[&[u8]]) -> Option<&Mount> {
        let on_the_way = |mount: &&Mount| {
            mount.at.len() <= names.len() && mount.at.iter().zip(names).all(|(a, b)| a == b)
        };
        let mounts = self.list.iter().rev().filter(on_the_way);
        mounts.max_by_key(|mount| mount.at.len())
    }

    /// What an absolute path means.
    fn resolve(&self, path: &[u8]) -> Result<ResolvedPath> {
        let mut way: Vec<&[u8]> = Vec::new();
        for name in names(path) {
            let inside = self.find(&way).map(|mount| way.len() - mount.at.len());
            // Above granted directories there are no links: `..` goes back by
            // one name. Inside, it is the file system that says where to.
            if name != b".." || inside.is_some_and(|depth| depth > 0) {
                way.push(name);
            } else {
                way.pop();
            }
        }
        let mount = self.find(&way).ok_or(Error::ENOENT)?;
        let mut rest = way[mount.at.len()..].join(&b'/');
        if rest.is_empty() {
            rest.push(b'.');
        } else {
            rest.extend_from_slice(ending(path));
        }
        Ok(ResolvedPath {
            base: Base::Mount(Arc::clone(&mount.dir)),
            read_only: mount.read_only,
            path: PathBuf::from(std::ffi::OsString::from_vec(rest)),
            seen: absolute(way),
            depth: mount.at.len(),
        })
    }
}

impl Call<'_> {
    /// What a path means, of the current directory if it is a relative one.
    pub(super) fn resolve(&self, path: &[u8]) -> Result<ResolvedPath> {
        self.resolve_at(AT_FDCWD, path)
    }

    /// What the path means that is an argument.
    pub(super) fn resolve_argument(&mut self, path: usize) -> Result<ResolvedPath> {
        let path = self.path(path)?;
        self.resolve(&path)
    }

    /// The same, of an open directory that is another argument.
    pub(super) fn resolve_argument_at(&mut self, fd: usize, path: usize) -> Result<ResolvedPath> {
        let path = self.path(path)?;
        self.resolve_at(self.int(fd), &path)
    }

    /// What a path means, of an open directory if it is a relative one.
    pub(super) fn resolve_at(&self, fd: i32, path: &[u8]) -> Result<ResolvedPath> {
        let mounts = &self.state.mounts;
        if path.is_empty() {
            return Err(Error::ENOENT);
        }
        if path.starts_with(b"/") {
            return mounts.resolve(path);
        }
        if fd == AT_FDCWD {
            return mounts.resolve(&[&mounts.current(), &b"/"[..], path].concat());
        }
        let open = self.open_file(fd)?;
        let directory = open.directory()?;
        let seen = [&directory.path, &b"/"[..], path].concat();
        Ok(ResolvedPath {
            seen: absolute(names(&seen)),
            path: PathBuf::from(OsStr::from_bytes(path)),
            read_only: open.read_only,
            base: Base::Open(open),
            depth: 0,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cap_std::ambient_authority;

    fn mounts(names: &[&str]) -> Mounts {
        let mount = |name: &&str| Preopen {
            dir: Arc::new(Dir::open_ambient_dir("/", ambient_authority()).unwrap()),
            guest: (*name).to_owned(),
            read_only: false,
        };
        Mounts::new(names.iter().map(mount).collect())
    }

    /// The mount's names, the path from there, the path as it is seen.
    fn resolved(mounts: &Mounts, path: &str) -> Option<(String, String)> {
        let resolved = mounts.resolve(path.as_bytes()).ok()?;
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        Some((
            text(resolved.path.as_os_str().as_bytes()),
            text(&resolved.seen),
        ))
    }

    fn some(path: &str, seen: &str) -> Option<(String, String)> {
        Some((path.to_owned(), seen.to_owned()))
    }

    #[test]
    fn the_deepest_granted_directory_counts() {
        let mounts = mounts(&["/data", "/data/deep", "other"]);
        assert_eq!(resolved(&mounts, "/data/x"), some("x", "/data/x"));
        assert_eq!(resolved(&mounts, "//data/./x/"), some("x/", "/data/x"));
        assert_eq!(resolved(&mounts, "/data/deep/x"), some("x", "/data/deep/x"));
        assert_eq!(resolved(&mounts, "/other"), some(".", "/other"));
        assert_eq!(resolved(&mounts, "/database"), None);
        assert_eq!(resolved(&mounts, "/"), None);
    }

    #[test]
    fn dots_go_back_by_name_above_and_stay_inside() {
        let mounts = mounts(&["/data", "/other"]);
        assert_eq!(resolved(&mounts, "/data/../other/x"), some("x", "/other/x"));
        assert_eq!(resolved(&mounts, "/../data/x"), some("x", "/data/x"));
        assert_eq!(
            resolved(&mounts, "/data/a/../x"),
            some("a/../x", "/data/a/../x")
        );
        assert_eq!(resolved(&mounts, "/data/.."), None);
    }

    #[test]
    fn a_root_can_be_granted() {
        let mounts = mounts(&["."]);
        assert_eq!(resolved(&mounts, "/etc/x"), some("etc/x", "/etc/x"));
        assert_eq!(resolved(&mounts, "/"), some(".", "/"));
    }
}
