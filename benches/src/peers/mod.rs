//! Other engines.

#[cfg(feature = "wasmtime")]
pub mod wasmtime;
