//! What Rust's own start of a program does for all that follows, without what
//! takes it long: it reads the system's list of mappings for the place of the
//! main thread's stack.

use std::io;
use std::mem::forget;
use std::sync::atomic::{AtomicU8, Ordering};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{Mode, OFlags, open};
use rustix::stdio;

/// A bit for each standard stream that was closed when the process started.
static CLOSED: AtomicU8 = AtomicU8::new(0);

/// Whether a standard stream was closed when the process started, and is open
/// on nothing since [`prepare_command`].
pub fn was_closed(stream: usize) -> bool {
    CLOSED.load(Ordering::Relaxed) & 1 << stream != 0
}

/// Prepares a process whose `main` is not Rust's: the three standard streams
/// are open, if only on nothing, so that no other file is taken for one of
/// them; and to write where nobody reads is an error, not the end.
///
/// # Errors
/// What the system refused.
pub fn prepare_command() -> io::Result<()> {
    let streams = [stdio::stdin(), stdio::stdout(), stdio::stderr()];
    let mut states = streams.map(|stream| PollFd::from_borrowed_fd(stream, PollFlags::empty()));
    poll(&mut states, Some(&Timespec::default()))?;
    for (number, state) in states.iter().enumerate() {
        if state.revents().contains(PollFlags::NVAL) {
            CLOSED.fetch_or(1 << number, Ordering::Relaxed);
            // It gets the lowest number that is free: this one.
            forget(open("/dev/null", OFlags::RDWR, Mode::empty())?);
        }
    }
    // SAFETY: sets no handler, and no other thread runs yet that could.
    unsafe { libc::signal(libc::SIGPIPE, libc::SIG_IGN) };
    Ok(())
}
