//! The words of the command line.
//!
//! Rust's standard library has them from glibc, which gives them to the functions of
//! `.init_array`, or from its own start of a program; other C libraries do not, and the
//! loader has a `main` of its own.

use std::ffi::{CStr, OsStr, OsString, c_char, c_int};
use std::os::unix::ffi::OsStrExt as _;
use std::ptr;
use std::sync::atomic::{AtomicPtr, AtomicUsize, Ordering};

static COUNT: AtomicUsize = AtomicUsize::new(0);
static WORDS: AtomicPtr<*const c_char> = AtomicPtr::new(ptr::null_mut());

/// Keeps what `main` was given.
///
/// # Safety
/// So many pointers to texts are there, for as long as the process is.
pub unsafe fn keep(count: c_int, words: *const *const c_char) {
    WORDS.store(words.cast_mut(), Ordering::Relaxed);
    COUNT.store(usize::try_from(count).unwrap_or(0), Ordering::Relaxed);
}

/// The words, the program's name first.
pub fn words() -> impl Iterator<Item = OsString> {
    let words = WORDS.load(Ordering::Relaxed);
    (0..COUNT.load(Ordering::Relaxed)).map(move |index| {
        // SAFETY: `keep` was promised so many.
        let word = unsafe { CStr::from_ptr(*words.add(index)) };
        OsStr::from_bytes(word.to_bytes()).to_os_string()
    })
}
