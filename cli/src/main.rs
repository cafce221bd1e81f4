//! The `wasmaot` command.
//!
//! It does without Rust's own start of a program, which takes a tenth of the
//! time in which a small program is loaded and run. What is lost by that is
//! the message of a stack overflow of the command itself.

#![no_main]

use std::ffi::{c_char, c_int};

/// What the C library calls.
// SAFETY: the program's one `main`, of the type that C wants.
#[unsafe(no_mangle)]
pub extern "C" fn main(_: c_int, _: *const *const c_char) -> c_int {
    wasmaot_launch::run_command(wasmaot_cli::main)
}
