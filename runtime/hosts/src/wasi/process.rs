//! The process itself: ending it, signals, giving way, randomness.

use super::call::Call;
use crate::errno::{Errno, Result};
use crate::memory::Span;
use wasmaot_runtime::HostError;

/// `proc_exit`
pub(super) fn proc_exit(_: &mut Call<'_>, code: u32) -> HostError {
    HostError::Exit(code.cast_signed())
}

/// `proc_raise`. A guest has no handlers, so a signal does what it does to a
/// process without any: nothing, or it ends the program as a shell reports it,
/// with 128 and the number. To stop the host's process is not for the guest.
pub(super) fn proc_raise(_: &mut Call<'_>, signal: u32) -> std::result::Result<Result, HostError> {
    let number = match signal {
        // None; and chld, cont, urg, winch, which are ignored.
        0 | 16 | 17 | 22 | 27 => return Ok(Ok(())),
        // stop, tstp, ttin, ttou.
        18..=21 => return Ok(Err(Errno::NOTSUP)),
        // Linux has one more signal (stkflt) before chld.
        1..=15 => signal,
        23..=30 => signal + 1,
        _ => return Ok(Err(Errno::INVAL)),
    };
    Err(HostError::Exit(128 + number.cast_signed()))
}

/// `sched_yield`
pub(super) fn sched_yield(_: &mut Call<'_>) -> Result {
    std::thread::yield_now();
    Ok(())
}

/// `random_get`
pub(super) fn random_get(cx: &mut Call<'_>, buffer: Span) -> Result {
    cx.memory().randomise(buffer)
}
