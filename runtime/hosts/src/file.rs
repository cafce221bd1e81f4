//! Open files of the host's.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::sync::Arc;

use rustix::fs::Stat;
use wasmaot_runtime::was_closed;

/// An open file of the host's. What the host has open already is not opened once
/// more: nothing can fail then that a program would go without.
#[derive(Debug)]
pub(crate) enum HostFile {
    /// Opened for the program.
    Own(OwnedFd),
    /// Granted by who started the program, and closed with the last grant.
    Granted(Arc<OwnedFd>),
    /// A standard stream of the host's process, which is never closed here.
    Stream(BorrowedFd<'static>),
}

impl AsFd for HostFile {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Self::Own(fd) => fd.as_fd(),
            Self::Granted(fd) => fd.as_fd(),
            Self::Stream(fd) => *fd,
        }
    }
}

impl<F: Into<OwnedFd>> From<F> for HostFile {
    fn from(file: F) -> Self {
        Self::Own(file.into())
    }
}

impl HostFile {
    /// A stream of the host's, unless that was closed when the host started.
    pub(crate) fn inherited(stream: BorrowedFd<'static>) -> Option<Self> {
        let number = usize::try_from(stream.as_raw_fd()).ok()?;
        (!was_closed(number)).then_some(Self::Stream(stream))
    }

    /// What is known of the file.
    pub(crate) fn stat(&self) -> rustix::io::Result<Stat> {
        rustix::fs::fstat(self)
    }
}
