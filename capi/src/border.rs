//! Between C and Rust: pointers, errors, panics.

use std::any::Any;
use std::cell::RefCell;
use std::ffi::{CStr, CString, c_char, c_int};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;

/// Why a function failed.
pub(crate) type Text = String;

/// What a thread knows of its errors.
#[derive(Default)]
struct Errors {
    /// Of the last function that failed, until it is asked for.
    last: Option<CString>,
    /// What was handed out, until the next call.
    told: Option<CString>,
}

thread_local! {
    static ERRORS: RefCell<Errors> = RefCell::default();
}

/// Keeps the text of an error for this thread.
fn keep(text: &str) {
    let text = CString::new(text.replace('\0', "\\0")).unwrap_or_default();
    ERRORS.with_borrow_mut(|errors| errors.last = Some(text));
}

/// The text of a panic.
fn of_panic(panic: &(dyn Any + Send)) -> Text {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    format!(
        "{}; this is a bug in wasmaot, please report it",
        text.unwrap_or("a panic")
    )
}

/// Runs what a function does. What it returns in C, if it fails, is `failed`.
pub(crate) fn run<R>(failed: R, f: impl FnOnce() -> Result<R, Text>) -> R {
    ERRORS.with_borrow_mut(|errors| errors.told = None);
    // Nothing of what `f` may have left half-done is looked at after a panic but
    // by way of a process, whose parts are whole between the steps of a call.
    let ran = catch_unwind(AssertUnwindSafe(f));
    match ran.unwrap_or_else(|panic| Err(of_panic(&*panic))) {
        Ok(value) => value,
        Err(text) => {
            keep(&text);
            failed
        }
    }
}

/// The same for a function that answers 0 or -1.
pub(crate) fn status(f: impl FnOnce() -> Result<(), Text>) -> c_int {
    run(-1, || f().map(|()| 0))
}

/// The same for one that answers a new object or null.
pub(crate) fn new<T>(f: impl FnOnce() -> Result<T, Text>) -> *mut T {
    run(ptr::null_mut(), || Ok(Box::into_raw(Box::new(f()?))))
}

/// The error text of an error.
pub(crate) fn text(error: impl std::fmt::Display) -> Text {
    error.to_string()
}

/// The error of a null pointer.
pub(crate) fn null(what: &str) -> Text {
    format!("{what} is a null pointer")
}

/// What a pointer points to.
///
/// # Safety
/// It is null, or points to a value that lives for as long as the reference is
/// used and that nobody changes meanwhile.
pub(crate) unsafe fn reference<'a, T>(pointer: *const T, what: &str) -> Result<&'a T, Text> {
    // SAFETY: the caller's contract.
    unsafe { pointer.as_ref() }.ok_or_else(|| null(what))
}

/// Where a result goes.
///
/// # Safety
/// It is null, or points to a value that is the caller's alone for as long as
/// the reference is used.
pub(crate) unsafe fn place<'a, T>(pointer: *mut T, what: &str) -> Result<&'a mut T, Text> {
    // SAFETY: the caller's contract.
    unsafe { pointer.as_mut() }.ok_or_else(|| null(what))
}

/// A string in UTF-8.
///
/// # Safety
/// It is null, or points to a string that ends with a zero and that nobody
/// changes for as long as the reference is used.
pub(crate) unsafe fn string<'a>(pointer: *const c_char, what: &str) -> Result<&'a str, Text> {
    // SAFETY: the caller's contract, for a pointer that is not null.
    let string = unsafe { reference(pointer, what).map(|first| CStr::from_ptr(first)) }?;
    string.to_str().map_err(|_| format!("{what} is not UTF-8"))
}

/// An array; of no elements, the pointer may be null.
///
/// # Safety
/// It is null, or points to so many values that nobody changes for as long as
/// the slice is used.
pub(crate) unsafe fn slice<'a, T>(
    pointer: *const T,
    count: usize,
    what: &str,
) -> Result<&'a [T], Text> {
    if count == 0 {
        return Ok(&[]);
    }
    if pointer.is_null() {
        return Err(null(what));
    }
    // SAFETY: the caller's contract; the pointer is not null.
    Ok(unsafe { std::slice::from_raw_parts(pointer, count) })
}

/// An array for results; of no elements, the pointer may be null.
///
/// # Safety
/// It is null, or points to so many values that are the caller's alone for as
/// long as the slice is used.
pub(crate) unsafe fn slice_mut<'a, T>(
    pointer: *mut T,
    count: usize,
    what: &str,
) -> Result<&'a mut [T], Text> {
    if count == 0 {
        return Ok(&mut []);
    }
    if pointer.is_null() {
        return Err(null(what));
    }
    // SAFETY: the caller's contract; the pointer is not null.
    Ok(unsafe { std::slice::from_raw_parts_mut(pointer, count) })
}

/// Gives an object back.
///
/// # Safety
/// It is null, or what [`new`] returned and has not been given back.
pub(crate) unsafe fn free<T>(pointer: *mut T) {
    run((), || {
        if !pointer.is_null() {
            // SAFETY: `new` made the box, and the caller gives it up.
            drop(unsafe { Box::from_raw(pointer) });
        }
        Ok(())
    });
}

/// `wasmaot_error`.
#[unsafe(no_mangle)]
pub extern "C" fn wasmaot_error() -> *const c_char {
    ERRORS.with_borrow_mut(|errors| {
        errors.told = errors.last.take();
        errors
            .told
            .as_ref()
            .map_or(ptr::null(), |text| text.as_ptr())
    })
}
