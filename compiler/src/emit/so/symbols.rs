//! Phase 2: the dynamic symbols: which there are, in what order, and which
//! import each stands for. Values come later, with the layout.
//!
//! Undefined symbols come first, definitions after them in the order of the
//! hash table's buckets, as `.gnu.hash` wants it.

use std::collections::HashMap;

use wasmaot_abi::builtin::{self, Builtin};
use wasmaot_abi::name;
use wasmaot_abi::object::{SymbolKind, SymbolRecord};
use wasmaot_dylink::ImportRole;

use super::elf::{STT_FUNC, STT_NOTYPE, STT_OBJECT, STT_TLS};
use super::hash::GnuHash;
use super::text::Text;
use super::types::Types;
use crate::code::Target;
use crate::module::{Export, ExportItem, GlobalStorage, Import, Item, Memory, Module};

/// A dynamic symbol.
#[derive(Debug)]
pub(super) struct Symbol {
    pub name: String,
    pub weak: bool,
    /// Whether it is a thread-local global.
    pub thread_local: bool,
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
            SymbolKind::Global if self.thread_local => STT_TLS,
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
pub(super) fn collect(module: &Module<'_>, text: &Text, types: &Types<'_>) -> Symbols {
    let mut defined: Vec<Symbol> = module
        .exports
        .iter()
        .filter_map(|e| {
            Some(Symbol {
                weak: e.flags.weak(),
                ..export(module, types, e, name::escape(&e.name).into_owned())?
            })
        })
        .collect();
    let mut hash = GnuHash::new(defined.len());
    defined.sort_unstable_by(|a, b| hash.order(&a.name).cmp(&hash.order(&b.name)));

    let mut undefined = Undefined::new(module, types, &defined);
    let numbers: Vec<SymbolNumber> = module
        .imports
        .iter()
        .map(|i| undefined.import(module, types, i))
        .collect();
    let builtins: Vec<(u32, SymbolNumber)> = text
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
    let index = |number| match number {
        SymbolNumber::None => 0,
        SymbolNumber::Undefined(n) => n + 1,
        SymbolNumber::Defined(n) => first_defined + n,
    };
    Symbols {
        list,
        hash,
        imports: numbers.into_iter().map(index).collect(),
        builtins: builtins.into_iter().map(|(b, p)| (b, index(p))).collect(),
    }
}

/// The symbol of an export; `None` for what the module only passes on.
fn export(
    module: &Module<'_>,
    types: &Types<'_>,
    export: &Export<'_>,
    name: String,
) -> Option<Symbol> {
    let (kind, flags, ty, definition) = match export.item {
        ExportItem::Data(address) => {
            // Without a shared memory, linkers place it as all data.
            let (flags, size) = match export.flags.tls() && module.has_shared_memory() {
                true => (SymbolRecord::TLS, 0),
                false => data(module, &export.name, address),
            };
            let definition = Definition::Data {
                linear: address,
                size,
            };
            (SymbolKind::Data, flags, SymbolRecord::NO_TYPE, definition)
        }
        ExportItem::Item(item) if reexported(module, item).is_some() => return None,
        ExportItem::Item(Item::Func(f)) => {
            let ty = types.of_func(f);
            (SymbolKind::Function, 0, ty, Definition::Code(f))
        }
        ExportItem::Item(Item::Global(g)) => {
            let (flags, definition) = match module.globals[g as usize].storage {
                GlobalStorage::StackPointer { .. } => {
                    (SymbolRecord::STACK_POINTER, Definition::Context)
                }
                _ => (0, Definition::Global(g)),
            };
            (SymbolKind::Global, flags, types.of_global(g), definition)
        }
        ExportItem::Item(Item::Memory(m)) => {
            let (flags, definition) = described(Memory::is_primary(m), Definition::Memory(m));
            let own = module.memories.iter().take(m as usize);
            let ty = own.filter(|m| m.import.is_none()).count() as u32;
            (SymbolKind::Memory, flags, ty, definition)
        }
        ExportItem::Item(Item::Table(t)) => {
            let primary = module.tables[t as usize].primary;
            let (flags, definition) = described(primary, Definition::Table(t));
            let own = module.tables.iter().take(t as usize);
            let ty = own.filter(|t| t.import.is_none()).count() as u32;
            (SymbolKind::Table, flags, ty, definition)
        }
        ExportItem::Item(Item::Tag(t)) => (SymbolKind::Tag, 0, types.of_tag(t), Definition::Tag(t)),
    };
    let record = SymbolRecord { kind, flags, ty };
    Some(Symbol {
        name,
        weak: false,
        thread_local: is_thread_local(module, export.item),
        record,
        definition,
    })
}

fn is_thread_local(module: &Module<'_>, item: ExportItem) -> bool {
    matches!(item, ExportItem::Item(Item::Global(g)) if module.is_thread_local(g))
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
        Item::Global(g) => match module.globals[g as usize].storage {
            GlobalStorage::Import(import)
            | GlobalStorage::Loader(import)
            | GlobalStorage::ThreadData { import, .. } => Some(import),
            GlobalStorage::Own(_)
            | GlobalStorage::StackPointer { .. }
            | GlobalStorage::BaseOf(_) => None,
        },
    }
}

