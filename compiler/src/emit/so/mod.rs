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
mod plan;
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

use cranelift_codegen::isa::TargetIsa;
use wasmaot_abi::prelink::BuildId;

pub(crate) use self::prelink::Membership;

use self::layout::Section;
use self::plan::Plan;
use self::sections::Sections;
use crate::code::Code;
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
    let plan = Plan {
        module,
        code,
        backend,
        text,
        symbols,
        slots,
        data,
        imported_funcs: module.imported_funcs(),
        records: funcrefs.numbers(),
        funcrefs,
    };
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
