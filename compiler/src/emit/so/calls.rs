//! Phase 8: the table of calls that go through the PLT, so that a loader can
//! have them go straight to where they end.

use wasmaot_abi::object::PltCall;

use super::layout::{Layout, Section};
use super::plan::Plan;

/// Bytes of the table.
pub(super) fn size(plan: &Plan<'_>) -> u64 {
    (PltCall::SIZE * calls(plan, 0).count()) as u64
}

/// The table. The layout keeps addresses below 2 GiB.
pub(super) fn bytes(plan: &Plan<'_>, layout: &Layout) -> Vec<u8> {
    let mut calls: Vec<_> = calls(plan, layout.addr(Section::Text) as u32).collect();
    calls.sort_unstable();
    calls.iter().flat_map(PltCall::encode).collect()
}

/// The calls, with `.text` at an address.
fn calls(plan: &Plan<'_>, text: u32) -> impl Iterator<Item = PltCall> {
    let functions = plan.text.offsets.iter().zip(&plan.code.functions);
    functions.flat_map(move |(&start, function)| {
        let relocs = function.relocs.iter();
        relocs.filter_map(move |reloc| {
            let branch = plan.backend.is_branch(&function.bytes, reloc);
            let entry = plan.slots.plt_of(reloc.target).filter(|_| branch)?;
            Some(PltCall {
                place: text + start + reloc.offset,
                entry: entry as u32,
            })
        })
    })
}
