//! Phase 7: fills the places in code, now that everything has an address.

use super::layout::{Layout, Section};
use super::plan::Plan;
use crate::code::Target;
use crate::error::{Error, Result};
use crate::machine::Location;

/// Writes `.text` where it is to be.
pub(super) fn text(plan: &Plan<'_>, layout: &Layout, text: &mut [u8]) -> Result<()> {
    let base = layout.addr(Section::Text);
    let trap = plan.backend.trap();
    let mut end = 0;
    for (i, function) in plan.code.functions.iter().enumerate() {
        let start = plan.text.offsets[i];
        let gap = text[end..start as usize].chunks_mut(trap.len());
        gap.for_each(|bytes| bytes.copy_from_slice(&trap[..bytes.len()]));
        end = start as usize + function.bytes.len();
        let code = &mut text[start as usize..][..function.bytes.len()];
        code.copy_from_slice(&function.bytes);
        for reloc in &function.relocs {
            address(plan, layout, reloc.target)
                .ok_or("there is no such thing in the module")
                .and_then(|target| {
                    let at = base + u64::from(start);
                    plan.backend.apply(code, at, reloc, target)
                })
                .map_err(|reason| Error::Codegen {
                    file: plan.module.source.clone(),
                    function: function_name(plan, i),
                    reason: format!(
                        "{:?} to {:?} at {:#x}: {reason}",
                        reloc.kind, reloc.target, reloc.offset
                    ),
                })?;
        }
    }
    Ok(())
}

fn function_name(plan: &Plan<'_>, number: usize) -> String {
    let func = plan.module.imported_funcs() as usize + plan.code.function_of(number);
    if func < plan.module.funcs.len() {
        plan.module.func_name(func as u32)
    } else {
        "the init function".into()
    }
}

/// Where a target is; `None` for what the module has not.
fn address(plan: &Plan<'_>, layout: &Layout, target: Target) -> Option<Location> {
    if let Some(entry) = plan.slots.plt_of(target) {
        let plt = layout.addr(Section::Plt);
        return Some(Location::Here(plan.backend.plt_entry(plt, entry)));
    }
    if let Some(slot) = plan.slots.got_of(target) {
        return Some(Location::Got(layout.addr(Section::Got) + 8 * slot));
    }
    if let Some(place) = plan.data.offset_of(target) {
        return Some(Location::Here(layout.addr(place.section) + place.offset));
    }
    match target {
        Target::Func(f) => plan.code_offset(f),
        Target::Init(0) => plan.init_offset(),
        Target::Funcref(f) => {
            return plan
                .record(f)
                .map(|at| Location::Here(layout.addr(Section::Funcrefs) + at));
        }
        _ => None,
    }
    .map(|offset| Location::Here(layout.addr(Section::Text) + u64::from(offset)))
}
