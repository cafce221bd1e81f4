//! The Rust side of binding a function at its first call.

use std::panic::{AssertUnwindSafe, catch_unwind};

use super::call;
use super::dispatch::{panic_text, process};
use crate::host::{HostError, no_process};

/// Address of the function that binds a function, for
/// [`ThreadBlock::bind`](wasmaot_abi::context::ThreadBlock).
pub(crate) fn bind_address() -> u64 {
    bind as *const () as u64
}

/// Binds the slot of a number. Called by `arch` on the host stack.
///
/// # Safety
/// `base` must be the caller's pinned register, `number` that of its stub.
unsafe extern "C" fn bind(base: u64, number: u64) -> u64 {
    answer(|| {
        // SAFETY: wasm code of a process runs on this thread, with the context
        // of one of its domains below its base, and stands in this call.
        let process = unsafe { process(base) }.ok_or_else(no_process)?;
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
        call::record_host_error(error);
        0
    })
}
