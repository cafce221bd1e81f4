//! A mapped image: the pages of one object, or of stubs, in the code area.
//!
//! It keeps account of which of its bytes are mapped and writable, so that
//! reading and writing by address is checked and safe. Rust holds no
//! references into an image: its data change under wasm code.

use std::fs::File;
use std::ops::Range;
use std::ptr;
use std::sync::Arc;

use super::{Access, Reservation, SystemError, kernel_page, page_down, page_up};

/// Room in the code area with what is mapped there. Offsets are from its start.
#[derive(Debug)]
pub(crate) struct Image {
    pages: Arc<Reservation>,
    range: Range<u64>,
    readable: Vec<Range<u64>>,
    writable: Vec<Range<u64>>,
    executable: Vec<Range<u64>>,
}

/// An access outside of what is mapped: an object that escaped its checks.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct OutOfImage;

impl Image {
    /// An image of nothing yet; the range is whole pages of the reservation.
    pub(super) fn new(pages: Arc<Reservation>, range: Range<u64>) -> Self {
        Self {
            pages,
            range,
            readable: Vec::new(),
            writable: Vec::new(),
            executable: Vec::new(),
        }
    }

    /// Address of offset 0.
    pub const fn start(&self) -> u64 {
        self.range.start
    }

    /// Addresses of the image.
    pub fn range(&self) -> Range<u64> {
        self.range.clone()
    }

    /// Bytes of the image.
    pub const fn len(&self) -> u64 {
        self.range.end - self.range.start
    }

