//! Libraries that are loaded when they are needed.
//!
//! An import does not say which library is to define it. So libraries are
//! loaded in the order in which they would be at the start, until one defines
//! what is looked up: a name never means something else than it would with all
//! of them there. Of what is not called, an address or data, the definition
//! has to be there first. To open a library or ask for a symbol loads them all.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

use super::search::{self, Deferred, Finder, Group, Purpose};
use super::{copy, dyninfo, load, resolve, with_finder};
use crate::config::Bind;
use crate::dl::DlError;
use crate::error::Result;
use crate::object::Object;
use crate::process::Process;

/// How a library is loaded into a program that runs.
const LATE: Purpose = Purpose::Opened {
    deepbind: false,
    global: true,
    now: false,
};

/// The objects that a program starts with: all, or the fewest that can be
/// linked.
pub(super) fn closure(
    process: &Process,
    roots: Vec<(String, Arc<Object>)>,
    finder: &mut dyn Finder,
) -> Result<Group> {
    let program = Purpose::Program;
    if process.config.bind != Bind::Lazy || !process.config.lazy_load {
        return search::closure(process, roots, finder, program, usize::MAX);
    }
    let mut finder = Remembering {
        finder,
        found: HashMap::new(),
    };
    let mut libraries = 0;
    loop {
        let group = search::closure(process, roots.clone(), &mut finder, program, libraries)?;
        if group.deferred.is_empty() || !wants_more(process, &group)? {
            return Ok(group);
        }
        libraries += 1;
    }
}

/// Whether a group refers to something, other than by calls, that no object
/// defines.
fn wants_more(process: &Process, group: &Group) -> Result<bool> {
    Ok(resolve::wants_more(process, group)?
        || !copy::is_complete(process, group)
        || !dyninfo::is_complete(process, group))
}

/// A finder that is asked once for each library.
struct Remembering<'a> {
    finder: &'a mut dyn Finder,
    found: HashMap<(PathBuf, String), Arc<Object>>,
}

impl Finder for Remembering<'_> {
    fn find(&mut self, name: &str, by: &Object) -> Result<Option<Arc<Object>>> {
        let key = (by.path().to_owned(), name.to_owned());
        if let Some(object) = self.found.get(&key) {
            return Ok(Some(Arc::clone(object)));
        }
        let object = self.finder.find(name, by)?;
        self.found
            .extend(object.clone().map(|object| (key, object)));
        Ok(object)
    }
}

/// Loads the next library that was left for later, and initialises it.
pub(super) fn load_next(process: &mut Process) -> Result<(), DlError> {
    if process.dl.busy {
        return Err(DlError::Busy);
    }
    // Initialisers may come back here.
    let Some(next) = process.link.deferred.pop_front() else {
        return Ok(());
    };
    let loaded = load_needed(process, &next);
    match loaded {
        Ok(number) => {
            let by = &mut process.link.instances[next.by];
            by.needs.extend(number);
            by.uses.extend(number);
            Ok(())
        }
        Err(error) => {
            process.link.deferred.push_front(next);
            Err(error.into())
        }
    }
}

/// Loads all libraries that were left for later.
pub(crate) fn load_deferred(process: &mut Process) -> Result<(), DlError> {
    while !process.link.deferred.is_empty() {
        load_next(process)?;
    }
    Ok(())
}

/// Number of the instance of a needed library, loaded if it is not there;
/// `None`: the loader stands in for it.
fn load_needed(process: &mut Process, next: &Deferred) -> Result<Option<usize>> {
    let named = |i: &super::Instance| search::is_named(i, &next.name);
    if let Some(number) = process.link.instances.find(named) {
        return Ok(Some(number));
    }
    let object = with_finder(process, |process, finder| open(process, finder, next))?;
    let Some(object) = object else {
        return Ok(None);
    };
    if let Some(number) = process
        .link
        .instances
        .find(|i| i.object.id() == object.id())
    {
        return Ok(Some(number));
    }
    let group = with_finder(process, |process, finder| {
        let mut roots = vec![(next.name.clone(), object)];
        let alone = search::closure(process, roots.clone(), finder, LATE, 0)?;
        if !wants_more(process, &alone)? {
            return Ok(alone);
        }
        // It cannot be linked without some of the others: then with all.
        for other in &process.link.deferred {
            let object = open(process, finder, other)?;
            roots.extend(object.map(|object| (other.name.clone(), object)));
        }
        search::closure(process, roots, finder, LATE, usize::MAX)
    })?;
    let numbers = group.numbers();
    let ready = load(process, group)?;
    for number in numbers {
        // As what was there from the start.
        process.link.instances[number].hold.always = true;
    }
    ready.initialise(process, true).map(Some)
}

fn open(
    process: &Process,
    finder: &mut dyn Finder,
    library: &Deferred,
) -> Result<Option<Arc<Object>>> {
    let by = &process.link.instances[library.by].object;
    search::find_needed(&process.config, finder, &library.name, by)
}
