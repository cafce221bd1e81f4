//! Threads that a program starts, as host functions see them.

use std::fmt;
use std::sync::Arc;

use super::Caller;
use crate::backtrace::Trap;
use crate::process::{Claim, MAIN_THREAD, Process};
use crate::sys::interrupt;
use crate::trap;

/// What a thread of a program begins with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ThreadEntry {
    /// A function that the caller's program exports, of the type `(i32, i32) -> ()`: it
    /// gets the thread's number and the argument.
    Export {
        /// Its name.
        name: String,
        /// The argument.
        arg: i32,
    },
    /// The function at an index of the program's table, of the type `(i32) -> (i32)`.
    Index {
        /// The index.
        index: u32,
        /// The argument.
        arg: i32,
    },
}

/// Something that a thread does beside the program's code, on the new thread.
pub type ThreadHook = Box<dyn FnOnce(&mut Caller<'_>) + Send>;

/// A thread to be started.
pub struct ThreadStart {
    /// What it begins with.
    pub entry: ThreadEntry,
    /// The value of `__stack_pointer` in it; without one, what the program's first
    /// thread began with.
    pub stack_pointer: Option<u32>,
    /// Runs before the program's code.
    pub on_start: Option<ThreadHook>,
    /// Runs after the program's code, when the thread has ended by itself. The
    /// last that it does to the program's memory.
    pub on_end: Option<ThreadHook>,
}

impl ThreadStart {
    /// A thread that begins with a function, and nothing beside it.
    pub const fn new(entry: ThreadEntry) -> Self {
        Self {
            entry,
            stack_pointer: None,
            on_start: None,
            on_end: None,
        }
    }
}

impl fmt::Debug for ThreadStart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ThreadStart")
            .field("entry", &self.entry)
            .field("stack_pointer", &self.stack_pointer)
            .finish_non_exhaustive()
    }
}

/// Why a thread could not be started. Nothing is left of it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SpawnError {
    /// The program is not for threads: its memory is not shared.
    #[error(
        "the program is not made for threads: its memory is not shared; link it with --shared-memory"
    )]
    NotShared,
    /// There are as many threads as there may be.
    #[error("there are {0} threads, and may not be more")]
    TooMany(u32),
    /// There is no such function to begin with.
    #[error("{0}")]
    Entry(String),
    /// The system has no room for it, or refuses a thread.
    #[error(transparent)]
    System(#[from] crate::error::SystemError),
    /// The program's memory has no room for its stack or data, or these cannot be made.
    #[error(transparent)]
    Memory(#[from] crate::error::Error),
    /// The program's code, its allocator for one, stopped in preparing the thread.
    #[error("the program stopped in preparing a thread: {0}")]
    Trap(#[from] Trap),
    /// The process is to stop.
    #[error("the process is to stop")]
    Stopped,
}

/// What ends the system call that another thread blocks in.
#[derive(Clone, Debug)]
pub struct ThreadSignal(pub(crate) Arc<interrupt::Entry>);

impl ThreadSignal {
    /// Sends a signal to the thread, which ends a system call with `EINTR` and does
    /// nothing else; false if it runs no code of the program. One that is sent
    /// right before the thread blocks is lost.
    pub fn send(&self) -> bool {
        self.0.send_signal()
    }
}

impl Caller<'_> {
    /// Number of the thread that the caller runs on: 1 for the one that runs the
    /// embedder's call.
    pub fn thread_id(&self) -> u32 {
        self.claim.as_deref().map_or(MAIN_THREAD, Claim::thread)
    }

    /// What ends the system calls that this thread blocks in; none where no code of a
    /// program runs on it.
    pub fn thread_signal(&self) -> Option<ThreadSignal> {
        let space = trap::current_space()?;
        Some(ThreadSignal(Arc::clone(&space.entry)))
    }

    /// Whether the program has threads beside the one that runs the embedder's call.
    pub fn has_threads(&self) -> bool {
        let any = |process: &Process| process.shared.threads.any();
        self.look(any).unwrap_or(false)
    }

    /// Whether the program has a thread of a number.
    pub fn has_thread(&self, number: u32) -> bool {
        let is_running = |process: &Process| process.shared.threads.is_running(number);
        self.look(is_running).unwrap_or(number == MAIN_THREAD)
    }

    /// Starts a thread of the program; its number, from 2 on.
    ///
    /// # Errors
    /// [`SpawnError`]; nothing is left of the thread.
    pub fn spawn(&mut self, start: ThreadStart) -> Result<u32, SpawnError> {
        let base = self.domain();
        match self.change(|process| process.spawn(base, start)) {
            Some(spawned) => spawned,
            None => Err(SpawnError::Stopped),
        }
    }
}
