//! Where a directory is to be: it comes there whole, or not at all.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail, ensure};
use rustix::fs::{CWD, RenameFlags, renameat_with};
use tempfile::{Builder, TempDir};

use crate::files::{entries, make};
use crate::layout::RECORD;

/// Between the name of a directory and what is random in that of one which is
/// to take its place.
const MARK: &str = ".unfinished-";

/// A directory beside the one whose place it may take. It goes when the value
/// does; what a process left that was killed goes with the next one.
#[derive(Debug)]
pub(crate) struct Unfinished {
    directory: TempDir,
    place: PathBuf,
    /// Says that somebody is at it.
    _lock: File,
}

impl Unfinished {
    /// An empty directory for what is to be at a place: where nothing is yet, or
    /// an empty directory, or a sysroot.
    pub(crate) fn begin(place: &Path) -> Result<Self> {
        let shown = place.display();
        let place =
            std::path::absolute(place).with_context(|| format!("{shown} is no directory"))?;
        let (Some(parent), Some(name)) = (place.parent(), place.file_name()) else {
            bail!("{shown} cannot be a sysroot; name a directory that has a name");
        };
        if place.is_dir() {
            ensure!(
                place.join(RECORD).is_file() || entries(&place)?.is_empty(),
                "{shown} is not empty and no sysroot; name another directory"
            );
        }
        make(parent)?;
        let prefix = format!(".{}{MARK}", name.display());
        // Nobody else looks for what was left while there is no lock yet.
        let _one_at_a_time = lock(parent)?;
        remove_left(parent, &prefix)?;
        let directory = Builder::new().prefix(&prefix).tempdir_in(parent);
        let directory = directory
            .with_context(|| format!("cannot make a directory in {}", parent.display()))?;
        let lock = lock(directory.path())?;
        Ok(Self {
            directory,
            place,
            _lock: lock,
        })
    }

    pub(crate) fn path(&self) -> &Path {
        self.directory.path()
    }

    /// Puts a directory of it into the place. What was there is removed.
    pub(crate) fn finish(self, made: &Path) -> Result<()> {
        let shown = self.place.display();
        let moved = if self.place.join(RECORD).is_file() {
            // The place is never empty, where the file system can do that.
            renameat_with(CWD, made, CWD, &self.place, RenameFlags::EXCHANGE).or_else(|_| {
                fs::rename(&self.place, self.path().join("old"))?;
                fs::rename(made, &self.place)
            })
        } else {
            fs::rename(made, &self.place)
        };
        moved.with_context(|| format!("cannot put the sysroot to {shown}"))
    }
}

/// Removes a directory: nobody sees it half.
pub(crate) fn remove(place: &Path) -> Result<()> {
    let unfinished = Unfinished::begin(place)?;
    let moved = fs::rename(place, unfinished.path().join("old"));
    moved.with_context(|| format!("cannot remove {}", place.display()))
}

fn lock(directory: &Path) -> Result<File> {
    let file = File::open(directory).and_then(|file| file.lock().map(|()| file));
    file.with_context(|| format!("cannot lock {}", directory.display()))
}

/// Removes what those left that were killed.
fn remove_left(parent: &Path, prefix: &str) -> Result<()> {
    for path in entries(parent)? {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if name.starts_with(prefix) && File::open(&path).is_ok_and(|file| file.try_lock().is_ok()) {
            let removed = fs::remove_dir_all(&path);
            removed.with_context(|| format!("cannot remove {}", path.display()))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(directory: &Path) -> Vec<String> {
        let paths = entries(directory).unwrap();
        let names = paths.iter().map(|path| path.file_name().unwrap());
        names.map(|name| name.display().to_string()).collect()
    }

    /// A directory with an unfinished one in it, which is made a sysroot.
    fn sysroot(unfinished: &Unfinished, content: &str) -> PathBuf {
        let made = unfinished.path().join("made");
        make(&made).unwrap();
        fs::write(made.join(RECORD), content).unwrap();
        made
    }

    #[test]
    fn a_directory_is_there_whole_or_not_at_all() {
        let parent = tempfile::tempdir().unwrap();
        let place = parent.path().join("musl");
        let unfinished = Unfinished::begin(&place).unwrap();
        sysroot(&unfinished, "never");
        drop(unfinished);
        assert!(names(parent.path()).is_empty());

        for content in ["first", "second"] {
            let unfinished = Unfinished::begin(&place).unwrap();
            let made = sysroot(&unfinished, content);
            unfinished.finish(&made).unwrap();
            assert_eq!(names(parent.path()), ["musl"]);
            assert_eq!(fs::read_to_string(place.join(RECORD)).unwrap(), content);
        }
        remove(&place).unwrap();
        assert!(names(parent.path()).is_empty());
    }

    #[test]
    fn what_a_killed_process_left_goes_and_what_another_is_at_stays() {
        let parent = tempfile::tempdir().unwrap();
        let place = parent.path().join("musl");
        let left = parent.path().join(".musl.unfinished-left");
        make(&left.join("deep")).unwrap();
        let other = Unfinished::begin(&place).unwrap();
        assert!(!left.exists());
        let mine = Unfinished::begin(&place).unwrap();
        assert!(other.path().is_dir() && mine.path().is_dir());
    }

    #[test]
    fn what_is_no_sysroot_is_not_replaced() {
        let place = tempfile::tempdir().unwrap();
        Unfinished::begin(place.path()).unwrap();
        fs::write(place.path().join("letter"), "").unwrap();
        let error = Unfinished::begin(place.path()).unwrap_err().to_string();
        assert!(
            error.ends_with("is not empty and no sysroot; name another directory"),
            "{error}"
        );
    }
}
