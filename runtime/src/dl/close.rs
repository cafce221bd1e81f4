//! Closing libraries. What no handle, no object that stays, and no code that
//! runs needs any more is finalised and unloaded: its memory and table entries
//! are given back at once, and table entries elsewhere that name its functions
//! are cleared, so that a call through a stale pointer traps.
//!
//! Its code may still be in use: on the stack, or by references in globals of
//! other objects, which nobody can count. The image is therefore retired
//! first, and given back when no word of the stack, of data, or of an image
//! that is itself kept points into it ([`Process::reclaim`]). So is its
//! thread-local storage: the code would take the globals of another object for its own.

use std::collections::HashSet;
use std::sync::Arc;

use super::DlError;
use crate::config::Category;
use crate::error::CallError;
use crate::link::InstanceId;
use crate::link::{
    Block, Instance, RefCount, Retired, Room, breadth_first, dependencies_first, dyninfo,
};
use crate::process::{Process, give_back, heap};
use crate::trap::Trap;

impl Process {
    /// Closes a library once, as `dlclose`. Finalisers run with the last
    /// handle.
    ///
    /// # Errors
    /// [`DlError::Handle`]: it is not open. [`CallError::Trap`]: a finaliser
    /// stopped.
    pub fn close(&mut self, library: InstanceId) -> Result<Result<(), DlError>, CallError> {
        let closed = self.with_dl(|process| match process.link.instances.number(library) {
            Some(number) => process.close_number(number),
            None => Ok(Err(DlError::Handle(0))),
        });
        match closed {
            Ok(closed) => Ok(closed?),
            Err(error) => Ok(Err(error.into())),
        }
    }

    pub(super) fn close_number(&mut self, number: usize) -> Result<Result<(), DlError>, Trap> {
        if self.dl.busy {
            return Ok(Err(DlError::Busy));
        }
        let serial = self.link.instances[number].serial;
        let refs = &mut self.link.instances[number].refs;
        if refs.opened == 0 {
            return Ok(Err(DlError::Handle(super::functions::handle(serial))));
        }
        refs.opened -= 1;
        if refs.opened == 0 && !refs.always {
            self.collect()?;
        }
        Ok(Ok(()))
    }

    /// Finalises and unloads what nobody holds.
    fn collect(&mut self) -> Result<(), Trap> {
        // Another thread may be running finalisers of what this one has closed.
        if self.wait_until_closed().is_err() || self.dl.closing.is_some() {
            // The call further out looks again.
            return Ok(());
        }
        self.dl.closing = Some(self.thread_number());
        let done = self.collect_all();
        self.dl.closing = None;
        done?;
        self.reclaim();
        Ok(())
    }

    fn collect_all(&mut self) -> Result<(), Trap> {
        loop {
            let mut loose = self.loose();
            if loose.is_empty() {
                return Ok(());
            }
            self.order_for_the_end(&mut loose);
            let serials: Vec<u64> = loose
                .iter()
                .map(|&n| self.link.instances[n].serial)
                .collect();
            self.mark_ending(&loose);
            for &serial in &serials {
                self.without_dl(|process| process.run_handlers_of(serial))?;
            }
            // A finaliser may have opened some of it again.
            let still: HashSet<usize> = self.loose().into_iter().collect();
            // All go before any code of the program's runs, which may open libraries.
            let mut left = Vec::new();
            for number in loose {
                let same = |i: &Instance| serials.contains(&i.serial);
                if !self.link.instances.get(number).is_some_and(same) {
                    continue;
                }
                self.link.instances[number].refs.ending = None;
                if still.contains(&number) {
                    left.extend(self.unload(number));
                }
            }
            for (blocks, room) in left {
                blocks
                    .into_iter()
                    .for_each(|block| heap::release(self, block));
                give_back(self, room);
            }
        }
    }

    /// Puts instances into the order in which their finalisers run: those that
    /// need others before these, as with glibc. What an object is bound to
    /// without a need counts too, unless that is against the needs of others.
    fn order_for_the_end(&self, loose: &mut Vec<usize>) {
        loose.sort_by_key(|&n| self.link.instances[n].serial);
        let place = |n: &usize| loose.iter().position(|m| m == n);
        let needs_of = |&n: &usize| {
            self.link.instances[n]
                .needs
                .iter()
                .filter_map(place)
                .collect()
        };
        let needs: Vec<Vec<usize>> = loose.iter().map(needs_of).collect();
        let bound_to = |&n: &usize| -> Vec<usize> {
            let needed = breadth_first(n, |n| &self.link.instances[n].needs);
            let uses = self.link.instances[n].uses.iter();
            let others = uses.filter(|n| !needed.contains(n));
            others.filter_map(place).collect()
        };
        let bound: Vec<Vec<usize>> = loose.iter().map(bound_to).collect();
        let last_loaded_first = (0..loose.len()).rev();
        let order = if bound.iter().all(Vec::is_empty) {
            dependencies_first(&needs, last_loaded_first)
        } else {
            let both = needs.iter().zip(&bound);
            let both: Vec<Vec<usize>> = both.map(|(n, b)| [&n[..], b].concat()).collect();
            dependencies_first(&needs, dependencies_first(&both, last_loaded_first))
        };
        *loose = order.into_iter().rev().map(|at| loose[at]).collect();
    }

    /// The instances that nothing holds.
    fn loose(&self) -> Vec<usize> {
        let held = |i: &Instance| {
            let RefCount {
                opened,
                starting,
                ending: _,
                threads,
                always,
            } = i.refs;
            always || starting.is_some() || opened > 0 || threads > 0
        };
        let all = self.link.instances.iter();
        let roots: Vec<usize> = all.filter(|(_, i)| held(i)).map(|(n, _)| n).collect();
        let mut reached: HashSet<usize> = roots.iter().copied().collect();
        let mut queue = roots;
        while let Some(number) = queue.pop() {
            let uses = self.link.instances[number].uses.iter().copied();
            queue.extend(uses.filter(|&n| reached.insert(n)));
        }
        let all = self.link.instances.iter().map(|(n, _)| n);
        all.filter(|n| !reached.contains(n)).collect()
    }

    /// Takes an instance out; its image is retired. What it had of the program's memory,
    /// to be given back: that takes the program's code.
    fn unload(&mut self, number: usize) -> Option<(Vec<Block>, Option<Room>)> {
        let instance = self.link.instances.remove(number)?;
        let range = instance.image.range();
        self.config.trace(Category::Files, || {
            format!("unloaded {} at {:#x}", instance.object.name(), range.start)
        });
        self.dl.unloaded += 1;
        dyninfo::forget(&mut self.linker(), instance.serial);
        self.link.scope.retain(|&n| n != number);
        self.link.names.retain(|_, n| *n != number);
        self.linker()
            .clear_entries(&range, instance.room.as_ref().map(|r| r.table.clone()));
        let names = self.dl.names.remove(&instance.serial);
        let blocks = names.into_iter().flatten().map(|(_, block)| block);
        let blocks = blocks.chain(self.forget_tls(instance.serial));
        self.link.retired.push(Retired {
            image: instance.image,
            locals: instance.locals,
            object: Arc::clone(&instance.object),
        });
        Some((blocks.collect(), instance.room))
    }
}
