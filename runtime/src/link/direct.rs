//! Phase 5, its end: where calls of PLT entries lead. In the file they lead to
//! the entries, or, of a prelinked object, to functions of other objects.
//!
//! Direct binding changes them to go where the slots, which are filled by now,
//! would have taken them: to a function, a thunk or a host function's stub. All
//! of these lie in one area of 2 GiB; what a call does not reach, as a built-in
//! function of the runtime elsewhere, is still called through the PLT. Prelinked calls that are not right
//! here are changed to lead to their entries, and functions that contain code
//! of others that is not right to go on in their plain code.

use std::sync::Arc;

use super::linker::Linker;
use super::prelinked::{self, Calls};
use crate::arch;
use crate::config::{Bind, Category};
use crate::error::Result;
use crate::object::{Object, Reloc, bad};
use crate::sys::PAGE;

/// So many pages of code may become the process's own.
const FEW_PAGES: usize = 8;

/// Binds the calls of new instances. None of their code has run.
pub(super) fn bind(linker: &mut Linker<'_>, new: impl IntoIterator<Item = usize>) -> Result<()> {
    new.into_iter().try_for_each(|id| calls(linker, id))
}

fn calls(linker: &mut Linker<'_>, id: usize) -> Result<()> {
    // What is not run needs no changes.
    if !linker.state.instances[id].object.runs_here() {
        return Ok(());
    }
    let direct = match linker.config.bind {
        Bind::Direct => true,
        Bind::Static => is_cheap(&linker.state.instances[id].object),
        Bind::Now | Bind::Lazy => false,
    };
    let states = prelinked::outcome(linker.view(), id)?;
    prelinked::report(linker.view(), id, &states);
    let plain = prelinked::plain(linker.view(), id, &states);
    if !direct && plain.is_empty() && !states.contains(&Calls::Wrong) {
        return Ok(());
    }
    let instance = &linker.state.instances[id];
    let object = Arc::clone(&instance.object);
    let mut targets = Vec::with_capacity(states.len());
    for ((entry, slot), state) in object.plt_slots().enumerate().zip(states) {
        let straight = match state {
            Calls::Entry | Calls::Wrong if direct => {
                Some(u64::from_le_bytes(instance.read(slot.offset)?))
            }
            _ => None,
        };
        let plt = match state {
            Calls::Wrong => Some(instance.address(plt_entry(&object, entry, &slot)?)),
            _ => None,
        };
        targets.push([straight, plt]);
    }
    let calls = object.calls()?;
    let edits: Vec<_> = calls
        .iter()
        .filter_map(|call| {
            let place = u64::from(call.place);
            let at = instance.address(place);
            let mut targets = targets
                .get(call.entry as usize)?
                .iter()
                .flatten()
                .peekable();
            targets.peek()?;
            let field = instance.image.read(place).ok()?;
            let bytes = targets.map(|&to| arch::branch_field(field, at, to));
            Some((place, bytes.flatten().next()?))
        })
        .collect();
    let image = &mut linker.state.instances[id].image;
    image.patch(&edits)?;
    // Such a function may begin with a call.
    image.patch(&plain)?;
    linker.config.trace(Category::Statistics, || {
        let how = if direct { "bound directly" } else { "changed" };
        let (patched, all) = (edits.len(), calls.len());
        format!("{}: {patched} of {all} calls {how}", object.name())
    });
    Ok(())
}

/// Whether an object's calls are in so few pages that changing them costs less
/// than the slots would, in a program that runs at all.
fn is_cheap(object: &Object) -> bool {
    // Who prelinks wants the code as it is in the file.
    if object.prelink().is_some() {
        return false;
    }
    let mut pages: Vec<u64> = Vec::with_capacity(FEW_PAGES);
    for place in object.call_places() {
        let page = u64::from(place) / PAGE;
        if pages.last() != Some(&page) {
            if pages.len() == FEW_PAGES {
                return false;
            }
            pages.push(page);
        }
    }
    true
}

/// Address in a prelinked object of an entry of its PLT.
fn plt_entry(object: &Object, entry: usize, slot: &Reloc) -> Result<u64> {
    let call = object.prelink().and_then(|record| record.calls.get(entry));
    let plt = call.map(|call| u64::from(call.plt));
    let is_it = |&at: &u64| {
        let code = object.code(at);
        code.and_then(|code| arch::plt_slot(code, at)) == Some(slot.offset)
    };
    plt.filter(is_it).ok_or_else(|| {
        let reason = format!("its prelink record is damaged: entry {entry} of the PLT");
        bad(object.path().display().to_string(), reason)
    })
}