    /// What can be read.
    pub fn readable(&self) -> impl Iterator<Item = Range<u64>> + '_ {
        self.readable.iter().cloned()
    }

    /// Makes pages readable and writable.
    pub fn commit(&mut self, at: Range<u64>) -> Result<(), SystemError> {
        let pages = self.pages_of(&at)?;
        self.pages.protect(pages, Access::ReadWrite)?;
        self.readable.push(at.clone());
        self.writable.push(at);
        Ok(())
    }

    /// Maps `filesz` bytes of a file at the start of `at`, and zeros at the
    /// rest, which only writable bytes have. The file's offset and `at` must
    /// have the same distance from a page's start.
    pub fn map(
        &mut self,
        at: Range<u64>,
        file: &File,
        offset: u64,
        filesz: u64,
        access: Access,
    ) -> Result<(), SystemError> {
        let split = at.start + filesz;
        let content = self.pages_of(&(at.start..split))?;
        let end = (self.range.start + split).next_multiple_of(kernel_page());
        if filesz > 0 {
            let pages = content.start..end;
            self.pages
                .map_file(pages, file, page_down(offset), access)?;
        }
        self.readable.push(at.clone());
        if access == Access::ReadExecute {
            self.executable.push(at.clone());
        }
        if access != Access::ReadWrite {
            return Ok(());
        }
        let rest = self.pages_of(&at)?;
        let zeros = if filesz > 0 { end } else { rest.start };
        self.pages.protect(zeros..rest.end, access)?;
        self.writable.push(at.clone());
        let tail = at.end.min(zeros - self.range.start);
        let zeros = vec![0; tail.saturating_sub(split) as usize];
        self.write(split, &zeros).map_err(|_| self.outside())
    }

    /// Every 64-bit word of what is writable, and of `more`.
    pub fn words(&self, more: Option<&Range<u64>>, f: &mut dyn FnMut(u64)) {
        for range in self.writable.iter().chain(more) {
            let words = range.clone().step_by(size_of::<u64>());
            words
                .filter_map(|at| self.read_u64(at).ok())
                .for_each(&mut *f);
        }
    }

    /// Changes mapped, whole pages to read-only, or back to writable.
    pub fn set_writable(&mut self, at: Range<u64>, writable: bool) -> Result<(), SystemError> {
        if at.is_empty() {
            return Ok(());
        }
        let access = if writable {
            Access::ReadWrite
        } else {
            Access::Read
        };
        self.pages.protect(self.pages_of(&at)?, access)?;
        let outside = self.writable.drain(..).flat_map(|r| {
            let left = r.start..r.end.min(at.start);
            let right = r.start.max(at.end)..r.end;
            [left, right]
        });
        let mut kept: Vec<_> = outside.filter(|r| r.start < r.end).collect();
        if writable {
            let mapped = self.readable.iter();
            let both = mapped.map(|r| r.start.max(at.start)..r.end.min(at.end));
            kept.extend(both.filter(|r| r.start < r.end));
        }
        self.writable = kept;
        Ok(())
    }

    /// Makes an image of data code, all of it.
    pub fn make_code(&mut self) -> Result<(), SystemError> {
        self.pages.protect(self.range(), Access::ReadExecute)?;
        self.writable.clear();
        self.executable.push(0..self.len());
        Ok(())
    }

    /// Makes whole pages, which [`Image::commit`] has made writable, code.
    pub fn make_part_code(&mut self, at: Range<u64>) -> Result<(), SystemError> {
        self.pages
            .protect(self.pages_of(&at)?, Access::ReadExecute)?;
        self.writable.retain(|writable| *writable != at);
        self.executable.push(at);
        Ok(())
    }

    /// Whether code is in it.
    pub const fn is_code(&self) -> bool {
        !self.executable.is_empty()
    }

    /// Overwrites parts of code, given in ascending order. From the first to
    /// the last, pages are writable and not executable meanwhile: none of this
    /// code may be running.
    pub fn patch(&mut self, edits: &[(u64, impl AsRef<[u8]>)]) -> Result<(), SystemError> {
        let (Some(first), Some(last)) = (edits.first(), edits.last()) else {
            return Ok(());
        };
        let at = first.0..last.0.saturating_add(last.1.as_ref().len() as u64);
        let (start, len) = (at.start, at.end.saturating_sub(at.start));
        if !covered(&self.executable, start, len) {
            return Err(self.outside());
        }
        let pages = self.pages_of(&at)?;
        self.pages.protect(pages.clone(), Access::ReadWrite)?;
        self.writable.push(at);
        let mut edits = edits.iter();
        let written = edits.try_for_each(|(at, bytes)| self.write(*at, bytes.as_ref()));
        self.writable.pop();
        self.pages.protect(pages, Access::ReadExecute)?;
        written.map_err(|OutOfImage| self.outside())
    }

    /// The pages of a part of the image.
    fn pages_of(&self, at: &Range<u64>) -> Result<Range<u64>, SystemError> {
        if at.start > at.end || at.end > self.len() {
            return Err(self.outside());
        }
        let end = page_up(self.range.start + at.end).ok_or_else(|| self.outside())?;
        Ok(page_down(self.range.start + at.start)..end)
    }

    fn outside(&self) -> SystemError {
        SystemError::new("map outside of an image", rustix::io::Errno::INVAL)
    }

    /// Writes bytes.
    pub fn write(&self, at: u64, bytes: &[u8]) -> Result<(), OutOfImage> {
        if !covered(&self.writable, at, bytes.len() as u64) {
            return Err(OutOfImage);
        }
        let to = ptr::with_exposed_provenance_mut::<u8>((self.range.start + at) as usize);
        // SAFETY: the bytes lie in a range that this image has mapped writable
        // and that the reservation it shares keeps mapped; the source is Rust's
        // and so elsewhere.
        unsafe { ptr::copy_nonoverlapping(bytes.as_ptr(), to, bytes.len()) };
        Ok(())
    }

    /// Writes a 64-bit word.
    pub fn write_u64(&self, at: u64, value: u64) -> Result<(), OutOfImage> {
        self.write(at, &value.to_le_bytes())
    }

    /// Reads bytes.
    pub fn read<const N: usize>(&self, at: u64) -> Result<[u8; N], OutOfImage> {
        if !covered(&self.readable, at, N as u64) {
            return Err(OutOfImage);
        }
        let from = ptr::with_exposed_provenance::<[u8; N]>((self.range.start + at) as usize);
        // SAFETY: the bytes lie in a range that this image has mapped readable;
        // an array of bytes needs no alignment.
        Ok(unsafe { ptr::read(from) })
    }

    /// Reads as many bytes as one says.
    pub fn read_vec(&self, at: u64, len: u64) -> Result<Vec<u8>, OutOfImage> {
        if !covered(&self.readable, at, len) {
            return Err(OutOfImage);
        }
        let mut bytes = vec![0; len as usize];
        if len > 0 {
            let from = ptr::with_exposed_provenance::<u8>((self.range.start + at) as usize);
            // SAFETY: so many bytes lie in a range that this image has mapped
            // readable; the vector is elsewhere and as long.
            unsafe { ptr::copy_nonoverlapping(from, bytes.as_mut_ptr(), bytes.len()) };
        }
        Ok(bytes)
    }

    /// Reads a 64-bit word.
    pub fn read_u64(&self, at: u64) -> Result<u64, OutOfImage> {
        self.read(at).map(u64::from_le_bytes)
    }
}

