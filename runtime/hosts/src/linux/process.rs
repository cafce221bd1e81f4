//! The process itself: its end, its numbers, signals, names and limits. There
//! is one, and nobody else.

use std::time::Duration;

use super::call::{Call, DONE};
use super::error::{Error, Result};
use super::numbers::Abi;
use crate::lock::lock;
use crate::memory::Span;
use crate::wait;
use wasmaot_runtime::HostError;

/// The process.
const ID: i32 = super::thread::MAIN.cast_signed();
/// User and group.
const USER: u64 = 1000;

/// `exit_group`
pub(super) fn exit_group(call: &mut Call<'_>) -> Result {
    Err(Error::End(HostError::Exit(call.int(0))))
}

/// `getpid` and the like
pub(super) fn id(_: &mut Call<'_>) -> Result {
    Ok(ID.cast_unsigned().into())
}

/// `getuid`, `getgid` and the like
pub(super) fn user(_: &mut Call<'_>) -> Result {
    Ok(USER)
}

/// `pause`: until the thread is cancelled.
pub(super) fn pause(_: &mut Call<'_>) -> Result {
    wait::sleep(Duration::MAX)?;
    Err(Error::EINTR)
}

/// What has nothing to do.
pub(super) const fn nothing(_: &mut Call<'_>) -> Result {
    DONE
}

/// `umask`: what it was, which is what it stays.
pub(super) const fn umask(_: &mut Call<'_>) -> Result {
    Ok(0o022)
}

/// `kill`
pub(super) fn kill(call: &mut Call<'_>) -> Result {
    match call.int(0) {
        ID | 0 | -1 => raise(call.int(1)),
        _ => Err(Error::ESRCH),
    }
}

/// Raises a signal. No handler is ever called, so a signal does what it does
/// to a process without any: nothing, or it ends the program as a shell reports
/// it, with 128 and the number. To stop the host's process is not for the
/// program.
pub(super) fn raise(number: i32) -> Result {
    /// CHLD, CONT, URG, WINCH.
    const IGNORED: [i32; 4] = [17, 18, 23, 28];
    match number {
        0 => DONE,
        // STOP, TSTP, TTIN, TTOU.
        19..=22 => Err(Error::EPERM),
        _ if IGNORED.contains(&number) => DONE,
        1..=64 => Err(Error::End(HostError::Exit(128 + number))),
        _ => Err(Error::EINVAL),
    }
}

/// `rt_sigprocmask`: nothing is blocked.
pub(super) fn rt_sigprocmask(call: &mut Call<'_>) -> Result {
    call.write_if(call.uint(2), &[0; 8])?;
    DONE
}

/// `rt_sigaction`: every signal has its default action.
pub(super) fn rt_sigaction(call: &mut Call<'_>) -> Result {
    // Handler, flags, restorer; two words of mask.
    let record: &[u8] = match call.abi {
        Abi::I386 => &[0; 20],
        Abi::X86_64 => &[0; 32],
    };
    call.write_if(call.uint(2), record)?;
    DONE
}

/// `uname`
pub(super) fn uname(call: &mut Call<'_>) -> Result {
    const FIELD: usize = 65;
    let fields = [
        "Linux",
        "localhost",
        "5.10.0",
        concat!("wasmaot ", env!("CARGO_PKG_VERSION")),
        "wasm32",
        "(none)",
    ];
    let mut record = [0; 6 * FIELD];
    for (target, text) in record.chunks_mut(FIELD).zip(fields) {
        target[..text.len()].copy_from_slice(text.as_bytes());
    }
    call.write(call.uint(0), &record)?;
    DONE
}

/// `getrandom`
pub(super) fn getrandom(call: &mut Call<'_>) -> Result {
    let span = Span {
        ptr: call.uint(0),
        len: call.uint(1),
    };
    call.memory().randomise(span)?;
    Ok(span.len.into())
}

/// `getrlimit`, `ugetrlimit`
pub(super) fn getrlimit(call: &mut Call<'_>) -> Result {
    let limit = limit(call, call.int(0));
    let word = limit.to_le_bytes();
    let record = match call.abi {
        Abi::I386 => [&word[..4], &word[..4]].concat(),
        Abi::X86_64 => [word, word].concat(),
    };
    call.write(call.uint(1), &record)?;
    DONE
}

/// The limit of a resource: there is one of open files.
fn limit(call: &Call<'_>, resource: i32) -> u64 {
    const NOFILE: i32 = 7;
    match resource {
        NOFILE => lock(&call.state.table).max() as u64,
        _ => u64::MAX,
    }
}

/// `prlimit64`: none can be set.
pub(super) fn prlimit64(call: &mut Call<'_>) -> Result {
    if !matches!(call.int(0), 0 | ID) {
        return Err(Error::ESRCH);
    }
    if call.uint(2) != 0 {
        return Err(Error::EPERM);
    }
    let word = limit(call, call.int(1)).to_le_bytes();
    call.write_if(call.uint(3), &[word, word].concat())?;
    DONE
}
