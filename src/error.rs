//! What can go wrong in the library, beside what the crates below it say.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use wasmaot_runtime::{AccessError, CallError, DlError, HandleError};

/// Result of the library's own functions.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why something failed: every error of this crate can become one. Its text is
/// one line, which names the file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The system refuses to read, write or make something.
    #[error("{action}: {source}")]
    Io {
        /// What was attempted, with the file's name.
        action: String,
        /// The system's answer.
        source: io::Error,
    },
    /// A file is not what it has to be.
    #[error("{file}: {reason}")]
    Input {
        /// The file.
        file: String,
        /// What is wrong with it, and what to give instead.
        reason: String,
    },
    /// A module has to be compiled, and there is no compiler in this build.
    #[error(
        "{file}: is a module, and this wasmaot has no compiler; build it first with `wasmaot build`"
    )]
    NoCompiler {
        /// The module.
        file: String,
    },
    /// Native code is not taken from where it lies.
    #[error("{}: {reason}", .file.display())]
    Untrusted {
        /// The file.
        file: PathBuf,
        /// Why it is not trusted.
        reason: String,
    },
    /// There is no usable cache directory.
    #[error("{reason}")]
    Cache {
        /// What is wrong with it, and what to do.
        reason: String,
    },
    /// A module cannot be compiled.
    #[cfg(feature = "compiler")]
    #[error(transparent)]
    Compile(#[from] wasmaot_compiler::Error),
    /// Objects cannot be loaded or linked in a process.
    #[error(transparent)]
    Load(Box<wasmaot_runtime::Error>),
    /// A library cannot be opened or closed, or a symbol not be found.
    #[error(transparent)]
    Dl(Box<DlError>),
    /// A call did not return.
    #[error(transparent)]
    Call(Box<CallError>),
    /// A handle is of no use in a process.
    #[error(transparent)]
    Handle(#[from] HandleError),
    /// A global, table or memory was not read or changed.
    #[error(transparent)]
    Access(#[from] AccessError),
    /// A library outside of a prelinked set changed while the set was built.
    #[error("a library beside the set has changed while it was built; build it again")]
    SetChanged,
}

/// What is large is boxed.
macro_rules! boxed {
    ($($variant:ident: $error:ty;)*) => {$(
        impl From<$error> for Error {
            fn from(error: $error) -> Self {
                Self::$variant(Box::new(error))
            }
        }
    )*};
}

boxed! {
    Load: wasmaot_runtime::Error;
    Dl: DlError;
    Call: CallError;
}

impl Error {
    /// The error of an attempt: "cannot read FILE".
    pub(crate) fn io(action: impl fmt::Display) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io {
            action: action.to_string(),
            source,
        }
    }

    /// The error of reading a file.
    pub(crate) fn cannot_read(path: &Path) -> impl FnOnce(io::Error) -> Self {
        Self::io(format!("cannot read {}", path.display()))
    }

    /// The error of a file that is not what it has to be.
    pub(crate) fn input(file: impl fmt::Display, reason: impl Into<String>) -> Self {
        Self::Input {
            file: file.to_string(),
            reason: reason.into(),
        }
    }

    /// The error of an unusable cache directory.
    #[cfg(feature = "compiler")]
    pub(crate) fn cache(reason: impl Into<String>) -> Self {
        Self::Cache {
            reason: reason.into(),
        }
    }
}
