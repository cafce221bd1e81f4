//! Which linear addresses `brk` and `mmap` have given, in one memory that only
//! ever grows at its end.
//!
//! `brk` goes up from the program's heap base. `mmap` makes the memory larger
//! unless something was given back; the pages that are there from the start are
//! left to `brk`, or to an allocator that knows of no system calls, while the
//! memory can grow. Others may grow it too (`memory.grow`): such pages are
//! theirs. What is given back is zeroed at once, so all that is free is zero.

use std::ops::Range;

use wasmaot_runtime::ranges::Ranges;

/// Bytes of a page, as the program is told.
pub(super) const PAGE: u64 = 4096;
/// Addresses stop here: the last ones would look like error numbers.
const LIMIT: u64 = (1 << 32) - (1 << 16);

/// A memory that can grow.
pub(super) trait Linear {
    /// Its size in bytes.
    fn size(&mut self) -> u64;
    /// Makes it larger by at least so many bytes: what has been added, which
    /// lies at its end unless others make it larger, too.
    fn grow(&mut self, bytes: u64) -> Option<Range<u64>>;
    /// Fills a range with zeros.
    fn zero(&mut self, range: Range<u64>);
}

/// The addresses of one memory.
#[derive(Debug)]
pub(super) struct Space {
    /// Where `brk` starts.
    start: u64,
    /// The program's break.
    brk: u64,
    /// End of the memory when we first met it.
    first_end: u64,
    /// End of what is ours.
    end: u64,
    /// Pages that are given to nobody.
    free: Ranges,
    /// Pages that `mmap` has given.
    mapped: Ranges,
}

/// Rounds up to whole pages.
pub(super) const fn page_up(bytes: u64) -> Option<u64> {
    bytes.checked_next_multiple_of(PAGE)
}

impl Space {
    /// Of a memory whose heap begins at an address; at its end, if that is not
    /// known.
    pub(super) fn new(heap: Option<u64>, memory: &mut impl Linear) -> Self {
        let end = memory.size();
        let start = heap.unwrap_or(end).min(end);
        let mut free = Ranges::default();
        free.insert(page_up(start).unwrap_or(end).min(end)..end);
        Self {
            start,
            brk: start,
            first_end: end,
            end,
            free,
            mapped: Ranges::default(),
        }
    }

    /// Moves the break, if that can be; the break as it is then.
    pub(super) fn brk(&mut self, wanted: u64, memory: &mut impl Linear) -> u64 {
        if wanted < self.start || wanted > LIMIT {
            return self.brk;
        }
        // None of them can be near the limit of 64 bits.
        let (old, new) = (
            self.brk.next_multiple_of(PAGE),
            wanted.next_multiple_of(PAGE),
        );
        if new > old {
            if !self.take(old..new, memory) {
                return self.brk;
            }
        } else {
            memory.zero(wanted.min(self.brk)..self.brk);
            self.free.insert(new..old);
        }
        self.brk = wanted;
        self.brk
    }

    /// Gives pages; their address.
    pub(super) fn map(&mut self, bytes: u64, memory: &mut impl Linear) -> Option<u64> {
        let bytes = page_up(bytes).filter(|&bytes| bytes != 0)?;
        let fits = |free: &Range<u64>| free.end.saturating_sub(free.start) >= bytes;
        let range = loop {
            let size = memory.size();
            let range = self.place(bytes, size)?;
            if self.take(range.clone(), memory) {
                break range;
            }
            // Others may have made the memory larger meanwhile.
            if memory.size() == size {
                // From its upper end, so that the break can go on.
                let end = self.free.iter().find(fits)?.end;
                self.free.remove(&(end - bytes..end));
                break end - bytes..end;
            }
        };
        let start = range.start;
        self.mapped.insert(range);
        Some(start)
    }

    /// Where to look for so many bytes first: among what was given back, else at
    /// the end of a memory of this size.
    fn place(&self, bytes: u64, size: u64) -> Option<Range<u64>> {
        let added = |free: Range<u64>| free.start.max(self.first_end)..free.end;
        let fits = |free: &Range<u64>| free.end.saturating_sub(free.start) >= bytes;
        if let Some(free) = self.free.iter().map(added).find(fits) {
            return Some(free.start..free.start + bytes);
        }
        let last = self.free.iter().map(added).last();
        let start = match last.filter(|last| last.end == size && last.start < size) {
            Some(last) => last.start,
            None => size.checked_next_multiple_of(PAGE)?,
        };
        Some(start..start.checked_add(bytes)?)
    }

    /// Gives pages at an address, in place of what `mmap` has given there.
    pub(super) fn map_at(&mut self, range: Range<u64>, memory: &mut impl Linear) -> bool {
        let given = self.mapped.remove(&range);
        given.iter().for_each(|part| self.free.insert(part.clone()));
        let taken = self.take(range.clone(), memory);
        if taken {
            given.into_iter().for_each(|part| memory.zero(part));
            self.mapped.insert(range);
        } else {
            for part in given {
                self.free.remove(&part);
                self.mapped.insert(part);
            }
        }
        taken
    }

