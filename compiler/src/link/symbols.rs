//! Phase 2: the dynamic symbols: which there are, in what order, and which
//! import each stands for. Values come later, with the layout.
//!
//! Undefined symbols come first, definitions after them in the order of the
//! hash table's buckets, as `.gnu.hash` wants it.

use std::collections::HashMap;

use wasmaot_abi::builtin::{self, Builtin};
use wasmaot_abi::linking::ImportRole;
use wasmaot_abi::name;
use wasmaot_abi::object::{SymbolKind, SymbolRecord};

use super::elf::{STT_FUNC, STT_NOTYPE, STT_OBJECT};
use super::hash::GnuHash;
use super::text::Text;
use crate::code::Target;
use crate::module::{Export, ExportItem, GlobalPlace, Import, Item, Memory, Module};

/// A dynamic symbol.
#[derive(Debug)]
pub(super) struct Symbol {
    pub name: String,
    pub weak: bool,
    pub record: SymbolRecord,
    pub definition: Definition,
}

/// Where a symbol's value comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Definition {
    Undefined,
    /// A function by its number.
    Code(u32),
    /// A global's storage.
    Global(u32),
    /// Data in linear memory.
    Data {
        /// Its linear address.
        linear: u32,
        /// Its size; 0 where it is not known.
        size: u32,
    },
    /// The descriptor of a memory.
    Memory(u32),
    /// The descriptor of a table.
    Table(u32),
    /// The datum that identifies a tag.
    Tag(u32),
    /// In the context of the domain: no address in the object.
    Context,
}

impl Symbol {
    /// The ELF symbol type.
    pub fn elf_type(&self) -> u8 {
        match self.record.kind {
            SymbolKind::Function | SymbolKind::Builtin => STT_FUNC,
            SymbolKind::Data | SymbolKind::Global | SymbolKind::Tag => STT_OBJECT,
            SymbolKind::Memory | SymbolKind::Table | SymbolKind::None => STT_NOTYPE,
        }
    }
}

/// The symbol table. Numbers are `.dynsym` indices; number 0 is the null
/// symbol, which is not in the list.
pub(super) struct Symbols {
    pub list: Vec<Symbol>,
    pub hash: GnuHash,
    /// Symbol of each of `Module::imports`; 0 for none.
    imports: Vec<u32>,
    builtins: HashMap<u32, u32>,
}

impl Symbols {
    /// Symbol of an import; 0 for none.
    pub fn of_import(&self, import: u32) -> u32 {
        self.imports[import as usize]
    }

    /// Symbol of a datum that the module exports.
    pub fn of_data(&self, name: &str) -> Option<u32> {
        let name = name::escape(name);
        let is_it = |s: &Symbol| s.record.kind == SymbolKind::Data && s.name == name;
        let defined = |s: &Symbol| matches!(s.definition, Definition::Data { .. });
        let at = self.list.iter().position(|s| is_it(s) && defined(s))?;
        Some(at as u32 + 1)
    }

    /// Symbol of a built-in function that code refers to.
    pub fn of_builtin(&self, builtin: u32) -> Option<u32> {
        self.builtins.get(&builtin).copied()
    }
}

/// Collects and orders the symbols.
pub(super) fn collect(module: &Module<'_>, text: &Text) -> Symbols {
    let mut defined: Vec<Symbol> = module
        .exports
        .iter()
        .filter_map(|e| {
            Some(Symbol {
                weak: e.flags.weak(),
                ..export(module, e, name::escape(&e.name).into_owned())?
            })
        })
        .collect();
    let mut hash = GnuHash::new(defined.len());
    defined.sort_by_cached_key(|s| hash.bucket(&s.name));

    let mut undefined = Undefined::new(module, &defined);
    let places: Vec<Place> = module
        .imports
        .iter()
        .map(|i| undefined.import(module, i))
        .collect();
    let builtins: Vec<(u32, Place)> = text
        .targets
        .iter()
        .filter_map(|&target| match target {
            Target::Builtin(number) => {
                let name = Builtin::ALL.get(number as usize)?.name();
                Some((number, undefined.builtin(name)))
            }
            _ => None,
        })
        .collect();

    let mut list = undefined.symbols;
    let first_defined = list.len() as u32 + 1;
    hash.fill(first_defined, defined.iter().map(|s| s.name.as_str()));
    list.append(&mut defined);
    let index = |place| match place {
        Place::None => 0,
        Place::Undefined(n) => n + 1,
        Place::Defined(n) => first_defined + n,
    };
    Symbols {
        list,
        hash,
        imports: places.into_iter().map(index).collect(),
        builtins: builtins.into_iter().map(|(b, p)| (b, index(p))).collect(),
    }
}

