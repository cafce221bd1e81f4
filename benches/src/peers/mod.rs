//! Other engines.

pub mod node;
mod plan;
pub mod program;
pub mod wasm2c;
#[cfg(feature = "wasmtime")]
pub mod wasmtime;
