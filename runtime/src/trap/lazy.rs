//! The Rust side of binding a function at its first call.

use std::panic::{AssertUnwindSafe, catch_unwind};

use super::call;
use super::dispatch::panic_text;
use crate::host::HostError;

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