fn covered(ranges: &[Range<u64>], at: u64, len: u64) -> bool {
    let end = at.checked_add(len);
    let holds = |r: &Range<u64>| r.start <= at && end.is_some_and(|end| end <= r.end);
    len == 0 || ranges.iter().any(holds)
}

#[cfg(test)]
mod tests {
    use super::super::{CodeArea, PAGE, memfd};
    use super::*;

    #[test]
    fn code_is_patched_where_it_is() {
        let mut area = CodeArea::with_window(PAGE).unwrap().0;
        let mut image = area.allocate(3 * PAGE).unwrap();
        let file = memfd("test", &[7; 3 * PAGE as usize]).unwrap();
        image.map(0..PAGE, &file, 0, PAGE, Access::Read).unwrap();
        image
            .map(PAGE..3 * PAGE, &file, PAGE, 2 * PAGE, Access::ReadExecute)
            .unwrap();
        image
            .patch(&[(PAGE, [1, 2]), (2 * PAGE - 1, [3, 4])])
            .unwrap();
        assert_eq!(image.read(PAGE), Ok([1, 2, 7]));
        assert_eq!(image.read(2 * PAGE - 2), Ok([7, 3, 4]));
        assert_eq!(image.write(PAGE, &[1]), Err(OutOfImage));
        assert!(image.patch(&[(PAGE - 1, [1, 2])]).is_err());
        assert!(image.patch(&[(PAGE, [1]), (3 * PAGE, [1])]).is_err());
        assert!(image.patch(&[(2 * PAGE - 1, [1]), (PAGE, [1])]).is_err());
        let none: [(u64, [u8; 4]); 0] = [];
        image.patch(&none).unwrap();

        let mut stubs = area.allocate_data(PAGE).unwrap();
        stubs.write(0, &[1, 2]).unwrap();
        assert!(!stubs.is_code() && stubs.patch(&[(0, [1])]).is_err());
        stubs.make_code().unwrap();
        assert!(stubs.is_code() && stubs.write(0, &[1]).is_err());
        stubs.patch(&[(1, [3])]).unwrap();
        assert_eq!(stubs.read(0), Ok([1, 3, 0]));
    }

    #[test]
    fn only_mapped_and_writable_bytes() {
        let mut area = CodeArea::with_window(PAGE).unwrap().0;
        let mut image = area.allocate(3 * PAGE).unwrap();
        let file = memfd("test", &[7; PAGE as usize + 904]).unwrap();
        image.map(0..PAGE, &file, 0, PAGE, Access::Read).unwrap();
        image
            .map(PAGE..3 * PAGE - 288, &file, PAGE, 904, Access::ReadWrite)
            .unwrap();
        assert_eq!(image.read(PAGE - 1), Ok([7]));
        assert_eq!(image.write(PAGE - 1, &[1]), Err(OutOfImage));
        assert_eq!(image.write(3 * PAGE - 289, &[1, 2]), Err(OutOfImage));
        assert_eq!(image.write(PAGE + 903, &[1]), Ok(()));
        assert_eq!(image.read(PAGE + 902), Ok([7, 1, 0, 0]));
        assert_eq!(image.read(3 * PAGE - 289), Ok([0]));
        assert_eq!(image.read_vec(PAGE + 902, 3), Ok(vec![7, 1, 0]));
        assert_eq!(image.read_vec(3 * PAGE - 289, 2), Err(OutOfImage));
        assert_eq!(image.read_vec(1 << 40, 0), Ok(Vec::new()));
        assert_eq!(image.read_u64(u64::MAX), Err(OutOfImage));
        image.set_writable(PAGE..2 * PAGE, false).unwrap();
        assert_eq!(image.write(PAGE + 903, &[1]), Err(OutOfImage));
        image.set_writable(PAGE..2 * PAGE, true).unwrap();
        assert_eq!(image.write(PAGE + 903, &[3]), Ok(()));
        assert_eq!(image.write(3 * PAGE - 288, &[3]), Err(OutOfImage));
    }
}
