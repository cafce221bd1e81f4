//! Functions and calls.

use std::ffi::{c_char, c_int};

use wasmaot::{Context, Func, Process};

use crate::border::{self, Text, text};
use crate::library::wasmaot_library;
use crate::process::{self, wasmaot_process};
use crate::value::{self, wasmaot_value};

/// `wasmaot_function`.
pub struct wasmaot_function(Func);

/// Finds a function; `wasmaot_sym`.
///
/// # Safety
/// As the header says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasmaot_sym(
    process: *mut wasmaot_process,
    library: *const wasmaot_library,
    name: *const c_char,
) -> *mut wasmaot_function {
    let find = |process: &mut Process, _: &_| {
        // SAFETY: the header: an open library.
        let library = unsafe { border::reference(library, "library") }?;
        // SAFETY: the header: a string.
        let name = unsafe { border::string(name, "name") }?;
        let func = library.instance.func(process, name).map_err(text)?;
        Ok(wasmaot_function(func))
    };
    // SAFETY: the header: the process is alive.
    border::new(|| unsafe { process::with(process, find) })
}

/// Gives a function back; `wasmaot_function_free`.
///
/// # Safety
/// As the header says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasmaot_function_free(function: *mut wasmaot_function) {
    // SAFETY: the header: found by `wasmaot_sym` and given up now.
    unsafe { border::free(function) };
}

/// Calls a function; `wasmaot_call`.
///
/// # Safety
/// As the header says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasmaot_call(
    process: *mut wasmaot_process,
    function: *const wasmaot_function,
    args: *const wasmaot_value,
    count: usize,
    results: *mut wasmaot_value,
    room: usize,
) -> c_int {
    let call = |process: &mut Process| {
        // SAFETY: the header: a function, arrays of as many values as is said.
        unsafe { call(process, function, (args, count), (results, room)) }
    };
    // SAFETY: the header: the process is alive.
    unsafe { process::status(process, call) }
}

/// Calls a function in a process or from a host function.
///
/// # Safety
/// The function is null or one that has been found; the arrays are null or have
/// as many values as is said, and the one of the results is the caller's alone.
pub(crate) unsafe fn call(
    process: &mut impl Context,
    function: *const wasmaot_function,
    (args, count): (*const wasmaot_value, usize),
    (results, room): (*mut wasmaot_value, usize),
) -> Result<(), Text> {
    // SAFETY: the caller's contract.
    let function = unsafe { border::reference(function, "function") }?;
    // SAFETY: the caller's contract. The slice is gone before that of the
    // results is made, which may be the same values.
    let args = value::to_vals(unsafe { border::slice(args, count, "args") }?)?;
    // Nothing runs for somebody who has no room for what comes of it.
    let wanted = function.0.ty(process).map_err(text)?.results.len();
    if wanted != room {
        return Err(format!(
            "it has {wanted} results, and there is room for {room}"
        ));
    }
    let vals = function.0.call(process, &args).map_err(text)?;
    // SAFETY: the caller's contract.
    let results = unsafe { border::slice_mut(results, room, "results") }?;
    value::put(results, &vals)
}
