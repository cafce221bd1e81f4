//! The dynamic linking conventions of WebAssembly modules, read into one model.
//!
//! Each convention is a file; all answer the same questions: what room does
//! the module want, which libraries does it need, and what role does each
//! import and export play. The compiler and the command line read modules;
//! the runtime reads objects and does without this crate.
//!
//! This crate does no I/O and has no `unsafe` code.

#![forbid(unsafe_code)]

pub mod data_symbols;
mod dylink;
mod dylink0;
pub mod dyninfo;
mod error;
pub mod forward;
mod linking;
mod own_references;

pub use error::LinkingError;
pub use linking::{Class, ImportRole, Linking, SymbolFlags};
pub use own_references::{OwnReferences, own_references};

impl Linking {
    /// Reads a custom section, if it is one of a linking convention.
    /// `offset` is where its data begins in the module.
    ///
    /// # Errors
    /// [`LinkingError`] if it is and cannot be read.
    pub fn read(name: &str, data: &[u8], offset: usize) -> Result<Option<Self>, LinkingError> {
        match name {
            dylink0::SECTION => dylink0::read(data, offset).map(Some),
            dylink::SECTION => dylink::read(data, offset).map(Some),
            dyninfo::SECTION => dyninfo::read(data, offset).map(Some),
            _ => Ok(None),
        }
    }
}
