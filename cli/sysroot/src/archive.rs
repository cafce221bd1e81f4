//! Archives: what others publish is in them, and libraries are.

use std::fs::File;
use std::io::{self, BufReader};
use std::path::{Component, Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use flate2::read::GzDecoder;
use zip::ZipArchive;

use crate::files::{make, write};

/// An archive without members.
pub(crate) const EMPTY: &[u8] = b"!<arch>\n";

/// Unpacks the file of that name in an archive, or those in a directory of that
/// name, without it. What kind of archive it is tells its own name.
pub(crate) fn unpack(archive: &Path, start: &str, to: &Path) -> Result<()> {
    let shown = archive.display();
    let file = File::open(archive).with_context(|| format!("cannot read {shown}"))?;
    let file = BufReader::new(file);
    make(to)?;
    let name = archive.file_name().unwrap_or_default().to_string_lossy();
    let unpacked = if name.ends_with(".whl") || name.ends_with(".zip") {
        unzip(file, start, to)
    } else if name.ends_with(".tar") {
        untar(file, start, to)
    } else {
        untar(GzDecoder::new(file), start, to)
    };
    let count = unpacked.with_context(|| format!("cannot unpack {shown}"))?;
    ensure!(count > 0, "there is nothing of `{start}` in {shown}");
    Ok(())
}

/// The rest of a name that begins so, if it leads nowhere else.
fn below(name: &Path, start: &str) -> Option<PathBuf> {
    let rest = match name.strip_prefix(start).ok()? {
        rest if rest == Path::new("") => Path::new(name.file_name()?),
        rest => rest,
    };
    let plain = rest.components().all(|c| matches!(c, Component::Normal(_)));
    plain.then(|| rest.to_owned())
}

fn untar(stream: impl io::Read, start: &str, to: &Path) -> Result<usize> {
    let mut archive = tar::Archive::new(stream);
    let mut count = 0;
    for entry in archive.entries()? {
        let mut entry = entry?;
        let path = entry.path()?.into_owned();
        let Some(name) = below(&path, start).filter(|_| entry.header().entry_type().is_file())
        else {
            continue;
        };
        make(to.join(&name).parent().expect("it is in the directory"))?;
        entry.unpack(to.join(&name))?;
        count += 1;
    }
    Ok(count)
}

fn unzip(file: impl io::Read + io::Seek, start: &str, to: &Path) -> Result<usize> {
    let mut archive = ZipArchive::new(file)?;
    let mut count = 0;
    for number in 0..archive.len() {
        let mut entry = archive.by_index(number)?;
        let path = PathBuf::from(entry.name());
        let Some(name) = below(&path, start).filter(|_| entry.is_file()) else {
            continue;
        };
        let mut bytes = Vec::new();
        io::copy(&mut entry, &mut bytes)?;
        write(&to.join(name), bytes)?;
        count += 1;
    }
    Ok(count)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_an_archive_lead_nowhere_else() {
        let name = |name, start| below(Path::new(name), start);
        assert_eq!(name("a/b/c", "a"), Some("b/c".into()));
        assert_eq!(name("a/b/c", "a/b/c"), Some("c".into()));
        assert_eq!(name("a/b/c", ""), Some("a/b/c".into()));
        assert_eq!(name("ab/c", "a"), None);
        assert_eq!(name("a/../../c", "a"), None);
        assert_eq!(name("/c", ""), None);
    }
}
