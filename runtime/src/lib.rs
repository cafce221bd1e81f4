//! A native dynamic linker for wasmaot objects: maps them, resolves symbols
//! across them, relocates, runs initialisers, calls.

mod arch;
pub mod error;
mod host;
mod loader;
mod object;
mod sys;
pub mod trap;
mod value;
pub mod wasi;

pub use error::{CallError, Error};
pub use host::{Caller, HostBody, HostError, HostFunction};
pub use object::Object;
pub use value::Val;
