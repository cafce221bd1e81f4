//! Stopping a process from another thread.

use std::ffi::c_int;
use std::time::Duration;

use wasmaot::Interrupter;

use crate::border;
use crate::process::{self, wasmaot_process};

/// `wasmaot_interrupter`.
pub struct wasmaot_interrupter(Interrupter);

/// Makes an interrupter; `wasmaot_interrupter_new`.
///
/// # Safety
/// As the header says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasmaot_interrupter_new(
    process: *mut wasmaot_process,
) -> *mut wasmaot_interrupter {
    // SAFETY: the header: the process is alive.
    border::new(|| unsafe {
        process::with(process, |process, _| {
            Ok(wasmaot_interrupter(process.interrupter()))
        })
    })
}

/// Gives an interrupter back; `wasmaot_interrupter_free`.
///
/// # Safety
/// As the header says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasmaot_interrupter_free(interrupter: *mut wasmaot_interrupter) {
    // SAFETY: the header: made by `wasmaot_interrupter_new` and given up now.
    unsafe { border::free(interrupter) };
}

/// Asks the process to stop; `wasmaot_interrupt`.
///
/// # Safety
/// As the header says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasmaot_interrupt(interrupter: *const wasmaot_interrupter) -> c_int {
    border::status(|| {
        // SAFETY: the header: alive, and shared by threads as it may be.
        let interrupter = unsafe { border::reference(interrupter, "interrupter") }?;
        interrupter.0.interrupt(Duration::ZERO);
        Ok(())
    })
}

/// Lets calls run again; `wasmaot_resume`.
///
/// # Safety
/// As the header says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasmaot_resume(interrupter: *const wasmaot_interrupter) -> c_int {
    border::status(|| {
        // SAFETY: the header: alive, and shared by threads as it may be.
        let interrupter = unsafe { border::reference(interrupter, "interrupter") }?;
        interrupter.0.resume();
        Ok(())
    })
}
