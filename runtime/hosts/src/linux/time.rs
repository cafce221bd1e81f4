//! Clocks, sleeping, and times of files.

use std::time::{Duration, Instant};

use rustix::fs::{Timestamps, UTIME_NOW};
use rustix::time::{ClockId, Timespec, clock_getres as resolution, clock_gettime as now};

use super::call::{Call, DONE};
use super::error::{Error, Result};
use super::numbers::Abi;
use crate::beneath;
use crate::wait;

const NANOSECONDS: i64 = 1_000_000_000;
const AT_SYMLINK_NOFOLLOW: u32 = 0x100;
const TIMER_ABSTIME: u32 = 1;

/// The clock that an argument names.
fn clock(call: &Call<'_>, i: usize) -> Result<ClockId> {
    Ok(match call.int(i) {
        0 => ClockId::Realtime,
        1 => ClockId::Monotonic,
        2 => ClockId::ProcessCPUTime,
        3 => ClockId::ThreadCPUTime,
        4 => ClockId::MonotonicRaw,
        5 => ClockId::RealtimeCoarse,
        6 => ClockId::MonotonicCoarse,
        7 => ClockId::Boottime,
        _ => return Err(Error::EINVAL),
    })
}

/// Two words of a time: of 64 bits, or where i386 has them so, of 32.
fn words(call: &Call<'_>, wide: bool, [first, second]: [i64; 2]) -> Result<Vec<u8>> {
    if wide || call.abi == Abi::X86_64 {
        return Ok([first.to_le_bytes(), second.to_le_bytes()].concat());
    }
    let narrow = |value| i32::try_from(value).map_err(|_| Error::EOVERFLOW);
    let (first, second) = (narrow(first)?, narrow(second)?);
    Ok([first.to_le_bytes(), second.to_le_bytes()].concat())
}

/// Stores a time where an argument points.
fn store(call: &mut Call<'_>, i: usize, wide: bool, time: Timespec) -> Result {
    let bytes = words(call, wide, [time.tv_sec, time.tv_nsec])?;
    call.write_if(call.uint(i), &bytes)?;
    DONE
}

/// Reads a time that is of one of the widths. The upper half of i386's 64 bits
/// of nanoseconds is padding.
fn load(call: &mut Call<'_>, at: u32, wide: bool) -> Result<Timespec> {
    let (tv_sec, tv_nsec) = if wide || call.abi == Abi::X86_64 {
        let bytes: [u8; 16] = call.memory().read(at)?;
        let word = |i: usize| bytes[i..i + 8].try_into().map_err(|_| Error::EFAULT);
        let mut nanoseconds = i64::from_le_bytes(word(8)?);
        if call.abi == Abi::I386 {
            nanoseconds &= 0xffff_ffff;
        }
        (i64::from_le_bytes(word(0)?), nanoseconds)
    } else {
        let (first, second) = (call.read_u32(at)?, call.read_u32(at.wrapping_add(4))?);
        (first.cast_signed().into(), second.cast_signed().into())
    };
    Ok(Timespec { tv_sec, tv_nsec })
}

/// `clock_gettime`
pub(super) fn clock_gettime(call: &mut Call<'_>) -> Result {
    let time = now(clock(call, 0)?);
    store(call, 1, false, time)
}

/// `clock_gettime64`
pub(super) fn clock_gettime64(call: &mut Call<'_>) -> Result {
    let time = now(clock(call, 0)?);
    store(call, 1, true, time)
}

/// `clock_getres`
pub(super) fn clock_getres(call: &mut Call<'_>) -> Result {
    let time = resolution(clock(call, 0)?);
    store(call, 1, false, time)
}

/// `clock_getres_time64`
pub(super) fn clock_getres64(call: &mut Call<'_>) -> Result {
    let time = resolution(clock(call, 0)?);
    store(call, 1, true, time)
}

/// `gettimeofday`
pub(super) fn gettimeofday(call: &mut Call<'_>) -> Result {
    let time = now(ClockId::Realtime);
    let bytes = words(call, false, [time.tv_sec, time.tv_nsec / 1000])?;
    call.write_if(call.uint(0), &bytes)?;
    call.write_if(call.uint(1), &[0; 8])?;
    DONE
}

/// `time`
pub(super) fn time(call: &mut Call<'_>) -> Result {
    let seconds = now(ClockId::Realtime).tv_sec;
    let at = call.uint(0);
    match call.abi {
        Abi::I386 => {
            let seconds = i32::try_from(seconds).map_err(|_| Error::EOVERFLOW)?;
            call.write_if(at, &seconds.to_le_bytes())?;
        }
        Abi::X86_64 => call.write_if(at, &seconds.to_le_bytes())?,
    }
    Ok(seconds.cast_unsigned())
}

/// A span of time.
fn span(time: Timespec) -> Result<Duration> {
    let seconds = u64::try_from(time.tv_sec).map_err(|_| Error::EINVAL)?;
    if !(0..NANOSECONDS).contains(&time.tv_nsec) {
        return Err(Error::EINVAL);
    }
    Ok(Duration::from_secs(seconds) + Duration::from_nanos(time.tv_nsec.cast_unsigned()))
}

