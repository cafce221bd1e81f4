//! Threads by `wasi.thread-spawn`: programs in wasm text and in C without a C
//! library, run by the command.
//!
//! `WASMAOT_STRESS_SECONDS` says how long the stress of the linker goes on,
//! `WASMAOT_STRESS_SEED` with which numbers; `WASMAOT_ROUNDS` how many rounds of
//! open, call and close there are beside busy threads.

#![cfg(feature = "compiler")]

#[path = "../common/mod.rs"]
mod common;
mod growth;
mod linking;
mod litmus;
mod program;
mod spawn;
mod stress;
mod wait;
