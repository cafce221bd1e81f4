//! Stopping wasm code that runs, from another thread.
//!
//! A signal is sent to the thread, again and again, until it is met in wasm
//! code or the call has ended by itself: in host code it does nothing, and the
//! end of a host call looks at the request too.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// Pause between two signals.
const PAUSE: Duration = Duration::from_millis(1);

/// Stops the wasm code of one process; may be used from any thread.
#[derive(Clone, Debug, Default)]
pub struct Interrupter(Arc<State>);

/// What the threads share.
#[derive(Debug, Default)]
pub(crate) struct State {
    requested: AtomicBool,
    /// Kernel's number of the thread that is in wasm code or in a host
    /// function called by it; 0 for none.
    thread: AtomicI32,
}

impl Interrupter {
    /// Stops the call that runs now, nested ones included, with the trap
    /// *interrupted*. Returns whether no call runs any more: where a host
    /// function blocks for longer than `patience`, one still does.
    pub fn interrupt(&self, patience: Duration) -> bool {
        let start = Instant::now();
        self.0.requested.store(true, Ordering::SeqCst);
        let stopped = loop {
            let thread = self.0.thread.load(Ordering::SeqCst);
            if thread == 0 {
                break true;
            }
            if start.elapsed() > patience {
                break false;
            }
            send(thread);
            thread::sleep(PAUSE);
        };
        if stopped {
            self.0.requested.store(false, Ordering::SeqCst);
        }
        stopped
    }

    pub(crate) fn state(&self) -> &Arc<State> {
        &self.0
    }
}

impl State {
    /// Whether the running call shall end. Async-signal-safe.
    pub fn requested(&self) -> bool {
        self.requested.load(Ordering::SeqCst)
    }

    /// Enters this thread for the time of an outermost call.
    pub fn enter(&self) {
        self.thread.store(
            rustix::thread::gettid().as_raw_nonzero().get(),
            Ordering::SeqCst,
        );
    }

    /// The outermost call has ended, and with it what a request was for.
    pub fn leave(&self) {
        self.thread.store(0, Ordering::SeqCst);
        self.requested.store(false, Ordering::SeqCst);
    }
}

/// The signal that is sent.
pub(super) fn signal() -> i32 {
    /// Above those that other libraries take first.
    const OFFSET: i32 = 7;
    libc::SIGRTMIN() + OFFSET
}

fn send(thread: i32) {
    // SAFETY: a system call on numbers. If the thread is gone, or another has
    // its number, nothing happens: the handler looks whether it is meant.
    unsafe { libc::syscall(libc::SYS_tgkill, libc::getpid(), thread, signal()) };
}
