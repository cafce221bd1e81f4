//! What differs by machine: the very first instructions, and the moving of bytes.

#[cfg(target_arch = "aarch64")]
mod aarch64;
#[cfg(target_arch = "x86_64")]
mod x86_64;

use std::sync::atomic::AtomicUsize;

/// Address and number of the program headers of the program whose interpreter
/// this is; 0 if it is none. Written by the first instructions.
pub static PROGRAM: [AtomicUsize; 2] = [AtomicUsize::new(0), AtomicUsize::new(0)];