/// The symbol of an export; `None` for what the module only passes on.
fn export(module: &Module<'_>, export: &Export<'_>, name: String) -> Option<Symbol> {
    let (kind, flags, type_id, definition) = match export.item {
        ExportItem::Data(address) => {
            let (flags, size) = data(module, &export.name, address);
            let definition = Definition::Data {
                linear: address,
                size,
            };
            (SymbolKind::Data, flags, 0, definition)
        }
        ExportItem::Item(item) if reexported(module, item).is_some() => return None,
        ExportItem::Item(Item::Func(f)) => {
            let id = module.func_type(f).id();
            (SymbolKind::Function, 0, id, Definition::Code(f))
        }
        ExportItem::Item(Item::Global(g)) => {
            let global = &module.globals[g as usize];
            let (flags, definition) = match global.place {
                GlobalPlace::StackPointer { .. } => {
                    (SymbolRecord::STACK_POINTER, Definition::Context)
                }
                _ => (0, Definition::Global(g)),
            };
            (SymbolKind::Global, flags, global.ty.id(), definition)
        }
        ExportItem::Item(Item::Memory(m)) => {
            let (flags, definition) = described(Memory::is_primary(m), Definition::Memory(m));
            (SymbolKind::Memory, flags, 0, definition)
        }
        ExportItem::Item(Item::Table(t)) => {
            let primary = module.tables[t as usize].primary;
            let (flags, definition) = described(primary, Definition::Table(t));
            (SymbolKind::Table, flags, 0, definition)
        }
        ExportItem::Item(Item::Tag(t)) => {
            let id = module.tag_type(t).id();
            (SymbolKind::Tag, 0, id, Definition::Tag(t))
        }
    };
    let record = SymbolRecord {
        kind,
        flags,
        type_id,
    };
    Some(Symbol {
        name,
        weak: false,
        record,
        definition,
    })
}

/// Flags and size of an exported datum.
fn data(module: &Module<'_>, name: &str, address: u32) -> (u8, u32) {
    let copy = module.copies.iter().find(|c| c.name == name);
    let known = copy.or_else(|| module.sizes.get(name));
    let size = known.map_or(0, |k| k.size);
    let bound = known.is_some_and(|k| k.bound);
    // Behind what is surely of this symbol there may be another's.
    let sure = if bound { 1 } else { size.max(1) };
    let end = address.saturating_add(sure);
    let own = module.own_references.range(address..end).next().is_some();
    let flag = |set, flag| if set { flag } else { 0 };
    let flags = flag(own, SymbolRecord::OWN) | flag(bound, SymbolRecord::BOUND);
    (flags, size)
}

fn described(primary: bool, descriptor: Definition) -> (u8, Definition) {
    if primary {
        (SymbolRecord::PRIMARY, Definition::Context)
    } else {
        (0, descriptor)
    }
}

/// The import that an exported entity is. The stack pointer is not one: it is
/// in the context of whoever imports it.
pub(super) fn reexported(module: &Module<'_>, item: Item) -> Option<u32> {
    match item {
        Item::Func(f) => module.funcs[f as usize].import,
        Item::Table(t) => module.tables[t as usize].import,
        Item::Memory(m) => module.memories[m as usize].import,
        Item::Tag(t) => module.tags[t as usize].import,
        Item::Global(g) => match module.globals[g as usize].place {
            GlobalPlace::Import(import) | GlobalPlace::Loader(import) => Some(import),
            GlobalPlace::Own(_) | GlobalPlace::StackPointer { .. } | GlobalPlace::BaseOf(_) => None,
        },
    }
}

#[derive(Clone, Copy)]
enum Place {
    None,
    /// Number among the undefined symbols.
    Undefined(u32),
    /// Number among the definitions.
    Defined(u32),
}

