//! Computes every slot of newly loaded objects again, naively: from names
//! alone, searching symbol tables from front to back, without the bindings,
//! the hash tables and the code of `relocate`. What differs is a bug.

use std::collections::HashMap;

use wasmaot_abi::context::{Context, FuncRef, TABLE_ENTRY_SIZE, TableDesc};
use wasmaot_abi::exception::LOADER_TAGS;
use wasmaot_abi::info::{Fixup, ImportKind, LinkingAbi};
use wasmaot_abi::name;
use wasmaot_abi::object::{SymbolKind, SymbolRecord};
use wasmaot_abi::reloc::{Kind, Standard};

use super::heap;
use super::instance::Instance;
use super::search::Group;
use super::stubs::Key;
use crate::builtin;
use crate::dl;
use crate::error::{Error, Result};
use crate::object::Place;
use crate::process::Process;
use crate::sys::live;

/// As many differences are shown.
const SHOWN: usize = 5;
/// Re-exports of re-exports that are followed.
const DEPTH: usize = 16;

/// Checks the instances of a group.
pub(super) fn check(process: &Process, group: &Group) -> Result<()> {
    each(process, group, |checker, id| {
        let mut wrong = checker.slots(id);
        wrong.extend(checker.records(id));
        wrong.extend(checker.overlaps(id));
        wrong
    })
}

/// Checks what has been done in the memory and table of `dyninfo` modules,
/// before their constructors run.
pub(super) fn fixups(process: &Process, group: &Group) -> Result<()> {
    each(process, group, |checker, id| {
        let list = checker.process.instances[id]
            .object
            .info()
            .fixups
            .list
            .iter();
        let wrong = list.filter(|fixup| !checker.fixup(id, fixup));
        wrong
            .map(|fixup| format!("{fixup:?} is not done"))
            .collect()
    })
}

fn each(
    process: &Process,
    group: &Group,
    differences: impl Fn(&Checker<'_>, usize) -> Vec<String>,
) -> Result<()> {
    let all = process.instances.iter();
    let checker = Checker {
        process,
        scope: group.scope(process),
        opened: group.purpose.is_opened(),
        exports: all.map(|(id, i)| (id, exports(i))).collect(),
        stubs: process.stubs.by_address(),
    };
    for id in group.numbers() {
        let mut wrong = differences(&checker, id);
        if !wrong.is_empty() {
            wrong.truncate(SHOWN);
            return Err(Error::Check {
                file: process.instances[id].object.path().display().to_string(),
                reason: wrong.join("; "),
            });
        }
    }
    Ok(())
}

/// Definitions of an object by name.
fn exports(instance: &Instance) -> HashMap<&str, usize> {
    let symbols = instance.object.symbols().iter().enumerate();
    symbols
        .filter(|(_, s)| s.place != Place::Undefined)
        .map(|(i, s)| (instance.object.symbol_name(s), i))
        .collect()
}

/// What a name means.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Meaning {
    /// Instance and symbol.
    Definition(usize, usize),
    Host(String, String),
    Nothing,
}

struct Checker<'a> {
    process: &'a Process,
    scope: Vec<usize>,
    opened: bool,
    exports: HashMap<usize, HashMap<&'a str, usize>>,
    stubs: HashMap<u64, Key>,
}

