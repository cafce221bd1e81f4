//! Whole files mapped for reading, and files that exist in memory only.

use std::fs::File;
use std::io::Write;
use std::ops::Deref;
use std::os::unix::fs::MetadataExt;
use std::{ptr, slice};

use rustix::fs::{MemfdFlags, memfd_create};
use rustix::mm::{MapFlags, ProtFlags, mmap, munmap};

/// What tells two open files apart, whatever their names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct FileId {
    device: u64,
    inode: u64,
}

/// A file, and its whole content mapped for reading.
#[derive(Debug)]
pub(crate) struct FileMap {
    file: File,
    id: FileId,
    start: *const u8,
    len: usize,
}

// SAFETY: the mapping is read-only for as long as the value lives, and belongs
// to no thread.
unsafe impl Send for FileMap {}
// SAFETY: as above; shared access only reads.
unsafe impl Sync for FileMap {}

impl FileMap {
    /// Maps a regular file. Nobody may cut or change the file meanwhile, as
    /// with any executable; wasmaot itself only ever renames new files in place.
    pub fn new(file: File) -> std::io::Result<Self> {
        let meta = file.metadata()?;
        let id = FileId {
            device: meta.dev(),
            inode: meta.ino(),
        };
        let len = usize::try_from(meta.len()).map_err(std::io::Error::other)?;
        if !meta.is_file() || len == 0 {
            let why = if meta.is_file() {
                "the file is empty"
            } else {
                "not a regular file"
            };
            return Err(std::io::Error::other(why));
        }
        // SAFETY: a new mapping at an address of the kernel's choice.
        let start = unsafe {
            mmap(
                ptr::null_mut(),
                len,
                ProtFlags::READ,
                MapFlags::PRIVATE,
                &file,
                0,
            )
        }?;
        Ok(Self {
            file,
            id,
            start: start.cast_const().cast(),
            len,
        })
    }

    /// The open file, to map parts of it elsewhere.
    pub const fn file(&self) -> &File {
        &self.file
    }

    /// Identity of the file.
    pub const fn id(&self) -> FileId {
        self.id
    }
}

impl Deref for FileMap {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        // SAFETY: `start..start + len` is this value's own readable mapping of
        // a file of that length, which the contract of `new` keeps unchanged.
        unsafe { slice::from_raw_parts(self.start, self.len) }
    }
}

impl Drop for FileMap {
    fn drop(&mut self) {
        // SAFETY: the mapping is this value's own; no slice of it outlives it.
        let _ = unsafe { munmap(self.start.cast_mut().cast(), self.len) };
    }
}

/// A file without a name that holds `bytes`.
pub(crate) fn memfd(name: &str, bytes: &[u8]) -> std::io::Result<File> {
    let name: String = name.chars().filter(|&c| c != '\0').take(200).collect();
    let mut file = File::from(memfd_create(name.as_str(), MemfdFlags::CLOEXEC)?);
    file.write_all(bytes)?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_come_back() {
        let map = FileMap::new(memfd("a\0b", b"hello").unwrap()).unwrap();
        assert_eq!(&*map, b"hello");
        assert!(FileMap::new(memfd("empty", b"").unwrap()).is_err());
        assert!(FileMap::new(File::open("/").unwrap()).is_err());
    }
}
