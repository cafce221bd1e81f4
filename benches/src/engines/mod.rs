//! Other engines, each in its process or as a library.

pub mod node;
mod plan;
pub mod program;
#[cfg(feature = "wasmtime")]
pub mod wasi;
pub mod wasm2c;
#[cfg(feature = "wasmtime")]
pub mod wasmtime;

/// `EBADF` of WASI.
const NO_FILE: i32 = 8;