#[derive(Clone, Copy)]
enum SymbolNumber {
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
    /// Number of its type, as in its record.
    ty: u32,
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
    fn new(module: &Module<'_>, types: &Types<'_>, defined: &[Symbol]) -> Self {
        let mut env_functions = HashMap::new();
        for import in &module.imports {
            if let (Item::Func(f), name::ENV) = (import.item, import.module) {
                env_functions
                    .entry(import.name.to_owned())
                    .or_insert(types.of_func(f));
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

    fn import(
        &mut self,
        module: &Module<'_>,
        types: &Types<'_>,
        import: &Import<'_>,
    ) -> SymbolNumber {
        let (kind, flags, ty) = match (import.role, import.item) {
            (
                ImportRole::MemoryBase
                | ImportRole::TableBase
                | ImportRole::StackPointer
                | ImportRole::CodeBase,
                _,
            ) => return SymbolNumber::None,
            (ImportRole::GotMem, _) => (SymbolKind::Data, 0, SymbolRecord::NO_TYPE),
            (ImportRole::GotFunc, _) => {
                let ty = self.env_functions.get(import.name).copied();
                (SymbolKind::Function, 0, ty.unwrap_or(SymbolRecord::NO_TYPE))
            }
            (ImportRole::Plain, Item::Func(f)) => (SymbolKind::Function, 0, types.of_func(f)),
            (ImportRole::Plain, Item::Global(g)) => (SymbolKind::Global, 0, types.of_global(g)),
            (ImportRole::Plain, Item::Tag(t)) => (SymbolKind::Tag, 0, types.of_tag(t)),
            (ImportRole::Plain, Item::Memory(m)) => {
                let flags = described(Memory::is_primary(m), Definition::Undefined).0;
                (SymbolKind::Memory, flags, SymbolRecord::NO_TYPE)
            }
            (ImportRole::Plain, Item::Table(t)) => {
                let primary = module.tables[t as usize].primary;
                let flags = described(primary, Definition::Undefined).0;
                (SymbolKind::Table, flags, SymbolRecord::NO_TYPE)
            }
        };
        let name = name::import(import.module, import.name);
        let got = matches!(import.role, ImportRole::GotMem | ImportRole::GotFunc);
        if got && let Some(&own) = self.defined.get(&(name.clone(), kind)) {
            return SymbolNumber::Defined(own);
        }
        let key = Key {
            module: if got { name::ENV } else { import.module }.to_owned(),
            name: import.name.to_owned(),
            kind,
            ty,
        };
        let symbol = Symbol {
            name,
            weak: import.flags.weak(),
            thread_local: is_thread_local(module, ExportItem::Item(import.item)),
            record: SymbolRecord { kind, flags, ty },
            definition: Definition::Undefined,
        };
        self.add(key, symbol)
    }

    fn builtin(&mut self, name: &str) -> SymbolNumber {
        let key = Key {
            module: builtin::MODULE.to_owned(),
            name: name.to_owned(),
            kind: SymbolKind::Builtin,
            ty: SymbolRecord::NO_TYPE,
        };
        let symbol = Symbol {
            name: name::import(builtin::MODULE, name),
            weak: false,
            thread_local: false,
            record: SymbolRecord {
                kind: SymbolKind::Builtin,
                flags: 0,
                ty: SymbolRecord::NO_TYPE,
            },
            definition: Definition::Undefined,
        };
        self.add(key, symbol)
    }

    /// A symbol that is weak for some of its imports only is not weak.
    fn add(&mut self, key: Key, symbol: Symbol) -> SymbolNumber {
        if let Some(&n) = self.known.get(&key) {
            self.symbols[n as usize].weak &= symbol.weak;
            return SymbolNumber::Undefined(n);
        }
        let n = self.symbols.len() as u32;
        self.known.insert(key, n);
        self.symbols.push(symbol);
        SymbolNumber::Undefined(n)
    }
}
