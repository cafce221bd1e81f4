//! The process itself: its end, its numbers, signals, names and limits. There
//! is one, with one thread, and nobody else.

use super::call::{Call, DONE};
use super::error::{Error, Result};
use super::numbers::Abi;
use super::time;
use crate::lock::lock;
use crate::memory::Span;
use crate::wait;
use wasmaot_runtime::HostError;

/// Process and thread.
const ID: i32 = 1;
/// User and group.
const USER: u64 = 1000;

/// `exit`, `exit_group`
pub(super) fn exit(call: &mut Call<'_>) -> Result {
    Err(Error::End(HostError::Exit(call.int(0))))
}

/// `getpid`, `gettid`, `set_tid_address` and the like
pub(super) fn id(_: &mut Call<'_>) -> Result {
    Ok(ID.cast_unsigned().into())
}

/// `getuid`, `getgid` and the like
pub(super) fn user(_: &mut Call<'_>) -> Result {
    Ok(USER)
}

/// What has nothing to do.
pub(super) const fn nothing(_: &mut Call<'_>) -> Result {
    DONE
}

/// `umask`: what it was, which is what it stays.
pub(super) const fn umask(_: &mut Call<'_>) -> Result {
    Ok(0o022)
}

/// `kill`, `tkill`
pub(super) fn kill(call: &mut Call<'_>) -> Result {
    signal(call.int(0), call.int(1))
}

/// `tgkill`
pub(super) fn tgkill(call: &mut Call<'_>) -> Result {
    signal(call.int(1), call.int(2))
}

/// Raises a signal. No handler is ever called, so a signal does what it does
/// to a process without any: nothing, or it ends the program as a shell reports
/// it, with 128 and the number. To stop the host's process is not for the
/// program.
fn signal(to: i32, number: i32) -> Result {
    /// CHLD, CONT, URG, WINCH.
    const IGNORED: [i32; 4] = [17, 18, 23, 28];
    if !matches!(to, ID | 0 | -1) {
        return Err(Error::ESRCH);
    }
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

/// `futex`
pub(super) fn futex(call: &mut Call<'_>) -> Result {
    wait_or_wake(call, false)
}

/// `futex_time64`
pub(super) fn futex64(call: &mut Call<'_>) -> Result {
    wait_or_wake(call, true)
}

/// Nobody waits, so nobody is woken, and nobody can wake who waits: time alone
/// ends that.
fn wait_or_wake(call: &mut Call<'_>, wide: bool) -> Result {
    const COMMAND: u32 = 0x7f;
    const WAIT: u32 = 0;
    const WAKE: u32 = 1;
    match call.uint(1) & COMMAND {
        WAKE => DONE,
        WAIT => {
            let (at, expected) = (call.uint(0), call.uint(2));
            if call.read_u32(at)? != expected {
                return Err(Error::EAGAIN);
            }
            if call.uint(3) == 0 {
                let why = format!("waits for the futex at {at:#x}, which nobody can wake");
                return Err(Error::End(HostError::Message(why)));
            }
            wait::sleep(time::span_at(call, 3, wide)?)?;
            Err(Error::ETIMEDOUT)
        }
        _ => Err(Error::ENOSYS),
    }
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
