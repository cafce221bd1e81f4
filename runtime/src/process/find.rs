//! Asking the finder of a process for libraries.
//!
//! To find one may mean to compile it, which takes long, and what uses the process
//! meanwhile waits. So with other threads a library and all that it needs are found
//! first, while they have the process; then linking asks for the same again.

use std::collections::{HashMap, HashSet, VecDeque};
use std::path::PathBuf;
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

    /// Runs `f` with the process's finder while other threads have the process, if there
    /// are any. To be called by who has the lock of what is loaded: nobody else may use
    /// the finder.
    pub(crate) fn with_finder_alone<R>(&mut self, f: impl FnOnce(&mut dyn Finder) -> R) -> R {
        let mut none = |_: &str, _: &Object| Ok(None);
        let mut finder = self.finder.take();
        let inner: &mut dyn Finder = match &mut finder {
            Some(finder) => &mut *finder.0,
            None => &mut none,
        };
        let result = match self.shared.lock.is_used() {
            true => self.away(|_| f(inner)),
            false => f(inner),
        };
        self.finder = finder;
        result
    }

    /// Finds a library, and all that it needs and that is not loaded, while other threads
    /// have the process. To be called by who has the lock of what is loaded, before it
    /// asks for them, and [`Process::forget_found`] after that.
    pub(crate) fn find_ahead(&mut self, name: &str, by: &Arc<Object>) {
        if !self.shared.lock.is_used() {
            return;
        }
        let all = self.link.instances.iter();
        let loaded = all.flat_map(|(_, instance)| {
            let soname = instance.object.soname().map(str::to_owned);
            [Some(instance.name.clone()), soname]
        });
        let loaded = loaded.flatten().collect();
        let first = (name.to_owned(), Arc::clone(by));
        let shared = Arc::clone(&self.shared);
        let stop = || shared.is_to_stop();
        self.found_ahead = self.with_finder_alone(|finder| find_all(finder, first, loaded, &stop));
    }

    /// Forgets what was found ahead.
    pub(crate) fn forget_found(&mut self) {
        self.found_ahead = FoundAhead::default();
    }
}

/// A library and all that it needs, but what is `known` by its names, until it is to
/// `stop`. What cannot be found is looked for again, and the error told then.
fn find_all(
    finder: &mut dyn Finder,
    first: (String, Arc<Object>),
    mut known: HashSet<String>,
    stop: &dyn Fn() -> bool,
) -> FoundAhead {
    let mut found = HashMap::new();
    let mut wanted = VecDeque::from([first]);
    while let Some((name, by)) = wanted.pop_front() {
        if stop() {
            break;
        }
        let Ok(Some(object)) = finder.find(&name, &by) else {
            continue;
        };
        known.extend(object.soname().map(str::to_owned));
        let new = object.needed().iter();
        let new = new.filter(|&needed| known.insert(needed.clone()));
        wanted.extend(new.map(|needed| (needed.clone(), Arc::clone(&object))));
        found.insert((by.path().to_owned(), name), object);
    }
    FoundAhead(found)
}
