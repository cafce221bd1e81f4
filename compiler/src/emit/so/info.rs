//! Phase 5: what the loader reads beside the symbols: the module's record and
//! the tables of functions and of static elements.

use std::collections::HashMap;

use wasmaot_abi::info::{self, Fixup, Fixups, ImportKind, ModuleInfo, NULL_ELEMENT, Reexport};
use wasmaot_dylink::ImportRole;

use super::funcrefs::Funcrefs;
use super::memory::Image;
use super::symbols;
use super::types::Types;
use crate::build_id::PRODUCER;
use crate::error::{Error, Result};
use crate::module::{
    ConstOp, Data, DataMode, Element, ElementMode, ExportItem, GlobalStorage, Import, Item, Items,
    Memory, Module,
};
use crate::options::Options;

/// What the loader reads beside the symbols.
pub(super) struct Record {
    /// The descriptors' addresses are still zero.
    pub info: ModuleInfo,
    /// By import: the number of its kind.
    pub imports: Vec<u32>,
    /// Items of the static element segments.
    pub elements: Vec<u32>,
}

/// Makes the record.
pub(super) fn record(
    module: &Module<'_>,
    options: &Options,
    types: &Types<'_>,
    funcrefs: &Funcrefs,
    image: &Image,
) -> Result<Record> {
    let (mut kinds, mut numbers) = (Vec::new(), HashMap::new());
    let number = |import| {
        let kind = import_kind(module, import, types);
        let number = numbers.entry(kind).or_insert_with(|| {
            kinds.push(kind);
            kinds.len() as u32 - 1
        });
        *number
    };
    let imports = module.imports.iter().map(number).collect();
    let (elements, items) = elements(module, funcrefs)?;
    let fixups = fixups(module, types);
    let info = ModuleInfo {
        threads: module.is_for_threads(),
        abi: module.linking.abi,
        source: module.soname().to_owned(),
        module: module.hash,
        producer: format!(
            "{PRODUCER}, {}, cpu {:#x}, {:?}",
            options.target, options.cpu, options.opt_level
        ),
        types: types.list(),
        globals: types.globals.clone(),
        import_kinds: kinds,
        reexports: reexports(module),
        memories: memories(module),
        tables: tables(module),
        placement: module.linking.placement,
        elements,
        imported_funcrefs: funcrefs.imported,
        needed_funcrefs: funcrefs.needed,
        stack_pointer: module.globals.iter().find_map(|g| match g.storage {
            GlobalStorage::StackPointer { init } => init,
            _ => None,
        }),
        data: fixed_data(module),
        static_end: image.static_end,
        fixups,
    };
    Ok(Record {
        info,
        imports,
        elements: items,
    })
}

/// What section `dyninfo` asks of the loader, types by their number in the
/// record.
fn fixups(module: &Module<'_>, types: &Types<'_>) -> Fixups {
    let info = module.linking.dyninfo.as_ref();
    let mut fixups = info.map(|i| i.fixups.clone()).unwrap_or_default();
    for fixup in &mut fixups.list {
        if let Fixup::Lazy { ty, .. } = fixup {
            *ty = types.number(*ty);
        }
    }
    fixups
}

fn import_kind(module: &Module<'_>, import: &Import<'_>, types: &Types<'_>) -> ImportKind {
    let global = |g: u32| module.globals[g as usize].ty;
    match (import.role, import.item) {
        (ImportRole::GotMem, _) => ImportKind::GotMem,
        (ImportRole::GotFunc, _) => ImportKind::GotFunc,
        (_, Item::Func(f)) => ImportKind::Func(types.of_func(f)),
        (_, Item::Tag(t)) => ImportKind::Tag(types.of_tag(t)),
        (_, Item::Memory(m)) => ImportKind::Memory(module.memories[m as usize].ty),
        (_, Item::Table(t)) => {
            let table = &module.tables[t as usize];
            ImportKind::Table {
                ty: table.ty,
                primary: table.primary,
            }
        }
        (ImportRole::Plain, Item::Global(g)) => ImportKind::Global(global(g)),
        (_, Item::Global(g)) => ImportKind::Context(global(g)),
    }
}

fn reexports(module: &Module<'_>) -> Vec<Reexport> {
    let reexports = module.exports.iter().filter_map(|e| match e.item {
        ExportItem::Item(item) => Some(Reexport {
            name: e.name.to_string(),
            import: symbols::reexported(module, item)?,
        }),
        ExportItem::Data(_) => None,
    });
    reexports.collect()
}

fn memories(module: &Module<'_>) -> Vec<info::Memory> {
    let own = (0..)
        .zip(&module.memories)
        .filter(|(_, m)| m.import.is_none());
    own.map(|(i, memory)| info::Memory {
        ty: memory.ty,
        desc: (!Memory::is_primary(i)).then_some(0),
    })
    .collect()
}

fn tables(module: &Module<'_>) -> Vec<info::Table> {
    let own = module.tables.iter().filter(|t| t.import.is_none());
    own.map(|table| info::Table {
        ty: table.ty,
        desc: (!table.primary).then_some(0),
    })
    .collect()
}

/// Static segments, and their items as numbers of function references.
fn elements(module: &Module<'_>, funcrefs: &Funcrefs) -> Result<(Vec<info::Elements>, Vec<u32>)> {
    let numbers: HashMap<u32, u32> = funcrefs.list.iter().copied().zip(0..).collect();
    let (mut segments, mut items) = (Vec::new(), Vec::new());
    for segment in &module.elements {
        let Element {
            items: Items::Funcs(funcs),
            mode: ElementMode::Static { offset },
            ..
        } = segment
        else {
            continue;
        };
        segments.push(info::Elements {
            offset: *offset,
            first: items.len() as u32,
            count: funcs.len() as u32,
        });
        for func in funcs {
            items.push(match func {
                None => NULL_ELEMENT,
                Some(f) => *numbers.get(f).ok_or_else(|| Error::Codegen {
                    file: module.source.clone(),
                    function: module.func_name(*f),
                    reason: "an element segment holds it, but it has no reference".into(),
                })?,
            });
        }
    }
    Ok((segments, items))
}

/// The data segments with fixed addresses.
fn fixed_data(module: &Module<'_>) -> Vec<(u64, u64)> {
    let all = module.data.iter().filter(|_| !module.is_relocatable());
    let place = |data: &Data<'_>| {
        let at = match &data.mode {
            DataMode::Static { offset } => *offset,
            DataMode::Active { memory: 0, offset } => match offset[..] {
                [ConstOp::I32(value)] => value.cast_unsigned(),
                _ => return None,
            },
            _ => return None,
        };
        Some((at.into(), data.bytes.len() as u64))
    };
    all.filter_map(place).filter(|&(_, len)| len > 0).collect()
}
