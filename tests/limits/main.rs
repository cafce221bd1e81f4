//! What ends a program from outside, and what it may use: time, the native
//! stack, memory. Programs that are stopped here would never end by themselves.

#![cfg(feature = "compiler")]

#[path = "../common/mod.rs"]
mod common;

mod nesting;
mod resources;
mod time;
