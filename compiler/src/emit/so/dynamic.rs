//! Phase 8: the tables that the loader reads: `.dynsym`, relocations,
//! function references, `.dynamic`.

use wasmaot_abi::name;
use wasmaot_abi::object::{self, FunctionRecord, ImportRecord, SymbolRecord};
use wasmaot_abi::reloc::{Kind, Rela as WasmRela, Standard};

use super::elf::*;
use super::layout::{Layout, Section};
use super::plan::Plan;
use super::slots::Slot;
use super::symbols::{Definition, Symbol};
use super::{calls, handlers};
use crate::code::Target;
use crate::machine::plt_slot;
use crate::module::Module;

/// A value of `.dynamic`.
#[derive(Clone, Copy, Debug)]
enum Value {
    Number(u64),
    Addr(Section),
    Size(Section),
    /// Address of the init function.
    Init,
    /// Address of linear address 0.
    Memory,
}

/// `.dynamic` in the making, and the strings it refers to.
pub(super) struct Dynamic {
    entries: Vec<(u64, Value)>,
}

impl Dynamic {
    /// Decides on the entries.
    pub fn new(plan: &Plan<'_>, prelinked: bool, strings: &mut Strings) -> Self {
        let linking = &plan.module.linking;
        let mut entries = Vec::new();
        let mut text = |entries: &mut Vec<_>, tag, text: &str| {
            let at = strings.add(&name::escape(text));
            entries.push((tag, Value::Number(at.into())));
        };
        for needed in &linking.needed {
            text(&mut entries, DT_NEEDED, needed);
        }
        text(&mut entries, DT_SONAME, plan.module.soname());
        if !linking.runpath.is_empty() {
            text(&mut entries, DT_RUNPATH, &linking.runpath.join(":"));
        }
        if plan.code.has_init {
            entries.push((DT_INIT, Value::Init));
        }
        entries.extend([
            (DT_GNU_HASH, Value::Addr(Section::GnuHash)),
            (DT_STRTAB, Value::Addr(Section::Dynstr)),
            (DT_SYMTAB, Value::Addr(Section::Dynsym)),
            (DT_STRSZ, Value::Size(Section::Dynstr)),
            (DT_SYMENT, Value::Number(SYM_SIZE)),
        ]);
        if !plan.slots.plt.is_empty() {
            entries.extend([
                (DT_PLTGOT, Value::Addr(Section::GotPlt)),
                (DT_PLTRELSZ, Value::Size(Section::RelaPlt)),
                (DT_PLTREL, Value::Number(DT_RELA)),
                (DT_JMPREL, Value::Addr(Section::RelaPlt)),
            ]);
        }
        let relative = plan.data.records.len() as u64;
        if rela_count(plan) > 0 {
            entries.extend([
                (DT_RELA, Value::Addr(Section::RelaDyn)),
                (DT_RELASZ, Value::Size(Section::RelaDyn)),
                (DT_RELAENT, Value::Number(RELA_SIZE)),
            ]);
        }
        if relative > 0 {
            entries.push((DT_RELACOUNT, Value::Number(relative)));
        }
        entries.extend(own_entries());
        if handlers::size(plan) > 0 {
            entries.extend([
                (object::DT_WASMAOT_HANDLERS, Value::Addr(Section::Handlers)),
                (
                    object::DT_WASMAOT_HANDLERSSZ,
                    Value::Size(Section::Handlers),
                ),
            ]);
        }
        if calls::size(plan) > 0 {
            entries.extend([
                (object::DT_WASMAOT_CALLS, Value::Addr(Section::Calls)),
                (object::DT_WASMAOT_CALLSSZ, Value::Size(Section::Calls)),
            ]);
        }
        if prelinked {
            entries.extend([
                (object::DT_WASMAOT_PRELINK, Value::Addr(Section::Prelink)),
                (object::DT_WASMAOT_PRELINKSZ, Value::Size(Section::Prelink)),
            ]);
        }
        entries.push((DT_NULL, Value::Number(0)));
        Self { entries }
    }

    pub fn size(&self) -> u64 {
        self.entries.len() as u64 * DYN_SIZE
    }

    pub fn bytes(&self, plan: &Plan<'_>, layout: &Layout) -> Vec<u8> {
        let init = plan.init_offset().unwrap_or_default();
        let value = |value| match value {
            Value::Number(n) => n,
            Value::Addr(section) => layout.addr(section),
            Value::Size(section) => layout.size(section),
            Value::Memory => layout.memory,
            Value::Init => layout.addr(Section::Text) + u64::from(init),
        };
        let words = self.entries.iter().flat_map(|&(tag, v)| [tag, value(v)]);
        words.flat_map(u64::to_le_bytes).collect()
    }
}

