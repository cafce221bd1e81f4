//! The Rust side of binding a function at its first call.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::current;
use crate::host::{HostError, no_process};
use crate::process::Claim;

/// Address of the function that binds a function, for
/// [`ThreadBlock::bind`](wasmaot_abi::context::ThreadBlock).
pub(crate) fn bind_address() -> u64 {
    bind as *const () as u64
}

/// Binds the slot of a number. Called by `arch` on the host stack.
///
/// # Safety
/// `number` must be that of the stub that compiled code has called.
unsafe extern "C" fn bind(_base: u64, number: u64) -> u64 {
    answer(|| {
        // SAFETY: there is no other of this call, and it is dropped at the end.
        let mut claim = unsafe { Claim::of_caller() };
        let process = claim.process_mut().ok_or_else(no_process)?;
        (process.hosts.hooks.bind)(process, number)
    })
}

/// What `arch` goes on with: the address of a function, or 0 with the error
/// recorded for `call`.
pub(super) fn answer(find: impl FnOnce() -> Result<u64, HostError>) -> u64 {
    // Whatever a panic leaves behind half-done is not looked at: the call into
    // wasm code ends.
    let found = catch_unwind(AssertUnwindSafe(find)).unwrap_or_else(|panic| {
        let text = panic_text(&*panic);
        Err(HostError::Message(format!(
            "binding a function panicked: {text}"
        )))
    });
    found.unwrap_or_else(|error| {
        current::record_host_error(error);
        0
    })
}

pub(crate) fn panic_text(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no message")
}