impl Checker<'_> {
    fn slots(&self, id: usize) -> Vec<String> {
        let instance = &self.process.instances[id];
        let elf = instance.object.relocs().iter().map(|r| {
            let right = |slot: u64| match r.kind {
                Standard::Relative => slot == instance.image.start().wrapping_add(r.addend as u64),
                Standard::Absolute => {
                    self.is_address(id, r.symbol, slot.wrapping_sub(r.addend as u64))
                }
                _ => self.is_address(id, r.symbol, slot),
            };
            (r.offset, r.symbol, self.holds(instance, r.offset, right))
        });
        let wasm = instance.object.slots().iter().map(|r| {
            let less = |slot: u64| u64::from((slot as u32).wrapping_sub(r.addend as u32));
            let right = |slot: u64| match r.kind {
                Kind::MemoryBase => less(slot) == instance.memory_base,
                Kind::TableBase => less(slot) == instance.table_base,
                Kind::CodeBase => less(slot) == instance.pc_base,
                Kind::Mem32 => self.is_linear(id, r.symbol, less(slot)),
                Kind::Func32 => self.is_index(id, r.symbol, slot),
                Kind::MemoryDesc | Kind::TableDesc => self.is_address(id, r.symbol, slot),
            };
            (r.offset, r.symbol, self.holds(instance, r.offset, right))
        });
        let wrong = elf.chain(wasm).filter(|(_, _, right)| !right);
        wrong
            .map(|(offset, symbol, _)| {
                let value = instance.image.read_u64(offset).unwrap_or(0);
                let symbols = instance.object.symbols();
                let name = symbols.get(symbol as usize);
                let name = name.map_or("", |s| instance.object.symbol_name(s));
                format!("slot {offset:#x} for `{name}` holds {value:#x}")
            })
            .collect()
    }

    fn holds(&self, instance: &Instance, offset: u64, right: impl Fn(u64) -> bool) -> bool {
        instance.image.read_u64(offset).is_ok_and(right)
    }

    /// What a symbol of an instance means, by the imports that name it.
    fn meaning(&self, id: usize, symbol: u32) -> Meaning {
        let info = self.process.instances[id].object.info();
        let imports = info.imports.iter().enumerate();
        let mut meanings = imports
            .filter(|(_, i)| i.symbol == symbol && symbol != 0)
            .map(|(i, _)| self.import(id, i, DEPTH));
        let own = Meaning::Definition(id, symbol as usize);
        match meanings.next() {
            Some(meaning) => meaning,
            None => own,
        }
    }

    fn import(&self, id: usize, number: usize, depth: usize) -> Meaning {
        let info = self.process.instances[id].object.info();
        let import = &info.imports[number];
        let got = matches!(import.kind, ImportKind::GotMem | ImportKind::GotFunc);
        let env = got || import.module == name::ENV;
        if self.opened && env && dl::exit::is_taken_over(&import.name) {
            return Meaning::Host(dl::MODULE.to_owned(), import.name.clone());
        }
        let scope = if env { &self.scope[..] } else { &[] };
        let named = self.process.names.get(&import.module);
        let named = named.filter(|_| !got).copied();
        let places: Vec<usize> = if info.abi == LinkingAbi::Core {
            named.into_iter().chain(scope.iter().copied()).collect()
        } else {
            scope.iter().copied().chain(named).collect()
        };
        let copy = scope.iter().copied();
        let found = copy
            .filter(|&place| self.holds_copy(place, &import.name))
            .chain(places)
            .find_map(|place| self.exported(place, &import.name, (id, number), depth));
        found.unwrap_or_else(|| {
            let module = if got { name::ENV } else { &import.module };
            match self.process.hosts.find(module, &import.name) {
                Some(_) => Meaning::Host(module.to_owned(), import.name.clone()),
                None => Meaning::Nothing,
            }
        })
    }

    fn exported(&self, id: usize, text: &str, by: (usize, usize), depth: usize) -> Option<Meaning> {
        if let Some(&symbol) = self.exports.get(&id)?.get(&*name::escape(text)) {
            return Some(Meaning::Definition(id, symbol));
        }
        let mut reexports = self.process.instances[id].object.info().reexports.iter();
        let import = reexports.find(|r| r.name == text)?.import as usize;
        if depth == 0 || (id, import) == by {
            return None;
        }
        let meaning = self.import(id, import, depth - 1);
        (meaning != Meaning::Nothing).then_some(meaning)
    }

    /// Whether a slot may hold this as the host address of a symbol.
    fn is_address(&self, id: usize, symbol: u32, slot: u64) -> bool {
        let instance = &self.process.instances[id];
        let Some(own) = instance.object.symbols().get(symbol as usize) else {
            return false;
        };
        let context = |domain: usize| {
            let base = self.process.domains[domain].base();
            base - size_of::<Context>() as u64
        };
        match own.record.kind {
            SymbolKind::Builtin => {
                let of = |b| match builtin::address(b) {
                    (_, true) => self.stubs.get(&slot).copied() == Some(Key::Builtin(b)),
                    (at, false) => at == slot,
                };
                let name = instance.object.symbol_name(own);
                let mut all = wasmaot_abi::builtin::Builtin::ALL.iter();
                all.any(|&b| name == format!("wasmaot.{}", b.name()) && of(b))
            }
            SymbolKind::Function => self.is_code(&self.meaning(id, symbol), slot, instance.domain),
            SymbolKind::Memory | SymbolKind::Table
                if instance.object.info().abi != LinkingAbi::Core =>
            {
                context(instance.domain) < slot || self.is_in_data(id, symbol, slot)
            }
            SymbolKind::Memory | SymbolKind::Table | SymbolKind::Global | SymbolKind::Data => {
                self.is_in_data(id, symbol, slot)
            }
            SymbolKind::Tag if self.meaning(id, symbol) == Meaning::Nothing => {
                let name = instance.object.symbol_name(own);
                let mut all = LOADER_TAGS.iter().enumerate();
                all.any(|(n, &tag)| tag == name && slot == self.process.exceptions.tag(n))
            }
            SymbolKind::Tag => self.is_in_data(id, symbol, slot),
            SymbolKind::None => true,
        }
    }

    /// Whether an address is a definition's, in an object or a context.
    fn is_in_data(&self, id: usize, symbol: u32, slot: u64) -> bool {
        let Meaning::Definition(definer, symbol) = self.meaning(id, symbol) else {
            return false;
        };
        let definer = &self.process.instances[definer];
        let found = &definer.object.symbols()[symbol];
        let base = self.process.domains[definer.domain].base();
        let in_context = SymbolRecord::PRIMARY | SymbolRecord::STACK_POINTER;
        if found.record.kind == SymbolKind::Data {
            return slot == base + self.linear(definer, symbol);
        }
        if found.record.flags & in_context != 0 {
            return (base - size_of::<Context>() as u64..base).contains(&slot);
        }
        slot == definer.image.start() + found.value
    }

    /// Whether a code address reaches a function from a domain.
    fn is_code(&self, meaning: &Meaning, slot: u64, domain: usize) -> bool {
        let stub = || self.stubs.get(&slot).copied();
        match meaning {
            &Meaning::Definition(definer, symbol) => {
                let definer = &self.process.instances[definer];
                let code = definer.image.start() + definer.object.symbols()[symbol].value;
                let base = self.process.domains[definer.domain].base();
                let thunk = Key::Thunk { target: code, base };
                (slot == code && definer.domain == domain) || stub() == Some(thunk)
            }
            Meaning::Host(module, name) => match stub() {
                Some(Key::Host(n)) => {
                    let host = self.process.hosts.get(n);
                    host.is_some_and(|h| h.module == *module && h.name == *name)
                }
                _ => false,
            },
            Meaning::Nothing => matches!(stub(), Some(Key::Host(_))),
        }
    }

    fn linear(&self, definer: &Instance, symbol: usize) -> u64 {
        let symbol = &definer.object.symbols()[symbol];
        let base = match symbol.place {
            Place::Absolute => return symbol.value,
            _ => definer.memory_base,
        };
        let linear = symbol
            .value
            .wrapping_sub(definer.object.layout().memory_bias);
        base.wrapping_add(linear)
    }

    fn is_linear(&self, id: usize, symbol: u32, slot: u64) -> bool {
        let object = &self.process.instances[id].object;
        let imports = &object.info().imports;
        let import = imports
            .iter()
            .find(|i| i.symbol == symbol && matches!(i.kind, ImportKind::GotMem));
        let domain = &self.process.domains[self.process.instances[id].domain];
        match import.map(|i| i.name.as_str()) {
            Some("__heap_base") => self.process.instances.values().all(|other| {
                let room = other.object.info().placement.unwrap_or_default();
                slot >= other.memory_base + u64::from(room.memory_size)
            }),
            Some("__heap_end") => slot == domain.context().memory.bytes,
            Some("__stack_low" | "__stack_high") => slot <= domain.context().memory.bytes,
            _ => match self.meaning(id, symbol) {
                Meaning::Definition(definer, symbol) => {
                    slot == self.linear(&self.process.instances[definer], symbol)
                }
                _ => slot == 0,
            },
        }
    }

    /// Whether the table holds a function at an index.
    fn is_index(&self, id: usize, symbol: u32, slot: u64) -> bool {
        let meaning = self.meaning(id, symbol);
        if meaning == Meaning::Nothing {
            return slot == 0;
        }
        slot != 0 && self.is_entry(id, &meaning, slot)
    }

    /// Whether the table holds what is meant at an index.
    fn is_entry(&self, id: usize, meaning: &Meaning, slot: u64) -> bool {
        let instance = &self.process.instances[id];
        let table: TableDesc = self.process.domains[instance.domain].context().table;
        if slot >= table.len {
            return false;
        }
        // SAFETY: entries below the table's length are mapped.
        let entry: FuncRef = unsafe { live::load(live::entry_at(&table, slot)) };
        let domain = match meaning {
            &Meaning::Definition(definer, _) => self.process.instances[definer].domain,
            _ => instance.domain,
        };
        entry.record != 0 && self.is_code(meaning, entry.code, domain)
    }

    /// Whether an object has a copy of a symbol.
    fn holds_copy(&self, id: usize, name: &str) -> bool {
        let mut list = self.process.instances[id].object.info().fixups.list.iter();
        list.any(|f| matches!(f, Fixup::Copy { symbol, .. } if symbol == name))
    }

    /// What a fixup's symbol means.
    fn symbol(&self, name: &str) -> Meaning {
        let places = || self.scope.iter().copied();
        let copies = places().filter(|&place| self.holds_copy(place, name));
        let none = (usize::MAX, 0);
        let mut all = copies.chain(places());
        let found = all.find_map(|place| self.exported(place, name, none, DEPTH));
        found.unwrap_or(match self.process.hosts.find(name::ENV, name) {
            Some(_) => Meaning::Host(name::ENV.to_owned(), name.to_owned()),
            None => Meaning::Nothing,
        })
    }

    /// Whether memory or table is as a fixup says.
    fn fixup(&self, id: usize, fixup: &Fixup) -> bool {
        let instance = &self.process.instances[id];
        let memory = self.process.domains[instance.domain].memory();
        let holds = |at: u32, value: u64| {
            let at = (instance.memory_base + u64::from(at)) as usize;
            memory[at..at + 4] == (value as u32).to_le_bytes()
        };
        let word = |at: u32| {
            let at = (instance.memory_base + u64::from(at)) as usize;
            u32::from_le_bytes(std::array::from_fn(|i| memory[at + i]))
        };
        let index = |number: u32| instance.table_base + u64::from(number);
        match fixup {
            &Fixup::Address { at, to } => holds(at, instance.memory_base + u64::from(to)),
            &Fixup::Index { at, function } => holds(at, index(function)),
            Fixup::Symbol { at, symbol } => match self.symbol(symbol) {
                Meaning::Nothing => true,
                Meaning::Definition(definer, symbol) if self.is_data(definer, symbol) => {
                    holds(*at, self.linear(&self.process.instances[definer], symbol))
                }
                meaning => self.is_entry(id, &meaning, word(*at).into()),
            },
            Fixup::Entry { function, symbol } => match self.symbol(symbol) {
                Meaning::Nothing => true,
                meaning => self.is_entry(id, &meaning, index(*function)),
            },
            Fixup::Copy { .. } | Fixup::Lazy { .. } => true,
        }
    }

    fn is_data(&self, id: usize, symbol: usize) -> bool {
        let object = &self.process.instances[id].object;
        object.symbols()[symbol].record.kind == SymbolKind::Data
    }

    /// The function records that differ.
    fn records(&self, id: usize) -> Vec<String> {
        let instance = &self.process.instances[id];
        let imported = instance.object.info().imported_funcrefs as usize;
        let records = instance.object.functions().iter().enumerate();
        let wrong = records.filter(|(number, record)| {
            let at = instance.object.funcrefs() + TABLE_ENTRY_SIZE * *number as u64;
            let (Ok(code), Ok(rest)) =
                (instance.image.read_u64(at), instance.image.read_u64(at + 8))
            else {
                return true;
            };
            let offset = instance.image.start() + at - self.process.code.range().start;
            let right = if *number < imported {
                let meaning = self.meaning(id, record.value);
                let domain = match meaning {
                    Meaning::Definition(definer, _) => self.process.instances[definer].domain,
                    _ => instance.domain,
                };
                self.is_code(&meaning, code, domain)
            } else {
                let target = instance.image.start() + u64::from(record.value);
                let base = self.process.domains[instance.domain].base();
                let thunk = Key::Thunk { target, base };
                code == target || self.stubs.get(&code).copied() == Some(thunk)
            };
            !right || rest != offset << 32 | u64::from(record.type_id)
        });
        wrong
            .map(|(number, _)| format!("function record {number} is wrong"))
            .collect()
    }

    /// Other objects of the domain whose room overlaps.
    fn overlaps(&self, id: usize) -> Vec<String> {
        let room = |i: &Instance| {
            let room = i.object.info().placement.unwrap_or_default();
            // What the program gives may be a part of its own data.
            let block = i.room.as_ref().and_then(|r| r.memory.as_ref());
            let given = block.is_some_and(heap::Block::is_of_program);
            let size = if given { 0 } else { room.memory_size };
            let memory = i.memory_base..i.memory_base + u64::from(size);
            let table = i.table_base..i.table_base + u64::from(room.table_size);
            let codes = i.pc_base..i.pc_base + u64::from(i.object.info().fixups.pc_size);
            [memory, table, codes]
        };
        let instance = &self.process.instances[id];
        let others = self.process.instances.iter();
        let others = others.filter(|&(other, _)| other < id).map(|(_, i)| i);
        let shared = others.filter(|other| other.domain == instance.domain);
        let overlapping = shared.filter(|other| {
            let pairs = room(instance).into_iter().zip(room(other));
            pairs
                .into_iter()
                .any(|(a, b)| a.start.max(b.start) < a.end.min(b.end))
        });
        overlapping
            .map(|other| format!("overlaps {}", other.object.name()))
            .collect()
    }
}
