//! Objects that are looked at and never run.

use std::ops::Deref;
use std::path::Path;

use super::{Object, copy_of, parse};
#[cfg(doc)]
use crate::error::Error;
use crate::error::Result;

/// An object that may be for any machine or CPU. It can be asked all that an [`Object`]
/// can; no process takes it.
#[derive(Debug)]
pub struct Inspected(Object);

impl Inspected {
    /// Takes an object from memory, of which it keeps a copy; `name` stands in
    /// for its path. `verify`: check the hash over the whole file.
    ///
    /// # Errors
    /// [`Error::Open`] or [`Error::Object`]: what the loader would refuse anywhere.
    pub fn from_bytes(name: impl AsRef<Path>, bytes: &[u8], verify: bool) -> Result<Self> {
        let path = name.as_ref();
        parse::any(path, copy_of(path, bytes)?, verify).map(Self)
    }
}

impl Deref for Inspected {
    type Target = Object;

    fn deref(&self) -> &Object {
        &self.0
    }
}
