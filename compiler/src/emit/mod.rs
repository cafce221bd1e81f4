//! Compiled code → a file: the shared object of the loader, or a relocatable
//! object for other tools.

pub(crate) mod obj;
pub(crate) mod so;
