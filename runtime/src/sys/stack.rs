//! Windows: the native stack that wasm code of a thread runs on, with the
//! thread's block and its thread-local storage (`abi::context`).

use std::ops::Range;
use std::ptr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use wasmaot_abi::context::{WINDOW, WINDOW_TLS, WINDOW_TLS_SIZE};

use super::{Access, PAGE, Reservation, SystemError, page_up};

/// Inaccessible bytes below the stack. Compiled code touches each page of a
/// frame in order, so one page would do; this costs nothing more.
const GUARD: u64 = 16 * PAGE;
/// Bytes of the pages that the block is in. Thread-local storage begins in them where
/// they are larger than it.
const BLOCK: u64 = WINDOW_TLS.next_multiple_of(PAGE);
/// The largest stack that a window has room for.
const LARGEST: u64 = WINDOW - BLOCK - WINDOW_TLS_SIZE - GUARD;
const WORD: u64 = size_of::<u64>() as u64;

/// The window of a thread: its block at the start, the thread-local storage
/// behind that, at the end the stack with a guard below it.
#[derive(Debug)]
pub(crate) struct Window {
    pages: Arc<Reservation>,
    start: u64,
    /// The lowest address of the stack.
    stack: u64,
    /// Offset of the end of what is accessible of the thread-local storage.
    tls_end: AtomicU64,
}

impl Window {
    /// Bytes to reserve, so that an aligned window is among them.
    pub(super) const RESERVE: u64 = 2 * WINDOW - PAGE;

    /// Makes a window with a stack of at least `size` bytes.
    pub fn new(size: u64) -> Result<Self, SystemError> {
        let stack = Self::stack(size)?;
        let pages = Reservation::new(Self::RESERVE, "a stack")?;
        Self::within(Arc::new(pages), stack)
    }

    /// Bytes of whole pages for a stack.
    pub(super) fn stack(size: u64) -> Result<u64, SystemError> {
        let whole = page_up(size.max(PAGE)).filter(|&whole| whole <= LARGEST);
        whole.ok_or_else(|| {
            SystemError::new(
                format!("make a stack of {size} bytes, where {LARGEST} are the most"),
                rustix::io::Errno::NOMEM,
            )
        })
    }

    /// The first window of a reservation of at least [`Window::RESERVE`] bytes,
    /// with a stack of so many whole pages.
    pub(super) fn within(pages: Arc<Reservation>, stack: u64) -> Result<Self, SystemError> {
        let start = pages.start().next_multiple_of(WINDOW);
        let end = start + WINDOW;
        pages.leave_out_of_dumps(start..end);
        pages.protect(start..start + BLOCK, Access::ReadWrite)?;
        pages.protect(end - stack..end, Access::ReadWrite)?;
        Ok(Self {
            pages,
            start,
            stack: end - stack,
            tls_end: AtomicU64::new(BLOCK),
        })
    }

    /// Address of the window, and of the thread block: a page that is readable
    /// and writable, zero at first.
    pub const fn block(&self) -> u64 {
        self.start
    }

    /// Addresses of the stack.
    pub const fn usable(&self) -> Range<u64> {
        self.stack..self.start + WINDOW
    }

    /// Addresses that an overflow hits.
    pub const fn guard(&self) -> Range<u64> {
        self.stack - GUARD..self.stack
    }

    /// Makes thread-local storage accessible up to the end of a range of offsets
    /// from the window. Pages are zero at first, and stay accessible.
    pub fn make_tls(&self, range: &Range<u64>) -> Result<(), SystemError> {
        let end = page_up(range.end).filter(|&end| end <= BLOCK + WINDOW_TLS_SIZE);
        let end = end.ok_or_else(|| {
            SystemError::new(
                format!("make thread-local storage at {range:x?} accessible"),
                rustix::io::Errno::NOMEM,
            )
        })?;
        let before = self.tls_end.load(Ordering::Acquire);
        if end > before {
            let pages = self.start + before..self.start + end;
            self.pages.protect(pages, Access::ReadWrite)?;
            self.tls_end.fetch_max(end, Ordering::AcqRel);
        }
        Ok(())
    }

    /// The words of thread-local storage in a range of offsets, a multiple of 8
    /// each; none if one is not accessible. Other threads may be using them: a
    /// word is read and written as a whole.
    pub fn tls(&self, range: Range<u64>) -> Option<&[AtomicU64]> {
        let accessible = WINDOW_TLS..self.tls_end.load(Ordering::Acquire);
        let whole = range.start.is_multiple_of(WORD) && range.end.is_multiple_of(WORD);
        let inside = accessible.start <= range.start && range.end <= accessible.end;
        if !whole || !inside || range.start > range.end {
            return None;
        }
        let at = ptr::with_exposed_provenance::<AtomicU64>((self.start + range.start) as usize);
        let words = (range.end - range.start) / WORD;
        // SAFETY: the words are aligned and lie in pages that stay readable and
        // writable as long as `self` lives. Compiled code, whoever else uses
        // them, is not Rust's; what Rust does is atomic.
        Some(unsafe { std::slice::from_raw_parts(at, words as usize) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_has_its_parts_where_code_finds_them() {
        for size in [1, 4096, 5000, 8 << 20, LARGEST] {
            let window = Window::new(size).unwrap();
            let stack = window.usable();
            assert!(stack.end - stack.start >= size);
            for sp in [stack.start, stack.end - 8] {
                assert_eq!(sp & WINDOW.wrapping_neg(), window.block());
            }
            assert_eq!(window.guard().end, stack.start);
            assert!(window.guard().start >= window.block() + WINDOW_TLS + WINDOW_TLS_SIZE);
        }
        for size in [LARGEST + 1, 1 << 40, u64::MAX] {
            let error = Window::new(size).unwrap_err().to_string();
            assert!(error.contains(&size.to_string()), "{error}");
        }
    }

    #[test]
    fn thread_local_storage_is_accessible_when_it_is_asked_for() {
        let window = Window::new(4096).unwrap();
        let range = BLOCK + 64..BLOCK + 5000;
        assert!(window.tls(BLOCK..BLOCK + 8).is_none());
        window.make_tls(&range).unwrap();
        let words = window.tls(BLOCK + 64..BLOCK + 8192).unwrap();
        assert!(words.iter().all(|word| word.load(Ordering::Relaxed) == 0));
        words[0].store(7, Ordering::Relaxed);
        // What is accessible keeps its content.
        window.make_tls(&(BLOCK..BLOCK + 20000)).unwrap();
        assert_eq!(words[0].load(Ordering::Relaxed), 7);
        let end = BLOCK + WINDOW_TLS_SIZE;
        for wrong in [
            0..8,
            4092..5000,
            BLOCK + 4..BLOCK + 12,
            end - 8..end,
            BLOCK..u64::MAX - 7,
        ] {
            assert!(window.tls(wrong.clone()).is_none(), "{wrong:x?}");
        }
        window.make_tls(&(end - 1..end)).unwrap();
        assert!(window.tls(BLOCK..end).is_some());
        assert!(window.make_tls(&(end..end + 1)).is_err());
        assert!(window.make_tls(&(end..u64::MAX)).is_err());
    }
}
