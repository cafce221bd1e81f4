//! How a host call gets at its process.

use std::cell::Cell;
use std::ptr::{self, NonNull};

use super::{Process, Shared, threads};
use crate::trap::{self, ThreadSpace};

/// A host call's claim to its process. Where the process is for threads, nobody holds
/// it while wasm code runs: a claim takes it when it is first asked for it, and
/// gives it away again when it is dropped.
#[derive(Debug)]
pub(crate) struct Claim {
    process: Cell<Option<NonNull<Process>>>,
    /// Where the process is to be had, if others may have it.
    shared: Option<NonNull<Shared>>,
    /// The thread's number, and the address of its block.
    number: u32,
    block: u64,
    /// Whether it waits for the process even if that is to stop.
    patient: bool,
    /// Whether the claim itself has taken the process.
    taken: Cell<bool>,
}

impl Claim {
    /// That of a host function, or what is like one, which wasm code has called on this
    /// thread.
    ///
    /// # Safety
    /// It must be the only one of that call, and be dropped before the call ends.
    #[inline]
    pub unsafe fn of_caller() -> Self {
        let Some(space) = trap::current_space() else {
            return Self::of(None, None, (threads::MAIN, 0));
        };
        let thread = (space.number, space.head);
        match space.shared.lock.is_used() {
            true => Self::of(None, Some(NonNull::from(&*space.shared)), thread),
            false => {
                // SAFETY: the head is the thread's own, and alive.
                let address = unsafe { (*space.head()).process };
                let process = ptr::with_exposed_provenance_mut(address as usize);
                Self::of(NonNull::new(process), None, thread)
            }
        }
    }

    /// That of a thread that runs no wasm code, to a process that is for threads.
    ///
    /// # Safety
    /// The thread's space must outlive it.
    pub unsafe fn of_thread(space: &ThreadSpace) -> Self {
        let thread = (space.number, space.head);
        Self::of(None, Some(NonNull::from(&*space.shared)), thread)
    }

    const fn of(
        process: Option<NonNull<Process>>,
        shared: Option<NonNull<Shared>>,
        (number, block): (u32, u64),
    ) -> Self {
        Self {
            process: Cell::new(process),
            shared,
            number,
            block,
            patient: false,
            taken: Cell::new(false),
        }
    }

    /// The same claim, which waits for the process even if that is to stop: whoever has it
    /// gives it away before it waits for the thread.
    pub const fn patient(mut self) -> Self {
        self.patient = true;
        self
    }

    /// Number of the thread.
    pub const fn thread(&self) -> u32 {
        self.number
    }

    /// What is shared, if others may have the process.
    #[inline]
    fn shared(&self) -> Option<&Shared> {
        // SAFETY: it outlives the claim: it is that of the call's thread, or as the
        // contract of `of_thread` says.
        self.shared.map(|shared| unsafe { shared.as_ref() })
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
        let held = self.process.get();
        match (held, self.shared()) {
            (None, Some(shared)) => {
                let process = shared
                    .lock
                    .take(self.block, || !self.patient && shared.is_to_stop());
                self.process.set(process);
                self.taken.set(process.is_some());
                process
            }
            _ => held,
        }
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

    /// Gives the process away if the claim has taken it.
    #[inline]
    fn give(&self) {
        if self.taken.take()
            && let (Some(process), Some(shared)) = (self.process.take(), self.shared())
        {
            shared.lock.give(process);
        }
    }
}

impl Drop for Claim {
    #[inline]
    fn drop(&mut self) {
        match (self.shared, self.process.get()) {
            (Some(_), _) => self.give(),
            // The process may have come to be for threads meanwhile.
            (None, Some(process)) => trap::give_if_for_threads(process),
            (None, None) => {}
        }
    }
}