/// What makes two imports the same symbol.
#[derive(PartialEq, Eq, Hash)]
struct Key {
    module: String,
    name: String,
    kind: SymbolKind,
    /// 0 stands for any type.
    type_id: u32,
}

/// The undefined symbols in the making.
struct Undefined {
    symbols: Vec<Symbol>,
    known: HashMap<Key, u32>,
    /// Functions and data that the module defines, by name.
    defined: HashMap<(String, SymbolKind), u32>,
    /// The first function import from `env` of each name: a `GOT.func` import
    /// of the name means the same function.
    env_functions: HashMap<String, u32>,
}

impl Undefined {
    fn new(module: &Module<'_>, defined: &[Symbol]) -> Self {
        let mut env_functions = HashMap::new();
        for import in &module.imports {
            if let (Item::Func(f), name::ENV) = (import.item, import.module) {
                env_functions
                    .entry(import.name.to_owned())
                    .or_insert(module.func_type(f).id());
            }
        }
        let defined = (0..).zip(defined);
        Self {
            symbols: Vec::new(),
            known: HashMap::new(),
            defined: defined
                .map(|(i, s)| ((s.name.clone(), s.record.kind), i))
                .collect(),
            env_functions,
        }
    }

    fn import(&mut self, module: &Module<'_>, import: &Import<'_>) -> Place {
        let (kind, flags, type_id) = match (import.role, import.item) {
            (
                ImportRole::MemoryBase
                | ImportRole::TableBase
                | ImportRole::StackPointer
                | ImportRole::CodeBase,
                _,
            ) => return Place::None,
            (ImportRole::GotMem, _) => (SymbolKind::Data, 0, 0),
            (ImportRole::GotFunc, _) => {
                let id = self.env_functions.get(import.name).copied();
                (SymbolKind::Function, 0, id.unwrap_or(0))
            }
            (ImportRole::Plain, Item::Func(f)) => {
                (SymbolKind::Function, 0, module.func_type(f).id())
            }
            (ImportRole::Plain, Item::Global(g)) => {
                (SymbolKind::Global, 0, module.globals[g as usize].ty.id())
            }
            (ImportRole::Plain, Item::Tag(t)) => (SymbolKind::Tag, 0, module.tag_type(t).id()),
            (ImportRole::Plain, Item::Memory(m)) => {
                let flags = described(Memory::is_primary(m), Definition::Undefined).0;
                (SymbolKind::Memory, flags, 0)
            }
            (ImportRole::Plain, Item::Table(t)) => {
                let primary = module.tables[t as usize].primary;
                (
                    SymbolKind::Table,
                    described(primary, Definition::Undefined).0,
                    0,
                )
            }
        };
        let name = name::import(import.module, import.name);
        let got = matches!(import.role, ImportRole::GotMem | ImportRole::GotFunc);
        if got && let Some(&own) = self.defined.get(&(name.clone(), kind)) {
            return Place::Defined(own);
        }
        let key = Key {
            module: if got { name::ENV } else { import.module }.to_owned(),
            name: import.name.to_owned(),
            kind,
            type_id,
        };
        let symbol = Symbol {
            name,
            weak: import.flags.weak(),
            record: SymbolRecord {
                kind,
                flags,
                type_id,
            },
            definition: Definition::Undefined,
        };
        self.add(key, symbol)
    }

    fn builtin(&mut self, name: &str) -> Place {
        let key = Key {
            module: builtin::MODULE.to_owned(),
            name: name.to_owned(),
            kind: SymbolKind::Builtin,
            type_id: 0,
        };
        let symbol = Symbol {
            name: name::import(builtin::MODULE, name),
            weak: false,
            record: SymbolRecord {
                kind: SymbolKind::Builtin,
                flags: 0,
                type_id: 0,
            },
            definition: Definition::Undefined,
        };
        self.add(key, symbol)
    }

    /// A symbol that is weak for some of its imports only is not weak.
    fn add(&mut self, key: Key, symbol: Symbol) -> Place {
        if let Some(&n) = self.known.get(&key) {
            self.symbols[n as usize].weak &= symbol.weak;
            return Place::Undefined(n);
        }
        let n = self.symbols.len() as u32;
        self.known.insert(key, n);
        self.symbols.push(symbol);
        Place::Undefined(n)
    }
}
