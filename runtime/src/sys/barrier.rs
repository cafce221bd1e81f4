//! A barrier between two threads of which one passes often and the other seldom.
//!
//! Each stores something and then loads what the other stores, and at least one
//! has to see the other's. That takes a full barrier on either side, which a
//! thread that passes every few nanoseconds feels. So the seldom one asks the
//! kernel to have every running thread of the process pass a barrier
//! (`membarrier`), and the often one keeps its compiler from changing the order.
//! A thread that does not run has passed one when it was switched out.
//!
//! If the kernel has no such call, both sides have a barrier of their own.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering, compiler_fence, fence};

/// Whether [`light`] has to be a barrier by itself. Set by [`prepare`], before any thread
/// relies on either.
static BOTH_SIDES: AtomicBool = AtomicBool::new(false);

/// Finds out what the kernel can do. To be called before [`light`].
pub(crate) fn prepare() {
    if !kernel_has_barrier() {
        BOTH_SIDES.store(true, Ordering::SeqCst);
    }
}

/// The side that passes often.
#[inline]
pub(crate) fn light() {
    if BOTH_SIDES.load(Ordering::Relaxed) {
        fence(Ordering::SeqCst);
    } else {
        compiler_fence(Ordering::SeqCst);
    }
}

/// The side that passes seldom.
pub(crate) fn heavy() {
    fence(Ordering::SeqCst);
    // A fork inherits the registration; if a kernel did not, it registers here.
    if kernel_has_barrier() && !private_expedited() {
        register();
        private_expedited();
    }
}

fn kernel_has_barrier() -> bool {
    static HAS: OnceLock<bool> = OnceLock::new();
    *HAS.get_or_init(|| register() && private_expedited())
}

fn register() -> bool {
    membarrier(libc::MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED)
}

fn private_expedited() -> bool {
    membarrier(libc::MEMBARRIER_CMD_PRIVATE_EXPEDITED)
}

fn membarrier(command: libc::c_int) -> bool {
    // SAFETY: a system call on numbers.
    unsafe { libc::syscall(libc::SYS_membarrier, command, 0, 0) == 0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicU32;

    /// Each side stores, passes and loads: never do both miss the other's store.
    #[test]
    fn one_side_sees_the_other() {
        prepare();
        let rounds = 2000;
        let (often, seldom) = (AtomicU32::new(0), AtomicU32::new(0));
        let (ready, done) = (AtomicU32::new(0), AtomicU32::new(0));
        let seen = AtomicU32::new(0);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                for round in 1..=rounds {
                    while ready.load(Ordering::Acquire) < round {
                        std::thread::yield_now();
                    }
                    often.store(round, Ordering::Relaxed);
                    light();
                    seen.store(seldom.load(Ordering::Relaxed), Ordering::Relaxed);
                    done.store(round, Ordering::Release);
                }
            });
            for round in 1..=rounds {
                ready.store(round, Ordering::Release);
                seldom.store(round, Ordering::Relaxed);
                heavy();
                let found = often.load(Ordering::Relaxed);
                while done.load(Ordering::Acquire) < round {
                    std::thread::yield_now();
                }
                let seen = seen.load(Ordering::Relaxed);
                assert!(found == round || seen == round, "round {round}");
            }
        });
    }
}
