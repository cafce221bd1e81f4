//! How a system call ends other than by answering.

use std::io;

use crate::errno::Errno;
use wasmaot_runtime::HostError;

/// What a call answers: a word, or why there is none.
pub(super) type Result<T = u64> = std::result::Result<T, Error>;

/// Why a call has no answer.
#[derive(Debug)]
pub(super) enum Error {
    /// An error number. Those of i386 and x86-64 are the host's own.
    Number(i32),
    /// The program ends.
    End(HostError),
}

macro_rules! numbers {
    ($($name:ident)*) => {
        impl Error {
            $(pub(super) const $name: Self = Self::Number(libc::$name);)*
        }
    };
}

numbers! {
    EAGAIN EBADF EEXIST EFAULT EINTR EINVAL EISDIR EMFILE ENAMETOOLONG ENODEV ENOENT ENOMEM ENOSPC ENOSYS
    ENOTDIR ENOTTY EOVERFLOW EPERM ERANGE EROFS ESPIPE ESRCH ETIMEDOUT
}

/// The name of an error number.
pub(super) fn name(number: i32) -> Option<&'static str> {
    Errno::host_name(number)
}

impl From<Errno> for Error {
    fn from(error: Errno) -> Self {
        Self::Number(error.to_host())
    }
}

impl From<rustix::io::Errno> for Error {
    fn from(error: rustix::io::Errno) -> Self {
        Self::Number(error.raw_os_error())
    }
}

impl From<io::Error> for Error {
    fn from(error: io::Error) -> Self {
        match error.raw_os_error() {
            Some(number) => Self::Number(number),
            // cap-std's own: a path that leads out of its directory, say.
            None => Errno::from(error).into(),
        }
    }
}
