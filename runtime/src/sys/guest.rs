//! A guest's linear memory as host functions see it.
//!
//! Other threads may change the bytes at any time, so there is never a slice of
//! them: they are copied in and out by atomic accesses, and what is to be checked
//! is checked in the copy. Transfers by system calls are given addresses ([`buffers`]).

mod buffers;

use std::fmt;
use std::marker::PhantomData;
use std::ops::Range;
use std::ptr;
use std::sync::atomic::{AtomicU8, AtomicU32, AtomicU64, Ordering};

use crate::error::{AccessError, OutOfBounds};

pub use buffers::GuestBuffers;

/// The linear memory of a program, which other threads may be using.
///
/// What is read is a copy, and two reads of the same bytes may differ: whoever
/// checks something uses what was checked. An aligned word of four or eight
/// bytes is copied whole; of anything longer, parts may be older than others.
///
/// The size is the one that the memory had when the value was made. A memory
/// never shrinks, so what has been checked once stays inside.
#[derive(Clone, Copy)]
pub struct GuestMemory<'a> {
    start: *mut u8,
    bytes: usize,
    /// Whether other threads may use it. If not, bytes can be copied faster.
    shared: bool,
    life: PhantomData<&'a ()>,
}

impl fmt::Debug for GuestMemory<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shared = if self.shared { ", shared" } else { "" };
        write!(f, "GuestMemory({} bytes{shared})", self.bytes)
    }
}

