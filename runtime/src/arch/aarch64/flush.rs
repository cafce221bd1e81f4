//! Making written code visible where it is executed.

use std::arch::asm;
use std::ops::Range;

/// Has what was written to addresses be what is executed there, by every thread of the
/// process. To be called after writing, before anything jumps there.
pub(crate) fn flush_code(range: Range<u64>) {
    if range.is_empty() {
        return;
    }
    let types: u64;
    // SAFETY: reads what the caches are like, which user space may.
    unsafe {
        asm!("mrs {}, ctr_el0", out(reg) types, options(nomem, nostack, preserves_flags));
    }
    // Words of a line, as powers of two: of data caches and instruction caches.
    let (data, code) = (4 << (types >> 16 & 15), 4 << (types & 15));
    for line in lines(&range, data) {
        // SAFETY: writes a line of mapped memory back, which changes nothing of it.
        unsafe { asm!("dc cvau, {}", in(reg) line, options(nostack, preserves_flags)) };
    }
    // SAFETY: waits for what is above.
    unsafe { asm!("dsb ish", options(nostack, preserves_flags)) };
    for line in lines(&range, code) {
        // SAFETY: forgets a line of an instruction cache, in all CPUs.
        unsafe { asm!("ic ivau, {}", in(reg) line, options(nostack, preserves_flags)) };
    }
    // SAFETY: waits for that, and forgets what this CPU has fetched.
    unsafe { asm!("dsb ish", "isb", options(nostack, preserves_flags)) };
    publish_code();
}

/// The lines of a cache, of so many bytes each, that a range is in.
fn lines(range: &Range<u64>, bytes: u64) -> impl Iterator<Item = u64> + use<> {
    let first = range.start & !(bytes - 1);
    (first..range.end).step_by(bytes as usize)
}

/// Has other threads of the process pass a barrier and forget what their CPUs have
/// fetched. To be called when code and its data are complete, before those threads can
/// find its address: what runs there was reached by plain loads and a branch, which
/// order nothing. A kernel that cannot do it (before 4.16) has them pass one at the next
/// change of threads.
pub(crate) fn publish_code() {
    const REGISTER: libc::c_int = libc::MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_SYNC_CORE;
    const FLUSH: libc::c_int = libc::MEMBARRIER_CMD_PRIVATE_EXPEDITED_SYNC_CORE;
    let barrier = |command: libc::c_int| {
        // SAFETY: a system call on numbers.
        unsafe { libc::syscall(libc::SYS_membarrier, command, 0, 0) == 0 }
    };
    // Who has not registered is refused, as after a fork.
    let _ = barrier(FLUSH) || barrier(REGISTER) && barrier(FLUSH);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_of_a_range_is_flushed() {
        let all = |range, bytes| lines(&range, bytes).collect::<Vec<_>>();
        assert_eq!(all(0..1, 64), [0]);
        assert_eq!(all(63..65, 64), [0, 64]);
        assert_eq!(all(64..128, 64), [64]);
    }
}
