//! What linking has changed, and how it is undone.

use std::ops::Range;

use super::linker::Linker;
use super::reserve::release_table;
use super::state::Retired;
use crate::space::Key;
use crate::sys::Image;

/// The state of the parts of a process before a transaction.
#[derive(Debug)]
pub(crate) struct Checkpoint {
    instances: usize,
    domains: usize,
    tables: usize,
    hosts: usize,
    program: bool,
    for_threads: bool,
    /// The stack pointer of the current thread, if it has one.
    stack_pointer: Option<u64>,
    /// Length of each domain's primary table.
    lengths: Vec<u64>,
}

impl Linker<'_> {
    /// The state to go back to.
    pub(super) fn checkpoint(&self) -> Checkpoint {
        let lengths = self.space.domains.iter();
        Checkpoint {
            instances: self.state.instances.next(),
            domains: self.space.domains.len(),
            tables: self.space.tables.len(),
            hosts: self.hosts.next(),
            program: self.state.program.is_some(),
            for_threads: self.state.for_threads.is_some(),
            stack_pointer: self.space.locals.stack_pointer_if_any(),
            lengths: lengths.map(|d| d.context().table.len).collect(),
        }
    }

    /// Goes back to it. What could not be given back to the system stays
    /// reserved until the process ends.
    ///
    /// Other threads may have found functions of the new objects in a table: then the
    /// images are retired, and nothing that these or what is in tables may lead to goes.
    pub(super) fn roll_back(&mut self, before: Checkpoint) {
        let has_others = self.space.locals.others().next().is_some();
        if !has_others {
            // Before the objects in which their descriptors are.
            self.space.tables.truncate(before.tables);
        }
        // What other functions have been given stays theirs.
        let new = self.state.instances.iter();
        let new = new.filter(|&(number, _)| number >= before.instances);
        let new: Vec<_> = new.map(|(_, instance)| instance.image.range()).collect();
        for (domain, index, entry) in std::mem::take(&mut self.state.unpublished) {
            if !new.iter().any(|image| image.contains(&entry.code)) {
                self.space.domains[domain].set_entry(index, entry);
            }
        }
        while self.state.instances.next() > before.instances {
            let last = self.state.instances.next() - 1;
            let Some(instance) = self.state.instances.remove(last) else {
                break;
            };
            let range = instance.image.range();
            self.clear_entries(&range, instance.room.as_ref().map(|r| r.table.clone()));
            match has_others {
                true => self.state.retired.push(Retired {
                    image: instance.image,
                    locals: instance.locals,
                    object: instance.object,
                }),
                // Nothing of it has run.
                false => self.give_back(instance.image, instance.locals),
            }
        }
        if !before.for_threads {
            self.state.for_threads = None;
        }
        self.space.locals.give_stack_pointer(before.stack_pointer);
        if !has_others {
            self.clear_hosts(before.hosts);
            self.space.domains.truncate(before.domains);
            for (domain, &len) in self.space.domains.iter().zip(&before.lengths) {
                domain.shrink_table(len);
            }
        }
        if let Some(program) = &mut self.state.program
            && before.program
        {
            let len = self.space.domains[program.domain].context().table.len;
            let indices = program.indices.iter_mut();
            indices.for_each(|all| all.retain(|_, index| *index < len));
            program.spare_entries.remove(&(len..u64::MAX));
        } else {
            self.state.program = None;
        }
        if !has_others {
            self.space.stubs.forget_hosts(before.hosts);
            self.hosts.truncate(before.hosts);
        }
    }

    /// Gives back an image that nothing points into, and the thread-local storage
    /// of its object. What the system does not take back stays reserved.
    pub fn give_back(&mut self, image: Image, locals: Option<u64>) {
        let range = image.range();
        self.space.stubs.forget(&range);
        self.state.lazy.forget(&range);
        self.space.memories.retain(|desc, _| !range.contains(desc));
        self.space.tables.retain(|t| !range.contains(&t.desc));
        if let Some(at) = locals {
            self.space.locals.release(at);
        }
        self.space.budget.release(range.start);
        let _ = self.space.code.release(image);
    }

    /// Clears what names functions of an image: entries of tables, and the
    /// indices that were given to functions outside of the object's own part.
    pub fn clear_entries(&mut self, image: &Range<u64>, own: Option<Range<u64>>) {
        let own = own.unwrap_or_default();
        self.forget_indices(|code, index| (image.contains(&code), own.contains(&index)));
        self.space.clear_tables(|address| image.contains(&address));
    }

    /// Clears the table entries of host functions numbered from `first` on.
    fn clear_hosts(&mut self, first: usize) {
        self.state.undefined.forget_stubs(first);
        let stubs = self.space.stubs.by_address();
        let gone = |code: u64| matches!(stubs.get(&code), Some(Key::Host(n)) if *n >= first);
        self.forget_indices(|code, _| (gone(code), false));
    }

    /// Forgets the table indices of functions that are gone, and releases their
    /// entries; `is` says of a function's code and index whether it is gone, and
    /// whether the entry is released with others.
    fn forget_indices(&mut self, is: impl Fn(u64, u64) -> (bool, bool)) {
        let program = self.state.program.as_mut();
        let Some(indices) = program.and_then(|p| p.indices.as_mut()) else {
            return;
        };
        let mut given = Vec::new();
        indices.retain(|&code, &mut index| {
            let (gone, with_others) = is(code, index);
            if gone && !with_others {
                given.push(index);
            }
            !gone
        });
        for index in given {
            release_table(self, index..index + 1);
        }
    }
}
