//! Binding a function when it is first called: what its name means is decided
//! then, and libraries that were left for later are loaded if need be.

use std::sync::Arc;

use wasmaot_abi::info::Import;
use wasmaot_abi::name;
use wasmaot_abi::types::FuncType;

use super::{DlError, deferred};
use crate::error::{Error, Result, Unresolved};
use crate::host::{HostError, HostFunction};
use crate::link::{self, Late, LazySlot, Target};
use crate::object::Object;
use crate::process::Process;

/// Fills the slot of a number; the address that it holds now.
pub(crate) fn bind_lazily(process: &mut Process, number: u64) -> Result<u64, HostError> {
    let slot = process.link.lazy.get(number).ok_or_else(unloaded)?;
    loop {
        // Libraries that were loaded just now may have run anything.
        let id = owner(process, slot)?;
        let instance = &process.link.instances[id];
        if instance.bindings.symbols.get(slot.symbol as usize) != Some(&Target::Lazy) {
            let vaddr = slot.address - instance.image.start();
            return Ok(u64::from_le_bytes(instance.read(vaddr)?));
        }
        if let Some(found) = look_up(process, id, slot.symbol)? {
            return Ok(link::fill_slot(&mut process.linker(), id, slot, found)?);
        }
    }
}

/// The instance whose slot it is. Code of an object that is closed may still
/// run.
fn owner(process: &Process, slot: LazySlot) -> Result<usize, HostError> {
    let owner = process.link.instances.at(slot.address);
    owner.ok_or_else(unloaded)
}

fn unloaded() -> HostError {
    let text = "a function was first called after its caller had been unloaded; \
                bind it earlier, with RTLD_NOW";
    HostError::Message(text.to_owned())
}

/// What a function of an instance stands for; `None` after loading what may
/// define it.
fn look_up(process: &mut Process, id: usize, symbol: u32) -> Result<Option<Late>, HostError> {
    let object = Arc::clone(&process.link.instances[id].object);
    let Some((ty, import)) = link::functions_of(&object, symbol).next() else {
        return Err(HostError::Message(format!(
            "{}: a call of what it does not import",
            object.name()
        )));
    };
    let found = link::later(process.view(), id, symbol);
    // Whatever an object defines comes before what the host does.
    let by_no_object = match &found {
        Ok((target, _)) => matches!(target, Target::Host(_) | Target::Stub(_)),
        Err(error) => matches!(error, Error::Unresolved(_)),
    };
    let more = import.module == name::ENV && !process.link.deferred.is_empty();
    let failure = if by_no_object && more {
        match deferred::load_next(process) {
            Ok(()) => return Ok(None),
            Err(DlError::Load(error @ Error::Init { .. })) => return Err(error.into()),
            Err(error) => HostError::Message(error.to_string()),
        }
    } else {
        match found {
            Ok(found) => return Ok(Some(found)),
            Err(Error::Unresolved(_)) => {
                HostError::unresolved(link::call_of_undefined(&object, &import))
            }
            Err(error @ (Error::FunctionType { .. } | Error::Mismatch { .. })) => {
                return Err(HostError::unresolved(error.to_string()));
            }
            Err(error) => return Err(error.into()),
        }
    };
    let wanted = object.info().types.get(ty).cloned().unwrap_or_default();
    match ask(process, &object, &import, &wanted)? {
        Some(function) => {
            let number = process.hosts.len();
            process.hosts.add_stub(function);
            Ok(Some((Target::Host(number), Vec::new())))
        }
        None => Err(failure),
    }
}

/// Asks the library's user for a function that nothing defines.
fn ask(
    process: &Process,
    object: &Object,
    import: &Import<'_>,
    wanted: &FuncType,
) -> Result<Option<HostFunction>> {
    let symbol = Unresolved {
        module: import.module.to_owned(),
        name: import.name.to_owned(),
        kind: link::kind_name(&import.kind),
        by: object.path().display().to_string(),
    };
    let missing = process.missing.as_ref();
    match missing.and_then(|missing| missing.0(&symbol, wanted)) {
        Some(function) if function.ty() != wanted => Err(Error::FunctionType {
            symbol: symbol.name,
            importer: symbol.by,
            wanted: Box::new(wanted.clone()),
            definer: "the host".to_owned(),
            found: Box::new(function.ty().clone()),
        }),
        answer => Ok(answer),
    }
}
