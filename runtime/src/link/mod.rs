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
//! init     wasm start functions, data relocations, fixups, copies, constructors
//! ```
//!
//! [`Mapped`], [`Relocated`] and [`Ready`] are the states between; each step
//! consumes the one before. Once wasm code runs, nothing is undone: an
//! instance whose start function traps may already be reachable from others.

mod check;
mod copy;
mod deferred;
mod direct;
pub(crate) mod dyninfo;
pub(crate) mod heap;
mod init;
mod instance;
mod instances;
mod known_types;
mod lazy;
mod map;
mod matching;
mod place;
mod prelink;
mod relocate;
mod resolve;
mod search;
mod state;
mod transaction;
pub(crate) mod undefined;

use std::sync::Arc;

use wasmaot_abi::info::{Import, ImportKind};
use wasmaot_abi::name;

pub use search::{Candidate, Finder, Needed, SearchPath, Way, beside, candidates};

pub(crate) use deferred::load_deferred;
pub(crate) use init::dependencies_first;
pub(crate) use instance::{Instance, Retired, Target};
pub use instances::InstanceId;
pub(crate) use lazy::bind_lazily;
pub(crate) use place::{Room, adopt, flat_program, give_back, release_table};
pub(crate) use prelink::{Calls, outcome};
pub(crate) use relocate::{data_address, index_in, table_index, target};
pub(crate) use search::{Group, Purpose, breadth_first, find, has_origin, is_named};
pub(crate) use state::LinkState;

use crate::config::{Bind, Category};
use crate::error::{Error, Result, Unresolved};
use crate::object::Object;
use crate::process::Process;
use search::Member;
use transaction::Checkpoint;

/// Main, the preloaded libraries, those that are loaded as if main needed them,
/// and all that they need.
pub(crate) fn program(
    process: &mut Process,
    main: Arc<Object>,
    preload: &[Arc<Object>],
) -> Result<Group> {
    let roots = roots(process, main, preload);
    with_finder(process, |process, finder| {
        deferred::closure(process, roots, finder)
    })
}

/// What main, the preloaded libraries, and all that they need need in turn.
pub(crate) fn needed(
    process: &mut Process,
    main: Arc<Object>,
    preload: &[Arc<Object>],
) -> Result<Vec<Needed>> {
    let roots = roots(process, main, preload);
    with_finder(process, |process, finder| {
        search::needed(process, roots, finder)
    })
}

fn roots(
    process: &Process,
    main: Arc<Object>,
    preload: &[Arc<Object>],
) -> Vec<(String, Arc<Object>)> {
    let others = preload.iter().chain(&process.link.libraries).cloned();
    let roots = std::iter::once(main).chain(others);
    roots.map(|o| (o.name().to_owned(), o)).collect()
}

/// A library to open, and all that it needs and that is not there yet.
pub(crate) fn opened(
    process: &mut Process,
    name: &str,
    object: Arc<Object>,
    purpose: Purpose,
) -> Result<Group> {
    let roots = vec![(name.to_owned(), object)];
    with_finder(process, |process, finder| {
        search::closure(process, roots, finder, purpose, usize::MAX)
    })
}

/// One object that needs nothing but what is there.
pub(crate) fn alone(process: &Process, object: Arc<Object>) -> Group {
    let name = object.name().to_owned();
    Group::alone(process, name, object, Purpose::Module)
}

/// One module of a flat program.
pub(crate) fn flat(process: &Process, name: String, object: Arc<Object>) -> Group {
    Group::alone(process, name, object, Purpose::Flat)
}

/// One object that a running program places itself.
pub(crate) fn placed(process: &Process, object: Arc<Object>, at: u64) -> Group {
    let name = object.name().to_owned();
    let purpose = Purpose::Opened {
        deepbind: false,
        global: true,
        now: false,
    };
    let mut group = Group::alone(process, name, object, purpose);
    group.members[0].memory = Some(at);
    group
}

/// Runs `f` with the process's finder.
pub(crate) fn with_finder<R>(
    process: &mut Process,
    f: impl FnOnce(&Process, &mut dyn Finder) -> R,
) -> R {
    let mut none = |_: &str, _: &Object| Ok(None);
    let mut finder = process.finder.take();
    let result = match &mut finder {
        Some(finder) => f(process, &mut *finder.0),
        None => f(process, &mut none),
    };
    process.finder = finder;
    result
}

/// Loads a group up to where its code could run.
pub(crate) fn load(process: &mut Process, group: Group) -> Result<Ready> {
    let members = group.members.iter();
    let objects: Vec<Arc<Object>> = members.map(|m| Arc::clone(&m.object)).collect();
    let mapped = Mapped::new(process, group).map_err(|error| {
        let missing: &[Unresolved] = match &error {
            Error::Unresolved(missing) => missing,
            _ => &[],
        };
        match objects.iter().find(|o| wants_threads(o, missing)) {
            Some(object) => Error::Threads {
                file: object.path().display().to_string(),
            },
            None => error,
        }
    });
    mapped?.relocate()?.seal()
}

