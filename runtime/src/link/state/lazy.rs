//! The slots of functions that are looked up when they are first called.

use std::collections::HashMap;
use std::ops::Range;

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
    pub fn add(&mut self, slot: LazySlot) -> u32 {
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
