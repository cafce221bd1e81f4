//! A native dynamic linker for wasmaot objects: maps them, resolves symbols
//! across them, relocates, runs initialisers, calls.

mod access;
mod arch;
mod builtin;
mod config;
mod domain;
pub mod error;
mod host;
pub mod linux;
mod loader;
mod object;
mod process;
mod sys;
pub mod trap;
mod typed;
mod value;
pub mod wasi;

pub use access::OutOfBounds;
pub use config::{Category, Config, Trace, Unresolved};
pub use error::{CallError, Error, Unresolved as UnresolvedSymbol};
pub use host::{Caller, HostBody, HostError, HostFunction};
pub use loader::{Finder, SearchPath, candidates};
pub use object::{ImageRun, Object, Relocation, host_cpu};
pub use process::{InstanceId, LinkMapEntry, Process};
pub use typed::{Answer, Native, Natives, Wrap};
pub use value::Val;
