//! Loading: what linking does, between the code of the program that has to run
//! before it (its allocator) and after it (initialisers).

use std::ops::Range;
use std::sync::Arc;

use super::{Process, init, rooms};
#[cfg(doc)]
use crate::error::Error;
use crate::error::Result;
use crate::link::{self, Group, Linker, Ready, Room, View};
use crate::space::Domain;

/// Rooms that have been taken for a group, given back unless it is linked.
struct Taken<'p> {
    process: &'p mut Process,
    rooms: Vec<Room>,
}

impl Drop for Taken<'_> {
    fn drop(&mut self) {
        rooms::give_back(self.process, std::mem::take(&mut self.rooms));
    }
}

impl Process {
    /// The parts that linking changes.
    pub(crate) fn linker(&mut self) -> Linker<'_> {
        Linker {
            config: &self.config,
            interrupter: &self.shared.interrupter,
            state: &mut self.link,
            space: &mut self.space,
            hosts: &mut self.hosts,
        }
    }

    /// The same, to look at.
    pub(crate) fn view(&self) -> View<'_> {
        View {
            config: &self.config,
            interrupter: &self.shared.interrupter,
            state: &self.link,
            space: &self.space,
            hosts: &self.hosts,
        }
    }

    /// Loads a group up to where its code can run.
    ///
    /// # Errors
    /// [`Error`]; nothing of the group is left then.
    pub(crate) fn load(&mut self, group: Group) -> Result<Ready> {
        let mut members = group.members.iter();
        members.try_for_each(|member| member.object.refuse_elsewhere())?;
        self.link_group(group)
    }

    /// The same with a group whose code need not run here.
    ///
    /// # Errors
    /// As of [`Process::load`].
    pub(crate) fn link_group(&mut self, group: Group) -> Result<Ready> {
        self.view().refuse_if_interrupted()?;
        // The program's allocator runs before anything is decided: its code may
        // do what it likes.
        let rooms = rooms::take(self, &group)?;
        let mut taken = Taken {
            process: self,
            rooms,
        };
        let Taken { process, rooms } = &mut taken;
        let shared = Arc::clone(&process.shared);
        let mut announced = Vec::new();
        let linked = link::link(process.linker(), group, rooms, |instance| {
            let range = instance.image.range();
            announced.push(range.clone());
            shared.exceptions.add(range, Arc::clone(&instance.object));
        });
        let ready = linked.inspect_err(|_| process.withdraw(&announced))?;
        taken.rooms.clear();
        drop(taken);
        self.prepare_for_threads();
        self.show_to_debuggers(ready.group.numbers());
        self.name_for_profilers(ready.group.numbers());
        Ok(ready)
    }

    /// Forgets images that have not come to run; those that are retired stay known until
    /// they are given back.
    fn withdraw(&self, announced: &[Range<u64>]) {
        let is_retired = |range: &Range<u64>| {
            let mut retired = self.link.retired.iter();
            retired.any(|retired| retired.image.range() == *range)
        };
        let gone = announced.iter().filter(|range| !is_retired(range));
        gone.for_each(|range| self.shared.exceptions.remove(range));
    }

    /// Has the process be for threads from now on if its program's memory is shared.
    fn prepare_for_threads(&mut self) {
        if self.shared.threads.max() > 1 && self.space.domains.iter().any(Domain::is_shared) {
            self.space.stubs.never_patch();
            self.shared.lock.use_from_now_on();
        }
    }

    /// Runs the initialisers of a group. `constructors`: those of C, too.
    /// Nothing is undone if one stops: the group may already be reachable from
    /// others.
    ///
    /// # Errors
    /// [`Error::Init`].
    pub(crate) fn initialise(&mut self, ready: &Ready, constructors: bool) -> Result<()> {
        init::run(self, ready, constructors)
    }
}
