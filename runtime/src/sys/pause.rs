//! Halting the threads of a process for a moment, to see what they use.
//!
//! The signal of a request to stop has them wait in its handler, wherever they are, and
//! leave their registers. Nothing may be waited for meanwhile that one of them may
//! have: no lock, and so no memory allocated either.

use std::io;
use std::ptr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering, fence};

use super::barrier;
use super::interrupt::{Entry, State};
use super::live;

/// Words of a thread's registers: general ones, vectors, and a few more.
const REGISTERS: usize = 64;
/// Pause between two signals, in nanoseconds, and how many are sent.
const AGAIN: i64 = 1_000_000;
const SIGNALS: u32 = 2_000;

/// The halt that all threads share.
#[derive(Debug, Default)]
pub(crate) struct Pause {
    /// Odd while threads are to halt.
    round: AtomicU32,
    /// How many have halted, ever.
    arrived: AtomicU32,
}

/// A thread's own part of it.
#[derive(Debug)]
pub(crate) struct Paused {
    /// The round in which it has halted last.
    round: AtomicU32,
    registers: [AtomicU64; REGISTERS],
    /// What it uses of the host's stack since its innermost entry into wasm code: the lowest
    /// address, and the end; nothing where that is not what it runs on.
    host: [AtomicU64; 2],
    /// What it uses of its wasm stack: the lowest address, and the end.
    stack: [AtomicU64; 2],
    /// Code that it is to begin with.
    start: AtomicU64,
}

impl Default for Paused {
    fn default() -> Self {
        Self {
            round: AtomicU32::new(0),
            registers: [const { AtomicU64::new(0) }; REGISTERS],
            host: [const { AtomicU64::new(0) }; 2],
            stack: [const { AtomicU64::new(0) }; 2],
            start: AtomicU64::new(0),
        }
    }
}

impl Paused {
    /// Notes the code that the thread is to begin with.
    pub fn begin_with(&self, code: u64) {
        self.start.store(code, Ordering::Release);
    }

    /// Forgets what the thread has left before.
    fn forget(&self) {
        let all = self.registers.iter().chain(&self.host).chain(&self.stack);
        all.for_each(|word| word.store(0, Ordering::Release));
    }

    /// The words that the thread has in registers.
    pub fn registers(&self) -> impl Iterator<Item = u64> {
        let all = self.registers.iter().chain([&self.start]);
        all.map(|word| word.load(Ordering::Acquire))
    }

    /// Calls `f` with each word of the wasm stack that the thread uses.
    pub fn stack_words(&self, f: &mut dyn FnMut(u64)) {
        let [low, end] = [0, 1].map(|n| self.stack[n].load(Ordering::Acquire));
        for at in (low.next_multiple_of(8)..end).step_by(8) {
            // SAFETY: the thread has said that this is its stack, which is mapped for as
            // long as the thread lives, and is halted.
            f(unsafe { live::load(at) });
        }
    }

    /// Calls `f` with each word of the host's stack that the thread uses for what wasm
    /// code has called. `buffer` is room for some of them. False if the system does not
    /// let them be read.
    pub fn host_words(&self, buffer: &mut [u64], f: &mut dyn FnMut(u64)) -> bool {
        let [mut at, end] = [0, 1].map(|n| self.host[n].load(Ordering::Acquire) & !7);
        while at < end {
            let bytes = (end - at).min(size_of_val(buffer) as u64);
            let local = libc::iovec {
                iov_base: buffer.as_mut_ptr().cast(),
                iov_len: bytes as usize,
            };
            let remote = libc::iovec {
                iov_base: ptr::without_provenance_mut(at as usize),
                iov_len: bytes as usize,
            };
            // A thread may have been on a stack of another kind, where what lies
            // between is not mapped: the kernel says so, where a load would fault.
            // SAFETY: the buffer is this function's, and as large as said.
            let read = unsafe { libc::process_vm_readv(libc::getpid(), &local, 1, &remote, 1, 0) };
            let Ok(read @ 8..) = u64::try_from(read) else {
                let error = io::Error::last_os_error().raw_os_error();
                return read >= 0 || error == Some(libc::EFAULT);
            };
            buffer[..read as usize / 8].iter().for_each(|&word| f(word));
            at += read & !7;
        }
        true
    }
}

