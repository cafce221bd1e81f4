//! Phase 8: the record of a prelinked object. Where members are and calls lead
//! is filled in when all of them are laid out.

use wasmaot_abi::prelink::{Body, BuildId, Call, Member, Prelink};

use super::layout::{Layout, Section};
use super::plan::Plan;
use crate::code::Target;

/// An object's membership in its set of prelinked objects.
#[derive(Clone, Copy)]
pub(crate) struct Membership<'a> {
    members: &'a [Member],
    number: u32,
}

impl<'a> Membership<'a> {
    pub fn new(members: &'a [Member], number: u32) -> Self {
        Self { members, number }
    }

    pub fn build_id(self) -> BuildId {
        self.members[self.number as usize].build_id
    }

    /// The record of an object with these calls and bodies, before it is known
    /// where members are and calls lead.
    pub fn record(self, calls: Vec<Call>, bodies: Vec<Body>) -> Prelink {
        Prelink {
            number: self.number,
            members: self.members.to_vec(),
            calls,
            bodies,
        }
    }
}

/// Bytes of the record; 0 where the object is not of a set.
pub(super) fn size(plan: &Plan<'_>, membership: Option<Membership<'_>>) -> u64 {
    membership.map_or(0, |membership| record(plan, membership, 0, 0).size() as u64)
}

/// The record. The layout keeps addresses below 2 GiB.
pub(super) fn bytes(
    plan: &Plan<'_>,
    layout: &Layout,
    membership: Option<Membership<'_>>,
) -> Vec<u8> {
    let (plt, text) = (layout.addr(Section::Plt), layout.addr(Section::Text));
    membership.map_or_else(Vec::new, |membership| {
        record(plan, membership, plt, text).encode()
    })
}

fn record(plan: &Plan<'_>, membership: Membership<'_>, plt: u64, text: u64) -> Prelink {
    let entries = 0..plan.slots.plt.len() as u64;
    let calls = entries.map(|entry| Call {
        plt: plan.backend.plt_entry(plt, entry) as u32,
        to: None,
    });
    let address = |number: usize| (text + u64::from(plan.text.offsets[number])) as u32;
    let bodies = plan.code.second_codes().map(|(uninlined, second)| {
        let needs = uninlined.imports.iter();
        let needs = needs.filter_map(|&import| plan.slots.plt_of(Target::Func(import)));
        Body {
            code: address(uninlined.function),
            uninlined: address(second),
            needs: needs.map(|entry| entry as u32).collect(),
        }
    });
    membership.record(calls.collect(), bodies.collect())
}
