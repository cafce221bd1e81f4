//! Asking the finder of a process for libraries.
//!
//! To find one may mean to compile it, which takes long, and what uses the process
//! meanwhile waits. So with other threads a library and all that it needs are found
//! first, while they have the process; then linking asks for the same again.

use std::collections::HashMap;
use std::path::PathBuf;
use std::ptr::NonNull;
use std::sync::Arc;

use super::Process;
use crate::error::Result;
use crate::link::{Finder, View};
use crate::object::Object;

/// Libraries that have been found, by the path of who needs them and by name.
#[derive(Debug, Default)]
pub(crate) struct FoundAhead(HashMap<(PathBuf, String), Arc<Object>>);

/// A finder that knows some libraries already.
struct Knowing<'a> {
    finder: &'a mut dyn Finder,
    found: &'a FoundAhead,
}

impl Finder for Knowing<'_> {
    fn find(&mut self, name: &str, by: &Object) -> Result<Option<Arc<Object>>> {
        let key = (by.path().to_owned(), name.to_owned());
        match self.found.0.get(&key) {
            Some(object) => Ok(Some(Arc::clone(object))),
            None => self.finder.find(name, by),
        }
    }

    fn module(&mut self, name: &str, bytes: &[u8]) -> Result<Arc<Object>> {
        self.finder.module(name, bytes)
    }
}

/// A process that others have, until this is dropped.
struct Away<'p>(&'p mut Process);

impl<'p> Away<'p> {
    fn new(process: &'p mut Process) -> Self {
        let shared = Arc::clone(&process.shared);
        shared.lock.give(NonNull::from(&mut *process));
        Self(process)
    }
}

impl Drop for Away<'_> {
    fn drop(&mut self) {
        self.0.take_back();
    }
}

impl Process {
    /// Runs `f` with the process's finder.
    pub(crate) fn with_finder<R>(&mut self, f: impl FnOnce(View<'_>, &mut dyn Finder) -> R) -> R {
        let mut none = |_: &str, _: &Object| Ok(None);
        let mut finder = self.finder.take();
        let found = std::mem::take(&mut self.found_ahead);
        let result = {
            let mut knowing = Knowing {
                finder: match &mut finder {
                    Some(finder) => &mut *finder.0,
                    None => &mut none,
                },
                found: &found,
            };
            f(self.view(), &mut knowing)
        };
        self.finder = finder;
        self.found_ahead = found;
        result
    }

    /// Finds a library, and all that it needs, while other threads have the process. To be
    /// called by who has the lock of what is loaded, before it asks for them, and
    /// [`Process::forget_found`] after that.
    pub(crate) fn find_ahead(&mut self, name: &str, by: &Arc<Object>) {
        if !self.shared.lock.is_used() {
            return;
        }
        let Some(mut finder) = self.finder.take() else {
            return;
        };
        let mut found = FoundAhead::default();
        {
            let _away = Away::new(self);
            let mut wanted = vec![(name.to_owned(), Arc::clone(by))];
            while let Some((name, by)) = wanted.pop() {
                let key = (by.path().to_owned(), name);
                if found.0.contains_key(&key) {
                    continue;
                }
                // What cannot be found is looked for again, and the error told then.
                let Ok(Some(object)) = finder.0.find(&key.1, &by) else {
                    continue;
                };
                let needs = object.needed().iter();
                wanted.extend(needs.map(|need| (need.clone(), Arc::clone(&object))));
                found.0.insert(key, object);
            }
        }
        self.finder = Some(finder);
        self.found_ahead = found;
    }

    /// Forgets what was found ahead.
    pub(crate) fn forget_found(&mut self) {
        self.found_ahead = FoundAhead::default();
    }
}
