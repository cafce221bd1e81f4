//! Phase 1: the objects of a program: main, and the libraries it needs,
//! breadth first, each once.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;

use super::finder::Finder;
use super::group::{Group, Member, Purpose};
use super::linker::View;
use super::state::{Deferred, Instance};
use crate::config::{Category, Config};
use crate::error::{Error, Result};
use crate::object::Object;
use crate::sys::FileId;

/// A library that an object needs.
#[derive(Clone, Debug)]
pub struct Needed {
    /// The object.
    pub by: Arc<Object>,
    /// The name by which it does.
    pub name: String,
    /// What the name stands for; `None` if it is nowhere.
    pub library: Option<Arc<Object>>,
}

/// The roots and all that they need, breadth first, but no more than `limit`
/// libraries. What is loaded already is not loaded again. The first root needs
/// the others.
pub(super) fn closure(
    view: View<'_>,
    roots: Vec<(String, Arc<Object>)>,
    finder: &mut dyn Finder,
    purpose: Purpose,
    limit: usize,
) -> Result<Group> {
    let mut needed = |needed: Needed| match needed.library {
        Some(_) => Ok(()),
        None if (view.state.overrides.provides)(&needed.name) => {
            view.config.trace(Category::Libs, || {
                let name = &needed.name;
                format!("{name} is nowhere: the loader stands in for it")
            });
            Ok(())
        }
        None => Err(not_found(needed.name, &needed.by)),
    };
    walk(view, roots, finder, purpose, limit, &mut needed)
}

/// What the roots and all that they need need in turn, in the order in which
/// it is looked for, also where it is nowhere.
pub(super) fn needed(
    view: View<'_>,
    roots: Vec<(String, Arc<Object>)>,
    finder: &mut dyn Finder,
) -> Result<Vec<Needed>> {
    let mut all = Vec::new();
    let mut needed = |needed| {
        all.push(needed);
        Ok(())
    };
    let purpose = Purpose::Program;
    walk(view, roots, finder, purpose, usize::MAX, &mut needed)?;
    Ok(all)
}

/// Finds what the roots need; `needed` is told of each name, and says whether
/// the walk goes on.
fn walk(
    view: View<'_>,
    roots: Vec<(String, Arc<Object>)>,
    finder: &mut dyn Finder,
    purpose: Purpose,
    limit: usize,
    needed: &mut dyn FnMut(Needed) -> Result<()>,
) -> Result<Group> {
    let mut known = Known::of(view);
    let (mut found, mut deferred) = (0, Vec::new());
    let mut queue = VecDeque::new();
    let chosen = roots.len().saturating_sub(view.state.libraries.len());
    for (at, (name, object)) in roots.into_iter().enumerate() {
        let number = known.add(name, object);
        let member = number.checked_sub(known.first);
        if let Some(member) = member.and_then(|m| known.members.get_mut(m)) {
            member.chosen |= purpose == Purpose::Program && at < chosen;
        }
        queue.push_back(number);
        if number != known.first {
            known.members[0].needs.push(number);
        }
    }
    while let Some(number) = queue.pop_front() {
        let Some(at) = number.checked_sub(known.first) else {
            continue;
        };
        let by = Arc::clone(&known.members[at].object);
        for name in by.needed() {
            let library = match known.names.get(name.as_str()) {
                Some(&number) => Some(number),
                None if found == limit => {
                    let name = name.clone();
                    deferred.push(Deferred { by: number, name });
                    continue;
                }
                None => {
                    view.refuse_if_interrupted()?;
                    let library = look_for(view.config, finder, name, &by)?;
                    found += usize::from(library.is_some());
                    let before = known.members.len();
                    let number = library.map(|library| known.add(name.clone(), library));
                    if known.members.len() > before {
                        queue.extend(number);
                    }
                    number
                }
            };
            known.members[at].needs.extend(library);
            needed(Needed {
                by: Arc::clone(&by),
                name: name.clone(),
                library: library.map(|number| Arc::clone(known.object(view, number))),
            })?;
        }
    }
    let needs = |number: usize| match number.checked_sub(known.first) {
        Some(member) => &known.members[member].needs,
        None => &view.state.instances[number].needs,
    };
    Ok(Group {
        local: breadth_first(known.first, needs),
        first: known.first,
        members: known.members,
        purpose,
        deferred,
    })
}

