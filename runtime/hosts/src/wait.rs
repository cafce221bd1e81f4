//! Waiting for descriptors, so that a request to stop the process ends the
//! wait.

use std::io;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, Timespec};
pub(crate) use wasmaot_runtime::wait::{interruptible, sleep};

/// Waits until something has happened to one of the descriptors, or until the
/// time is over; without a time, for ever.
///
/// # Errors
/// The call's own; `EINTR` where the process is to stop.
pub(crate) fn poll(fds: &mut [PollFd<'_>], time: Option<Duration>) -> io::Result<usize> {
    let start = Instant::now();
    interruptible(|| {
        let left = time.map(|time| timespec(time.saturating_sub(start.elapsed())));
        rustix::event::poll(fds, left.as_ref())
    })
}

/// A span of time for the system, which counts seconds in 63 bits.
fn timespec(time: Duration) -> Timespec {
    Timespec {
        tv_sec: i64::try_from(time.as_secs()).unwrap_or(i64::MAX),
        tv_nsec: time.subsec_nanos().into(),
    }
}
