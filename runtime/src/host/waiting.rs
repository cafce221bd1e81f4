//! Waiting for words of the program's memory, as futexes do.

use std::time::Instant;

use super::{Caller, Memory};
use crate::process::park::{self, Parked};
use crate::sys::live::Word;
use crate::trap;

impl Caller<'_> {
    fn word(&self, at: u32) -> Option<Word<'_>> {
        match &self.memory {
            Memory::Live(memory) => memory.word(at.into()),
            Memory::Bytes(_) => None,
        }
    }

    /// Waits until a thread wakes this one at a word of memory ([`Caller::unpark`], or the
    /// instruction `memory.atomic.notify`), if the word is what is `expected`. Only wakes
    /// with one of `bits` are meant. `stop` is asked whenever a signal has ended the sleep
    /// ([`ThreadSignal`](super::ThreadSignal)), and may end the wait. `None` where
    /// there is no such word: it has to be aligned.
    pub fn park(
        &self,
        at: u32,
        expected: u32,
        bits: u32,
        deadline: Option<Instant>,
        stop: impl Fn() -> bool,
    ) -> Option<Parked> {
        let word = self.word(at)?;
        let stop = || trap::interrupt_requested() || stop();
        let differs = || word.load() != expected;
        Some(park::park(word.address(), bits, deadline, differs, &stop))
    }

    /// Wakes at most `count` threads that wait at a word of memory and that wakes with
    /// one of `bits` are meant for, those first that have waited longest: how many.
    pub fn unpark(&self, at: u32, bits: u32, count: u32) -> Option<u32> {
        Some(park::unpark(self.word(at)?.address(), bits, count))
    }

    /// Wakes at most `wake` threads that wait at a word of memory, and has at most
    /// `requeue` others wait at another one: how many of either. With `expected`, only if the
    /// word is that; `Some(None)` if it is not.
    #[expect(clippy::option_option, reason = "no such word, and another value")]
    pub fn requeue(
        &self,
        (from, to): (u32, u32),
        (wake, requeue): (u32, u32),
        expected: Option<u32>,
    ) -> Option<Option<(u32, u32)>> {
        let (from, to) = (self.word(from)?, self.word(to)?);
        let differs = || expected.is_some_and(|expected| from.load() != expected);
        Some(park::requeue(
            from.address(),
            to.address(),
            (wake, requeue),
            differs,
        ))
    }
}
