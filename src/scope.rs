//! Threads of the host in one process.

use std::fmt;
use std::marker::PhantomData;

use wasmaot_runtime as runtime;
use wasmaot_runtime::{SpawnError, Thread};

use crate::process::{STATE, State};

/// A process that has been lent to several threads of the host: what the closure of
/// [`Process::scope`](crate::Process::scope) is given. It may be copied.
pub struct Scope<'s, T: 'static = ()> {
    inner: &'s runtime::Scope,
    data: PhantomData<fn(T)>,
}

impl<T> Clone for Scope<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Scope<'_, T> {}

impl<T> fmt::Debug for Scope<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scope").finish_non_exhaustive()
    }
}

impl<'s, T: Send + 'static> Scope<'s, T> {
    /// That of a process of data of type `T`.
    pub(crate) const fn of(inner: &'s runtime::Scope) -> Self {
        let data = PhantomData;
        Self { inner, data }
    }

    /// A new thread of the program, for the thread of the host that uses it: with a native
    /// stack, thread-local globals and a stack in linear memory of its own.
    ///
    /// # Errors
    /// [`SpawnError`]; nothing of the thread is left then.
    pub fn thread(self) -> Result<Thread<'s>, SpawnError> {
        self.inner.thread()
    }

    /// Reaches the embedder's data. No other thread reaches it, or the process,
    /// meanwhile; so the closure must not use the scope or its threads, which would wait
    /// for ever.
    pub fn with_data<R>(self, reach: impl FnOnce(&mut T) -> R) -> R {
        let reach = |state: Option<&mut State<T>>| reach(&mut state.expect(STATE).data);
        self.inner.with_data(reach)
    }
}
