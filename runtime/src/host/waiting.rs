//! Waiting for words of the program's memory, as futexes do.

use std::time::Instant;

use super::Caller;
use crate::process::park::{self, Parked};
use crate::sys::GuestMemory;
use crate::trap;

/// Address of an aligned word of the memory; `None` if it is out of bounds or not aligned.
fn word_address(memory: &GuestMemory<'_>, at: u32) -> Option<u64> {
    memory.load_u32(at.into()).ok()?;
    Some(memory.as_ptr().addr() as u64 + u64::from(at))
}

impl Caller<'_> {
    /// Waits until a thread wakes this one at a word of memory ([`Caller::unpark`], or the
    /// instruction `memory.atomic.notify`), if the word is what is `expected`. Only wakes
    /// with one of `bits` are meant. `stop` is asked whenever a signal has ended the sleep
    /// ([`ThreadSignal`](super::ThreadSignal)), and may end the wait. `None` where
    /// there is no such word: it has to be aligned.
    pub fn park(
        &mut self,
        at: u32,
        expected: u32,
        bits: u32,
        deadline: Option<Instant>,
        stop: impl Fn() -> bool,
    ) -> Option<Parked> {
        let memory = self.view();
        let address = word_address(&memory, at)?;
        let stop = || trap::interrupt_requested() || stop();
        let differs = || memory.load_u32(at.into()).ok() != Some(expected);
        Some(park::park(address, bits, deadline, differs, &stop))
    }

    /// Wakes at most `count` threads that wait at a word of memory and that wakes with
    /// one of `bits` are meant for, those first that have waited longest: how many.
    pub fn unpark(&mut self, at: u32, bits: u32, count: u32) -> Option<u32> {
        Some(park::unpark(word_address(&self.view(), at)?, bits, count))
    }

    /// Wakes at most `wake` threads that wait at a word of memory, and has at most
    /// `requeue` others wait at another one: how many of either. With `expected`, only if the
    /// word is that; `Some(None)` if it is not.
    pub fn requeue(
        &mut self,
        (from, to): (u32, u32),
        (wake, requeue): (u32, u32),
        expected: Option<u32>,
    ) -> Option<Option<(u32, u32)>> {
        let memory = self.view();
        let address = |at: u32| word_address(&memory, at);
        let (source, target) = (address(from)?, address(to)?);
        let now = || memory.load_u32(from.into()).ok();
        let differs = || expected.is_some() && now() != expected;
        Some(park::requeue(source, target, (wake, requeue), differs))
    }
}
