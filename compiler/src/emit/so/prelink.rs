//! Phase 8: the record of a prelinked object. Where members are and calls lead
//! is filled in when all of them are laid out.

use wasmaot_abi::prelink::{Body, Call, Prelink};

use super::Plan;
use super::layout::{Layout, Section};
use crate::code::Target;
use crate::machine::x86_64;
use crate::prelink::Place;

/// Bytes of the record; 0 where the object is not of a set.
pub(super) fn size(plan: &Plan<'_>, place: Option<Place<'_>>) -> u64 {
    place.map_or(0, |place| record(plan, place, 0, 0).size() as u64)
}

/// The record. The layout keeps addresses below 2 GiB.
pub(super) fn bytes(plan: &Plan<'_>, layout: &Layout, place: Option<Place<'_>>) -> Vec<u8> {
    let (plt, text) = (layout.addr(Section::Plt), layout.addr(Section::Text));
    place.map_or_else(Vec::new, |place| record(plan, place, plt, text).encode())
}

fn record(plan: &Plan<'_>, place: Place<'_>, plt: u64, text: u64) -> Prelink {
    let entries = 0..plan.slots.plt.len() as u64;
    let calls = entries.map(|entry| Call {
        plt: x86_64::plt_entry(plt, entry) as u32,
        to: None,
    });
    let address = |number: usize| (text + u64::from(plan.text.offsets[number])) as u32;
    let bodies = plan.code.seconds().map(|(plain, second)| {
        let needs = plain.imports.iter();
        let needs = needs.filter_map(|&import| plan.slots.plt_of(Target::Func(import)));
        Body {
            code: address(plain.function),
            plain: address(second),
            needs: needs.map(|entry| entry as u32).collect(),
        }
    });
    place.record(calls.collect(), bodies.collect())
}
