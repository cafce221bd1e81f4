//! What a load has changed, and how it is undone.

use super::{Room, give_back, release_table};
use crate::process::Process;
use crate::space::Key;

/// The state of a process before a transaction.
#[derive(Debug)]
pub(crate) struct Checkpoint {
    /// What has been taken for the new ones.
    pub rooms: Vec<Room>,
    instances: usize,
    domains: usize,
    tables: usize,
    hosts: usize,
    program: bool,
    /// Length of each domain's primary table.
    lengths: Vec<u64>,
}

impl Process {
    /// The state to go back to.
    pub(crate) fn checkpoint(&self, rooms: Vec<Room>) -> Checkpoint {
        Checkpoint {
            rooms,
            instances: self.link.instances.next(),
            domains: self.space.domains.len(),
            tables: self.space.tables.len(),
            hosts: self.hosts.len(),
            program: self.link.program.is_some(),
            lengths: self
                .space
                .domains
                .iter()
                .map(|d| d.context().table.len)
                .collect(),
        }
    }

    /// Goes back to it. What could not be given back to the system stays
    /// reserved until the process ends.
    pub(crate) fn roll_back(&mut self, before: Checkpoint) {
        // Before the objects in which their descriptors are.
        self.space.tables.truncate(before.tables);
        while self.link.instances.next() > before.instances {
            let last = self.link.instances.next() - 1;
            let Some(instance) = self.link.instances.remove(last) else {
                break;
            };
            let range = instance.image.range();
            self.space.stubs.forget(&range);
            self.link.lazy.forget(&range);
            self.clear_entries(&range, instance.room.as_ref().map(|r| r.table.clone()));
            self.space.memories.retain(|desc, _| !range.contains(desc));
            self.space.budget.release(range.start);
            let _ = self.space.code.release(instance.image);
        }
        self.clear_hosts(before.hosts);
        self.space.domains.truncate(before.domains);
        for (domain, &len) in self.space.domains.iter().zip(&before.lengths) {
            domain.shrink_table(len);
        }
        if let Some(program) = &mut self.link.program
            && before.program
        {
            let len = self.space.domains[program.domain].context().table.len;
            let indices = program.indices.iter_mut();
            indices.for_each(|all| all.retain(|_, index| *index < len));
            program.spare_entries.remove(&(len..u64::MAX));
        } else {
            self.link.program = None;
        }
        self.space.stubs.forget_hosts(before.hosts);
        self.hosts.truncate(before.hosts);
        give_back(self, before.rooms);
    }

    /// Clears the table entries of host functions numbered from `first` on.
    fn clear_hosts(&mut self, first: usize) {
        self.link.undefined.forget_stubs(first);
        let stubs = self.space.stubs.by_address();
        let gone = |code: &u64| matches!(stubs.get(code), Some(Key::Host(n)) if *n >= first);
        let indices = self.link.program.as_mut().and_then(|p| p.indices.as_mut());
        let Some(indices) = indices else {
            return;
        };
        let mut given = Vec::new();
        indices.retain(|code, index| {
            if gone(code) {
                given.push(*index);
            }
            !gone(code)
        });
        for index in given {
            release_table(self, index..index + 1);
        }
    }
}
