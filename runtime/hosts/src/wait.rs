//! Waiting, so that a request to stop the process ends the wait, and a request
//! to cancel the thread where the program waits at a cancellation point.

use std::cell::RefCell;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, Timespec};
use wasmaot_runtime::wait;

/// A thread's cancellation, as other threads ask for it.
#[derive(Debug, Default)]
pub(crate) struct Cancellation {
    /// Asked for and not told yet.
    asked: AtomicBool,
    /// Whether the thread is in a call that tells it.
    at_point: AtomicBool,
}

impl Cancellation {
    /// Asks for it. True where the thread is in a call that tells it and may be
    /// blocked, so that it needs a signal.
    pub(crate) fn ask(&self) -> bool {
        self.asked.store(true, Ordering::SeqCst);
        self.at_point.load(Ordering::SeqCst)
    }

    /// Whether the thread, asked for it in a call, has not noticed yet.
    pub(crate) fn is_unnoticed(&self) -> bool {
        self.asked.load(Ordering::SeqCst) && self.at_point.load(Ordering::SeqCst)
    }
}

thread_local! {
    /// That of the thread while it is in a call that is a cancellation point.
    static POINT: RefCell<Option<Arc<Cancellation>>> = const { RefCell::new(None) };
}

/// Makes a call that is a cancellation point: where it would wait though the
/// thread's cancellation was asked for, it is told `EINTR`, once.
pub(crate) fn cancellation_point<T>(
    cancellation: &Arc<Cancellation>,
    call: impl FnOnce() -> T,
) -> T {
    /// The end of the call, however it ends.
    struct End<'a>(&'a Cancellation);
    impl Drop for End<'_> {
        fn drop(&mut self) {
            POINT.take();
            self.0.at_point.store(false, Ordering::SeqCst);
        }
    }
    cancellation.at_point.store(true, Ordering::SeqCst);
    let _end = End(cancellation);
    POINT.set(Some(Arc::clone(cancellation)));
    call()
}

/// Whether the thread is to be told now that it is cancelled.
pub(crate) fn is_cancelled() -> bool {
    POINT.with_borrow(|point| {
        let cancellation = point.as_deref();
        cancellation.is_some_and(|point| point.asked.swap(false, Ordering::SeqCst))
    })
}

/// Makes a system call that may block, again where a signal has ended it.
///
/// # Errors
/// The call's own; `EINTR` where the process is to stop or the thread is
/// cancelled.
pub(crate) fn interruptible<T, E: Into<io::Error>>(
    call: impl FnMut() -> Result<T, E>,
) -> io::Result<T> {
    wait::interruptible_unless(is_cancelled, call)
}

/// Sleeps.
///
/// # Errors
/// `EINTR` as above.
pub(crate) fn sleep(time: Duration) -> io::Result<()> {
    wait::sleep_unless(is_cancelled, time)
}

/// Waits until something has happened to one of the descriptors, or until the
/// time is over; without a time, for ever.
///
/// # Errors
/// The call's own; `EINTR` as above.
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