/// An instance and all that it needs.
pub(crate) fn breadth_first<'a>(
    root: usize,
    needs: impl Fn(usize) -> &'a Vec<usize>,
) -> Vec<usize> {
    let (mut order, mut seen) = (vec![root], HashSet::from([root]));
    let mut next = 0;
    while let Some(&number) = order.get(next) {
        next += 1;
        let new = needs(number).iter().copied().filter(|&n| seen.insert(n));
        order.extend(new);
    }
    order
}

/// Finds a library by the name that an object gives.
pub(crate) fn find(
    view: View<'_>,
    finder: &mut dyn Finder,
    name: &str,
    by: &Object,
) -> Result<Arc<Object>> {
    look_for(view.config, finder, name, by)?.ok_or_else(|| not_found(name.to_owned(), by))
}

fn not_found(name: String, by: &Object) -> Error {
    let by = by.path().display().to_string();
    Error::LibraryNotFound { name, by }
}

/// Finds a library that may be nowhere.
fn look_for(
    config: &Config,
    finder: &mut dyn Finder,
    name: &str,
    by: &Object,
) -> Result<Option<Arc<Object>>> {
    config.trace(Category::Libs, || {
        format!("find library={name}, needed by {}", by.name())
    });
    let found = finder.find(name, by).map_err(|error| match error {
        named @ Error::Library { .. } => named,
        source => Error::Library {
            name: name.to_owned(),
            by: by.path().display().to_string(),
            source: Box::new(source),
        },
    })?;
    if let Some(found) = &found {
        config.trace(Category::Libs, || {
            format!("found {name} as {}", found.path().display())
        });
    }
    Ok(found)
}

/// Finds a library that an object needs; `None`: the loader stands in for it.
pub(super) fn find_needed(
    view: View<'_>,
    finder: &mut dyn Finder,
    name: &str,
    by: &Object,
) -> Result<Option<Arc<Object>>> {
    match find(view, finder, name, by) {
        Err(Error::LibraryNotFound { .. }) if (view.state.overrides.provides)(name) => {
            view.config.trace(Category::Libs, || {
                format!("{name} is nowhere: the loader stands in for it")
            });
            Ok(None)
        }
        found => found.map(Some),
    }
}

/// Whether an instance is what a name stands for.
pub(crate) fn is_named(instance: &Instance, name: &str) -> bool {
    instance.name == name || instance.object.soname() == Some(name)
}

/// The objects so far, loaded ones among them, by the names and files that
/// stand for them.
struct Known {
    first: usize,
    members: Vec<Member>,
    names: HashMap<String, usize>,
    files: HashMap<FileId, usize>,
}

impl Known {
    /// What a process has loaded.
    fn of(view: View<'_>) -> Self {
        let mut known = Self {
            first: view.state.instances.next(),
            members: Vec::new(),
            names: HashMap::new(),
            files: HashMap::new(),
        };
        for (number, instance) in view.state.instances.iter() {
            known.enter(number, instance.name.clone(), &instance.object);
        }
        known
    }

    fn enter(&mut self, number: usize, name: String, object: &Object) {
        self.files.entry(object.id()).or_insert(number);
        if let Some(soname) = object.soname() {
            self.names.entry(soname.to_owned()).or_insert(number);
        }
        self.names.entry(name).or_insert(number);
    }

    /// The object of a number.
    fn object<'a>(&'a self, view: View<'a>, number: usize) -> &'a Arc<Object> {
        match number.checked_sub(self.first) {
            Some(member) => &self.members[member].object,
            None => &view.state.instances[number].object,
        }
    }

    /// Number of an object, entered if it is new.
    fn add(&mut self, name: String, object: Arc<Object>) -> usize {
        let number = match self.files.get(&object.id()) {
            Some(&number) => number,
            None => {
                let number = self.first + self.members.len();
                self.enter(number, name.clone(), &object);
                self.members.push(Member {
                    object,
                    name: name.clone(),
                    needs: Vec::new(),
                    memory: None,
                    chosen: false,
                });
                number
            }
        };
        self.names.entry(name).or_insert(number);
        number
    }
}