/// A part of memory that is used by one atomic access.
enum Piece<'a> {
    Byte(&'a AtomicU8),
    Half(&'a AtomicU32),
    Word(&'a AtomicU64),
}

/// Goes through memory by the widest pieces that are aligned, giving the offset
/// of each.
///
/// # Safety
/// `len` bytes from `start` must be mapped and writable, and every other use of
/// them meanwhile be atomic, or no Rust code's.
#[inline]
unsafe fn pieces(start: *mut u8, len: usize, mut each: impl FnMut(usize, Piece<'_>)) {
    let mut done = 0;
    while done < len {
        let (at, left) = (start.wrapping_add(done), len - done);
        // SAFETY: by this function's contract; the piece ends within `len`, and
        // is used as one that is aligned only where it is.
        unsafe {
            if left >= 8 && at.addr().is_multiple_of(8) {
                let words = left / 8;
                for i in 0..words {
                    let word = AtomicU64::from_ptr(at.wrapping_add(8 * i).cast());
                    each(done + 8 * i, Piece::Word(word));
                }
                done += 8 * words;
            } else if left >= 4 && at.addr().is_multiple_of(4) {
                each(done, Piece::Half(AtomicU32::from_ptr(at.cast())));
                done += 4;
            } else {
                each(done, Piece::Byte(AtomicU8::from_ptr(at)));
                done += 1;
            }
        }
    }
}

impl<'a> GuestMemory<'a> {
    /// # Safety
    /// `bytes` bytes from `start` are mapped and writable for `'a`. Meanwhile no slice
    /// of them is used, and nobody but wasm code, the system and values of this
    /// type uses them; if `shared` is false, from this thread alone.
    pub(crate) const unsafe fn new(start: *mut u8, bytes: usize, shared: bool) -> Self {
        Self {
            start,
            bytes,
            shared,
            life: PhantomData,
        }
    }

    /// Of bytes that nobody else uses.
    pub(crate) const fn of_bytes(bytes: &'a mut [u8]) -> Self {
        // SAFETY: they are borrowed exclusively for `'a`.
        unsafe { Self::new(bytes.as_mut_ptr(), bytes.len(), false) }
    }

    /// Of bytes that other threads use.
    pub(crate) const fn of_shared(bytes: &'a [AtomicU8]) -> Self {
        // SAFETY: whoever else has the bytes borrowed uses them atomically.
        unsafe { Self::new(bytes.as_ptr().cast_mut().cast(), bytes.len(), true) }
    }

    /// Address of the first byte, for code of other languages. Whoever uses it
    /// has other threads to expect where the memory is shared.
    pub const fn as_ptr(&self) -> *mut u8 {
        self.start
    }

    /// Number of bytes.
    pub const fn len(&self) -> u64 {
        self.bytes as u64
    }

    /// Whether there are none.
    pub const fn is_empty(&self) -> bool {
        self.bytes == 0
    }

    /// Whether other threads may be using it.
    pub const fn is_shared(&self) -> bool {
        self.shared
    }

    /// Refuses a range that is not in memory.
    ///
    /// # Errors
    /// [`OutOfBounds`].
    #[inline]
    pub const fn check(&self, at: u64, bytes: u64) -> Result<(), OutOfBounds> {
        let size = self.len();
        match at.checked_add(bytes) {
            Some(end) if end <= size => Ok(()),
            _ => Err(OutOfBounds { at, bytes, size }),
        }
    }

    /// The address of a range that is in memory.
    #[inline]
    fn place(&self, at: u64, bytes: u64) -> Result<*mut u8, OutOfBounds> {
        self.check(at, bytes)?;
        Ok(self.start.wrapping_add(at as usize))
    }

    /// Copies out of memory.
    ///
    /// # Errors
    /// [`OutOfBounds`].
    #[inline]
    pub fn read(&self, at: u64, bytes: &mut [u8]) -> Result<(), OutOfBounds> {
        let from = self.place(at, bytes.len() as u64)?;
        let to = bytes.as_mut_ptr();
        if !self.shared {
            // SAFETY: `place` has checked the range; by `new`'s contract nobody
            // uses it meanwhile, and `bytes`, a reference, lies elsewhere.
            unsafe { ptr::copy_nonoverlapping(from, to, bytes.len()) };
            return Ok(());
        }
        // SAFETY: `place` has checked the range; by `new`'s contract others use
        // it by values of this type, which do so atomically, or are wasm code.
        // The offsets are those of `bytes`, which is as long.
        unsafe {
            pieces(from, bytes.len(), |i, piece| match piece {
                Piece::Byte(byte) => *to.add(i) = byte.load(Ordering::Relaxed),
                Piece::Half(half) => {
                    let half = half.load(Ordering::Relaxed);
                    to.add(i).cast::<u32>().write_unaligned(half);
                }
                Piece::Word(word) => {
                    let word = word.load(Ordering::Relaxed);
                    to.add(i).cast::<u64>().write_unaligned(word);
                }
            });
        }
        Ok(())
    }

    /// Copies so many bytes out of memory.
    ///
    /// # Errors
    /// [`OutOfBounds`].
    #[inline]
    pub fn read_array<const N: usize>(&self, at: u64) -> Result<[u8; N], OutOfBounds> {
        let mut bytes = [0; N];
        self.read(at, &mut bytes)?;
        Ok(bytes)
    }

    /// Copies as many bytes out of memory as are said.
    ///
    /// # Errors
    /// [`OutOfBounds`]; nothing is allocated then.
    pub fn read_vec(&self, at: u64, bytes: u64) -> Result<Vec<u8>, OutOfBounds> {
        self.check(at, bytes)?;
        let mut copy = vec![0; bytes as usize];
        self.read(at, &mut copy)?;
        Ok(copy)
    }

    /// Copies what is before the first zero at or after an address.
    ///
    /// # Errors
    /// How many bytes were looked at and are none of them zero: `most`, or
    /// fewer where memory ends.
    pub fn read_text(&self, at: u64, most: usize) -> Result<Vec<u8>, usize> {
        const STEP: usize = 256;
        let mut text = Vec::new();
        let left = usize::try_from(self.len().saturating_sub(at)).unwrap_or(0);
        let end = left.min(most);
        while text.len() < end {
            let known = text.len();
            let mut step = [0; STEP];
            let step = &mut step[..STEP.min(end - known)];
            self.read(at + known as u64, step).map_err(|_| known)?;
            let zero = step.iter().position(|&byte| byte == 0);
            text.extend_from_slice(&step[..zero.unwrap_or(step.len())]);
            if zero.is_some() {
                return Ok(text);
            }
        }
        Err(end)
    }

    /// Copies into memory.
    ///
    /// # Errors
    /// [`OutOfBounds`]; nothing is written then.
    #[inline]
    pub fn write(&self, at: u64, bytes: &[u8]) -> Result<(), OutOfBounds> {
        let to = self.place(at, bytes.len() as u64)?;
        let from = bytes.as_ptr();
        if !self.shared {
            // SAFETY: as in `read`.
            unsafe { ptr::copy_nonoverlapping(from, to, bytes.len()) };
            return Ok(());
        }
        // SAFETY: as in `read`.
        unsafe {
            pieces(to, bytes.len(), |i, piece| match piece {
                Piece::Byte(byte) => byte.store(*from.add(i), Ordering::Relaxed),
                Piece::Half(half) => {
                    let value = from.add(i).cast::<u32>().read_unaligned();
                    half.store(value, Ordering::Relaxed);
                }
                Piece::Word(word) => {
                    let value = from.add(i).cast::<u64>().read_unaligned();
                    word.store(value, Ordering::Relaxed);
                }
            });
        }
        Ok(())
    }

    /// Sets all bytes of a range.
    ///
    /// # Errors
    /// [`OutOfBounds`]; nothing is written then.
    pub fn fill(&self, at: u64, bytes: u64, value: u8) -> Result<(), OutOfBounds> {
        let to = self.place(at, bytes)?;
        if !self.shared {
            // SAFETY: as in `read`.
            unsafe { ptr::write_bytes(to, value, bytes as usize) };
            return Ok(());
        }
        let word = u64::from_ne_bytes([value; 8]);
        // SAFETY: as in `read`.
        unsafe {
            pieces(to, bytes as usize, |_, piece| match piece {
                Piece::Byte(byte) => byte.store(value, Ordering::Relaxed),
                Piece::Half(half) => half.store(word as u32, Ordering::Relaxed),
                Piece::Word(place) => place.store(word, Ordering::Relaxed),
            });
        }
        Ok(())
    }

    /// Copies within memory; of what overlaps, as if all were read before any
    /// is written.
    ///
    /// # Errors
    /// [`OutOfBounds`] of either range; nothing is written then.
    pub fn copy_within(&self, from: u64, to: u64, bytes: u64) -> Result<(), OutOfBounds> {
        const STEP: u64 = 1024;
        let (source, target) = (self.place(from, bytes)?, self.place(to, bytes)?);
        if !self.shared {
            // SAFETY: as in `read`; the ranges may overlap.
            unsafe { ptr::copy(source, target, bytes as usize) };
            return Ok(());
        }
        let mut step = [0; STEP as usize];
        let mut copy = |range: Range<u64>| {
            let step = &mut step[..(range.end - range.start) as usize];
            self.read(from + range.start, step)?;
            self.write(to + range.start, step)
        };
        if to <= from {
            let starts = (0..bytes).step_by(STEP as usize);
            starts
                .map(|start| start..bytes.min(start + STEP))
                .try_for_each(&mut copy)
        } else {
            let ends = (0..bytes).step_by(STEP as usize).map(|done| bytes - done);
            ends.map(|end| end.saturating_sub(STEP)..end)
                .try_for_each(&mut copy)
        }
    }

    /// The word at an address.
    fn word<W>(&self, at: u64) -> Result<*mut W, AccessError> {
        let place = self.place(at, size_of::<W>() as u64)?.cast::<W>();
        match place.is_aligned() {
            true => Ok(place),
            false => Err(AccessError::Unaligned { at }),
        }
    }

    fn atomic_u32(&self, at: u64) -> Result<&AtomicU32, AccessError> {
        let word = self.word(at)?;
        // SAFETY: `word` has checked range and alignment; others use it as in
        // `read`.
        Ok(unsafe { AtomicU32::from_ptr(word) })
    }

    fn atomic_u64(&self, at: u64) -> Result<&AtomicU64, AccessError> {
        let word = self.word(at)?;
        // SAFETY: as above.
        Ok(unsafe { AtomicU64::from_ptr(word) })
    }

    /// Reads a word of four bytes, as an atomic instruction of wasm does.
    ///
    /// # Errors
    /// [`AccessError::OutOfBounds`], [`AccessError::Unaligned`].
    pub fn load_u32(&self, at: u64) -> Result<u32, AccessError> {
        Ok(u32::from_le(self.atomic_u32(at)?.load(Ordering::SeqCst)))
    }

    /// Writes a word of four bytes, as an atomic instruction of wasm does.
    ///
    /// # Errors
    /// As of [`GuestMemory::load_u32`].
    pub fn store_u32(&self, at: u64, value: u32) -> Result<(), AccessError> {
        self.atomic_u32(at)?.store(value.to_le(), Ordering::SeqCst);
        Ok(())
    }

    /// Writes a word of four bytes where it is the one that is expected: what
    /// it was, as an error if it was another.
    ///
    /// # Errors
    /// As of [`GuestMemory::load_u32`].
    pub fn compare_exchange_u32(
        &self,
        at: u64,
        expected: u32,
        value: u32,
    ) -> Result<Result<u32, u32>, AccessError> {
        let (order, value) = (Ordering::SeqCst, value.to_le());
        let word = self.atomic_u32(at)?;
        let found = word.compare_exchange(expected.to_le(), value, order, order);
        Ok(found.map(u32::from_le).map_err(u32::from_le))
    }

    /// As [`GuestMemory::load_u32`], of eight bytes.
    ///
    /// # Errors
    /// As there.
    pub fn load_u64(&self, at: u64) -> Result<u64, AccessError> {
        Ok(u64::from_le(self.atomic_u64(at)?.load(Ordering::SeqCst)))
    }

    /// As [`GuestMemory::store_u32`], of eight bytes.
    ///
    /// # Errors
    /// As there.
    pub fn store_u64(&self, at: u64, value: u64) -> Result<(), AccessError> {
        self.atomic_u64(at)?.store(value.to_le(), Ordering::SeqCst);
        Ok(())
    }

    /// As [`GuestMemory::compare_exchange_u32`], of eight bytes.
    ///
    /// # Errors
    /// As there.
    pub fn compare_exchange_u64(
        &self,
        at: u64,
        expected: u64,
        value: u64,
    ) -> Result<Result<u64, u64>, AccessError> {
        let (order, value) = (Ordering::SeqCst, value.to_le());
        let word = self.atomic_u64(at)?;
        let found = word.compare_exchange(expected.to_le(), value, order, order);
        Ok(found.map(u64::from_le).map_err(u64::from_le))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shared(len: usize) -> Vec<AtomicU8> {
        (0..len).map(|i| AtomicU8::new(i as u8)).collect()
    }

    fn content(memory: &GuestMemory<'_>) -> Vec<u8> {
        memory.read_vec(0, memory.len()).unwrap()
    }

    /// Every offset and length around words, in both kinds of memory.
    #[test]
    fn copies_are_of_the_bytes_asked_for() {
        let atoms = shared(64);
        let mut bytes: Vec<u8> = (0..64).collect();
        let both = [
            GuestMemory::of_shared(&atoms),
            GuestMemory::of_bytes(&mut bytes),
        ];
        for memory in both {
            for at in 0..20 {
                for len in 0..30 {
                    let before: Vec<u8> = (0..64).collect();
                    let range = at..at + len;
                    let part = &before[range.clone()];
                    assert_eq!(memory.read_vec(at as u64, len as u64).unwrap(), part);
                    memory.write(at as u64, &vec![200; len]).unwrap();
                    let mut expected = before.clone();
                    expected[range.clone()].fill(200);
                    assert_eq!(content(&memory), expected);
                    memory.fill(at as u64, len as u64, 7).unwrap();
                    expected[range].fill(7);
                    assert_eq!(content(&memory), expected);
                    memory.write(0, &before).unwrap();
                }
            }
        }
    }

    #[test]
    fn overlapping_copies_go_either_way() {
        for (from, to) in [(0, 3), (3, 0), (0, 1500), (1500, 0), (5, 5)] {
            let atoms = shared(5000);
            let memory = GuestMemory::of_shared(&atoms);
            let mut expected = content(&memory);
            expected.copy_within(from..from + 3333, to);
            memory.copy_within(from as u64, to as u64, 3333).unwrap();
            assert_eq!(content(&memory), expected);
        }
    }

    #[test]
    fn what_is_outside_is_refused() {
        let mut bytes = [0; 16];
        let memory = GuestMemory::of_bytes(&mut bytes);
        assert!(memory.read(9, &mut [0; 8]).is_err());
        assert!(memory.write(u64::MAX, &[0; 8]).is_err());
        assert!(memory.fill(16, 1, 0).is_err());
        assert!(memory.copy_within(0, 9, 8).is_err());
        assert!(memory.copy_within(9, 0, 8).is_err());
        assert!(memory.read_vec(0, u64::MAX).is_err());
        assert_eq!(memory.check(16, 0), Ok(()));
        assert_eq!(memory.read_text(20, 9), Err(0));
    }

    #[test]
    fn texts_end_at_the_first_zero() {
        let atoms = shared(600);
        let memory = GuestMemory::of_shared(&atoms);
        assert_eq!(memory.read_text(1, 1000).unwrap().len(), 255);
        assert_eq!(memory.read_text(0, 1000).unwrap(), b"");
        assert_eq!(memory.read_text(1, 255), Err(255));
        assert_eq!(memory.read_text(513, 1000), Err(87));
    }

    #[test]
    fn words_are_aligned() {
        let mut bytes = vec![0_u64; 4];
        let bytes = bytes.as_mut_slice();
        let len = size_of_val(bytes);
        // SAFETY: they are this function's own.
        let memory = unsafe { GuestMemory::new(bytes.as_mut_ptr().cast(), len, true) };
        memory.store_u32(4, 5).unwrap();
        assert_eq!(memory.load_u64(0), Ok(5 << 32));
        assert_eq!(memory.compare_exchange_u32(4, 5, 6), Ok(Ok(5)));
        assert_eq!(memory.compare_exchange_u64(0, 5, 6), Ok(Err(6 << 32)));
        assert_eq!(memory.load_u32(2), Err(AccessError::Unaligned { at: 2 }));
        assert_eq!(memory.load_u64(4), Err(AccessError::Unaligned { at: 4 }));
        assert!(memory.load_u32(32).is_err());
    }
}
