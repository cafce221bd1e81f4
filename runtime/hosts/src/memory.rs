//! The guest's memory: every access is checked, and a pointer that leads out
//! of it is the guest's fault, in both senses.
//!
//! Other threads of the guest may be writing it. So what an argument points to
//! is copied once, checked in the copy, and used from there.

use rustix::rand::{GetRandomFlags, getrandom};
use wasmaot_runtime::{GuestBuffers, GuestMemory, OutOfBounds, wasm_param};

use crate::errno::{Errno, Result};
use crate::wait::interruptible;

/// Most buffers of one vectored call: Linux's `IOV_MAX`.
pub(crate) const MAX_BUFFERS: u32 = 1024;
/// Most entries of a list that are looked at, empty ones among them.
const MAX_ENTRIES: u32 = 1 << 16;
/// Most bytes of one call: what Linux transfers at once. Fits in a `size`.
const MAX_TRANSFER: u64 = 0x7fff_f000;

/// Bytes of an `iovec` or a `ciovec`: the address, then the length.
const IOVEC: u64 = 8;

/// A pointer and a length, in bytes or, of a list, in entries.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Span {
    pub(crate) ptr: u32,
    pub(crate) len: u32,
}

wasm_param!(Span { ptr: u32, len: u32 });

impl From<OutOfBounds> for Errno {
    fn from(_: OutOfBounds) -> Self {
        Self::FAULT
    }
}

/// The memory of the calling function.
#[derive(Clone, Copy)]
pub(crate) struct Memory<'a>(pub(crate) GuestMemory<'a>);

impl<'a> Memory<'a> {
    /// Whether `len` bytes from `ptr` lie in memory: to be asked before doing
    /// what cannot be undone.
    pub(crate) fn check(self, ptr: impl Into<u64>, len: u64) -> Result {
        Ok(self.0.check(ptr.into(), len)?)
    }

    /// The bytes of a span, copied.
    pub(crate) fn bytes(self, span: Span) -> Result<Vec<u8>> {
        Ok(self.0.read_vec(span.ptr.into(), span.len.into())?)
    }

    /// Copies out of memory.
    pub(crate) fn read<const N: usize>(self, ptr: impl Into<u64>) -> Result<[u8; N]> {
        Ok(self.0.read_array(ptr.into())?)
    }

    /// Copies into memory.
    pub(crate) fn write(self, ptr: impl Into<u64>, bytes: &[u8]) -> Result {
        Ok(self.0.write(ptr.into(), bytes)?)
    }

    /// Writes a `size`, or another 32-bit number.
    pub(crate) fn write_u32(self, ptr: u32, value: u32) -> Result {
        self.write(ptr, &value.to_le_bytes())
    }

    /// Writes a 64-bit number.
    pub(crate) fn write_u64(self, ptr: u32, value: u64) -> Result {
        self.write(ptr, &value.to_le_bytes())
    }

    /// The one buffer of a span, as long as one call may transfer.
    pub(crate) fn buffer(self, span: Span) -> Result<GuestBuffers<'a>> {
        let mut buffers = GuestBuffers::new(self.0);
        buffers.push(span.ptr.into(), u64::from(span.len).min(MAX_TRANSFER))?;
        Ok(buffers)
    }

    /// The buffers of a list of iovecs, as many and as long as one call may
    /// transfer: what is left out makes a short read or write, which the guest
    /// has to expect anyway. Empty ones are left out too.
    pub(crate) fn buffers(self, list: Span) -> Result<GuestBuffers<'a>> {
        self.check(list.ptr, u64::from(list.len) * IOVEC)?;
        let mut buffers = GuestBuffers::new(self.0);
        let mut left = MAX_TRANSFER;
        for index in 0..u64::from(list.len.min(MAX_ENTRIES)) {
            if buffers.count() == MAX_BUFFERS as usize || left == 0 {
                break;
            }
            let [p0, p1, p2, p3, l0, l1, l2, l3] =
                self.read(u64::from(list.ptr) + index * IOVEC)?;
            let ptr = u32::from_le_bytes([p0, p1, p2, p3]).into();
            let len = u32::from_le_bytes([l0, l1, l2, l3]).into();
            // All of it has to be in memory, also what is left out.
            self.check(ptr, len)?;
            let len = len.min(left);
            buffers.push(ptr, len)?;
            left -= len;
        }
        Ok(buffers)
    }

    /// Fills a span with random bytes of the host's.
    pub(crate) fn randomise(self, span: Span) -> Result {
        const FEW: usize = 256;
        const MANY: usize = 64 << 10;
        self.check(span.ptr, span.len.into())?;
        let (mut few, mut many) = ([0; FEW], Vec::new());
        let step = match span.len as usize {
            len @ 0..=FEW => &mut few[..len],
            len => {
                many.resize(len.min(MANY), 0);
                &mut many[..]
            }
        };
        let mut done = 0;
        while done < u64::from(span.len) {
            let left = u64::from(span.len) - done;
            let most = left.min(step.len() as u64) as usize;
            let step = &mut step[..most];
            // The host gives less than asked for where it is much.
            let flags = GetRandomFlags::empty();
            let got = interruptible(|| getrandom(&mut *step, flags))?;
            self.write(u64::from(span.ptr) + done, &step[..got])?;
            done += got as u64;
        }
        Ok(())
    }
}