/// Whether an object lacks what a host with threads defines: the function that
/// starts one, or the program's memory if it is to be shared.
fn wants_threads(object: &Object, missing: &[Unresolved]) -> bool {
    let lacks = |import: &Import<'_>| {
        let mut missing = missing.iter();
        missing.any(|m| (&*m.module, &*m.name) == (import.module, import.name))
    };
    object.imports().any(|import| match import.kind {
        ImportKind::Func(_) => {
            (import.module, import.name) == ("wasi", "thread-spawn") && lacks(&import)
        }
        ImportKind::Memory(ty) => ty.shared && import.module == name::ENV && lacks(&import),
        _ => false,
    })
}

/// The symbols of a group that nothing defines; changes nothing.
pub(crate) fn unresolved(process: &Process, group: &Group) -> Result<Vec<Unresolved>> {
    let mut missing = Vec::new();
    let resolved = resolve::resolve(process, group, false).map(|_| ());
    let copies = copy::plan(process, group).map(|_| ());
    for result in [resolved, copies] {
        match result {
            Ok(()) => {}
            Err(Error::Unresolved(list)) => missing.extend(list),
            Err(error) => return Err(error),
        }
    }
    Ok(missing)
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
    group: Group,
    copies: Vec<copy::Copy>,
}

impl<'p> Mapped<'p> {
    fn new(process: &'p mut Process, group: Group) -> Result<Self> {
        process.refuse_if_interrupted()?;
        // The program's allocator runs before anything is decided: its code may
        // do what it likes.
        let rooms = place::rooms(process, &group)?;
        let before = Some(process.checkpoint(rooms));
        let transaction = Transaction { process, before };
        let process = &mut *transaction.process;
        let lazy = process.config.bind == Bind::Lazy && !group.purpose.is_now();
        let resolved = resolve::resolve(process, &group, lazy)?;
        let copies = copy::plan(process, &group)?;
        dyninfo::check(process, &group)?;
        if group.purpose.is_opened() {
            let (object, count) = (&group.members[0].object, resolved.stubs.len());
            map::charge_stubs(process, object, count)?;
        }
        for stub in resolved.stubs {
            process.hosts.add_stub(stub);
        }
        process.link.undefined = resolved.undefined;
        for member in &group.members {
            if group.purpose.is_opened() {
                map::charge_types(process, &member.object)?;
            }
            process.enter_types(&member.object)?;
        }
        let rooms = transaction.before.as_ref().map_or(&[][..], |b| &b.rooms);
        let places = place::place(process, &group, &resolved.bindings, rooms)?;
        map::map(process, &group, resolved.bindings, &places)?;
        Ok(Self {
            transaction,
            group,
            copies,
        })
    }

    fn relocate(self) -> Result<Relocated<'p>> {
        let process = &mut *self.transaction.process;
        process.refuse_if_interrupted()?;
        relocate::relocate(process, self.group.first)?;
        direct::bind(process, self.group.numbers())?;
        if process.config.check {
            check::check(process, &self.group)?;
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
            group,
            copies,
        }) = self;
        let process = &mut *transaction.process;
        for number in group.numbers() {
            let instance = &mut process.link.instances[number];
            instance.seal()?;
        }
        process.space.stubs.seal()?;
        for number in group.numbers() {
            let instance = &process.link.instances[number];
            let (range, object) = (instance.image.range(), Arc::clone(&instance.object));
            process.thread.exceptions.add(range, object);
        }
        if let Purpose::Program | Purpose::Opened { global: true, .. } = group.purpose {
            process.join_global(&group.local);
            process.join_global(&group.numbers().collect::<Vec<_>>());
        }
        transaction.before = None;
        process.link.deferred.extend(group.deferred.iter().cloned());
        process.config.trace(Category::Statistics, || {
            let slots = |m: &Member| m.object.relocs().count() + m.object.slots().count();
            let total: usize = group.members.iter().map(slots).sum();
            format!("{} objects, {total} relocations", group.members.len())
        });
        Ok(Ready { group, copies })
    }
}

/// A group whose code can run.
pub(crate) struct Ready {
    group: Group,
    copies: Vec<copy::Copy>,
}

impl Ready {
    /// Number of the first instance: main.
    pub fn first(&self) -> usize {
        self.group.first
    }

    /// Runs the initialisers. `constructors`: those of C, too.
    pub fn initialise(self, process: &mut Process, constructors: bool) -> Result<usize> {
        init::run(process, &self.group, &self.copies, constructors)?;
        Ok(self.group.first)
    }
}
