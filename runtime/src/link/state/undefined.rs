//! Addresses for what nothing defines, where that is no error: they lie where
//! no use of them can do harm or pass unnoticed.
//!
//! Data lie at the first address that no memory comes to. An offset of less than
//! 16 MiB does not wrap, so that each access traps. The pointer to a function is
//! an index that no table comes to; the address of the fault tells which it was.

use std::collections::{BTreeSet, HashMap};

use wasmaot_abi::context::MEMORY_LIMIT;

/// The linear address of all undefined data.
pub(crate) const DATA: u64 = MEMORY_LIMIT;
/// Table index of the first undefined function.
pub(crate) const FUNCTIONS: u64 = (1 << 32) - (1 << 16);
/// How many have an index of their own; all others share the last.
const MOST: usize = 1 << 16;

/// Undefined functions and data that objects refer to by address.
#[derive(Clone, Debug, Default)]
pub(crate) struct Undefined {
    /// Each with who asked for it first.
    functions: Vec<(String, String)>,
    numbers: HashMap<String, u32>,
    /// Of those that are also called: the numbers of host functions that trap
    /// in their place.
    stubs: HashMap<usize, u32>,
    data: BTreeSet<String>,
}

impl Undefined {
    /// Enters a function; its number.
    pub fn function(&mut self, name: &str, by: &str) -> u32 {
        if let Some(&number) = self.numbers.get(name) {
            return number;
        }
        let number = self.functions.len().min(MOST - 1) as u32;
        self.numbers.insert(name.to_owned(), number);
        if self.functions.len() < MOST {
            self.functions.push((name.to_owned(), by.to_owned()));
        }
        number
    }

    /// Notes the host function that stands for a function where it is called.
    pub fn stub(&mut self, host: usize, number: u32) {
        self.stubs.insert(host, number);
    }

    /// Forgets the host functions from a number on.
    pub fn forget_stubs(&mut self, first: usize) {
        self.stubs.retain(|&host, _| host < first);
    }

    /// Enters data.
    pub fn data(&mut self, name: &str) {
        self.data.insert(name.to_owned());
    }

    /// The table index of the function that a host function stands for.
    pub fn index_of_stub(&self, host: usize) -> Option<u64> {
        self.stubs.get(&host).map(|&number| index(number))
    }

    /// What the function of a table index is, for people.
    pub fn named(&self, index: u64) -> Option<String> {
        let number = usize::try_from(index.checked_sub(FUNCTIONS)?).ok()?;
        let (name, by) = self.functions.get(number)?;
        Some(format!("`{name}`, imported by {by}"))
    }

    /// The data that may be meant by an address, for people.
    pub fn data_at(&self, linear: u64) -> Option<String> {
        const FEW: usize = 4;
        if linear < DATA || self.data.is_empty() {
            return None;
        }
        let names = self.data.iter().take(FEW).map(|name| format!("`{name}`"));
        let names: Vec<String> = names.collect();
        let more = if self.data.len() > FEW { ", …" } else { "" };
        Some(format!(
            "undefined data lie there: {}{more}",
            names.join(", ")
        ))
    }
}

/// The table index of an undefined function's number.
pub(crate) const fn index(number: u32) -> u64 {
    FUNCTIONS + number as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_has_one_number_and_no_index_wraps() {
        let mut undefined = Undefined::default();
        assert_eq!(undefined.function("f", "a"), 0);
        assert_eq!(undefined.function("g", "a"), 1);
        assert_eq!(undefined.function("f", "b"), 0);
        let named = undefined.named(index(1));
        assert_eq!(named.as_deref(), Some("`g`, imported by a"));
        assert_eq!(undefined.named(1), None);
        for n in 0..MOST {
            let number = undefined.function(&format!("many{n}"), "a");
            assert!(index(number) <= u32::MAX.into());
        }
    }
}
