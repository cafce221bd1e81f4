//! Programs under gdb: what it says of a C program that runs here is what it says of
//! the same program built for the host.

#![cfg(feature = "compiler")]

mod core_dumps;
mod libraries;
#[path = "../common/loader.rs"]
mod loader;
mod objects;
mod pointers;
#[path = "../common/program.rs"]
mod program;
mod session;
mod values;
mod wasm_core_dumps;
