//! Files of our own, and copying directories.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use include_dir::{Dir, include_dir};

/// What sysroots are made of beside what others publish.
static OURS: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/files");

/// Writes a directory of our files, as a directory of the same content.
pub(crate) fn write_ours(name: &str, to: &Path) -> Result<()> {
    let ours = OURS.get_dir(name).expect("it is ours");
    write_below(ours, ours.path(), to)
}

fn write_below(directory: &Dir<'_>, root: &Path, to: &Path) -> Result<()> {
    for file in directory.files() {
        let name = file.path().strip_prefix(root).expect("it is below");
        write(&to.join(name), file.contents())?;
    }
    directory.dirs().try_for_each(|d| write_below(d, root, to))
}

/// Writes a file, and makes the directory that it is in.
pub(crate) fn write(path: &Path, bytes: impl AsRef<[u8]>) -> Result<()> {
    make(path.parent().expect("a file is in a directory"))?;
    fs::write(path, bytes).with_context(|| format!("cannot write {}", path.display()))
}

/// Reads a text.
pub(crate) fn read(path: &Path) -> Result<String> {
    fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
}

/// Makes a directory and its parents.
pub(crate) fn make(path: &Path) -> Result<()> {
    fs::create_dir_all(path).with_context(|| format!("cannot make {}", path.display()))
}

/// What is in a directory, in order.
pub(crate) fn entries(directory: &Path) -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(directory).and_then(Iterator::collect::<std::io::Result<Vec<_>>>);
    let entries = entries.with_context(|| format!("cannot read {}", directory.display()))?;
    let mut paths: Vec<PathBuf> = entries.into_iter().map(|entry| entry.path()).collect();
    paths.sort();
    Ok(paths)
}

/// Every file below a directory, in order.
pub(crate) fn all(directory: &Path) -> Result<Vec<PathBuf>> {
    let mut list = Vec::new();
    for path in entries(directory)? {
        if path.is_dir() {
            list.extend(all(&path)?);
        } else {
            list.push(path);
        }
    }
    Ok(list)
}

/// Copies what is below a directory and has one of the names that `wanted`
/// says yes to, into another.
pub(crate) fn copy(from: &Path, to: &Path, wanted: impl Fn(&Path) -> bool) -> Result<()> {
    for path in all(from)? {
        let name = path.strip_prefix(from).expect("it is below");
        if wanted(name) {
            copy_file(&path, &to.join(name))?;
        }
    }
    Ok(())
}

/// Copies a file, and makes the directory that it comes to.
pub(crate) fn copy_file(from: &Path, to: &Path) -> Result<()> {
    make(to.parent().expect("a file is in a directory"))?;
    let copied = fs::copy(from, to);
    copied.with_context(|| format!("cannot copy {} to {}", from.display(), to.display()))?;
    Ok(())
}
