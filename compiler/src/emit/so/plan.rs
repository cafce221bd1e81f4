//! What is decided of an object before there are addresses.

use std::collections::HashMap;

use wasmaot_abi::context::TABLE_ENTRY_SIZE;

use super::data::Data;
use super::funcrefs::Funcrefs;
use super::layout::Layout;
use super::slots::Slots;
use super::symbols::Symbols;
use super::text::Text;
use crate::code::{Code, Target};
use crate::machine::Backend;
use crate::module::Module;

/// All that is decided before there are addresses.
pub(super) struct Plan<'a> {
    pub module: &'a Module<'a>,
    pub code: &'a Code,
    pub backend: &'static dyn Backend,
    pub text: Text,
    pub symbols: Symbols,
    pub slots: Slots,
    pub data: Data,
    pub imported_funcs: u32,
    pub funcrefs: Funcrefs,
    /// Numbers of the functions in the function reference table.
    pub records: HashMap<u32, u64>,
}

impl Plan<'_> {
    /// Number of a defined function in the code.
    pub fn number(&self, func: u32) -> Option<usize> {
        let defined = self.module.funcs.len() as u32;
        (self.imported_funcs..defined)
            .contains(&func)
            .then(|| (func - self.imported_funcs) as usize)
    }

    /// Offset of a defined function in `.text`, if it has code.
    pub fn code_offset(&self, func: u32) -> Option<u32> {
        let number = self.number(func)?;
        let function = self.code.functions.get(number)?;
        let offset = self.text.offsets.get(number).copied();
        offset.filter(|_| !function.is_left_out())
    }

    /// Offset of the init function in `.text`.
    pub fn init_offset(&self) -> Option<u32> {
        self.text.offsets.get(self.code.init()?).copied()
    }

    /// Bytes of a defined function's code.
    pub fn code_size(&self, func: u32) -> u64 {
        let code = self.number(func).and_then(|n| self.code.functions.get(n));
        code.map_or(0, |f| f.bytes.len() as u64)
    }

    /// Offset of a function's record in the function reference table.
    pub fn record(&self, func: u32) -> Option<u64> {
        let number = self.records.get(&func)?;
        Some(TABLE_ENTRY_SIZE * number)
    }

    /// Address of the object's own data for a target.
    pub fn own_address(&self, layout: &Layout, target: Target) -> Option<u64> {
        let place = self.data.offset_of(target)?;
        Some(layout.addr(place.section) + place.offset)
    }

    /// Descriptors of the module's own memories, then tables.
    pub fn descriptors(&self) -> impl Iterator<Item = Target> {
        let memories = (0..self.module.memories.len() as u32).map(Target::Memory);
        let tables = (0..self.module.tables.len() as u32).map(Target::Table);
        memories
            .chain(tables)
            .filter(|&t| self.data.offset_of(t).is_some())
    }
}