    /// Whether `mmap` has given all of a range.
    pub(super) fn is_mapped(&self, range: &Range<u64>) -> bool {
        self.mapped.contains(range)
    }

    /// Whether `mmap` has given any of a range.
    pub(super) fn meets_mapped(&self, range: &Range<u64>) -> bool {
        let meets = |r: Range<u64>| r.start < range.end && range.start < r.end;
        self.mapped.iter().any(meets)
    }

    /// Takes pages back, those of a range that `mmap` has given.
    pub(super) fn unmap(&mut self, range: &Range<u64>, memory: &mut impl Linear) {
        for part in self.mapped.remove(range) {
            memory.zero(part.clone());
            self.free.insert(part);
        }
    }

    /// Makes what `mmap` has given larger or smaller; its address, which
    /// changes only if it may.
    pub(super) fn remap(
        &mut self,
        old: &Range<u64>,
        bytes: u64,
        may_move: bool,
        memory: &mut impl Linear,
    ) -> Option<u64> {
        let end = old.start.checked_add(page_up(bytes)?)?;
        if end <= old.end {
            self.unmap(&(end..old.end), memory);
            return Some(old.start);
        }
        if self.take(old.end..end, memory) {
            self.mapped.insert(old.end..end);
            return Some(old.start);
        }
        if !may_move {
            return None;
        }
        self.map(bytes, memory)
    }

