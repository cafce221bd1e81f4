//! What a trap keeps of the thread that it stopped, for a core dump.

use wasmaot_abi::trap::TrapCode;

use super::Trap;
use super::call::Site;
use crate::arch::Registers;

/// A thread where it stopped.
#[derive(Debug)]
pub(crate) struct Stopped {
    pub registers: Registers,
    /// The signal that a native program would have died of.
    pub signal: i32,
    /// Address of `stack[0]`.
    pub stack_start: u64,
    pub stack: Vec<u64>,
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
            registers: site.registers,
            signal,
            stack_start: site.stack_start,
            stack: site.stack,
        }
    }

    /// What a trap has kept.
    pub fn of(trap: &Trap) -> Option<&Self> {
        trap.stopped.as_deref()?.downcast_ref()
    }
}
