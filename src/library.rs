//! Libraries that are opened while a process runs.

use std::collections::VecDeque;
use std::ops::Deref;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::error::{Error, Result};
use crate::instance::Instance;
use crate::process::Process;

/// An open library: one handle of `dlopen`. As long as one exists, the library
/// stays; a library that has been opened twice has two.
///
/// Dropping it closes it: not at once, for that runs finalisers of the
/// library's, but before its process opens or closes the next one, or when
/// [`Process::close_dropped`] is called.
#[derive(Debug)]
#[must_use = "a library that is dropped is closed"]
pub struct Library {
    instance: Instance,
    /// Where to leave word when it is dropped; `None` once it is closed.
    dropped: Option<Arc<Dropped>>,
}

/// The instances of dropped handles.
#[derive(Debug, Default)]
pub(crate) struct Dropped(Mutex<VecDeque<Instance>>);

impl Dropped {
    /// The one that was dropped first of those that are left.
    pub fn next(&self) -> Option<Instance> {
        self.list().pop_front()
    }

    fn add(&self, instance: Instance) {
        self.list().push_back(instance);
    }

    fn list(&self) -> MutexGuard<'_, VecDeque<Instance>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Library {
    pub(crate) const fn new(instance: Instance, dropped: Arc<Dropped>) -> Self {
        let dropped = Some(dropped);
        Self { instance, dropped }
    }

    /// What it stands for.
    pub const fn instance(&self) -> Instance {
        self.instance
    }

    /// Closes it now. With its last handle its finalisers run and it is
    /// unloaded, as far as nothing else needs it.
    ///
    /// # Errors
    /// [`Error::Call`]: a finaliser trapped. [`Error::Dl`]: the process is
    /// just calling the program's allocator.
    pub fn close<T: Send + 'static>(self, process: &mut Process<T>) -> Result<(), Error> {
        let instance = self.instance;
        let id = process.id_of(instance)?;
        self.forget();
        process.close(id)
    }

    /// Leaves the closing to the caller.
    pub(crate) fn forget(mut self) {
        self.dropped = None;
    }
}

impl Deref for Library {
    type Target = Instance;

    fn deref(&self) -> &Instance {
        &self.instance
    }
}

impl Drop for Library {
    fn drop(&mut self) {
        if let Some(dropped) = &self.dropped {
            dropped.add(self.instance);
        }
    }
}
