//! The area of a process that holds its objects and stubs.

use std::ops::Range;
use std::sync::Arc;

use wasmaot_abi::context::CODE_RESERVE;

use crate::ranges::Ranges;

use super::{Access, Image, PAGE, Reservation, SystemError, Window, page_up};

/// The area: [`CODE_RESERVE`] bytes, handed out in whole pages, first fit.
#[derive(Debug)]
pub(crate) struct CodeArea {
    pages: Arc<Reservation>,
    start: u64,
    /// Addresses not in use.
    free: Ranges,
}

impl CodeArea {
    /// Reserves the area, and the window of the process's first thread with a
    /// stack of at least `stack` bytes: both by one system call.
    pub fn with_window(stack: u64) -> Result<(Self, Window), SystemError> {
        let stack = Window::stack(stack)?;
        let bytes = Window::RESERVE + CODE_RESERVE;
        let pages = Arc::new(Reservation::new(bytes, "code and a stack")?);
        let window = Window::within(Arc::clone(&pages), stack)?;
        let start = window.usable().end;
        // The first page stays unused: offset 0 from the area's start stands
        // for "no record" in an empty table entry.
        let free = Ranges::from_range(start + PAGE..start + CODE_RESERVE);
        Ok((Self { pages, start, free }, window))
    }

    /// Addresses of the whole area.
    pub fn range(&self) -> Range<u64> {
        self.start..self.start + CODE_RESERVE
    }

    /// Makes the first page, which is nobody's, readable: a function record of
    /// zeros is at offset 0 then.
    pub fn make_null_record(&self) -> Result<(), SystemError> {
        let page = self.start..self.start + PAGE;
        self.pages.protect(page, Access::Read)
    }

    /// Takes room for `len` bytes, inaccessible so far.
    pub fn allocate(&mut self, len: u64) -> Result<Image, SystemError> {
        let full = || {
            SystemError::new(
                format!("find {len:#x} bytes among the {CODE_RESERVE:#x} for code of a process"),
                rustix::io::Errno::NOMEM,
            )
        };
        let len = page_up(len.max(1)).ok_or_else(full)?;
        let start = self.free.take(len, PAGE).ok_or_else(full)?;
        Ok(Image::new(Arc::clone(&self.pages), start..start + len))
    }

    /// Takes room for some images, each an offset in whole pages from a common
    /// start, and bytes. None if that cannot be.
    pub fn allocate_block(&mut self, places: &[(u64, u64)]) -> Vec<Image> {
        let pages = |&(at, len): &(u64, u64)| Some(at..at.checked_add(page_up(len.max(1))?)?);
        let Some(places) = places.iter().map(pages).collect::<Option<Vec<_>>>() else {
            return Vec::new();
        };
        let mut sorted = places.clone();
        sorted.sort_unstable_by_key(|place| place.start);
        let apart = sorted.windows(2).all(|two| two[0].end <= two[1].start);
        let end = sorted.last().filter(|_| apart).map_or(0, |last| last.end);
        let Some(start) = self.free.take(end, PAGE).filter(|_| end > 0) else {
            return Vec::new();
        };
        let mut gap = 0;
        for place in sorted {
            self.free.insert(start + gap..start + place.start);
            gap = place.end;
        }
        let place = |place: Range<u64>| start + place.start..start + place.end;
        let images = places.into_iter().map(place);
        let images = images.map(|range| Image::new(Arc::clone(&self.pages), range));
        images.collect()
    }

    /// Makes pages readable and writable, zero at first.
    pub fn allocate_data(&mut self, len: u64) -> Result<Image, SystemError> {
        let mut image = self.allocate(len)?;
        image.commit(0..image.len())?;
        Ok(image)
    }

    /// Takes an image's room back.
    pub fn release(&mut self, image: Image) -> Result<(), SystemError> {
        let range = image.range();
        self.pages.discard(range.clone())?;
        self.free.insert(range);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_keeps_distances_and_gives_back_its_gaps() {
        let mut area = CodeArea::with_window(PAGE).unwrap().0;
        let whole = area.free.clone();
        let images = area.allocate_block(&[(5 * PAGE, 1), (0, PAGE + 1), (8 * PAGE, PAGE)]);
        let start = images[1].start();
        let ranges: Vec<_> = images
            .iter()
            .map(|i| i.range().start - start..i.range().end - start)
            .collect();
        assert_eq!(
            ranges,
            [5 * PAGE..6 * PAGE, 0..2 * PAGE, 8 * PAGE..9 * PAGE]
        );
        let gap = area.allocate(3 * PAGE).unwrap();
        assert_eq!(gap.start(), start + 2 * PAGE);
        for image in images.into_iter().chain([gap]) {
            area.release(image).unwrap();
        }
        assert_eq!(area.free, whole);
        for wrong in [
            &[(0, 2 * PAGE), (PAGE, 1)][..],
            &[(0, 1), (0, 1)],
            &[(0, CODE_RESERVE)],
            &[(u64::MAX - (PAGE - 1), 2 * PAGE)],
            &[(0, u64::MAX), (PAGE, 1)],
            &[],
        ] {
            assert!(area.allocate_block(wrong).is_empty(), "{wrong:?}");
        }
        assert_eq!(area.free, whole);
    }

    #[test]
    fn room_is_reused_and_merged() {
        let mut area = CodeArea::with_window(PAGE).unwrap().0;
        let whole = area.free.clone();
        let [a, b, c] = [1, PAGE + 904, 1].map(|len| area.allocate(len).unwrap());
        assert_eq!(a.range().end, b.range().start);
        assert_eq!(b.range().end - b.range().start, 2 * PAGE);
        let hole = b.range().start;
        area.release(b).unwrap();
        assert_eq!(area.allocate(PAGE).unwrap().range().start, hole);
        area.release(c).unwrap();
        let d = Image::new(Arc::clone(&area.pages), hole..hole + PAGE);
        area.release(d).unwrap();
        area.release(a).unwrap();
        assert_eq!(area.free, whole);
        assert!(area.allocate(CODE_RESERVE).is_err());
    }
}
