//! Host functions that are C functions.

use std::ffi::{c_char, c_int, c_void};
use std::ptr;

use wasmaot::{Caller, FuncType, HostError, Hosts, Process, Val};

use crate::border::{self, Text};
use crate::function::{self, wasmaot_function};
use crate::process::{self, wasmaot_process};
use crate::value::{self, wasmaot_value};

/// `wasmaot_caller`: what a callback is given, on the stack of the call.
pub struct wasmaot_caller {
    /// The caller that the call of the callback has, alone, while it runs.
    caller: *mut Caller<'static, ()>,
    /// What the callback says of the error that it is going to return.
    failure: Option<Text>,
}

/// `wasmaot_callback`.
type Callback = unsafe extern "C" fn(
    *mut wasmaot_caller,
    *mut c_void,
    *const wasmaot_value,
    usize,
    *mut wasmaot_value,
    usize,
) -> c_int;

/// Called with the data of a host function that is gone.
type Finalise = unsafe extern "C" fn(*mut c_void);

/// A callback with its data.
struct Body {
    callback: Callback,
    data: *mut c_void,
    finalise: Option<Finalise>,
}

// SAFETY: the header: a callback and the finaliser are called on whatever thread
// uses the process or frees it; it is for them that data is there.
unsafe impl Send for Body {}
// SAFETY: the header: it is one process's, whose calls are one at a time, unless
// `max_threads` was set: then the callback is fit for several threads.
unsafe impl Sync for Body {}

impl Drop for Body {
    fn drop(&mut self) {
        if let Some(finalise) = self.finalise {
            // SAFETY: the header: a function that takes the data, once.
            unsafe { finalise(self.data) };
        }
    }
}

impl Body {
    fn call(
        &self,
        caller: &mut Caller<'_, ()>,
        args: &[Val],
        results: &mut [Val],
    ) -> Result<(), HostError> {
        let message = HostError::Message;
        let given = value::of_vals(args).map_err(message)?;
        let mut answers = value::of_vals(results).map_err(message)?;
        let mut border = wasmaot_caller {
            caller: ptr::from_mut(caller).cast(),
            failure: None,
        };
        // SAFETY: the header: a function of this type, which returns. Both arrays
        // are this call's own, and so is the caller, whose pointer is of no use
        // once it has returned.
        let status = unsafe {
            (self.callback)(
                &raw mut border,
                self.data,
                given.as_ptr(),
                given.len(),
                answers.as_mut_ptr(),
                answers.len(),
            )
        };
        if status != 0 {
            let text = border.failure.take();
            let text = text.unwrap_or_else(|| format!("the host function failed ({status})"));
            return Err(message(text));
        }
        results.copy_from_slice(&value::to_vals(&answers).map_err(message)?);
        Ok(())
    }
}

/// Defines a host function; `wasmaot_define`.
///
/// # Safety
/// As the header says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasmaot_define(
    process: *mut wasmaot_process,
    module: *const c_char,
    name: *const c_char,
    types: *const c_char,
    callback: Option<Callback>,
    data: *mut c_void,
    finalise: Option<Finalise>,
) -> c_int {
    let define = |process: &mut Process| {
        // SAFETY: the header: strings.
        let [module, name, types] = unsafe {
            [
                border::string(module, "module")?,
                border::string(name, "name")?,
                border::string(types, "types")?,
            ]
        };
        let callback = callback.ok_or_else(|| border::null("callback"))?;
        let (params, results) = types
            .split_once('>')
            .ok_or_else(|| format!("`{types}`: types are letters, `>`, letters"))?;
        let ty = FuncType::new(value::types(params)?, value::types(results)?);
        let body = Body {
            callback,
            data,
            finalise,
        };
        let mut hosts = Hosts::new();
        hosts.func_of_type(module, name, ty, move |caller, args, results| {
            body.call(caller, args, results)
        });
        process.add_hosts(&hosts);
        Ok(())
    };
    // SAFETY: the header: the process is alive.
    unsafe { process::status(process, define) }
}

/// The caller behind a pointer.
///
/// # Safety
/// The pointer is null, or a callback's that has not returned; no other
/// reference that this made is alive.
unsafe fn of<'a>(caller: *mut wasmaot_caller) -> Result<&'a mut Caller<'static, ()>, Text> {
    // SAFETY: the caller's contract.
    let caller = unsafe { border::place(caller, "caller") }?;
    // SAFETY: the call of the callback waits for it, and refers to nothing.
    Ok(unsafe { &mut *caller.caller })
}

/// The caller's memory; `wasmaot_caller_memory`.
///
/// # Safety
/// As the header says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasmaot_caller_memory(
    caller: *mut wasmaot_caller,
    bytes: *mut u64,
) -> *mut c_void {
    border::run(ptr::null_mut(), || {
        // SAFETY: the header: within the callback.
        let memory = unsafe { of(caller) }?.view();
        // SAFETY: the header: room for the size, or null.
        if let Ok(bytes) = unsafe { border::place(bytes, "bytes") } {
            *bytes = memory.len();
        }
        Ok(match memory.len() {
            0 => ptr::null_mut(),
            _ => memory.as_ptr().cast(),
        })
    })
}

/// Calls a function from a callback; `wasmaot_caller_call`.
///
/// # Safety
/// As the header says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasmaot_caller_call(
    caller: *mut wasmaot_caller,
    function: *const wasmaot_function,
    args: *const wasmaot_value,
    count: usize,
    results: *mut wasmaot_value,
    room: usize,
) -> c_int {
    border::status(|| {
        // SAFETY: the header: within the callback.
        let caller = unsafe { of(caller) }?;
        // SAFETY: the header: a function, arrays of as many values as is said.
        unsafe { function::call(caller, function, (args, count), (results, room)) }
    })
}

/// Says why a callback fails; `wasmaot_fail`.
///
/// # Safety
/// As the header says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasmaot_fail(caller: *mut wasmaot_caller, text: *const c_char) -> c_int {
    border::status(|| {
        // SAFETY: the header: within the callback.
        let caller = unsafe { border::place(caller, "caller") }?;
        // SAFETY: the header: a string.
        caller.failure = Some(unsafe { border::string(text, "text") }?.to_owned());
        Ok(())
    });
    -1
}
