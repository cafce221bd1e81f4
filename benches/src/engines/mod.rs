//! Other engines, each in its process or as a library.

pub mod node;
mod plan;
pub mod program;
pub mod wasm2c;
#[cfg(feature = "wasmtime")]
pub mod wasmtime;
