//! Phase 5: what the loader reads beside the symbols: the module's record and
//! the tables of functions and of static elements.

use std::collections::HashMap;

use wasmaot_abi::info::{self, Fixup, Fixups, ImportKind, ModuleInfo, NULL_ELEMENT, Reexport};
use wasmaot_abi::linking::ImportRole;
use wasmaot_abi::object::SymbolKind;
use wasmaot_abi::type_list;
use wasmaot_abi::types::{FuncType, GlobalType, ValType};

use super::funcrefs::Funcrefs;
use super::memory::Image;
use super::symbols::{self, Symbols};
use crate::module::{
    ConstOp, Data, DataMode, Element, ElementMode, ExportItem, GlobalInit, GlobalPlace, Import,
    Item, Items, Memory, Module,
};
use crate::{Error, Options, PRODUCER, Result};

/// The value of a constant `i32` global: an address, by the way it is used.
pub(super) fn constant_address(module: &Module<'_>, item: Item) -> Option<u64> {
    let Item::Global(g) = item else {
        return None;
    };
    let global = module.globals.get(g as usize)?;
    match global.place {
        GlobalPlace::Own(GlobalInit::Const(bytes))
            if global.ty.val == ValType::I32 && !global.ty.mutable =>
        {
            let [a, b, c, d, ..] = bytes;
            Some(u64::from(u32::from_le_bytes([a, b, c, d])))
        }
        _ => None,
    }
}

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
    symbols: &Symbols,
    funcrefs: &Funcrefs,
    image: &Image,
) -> Result<Record> {
    let mut types = Types::new(module);
    let (mut kinds, mut numbers) = (Vec::new(), HashMap::new());
    let number = |import| {
        let kind = import_kind(module, import, &mut types)?;
        let number = numbers.entry(kind).or_insert_with(|| {
            kinds.push(kind);
            kinds.len() as u32 - 1
        });
        Ok(*number)
    };
    let imports = module.imports.iter().map(number);
    let imports = imports.collect::<Result<Vec<_>>>()?;
    for symbol in &symbols.list {
        if let symbols::Definition::Code(f) = symbol.definition {
            debug_assert_eq!(symbol.record.kind, SymbolKind::Function);
            types.number(module.funcs[f as usize].ty)?;
        }
        if let symbols::Definition::Tag(t) = symbol.definition {
            types.number(module.tags[t as usize].ty)?;
        }
    }
    for &f in &funcrefs.list {
        types.number(module.funcs[f as usize].ty)?;
    }
    // The others may stand in a `call_indirect`, which compares identities:
    // nothing that it could meet may have the same one.
    for ty in 0..module.types.len() as u32 {
        types.number(ty)?;
    }
    let (elements, items) = elements(module, funcrefs)?;
    let fixups = fixups(module, &mut types)?;
    let info = ModuleInfo {
        abi: module.linking.abi,
        source: module.soname().to_owned(),
        producer: format!(
            "{PRODUCER}, {}, cpu {:#x}, {:?}",
            options.target, options.cpu, options.opt_level
        ),
        types: type_list::Types::new(&types.list),
        globals: global_types(module, symbols),
        import_kinds: kinds,
        reexports: reexports(module),
        memories: memories(module),
        tables: tables(module),
        placement: module.linking.placement,
        elements,
        imported_funcrefs: funcrefs.imported,
        needed_funcrefs: funcrefs.needed,
        stack_pointer: module.globals.iter().find_map(|g| match g.place {
            GlobalPlace::StackPointer { init } => init,
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
fn fixups(module: &Module<'_>, types: &mut Types<'_>) -> Result<Fixups> {
    let info = module.linking.dyninfo.as_ref();
    let mut fixups = info.map(|i| i.fixups.clone()).unwrap_or_default();
    for fixup in &mut fixups.list {
        if let Fixup::Lazy { ty, .. } = fixup {
            *ty = types.number(*ty)?;
        }
    }
    Ok(fixups)
}

fn import_kind(
    module: &Module<'_>,
    import: &Import<'_>,
    types: &mut Types<'_>,
) -> Result<ImportKind> {
    let global = |g: u32| module.globals[g as usize].ty;
    Ok(match (import.role, import.item) {
        (ImportRole::GotMem, _) => ImportKind::GotMem,
        (ImportRole::GotFunc, _) => ImportKind::GotFunc,
        (_, Item::Func(f)) => ImportKind::Func(types.number(module.funcs[f as usize].ty)?),
        (_, Item::Tag(t)) => ImportKind::Tag(types.number(module.tags[t as usize].ty)?),
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
    })
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

/// Distinct types of the globals that have symbols.
fn global_types(module: &Module<'_>, symbols: &Symbols) -> Vec<GlobalType> {
    let mut types = Vec::new();
    for symbol in &symbols.list {
        if let symbols::Definition::Global(g) = symbol.definition {
            let ty = module.globals[g as usize].ty;
            if !types.contains(&ty) {
                types.push(ty);
            }
        }
    }
    types
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

/// Distinct function types in the order of first use.
struct Types<'a> {
    module: &'a Module<'a>,
    list: Vec<FuncType>,
    /// Place in the list of each type of the type index space.
    numbers: Vec<Option<u32>>,
    known: HashMap<&'a FuncType, u32>,
    identities: HashMap<u32, &'a FuncType>,
}

impl<'a> Types<'a> {
    fn new(module: &'a Module<'a>) -> Self {
        Self {
            module,
            list: Vec::new(),
            numbers: vec![None; module.types.len()],
            known: HashMap::new(),
            identities: HashMap::new(),
        }
    }

    /// The number of a type in the list; enters it if need be.
    fn number(&mut self, index: u32) -> Result<u32> {
        if let Some(number) = self.numbers[index as usize] {
            return Ok(number);
        }
        let ty = &self.module.types[index as usize];
        let number = match self.known.get(ty) {
            Some(&number) => number,
            None => {
                if let Some(other) = self.identities.insert(ty.id(), ty) {
                    return Err(Error::Unsupported {
                        file: self.module.source.clone(),
                        feature: format!(
                            "function types `{ty}` and `{other}` have the same identity {:#010x}; change one of them",
                            ty.id()
                        ),
                    });
                }
                let number = self.list.len() as u32;
                self.list.push(ty.clone());
                self.known.insert(ty, number);
                number
            }
        };
        self.numbers[index as usize] = Some(number);
        Ok(number)
    }
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
