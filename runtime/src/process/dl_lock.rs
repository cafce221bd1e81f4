//! The lock of what is loaded: who may open and close libraries.
//!
//! Opening a library runs code of the program's (its allocator) before all is decided,
//! and the process is given away meanwhile ([`ProcessLock`](super::lock::ProcessLock)). So whoever
//! adds instances, takes them out, or uses their numbers across such code has
//! this lock too, by the number of its thread. It is recursive, and it is not held while
//! constructors and finalisers run: these may start threads that open libraries, and wait
//! for them.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use super::lock::LOOK;
use super::{Process, threads};
use crate::error::{Error, Result};
use crate::link::breadth_first;
use crate::trap;

/// Tells threads that wait for the lock that something has changed.
#[derive(Debug, Default)]
pub(crate) struct Changes {
    count: Mutex<u64>,
    changed: Condvar,
}

impl Changes {
    fn count(&self) -> MutexGuard<'_, u64> {
        self.count.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tell(&self) {
        *self.count() += 1;
        self.changed.notify_all();
    }
}

/// Who has the lock.
#[derive(Debug, Default)]
pub(crate) struct DlOwner {
    /// Number of the thread, and how often it has taken the lock.
    thread: u32,
    depth: u32,
}

impl Process {
    /// Number of this thread.
    pub(crate) fn thread_number(&self) -> u32 {
        trap::space_in(&self.shared).map_or(threads::MAIN, |space| space.number)
    }

    /// Runs `f` while no other thread opens or closes libraries.
    ///
    /// # Errors
    /// [`Error::Interrupted`]; `f` has not run.
    pub(crate) fn with_dl<R>(&mut self, f: impl FnOnce(&mut Self) -> R) -> Result<R> {
        if !self.shared.lock.is_used() {
            return Ok(f(self));
        }
        self.lock_dl(1)?;
        let result = f(self);
        self.unlock_dl(1);
        Ok(result)
    }

    /// Runs `f`, the program's code, while other threads may open and close libraries,
    /// whether this one has the lock or not.
    pub(crate) fn without_dl<R>(&mut self, f: impl FnOnce(&mut Self) -> R) -> R {
        let this = self.thread_number();
        let depth = match self.dl.owner.thread == this {
            true => self.dl.owner.depth,
            false => 0,
        };
        self.unlock_dl(depth);
        let result = f(self);
        while depth > 0 && self.lock_dl(depth).is_err() {
            // The caller relies on the lock: it is waited for even if the process is
            // to stop, which whoever has it is about to do.
        }
        result
    }

    fn lock_dl(&mut self, depth: u32) -> Result<()> {
        let this = self.thread_number();
        while self.dl.owner.depth > 0 && self.dl.owner.thread != this {
            self.wait_for_dl();
            if self.shared.is_to_stop() {
                return Err(Error::Interrupted);
            }
        }
        self.dl.owner.thread = this;
        self.dl.owner.depth += depth;
        Ok(())
    }

    fn unlock_dl(&mut self, depth: u32) {
        self.dl.owner.depth -= depth;
        if self.dl.owner.depth == 0 {
            self.shared.dl_changes.tell();
        }
    }

    /// Waits until something about the lock, or about instances that start, has changed.
    /// Other threads have the process meanwhile.
    fn wait_for_dl(&mut self) {
        let seen = *self.shared.dl_changes.count();
        self.away(|shared| {
            let changes = &shared.dl_changes;
            let count = changes.count();
            if *count == seen {
                drop(changes.changed.wait_timeout(count, LOOK));
            }
        });
    }

