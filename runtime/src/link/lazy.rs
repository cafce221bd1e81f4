//! Lazy binding: a function is looked up when it is first called.
//!
//! Its slot leads to a stub until then. What the name means is decided at the
//! call, by the scope of the object that calls, as it is then.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use wasmaot_abi::info::Import;
use wasmaot_abi::name;
use wasmaot_abi::types::FuncType;

use super::instance::{Bindings, Target};
use super::matching::kind_name;
use super::relocate::callable;
use super::{check, deferred, resolve};
use crate::arch;
use crate::dl::DlError;
use crate::error::{Error, Result, Unresolved};
use crate::host::{HostError, HostFunction};
use crate::object::{Object, Reloc, bad};
use crate::process::Process;
use crate::space::Key;

/// The slots that are, or were, left for later, by number.
#[derive(Debug, Default)]
pub(crate) struct Lazy {
    slots: HashMap<u32, Slot>,
    /// Numbers that are not in use: their stubs are there.
    spare: Vec<u32>,
}

/// A slot.
#[derive(Clone, Copy, Debug)]
struct Slot {
    address: u64,
    symbol: u32,
}

impl Lazy {
    /// Gives a slot a number.
    fn add(&mut self, slot: Slot) -> u32 {
        // Without spare ones, the numbers in use are those below their count.
        let next = self.slots.len() as u32;
        let number = self.spare.pop().unwrap_or(next);
        self.slots.insert(number, slot);
        number
    }

    /// Whether a number stands for a slot.
    pub fn is_slot(&self, number: u32, address: u64) -> bool {
        let slot = self.slots.get(&number);
        slot.is_some_and(|slot| slot.address == address)
    }

    /// Forgets the slots of an image that is gone.
    pub fn forget(&mut self, image: &Range<u64>) {
        let gone = |slot: &Slot| image.contains(&slot.address);
        let numbers = self.slots.iter().filter(|(_, slot)| gone(slot));
        self.spare.extend(numbers.map(|(&number, _)| number));
        self.slots.retain(|_, slot| !gone(slot));
    }
}

/// What the slot of an instance that a relocation names holds for now.
pub(super) fn stub(process: &mut Process, id: usize, reloc: &Reloc) -> Result<u64> {
    let number = process.link.lazy.add(Slot {
        address: process.link.instances[id].address(reloc.offset),
        symbol: reloc.symbol,
    });
    process.stub(Key::Lazy(number), |_| arch::lazy_stub(number))
}

/// Fills the slot of a number; the address that it holds now.
pub(crate) fn bind_lazily(process: &mut Process, number: u64) -> Result<u64, HostError> {
    let number = u32::try_from(number).unwrap_or(u32::MAX);
    let slot = process.link.lazy.slots.get(&number).copied();
    let slot = slot.ok_or_else(unloaded)?;
    loop {
        // Libraries that were loaded just now may have run anything.
        let id = owner(process, slot)?;
        let instance = &process.link.instances[id];
        if instance.bindings.symbols.get(slot.symbol as usize) != Some(&Target::Lazy) {
            let vaddr = slot.address - instance.image.start();
            return Ok(u64::from_le_bytes(instance.read(vaddr)?));
        }
        if let Some(found) = look_up(process, id, slot.symbol)? {
            return Ok(fill(process, id, slot, found)?);
        }
    }
}

/// The instance whose slot it is. Code of an object that is closed may still
/// run.
fn owner(process: &Process, slot: Slot) -> Result<usize, HostError> {
    process.link.instances.at(slot.address).ok_or_else(unloaded)
}

fn unloaded() -> HostError {
    let text = "a function was first called after its caller had been unloaded; \
                bind it earlier, with RTLD_NOW";
    HostError::Message(text.to_owned())
}

/// A target, and host functions made for it.
type Found = (Target, Vec<HostFunction>);

/// What a function of an instance stands for; `None` after loading what may
/// define it.
fn look_up(process: &mut Process, id: usize, symbol: u32) -> Result<Option<Found>, HostError> {
    let object = Arc::clone(&process.link.instances[id].object);
    let Some((ty, import)) = resolve::functions(&object, symbol).next() else {
        return Err(HostError::Message(format!(
            "{}: a call of what it does not import",
            object.name()
        )));
    };
    let found = resolve::later(process, id, symbol);
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
                HostError::Trap(Box::new(resolve::undefined_call(&object, &import)))
            }
            Err(error @ (Error::FunctionType { .. } | Error::Mismatch { .. })) => {
                return Err(HostError::Trap(Box::new(resolve::mismatched_call(&error))));
            }
            Err(error) => return Err(error.into()),
        }
    };
    let wanted = object.info().types.get(ty).cloned().unwrap_or_default();
    match ask(process, &object, &import, &wanted)? {
        Some(function) => Ok(Some((Target::Host(process.hosts.len()), vec![function]))),
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
        kind: kind_name(&import.kind),
        by: object.path().display().to_string(),
    };
    let missing = process.config.missing.as_ref();
    match missing.and_then(|missing| missing(&symbol, wanted)) {
        Some(function) if function.ty != *wanted => Err(Error::FunctionType {
            symbol: symbol.name,
            importer: symbol.by,
            wanted: Box::new(wanted.clone()),
            definer: "the host".to_owned(),
            found: Box::new(function.ty),
        }),
        answer => Ok(answer),
    }
}

/// Binds a slot; the address that it holds then.
fn fill(process: &mut Process, id: usize, slot: Slot, (target, made): Found) -> Result<u64> {
    made.into_iter().for_each(|f| process.hosts.add_stub(f));
    let domain = process.link.instances[id].domain;
    let function = process.function(target)?.ok_or_else(|| {
        let file = process.link.instances[id]
            .object
            .path()
            .display()
            .to_string();
        bad(file, "a call of what is no function")
    })?;
    let code = callable(process, function, Some(domain))?;
    process.space.stubs.seal()?;
    let instance = &mut process.link.instances[id];
    let Bindings {
        imports, symbols, ..
    } = &mut instance.bindings;
    for (number, _) in instance.object.imports_of(slot.symbol) {
        imports[number] = target;
    }
    if let Some(bound) = symbols.get_mut(slot.symbol as usize) {
        *bound = target;
    }
    if let Target::Symbol {
        instance: definer, ..
    } = target
    {
        instance.uses.insert(definer);
    }
    let vaddr = slot.address - instance.image.start();
    instance.write(vaddr, code)?;
    if process.config.check {
        check::slot(process, id, vaddr)?;
    }
    Ok(code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_used_again() {
        let mut lazy = Lazy::default();
        let add = |lazy: &mut Lazy, address| lazy.add(Slot { address, symbol: 1 });
        assert_eq!(
            [0x1000, 0x2000, 0x2008].map(|at| add(&mut lazy, at)),
            [0, 1, 2]
        );
        lazy.forget(&(0x2000..0x3000));
        assert!(lazy.is_slot(0, 0x1000) && !lazy.is_slot(1, 0x2000));
        let mut again = [0x3000, 0x3008, 0x3010].map(|at| add(&mut lazy, at));
        again.sort_unstable();
        assert_eq!(again, [1, 2, 3]);
    }
}
