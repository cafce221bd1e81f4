//! Link edit: code → an ELF shared object.
//!
//! [`link`] is the list of phases. Everything is known but the addresses
//! until the layout is made; after it, everything is written.

mod calls;
mod data;
mod debug;
mod dwarf;
mod dynamic;
mod elf;
mod frames;
mod funcrefs;
mod handlers;
mod hash;
mod info;
mod layout;
mod maps;
mod memory;
mod prelink;
mod recorder;
mod relocate;
mod sections;
mod slots;
mod source;
mod symbols;
mod symtab;
#[cfg(test)]
pub(crate) mod tests;
mod text;
mod types;
mod write;

use std::collections::HashMap;

use cranelift_codegen::isa::TargetIsa;
use wasmaot_abi::context::TABLE_ENTRY_SIZE;
use wasmaot_abi::prelink::BuildId;

use self::data::Data;
use self::funcrefs::Funcrefs;
pub(crate) use self::prelink::Membership;

use self::layout::{Layout, Section};
use self::sections::Sections;
use self::slots::Slots;
use self::symbols::Symbols;
use self::text::Text;
use crate::code::{Code, Target};
use crate::error::Result;
use crate::machine::Backend;
use crate::module::Module;
use crate::options::Options;

/// Lays out and writes the object; `membership`: of one that is to be prelinked.
pub(crate) fn link(
    module: &Module<'_>,
    code: &Code,
    isa: &dyn TargetIsa,
    backend: &'static dyn Backend,
    options: &Options,
    build_id: BuildId,
    membership: Option<Membership<'_>>,
) -> Result<Vec<u8>> {
    let machine = backend.description();
    let text = text::arrange(module, code, machine)?;
    let types = types::Types::new(module)?;
    let symbols = symbols::collect(module, &text, &types);
    let image = memory::image(module, machine.image_align)?;
    let slots = slots::assign(module, &symbols, &text);
    let data = data::arrange(module, &text, &symbols);
    let funcrefs = funcrefs::order(module, &text, &data);
    let record = info::record(module, options, &types, &funcrefs, &image)?;
    let plan = Plan::new(module, code, backend, text, symbols, slots, data, funcrefs);
    let sections = Sections::prepare(&plan, isa, options, &build_id, membership, record)?;

    let mut layout = layout::lay_out(&module.source, sections.sizes(&plan), &image)?;

    let locals = sections.symtab.first_global();
    let contents = sections.contents(&plan, &mut layout);
    let mut file = write::file(machine, &layout, contents, &image, locals);
    let text = write::part(&mut file, layout.offset(Section::Text), plan.text.size);
    relocate::text(&plan, &layout, text)?;
    write::seal(&mut file, &layout);
    Ok(file)
}

/// All that is decided before there are addresses.
struct Plan<'a> {
    module: &'a Module<'a>,
    code: &'a Code,
    backend: &'static dyn Backend,
    text: Text,
    symbols: Symbols,
    slots: Slots,
    data: Data,
    imported_funcs: u32,
    funcrefs: Funcrefs,
    /// Numbers of the functions in the function reference table.
    records: HashMap<u32, u64>,
}

impl<'a> Plan<'a> {
    fn new(
        module: &'a Module<'a>,
        code: &'a Code,
        backend: &'static dyn Backend,
        text: Text,
        symbols: Symbols,
        slots: Slots,
        data: Data,
        funcrefs: Funcrefs,
    ) -> Self {
        Self {
            module,
            code,
            backend,
            text,
            symbols,
            slots,
            data,
            imported_funcs: module.imported_funcs(),
            records: funcrefs.list.iter().copied().zip(0..).collect(),
            funcrefs,
        }
    }

    /// Number of a defined function in the code.
    fn number(&self, func: u32) -> Option<usize> {
        let defined = self.module.funcs.len() as u32;
        (self.imported_funcs..defined)
            .contains(&func)
            .then(|| (func - self.imported_funcs) as usize)
    }

    /// Offset of a defined function in `.text`, if it has code.
    fn code_offset(&self, func: u32) -> Option<u32> {
        let number = self.number(func)?;
        let function = self.code.functions.get(number)?;
        let offset = self.text.offsets.get(number).copied();
        offset.filter(|_| !function.is_left_out())
    }

    /// Offset of the init function in `.text`.
    fn init_offset(&self) -> Option<u32> {
        self.text.offsets.get(self.code.init()?).copied()
    }

    /// Bytes of a defined function's code.
    fn code_size(&self, func: u32) -> u64 {
        let code = self.number(func).and_then(|n| self.code.functions.get(n));
        code.map_or(0, |f| f.bytes.len() as u64)
    }

    /// Offset of a function's record in the function reference table.
    fn record(&self, func: u32) -> Option<u64> {
        let number = self.records.get(&func)?;
        Some(TABLE_ENTRY_SIZE * number)
    }

    /// Address of the object's own data for a target.
    fn own_address(&self, layout: &Layout, target: Target) -> Option<u64> {
        let place = self.data.offset_of(target)?;
        Some(layout.addr(place.section) + place.offset)
    }

    /// Descriptors of the module's own memories, then tables.
    fn descriptors(&self) -> impl Iterator<Item = Target> {
        let memories = (0..self.module.memories.len() as u32).map(Target::Memory);
        let tables = (0..self.module.tables.len() as u32).map(Target::Table);
        memories
            .chain(tables)
            .filter(|&t| self.data.offset_of(t).is_some())
    }
}
