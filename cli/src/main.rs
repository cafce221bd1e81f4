//! The `wasmaot` command.
//!
//! It does without Rust's own start of a program, which takes a tenth of the
//! time in which a small program is loaded and run. What is lost by that is
//! the message of a stack overflow of the command itself.

#![no_main]

use std::ffi::{c_char, c_int};
use std::panic::catch_unwind;
use std::process::exit;

use wasmaot_runtime::prepare_command;

/// Exit code after a panic, as Rust programs have it.
const PANICKED: i32 = 101;

/// What the C library calls.
// SAFETY: the program's one `main`, of the type that C wants.
#[unsafe(no_mangle)]
pub extern "C" fn main(_: c_int, _: *const *const c_char) -> c_int {
    let run = || match prepare_command() {
        Ok(()) => wasmaot_cli::main(),
        Err(error) => wasmaot_cli::failed(&error.into()),
    };
    exit(catch_unwind(run).unwrap_or(PANICKED))
}