/// The tags of those of our own tables that are there even where empty.
fn own_entries() -> [(u64, Value); 14] {
    use Section::{Elements, Funcrefs, Functions, Imports, Info, Rela, Symbols};
    [
        (object::DT_WASMAOT_IMPORTS, Value::Addr(Imports)),
        (object::DT_WASMAOT_IMPORTSSZ, Value::Size(Imports)),
        (object::DT_WASMAOT_INFO, Value::Addr(Info)),
        (object::DT_WASMAOT_INFOSZ, Value::Size(Info)),
        (object::DT_WASMAOT_SYMBOLS, Value::Addr(Symbols)),
        (object::DT_WASMAOT_SYMBOLSSZ, Value::Size(Symbols)),
        (object::DT_WASMAOT_RELA, Value::Addr(Rela)),
        (object::DT_WASMAOT_RELASZ, Value::Size(Rela)),
        (object::DT_WASMAOT_FUNCTIONS, Value::Addr(Functions)),
        (object::DT_WASMAOT_FUNCTIONSSZ, Value::Size(Functions)),
        (object::DT_WASMAOT_ELEMENTS, Value::Addr(Elements)),
        (object::DT_WASMAOT_ELEMENTSSZ, Value::Size(Elements)),
        (object::DT_WASMAOT_FUNCREFS, Value::Addr(Funcrefs)),
        (object::DT_WASMAOT_MEMORY, Value::Memory),
    ]
}

/// A dynamic symbol as ELF has it, but for the name.
pub(super) fn symbol(plan: &Plan<'_>, layout: &Layout, symbol: &Symbol) -> Sym {
    let own = |target| {
        let place = plan.data.offset_of(target);
        place.map(|p| (layout.addr(p.section) + p.offset, layout.index(p.section)))
    };
    let (value, section) = match symbol.definition {
        Definition::Undefined => (0, SHN_UNDEF),
        Definition::Context => (0, SHN_ABS),
        Definition::Data { linear, .. } if symbol.record.flags & SymbolRecord::TLS != 0 => {
            (linear.into(), SHN_ABS)
        }
        Definition::Data { linear, .. } => layout.data_symbol(linear, plan.module.is_relocatable()),
        Definition::Code(f) => {
            let offset = plan.code_offset(f).unwrap_or_default();
            let addr = layout.addr(Section::Text) + u64::from(offset);
            (addr, layout.index(Section::Text))
        }
        Definition::Global(g) => thread_local(plan.module, layout, g)
            .or_else(|| own(Target::Global(g)))
            .unwrap_or((0, SHN_ABS)),
        Definition::Memory(m) => own(Target::Memory(m)).unwrap_or((0, SHN_ABS)),
        Definition::Table(t) => own(Target::Table(t)).unwrap_or((0, SHN_ABS)),
        Definition::Tag(t) => own(Target::Tag(t)).unwrap_or((0, SHN_ABS)),
    };
    Sym {
        name: 0,
        binding: if symbol.weak { STB_WEAK } else { STB_GLOBAL },
        kind: symbol.elf_type(),
        section,
        value,
        size: match symbol.definition {
            Definition::Code(f) => plan.code_size(f),
            Definition::Data { size, .. } => size.into(),
            Definition::Global(g) => plan.module.globals[g as usize].ty.val.bytes().into(),
            _ => 0,
        },
    }
}

/// Offset of a thread-local global in the object's thread-local storage, and the
/// section where it is.
pub(super) fn thread_local(
    module: &Module<'_>,
    layout: &Layout,
    global: u32,
) -> Option<(u64, u16)> {
    let offset = module.thread_storage.offset(global)?;
    let section = match offset < module.thread_storage.initialized {
        true => Section::Tdata,
        false => Section::Tbss,
    };
    Some((offset, layout.index(section)))
}

/// `.dynsym` and the records beside it.
pub(super) fn symbols(plan: &Plan<'_>, layout: &Layout, names: &[u32]) -> (Vec<u8>, Vec<u8>) {
    let mut dynsym = Sym::default().encode().to_vec();
    let mut records = SymbolRecord::NULL.encode().to_vec();
    for (s, &name) in plan.symbols.list.iter().zip(names) {
        let sym = Sym {
            name,
            ..symbol(plan, layout, s)
        };
        dynsym.extend(sym.encode());
        records.extend(s.record.encode());
    }
    (dynsym, records)
}

/// Number of entries of `.rela.dyn`.
pub(super) fn rela_count(plan: &Plan<'_>) -> u64 {
    let standard = plan.slots.got.iter().filter_map(|slot| slot.standard());
    (plan.data.records.len() + standard.count() + plan.module.copies.len()) as u64
}

