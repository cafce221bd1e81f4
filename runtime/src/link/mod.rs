//! The linker: from objects to code that can be called.
//!
//! ```text
//! search   the group: main and the libraries it needs, breadth first
//! resolve  every import bound to a definition, types checked; nothing changed yet
//! place    domains, room in memories and tables              ┐
//! map      segments and memory images                        │ a transaction:
//! relocate descriptors, records, elements, slots, calls      │ undone unless it
//! check    every slot computed again, naively (on request)   │ gets to the end
//! seal     RELRO read-only, stubs executable                 ┘
//! ```
//!
//! [`Mapped`], [`Relocated`] and [`Ready`] are the states between; each step
//! consumes the one before.
//!
//! Linking is a function of the link state and the address space
//! ([`Linker`]); of the host's functions it knows numbers, names, types and
//! addresses ([`HostTable`]). It runs no wasm code: the process does, which
//! takes memory from the program's allocator before, and runs initialisers
//! after.

mod check;
mod copy;
mod deferred;
mod direct;
pub(crate) mod dyninfo;
mod exports;
mod finder;
mod functions;
mod group;
mod host_table;
mod late;
mod linker;
mod map;
mod matching;
mod order;
mod overriding;
mod place;
mod prelinked;
mod relocate;
mod reserve;
mod resolve;
mod search;
mod state;
mod threads;
mod transaction;
mod wanted;

use std::sync::Arc;

pub use finder::{
    Candidate, Finder, SearchPath, Way, beside, candidates, places, runpath_directories,
};
pub use search::Needed;
pub use state::InstanceId;

pub(crate) use deferred::{find as find_deferred, late};
pub(crate) use finder::has_origin;
pub(crate) use group::{Group, Member, Purpose};
pub(crate) use host_table::{HostSymbol, HostTable, Stub, StubKind, Typed};
pub(crate) use late::fill as fill_slot;
pub(crate) use linker::{Linker, View};
pub(crate) use matching::kind_name;
pub(crate) use order::dependencies_first;
pub(crate) use place::{adopt, flat_program};
pub(crate) use prelinked::{Calls, outcome};
pub(crate) use relocate::{data_address, index_in, table_index, target};
pub(crate) use reserve::{release, reserve, wanted_memory};
pub(crate) use resolve::{Late, call_of_undefined, functions_of, later};
pub(crate) use search::{breadth_first, find, is_named};
pub(crate) use state::{
    Block, Deferred, Instance, LazyFunction, LazySlot, LinkState, Overrides, RefCount, Retired,
    Room, Target,
};

use crate::arch;
use crate::config::{Bind, Category};
use crate::error::{Error, Result, Unresolved};
use crate::object::Object;
use transaction::Checkpoint;

/// Main, the preloaded libraries, those that are loaded as if main needed them,
/// and all that they need.
pub(crate) fn program(
    view: View<'_>,
    main: Arc<Object>,
    preload: &[Arc<Object>],
    finder: &mut dyn Finder,
) -> Result<Group> {
    deferred::closure(view, roots(view, main, preload), finder)
}

/// What main, the preloaded libraries, and all that they need need in turn.
pub(crate) fn needed(
    view: View<'_>,
    main: Arc<Object>,
    preload: &[Arc<Object>],
    finder: &mut dyn Finder,
) -> Result<Vec<Needed>> {
    search::needed(view, roots(view, main, preload), finder)
}

fn roots(view: View<'_>, main: Arc<Object>, preload: &[Arc<Object>]) -> Vec<(String, Arc<Object>)> {
    let others = preload.iter().chain(&view.state.libraries).cloned();
    let roots = std::iter::once(main).chain(others);
    roots.map(|o| (o.name().to_owned(), o)).collect()
}

/// A library to open, and all that it needs and that is not there yet.
pub(crate) fn opened(
    view: View<'_>,
    name: &str,
    object: Arc<Object>,
    purpose: Purpose,
    finder: &mut dyn Finder,
) -> Result<Group> {
    let roots = vec![(name.to_owned(), object)];
    search::closure(view, roots, finder, purpose, usize::MAX)
}

/// One object that needs nothing but what is there.
pub(crate) fn alone(view: View<'_>, object: Arc<Object>) -> Group {
    let name = object.name().to_owned();
    Group::alone(view, name, object, Purpose::Module)
}

/// One module of a flat program.
pub(crate) fn flat(view: View<'_>, name: String, object: Arc<Object>) -> Group {
    Group::alone(view, name, object, Purpose::Flat)
}

/// One object that a running program places itself.
pub(crate) fn placed(view: View<'_>, object: Arc<Object>, at: u64) -> Group {
    let name = object.name().to_owned();
    let purpose = Purpose::Opened {
        deepbind: false,
        global: true,
        now: false,
    };
    let mut group = Group::alone(view, name, object, purpose);
    group.members[0].memory = Some(at);
    group
}

/// Links a group up to where its code could run. `rooms`: of the members of an
/// opened group. `announce` is told of each image before code of it can run, which other
/// threads may do as soon as the table has functions of it. If it fails, nothing has
/// changed, and the rooms are still taken.
pub(crate) fn link(
    linker: Linker<'_>,
    group: Group,
    rooms: &[Room],
    announce: impl FnMut(&Instance),
) -> Result<Ready> {
    Mapped::new(linker, group, rooms)?
        .relocate()?
        .seal(announce)
}

