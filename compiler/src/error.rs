//! What can go wrong, as one line for the user.

use thiserror::Error;
use wasmaot_dylink::LinkingError;

/// Why a module cannot be compiled.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Error {
    /// The bytes are not a valid module.
    #[error(
        "{file}: not a valid wasm module: {reason} (at offset {offset:#x}); rebuild it, or check it with a validator"
    )]
    Invalid {
        /// Name of the input.
        file: String,
        /// Offset in the module.
        offset: u64,
        /// The validator's words.
        reason: String,
    },
    /// The module uses something that wasmaot has not.
    #[error("{file}: not supported: {feature}")]
    Unsupported {
        /// Name of the input.
        file: String,
        /// What it is, and where.
        feature: String,
    },
    /// A linking section cannot be read.
    #[error("{file}: {source}")]
    Linking {
        /// Name of the input.
        file: String,
        /// What is wrong.
        source: LinkingError,
    },
    /// Something exceeds what an object can hold.
    #[error("{file}: {what} exceeds the limit of {limit}; split the module")]
    TooLarge {
        /// Name of the input.
        file: String,
        /// What is too large, with its size.
        what: String,
        /// The limit.
        limit: String,
    },
    /// The module's machine code exceeds the limit of the options
    /// ([`Options::max_code`](crate::Options::max_code)).
    #[error("{file}: the module's machine code exceeds the limit of {limit} bytes")]
    CodeLimit {
        /// Name of the input.
        file: String,
        /// The limit, in bytes.
        limit: u64,
    },
    /// An impossible option, as text with the remedy.
    #[error("{0}")]
    Options(String),
    /// Another thread has ended the compilation
    /// ([`Progress::stop`](crate::Progress::stop)).
    #[error("{file}: its compilation was stopped")]
    Stopped {
        /// Name of the input.
        file: String,
    },
    /// The code generator failed: a bug in wasmaot.
    #[error(
        "{file}: cannot compile {function}: {reason}; this is a bug in wasmaot, please report it with the module"
    )]
    Codegen {
        /// Name of the input.
        file: String,
        /// The function.
        function: String,
        /// The code generator's words.
        reason: String,
    },
}

/// Result of compiling.
pub type Result<T, E = Error> = std::result::Result<T, E>;
