//! What a trap keeps of the threads that it stopped, for a core dump.

use std::any::Any;
use std::sync::Arc;

use wasmaot_abi::trap::TrapCode;

use super::call::Site;
use super::{Trap, TrapReason};

/// A process where it stopped.
#[derive(Debug)]
pub(crate) struct Stopped {
    /// The signal that a native program would have died of.
    pub signal: i32,
    /// The thread that stopped it: its entries into wasm code, the innermost first.
    pub entries: Vec<Site>,
    /// The numbers of other threads, and where these were when they were told.
    pub others: Vec<(u32, Box<Site>)>,
}

impl Stopped {
    /// Has a trap keep an entry into wasm code that it has ended: the innermost, or one
    /// further out, whose host function has passed the trap on.
    pub(super) fn keep(trap: &mut Trap, site: Site) {
        match &mut trap.stopped {
            Some(stopped) => {
                if let Some(stopped) = Self::unshared(stopped) {
                    stopped.entries.push(site);
                }
            }
            None => {
                let signal = match trap.reason {
                    TrapReason::Code(code) => signal_of(code),
                    _ => libc::SIGABRT,
                };
                let (entries, others) = (vec![site], Vec::new());
                trap.stopped = Some(Arc::new(Self {
                    signal,
                    entries,
                    others,
                }));
            }
        }
    }

    /// What a trap has kept, if nobody else has a copy of it.
    fn unshared(stopped: &mut Arc<dyn Any + Send + Sync>) -> Option<&mut Self> {
        Arc::get_mut(stopped)?.downcast_mut()
    }

    /// What a trap has kept.
    pub fn of(trap: &Trap) -> Option<&Self> {
        trap.stopped.as_deref()?.downcast_ref()
    }

    /// Adds other threads to what a trap keeps that nobody else has yet.
    pub fn add(trap: &mut Trap, others: Vec<(u32, Box<Site>)>) {
        if let Some(stopped) = trap.stopped.as_mut().and_then(Self::unshared) {
            stopped.others = others;
        }
    }

    /// Where the threads were, each in its entries.
    pub fn sites(&self) -> impl Iterator<Item = &Site> {
        let others = self.others.iter().map(|(_, site)| &**site);
        self.entries.iter().chain(others)
    }
}

/// The signal that a native program would have died of.
const fn signal_of(code: TrapCode) -> i32 {
    match code {
        TrapCode::MemoryOutOfBounds | TrapCode::StackOverflow => libc::SIGSEGV,
        TrapCode::IntegerDivideByZero | TrapCode::IntegerOverflow => libc::SIGFPE,
        TrapCode::Unreachable => libc::SIGILL,
        _ => libc::SIGABRT,
    }
}