/// The time that an argument points to, as a span.
pub(super) fn span_at(call: &mut Call<'_>, i: usize, wide: bool) -> Result<Duration> {
    let at = call.uint(i);
    span(load(call, at, wide)?)
}

/// The same; null for none.
pub(super) fn timeout(call: &mut Call<'_>, i: usize, wide: bool) -> Result<Option<Duration>> {
    match call.uint(i) {
        0 => Ok(None),
        at => span(load(call, at, wide)?).map(Some),
    }
}

/// The same as a time of a clock.
pub(super) fn deadline(
    call: &mut Call<'_>,
    i: usize,
    wide: bool,
    clock: ClockId,
) -> Result<Option<Instant>> {
    let Some(at) = timeout(call, i, wide)? else {
        return Ok(None);
    };
    Ok(Some(after(at.saturating_sub(span(now(clock))?))))
}

/// When a time from now is over. What the system cannot count is far away.
pub(super) fn after(time: Duration) -> Instant {
    const FAR: Duration = Duration::from_secs(u32::MAX as u64);
    let now = Instant::now();
    now.checked_add(time).unwrap_or(now + FAR)
}

/// A span of seconds and microseconds where an argument points, of which there may be more than a
/// second's.
pub(super) fn microseconds(call: &mut Call<'_>, i: usize) -> Result<Option<Duration>> {
    let at = call.uint(i);
    if at == 0 {
        return Ok(None);
    }
    let time = load(call, at, false)?;
    let word = |word: i64| u64::try_from(word).map_err(|_| Error::EINVAL);
    let (seconds, rest) = (word(time.tv_sec)?, word(time.tv_nsec)?);
    Ok(Some(
        Duration::from_secs(seconds).saturating_add(Duration::from_micros(rest)),
    ))
}

/// `nanosleep`
pub(super) fn nanosleep(call: &mut Call<'_>) -> Result {
    let time = span_at(call, 0, false)?;
    sleep(call, time, 1, false)
}

/// Sleeps for a time. What is left of it when the thread is cancelled is stored where an
/// argument points.
fn sleep(call: &mut Call<'_>, time: Duration, rest: usize, wide: bool) -> Result {
    let start = Instant::now();
    let slept = wait::sleep(time);
    if slept.is_err() {
        let left = time.saturating_sub(start.elapsed());
        let left = Timespec {
            tv_sec: i64::try_from(left.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: left.subsec_nanos().into(),
        };
        store(call, rest, wide, left)?;
    }
    slept?;
    DONE
}

/// `clock_nanosleep`
pub(super) fn clock_nanosleep(call: &mut Call<'_>) -> Result {
    sleep_by(call, false)
}

/// `clock_nanosleep_time64`
pub(super) fn clock_nanosleep64(call: &mut Call<'_>) -> Result {
    sleep_by(call, true)
}

fn sleep_by(call: &mut Call<'_>, wide: bool) -> Result {
    let clock = clock(call, 0)?;
    let wanted = span_at(call, 2, wide)?;
    if call.uint(1) & TIMER_ABSTIME == 0 {
        return sleep(call, wanted, 3, wide);
    }
    wait::sleep(wanted.saturating_sub(span(now(clock))?))?;
    DONE
}

/// `utimensat`
pub(super) fn utimensat(call: &mut Call<'_>) -> Result {
    set_times(call, false)
}

/// `utimensat_time64`
pub(super) fn utimensat64(call: &mut Call<'_>) -> Result {
    set_times(call, true)
}

/// Sets the times of a path or, without one, of an open file.
fn set_times(call: &mut Call<'_>, wide: bool) -> Result {
    let times = times(call, wide)?;
    if call.uint(1) == 0 {
        let open = call.file(0)?;
        if open.read_only {
            return Err(Error::EROFS);
        }
        let fd = open.host_fd().ok_or(Error::EINVAL)?;
        rustix::fs::futimens(fd, &times)?;
        return DONE;
    }
    let resolved = call.resolve_argument_at(0, 1)?;
    let follow = call.uint(3) & AT_SYMLINK_NOFOLLOW == 0;
    beneath::set_times(resolved.dir_to_change()?, resolved.path(), follow, &times)?;
    DONE
}

/// The two times of a call; none means now.
fn times(call: &mut Call<'_>, wide: bool) -> Result<Timestamps> {
    let at = call.uint(2);
    let special = |tv_nsec| Timespec { tv_sec: 0, tv_nsec };
    if at == 0 {
        return Ok(Timestamps {
            last_access: special(UTIME_NOW),
            last_modification: special(UTIME_NOW),
        });
    }
    let size = if wide || call.abi == Abi::X86_64 {
        16
    } else {
        8
    };
    Ok(Timestamps {
        last_access: load(call, at, wide)?,
        last_modification: load(call, at.wrapping_add(size), wide)?,
    })
}
