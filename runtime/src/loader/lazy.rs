//! Lazy binding: a function is looked up when it is first called.
//!
//! Its slot leads to a stub until then. What the name means is decided at the
//! call, by the scope of the object that calls, as it is then.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use wasmaot_abi::name;
use wasmaot_abi::trap::TrapCode;

use super::instance::Target;
use super::relocate::callable;
use super::stubs::Key;
use super::{check, enter_types, resolve};
use crate::arch;
use crate::error::{Error, Result, Unresolved};
use crate::host::{HostError, HostFunction};
use crate::object::{Object, Reloc, bad};
use crate::process::Process;
use crate::trap::{Trap, TrapReason};

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
    let number = process.lazy.add(Slot {
        address: process.instances[id].address(reloc.offset),
        symbol: reloc.symbol,
    });
    process.stub(Key::Lazy(number), |_| arch::lazy_stub(number))
}

/// Fills the slot of a number; the address that it holds now.
pub(crate) fn bind_lazily(process: &mut Process, number: u64) -> Result<u64, HostError> {
    let number = u32::try_from(number).unwrap_or(u32::MAX);
    let slot = process.lazy.slots.get(&number).copied();
    // The code of an object that is closed may still run.
    let id = slot.and_then(|slot| process.instances.at(slot.address));
    let (Some(slot), Some(id)) = (slot, id) else {
        return Err(HostError::Message(
            "a function was first called after its caller had been unloaded; \
             bind it earlier, with RTLD_NOW"
                .to_owned(),
        ));
    };
    let object = Arc::clone(&process.instances[id].object);
    bind(process, id, slot).map_err(|error| match error {
        Error::Unresolved(list) => unresolved(&object, &list),
        other => HostError::Message(other.to_string()),
    })
}

fn bind(process: &mut Process, id: usize, slot: Slot) -> Result<u64> {
    let instance = &process.instances[id];
    let vaddr = slot.address - instance.image.start();
    if instance.bindings.symbols.get(slot.symbol as usize) != Some(&Target::Lazy) {
        return Ok(u64::from_le_bytes(instance.read(vaddr)?));
    }
    let (target, made) = match resolve::later(process, id, slot.symbol) {
        Err(Error::Unresolved(list)) => ask(process, id, slot.symbol, list)?,
        other => other?,
    };
    if !made.is_empty() {
        made.into_iter().for_each(|f| process.hosts.add_stub(f));
        enter_types(process, &[])?;
    }
    let domain = process.instances[id].domain;
    let function = process.function(target)?.ok_or_else(|| {
        let file = process.instances[id].object.path().display().to_string();
        bad(file, "a call of what is no function")
    })?;
    let code = callable(process, function, Some(domain))?;
    process.stubs.seal()?;
    let instance = &mut process.instances[id];
    if let Some(bound) = instance.bindings.symbols.get_mut(slot.symbol as usize) {
        *bound = target;
    }
    if let Target::Symbol {
        instance: definer, ..
    } = target
    {
        instance.uses.insert(definer);
    }
    instance.write(vaddr, code)?;
    if process.config.check {
        check::slot(process, id, vaddr)?;
    }
    Ok(code)
}

/// Asks the library's user for a function that nothing defines.
fn ask(
    process: &Process,
    id: usize,
    symbol: u32,
    list: Vec<Unresolved>,
) -> Result<(Target, Vec<HostFunction>)> {
    let object = &process.instances[id].object;
    let mut imports = resolve::functions(object).filter(|(_, i)| i.symbol == symbol);
    let wanted = imports
        .next()
        .and_then(|(ty, _)| object.info().types.get(ty));
    let answer = match (&process.config.missing, wanted, list.first()) {
        (Some(missing), Some(ty), Some(symbol)) => missing(symbol, ty).map(|f| (f, ty, symbol)),
        _ => None,
    };
    let Some((function, wanted, symbol)) = answer else {
        return Err(Error::Unresolved(list));
    };
    if function.ty != *wanted {
        return Err(Error::FunctionType {
            symbol: symbol.name.clone(),
            importer: symbol.by.clone(),
            wanted: Box::new(wanted.clone()),
            definer: "the host".to_owned(),
            found: Box::new(function.ty),
        });
    }
    Ok((Target::Host(process.hosts.len()), vec![function]))
}

/// The trap that names what is missing.
fn unresolved(object: &Object, list: &[Unresolved]) -> HostError {
    let mut trap = Trap::new(TrapReason::Code(TrapCode::UnresolvedSymbol));
    trap.detail = list.first().map(|symbol| {
        let name = name::import(&symbol.module, &symbol.name);
        format!("`{name}`, imported by {}", object.name())
    });
    HostError::Trap(Box::new(trap))
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
