//! What is wrong with a custom section.

use thiserror::Error;

/// A custom section that cannot be read.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error(
    "malformed custom section `{section}` at offset {offset:#x}: {reason}; rebuild the module with a current linker"
)]
pub struct LinkingError {
    /// Name of the section.
    pub section: &'static str,
    /// Offset in the module in bytes.
    pub offset: usize,
    /// What is wrong.
    pub reason: String,
}
