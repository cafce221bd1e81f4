//! Phase 5, its end: direct binding. Calls of PLT entries are changed to go
//! where the slots, which are filled by now, would have taken them: to a
//! function, a thunk or a host function's stub. All of these lie in one area
//! of 2 GiB; a built-in function of the runtime does not, and is still called
//! through the PLT.

use std::sync::Arc;

use crate::arch;
use crate::config::{Bind, Category};
use crate::error::Result;
use crate::process::Process;

/// Binds the calls of new instances, if the process is to. None of their code
/// has run.
pub(super) fn bind(process: &mut Process, new: impl IntoIterator<Item = usize>) -> Result<()> {
    match process.config.bind {
        Bind::Now | Bind::Lazy => Ok(()),
        Bind::Direct => new.into_iter().try_for_each(|id| calls(process, id)),
    }
}

fn calls(process: &mut Process, id: usize) -> Result<()> {
    let instance = &process.instances[id];
    let object = Arc::clone(&instance.object);
    let targets = object
        .plt_slots()
        .map(|slot| Ok(u64::from_le_bytes(instance.read(slot.offset)?)))
        .collect::<Result<Vec<_>>>()?;
    let calls = object.calls()?;
    let edits: Vec<_> = calls
        .iter()
        .filter_map(|call| {
            let place = u64::from(call.place);
            let target = *targets.get(call.entry as usize)?;
            let bytes = arch::branch_displacement(instance.address(place), target)?;
            Some((place, bytes))
        })
        .collect();
    process.instances[id].image.patch(&edits)?;
    process.config.trace(Category::Statistics, || {
        let (patched, all) = (edits.len(), calls.len());
        format!("{}: {patched} of {all} calls bound directly", object.name())
    });
    Ok(())
}
