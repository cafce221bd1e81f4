//! Phase 8: the record of a prelinked object, its targets still to be filled in.

use wasmaot_abi::prelink::Call;

use super::layout::{Layout, Section};
use super::{Plan, x86_64};
use crate::prelink::Member;

/// Bytes of the record; 0 where the object is not of a set.
pub(super) fn size(plan: &Plan<'_>, member: Option<&Member>) -> u64 {
    let calls = plan.slots.plt.len();
    member.map_or(0, |member| member.record_size(calls) as u64)
}

/// The record. The layout keeps addresses below 2 GiB.
pub(super) fn bytes(plan: &Plan<'_>, layout: &Layout, member: Option<&Member>) -> Vec<u8> {
    let plt = layout.addr(Section::Plt);
    let entries = 0..plan.slots.plt.len() as u64;
    let calls = entries.map(|entry| Call {
        plt: x86_64::plt_entry(plt, entry) as u32,
        to: None,
    });
    member.map_or_else(Vec::new, |m| m.record(calls.collect()).encode())
}
