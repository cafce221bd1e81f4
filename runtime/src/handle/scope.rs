//! Threads of the host in one process: each calls functions by handle, at the same
//! time as the others.

use std::fmt;
use std::ptr::NonNull;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{Calls, Entering, Token};
use crate::error::HandleError;
use crate::host::SpawnError;
use crate::process::{LentThread, Process, Shared};

/// A process that has been lent to several threads of the host: what the closure of
/// [`Process::scope`] is given.
pub struct Scope {
    process: NonNull<Process>,
    shared: Arc<Shared>,
    /// Address of the block of the embedder's thread.
    first: u64,
    /// Numbers of its threads. Locked while one is made, too, by what runs on the stack
    /// of the embedder's thread.
    threads: Mutex<Vec<u32>>,
}

// SAFETY: the process is `Send`, and is used by whoever has taken it from its lock, by one
// thread at a time; the rest is `Sync`.
unsafe impl Sync for Scope {}

impl fmt::Debug for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scope").finish_non_exhaustive()
    }
}

/// The process of a scope, taken from its lock until this is dropped.
struct Held<'s> {
    process: NonNull<Process>,
    shared: &'s Shared,
}

impl Held<'_> {
    const fn process(&mut self) -> &mut Process {
        // SAFETY: it has been taken from the lock, so nobody else has it until this is
        // dropped; calls give it away and take it back while it is not used.
        unsafe { self.process.as_mut() }
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.shared.lock.give(self.process);
    }
}

/// A thread of a program that runs on whatever thread of the host uses it: it has a
/// native stack, thread-local globals and a stack in linear memory of its own, and a
/// number among the program's threads. It ends when it is dropped.
///
/// Functions are called on it by their handles, which are made before:
/// [`TypedFunc::call`](super::TypedFunc::call).
#[derive(Debug)]
pub struct Thread<'s> {
    scope: &'s Scope,
    made: LentThread,
}

impl Process {
    /// Lends the process to several threads of the host for the time of a closure. Each
    /// makes itself a [`Thread`] of the program ([`Scope::thread`]) and calls on it.
    ///
    /// A call that traps, or in which the program ends itself, ends the calls of all
    /// threads, those too that the program has started; they trap in turn. Once the
    /// closure has ended, the process can be called again.
    ///
    /// What the closure borrows of the process, the threads have while it lasts:
    ///
    /// ```compile_fail,E0499
    /// # use wasmaot_runtime::{Config, Process};
    /// # let mut process = Process::new(Config::default()).unwrap();
    /// process.scope(|scope| process.set_data(1));
    /// ```
    ///
    /// A thread does not outlast it:
    ///
    /// ```compile_fail
    /// # use wasmaot_runtime::{Config, Process};
    /// # let mut process = Process::new(Config::default()).unwrap();
    /// let thread = process.scope(|scope| scope.thread().unwrap());
    /// ```
    pub fn scope<R>(&mut self, run: impl FnOnce(&Scope) -> R) -> R {
        self.lend();
        // Nothing uses `self` until the scope is dropped.
        let scope = Scope {
            process: NonNull::from(&mut *self),
            shared: Arc::clone(&self.shared),
            first: self.thread.space.head,
            threads: Mutex::default(),
        };
        run(&scope)
    }
}

impl Scope {
    /// A new thread of the program.
    ///
    /// # Errors
    /// [`SpawnError`]; nothing of the thread is left then.
    pub fn thread(&self) -> Result<Thread<'_>, SpawnError> {
        let mut threads = self.threads();
        let made = self.hold(self.first).process().prepare_lent_thread()?;
        threads.push(made.state.space.number);
        Ok(Thread { scope: self, made })
    }

    /// Reaches the value that is kept with the process ([`Process::set_data`]), if it is
    /// of the type. No other thread has the process meanwhile: the closure must not use
    /// the scope or its threads, which would wait for ever.
    pub fn with_data<T: 'static, R>(&self, reach: impl FnOnce(Option<&mut T>) -> R) -> R {
        reach(self.hold(self.first).process().data_mut())
    }

    /// Waits for the process and holds it, for the thread of a block.
    fn hold(&self, block: u64) -> Held<'_> {
        let process = self.shared.lock.take(block, || false);
        Held {
            process: process.expect("a process that is lent is not dropped"),
            shared: &self.shared,
        }
    }

    /// The list is whole whenever it is unlocked.
    fn threads(&self) -> MutexGuard<'_, Vec<u32>> {
        self.threads.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Scope {
    fn drop(&mut self) {
        // Of those that have been forgotten; none of them runs.
        for number in std::mem::take(&mut *self.threads()) {
            self.shared.threads.finish(number, None);
        }
        self.shared.lock.take_back(self.first);
        // SAFETY: it is held now, and `Process::scope` has it borrowed.
        unsafe { self.process.as_mut() }.end_lending();
    }
}

impl Thread<'_> {
    /// Its number among the threads of the program.
    pub fn number(&self) -> u32 {
        self.made.state.space.number
    }
}

impl Drop for Thread<'_> {
    fn drop(&mut self) {
        let number = self.number();
        self.scope.threads().retain(|&other| other != number);
        let mut held = self.scope.hold(self.scope.first);
        held.process().finish_lent_thread(&self.made);
    }
}

// SAFETY: what it hands on is its scope's process, taken from the lock, and its own stack,
// which nobody else uses while it is borrowed exclusively.
unsafe impl Calls for Thread<'_> {
    fn entering<R>(
        &mut self,
        _: Token,
        enter: impl FnOnce(Entering<'_>) -> R,
    ) -> Result<R, HandleError> {
        let space = &*self.made.state.space;
        let mut held = self.scope.hold(space.head);
        let result = enter(Entering {
            process: held.process(),
            space: Some(space),
        });
        drop(held);
        self.scope.shared.stop_all();
        Ok(result)
    }
}