/// The symbols of a group that nothing defines; changes nothing.
pub(crate) fn unresolved(view: View<'_>, group: &Group) -> Result<Vec<Unresolved>> {
    let mut missing = Vec::new();
    let resolved = resolve::resolve(view, group, false).map(|_| ());
    let copies = copy::plan(view, group).map(|_| ());
    for result in [resolved, copies] {
        match result {
            Ok(()) => {}
            Err(Error::Unresolved(list)) => missing.extend(list),
            Err(error) => return Err(error),
        }
    }
    Ok(missing)
}

/// Undoes what was done to the parts of a process, unless told not to.
struct Transaction<'a> {
    linker: Linker<'a>,
    before: Option<Checkpoint>,
}

impl Drop for Transaction<'_> {
    fn drop(&mut self) {
        if let Some(before) = self.before.take() {
            self.linker.roll_back(before);
        }
    }
}

/// A group in memory, its slots still empty.
struct Mapped<'a> {
    transaction: Transaction<'a>,
    group: Group,
    copies: Vec<copy::Copy>,
}

impl<'a> Mapped<'a> {
    fn new(linker: Linker<'a>, group: Group, rooms: &[Room]) -> Result<Self> {
        let before = Some(linker.checkpoint());
        let mut transaction = Transaction { linker, before };
        let linker = &mut transaction.linker;
        threads::check(linker.view(), &group)?;
        // A slot's number is used again when its library is gone, and nothing on a stack says
        // that another thread is about to bind it.
        let may_go = group.purpose.is_opened() && linker.state.for_threads.is_some();
        let lazy = linker.config.bind == Bind::Lazy && !group.purpose.is_now() && !may_go;
        let resolved = resolve::resolve(linker.view(), &group, lazy)?;
        let copies = copy::plan(linker.view(), &group)?;
        dyninfo::check(linker.view(), &group)?;
        if group.purpose.is_opened() {
            let (object, count) = (&group.members[0].object, resolved.stubs.len());
            map::charge_stubs(linker.view(), object, count)?;
        }
        for stub in resolved.stubs {
            linker.hosts.add(stub);
        }
        linker.state.undefined = resolved.undefined;
        for member in &group.members {
            if group.purpose.is_opened() {
                map::charge_types(linker.view(), &member.object)?;
            }
            linker.enter_types(&member.object)?;
        }
        let places = place::place(linker, &group, &resolved.bindings, rooms)?;
        map::map(linker, &group, resolved.bindings, &places)?;
        Ok(Self {
            transaction,
            group,
            copies,
        })
    }

    fn relocate(mut self) -> Result<Relocated<'a>> {
        let linker = &mut self.transaction.linker;
        linker.view().refuse_if_interrupted()?;
        threads::prepare(linker, &self.group)?;
        relocate::relocate(linker, self.group.first)?;
        direct::bind(linker, self.group.numbers())?;
        Ok(Relocated(self))
    }
}

/// A group whose slots are filled, its pages still writable.
struct Relocated<'a>(Mapped<'a>);

impl Relocated<'_> {
    fn seal(self, announce: impl FnMut(&Instance)) -> Result<Ready> {
        let Self(Mapped {
            mut transaction,
            group,
            copies,
        }) = self;
        let linker = &mut transaction.linker;
        let members = group
            .numbers()
            .map(|number| &linker.state.instances[number]);
        members.for_each(announce);
        for number in group.numbers() {
            linker.state.instances[number].seal()?;
        }
        linker.space.stubs.seal()?;
        if linker.state.for_threads.is_some() {
            arch::publish_code();
        }
        relocate::publish(linker, group.numbers())?;
        if linker.config.check {
            check::check(linker.view(), &group)?;
        }
        if let Purpose::Program | Purpose::Opened { global: true, .. } = group.purpose {
            linker.state.join_global(&group.local);
            linker
                .state
                .join_global(&group.numbers().collect::<Vec<_>>());
        }
        let deferred = group.deferred.iter().cloned();
        linker.state.deferred.extend(deferred);
        linker.config.trace(Category::Statistics, || {
            let slots = |m: &Member| m.object.relocs().count() + m.object.slots().count();
            let total: usize = group.members.iter().map(slots).sum();
            format!("{} objects, {total} relocations", group.members.len())
        });
        transaction.before = None;
        Ok(Ready { group, copies })
    }
}

/// A group whose code can run.
#[derive(Debug)]
pub(crate) struct Ready {
    pub group: Group,
    copies: Vec<copy::Copy>,
}

impl Ready {
    /// Number of the first instance: main.
    pub fn first(&self) -> usize {
        self.group.first
    }

    /// Completes the data of the group, between its data relocations and its
    /// constructors: words and table entries that `dyninfo` modules ask for,
    /// then copies, which are of complete data.
    pub fn complete_data(&self, linker: &mut Linker<'_>) -> Result<()> {
        let (group, copies) = (&self.group, &self.copies);
        dyninfo::apply(linker, group)?;
        copy::apply(linker, copies)?;
        if linker.config.check {
            check::fixups(linker.view(), group)?;
            check::copies(linker.view(), group.first)?;
        }
        dyninfo::note(linker, copies);
        Ok(())
    }
}