impl Pause {
    /// Whether threads are to halt. Async-signal-safe.
    #[inline]
    pub fn is_wanted(&self) -> bool {
        self.round.load(Ordering::SeqCst) & 1 != 0
    }

    /// Halts a thread until it may go on. Async-signal-safe.
    pub fn halt(
        &self,
        entry: &Entry,
        registers: impl Iterator<Item = u64>,
        stack: (u64, u64),
        host: (u64, u64),
    ) {
        let round = self.round.load(Ordering::SeqCst);
        if round & 1 == 0 {
            return;
        }
        let paused = &entry.paused;
        for (place, word) in paused.registers.iter().zip(registers) {
            place.store(word, Ordering::Release);
        }
        for (places, words) in [(&paused.stack, stack), (&paused.host, host)] {
            places[0].store(words.0, Ordering::Release);
            places[1].store(words.1, Ordering::Release);
        }
        paused.round.store(round, Ordering::SeqCst);
        self.arrived.fetch_add(1, Ordering::SeqCst);
        futex(&self.arrived, libc::FUTEX_WAKE, i32::MAX as u32, None);
        self.wait(round);
    }

    /// Waits until threads that were to halt in a round may go on.
    fn wait(&self, round: u32) {
        while self.round.load(Ordering::SeqCst) == round {
            futex(&self.round, libc::FUTEX_WAIT, round, None);
        }
    }

    /// Waits until no thread is to halt: before wasm code is entered.
    #[cold]
    pub fn wait_to_enter(&self) {
        let round = self.round.load(Ordering::SeqCst);
        if round & 1 != 0 {
            self.wait(round);
        }
    }
}

/// A system call on a word of this process. Async-signal-safe.
fn futex(word: &AtomicU32, what: i32, value: u32, nanoseconds: Option<i64>) {
    let time = nanoseconds.map(|tv_nsec| libc::timespec { tv_sec: 0, tv_nsec });
    let time = time.as_ref().map_or(ptr::null(), ptr::from_ref);
    let operation = what | libc::FUTEX_PRIVATE_FLAG;
    // The handler of a signal leaves the number of the last error as it was.
    // SAFETY: the location is the thread's own; the call gets a word that lives, and
    // a time that does or none.
    unsafe {
        let error = libc::__errno_location();
        let before = *error;
        libc::syscall(libc::SYS_futex, word.as_ptr(), operation, value, time);
        *error = before;
    }
}

impl State {
    /// Runs `look` with all threads but `own` halted that run wasm code, or host
    /// functions called by it. It may wait for nothing. None, and nothing has run, if a
    /// thread does not halt: one that keeps signals from itself.
    pub fn with_all_halted<R>(
        &self,
        own: Option<&Arc<Entry>>,
        look: impl FnOnce(&mut dyn Iterator<Item = &Paused>) -> R,
    ) -> Option<R> {
        // Nobody has the list, or comes or goes, while threads are halted.
        let entries = self.entries();
        let round = self.pause.round.fetch_add(1, Ordering::SeqCst) + 1;
        barrier::heavy();
        let others = || {
            let others = entries.iter();
            others.filter(|entry| !own.is_some_and(|own| Arc::ptr_eq(own, entry)))
        };
        let halts = |entry: &Entry| entry.paused.round.load(Ordering::SeqCst) == round;
        let all_halt = (0..SIGNALS).any(|_| {
            let arrived = self.pause.arrived.load(Ordering::SeqCst);
            let late = |entry: &&Arc<Entry>| {
                // One that is gone by now does not come back before the end.
                entry.is_running() && !halts(entry) && entry.send_signal() && !halts(entry)
            };
            let all = others().filter(late).count() == 0;
            if !all {
                futex(&self.pause.arrived, libc::FUTEX_WAIT, arrived, Some(AGAIN));
            }
            all
        });
        fence(Ordering::SeqCst);
        // The others are not in wasm code, and wait before they enter it.
        let elsewhere = others().filter(|entry| !halts(entry));
        elsewhere.for_each(|entry| entry.paused.forget());
        let mut all = others().map(|entry| &entry.paused);
        let result = all_halt.then(|| look(&mut all));
        self.pause.round.fetch_add(1, Ordering::SeqCst);
        futex(&self.pause.round, libc::FUTEX_WAKE, i32::MAX as u32, None);
        result
    }
}
