//! Objects that are looked at and never run.

use std::ops::Deref;
use std::path::Path;

use super::{Object, parse};
use crate::error::{Error, Result};
use crate::sys::FileMap;

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
        let map = FileMap::of_bytes(&path.to_string_lossy(), bytes);
        let map = map.map_err(|source| Error::Open {
            path: path.to_owned(),
            source,
        })?;
        parse::any(path, map, verify).map(Self)
    }
}

impl Deref for Inspected {
    type Target = Object;

    fn deref(&self) -> &Object {
        &self.0
    }
}
