//! Functions that contain code of other objects: whether that is the code of
//! what their imports mean.

use wasmaot_abi::prelink::{Body, SetAddress};

use super::{Checker, Meaning};
use crate::arch;
use crate::config::Bind;
use crate::link::state::Instance;

impl Checker<'_> {
    /// Whether data of the object that defines a symbol are at an address. Who
    /// defines a function that waits for its first call is not asked.
    pub(super) fn is_base(&self, id: usize, symbol: u32, at: u64) -> bool {
        let lazy = self.view.config.bind == Bind::Lazy;
        match self.meaning(id, symbol) {
            Meaning::Definition(definer, _) => {
                at == self.view.state.instances[definer].memory_base || (lazy && at == 0)
            }
            _ => at == 0,
        }
    }

    /// What is wrong in the code, of which that of another machine is not changed: it
    /// is not run.
    pub(super) fn code(&self, id: usize) -> Vec<String> {
        match self.view.state.instances[id].object.runs_here() {
            true => [self.calls(id), self.bodies(id)].concat(),
            false => Vec::new(),
        }
    }

    /// Addresses of the functions that begin with a jump to their plain code.
    pub(super) fn redirected(&self, instance: &Instance) -> Vec<u64> {
        let record = instance.object.prelink();
        let bodies = record.map_or(&[][..], |record| &record.bodies).iter();
        let jumps = bodies.filter(|body| {
            let code = instance.image.read(body.code.into());
            let target = code.map(|code| arch::branch_target(code, body.code.into()));
            target == Ok(Some(body.uninlined.into()))
        });
        jumps.map(|body| body.code.into()).collect()
    }

    /// The functions that are as they must not be.
    fn bodies(&self, id: usize) -> Vec<String> {
        let instance = &self.view.state.instances[id];
        let plain = self.redirected(instance);
        let record = instance.object.prelink();
        let bodies = record.map_or(&[][..], |record| &record.bodies).iter();
        let wrong = bodies.filter(|body| {
            let right = self.view.config.bind == Bind::Static && self.holds_all(id, body);
            right == plain.contains(&body.code.into())
        });
        wrong
            .map(|body| format!("the function at {:#x} contains what it must not", body.code))
            .collect()
    }

    /// Whether a function contains the code of what its imports mean, in a
    /// program whose main is the set's.
    fn holds_all(&self, id: usize, body: &Body) -> bool {
        let instance = &self.view.state.instances[id];
        let first = self.view.state.scope.first().or(self.scope.first());
        let main = first.is_some_and(|&first| self.is_member(id, first, 0));
        if !main || self.opened {
            return false;
        }
        let plt: Vec<_> = instance.object.plt_slots().collect();
        body.needs.iter().all(|&need| {
            let record = instance.object.prelink();
            let call = record.and_then(|record| record.calls.get(need as usize));
            let to = call.and_then(|call| call.to);
            let slot = plt.get(need as usize);
            let both = to.zip(slot);
            both.is_some_and(|(to, slot)| self.is_at(id, slot.symbol, to))
        })
    }

    /// Whether a symbol means what is at an address of an object's set.
    fn is_at(&self, id: usize, symbol: u32, to: SetAddress) -> bool {
        let instance = &self.view.state.instances[id];
        let Meaning::Definition(definer, symbol) = self.meaning(id, symbol) else {
            return false;
        };
        let found = &self.view.state.instances[definer];
        self.is_member(id, definer, to.member as usize)
            && found.object.symbol(symbol as u32).value == u64::from(to.address)
            && found.domain == instance.domain
    }

    /// Whether an instance is a member of another's set, where that has it.
    fn is_member(&self, id: usize, other: usize, number: usize) -> bool {
        let (instance, other) = (
            &self.view.state.instances[id],
            &self.view.state.instances[other],
        );
        let Some(record) = instance.object.prelink() else {
            return false;
        };
        let (own, member) = (
            &record.members[record.number as usize],
            &record.members[number],
        );
        let distance = i64::from(member.offset) - i64::from(own.offset);
        let apart = other.image.start().wrapping_sub(instance.image.start());
        other.object.build_id() == member.build_id.as_slice() && apart as i64 == distance
    }
}