    /// Waits until the constructors of a library, and of all that it needs, have run that
    /// another thread is running. This thread's own are not waited for, nor those of a
    /// thread that waits for this one.
    ///
    /// # Errors
    /// [`Error::Interrupted`].
    pub(crate) fn wait_until_started(&mut self, number: usize) -> Result<()> {
        let serial = self.link.instances[number].serial;
        self.wait_for_threads(|process| {
            let Some(number) = process.link.instances.of_serial(serial) else {
                return Vec::new();
            };
            let all = breadth_first(number, |n| &process.link.instances[n].needs);
            let refs = all.iter().map(|&n| process.link.instances[n].refs);
            refs.filter_map(|refs| refs.starting).collect()
        })?;
        Ok(())
    }

    /// Waits until what another thread runs the finalisers of is gone, of these instances:
    /// whether any was waited for.
    ///
    /// # Errors
    /// [`Error::Interrupted`].
    pub(crate) fn wait_until_ended(&mut self, numbers: &[usize]) -> Result<bool> {
        let serials = self.serials(numbers);
        self.wait_for_threads(|process| process.enders(&serials))
    }

    /// Waits until no other thread closes libraries, but for one that waits for this one.
    ///
    /// # Errors
    /// [`Error::Interrupted`].
    pub(crate) fn wait_until_closed(&mut self) -> Result<()> {
        // When this one has the lock again, yet another may have begun.
        while self.wait_for_threads(|process| process.dl.closing.into_iter().collect())? {}
        Ok(())
    }

    /// Whether there is one that [`Process::wait_until_ended`] waits for.
    pub(crate) fn is_ending(&self, numbers: &[usize]) -> bool {
        let enders = self.enders(&self.serials(numbers));
        self.to_wait_for(enders).is_some()
    }

    fn serials(&self, numbers: &[usize]) -> Vec<u64> {
        let instances = &self.link.instances;
        numbers.iter().map(|&n| instances[n].serial).collect()
    }

    /// The threads that run the finalisers of instances that are still there.
    fn enders(&self, serials: &[u64]) -> Vec<u32> {
        let instances = self.link.instances.iter().map(|(_, i)| i);
        let ending = instances.filter(|i| serials.contains(&i.serial));
        ending.filter_map(|i| i.refs.ending).collect()
    }

    /// The first of some threads that this one may wait for: itself it does not, nor one
    /// that waits for it.
    fn to_wait_for(&self, threads: Vec<u32>) -> Option<u32> {
        let this = self.thread_number();
        let mut threads = threads.into_iter();
        threads.find(|&other| other != this && !self.waits_for(other, this))
    }

    /// Waits while there are threads to wait for, without the lock: whether there were
    /// any.
    fn wait_for_threads(&mut self, threads: impl Fn(&Self) -> Vec<u32>) -> Result<bool> {
        if self.to_wait_for(threads(self)).is_none() {
            return Ok(false);
        }
        self.without_dl(|process| {
            let this = process.thread_number();
            while let Some(other) = process.to_wait_for(threads(process)) {
                process.dl.waits.insert(this, other);
                process.wait_for_dl();
                process.dl.waits.remove(&this);
                if process.shared.is_to_stop() {
                    return Err(Error::Interrupted);
                }
            }
            Ok(true)
        })
    }

    /// Whether a thread waits for another one, or for one that does.
    fn waits_for(&self, mut thread: u32, wanted: u32) -> bool {
        // Each waits for one at most, and a circle is not closed.
        while let Some(&next) = self.dl.waits.get(&thread) {
            if next == wanted {
                return true;
            }
            thread = next;
        }
        false
    }

    /// Marks instances as those whose constructors this thread runs, or has run.
    pub(crate) fn mark_starting(&mut self, numbers: impl Iterator<Item = usize>, starting: bool) {
        let this = starting.then(|| self.thread_number());
        for number in numbers {
            self.link.instances[number].refs.starting = this;
        }
        self.shared.dl_changes.tell();
    }

    /// Marks instances as those whose finalisers this thread runs.
    pub(crate) fn mark_ending(&mut self, numbers: &[usize]) {
        let this = Some(self.thread_number());
        for &number in numbers {
            self.link.instances[number].refs.ending = this;
        }
    }
}
