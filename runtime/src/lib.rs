//! A native dynamic linker for wasmaot objects: maps them, resolves symbols
//! across them, relocates, runs initialisers, calls.

mod arch;
mod host;
mod loader;
mod sys;
pub mod trap;
mod value;
pub mod wasi;

pub use host::{Caller, HostBody, HostError, HostFunction};
pub use value::Val;
