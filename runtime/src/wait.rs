//! Waiting for the host, so that a request to stop the process ends the wait.
//!
//! The request comes with a signal that is repeated
//! ([`Interrupter`](crate::trap::Interrupter)). It ends whatever system call
//! blocks, and each of these functions then looks at the request before it
//! waits again. What they answer is `EINTR`. The program never sees it: when
//! the host function returns, its caller traps.

use std::io;
use std::time::{Duration, Instant};

use rustix::event::{Timespec, poll};
use rustix::io::Errno;

use crate::trap;

/// Makes a system call that may block, again where a signal has ended it.
///
/// # Errors
/// The call's own; `EINTR` where the process is to stop.
pub fn interruptible<T, E: Into<io::Error>>(call: impl FnMut() -> Result<T, E>) -> io::Result<T> {
    interruptible_unless(|| false, call)
}

/// The same for a thread that has reasons of its own to `stop` waiting, which is asked
/// before the call and whenever a signal has ended it
/// ([`ThreadSignal`](crate::ThreadSignal)).
///
/// # Errors
/// The call's own; `EINTR` where the process or the thread is to stop.
pub fn interruptible_unless<T, E: Into<io::Error>>(
    mut stop: impl FnMut() -> bool,
    mut call: impl FnMut() -> Result<T, E>,
) -> io::Result<T> {
    loop {
        if trap::interrupt_requested() || stop() {
            return Err(Errno::INTR.into());
        }
        match call().map_err(Into::into) {
            Err(error) if error.raw_os_error() == Some(libc::EINTR) => {}
            answer => return answer,
        }
    }
}

/// Sleeps.
///
/// # Errors
/// `EINTR` where the process is to stop.
pub fn sleep(time: Duration) -> io::Result<()> {
    sleep_unless(|| false, time)
}

/// Sleeps, unless the thread has reasons of its own to `stop`, as
/// [`interruptible_unless`].
///
/// # Errors
/// `EINTR` where the process or the thread is to stop.
pub fn sleep_unless(stop: impl FnMut() -> bool, time: Duration) -> io::Result<()> {
    let start = Instant::now();
    interruptible_unless(stop, || {
        let left = time.saturating_sub(start.elapsed());
        // The system counts seconds in 63 bits.
        let left = Timespec::try_from(left).unwrap_or(Timespec {
            tv_sec: i64::MAX,
            tv_nsec: 0,
        });
        poll(&mut [], Some(&left))
    })?;
    Ok(())
}