    /// Takes free pages at an address, of a larger memory if need be.
    fn take(&mut self, range: Range<u64>, memory: &mut impl Linear) -> bool {
        if range.end > LIMIT {
            return false;
        }
        if range.end > self.end {
            let ours = memory.size() == self.end;
            let start = if ours { self.end } else { memory.size() };
            let below = range.start..start.max(range.start);
            if range.start > start || !self.free.contains(&below) {
                return false;
            }
            let Some(added) = memory.grow(range.end - start) else {
                return false;
            };
            self.end = added.end;
            self.free.insert(added);
        }
        let there = self.free.contains(&range);
        if there {
            self.free.remove(&range);
        }
        there
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WASM_PAGE: u64 = 1 << 16;

    /// A memory of at most ten pages.
    struct Bytes(Vec<u8>);

    impl Linear for Bytes {
        fn size(&mut self) -> u64 {
            self.0.len() as u64
        }

        fn grow(&mut self, bytes: u64) -> Option<Range<u64>> {
            let old = self.size();
            let new = old + bytes.next_multiple_of(WASM_PAGE);
            if new > 10 * WASM_PAGE {
                return None;
            }
            self.0.resize(new as usize, 0);
            Some(old..new)
        }

        fn zero(&mut self, range: Range<u64>) {
            self.0[range.start as usize..range.end as usize].fill(0);
        }
    }

    fn new(heap: u64) -> (Space, Bytes) {
        let mut memory = Bytes(vec![0; 2 * WASM_PAGE as usize]);
        (Space::new(Some(heap), &mut memory), memory)
    }

    #[test]
    fn the_break_moves_both_ways() {
        let (mut space, mut memory) = new(70_000);
        assert_eq!(space.brk(0, &mut memory), 70_000);
        assert_eq!(space.brk(70_001, &mut memory), 70_001);
        assert_eq!(memory.size(), 2 * WASM_PAGE);
        assert_eq!(space.brk(500_000, &mut memory), 500_000);
        assert_eq!(memory.size(), 8 * WASM_PAGE);
        memory.0[70_000..500_000].fill(1);
        assert_eq!(space.brk(80_000, &mut memory), 80_000);
        assert_eq!(space.brk(500_000, &mut memory), 500_000);
        assert!(memory.0[70_000..80_000].iter().all(|&b| b == 1));
        assert!(memory.0[80_000..].iter().all(|&b| b == 0));
        let refused = [69_999, 11 * WASM_PAGE, u64::MAX];
        assert_eq!(refused.map(|at| space.brk(at, &mut memory)), [500_000; 3]);
    }

    #[test]
    fn what_is_given_back_is_given_again_as_zeros() {
        let (mut space, mut memory) = new(70_000);
        let one = space.map(100_000, &mut memory).unwrap();
        let two = space.map(1, &mut memory).unwrap();
        assert_eq!((one % PAGE, two % PAGE), (0, 0));
        assert!(one >= 70_000 && two >= 70_000);
        let size = memory.size();
        memory.0[one as usize..one as usize + 100_000].fill(1);
        space.unmap(&(one..one + page_up(100_000).unwrap()), &mut memory);
        let again = space.map(100_000, &mut memory).unwrap();
        assert!(
            memory.0[again as usize..again as usize + 100_000]
                .iter()
                .all(|&b| b == 0)
        );
        assert_eq!(memory.size(), size);
        assert!(again + 100_000 <= two || two < again);
        assert_eq!(space.brk(2 * WASM_PAGE, &mut memory), 2 * WASM_PAGE);
        assert_eq!(space.map(0, &mut memory), None);
        assert_eq!(space.map(10 * WASM_PAGE, &mut memory), None);
        assert_eq!(space.map(u64::MAX, &mut memory), None);
    }

    #[test]
    fn a_memory_that_cannot_grow_gives_what_it_has() {
        let (mut space, mut memory) = new(70_000);
        let all = space.map(8 * WASM_PAGE, &mut memory).unwrap();
        assert_eq!(all, 2 * WASM_PAGE);
        assert_eq!(space.map(PAGE, &mut memory), Some(2 * WASM_PAGE - PAGE));
        assert_eq!(space.brk(80_000, &mut memory), 80_000);
        assert_eq!(space.brk(2 * WASM_PAGE, &mut memory), 80_000);
        assert_eq!(space.map(WASM_PAGE, &mut memory), None);
    }

    #[test]
    fn a_part_can_be_given_back_and_nothing_else() {
        let (mut space, mut memory) = new(0);
        let at = space.map(4 * PAGE, &mut memory).unwrap();
        space.unmap(&(at + PAGE..at + 2 * PAGE), &mut memory);
        assert!(space.is_mapped(&(at..at + PAGE)));
        assert!(!space.is_mapped(&(at..at + 2 * PAGE)));
        assert!(space.meets_mapped(&(at..at + 2 * PAGE)));
        memory.0[0] = 1;
        space.unmap(&(0..PAGE), &mut memory);
        assert_eq!(memory.0[0], 1, "that was not mapped");
    }

    #[test]
    fn a_mapping_grows_where_it_is_or_moves() {
        let (mut space, mut memory) = new(2 * WASM_PAGE);
        let one = space.map(WASM_PAGE, &mut memory).unwrap();
        let larger = space.remap(&(one..one + WASM_PAGE), 2 * WASM_PAGE, false, &mut memory);
        assert_eq!(larger, Some(one));
        let two = space.map(WASM_PAGE, &mut memory).unwrap();
        let old = one..one + 2 * WASM_PAGE;
        assert_eq!(space.remap(&old, 3 * WASM_PAGE, false, &mut memory), None);
        let moved = space.remap(&old, 3 * WASM_PAGE, true, &mut memory).unwrap();
        assert!(moved > two);
        let less = space.remap(&(moved..moved + 3 * WASM_PAGE), 1, false, &mut memory);
        assert_eq!(less, Some(moved));
        assert!(!space.meets_mapped(&(moved + PAGE..moved + WASM_PAGE)));
    }

    #[test]
    fn pages_that_others_added_are_theirs() {
        let (mut space, mut memory) = new(2 * WASM_PAGE);
        assert_eq!(space.brk(2 * WASM_PAGE + 1, &mut memory), 2 * WASM_PAGE + 1);
        let theirs = memory.grow(WASM_PAGE).unwrap();
        assert_eq!(theirs, 3 * WASM_PAGE..4 * WASM_PAGE);
        assert_eq!(space.brk(4 * WASM_PAGE, &mut memory), 2 * WASM_PAGE + 1);
        assert_eq!(space.map(WASM_PAGE, &mut memory), Some(4 * WASM_PAGE));
        assert!(!space.map_at(theirs.start..theirs.start + PAGE, &mut memory));
    }

    /// A memory that another thread makes larger whenever this one is about to,
    /// for so many times.
    struct Contended(Bytes, usize, Vec<Range<u64>>);

    impl Linear for Contended {
        fn size(&mut self) -> u64 {
            self.0.size()
        }

        fn grow(&mut self, bytes: u64) -> Option<Range<u64>> {
            if self.1 > 0 {
                self.1 -= 1;
                self.2.extend(self.0.grow(WASM_PAGE));
            }
            self.0.grow(bytes)
        }

        fn zero(&mut self, range: Range<u64>) {
            self.0.zero(range);
        }
    }

    #[test]
    fn pages_that_others_add_meanwhile_are_theirs() {
        let (mut space, memory) = new(2 * WASM_PAGE);
        let mut memory = Contended(memory, 2, Vec::new());
        let mut given = Vec::new();
        for _ in 0..3 {
            let at = space.map(WASM_PAGE + PAGE, &mut memory).unwrap();
            given.push(at..at + WASM_PAGE + PAGE);
        }
        assert_eq!(memory.2.len(), 2);
        given.extend(memory.2);
        given.sort_unstable_by_key(|range| range.start);
        assert!(given.is_sorted_by(|a, b| a.end <= b.start), "{given:?}");
        assert!(given.last().unwrap().end <= memory.0.size());
    }

    #[test]
    fn a_fixed_mapping_replaces_what_was_given() {
        let (mut space, mut memory) = new(0);
        let at = space.map(3 * PAGE, &mut memory).unwrap();
        memory.0[at as usize..at as usize + 3 * PAGE as usize].fill(1);
        assert!(space.map_at(at + PAGE..at + 2 * PAGE, &mut memory));
        let firsts = [0, 1, 2].map(|i| memory.0[(at + i * PAGE) as usize]);
        assert_eq!(firsts, [1, 0, 1]);
        assert!(space.is_mapped(&(at..at + 3 * PAGE)));
        assert!(!space.map_at(20 * WASM_PAGE..21 * WASM_PAGE, &mut memory));
    }
}
