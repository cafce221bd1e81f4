//! The threads of a process: how many there are, and how they end together.
//!
//! A trap of one thread, or its asking to end the program, ends all: the first such
//! end is kept, the others are told to stop, and the call that runs on the embedder's
//! thread answers with it.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

use super::Shared;
use super::lock::LOOK;
use crate::sys::Window;
use crate::sys::interrupt::PAUSE;
use crate::trap::{self, CodeMap, RawTrap, Site, Trap};

/// Number of the thread that the embedder's calls run on.
pub(crate) const MAIN: u32 = 1;
/// Numbers of threads end below this: locks of C libraries keep flags in the bits above.
const NUMBERS: u32 = 1 << 29;

/// Words of a stack that are kept at most of a thread that another has ended.
const KEPT_STACK: usize = (256 << 10) / 8;

/// The threads of a process beside the embedder's.
#[derive(Debug)]
pub(crate) struct Threads {
    state: Mutex<State>,
    changed: Condvar,
    /// Most that there may be at a time, the embedder's among them.
    max: u32,
    /// Whether it is kept where threads were that another has ended.
    keeps_sites: bool,
}

#[derive(Debug, Default)]
struct State {
    /// Numbers of those that run.
    running: Vec<u32>,
    /// The number given last.
    last: u32,
    /// What ended them all.
    end: Option<End>,
    /// Where the others were, by their numbers.
    stopped: Vec<(u32, Box<Site>)>,
    /// The thread that ended them all, once a thread of the host's has been told.
    ender: Option<u32>,
    /// Windows of threads that have ended.
    idle: Vec<Arc<Window>>,
    /// Where stacks in linear memory begin that threads of the host have left.
    stacks: Vec<u32>,
}

/// How a thread ended all.
#[derive(Debug)]
pub(crate) struct End {
    /// The thread's number.
    pub thread: u32,
    pub trap: RawTrap,
}

impl End {
    /// Explains it.
    pub fn explain(self, map: &dyn CodeMap) -> Trap {
        trap::explain(self.trap, map).in_thread(self.thread)
    }
}

impl Threads {
    pub fn new(max: u32, keeps_sites: bool) -> Self {
        let state = State {
            last: MAIN,
            ..State::default()
        };
        Self {
            state: Mutex::new(state),
            changed: Condvar::new(),
            max,
            keeps_sites,
        }
    }

    /// Keeps where a thread was that another has ended, if that is wanted.
    pub fn keep(&self, number: u32, trap: RawTrap) {
        if let Some(mut site) = trap.into_site().filter(|_| self.keeps_sites) {
            site.stack.truncate(KEPT_STACK);
            site.stack.shrink_to_fit();
            let mut state = self.state();
            if state.stopped.len() < self.max as usize {
                state.stopped.push((number, site));
            }
        }
    }

    /// Where threads were that another has ended, once.
    pub fn take_stopped(&self) -> Vec<(u32, Box<Site>)> {
        std::mem::take(&mut self.state().stopped)
    }

    /// The number for a new thread; none if there are as many as may be.
    pub fn begin(&self) -> Option<u32> {
        let mut state = self.state();
        if state.running.len() as u64 + 1 >= u64::from(self.max) {
            return None;
        }
        let number = loop {
            state.last = match state.last + 1 {
                NUMBERS => MAIN + 1,
                next => next,
            };
            if !state.running.contains(&state.last) {
                break state.last;
            }
        };
        state.running.push(number);
        Some(number)
    }

    /// A thread has ended; its window, which others may have.
    pub fn finish(&self, number: u32, window: Option<Arc<Window>>) {
        let mut state = self.state();
        state.running.retain(|&other| other != number);
        state.idle.extend(window);
        self.changed.notify_all();
    }

    /// The window of a thread that has ended.
    pub fn reuse(&self) -> Option<Arc<Window>> {
        self.state().idle.pop()
    }

    /// A stack in linear memory that nobody uses.
    pub fn take_stack(&self) -> Option<u32> {
        self.state().stacks.pop()
    }

    /// Leaves such a stack to others.
    pub fn leave_stack(&self, stack: Option<u32>) {
        self.state().stacks.extend(stack);
    }

    /// Gives back what ended threads have left.
    pub fn forget_idle(&self) {
        let idle = std::mem::take(&mut self.state().idle);
        drop(idle);
    }

    /// Notes what a thread ends all with, unless they end already: then it is given back.
    fn set_end(&self, thread: u32, trap: RawTrap, they_end: bool) -> Option<RawTrap> {
        let mut state = self.state();
        if they_end || state.end.is_some() {
            return Some(trap);
        }
        state.stopped.clear();
        state.end = Some(End { thread, trap });
        None
    }

    /// Notes that a thread has ended all, and that the host has been told.
    pub fn set_ender(&self, number: u32) {
        self.state().ender.get_or_insert(number);
    }

    /// Who has ended all, as far as the host has been told.
    pub fn ender(&self) -> Option<u32> {
        self.state().ender
    }

    /// The same, to be forgotten.
    pub fn take_ender(&self) -> Option<u32> {
        self.state().ender.take()
    }

    /// Most threads that there may be at a time.
    pub const fn max(&self) -> u32 {
        self.max
    }

    /// Whether a thread of this number runs.
    pub fn is_running(&self, number: u32) -> bool {
        number == MAIN || self.state().running.contains(&number)
    }

    /// Whether there are others than the embedder's.
    pub fn any(&self) -> bool {
        !self.state().running.is_empty()
    }

    /// The state is whole whenever it is unlocked.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shared {
    /// Ends all threads with what has ended one, which calls this, unless they end
    /// already.
    pub fn end_by(&self, number: u32, trap: RawTrap) {
        let state = self.interrupter.state();
        if let Some(trap) = self.threads.set_end(number, trap, state.requested()) {
            self.threads.keep(number, trap);
        }
        state.end();
        self.threads.changed.notify_all();
        self.stop_all();
    }

    /// If all threads are to end, waits until none is in wasm code any more.
    pub fn stop_all(&self) {
        let state = self.interrupter.state();
        // One that is sent right before a host call returns is lost.
        while state.ends() && state.send_signal() {
            thread::sleep(PAUSE);
        }
    }

    /// Ends all threads but the embedder's, which calls this, and waits until they
    /// are gone. None of them may wait for what the caller holds.
    pub fn end_others(&self) {
        let state = self.interrupter.state();
        if self.threads.any() {
            state.end();
            let mut threads = self.threads.state();
            while !threads.running.is_empty() {
                state.send_signal();
                let waited = self.threads.changed.wait_timeout(threads, PAUSE);
                threads = waited.unwrap_or_else(PoisonError::into_inner).0;
            }
        }
        state.start_again();
    }

    /// Waits until all threads but the embedder's, which calls this, have ended by
    /// themselves; or until they are to stop.
    pub fn wait_for_others(&self) {
        let mut threads = self.threads.state();
        while !threads.running.is_empty() && !self.is_to_stop() {
            let waited = self.threads.changed.wait_timeout(threads, LOOK);
            threads = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// What a thread has ended all with, once.
    pub fn take_end(&self) -> Option<End> {
        self.threads.state().end.take()
    }
}
