//! wasmaot: WebAssembly modules as ELF shared objects, and their dynamic linker.
//!
//! The parts are crates of their own: [`compiler`] turns a module into an
//! object, [`runtime`] loads and links objects into a process and runs it.
//! This one finds inputs on disk, keeps built objects in a cache, and is the
//! command line.

#[cfg(feature = "compiler")]
pub mod build;
#[cfg(feature = "compiler")]
pub mod cache;
pub mod cli;
pub mod find;
pub mod input;
pub mod output;

#[cfg(feature = "compiler")]
pub use wasmaot_compiler as compiler;
pub use wasmaot_runtime as runtime;
