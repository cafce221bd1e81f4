//! Futexes: waiting for a word of memory, and waking who waits. Those of one
//! process and those that processes share are the same: there is one process.

use std::time::Instant;

use rustix::time::ClockId;
use wasmaot_runtime::{AccessError, HostError, Parked};

use super::call::Call;
use super::error::{Error, Result};
use super::time;
use crate::wait::is_cancelled;

/// Every waiter is meant.
pub(super) const ANY: u32 = u32::MAX;

const WAIT: u32 = 0;
const WAKE: u32 = 1;
const REQUEUE: u32 = 3;
const CMP_REQUEUE: u32 = 4;
const WAIT_BITSET: u32 = 9;
const WAKE_BITSET: u32 = 10;
const PRIVATE: u32 = 128;
/// The time is one of that clock, for waits until a time.
const CLOCK_REALTIME: u32 = 256;

/// `futex`
pub(super) fn futex(call: &mut Call<'_>) -> Result {
    operate(call, false)
}

/// `futex_time64`
pub(super) fn futex64(call: &mut Call<'_>) -> Result {
    operate(call, true)
}

/// The operations, but those on locks that inherit priorities.
fn operate(call: &mut Call<'_>, wide: bool) -> Result {
    let (at, operation, value) = (call.uint(0), call.uint(1), call.uint(2));
    let clock = match operation & CLOCK_REALTIME {
        0 => ClockId::Monotonic,
        _ => ClockId::Realtime,
    };
    match operation & !(PRIVATE | CLOCK_REALTIME) {
        WAIT if clock == ClockId::Monotonic => {
            let deadline = time::timeout(call, 3, wide)?.map(time::after);
            wait(call, at, value, ANY, deadline)
        }
        WAIT_BITSET => {
            let deadline = time::deadline(call, 3, wide, clock)?;
            wait(call, at, value, call.uint(5), deadline)
        }
        WAKE if clock == ClockId::Monotonic => wake(call, at, ANY, value),
        WAKE_BITSET if clock == ClockId::Monotonic => wake(call, at, call.uint(5), value),
        REQUEUE if clock == ClockId::Monotonic => requeue(call, None),
        CMP_REQUEUE if clock == ClockId::Monotonic => requeue(call, Some(call.uint(5))),
        _ => Err(Error::ENOSYS),
    }
}

/// Refuses what is no word.
fn check(call: &mut Call<'_>, at: u32) -> Result<u32> {
    call.caller
        .view()
        .load_u32(at.into())
        .map_err(|error| match error {
            AccessError::Unaligned { .. } => Error::EINVAL,
            _ => Error::EFAULT,
        })
}

/// Waits until a deadline; without one, for ever.
fn wait(
    call: &mut Call<'_>,
    at: u32,
    expected: u32,
    bits: u32,
    deadline: Option<Instant>,
) -> Result {
    if bits == 0 {
        return Err(Error::EINVAL);
    }
    let found = check(call, at)?;
    if deadline.is_none() && found == expected && !call.caller.view().is_shared() {
        let why = format!("waits for the futex at {at:#x}, which nobody can wake");
        return Err(Error::End(HostError::Message(why)));
    }
    let parked = call.caller.park(at, expected, bits, deadline, is_cancelled);
    match parked.ok_or(Error::EFAULT)? {
        Parked::Woken => Ok(0),
        Parked::Differs => Err(Error::EAGAIN),
        Parked::TimedOut => Err(Error::ETIMEDOUT),
        Parked::Stopped => Err(Error::EINTR),
    }
}

/// Wakes; at least one, as the kernel does.
fn wake(call: &mut Call<'_>, at: u32, bits: u32, count: u32) -> Result {
    if bits == 0 {
        return Err(Error::EINVAL);
    }
    check(call, at)?;
    let count = count.cast_signed().max(1).cast_unsigned();
    let woken = call.caller.unpark(at, bits, count);
    Ok(woken.ok_or(Error::EFAULT)?.into())
}

/// Wakes some and has others wait for another word; how many of either.
fn requeue(call: &mut Call<'_>, expected: Option<u32>) -> Result {
    let (from, to) = (call.uint(0), call.uint(4));
    let count = |number: i32| u32::try_from(number).map_err(|_| Error::EINVAL);
    let counts = (count(call.int(2))?, count(call.int(3))?);
    check(call, from)?;
    check(call, to)?;
    let done = call.caller.requeue((from, to), counts, expected);
    let (woken, moved) = done.ok_or(Error::EFAULT)?.ok_or(Error::EAGAIN)?;
    Ok(u64::from(woken) + u64::from(moved))
}
