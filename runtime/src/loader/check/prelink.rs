//! Functions that contain code of other objects: whether that is the code of
//! what their imports mean.

use wasmaot_abi::prelink::{Body, Place};

use super::{Checker, Meaning};
use crate::arch;
use crate::config::Bind;
use crate::loader::instance::Instance;

impl Checker<'_> {
    /// Addresses of the functions that begin with a jump to their plain code.
    pub(super) fn redirected(&self, instance: &Instance) -> Vec<u64> {
        let record = instance.object.prelink();
        let bodies = record.map_or(&[][..], |record| &record.bodies).iter();
        let jumps = bodies.filter(|body| {
            let code = instance.image.read(body.code.into());
            let target = code.map(|code| arch::branch_target(code, body.code.into()));
            target == Ok(Some(body.plain.into()))
        });
        jumps.map(|body| body.code.into()).collect()
    }

    /// The functions that are as they must not be.
    pub(super) fn bodies(&self, id: usize) -> Vec<String> {
        let instance = &self.process.instances[id];
        let plain = self.redirected(instance);
        let record = instance.object.prelink();
        let bodies = record.map_or(&[][..], |record| &record.bodies).iter();
        let wrong = bodies.filter(|body| {
            let right = self.process.config.bind == Bind::Static && self.holds_all(id, body);
            right == plain.contains(&body.code.into())
        });
        wrong
            .map(|body| format!("the function at {:#x} contains what it must not", body.code))
            .collect()
    }

    /// Whether a function contains the code of what its imports mean.
    fn holds_all(&self, id: usize, body: &Body) -> bool {
        let instance = &self.process.instances[id];
        let plt: Vec<_> = instance.object.plt_slots().collect();
        body.needs.iter().all(|&need| {
            let record = instance.object.prelink();
            let call = record.and_then(|record| record.calls.get(need as usize));
            let place = call.and_then(|call| call.to);
            let slot = plt.get(need as usize);
            let both = place.zip(slot);
            both.is_some_and(|(place, slot)| self.is_at(id, slot.symbol, place))
        })
    }

    /// Whether a symbol means what is at a place of an object's set.
    fn is_at(&self, id: usize, symbol: u32, place: Place) -> bool {
        let instance = &self.process.instances[id];
        let Meaning::Definition(definer, symbol) = self.meaning(id, symbol) else {
            return false;
        };
        let definer = &self.process.instances[definer];
        let Some(record) = instance.object.prelink() else {
            return false;
        };
        let members = &record.members;
        let (own, other) = (
            &members[record.number as usize],
            &members[place.member as usize],
        );
        let distance = i64::from(other.offset) - i64::from(own.offset);
        let apart = definer.image.start().wrapping_sub(instance.image.start());
        definer.object.build_id() == other.build_id.as_slice()
            && apart as i64 == distance
            && definer.object.symbol(symbol as u32).value == u64::from(place.address)
            && definer.domain == instance.domain
    }
}
