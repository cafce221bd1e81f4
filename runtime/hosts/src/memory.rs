//! The guest's memory: every access is checked, and a pointer that leads out
//! of it is the guest's fault, in both senses.

use std::io::{IoSlice, IoSliceMut};
use std::ops::Range;

use wasmaot_runtime::wasm_param;

use crate::errno::{Errno, Result};

/// Most buffers of one vectored call: Linux's `IOV_MAX`.
const MAX_BUFFERS: usize = 1024;
/// Most bytes of one call: what Linux transfers at once. Fits in a `size`.
const MAX_TRANSFER: usize = 0x7fff_f000;

/// `iovec` and `ciovec`: size and offset of the length.
mod iovec {
    pub const SIZE: u64 = 8;
    pub const LEN: u64 = 4;
}

/// A pointer and a length, in bytes or, of a list, in entries.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Span {
    pub(crate) ptr: u32,
    pub(crate) len: u32,
}

wasm_param!(Span { ptr: u32, len: u32 });

/// The memory of the calling function.
pub(crate) struct Memory<'a>(pub(crate) &'a mut [u8]);

impl Memory<'_> {
    /// The range of `len` bytes from `ptr`, where it lies in memory.
    fn range(&self, ptr: u64, len: u64) -> Result<Range<usize>> {
        let end = ptr.checked_add(len).ok_or(Errno::FAULT)?;
        if end > self.0.len() as u64 {
            return Err(Errno::FAULT);
        }
        // Both are at most the length of a slice.
        Ok(ptr as usize..end as usize)
    }

    /// Whether `len` bytes from `ptr` lie in memory: to be asked before doing
    /// what cannot be undone.
    pub(crate) fn check(&self, ptr: impl Into<u64>, len: u64) -> Result {
        self.range(ptr.into(), len).map(drop)
    }

    /// The bytes of a span.
    pub(crate) fn bytes(&self, span: Span) -> Result<&[u8]> {
        let range = self.range(span.ptr.into(), span.len.into())?;
        Ok(&self.0[range])
    }

    /// The bytes of a span, to be written.
    pub(crate) fn bytes_mut(&mut self, span: Span) -> Result<&mut [u8]> {
        let range = self.range(span.ptr.into(), span.len.into())?;
        Ok(&mut self.0[range])
    }

    /// Copies out of memory.
    pub(crate) fn read<const N: usize>(&self, ptr: impl Into<u64>) -> Result<[u8; N]> {
        let range = self.range(ptr.into(), N as u64)?;
        self.0[range].try_into().map_err(|_| Errno::FAULT)
    }

    /// Copies into memory.
    pub(crate) fn write(&mut self, ptr: impl Into<u64>, bytes: &[u8]) -> Result {
        let range = self.range(ptr.into(), bytes.len() as u64)?;
        self.0[range].copy_from_slice(bytes);
        Ok(())
    }

    /// Writes a `size`, or another 32-bit number.
    pub(crate) fn write_u32(&mut self, ptr: u32, value: u32) -> Result {
        self.write(ptr, &value.to_le_bytes())
    }

    /// Writes a 64-bit number.
    pub(crate) fn write_u64(&mut self, ptr: u32, value: u64) -> Result {
        self.write(ptr, &value.to_le_bytes())
    }

    /// The buffers of a list of iovecs, as many and as long as one call may
    /// transfer: what is left out makes a short read or write, which the guest
    /// has to expect anyway. Empty ones are left out too.
    pub(crate) fn buffers(&self, list: Span) -> Result<Vec<Range<usize>>> {
        let size = u64::from(list.len) * iovec::SIZE;
        self.check(list.ptr, size)?;
        let mut buffers = Vec::with_capacity((list.len as usize).min(MAX_BUFFERS));
        let mut left = MAX_TRANSFER;
        for index in 0..u64::from(list.len) {
            if buffers.len() == MAX_BUFFERS || left == 0 {
                break;
            }
            let at = u64::from(list.ptr) + index * iovec::SIZE;
            let ptr = u32::from_le_bytes(self.read(at)?);
            let len = u32::from_le_bytes(self.read(at + iovec::LEN)?);
            let mut range = self.range(ptr.into(), len.into())?;
            range.end = range.end.min(range.start + left);
            left -= range.len();
            if !range.is_empty() {
                buffers.push(range);
            }
        }
        Ok(buffers)
    }

    /// Buffers to write from.
    pub(crate) fn slices(&self, buffers: &[Range<usize>]) -> Vec<IoSlice<'_>> {
        let slice = |range: &Range<usize>| IoSlice::new(&self.0[range.clone()]);
        buffers.iter().map(slice).collect()
    }

    /// Buffers to read into. Where some overlap, the first alone: a short read.
    pub(crate) fn slices_mut(&mut self, buffers: &[Range<usize>]) -> Vec<IoSliceMut<'_>> {
        let mut order: Vec<usize> = (0..buffers.len()).collect();
        order.sort_unstable_by_key(|&i| buffers[i].start);
        let overlap = |pair: &[usize]| buffers[pair[0]].end > buffers[pair[1]].start;
        if order.windows(2).any(overlap) {
            order = vec![0];
        }
        let mut slots: Vec<Option<IoSliceMut<'_>>> = buffers.iter().map(|_| None).collect();
        let mut rest: &mut [u8] = self.0;
        let mut base = 0;
        for i in order {
            let buffer = &buffers[i];
            let (_, tail) = rest.split_at_mut(buffer.start - base);
            let (slice, tail) = tail.split_at_mut(buffer.len());
            slots[i] = Some(IoSliceMut::new(slice));
            rest = tail;
            base = buffer.end;
        }
        slots.into_iter().flatten().collect()
    }
}
