//! Waiting for the host, so that a request to stop the process ends the wait.
//!
//! The request comes with a signal that is repeated (`trap::interrupt`). It
//! ends whatever system call blocks, and each of these functions then looks at
//! the request before it waits again. What they answer is `EINTR`, which the
//! program never sees: its call of the host traps.

use std::time::{Duration, Instant};

use rustix::event::{PollFd, Timespec};
use rustix::io::{Errno, Result};

use crate::trap;

/// Makes a system call that may block, again where a signal has ended it.
///
/// # Errors
/// The call's own; `EINTR` where the process is to stop.
pub(crate) fn interruptible<T>(mut call: impl FnMut() -> Result<T>) -> Result<T> {
    loop {
        if trap::interrupt_requested() {
            return Err(Errno::INTR);
        }
        match call() {
            Err(Errno::INTR) => {}
            answer => return answer,
        }
    }
}

/// Waits until something has happened to one of the descriptors, or until the
/// time is over; without a time, for ever.
///
/// # Errors
/// As [`interruptible`].
pub(crate) fn poll(fds: &mut [PollFd<'_>], time: Option<Duration>) -> Result<usize> {
    let start = Instant::now();
    interruptible(|| {
        let left = time.map(|time| timespec(time.saturating_sub(start.elapsed())));
        rustix::event::poll(fds, left.as_ref())
    })
}

/// Sleeps.
///
/// # Errors
/// `EINTR` where the process is to stop.
pub(crate) fn sleep(time: Duration) -> Result<()> {
    poll(&mut [], Some(time)).map(drop)
}

/// A span of time for the system, which counts seconds in 63 bits.
fn timespec(time: Duration) -> Timespec {
    Timespec {
        tv_sec: i64::try_from(time.as_secs()).unwrap_or(i64::MAX),
        tv_nsec: time.subsec_nanos().into(),
    }
}
