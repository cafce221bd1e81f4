//! Clocks.

use rustix::time::{ClockId, Timespec, clock_getres, clock_gettime};

use super::call::Call;
use crate::errno::{Errno, Result};

/// `clock_res_get`
pub(super) fn clock_res_get(cx: &mut Call<'_>, id: u32, out: u32) -> Result {
    let resolution = nanoseconds(clock_getres(clock(id)?))?;
    cx.memory().write_u64(out, resolution)
}

/// `clock_time_get`
pub(super) fn clock_time_get(cx: &mut Call<'_>, id: u32, _precision: u64, out: u32) -> Result {
    let time = now(clock(id)?)?;
    cx.memory().write_u64(out, time)
}

/// The host's clock of a `clockid`.
pub(super) const fn clock(id: u32) -> Result<ClockId> {
    match id {
        0 => Ok(ClockId::Realtime),
        1 => Ok(ClockId::Monotonic),
        2 => Ok(ClockId::ProcessCPUTime),
        3 => Ok(ClockId::ThreadCPUTime),
        _ => Err(Errno::INVAL),
    }
}

/// The time of a clock.
pub(super) fn now(clock: ClockId) -> Result<u64> {
    nanoseconds(clock_gettime(clock))
}

fn nanoseconds(time: Timespec) -> Result<u64> {
    let total = i128::from(time.tv_sec) * 1_000_000_000 + i128::from(time.tv_nsec);
    u64::try_from(total).map_err(|_| Errno::OVERFLOW)
}
