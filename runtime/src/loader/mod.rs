//! The loader: from objects to code that can be called.
//!
//! ```text
//! search   the group: main and the libraries it needs, breadth first
//! resolve  every import bound to a definition, types checked; nothing changed yet
//! place    domains, room in memories and tables              ┐
//! map      segments and memory images                        │ a transaction:
//! relocate descriptors, records, elements, slots, calls      │ undone unless it
//! check    every slot computed again, naively (on request)   │ gets to the end
//! seal     RELRO read-only, stubs executable                 ┘
//! init     wasm start functions, data relocations, constructors
//! ```
//!
//! [`Mapped`], [`Relocated`] and [`Ready`] are the states between; each step
//! consumes the one before. Once wasm code runs, nothing is undone: an
//! instance whose start function traps may already be reachable from others.

mod check;
mod direct;
mod init;
mod instance;
mod map;
mod matching;
mod place;
mod relocate;
mod resolve;
mod search;
mod stubs;

use std::sync::Arc;

pub use search::{Finder, SearchPath, candidates};

pub(crate) use instance::{Instance, Target};
pub(crate) use search::Member;
pub(crate) use stubs::{Key, Stubs};

use crate::config::{Category, Config};
use crate::error::{Error, Result, Unresolved};
use crate::object::Object;
use crate::process::{Checkpoint, Process};

/// Main and its libraries.
pub(crate) fn group(
    config: &Config,
    main: Arc<Object>,
    preload: &[Arc<Object>],
    finder: &mut dyn Finder,
) -> Result<Vec<Member>> {
    search::closure(config, main, preload, finder)
}

/// One object that needs nothing but what is there.
pub(crate) fn alone(object: Arc<Object>) -> Vec<Member> {
    vec![Member {
        name: object.name().to_owned(),
        object,
        needs: Vec::new(),
    }]
}

/// Loads a group up to where its code could run. `global`: it joins the
/// global scope.
pub(crate) fn load(process: &mut Process, members: Vec<Member>, global: bool) -> Result<Ready> {
    Mapped::new(process, members, global)?.relocate()?.seal()
}

/// The symbols of a group that nothing defines; changes nothing.
pub(crate) fn unresolved(process: &Process, members: &[Member]) -> Result<Vec<Unresolved>> {
    match resolve::resolve(process, members, true) {
        Ok(_) => Ok(Vec::new()),
        Err(Error::Unresolved(list)) => Ok(list),
        Err(error) => Err(error),
    }
}

/// Undoes what was done to a process, unless told not to.
struct Transaction<'p> {
    process: &'p mut Process,
    before: Option<Checkpoint>,
}

impl Drop for Transaction<'_> {
    fn drop(&mut self) {
        if let Some(before) = self.before.take() {
            self.process.roll_back(before);
        }
    }
}

/// A group in memory, its slots still empty.
struct Mapped<'p> {
    transaction: Transaction<'p>,
    members: Vec<Member>,
    first: usize,
    global: bool,
}

impl<'p> Mapped<'p> {
    fn new(process: &'p mut Process, members: Vec<Member>, global: bool) -> Result<Self> {
        let resolved = resolve::resolve(process, &members, global)?;
        let first = process.instances.len();
        let before = Some(process.checkpoint());
        let transaction = Transaction { process, before };
        let process = &mut *transaction.process;
        for stub in resolved.stubs {
            process.hosts.add_stub(stub);
        }
        enter_types(process, &members)?;
        let places = place::place(process, &members, &resolved.bindings)?;
        map::map(process, &members, resolved.bindings, &places)?;
        Ok(Self {
            transaction,
            members,
            first,
            global,
        })
    }

    fn relocate(self) -> Result<Relocated<'p>> {
        let process = &mut *self.transaction.process;
        relocate::relocate(process, self.first)?;
        direct::bind(process, self.first..process.instances.len())?;
        if process.config.check {
            check::check(process, self.first, self.global)?;
        }
        Ok(Relocated(self))
    }
}

/// A group whose slots are filled, its pages still writable.
struct Relocated<'p>(Mapped<'p>);

impl Relocated<'_> {
    fn seal(self) -> Result<Ready> {
        let Self(Mapped {
            mut transaction,
            members,
            first,
            global,
        }) = self;
        let process = &mut *transaction.process;
        for instance in &mut process.instances[first..] {
            let relro = instance.object.layout().relro.clone();
            instance.image.set_writable(relro, false)?;
        }
        process.stubs.seal(&process.code)?;
        for instance in &process.instances[first..] {
            let (range, object) = (instance.image.range(), Arc::clone(&instance.object));
            process.exceptions.add(range, object);
        }
        if global {
            process.scope.extend(first..first + members.len());
        }
        transaction.before = None;
        process.config.trace(Category::Statistics, || {
            let slots = |m: &Member| m.object.relocs().len() + m.object.slots().len();
            let total: usize = members.iter().map(slots).sum();
            format!("{} objects, {total} relocations", members.len())
        });
        Ok(Ready { members, first })
    }
}

/// A group whose code can run.
pub(crate) struct Ready {
    members: Vec<Member>,
    first: usize,
}

impl Ready {
    /// Number of the first instance: main.
    pub fn first(&self) -> usize {
        self.first
    }

    /// Runs the initialisers. `program`: constructors too.
    pub fn initialise(self, process: &mut Process, program: bool) -> Result<usize> {
        init::run(process, &self.members, self.first, program)?;
        Ok(self.first)
    }
}

/// Enters function types by identity, those of host functions too; two types
/// of one identity are refused, so that comparing identities compares types.
fn enter_types(process: &mut Process, members: &[Member]) -> Result<()> {
    let Process { types, hosts, .. } = process;
    for ty in hosts.types() {
        types.entry(ty.id()).or_insert_with(|| ty.clone());
    }
    let of_member = |m: &Member| m.object.path().display().to_string();
    let all = members
        .iter()
        .flat_map(|m| m.object.info().types.iter().map(move |ty| (m, ty)));
    for (member, ty) in all {
        let id = ty.id();
        let known = types.entry(id).or_insert_with(|| ty.clone());
        if known != ty {
            return Err(Error::TypeCollision {
                file: of_member(member),
                a: Box::new(known.clone()),
                b: Box::new(ty.clone()),
                id,
            });
        }
    }
    Ok(())
}
