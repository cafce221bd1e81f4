//! A thread that runs a process's wasm code: what is its own, without a lock.

use std::sync::Arc;

use wasmaot_abi::context::ThreadBlock;

use super::Shared;
use crate::sys::Window;
use crate::sys::live::{self, ThreadHead};
use crate::trap::{self, ThreadSpace};

/// The state of a thread.
#[derive(Debug)]
pub(crate) struct ThreadState {
    /// Native stack, entry state, thread-local storage.
    pub window: Arc<Window>,
    /// Where what the thread runs is: shared with its entries into wasm code.
    pub space: Arc<ThreadSpace>,
}

impl ThreadState {
    /// The state of a thread that has not run anything yet. Nobody else uses the window.
    pub fn new(window: Arc<Window>, number: u32, shared: &Arc<Shared>) -> Self {
        let space = ThreadSpace {
            shared: Arc::clone(shared),
            number,
            head: window.block(),
            stack: window.usable(),
            stack_guard: window.guard(),
            interrupt: Arc::clone(shared.interrupter.state()),
            entry: shared.interrupter.state().add(),
        };
        let state = Self {
            window,
            space: Arc::new(space),
        };
        let head = ThreadHead {
            block: ThreadBlock {
                unwind: trap::unwind_address(),
                bind: trap::bind_address(),
                ..ThreadBlock::default()
            },
            process: 0,
        };
        // SAFETY: the window's first page, which is writable and larger than the
        // head, and which nobody uses yet.
        unsafe { live::store(state.window.block(), head) };
        state
    }
}

impl ThreadState {
    /// Gives the thread a stack in linear memory.
    pub fn set_stack_pointer(&self, value: u64) {
        // SAFETY: the head is the thread's own, which runs nothing yet.
        unsafe { (*self.space.head()).block.stack_pointer = value };
    }
}

impl Drop for ThreadState {
    fn drop(&mut self) {
        let state = self.space.shared.interrupter.state();
        state.remove(&self.space.entry);
    }
}
