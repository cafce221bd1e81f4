//! Phase 8: the table of exception handlers.

use wasmaot_abi::exception::{self, CallSite, Handler, Tag};

use super::layout::{Layout, Section};
use super::plan::Plan;
use crate::code::{Target, TryCall};

/// Bytes of the table; 0 where nothing is caught.
pub(super) fn size(plan: &Plan<'_>) -> u64 {
    let calls = plan.code.functions.iter().flat_map(|f| &f.try_calls);
    let (sites, handlers) = calls.fold((0, 0), |(sites, handlers), call| {
        (sites + 1, handlers + call.handlers.len())
    });
    exception::table_size(sites, handlers)
}

/// The table. The layout keeps addresses below 2 GiB.
pub(super) fn bytes(plan: &Plan<'_>, layout: &Layout) -> Vec<u8> {
    let text = layout.addr(Section::Text) as u32;
    let functions = plan.text.offsets.iter().zip(&plan.code.functions);
    let sites = functions.flat_map(|(&start, function)| {
        let calls = function.try_calls.iter();
        calls.map(move |call| site(plan, layout, text + start, call))
    });
    exception::encode(&sites.collect::<Vec<_>>())
}

fn site(plan: &Plan<'_>, layout: &Layout, start: u32, call: &TryCall) -> CallSite {
    let handlers = call.handlers.iter().map(|handler| Handler {
        tag: handler.tag.map_or(Tag::Any, |t| tag(plan, layout, t)),
        keeps: handler.keeps,
        code: start + handler.offset,
    });
    CallSite {
        return_address: start + call.offset,
        frame: call.frame,
        handlers: handlers.collect(),
    }
}

fn tag(plan: &Plan<'_>, layout: &Layout, number: u32) -> Tag {
    let target = Target::Tag(number);
    match plan.slots.got_of(target) {
        Some(slot) => Tag::Slot((layout.addr(Section::Got) + 8 * slot) as u32),
        None => Tag::Own(plan.own_address(layout, target).unwrap_or_default() as u32),
    }
}
