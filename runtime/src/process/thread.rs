//! The thread that runs a process's wasm code.
//!
//! The window (native stack, entry state, saved stack pointers, thread-local
//! storage) is a thread's own: with several threads each has one of these, and no lock.
//! The store of exceptions and the interrupter are shared by the threads of a
//! process: the list of objects with handlers changes under the lock of the
//! link state, exceptions are allocated under a lock of their own that is taken
//! last, and the interrupter consists of atomics.

use std::ops::Range;
use std::ptr;
use std::sync::Arc;

use wasmaot_abi::context::ThreadBlock;

use crate::sys::live::{self, ThreadHead};
use crate::sys::{Budget, Window};
use crate::trap::{self, Exceptions, Interrupter, Space};

/// The state of the thread.
#[derive(Debug)]
pub(crate) struct ThreadState {
    pub window: Window,
    pub exceptions: Exceptions,
    pub interrupter: Interrupter,
    /// Where what the thread runs is: shared with its entries into wasm code.
    pub space: Arc<Space>,
}

impl ThreadState {
    /// The state of a thread that has not run anything yet. `code`: the area of
    /// the process's code.
    pub fn new(window: Window, code: Range<u64>, budget: Arc<Budget>) -> Self {
        let exceptions = Exceptions::new(code.clone(), budget);
        let interrupter = Interrupter::default();
        let space = Space {
            code,
            stack: window.usable(),
            stack_guard: window.guard(),
            interrupt: Arc::clone(interrupter.state()),
        };
        let state = Self {
            window,
            exceptions,
            interrupter,
            space: Arc::new(space),
        };
        let head = ThreadHead {
            block: ThreadBlock {
                unwind: trap::unwind_address(),
                bind: trap::bind_address(),
                ..ThreadBlock::default()
            },
            process: 0,
            exceptions: state.exceptions.address(),
        };
        // SAFETY: the window's first page, which is writable and larger than the
        // head, and which nobody uses yet.
        unsafe { live::store(state.window.block(), head) };
        state
    }

    /// The thread's head, for an entry into wasm code: at one address for as long
    /// as the thread lives.
    pub const fn head(&self) -> *mut ThreadHead {
        ptr::with_exposed_provenance_mut(self.window.block() as usize)
    }

    /// What the thread block says now.
    pub fn block(&self) -> ThreadBlock {
        // SAFETY: the head is in the window, which is this value's own; `new` has
        // written it, and no wasm code runs.
        unsafe { (*self.head()).block }
    }
}
