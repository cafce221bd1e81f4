//! The static loader of wasmaot: it runs built objects, and contains no code
//! generator.
//!
//! By hand it is started as `ld.so` is, `wasmaot-ld PROGRAM ARG…`. The kernel starts
//! it for a program that names it as its interpreter (`wasmaot build --interp`).
//! And it is what an executable of `wasmaot build --exe` begins with: then the
//! objects are in its own file.
//!
//! It does without Rust's own start of a program, as the command does.

#![no_main]

#[cfg(musl)]
mod allocator;
mod arch;
mod by_hand;
mod executable;
mod object;
mod own_file;
mod start;
#[cfg(musl)]
mod unwinder;
mod words;

use std::ffi::{OsString, c_char, c_int};

use anyhow::{Result, bail};
use wasmaot_abi::executable::MAGIC;
use wasmaot_launch::report;

#[cfg(musl)]
#[global_allocator]
static ALLOCATOR: allocator::Allocator = allocator::Allocator::new();

/// By this the loader is known to `wasmaot build --exe`; the section's name is
/// `wasmaot_abi::executable::LOADER`.
// SAFETY: a section of its own, of which nothing else is expected.
#[unsafe(link_section = ".wasmaot.loader")]
#[used]
static LOADS: [u8; 4] = wasmaot_abi::ABI_VERSION.to_le_bytes();

/// What the C library calls.
///
/// # Safety
/// The arguments are those of C's `main`.
// SAFETY: the program's one `main`, of the type that C wants.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn main(count: c_int, words: *const *const c_char) -> c_int {
    // SAFETY: the caller's contract: the C library gives what the kernel has left.
    unsafe { words::keep(count, words) };
    start::touch();
    wasmaot_launch::run_command(|| match load() {
        Ok(code) => code,
        Err(error) => report::failed(&error, None),
    })
}

/// Loads and runs what the process was started for; answers its exit code.
fn load() -> Result<u8> {
    if start::is_privileged() {
        bail!(
            "{}: has rights that you have not (set-uid, set-gid or capabilities of its file), \
             which programs of wasmaot must not have; remove them",
            start::path().display()
        );
    }
    let mut words = words::words();
    let name = words.next().unwrap_or_default();
    let words: Vec<OsString> = words.collect();
    let segment = start::last_segment().filter(|segment| segment.bytes.starts_with(&MAGIC));
    match (segment, start::program()) {
        (Some(segment), _) => executable::run(&segment, &name, &words),
        (None, Some(program)) => object::run_program(&program, name, words),
        (None, None) => by_hand::run(words),
    }
}
