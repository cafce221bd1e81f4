//! Whole files mapped for reading, and files that exist in memory only.

use std::fs::{File, Metadata};
use std::io::Write;
use std::ops::{Deref, Range};
use std::os::unix::fs::MetadataExt;
use std::sync::Arc;
use std::time::SystemTime;
use std::{ptr, slice};

use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, memfd_create};
use rustix::mm::{MapFlags, ProtFlags, mmap, munmap};

use super::PAGE;

/// What tells two files apart, whatever their names. A file that is made when
/// another is gone may get its number, but is younger.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FileId {
    device: u64,
    inode: u64,
    /// `None` where the file system does not keep it.
    born: Option<SystemTime>,
    /// Where it begins: of one in a file of several.
    offset: u64,
}

impl FileId {
    /// The identity of a file that is there, or open.
    pub fn of(metadata: &Metadata) -> Self {
        Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            born: metadata.created().ok(),
            offset: 0,
        }
    }
}

/// A file, or whole pages of one, with the content mapped for reading.
#[derive(Debug)]
pub(crate) struct FileMap {
    file: Arc<File>,
    offset: u64,
    id: FileId,
    start: *const u8,
    len: usize,
    /// Whether the file is one without a name.
    is_copy: bool,
}

// SAFETY: the mapping is read-only for as long as the value lives, and belongs
// to no thread.
unsafe impl Send for FileMap {}
// SAFETY: as above; shared access only reads.
unsafe impl Sync for FileMap {}

impl FileMap {
    /// Maps a regular file.
    ///
    /// # Safety
    /// Nobody may cut or change the file as long as the mapping exists: a
    /// slice of it is read like any other memory. wasmaot itself only ever
    /// renames new files in place.
    pub unsafe fn new(file: File) -> std::io::Result<Self> {
        let meta = file.metadata()?;
        // SAFETY: the caller's contract.
        unsafe { Self::mapped(Arc::new(file), &meta, 0..meta.len()) }
    }

    /// Maps a part of a regular file, which begins with a page.
    ///
    /// # Safety
    /// As of [`FileMap::new`].
    pub unsafe fn part(file: Arc<File>, part: Range<u64>) -> std::io::Result<Self> {
        let meta = file.metadata()?;
        // SAFETY: the caller's contract.
        unsafe { Self::mapped(file, &meta, part) }
    }

    /// Maps a part of a file of which the system has said this.
    ///
    /// # Safety
    /// As of [`FileMap::new`].
    unsafe fn mapped(file: Arc<File>, meta: &Metadata, part: Range<u64>) -> std::io::Result<Self> {
        let why = match part {
            _ if !meta.is_file() => Some("not a regular file"),
            _ if part.is_empty() => Some("the file is empty"),
            _ if part.end > meta.len() => Some("the file is cut short"),
            _ if !part.start.is_multiple_of(PAGE) => Some("it does not begin with a page"),
            _ => None,
        };
        if let Some(why) = why {
            return Err(std::io::Error::other(why));
        }
        let id = FileId {
            offset: part.start,
            ..FileId::of(meta)
        };
        let len = usize::try_from(part.end - part.start).map_err(std::io::Error::other)?;
        // SAFETY: a new mapping at an address of the kernel's choice.
        let start = unsafe {
            mmap(
                ptr::null_mut(),
                len,
                ProtFlags::READ,
                MapFlags::PRIVATE,
                &*file,
                part.start,
            )
        }?;
        Ok(Self {
            file,
            offset: part.start,
            id,
            start: start.cast_const().cast(),
            len,
            is_copy: false,
        })
    }

    /// Maps a copy of bytes, which is nobody else's.
    pub fn of_bytes(name: &str, bytes: &[u8]) -> std::io::Result<Self> {
        let file = memfd(name, bytes)?;
        // SAFETY: the file has no name that leads to it, and is sealed: not
        // even by its descriptor can it be changed.
        let mut map = unsafe { Self::new(file) }?;
        map.is_copy = true;
        Ok(map)
    }

    /// Whether it is of bytes that have no file with a name.
    pub const fn is_copy(&self) -> bool {
        self.is_copy
    }

    /// The open file, to map parts of it elsewhere, and where this one begins.
    pub fn file(&self) -> (&File, u64) {
        (&self.file, self.offset)
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

/// A file without a name that holds `bytes`, for good.
pub(crate) fn memfd(name: &str, bytes: &[u8]) -> std::io::Result<File> {
    let name: String = name.chars().filter(|&c| c != '\0').take(200).collect();
    let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
    let mut file = File::from(memfd_create(name.as_str(), flags)?);
    file.write_all(bytes)?;
    let seals = SealFlags::SHRINK | SealFlags::GROW | SealFlags::WRITE | SealFlags::SEAL;
    fcntl_add_seals(&file, seals)?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_come_back() {
        let map = FileMap::of_bytes("a\0b", b"hello").unwrap();
        assert_eq!(&*map, b"hello");
        let (mut file, _) = map.file();
        assert!(file.set_len(1).is_err() && file.write(b"j").is_err());
        assert!(FileMap::of_bytes("empty", b"").is_err());
        // SAFETY: it is no file that could be mapped.
        assert!(unsafe { FileMap::new(File::open("/").unwrap()) }.is_err());
    }

    #[test]
    fn a_part_is_a_file_of_its_own() {
        let mut bytes = vec![1; PAGE as usize];
        bytes.extend(b"hello");
        let file = Arc::new(memfd("parts", &bytes).unwrap());
        // SAFETY: it is sealed.
        let part = |range| unsafe { FileMap::part(Arc::clone(&file), range) };
        let (all, rest) = (part(0..PAGE + 5).unwrap(), part(PAGE..PAGE + 5).unwrap());
        assert_eq!(&*rest, b"hello");
        assert_eq!(rest.file().1, PAGE);
        assert_ne!(all.id(), rest.id());
        for wrong in [PAGE..PAGE, 1..2, PAGE..PAGE + 6, 2 * PAGE..2 * PAGE + 1] {
            assert!(part(wrong.clone()).is_err(), "{wrong:?}");
        }
    }
}
