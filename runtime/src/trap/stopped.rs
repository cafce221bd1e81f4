//! What a trap keeps of the threads that it stopped, for a core dump.

use std::sync::Arc;

use wasmaot_abi::trap::TrapCode;

use super::Trap;
use super::call::Site;

/// A process where it stopped.
#[derive(Debug)]
pub(crate) struct Stopped {
    /// The signal that a native program would have died of.
    pub signal: i32,
    /// The thread that stopped it.
    pub site: Site,
    /// The numbers of other threads, and where these were when they were told.
    pub others: Vec<(u32, Box<Site>)>,
}

impl Stopped {
    pub(super) fn new(site: Site, code: Option<TrapCode>) -> Self {
        let signal = match code {
            Some(TrapCode::MemoryOutOfBounds | TrapCode::StackOverflow) => libc::SIGSEGV,
            Some(TrapCode::IntegerDivideByZero | TrapCode::IntegerOverflow) => libc::SIGFPE,
            Some(TrapCode::Unreachable) => libc::SIGILL,
            _ => libc::SIGABRT,
        };
        Self {
            signal,
            site,
            others: Vec::new(),
        }
    }

    /// What a trap has kept.
    pub fn of(trap: &Trap) -> Option<&Self> {
        trap.stopped.as_deref()?.downcast_ref()
    }

    /// Adds other threads to what a trap keeps that nobody else has yet.
    pub fn add(trap: &mut Trap, others: Vec<(u32, Box<Site>)>) {
        let stopped = trap.stopped.as_mut().and_then(Arc::get_mut);
        if let Some(stopped) = stopped.and_then(|any| any.downcast_mut::<Self>()) {
            stopped.others = others;
        }
    }
}
