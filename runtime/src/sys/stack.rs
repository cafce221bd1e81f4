//! The native stack that wasm code of a process runs on.

use std::ops::Range;
use std::ptr;

use super::{Access, PAGE, Reservation, SystemError, page_up};

/// Inaccessible bytes below the stack. Compiled code touches each page of a
/// frame in order, so one page would do; this costs nothing more.
const GUARD: u64 = 16 * PAGE;

/// A stack, with a guard below it.
#[derive(Debug)]
pub(crate) struct Stack {
    pages: Reservation,
}

impl Stack {
    /// Makes a stack of at least `size` bytes.
    pub fn new(size: u64) -> Result<Self, SystemError> {
        let total = page_up(size.max(PAGE)).and_then(|size| size.checked_add(GUARD));
        let pages = Reservation::new(total.unwrap_or(u64::MAX), "the stack")?;
        pages.leave_out_of_dumps(pages.start()..pages.end());
        let stack = Self { pages };
        stack.pages.protect(stack.usable(), Access::ReadWrite)?;
        Ok(stack)
    }

    /// Addresses that wasm code may use.
    pub fn usable(&self) -> Range<u64> {
        self.pages.start() + GUARD..self.pages.end()
    }

    /// The 64-bit words from an address up.
    pub fn words(&self, from: u64) -> impl Iterator<Item = u64> {
        let stack = self.usable();
        let from = from.max(stack.start).next_multiple_of(8);
        (from..stack.end).step_by(8).map(|at| {
            // SAFETY: the word is in the stack, which is readable as long as
            // `self` lives; the wasm code that uses it does not run.
            unsafe { ptr::with_exposed_provenance::<u64>(at as usize).read_volatile() }
        })
    }

    /// Addresses that an overflow hits.
    pub fn guard(&self) -> Range<u64> {
        self.pages.start()..self.pages.start() + GUARD
    }
}
