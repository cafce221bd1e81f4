//! The thread that runs a process's wasm code.
//!
//! The native stack and the head (entry state, saved stack pointers) are a
//! thread's own: with several threads each has one of these, and no lock.
//! The store of exceptions and the interrupter are shared by the threads of a
//! process: the list of objects with handlers changes under the lock of the
//! link state, exceptions are allocated under a lock of their own that is taken
//! last, and the interrupter consists of atomics.

use std::ops::Range;
use std::sync::Arc;

use wasmaot_abi::context::ThreadBlock;

use crate::error::Result;
use crate::sys::live::ThreadHead;
use crate::sys::{Budget, Stack};
use crate::trap::{self, Exceptions, Interrupter, Space};

/// The state of the thread.
#[derive(Debug)]
pub(crate) struct ThreadState {
    pub head: Head,
    pub stack: Stack,
    pub exceptions: Exceptions,
    pub interrupter: Interrupter,
    /// Where what the thread runs is: shared with its entries into wasm code.
    pub space: Arc<Space>,
}

impl ThreadState {
    /// The state of a thread that has not run anything yet. `code`: the area of
    /// the process's code.
    pub fn new(stack_size: u64, code: Range<u64>, budget: Arc<Budget>) -> Result<Self> {
        let stack = Stack::new(stack_size)?;
        let exceptions = Exceptions::new(code.clone(), budget);
        let interrupter = Interrupter::default();
        let space = Space {
            code,
            stack: stack.usable(),
            stack_guard: stack.guard(),
            interrupt: Arc::clone(interrupter.state()),
        };
        Ok(Self {
            head: Head::new(&exceptions),
            stack,
            exceptions,
            interrupter,
            space: Arc::new(space),
        })
    }
}

/// The thread's head: at one address for as long as the thread lives.
#[derive(Debug)]
pub(crate) struct Head(*mut ThreadHead);

// SAFETY: the allocation is the value's own. Compiled code, the only other user,
// reaches it by way of the process's domains, while its process is borrowed
// exclusively.
unsafe impl Send for Head {}

impl Head {
    fn new(exceptions: &Exceptions) -> Self {
        Self(Box::into_raw(Box::new(ThreadHead {
            block: ThreadBlock {
                unwind: trap::unwind_address(),
                bind: trap::bind_address(),
                ..ThreadBlock::default()
            },
            process: 0,
            exceptions: exceptions.address(),
        })))
    }

    /// For the contexts of domains.
    pub fn address(&self) -> u64 {
        self.0.expose_provenance() as u64
    }

    /// For an entry into wasm code.
    pub const fn as_ptr(&self) -> *mut ThreadHead {
        self.0
    }

    /// What the thread block says now.
    pub fn block(&self) -> ThreadBlock {
        // SAFETY: the head is this value's own, and alive; no wasm code runs.
        unsafe { (*self.0).block }
    }
}

impl Drop for Head {
    fn drop(&mut self) {
        // SAFETY: made by `Box::into_raw` in `new`; wasm code, the only other
        // user, does not run any more.
        drop(unsafe { Box::from_raw(self.0) });
    }
}