/// Number of entries of our own relocations.
pub(super) fn wasm_rela_count(plan: &Plan<'_>) -> u64 {
    let is_wasm = |slot: &&Slot| matches!(slot, Slot::Wasm(..));
    plan.slots.got.iter().filter(is_wasm).count() as u64
}

/// `.rela.dyn` and our own relocations: the relative ones first, as
/// `DT_RELACOUNT` wants it, each part in the order of addresses.
pub(super) fn relocations(plan: &Plan<'_>, layout: &Layout) -> (Vec<u8>, Vec<u8>) {
    let funcrefs = layout.addr(Section::Funcrefs);
    let relative = plan.data.records.iter().map(|record| Rela {
        offset: layout.addr(record.at.section) + record.at.offset,
        kind: plan.backend.relocation(Standard::Relative),
        symbol: 0,
        addend: funcrefs + plan.record(record.func).unwrap_or_default(),
    });
    let mut relative: Vec<Rela> = relative.collect();
    relative.sort_by_key(|r| r.offset);
    let mut rela: Vec<u8> = relative.iter().flat_map(Rela::encode).collect();
    rela.extend(copies(plan, layout).flat_map(|r| r.encode()));
    let mut wasm = Vec::new();
    for (i, &slot) in (0..).zip(&plan.slots.got) {
        let offset = layout.addr(Section::Got) + 8 * i;
        if let Slot::Wasm(kind, symbol) = slot {
            wasm.extend(wasm_rela(offset, kind, symbol).encode());
        } else if let Some((kind, symbol)) = slot.standard() {
            let kind = plan.backend.relocation(kind);
            let addend = 0;
            rela.extend(
                Rela {
                    offset,
                    kind,
                    symbol,
                    addend,
                }
                .encode(),
            );
        }
    }
    (rela, wasm)
}

/// The relocations of data that the object holds a copy of.
fn copies(plan: &Plan<'_>, layout: &Layout) -> impl Iterator<Item = Rela> {
    plan.module.copies.iter().filter_map(|copy| {
        let number = plan.symbols.of_data(&copy.name)?;
        let defined = plan.symbols.list.get(number as usize - 1)?;
        Some(Rela {
            offset: symbol(plan, layout, defined).value,
            kind: plan.backend.relocation(Standard::Copy),
            symbol: number,
            addend: 0,
        })
    })
}

fn wasm_rela(offset: u64, kind: Kind, symbol: u32) -> WasmRela {
    WasmRela {
        offset,
        kind,
        symbol: if kind.takes_symbol() { symbol } else { 0 },
        addend: 0,
    }
}

/// `.rela.plt` and `.got.plt`.
pub(super) fn plt(plan: &Plan<'_>, layout: &Layout) -> (Vec<u8>, Vec<u8>) {
    if layout.size(Section::GotPlt) == 0 {
        return (Vec::new(), Vec::new());
    }
    let plt = layout.addr(Section::Plt);
    let got_plt = layout.addr(Section::GotPlt);
    let mut rela = Vec::new();
    let mut words = vec![layout.addr(Section::Dynamic), 0, 0];
    for (entry, &symbol) in (0..).zip(&plan.slots.plt) {
        let slot = Rela {
            offset: plt_slot(got_plt, entry),
            kind: plan.backend.relocation(Standard::JumpSlot),
            symbol,
            addend: 0,
        };
        rela.extend(slot.encode());
        words.push(plan.backend.unbound(plt, entry));
    }
    (rela, words.into_iter().flat_map(u64::to_le_bytes).collect())
}

/// The table of imports, `kinds` being the number of each one's kind.
pub(super) fn imports(plan: &Plan<'_>, kinds: &[u32], strings: &mut Strings) -> Vec<u8> {
    let mut text = |text: &str| (strings.add(text), text.len() as u32);
    let imports = (0..).zip(&plan.module.imports).zip(kinds);
    let records = imports.map(|((number, import), &kind)| ImportRecord {
        module: text(import.module),
        name: text(import.name),
        symbol: plan.symbols.of_import(number),
        kind,
        weak: import.flags.weak(),
    });
    records.flat_map(|record| record.encode()).collect()
}

/// The function reference table.
pub(super) fn functions(plan: &Plan<'_>, layout: &Layout) -> Vec<u8> {
    let text = layout.addr(Section::Text);
    let records = plan.funcrefs.list.iter().flat_map(|&f| {
        let value = match plan.module.funcs[f as usize].import {
            Some(import) => plan.symbols.of_import(import),
            // The layout keeps code below 2 GiB.
            None => (text + u64::from(plan.code_offset(f).unwrap_or_default())) as u32,
        };
        let type_id = plan.module.func_type_id(f);
        FunctionRecord { value, type_id }.encode()
    });
    records.collect()
}
