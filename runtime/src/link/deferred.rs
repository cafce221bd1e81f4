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

use super::finder::Finder;
use super::group::{Group, Purpose};
use super::linker::View;
use super::search;
use super::state::Deferred;
use super::{copy, dyninfo, resolve};
use crate::config::Bind;
use crate::error::Result;
use crate::object::Object;

/// The objects that a program starts with: all, or the fewest that can be
/// linked.
pub(super) fn closure(
    view: View<'_>,
    roots: Vec<(String, Arc<Object>)>,
    finder: &mut dyn Finder,
) -> Result<Group> {
    let program = Purpose::Program;
    // A library cannot be loaded by a thread that binds a function of the allocator, which
    // loading calls, while another one loads something.
    let for_threads = roots.iter().any(|(_, object)| object.shares_memory());
    if view.config.bind != Bind::Lazy || !view.config.lazy_load || for_threads {
        return search::closure(view, roots, finder, program, usize::MAX);
    }
    let mut finder = Remembering {
        finder,
        found: HashMap::new(),
    };
    let mut libraries = 0;
    loop {
        let group = search::closure(view, roots.clone(), &mut finder, program, libraries)?;
        if group.deferred.is_empty() || !wants_more(view, &group)? {
            return Ok(group);
        }
        libraries += 1;
    }
}

/// The objects that are loaded with a library that was left for later: it
/// alone, or all that were, where it cannot be linked without some of them.
pub(crate) fn late(
    view: View<'_>,
    name: &str,
    object: Arc<Object>,
    finder: &mut dyn Finder,
) -> Result<Group> {
    /// How a library is loaded into a program that runs.
    const LATE: Purpose = Purpose::Opened {
        deepbind: false,
        global: true,
        now: false,
    };
    let mut roots = vec![(name.to_owned(), object)];
    let alone = search::closure(view, roots.clone(), finder, LATE, 0)?;
    if !wants_more(view, &alone)? {
        return Ok(alone);
    }
    for other in &view.state.deferred {
        let object = find(view, other, finder)?;
        roots.extend(object.map(|object| (other.name.clone(), object)));
    }
    search::closure(view, roots, finder, LATE, usize::MAX)
}

/// Finds a library that was left for later; `None`: the loader stands in for
/// it.
pub(crate) fn find(
    view: View<'_>,
    library: &Deferred,
    finder: &mut dyn Finder,
) -> Result<Option<Arc<Object>>> {
    let by = &view.state.instances[library.by].object;
    search::find_needed(view, finder, &library.name, by)
}

/// Whether a group refers to something, other than by calls, that no object
/// defines.
pub(super) fn wants_more(view: View<'_>, group: &Group) -> Result<bool> {
    Ok(resolve::wants_more(view, group)?
        || !copy::is_complete(view, group)
        || !dyninfo::is_complete(view, group))
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
