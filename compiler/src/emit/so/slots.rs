//! Phase 4: entries of the GOT and the PLT.

use std::collections::{BTreeMap, HashMap};

use wasmaot_abi::reloc::{Kind, Standard};
use wasmaot_dylink::ImportRole;

use super::symbols::Symbols;
use super::text::Text;
use crate::code::Target;
use crate::module::{GlobalStorage, Module};

/// What the loader writes into a GOT slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Slot {
    /// The address of a symbol.
    Address(u32),
    /// The offset from the thread pointer of a symbol or, if that is 0, of the
    /// object's own thread-local storage.
    ThreadOffset(u32),
    /// What ELF has no word for; the number of a symbol or 0.
    Wasm(Kind, u32),
}

/// The entries.
pub(super) struct Slots {
    /// Slots of `.got`.
    pub got: Vec<Slot>,
    /// Symbols of the PLT's entries.
    pub plt: Vec<u32>,
    got_of: BTreeMap<Target, u64>,
    plt_of: BTreeMap<Target, u64>,
    /// Number of imported functions.
    imported: u32,
}

impl Slot {
    /// The relocation that has ELF's own word for it, and its symbol.
    pub fn standard(self) -> Option<(Standard, u32)> {
        match self {
            Self::Address(symbol) => Some((Standard::GlobDat, symbol)),
            Self::ThreadOffset(symbol) => Some((Standard::ThreadOffset, symbol)),
            Self::Wasm(..) => None,
        }
    }
}

impl Slots {
    /// Number of the GOT slot by which a target is reached, if it is by one.
    pub fn got_of(&self, target: Target) -> Option<u64> {
        self.got_of.get(&target).copied()
    }

    /// Number of the PLT entry by which a target is called, if it is by one.
    pub fn plt_of(&self, target: Target) -> Option<u64> {
        // As most are.
        if matches!(target, Target::Func(func) if func >= self.imported) {
            return None;
        }
        self.plt_of.get(&target).copied()
    }
}

/// Gives every target that is not the object's own its entry.
pub(super) fn assign(module: &Module<'_>, symbols: &Symbols, text: &Text) -> Slots {
    let mut slots = Slots {
        got: Vec::new(),
        plt: Vec::new(),
        got_of: BTreeMap::new(),
        plt_of: BTreeMap::new(),
        imported: module.imported_funcs(),
    };
    let mut entries = HashMap::new();
    for &target in &text.targets {
        if let Some(symbol) = function(module, symbols, target) {
            let entry = *entries.entry(symbol).or_insert_with(|| {
                slots.plt.push(symbol);
                slots.plt.len() as u64 - 1
            });
            slots.plt_of.insert(target, entry);
        } else if let Some(slot) = slot(module, symbols, target) {
            slots.got_of.insert(target, slots.got.len() as u64);
            slots.got.push(slot);
        }
    }
    slots
}

/// The symbol of a target that is called through the PLT.
fn function(module: &Module<'_>, symbols: &Symbols, target: Target) -> Option<u32> {
    match target {
        Target::Func(f) => {
            let import = module.funcs.get(f as usize)?.import?;
            Some(symbols.of_import(import))
        }
        Target::Builtin(b) => symbols.of_builtin(b),
        _ => None,
    }
}

/// The slot of a target that is reached through the GOT.
fn slot(module: &Module<'_>, symbols: &Symbols, target: Target) -> Option<Slot> {
    match target {
        Target::Global(g) => match module.globals.get(g as usize)?.storage {
            GlobalStorage::Import(import) => Some(Slot::Address(symbols.of_import(import))),
            _ => None,
        },
        Target::ThreadGlobal(g) => match module.globals.get(g as usize)?.storage {
            GlobalStorage::Import(import) => Some(Slot::ThreadOffset(symbols.of_import(import))),
            _ => None,
        },
        Target::ThreadStorage(0) => {
            let own = module.thread_storage.size > 0;
            own.then_some(Slot::ThreadOffset(0))
        }
        Target::FuncAddress(f) => {
            let import = module.funcs.get(f as usize)?.import?;
            Some(Slot::Address(symbols.of_import(import)))
        }
        Target::FuncIndex(f) => {
            let import = module.funcs.get(f as usize)?.import?;
            Some(Slot::Wasm(Kind::Func32, symbols.of_import(import)))
        }
        Target::Tag(t) => {
            let import = module.tags.get(t as usize)?.import?;
            Some(Slot::Address(symbols.of_import(import)))
        }
        Target::LoaderValue(g) => match module.globals.get(g as usize)?.storage {
            GlobalStorage::Loader(import) => {
                let kind = loader_value(module.imports[import as usize].role)?;
                let symbol = symbols.of_import(import);
                Some(Slot::Wasm(kind, symbol))
            }
            GlobalStorage::BaseOf(func) => base_of(Kind::BaseOf, module, symbols, func),
            _ => None,
        },
        Target::HostBase(_) => Some(Slot::Wasm(Kind::HostBase, 0)),
        Target::HostData(g) => match module.globals.get(g as usize)?.storage {
            GlobalStorage::Loader(import) => {
                let symbol = symbols.of_import(import);
                Some(Slot::Wasm(Kind::HostData, symbol))
            }
            GlobalStorage::BaseOf(func) => base_of(Kind::HostBaseOf, module, symbols, func),
            _ => None,
        },
        Target::Memory(m) => {
            let import = module.memories.get(m as usize)?.import?;
            Some(Slot::Wasm(Kind::MemoryDesc, symbols.of_import(import)))
        }
        Target::Table(t) => {
            let import = module.tables.get(t as usize)?.import?;
            Some(Slot::Wasm(Kind::TableDesc, symbols.of_import(import)))
        }
        _ => None,
    }
}

/// A slot for where the data are of the object that defines a function.
fn base_of(kind: Kind, module: &Module<'_>, symbols: &Symbols, func: u32) -> Option<Slot> {
    let import = module.funcs.get(func as usize)?.import?;
    Some(Slot::Wasm(kind, symbols.of_import(import)))
}

fn loader_value(role: ImportRole) -> Option<Kind> {
    match role {
        ImportRole::MemoryBase => Some(Kind::MemoryBase),
        ImportRole::TableBase => Some(Kind::TableBase),
        ImportRole::GotMem => Some(Kind::Mem32),
        ImportRole::GotFunc => Some(Kind::Func32),
        ImportRole::CodeBase => Some(Kind::CodeBase),
        ImportRole::Plain | ImportRole::StackPointer => None,
    }
}
