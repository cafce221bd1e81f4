//! Lazy binding: a function is looked up when it is first called.
//!
//! Its slot leads to a stub until then. What the name means is decided at the
//! call, by the scope of the object that calls, as it is then.

use std::collections::HashMap;
use std::ops::Range;

use super::check;
use super::instance::{Bindings, Target};
use super::linker::Linker;
use super::relocate::callable;
use super::resolve::Late;
use crate::arch;
use crate::error::Result;
use crate::object::{Reloc, bad};
use crate::space::Key;

/// The slots that are, or were, left for later, by number.
#[derive(Debug, Default)]
pub(crate) struct Lazy {
    slots: HashMap<u32, LazySlot>,
    /// Numbers that are not in use: their stubs are there.
    spare: Vec<u32>,
}

/// A slot.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LazySlot {
    pub address: u64,
    pub symbol: u32,
}

impl Lazy {
    /// Gives a slot a number.
    fn add(&mut self, slot: LazySlot) -> u32 {
        // Without spare ones, the numbers in use are those below their count.
        let next = self.slots.len() as u32;
        let number = self.spare.pop().unwrap_or(next);
        self.slots.insert(number, slot);
        number
    }

    /// The slot of a number.
    pub fn get(&self, number: u64) -> Option<LazySlot> {
        let number = u32::try_from(number).ok()?;
        self.slots.get(&number).copied()
    }

    /// Whether a number stands for a slot.
    pub fn is_slot(&self, number: u32, address: u64) -> bool {
        let slot = self.slots.get(&number);
        slot.is_some_and(|slot| slot.address == address)
    }

    /// Forgets the slots of an image that is gone.
    pub fn forget(&mut self, image: &Range<u64>) {
        let gone = |slot: &LazySlot| image.contains(&slot.address);
        let numbers = self.slots.iter().filter(|(_, slot)| gone(slot));
        self.spare.extend(numbers.map(|(&number, _)| number));
        self.slots.retain(|_, slot| !gone(slot));
    }
}

/// What the slot of an instance that a relocation names holds for now.
pub(super) fn stub(linker: &mut Linker<'_>, id: usize, reloc: &Reloc) -> Result<u64> {
    let number = linker.state.lazy.add(LazySlot {
        address: linker.state.instances[id].address(reloc.offset),
        symbol: reloc.symbol,
    });
    linker
        .space
        .stub(Key::Lazy(number), |_| arch::lazy_stub(number))
}

/// Binds a slot of an instance to a target; the address that it holds then.
/// `made`: host functions that were asked for with the target.
pub(crate) fn fill(
    linker: &mut Linker<'_>,
    id: usize,
    slot: LazySlot,
    (target, made): Late,
) -> Result<u64> {
    made.into_iter().for_each(|stub| linker.hosts.add(stub));
    let domain = linker.state.instances[id].domain;
    let function = linker.function(target)?.ok_or_else(|| {
        let file = linker.state.instances[id]
            .object
            .path()
            .display()
            .to_string();
        bad(file, "a call of what is no function")
    })?;
    let code = callable(linker, function, Some(domain))?;
    linker.space.stubs.seal()?;
    let instance = &mut linker.state.instances[id];
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
    if linker.config.check {
        check::slot(linker.view(), id, vaddr)?;
    }
    Ok(code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_used_again() {
        let mut lazy = Lazy::default();
        let add = |lazy: &mut Lazy, address| lazy.add(LazySlot { address, symbol: 1 });
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
