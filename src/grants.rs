//! Granted directories: by what names a program reaches them, and what lies in
//! them, which it can change.
//!
//! Whether a file lies in one is asked of the file that has been opened: the
//! system says where it is, and each directory on the way there is compared
//! with those granted, by device and inode. A program moves files among its
//! grants only, and none of the directories that lead to these, so it cannot
//! make a file of a grant seem to lie elsewhere. What is not seen: a second
//! name for the file outside (a hard link, so files with more than one name
//! are not trusted either), and a directory inside a grant that is mounted
//! elsewhere too.

use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::{Path, PathBuf};

use cap_std::ambient_authority;
use cap_std::fs::Dir;
use wasmaot_runtime::FileId;

use crate::opened::Opened;

/// A granted directory.
#[derive(Debug)]
pub(crate) struct Grant {
    /// Its path here.
    pub host: PathBuf,
    /// The program's names for it, from `/` on.
    names: Vec<Vec<u8>>,
    directory: Option<Dir>,
    real: Option<PathBuf>,
    id: Option<FileId>,
    /// Whether the program can change what is in it.
    #[cfg_attr(
        not(feature = "compiler"),
        expect(dead_code, reason = "only caches ask")
    )]
    writable: bool,
}

/// All of them.
#[derive(Debug, Default)]
pub(crate) struct Grants(Vec<Grant>);

/// Names of a path; `.` and empty ones mean nothing.
fn names(path: &Path) -> impl Iterator<Item = &[u8]> {
    let bytes = path.as_os_str().as_bytes();
    let names = bytes.split(|&byte| byte == b'/');
    names.filter(|name| !matches!(*name, b"" | b"."))
}

impl Grants {
    /// Adds one. What cannot be opened is refused by whoever gives it to the
    /// program.
    pub fn add(&mut self, host: &Path, guest: &Path, writable: bool) {
        self.0.push(Grant {
            host: host.to_owned(),
            names: names(guest).map(<[u8]>::to_vec).collect(),
            directory: Dir::open_ambient_dir(host, ambient_authority()).ok(),
            real: host.canonicalize().ok(),
            id: host.metadata().ok().as_ref().map(FileId::of),
            writable,
        });
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The grant that holds what is at a real path. What has no path that is
    /// known may be anywhere.
    pub fn holding(&self, real: Option<&Path>) -> Option<&Grant> {
        self.0.iter().find(|grant| grant.holds(real))
    }

    /// The same among those that the program can change.
    #[cfg(feature = "compiler")]
    pub fn writable_holding(&self, real: Option<&Path>) -> Option<&Grant> {
        let mut writable = self.0.iter().filter(|grant| grant.writable);
        writable.find(|grant| grant.holds(real))
    }

    /// Opens a file by the program's path for it; `Err` if no grant is there.
    pub fn open(&self, path: &Path) -> Result<Option<Opened>, Outside> {
        // As the hosts do: above grants `..` goes back by a name, inside them
        // it is the file system that says where to.
        let mut way: Vec<&[u8]> = Vec::new();
        for name in names(path) {
            let inside = self.at(&way).map(|grant| way.len() - grant.names.len());
            if name != b".." || inside.is_some_and(|depth| depth > 0) {
                way.push(name);
            } else {
                way.pop();
            }
        }
        let grant = self.at(&way).ok_or(Outside)?;
        let rest = way[grant.names.len()..].join(&b'/');
        let rest = PathBuf::from(OsString::from_vec(rest));
        let directory = grant.directory.as_ref();
        Ok(directory.and_then(|directory| Opened::beneath(directory, &grant.host, &rest)))
    }

    /// The grant deepest on the way along names; of two of one name, the first.
    fn at(&self, way: &[&[u8]]) -> Option<&Grant> {
        let on_the_way = |grant: &&Grant| {
            let names = grant.names.iter();
            grant.names.len() <= way.len() && names.zip(way).all(|(a, b)| a == b)
        };
        let grants = self.0.iter().rev().filter(on_the_way);
        grants.max_by_key(|grant| grant.names.len())
    }
}

/// No grant has the path.
pub(crate) struct Outside;

impl Grant {
    fn holds(&self, real: Option<&Path>) -> bool {
        let Some(real) = real else {
            return true;
        };
        let is_this = |directory: &Path| {
            let found = directory.metadata().ok().as_ref().map(FileId::of);
            found.is_some() && found == self.id
        };
        self.real.as_ref().is_some_and(|own| real.starts_with(own)) || real.ancestors().any(is_this)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(grants: &Grants, path: &str) -> Option<PathBuf> {
        grants.open(path.as_ref()).ok().flatten().map(|o| o.path)
    }

    #[test]
    fn the_programs_paths() {
        let directory = tempfile::tempdir().unwrap();
        let at = |name: &str| directory.path().join(name);
        std::fs::create_dir_all(at("a/sub")).unwrap();
        std::fs::create_dir(at("b")).unwrap();
        for file in ["x", "a/x", "a/sub/x", "b/x"] {
            std::fs::write(at(file), file).unwrap();
        }
        std::os::unix::fs::symlink("../x", at("a/out")).unwrap();
        std::os::unix::fs::symlink("sub/x", at("a/in")).unwrap();
        let mut grants = Grants::default();
        grants.add(&at("a"), "/data".as_ref(), true);
        grants.add(&at("b"), "other".as_ref(), false);
        assert_eq!(path(&grants, "/data/x"), Some(at("a/x")));
        assert_eq!(path(&grants, "data/./sub/x"), Some(at("a/sub/x")));
        assert_eq!(path(&grants, "/data/sub/../x"), Some(at("a/sub/../x")));
        assert_eq!(path(&grants, "/data/../other/x"), Some(at("b/x")));
        assert_eq!(path(&grants, "/data/in"), Some(at("a/in")));
        assert_eq!(path(&grants, "/data/out"), None);
        assert_eq!(path(&grants, "/data/sub/../../x"), None);
        assert!(grants.open("/x".as_ref()).is_err());
        assert!(grants.open("/database/x".as_ref()).is_err());
        let real = |name: &str| at(name).canonicalize().unwrap();
        let host = |grant: Option<&Grant>| grant.map(|g| g.host.clone());
        assert_eq!(host(grants.holding(Some(&real("a/sub/x")))), Some(at("a")));
        assert_eq!(host(grants.holding(Some(&real("x")))), None);
        assert_eq!(host(grants.holding(Some(&real("b")))), Some(at("b")));
        assert_eq!(host(grants.writable_holding(Some(&real("b")))), None);
        assert_eq!(host(grants.holding(None)), Some(at("a")));
    }
}
