//! Stopping a process from another thread.
//!
//! A request stands until it is withdrawn. It is looked at where wasm code is
//! entered, where a host call or a long built-in function ends, while the host
//! waits for something ([`wait`](crate::wait)), and between the phases of
//! loading. Wasm code itself looks at nothing: a signal is sent to each of its
//! threads, again and again, until it is met on the stack of wasm code or the call
//! has ended by itself. In host code the signal does no more than end a system call
//! that blocks.
//!
//! A process whose threads are to end because one of them has ended them all
//! makes the same request of itself ([`State::end`]).

use std::sync::atomic::{AtomicBool, AtomicI32, AtomicU8, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use super::pause::{Pause, Paused};
use crate::sys::barrier;

/// Pause between two signals.
pub(crate) const PAUSE: Duration = Duration::from_millis(1);

/// An [`Interrupter`] asks the process to stop.
const REQUESTED: u8 = 1;
/// The process's own threads are to end.
const ENDING: u8 = 2;

/// Stops the wasm code of one process; may be used from any thread.
#[derive(Clone, Debug, Default)]
pub struct Interrupter(Arc<State>);

/// What the threads share.
#[derive(Debug, Default)]
pub(crate) struct State {
    /// [`REQUESTED`] and [`ENDING`].
    requests: AtomicU8,
    /// The threads that run wasm code of the process.
    entries: Mutex<Vec<Arc<Entry>>>,
    /// Whether a thread of ours repeats the signal.
    repeated: AtomicBool,
    pub pause: Pause,
}

/// Where a thread of the process notes that it runs wasm code.
#[derive(Debug, Default)]
pub(crate) struct Entry {
    /// Kernel's number of the thread that is in wasm code or in a host
    /// function called by it; 0 for none.
    thread: AtomicI32,
    pub paused: Paused,
}

impl Entry {
    /// Whether it runs wasm code, or a host function called by it.
    pub(super) fn is_running(&self) -> bool {
        self.thread.load(Ordering::SeqCst) != 0
    }

    /// Enters this thread, by the kernel's number of it, for the time of an
    /// outermost call. The request is to be looked at after that: no signal
    /// follows one that was made before.
    #[inline]
    pub fn enter(&self, thread: i32) {
        self.thread.store(thread, Ordering::Relaxed);
        barrier::light();
    }

    /// The outermost call has ended.
    #[inline]
    pub fn leave(&self) {
        self.thread.store(0, Ordering::Release);
    }

    /// Sends the signal to the thread; false if it runs no wasm code.
    pub fn send_signal(&self) -> bool {
        let thread = self.thread.load(Ordering::SeqCst);
        if thread == 0 {
            return false;
        }
        // SAFETY: a system call on numbers. If the thread is gone, or another
        // has its number, nothing happens: the handler looks whether it is
        // meant.
        unsafe { libc::syscall(libc::SYS_tgkill, libc::getpid(), thread, signal()) };
        true
    }
}

impl Interrupter {
    /// Stops the process: the call that runs now, nested ones included, ends
    /// with the trap *interrupted*, also while it waits in a function of the
    /// hosts that are part of this crate; and so does every later call, until
    /// [`Interrupter::resume`]. With it end all threads of the program, and the
    /// calls of all threads that the process is lent to
    /// ([`Process::scope`](crate::Process::scope)).
    ///
    /// Waits at most `patience` for what runs to end, and returns
    /// whether none runs any more. Where a host function goes on for longer,
    /// its call ends when it returns, without anything more to be done.
    pub fn interrupt(&self, patience: Duration) -> bool {
        let start = Instant::now();
        self.0.requests.fetch_or(REQUESTED, Ordering::SeqCst);
        barrier::heavy();
        while self.0.send_signal() {
            if start.elapsed() >= patience {
                self.repeat();
                return false;
            }
            thread::sleep(PAUSE);
        }
        true
    }

    /// Withdraws a request: calls run again.
    pub fn resume(&self) {
        self.0.requests.fetch_and(!REQUESTED, Ordering::SeqCst);
    }

    /// Whether the process is to stop. A host function that runs for long
    /// asks its [`Caller`](crate::Caller) for the same.
    pub fn is_requested(&self) -> bool {
        self.0.requested()
    }

    /// Whether a call of wasm code runs.
    pub fn is_running(&self) -> bool {
        self.0.is_running()
    }

    /// Has a thread repeat the signal until the request has been met: one sent
    /// right before a host call returns would be lost.
    fn repeat(&self) {
        let state = Arc::clone(&self.0);
        if state.repeated.swap(true, Ordering::SeqCst) {
            return;
        }
        let repeat = move || {
            loop {
                while state.requested() && state.send_signal() {
                    thread::sleep(PAUSE);
                }
                state.repeated.store(false, Ordering::SeqCst);
                // A request made since then has seen that there is a thread.
                let again = state.requested() && state.is_running();
                if !again || state.repeated.swap(true, Ordering::SeqCst) {
                    break;
                }
            }
        };
        let spawned = thread::Builder::new()
            .name("interrupter".to_owned())
            .spawn(repeat);
        if spawned.is_err() {
            self.0.repeated.store(false, Ordering::SeqCst);
        }
    }

    pub(crate) fn state(&self) -> &Arc<State> {
        &self.0
    }
}

impl State {
    /// Whether the process, or the thread, is to stop. Async-signal-safe.
    #[inline]
    pub fn requested(&self) -> bool {
        self.requests.load(Ordering::SeqCst) != 0
    }

    /// Whether the process's own threads are to end.
    pub fn ends(&self) -> bool {
        self.requests.load(Ordering::SeqCst) & ENDING != 0
    }

    /// Has all threads end that run wasm code now or would enter it, until
    /// [`State::start_again`].
    pub fn end(&self) {
        self.requests.fetch_or(ENDING, Ordering::SeqCst);
        barrier::heavy();
    }

    /// Lets calls run again.
    pub fn start_again(&self) {
        self.requests.fetch_and(!ENDING, Ordering::SeqCst);
    }

    /// Adds a thread.
    pub fn add(&self) -> Arc<Entry> {
        let entry = Arc::default();
        self.entries().push(Arc::clone(&entry));
        entry
    }

    /// Takes a thread out.
    pub fn remove(&self, entry: &Arc<Entry>) {
        self.entries().retain(|other| !Arc::ptr_eq(other, entry));
    }

    /// Sends the signal to every thread in wasm code; false if there is none.
    pub fn send_signal(&self) -> bool {
        let sent = |any, entry: &Arc<Entry>| entry.send_signal() | any;
        self.entries().iter().fold(false, sent)
    }

    /// Whether a thread is in wasm code, or in a host function called by it.
    fn is_running(&self) -> bool {
        self.entries().iter().any(|entry| entry.is_running())
    }

    /// The list is whole whenever it is unlocked.
    pub(super) fn entries(&self) -> MutexGuard<'_, Vec<Arc<Entry>>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The signal that is sent.
pub(crate) fn signal() -> i32 {
    /// Above those that other libraries take first.
    const OFFSET: i32 = 7;
    libc::SIGRTMIN() + OFFSET
}
