//! How a host call gets at its process.

use std::cell::Cell;
use std::ptr::{self, NonNull};

use super::{Process, Shared, threads};
use crate::trap::{self, ThreadSpace};

/// A host call's claim to its process. Where the process is for threads, nobody holds
/// it while wasm code runs: a claim takes it when it is first asked for it, and
/// gives it away again when it is dropped. One that is not asked costs nothing.
#[derive(Debug)]
pub(crate) struct Claim {
    /// That of the thread, if it runs code of a process.
    space: Option<NonNull<ThreadSpace>>,
    /// The process, once it has been asked for.
    process: Cell<Option<NonNull<Process>>>,
    /// Whether the claim itself has taken the process.
    taken: Cell<bool>,
    /// Whether it waits for the process even if that is to stop.
    patient: bool,
}

impl Claim {
    /// That of a host function, or what is like one, which wasm code has called on this
    /// thread.
    ///
    /// # Safety
    /// It must be the only one of that call, and be dropped before the call ends.
    #[inline]
    pub unsafe fn of_caller() -> Self {
        Self::of(trap::current_space().map(NonNull::from))
    }

    /// That of a thread that runs no wasm code, to a process that is for threads.
    ///
    /// # Safety
    /// The thread's space must outlive it.
    pub unsafe fn of_thread(space: &ThreadSpace) -> Self {
        Self::of(Some(NonNull::from(space)))
    }

    #[inline]
    const fn of(space: Option<NonNull<ThreadSpace>>) -> Self {
        Self {
            space,
            process: Cell::new(None),
            taken: Cell::new(false),
            patient: false,
        }
    }

    /// The same claim, which waits for the process even if that is to stop: whoever has it
    /// gives it away before it waits for the thread.
    pub const fn patient(mut self) -> Self {
        self.patient = true;
        self
    }

    /// The thread's space.
    #[inline]
    fn space(&self) -> Option<&ThreadSpace> {
        // SAFETY: it outlives the claim: it is that of the call's thread, or as the
        // contract of `of_thread` says.
        self.space.map(|space| unsafe { space.as_ref() })
    }

    /// Number of the thread.
    pub fn thread(&self) -> u32 {
        self.space().map_or(threads::MAIN, |space| space.number)
    }

    /// What is shared, if others may have the process.
    #[inline]
    fn shared(&self) -> Option<&Shared> {
        let shared = &*self.space()?.shared;
        shared.lock.is_used().then_some(shared)
    }

    /// Whether somebody may be listening to traces. Found out without the process, where
    /// others may have it.
    pub fn may_be_traced(&self) -> bool {
        self.shared().is_none_or(|shared| shared.is_traced)
    }

    /// The process, held from now on until the claim is dropped; none if there is none,
    /// or it is to stop.
    #[inline]
    fn get(&self) -> Option<NonNull<Process>> {
        if let Some(held) = self.process.get() {
            return Some(held);
        }
        let space = self.space()?;
        let process = match self.shared() {
            Some(shared) => {
                let stop = || !self.patient && shared.is_to_stop();
                let process = shared.lock.take(space.head, stop);
                self.taken.set(process.is_some());
                process
            }
            None => {
                // SAFETY: the head is the thread's own, and alive.
                let address = unsafe { (*space.head()).process };
                NonNull::new(ptr::with_exposed_provenance_mut(address as usize))
            }
        };
        self.process.set(process);
        process
    }

    /// The process, to look at; other threads do not get it until the claim is dropped.
    #[inline]
    pub fn process(&self) -> Option<&Process> {
        // SAFETY: the claim holds the process, and is borrowed: other threads, and the
        // calls further out on this one, use it only when it is given away.
        self.get().map(|process| unsafe { process.as_ref() })
    }

    /// The process, to change.
    #[inline]
    pub fn process_mut(&mut self) -> Option<&mut Process> {
        // SAFETY: as above; the claim, the only one of its call, is borrowed exclusively.
        self.get().map(|mut process| unsafe { process.as_mut() })
    }

    /// Looks at the process, which other threads get again afterwards.
    pub fn look<R>(&self, look: impl FnOnce(&Process) -> R) -> Option<R> {
        let held = self.process.get().is_some();
        let result = self.process().map(look);
        if !held {
            self.give();
        }
        result
    }

    /// Changes the process, which other threads get again afterwards.
    pub fn change<R>(&mut self, change: impl FnOnce(&mut Process) -> R) -> Option<R> {
        let held = self.process.get().is_some();
        let result = self.process_mut().map(change);
        if !held {
            self.give();
        }
        result
    }

    /// Gives the process away again.
    fn give(&self) {
        let Some(process) = self.process.take() else {
            return;
        };
        match (self.taken.take(), self.shared()) {
            (true, Some(shared)) => shared.lock.give(process),
            // The process may have come to be for threads meanwhile.
            (false, Some(_)) => trap::give_if_for_threads(process),
            (_, None) => {}
        }
    }
}

impl Drop for Claim {
    #[inline]
    fn drop(&mut self) {
        if self.process.get().is_some() {
            self.give();
        }
    }
}
