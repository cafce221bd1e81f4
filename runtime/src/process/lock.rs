//! The lock of a process that may have several threads.
//!
//! Whoever has a `&mut Process` holds it: the embedder between calls, the loader, a
//! host function that asks for its process. It is given away where wasm code is entered
//! and taken back when that ends, so no thread holds it while the program's code
//! runs. What it guards is therefore whole whenever wasm code runs: nothing is half
//! done across a call of the program's.
//!
//! The lock is taken before every other of the runtime's. Hosts' own locks are
//! never held while it is waited for.

use std::fmt;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::{Process, Shared};

/// How long a thread waits before it looks whether it is to stop.
pub(super) const LOOK: Duration = Duration::from_millis(20);

/// The lock.
pub(crate) struct ProcessLock {
    /// Whether the process is for threads: else there is one, and nothing is locked.
    used: AtomicBool,
    state: Mutex<Turn>,
    changed: Condvar,
}

/// Whose turn it is.
struct Turn {
    state: State,
    /// Threads that wait for it: where there are none, nobody is told.
    waiting: u32,
}

/// Who has the process.
#[derive(Clone, Copy)]
enum State {
    /// A thread.
    Held,
    /// Nobody: the next who asks.
    Free(NonNull<Process>),
}

// SAFETY: the pointer is one to a process, which is `Send`, and is handed from one
// holder to the next under the mutex.
unsafe impl Send for ProcessLock {}
// SAFETY: as above.
unsafe impl Sync for ProcessLock {}

impl fmt::Debug for ProcessLock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProcessLock")
            .field("used", &self.used)
            .finish_non_exhaustive()
    }
}

impl Default for ProcessLock {
    /// Held by whoever makes the process, and not used yet.
    fn default() -> Self {
        Self {
            used: AtomicBool::new(false),
            state: Mutex::new(Turn {
                state: State::Held,
                waiting: 0,
            }),
            changed: Condvar::new(),
        }
    }
}

impl ProcessLock {
    /// Whether the process is for threads.
    #[inline]
    pub fn is_used(&self) -> bool {
        self.used.load(Ordering::Relaxed)
    }

    /// From now on it is. To be called by the holder.
    pub fn use_from_now_on(&self) {
        self.used.store(true, Ordering::Relaxed);
    }

    /// Gives the process away. To be called by the holder.
    pub fn give(&self, process: NonNull<Process>) {
        let mut turn = self.turn();
        turn.state = State::Free(process);
        let somebody_waits = turn.waiting > 0;
        drop(turn);
        if somebody_waits {
            self.changed.notify_one();
        }
    }

    /// Waits for the process and holds it; none if `stop` says so while another holds it.
    /// `block`: address of the thread's block.
    pub fn take(&self, block: u64, stop: impl Fn() -> bool) -> Option<NonNull<Process>> {
        let mut turn = self.turn();
        loop {
            match turn.state {
                State::Free(mut process) => {
                    turn.state = State::Held;
                    // SAFETY: who gave the process away does not use it until it is
                    // taken back, and keeps it alive.
                    unsafe { process.as_mut() }.space.locals.set_current(block);
                    return Some(process);
                }
                State::Held if stop() => return None,
                State::Held => {
                    turn.waiting += 1;
                    let waited = self.changed.wait_timeout(turn, LOOK);
                    turn = waited.unwrap_or_else(PoisonError::into_inner).0;
                    turn.waiting -= 1;
                }
            }
        }
    }

    /// Takes the process back after the call for which it was given away.
    pub fn take_back(&self, block: u64) {
        // Without a reason to stop, the wait ends with the process.
        let _ = self.take(block, || false);
    }

    /// The state is whole whenever it is unlocked.
    fn turn(&self) -> MutexGuard<'_, Turn> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Process {
    /// Runs `f` while other threads may have the process.
    pub(crate) fn away<R>(&mut self, f: impl FnOnce(&Shared) -> R) -> R {
        /// Takes the process back, also where `f` panics.
        struct Back<'s> {
            shared: &'s Shared,
            block: u64,
        }

        impl Drop for Back<'_> {
            fn drop(&mut self) {
                self.shared.lock.take_back(self.block);
            }
        }

        let shared = Arc::clone(&self.shared);
        let block = self.thread_space().head;
        shared.lock.give(NonNull::from(&mut *self));
        let _back = Back {
            shared: &shared,
            block,
        };
        f(&shared)
    }
}
