//! Threads, as the proposal `wasi-threads` has them.

use wasmaot_runtime::{HostError, SpawnError, ThreadEntry, ThreadStart};

use super::call::Call;
use crate::errno::Errno;

/// What a new thread calls, with its number and the argument.
const START: &str = "wasi_thread_start";

/// `thread-spawn`: the new thread's number, or where there can be no more an error
/// number below zero. A program that no thread can ever begin in ends with the reason.
pub(super) fn spawn(cx: &mut Call<'_>, arg: i32) -> Result<i32, HostError> {
    let start = ThreadStart::new(ThreadEntry::Export {
        name: START.to_owned(),
        arg,
    });
    match cx.caller.spawn(start) {
        // Numbers of threads end far below the sign.
        Ok(number) => Ok(number.cast_signed()),
        Err(error @ (SpawnError::NotShared | SpawnError::Entry(_))) => {
            Err(HostError::Message(format!("thread-spawn: {error}")))
        }
        Err(SpawnError::Trap(trap)) => Err(trap.into()),
        Err(_) => {
            let Errno(number) = Errno::AGAIN;
            Ok(-i32::from(number))
        }
    }
}
