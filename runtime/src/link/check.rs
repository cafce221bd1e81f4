//! Computes every slot of newly loaded objects again, naively: from names
//! alone, searching symbol tables from front to back, without the bindings,
//! the hash tables and the code of `relocate`. What differs is a bug.

use std::collections::HashMap;

use wasmaot_abi::context::{Context, FuncRef, MEMORY_LIMIT, TABLE_ENTRY_SIZE, TableDesc};
use wasmaot_abi::exception::LOADER_TAGS;
use wasmaot_abi::info::{Import, ImportKind, LinkingAbi};
use wasmaot_abi::name;
use wasmaot_abi::object::{PltCall, SEC_CALLS, SymbolKind, SymbolRecord};
use wasmaot_abi::reloc::{Kind, Standard};

use super::group::Group;
use super::linker::View;
use super::state::{Block, Instance};
use crate::arch;
use crate::config::{Bind, DlStubs};
use crate::error::{Error, Result};
use crate::object::SymbolSection;
use crate::space::Key;
use crate::sys::live;

mod bodies;
mod copies;
mod fixups;
mod threads;
mod types;

pub(super) use copies::copies;
pub(super) use fixups::fixups;

/// As many differences are shown.
const SHOWN: usize = 5;
/// Re-exports of re-exports that are followed.
const DEPTH: usize = 16;

/// Checks the instances of a group.
pub(super) fn check(view: View<'_>, group: &Group) -> Result<()> {
    let (scope, opened) = (group.scope(view), group.purpose.is_opened());
    let checker = Checker::new(view, group.first, scope, opened);
    for id in group.numbers() {
        let mut wrong = checker.slots(id);
        wrong.extend(checker.records(id));
        wrong.extend(checker.types(id));
        wrong.extend(checker.code(id));
        wrong.extend(checker.overlaps(id));
        wrong.extend(checker.thread_storage(id));
        if !wrong.is_empty() {
            wrong.truncate(SHOWN);
            return Err(Error::Check {
                file: view.state.instances[id].object.path().display().to_string(),
                reason: wrong.join("; "),
            });
        }
    }
    Ok(())
}

/// Checks a slot of a loaded instance that has been bound just now.
pub(super) fn slot(view: View<'_>, id: usize, vaddr: u64) -> Result<()> {
    let checker = Checker::new(
        view,
        view.state.instances.next(),
        view.state.seen_by(id),
        false,
    );
    let instance = &view.state.instances[id];
    let mut slots = instance.object.plt_slots();
    let right = slots.find(|r| r.offset == vaddr).is_some_and(|r| {
        let right = |slot| checker.is_address(id, r.symbol, slot);
        checker.holds(instance, vaddr, right)
    });
    match right {
        true => Ok(()),
        false => Err(Error::Check {
            file: instance.object.path().display().to_string(),
            reason: format!("the slot {vaddr:#x} is bound to something else"),
        }),
    }
}

/// Definitions of an object by name.
fn exports(instance: &Instance) -> HashMap<&str, usize> {
    let symbols = instance.object.symbols().enumerate();
    symbols
        .filter(|(_, s)| s.section != SymbolSection::Undefined)
        .map(|(i, s)| (instance.object.symbol_name(&s), i))
        .collect()
}

/// The definition of the version that a name asks for, or of the default one.
fn version(names: &HashMap<&str, usize>, name: &str) -> Option<usize> {
    let parts = |name: &str| {
        name.split_once('@')
            .map(|(a, b)| (a.to_owned(), b.to_owned()))
    };
    let Some((base, wanted)) = parts(name) else {
        let prefix = format!("{name}@@");
        let default = names.iter().find(|(n, _)| n.starts_with(&prefix));
        return default.map(|(_, &symbol)| symbol);
    };
    let mut versions = names.iter().filter_map(|(n, &symbol)| {
        let (other, version) = parts(n)?;
        (other == base).then_some((version, symbol))
    });
    let wanted = wanted.trim_start_matches('@');
    let mut versions = versions.by_ref().peekable();
    if versions.peek().is_none() {
        return names.get(&*base).copied();
    }
    let found = versions.find(|(version, _)| version.trim_start_matches('@') == wanted);
    found.map(|(_, symbol)| symbol)
}

/// What a name means.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Meaning {
    /// Instance and symbol.
    Definition(usize, usize),
    Host(String, String),
    /// A function of another type than the import's, which is not called.
    OtherType,
    Nothing,
}

struct Checker<'a> {
    view: View<'a>,
    /// The instances from here on are loaded together.
    first: usize,
    scope: Vec<usize>,
    opened: bool,
    exports: HashMap<usize, HashMap<&'a str, usize>>,
    stubs: HashMap<u64, Key>,
}

impl<'a> Checker<'a> {
    fn new(view: View<'a>, first: usize, scope: Vec<usize>, opened: bool) -> Self {
        let all = view.state.instances.iter();
        Self {
            view,
            first,
            scope,
            opened,
            exports: all.map(|(id, i)| (id, exports(i))).collect(),
            stubs: view.space.stubs.by_address(),
        }
    }

    fn slots(&self, id: usize) -> Vec<String> {
        let instance = &self.view.state.instances[id];
        let elf = instance.object.relocs().map(|r| {
            let right = |slot: u64| match r.kind {
                Standard::Relative => slot == instance.image.start().wrapping_add(r.addend as u64),
                Standard::Absolute => {
                    self.is_address(id, r.symbol, slot.wrapping_sub(r.addend as u64))
                }
                Standard::JumpSlot if self.is_waiting(instance.address(r.offset), slot) => true,
                Standard::ThreadOffset => {
                    self.is_thread_offset(id, r.symbol, slot.wrapping_sub(r.addend as u64))
                }
                _ => self.is_address(id, r.symbol, slot),
            };
            let right = match r.kind {
                Standard::Copy => self.is_used_by_all(id, r.symbol),
                _ => self.holds(instance, r.offset, right),
            };
            (r.offset, r.symbol, right)
        });
        let wasm = instance.object.slots().map(|r| {
            let less = |slot: u64| u64::from((slot as u32).wrapping_sub(r.addend as u32));
            let memory = self.view.space.domains[instance.domain].base();
            let linear = |slot: u64| less(slot.wrapping_sub(memory));
            let in_memory = |slot: u64| slot.wrapping_sub(memory) <= MEMORY_LIMIT;
            let right = |slot: u64| match r.kind {
                Kind::MemoryBase => less(slot) == instance.memory_base,
                Kind::TableBase => less(slot) == instance.table_base,
                Kind::CodeBase => less(slot) == instance.pc_base,
                Kind::Mem32 => self.is_linear(id, r.symbol, less(slot)),
                Kind::Func32 => self.is_index(id, r.symbol, slot),
                Kind::HostBase => in_memory(slot) && linear(slot) == instance.memory_base,
                Kind::HostData => in_memory(slot) && self.is_linear(id, r.symbol, linear(slot)),
                Kind::BaseOf => self.is_base(id, r.symbol, slot),
                Kind::HostBaseOf => in_memory(slot) && self.is_base(id, r.symbol, slot - memory),
                Kind::MemoryDesc | Kind::TableDesc => self.is_address(id, r.symbol, slot),
            };
            (r.offset, r.symbol, self.holds(instance, r.offset, right))
        });
        let wrong = elf.chain(wasm).filter(|(_, _, right)| !right);
        wrong
            .map(|(offset, symbol, _)| {
                let value = instance.image.read_u64(offset).unwrap_or(0);
                let object = &instance.object;
                let name = object.symbol_name(&object.symbol(symbol));
                format!("slot {offset:#x} for `{name}` holds {value:#x}")
            })
            .collect()
    }

    /// Whether a slot holds its own stub, which is to bind it.
    fn is_waiting(&self, at: u64, slot: u64) -> bool {
        let lazy = self.view.config.bind == Bind::Lazy;
        match self.stubs.get(&slot) {
            Some(&Key::Lazy(number)) => lazy && self.view.state.lazy.is_slot(number, at),
            _ => false,
        }
    }

    fn holds(&self, instance: &Instance, offset: u64, right: impl Fn(u64) -> bool) -> bool {
        instance.image.read_u64(offset).is_ok_and(right)
    }

    /// What a symbol of an instance means, by the imports that name it.
    fn meaning(&self, id: usize, symbol: u32) -> Meaning {
        let imports = self.view.state.instances[id].object.imports().enumerate();
        let meanings = imports.filter(|(_, i)| i.symbol == symbol && symbol != 0);
        let mut first = None;
        for (number, import) in meanings {
            let meaning = self.import(id, number, DEPTH);
            if self.is_other_function(id, &import, &meaning) {
                return Meaning::OtherType;
            }
            first.get_or_insert(meaning);
        }
        first.unwrap_or(Meaning::Definition(id, symbol as usize))
    }

    /// What the address of a function symbol means: what is imported as such
    /// has no type that could be another.
    fn address_meaning(&self, id: usize, symbol: u32) -> Meaning {
        let mut imports = self.view.state.instances[id].object.imports().enumerate();
        let is_it = |(_, i): &(usize, Import<'_>)| {
            i.symbol == symbol && symbol != 0 && i.kind == ImportKind::GotFunc
        };
        match imports.find(|import| is_it(import)) {
            Some((number, _)) => self.import(id, number, DEPTH),
            None => self.meaning(id, symbol),
        }
    }

    fn import(&self, id: usize, number: usize, depth: usize) -> Meaning {
        let object = &self.view.state.instances[id].object;
        let info = object.info();
        let Some(import) = object.import(number as u32) else {
            return Meaning::Nothing;
        };
        let got = matches!(import.kind, ImportKind::GotMem | ImportKind::GotFunc);
        let env = got || import.module == name::ENV;
        let overrides = &self.view.state.overrides;
        if self.opened && env && overrides.opened.contains(&import.name) {
            return Meaning::Host(overrides.opened_module.to_owned(), import.name.to_owned());
        }
        let scope = if env { &self.scope[..] } else { &[] };
        let named = self.view.state.names.get(import.module);
        let named = named.filter(|_| !got).copied();
        let places: Vec<usize> = if info.abi == LinkingAbi::Core {
            named.into_iter().chain(scope.iter().copied()).collect()
        } else {
            scope.iter().copied().chain(named).collect()
        };
        let copy = scope.iter().copied();
        let found = copy
            .filter(|&place| self.holds_copy(place, import.name))
            .chain(places)
            .find_map(|place| self.meant(place, import.name, (id, number), depth));
        found.unwrap_or_else(|| {
            let module = if got { name::ENV } else { import.module };
            match self.view.hosts.find(module, import.name) {
                Some(_) => Meaning::Host(module.to_owned(), import.name.to_owned()),
                None => Meaning::Nothing,
            }
        })
    }

    /// What a name means if an object of the scope is the first that has it.
    fn meant(&self, id: usize, text: &str, by: (usize, usize), depth: usize) -> Option<Meaning> {
        let found = self.exported(id, text, by, depth)?;
        Some(
            match self.scope.contains(&id) && self.is_replaced(id, text) {
                true => Meaning::Host(name::ENV.to_owned(), text.to_owned()),
                false => found,
            },
        )
    }

    /// Whether the loader's function takes the place of an object's own: that
    /// of a library which imports nothing that could open another.
    fn is_replaced(&self, id: usize, text: &str) -> bool {
        let instance = &self.view.state.instances[id];
        let loaders = "dlopen dlsym dlvsym dlclose dlerror dladdr dl_iterate_phdr";
        let ways = "dlopen dlsym dlvsym dlload dlinstantiate";
        let among = |list: &str, name: &str| list.split(' ').any(|word| word == name);
        let leads = |i: &Import<'_>| match i.kind {
            ImportKind::Func(_) => matches!(i.module, "env" | "thinthin"),
            ImportKind::GotFunc => true,
            _ => false,
        };
        let own = |name: &str| self.exports[&id].contains_key(name);
        let leads = |i: Import<'_>| leads(&i) && among(ways, i.name) && !own(i.name);
        self.view.config.dl_stubs == DlStubs::Replace
            && !instance.chosen
            && instance.object.info().abi != LinkingAbi::Core
            && among(loaders, text)
            && self.view.hosts.find(name::ENV, text).is_some()
            && !instance.object.imports().any(leads)
    }

    fn exported(&self, id: usize, text: &str, by: (usize, usize), depth: usize) -> Option<Meaning> {
        let names = self.exports.get(&id)?;
        let text_of = name::escape(text);
        let exact = names.get(&*text_of).copied();
        let versions = self.view.state.instances[id].object.has_versions(text);
        let versioned = || version(names, &text_of).filter(|_| versions);
        if let Some(symbol) = exact.or_else(versioned) {
            return Some(Meaning::Definition(id, symbol));
        }
        let mut reexports = self.view.state.instances[id].object.info().reexports.iter();
        let import = reexports.find(|r| r.name == text)?.import as usize;
        if depth == 0 || (id, import) == by {
            return None;
        }
        let meaning = self.import(id, import, depth - 1);
        let passed_on = self.view.state.instances[id].object.import(import as u32)?;
        // In one group names alone count; what is loaded passes on what it has.
        if id < self.first && self.is_other_function(id, &passed_on, &meaning) {
            return Some(Meaning::OtherType);
        }
        (meaning != Meaning::Nothing).then_some(meaning)
    }

    /// Whether a slot may hold this as the host address of a symbol.
    fn is_address(&self, id: usize, symbol: u32, slot: u64) -> bool {
        let instance = &self.view.state.instances[id];
        let own = &instance.object.symbol(symbol);
        let context = |domain: usize| {
            let base = self.view.space.domains[domain].base();
            base - size_of::<Context>() as u64
        };
        match own.record.kind {
            SymbolKind::Builtin => {
                let of = |b| match (self.view.space.anchors.builtin)(b) {
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
                all.any(|(n, &tag)| tag == name && slot == self.view.space.anchors.tags[n])
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
        let definer = &self.view.state.instances[definer];
        let found = &definer.object.symbol(symbol as u32);
        let base = self.view.space.domains[definer.domain].base();
        let in_context = SymbolRecord::PRIMARY | SymbolRecord::STACK_POINTER;
        if found.record.kind == SymbolKind::Data {
            return slot == base + self.linear(definer, symbol);
        }
        if found.record.flags & in_context != 0 {
            return (base - size_of::<Context>() as u64..base).contains(&slot);
        }
        slot == definer.image.start() + found.value
    }

    /// Whether a definition is what every object means by its name.
    fn is_used_by_all(&self, id: usize, symbol: u32) -> bool {
        let instances = &self.view.state.instances;
        let object = &instances[id].object;
        let name = object.symbol_name(&object.symbol(symbol));
        let is_it = |i: &Import<'_>| i.kind == ImportKind::GotMem && name::escape(i.name) == name;
        let wanted = Meaning::Definition(id, symbol as usize);
        instances.iter().all(|(user, instance)| {
            let imports = instance.object.imports().enumerate();
            let mut same = imports.filter(|(_, i)| is_it(i));
            same.all(|(number, _)| self.import(user, number, DEPTH) == wanted)
        })
    }

    /// Whether a code address reaches a function from a domain.
    fn is_code(&self, meaning: &Meaning, slot: u64, domain: usize) -> bool {
        let stub = || self.stubs.get(&slot).copied();
        match meaning {
            &Meaning::Definition(definer, symbol) => {
                let definer = &self.view.state.instances[definer];
                let code = definer.image.start() + definer.object.symbol(symbol as u32).value;
                let base = self.view.space.domains[definer.domain].base();
                let thunk = Key::Thunk { target: code, base };
                (slot == code && definer.domain == domain) || stub() == Some(thunk)
            }
            Meaning::Host(module, name) => match stub() {
                Some(Key::Host(n)) => {
                    let host = self.view.hosts.function(n);
                    host.is_some_and(|h| h.module == module && h.name == name)
                }
                _ => false,
            },
            Meaning::OtherType | Meaning::Nothing => matches!(stub(), Some(Key::Host(_))),
        }
    }

    fn linear(&self, definer: &Instance, symbol: usize) -> u64 {
        let symbol = &definer.object.symbol(symbol as u32);
        let base = match symbol.section {
            SymbolSection::Absolute => return symbol.value,
            _ => definer.memory_base,
        };
        let linear = symbol
            .value
            .wrapping_sub(definer.object.layout().memory_bias);
        base.wrapping_add(linear)
    }

    fn is_linear(&self, id: usize, symbol: u32, slot: u64) -> bool {
        let object = &self.view.state.instances[id].object;
        let import = object
            .imports()
            .find(|i| i.symbol == symbol && matches!(i.kind, ImportKind::GotMem));
        let domain = &self.view.space.domains[self.view.state.instances[id].domain];
        match import.map(|i| i.name) {
            // What is loaded later is in the heap, or behind it.
            Some("__heap_base") => self.view.state.instances.values().all(|other| {
                let room = other.object.info().placement.unwrap_or_default();
                other.room.is_some() || slot >= other.memory_base + u64::from(room.memory_size)
            }),
            Some("__heap_end") if self.opened => slot <= domain.context().memory.bytes,
            Some("__heap_end") => slot == domain.context().memory.bytes,
            Some("__stack_low" | "__stack_high") => slot <= domain.context().memory.bytes,
            _ => match self.meaning(id, symbol) {
                Meaning::Definition(definer, symbol) => {
                    slot == self.linear(&self.view.state.instances[definer], symbol)
                }
                // Null where the reference is weak, else outside of any memory.
                _ => slot == 0 || slot == MEMORY_LIMIT,
            },
        }
    }

    /// Whether the table holds a function at an index.
    fn is_index(&self, id: usize, symbol: u32, slot: u64) -> bool {
        let meaning = self.address_meaning(id, symbol);
        if meaning == Meaning::Nothing {
            // Likewise, outside of any table.
            return slot == 0 || (slot >> 16 == 0xffff && slot <= u32::MAX.into());
        }
        slot != 0 && self.is_held(id, &meaning, slot)
    }

    /// Whether the table holds what is meant at an index.
    fn is_held(&self, id: usize, meaning: &Meaning, slot: u64) -> bool {
        let instance = &self.view.state.instances[id];
        let table: TableDesc = self.view.space.domains[instance.domain].context().table;
        if slot >= table.len {
            return false;
        }
        // SAFETY: entries below the table's length are mapped.
        let entry: FuncRef = unsafe { live::load_entry(live::entry_at(&table, slot)) };
        let domain = match meaning {
            &Meaning::Definition(definer, _) => self.view.state.instances[definer].domain,
            _ => instance.domain,
        };
        entry.record != 0 && self.is_code(meaning, entry.code, domain)
    }

    /// The calls of PLT entries that lead neither there nor, where calls are
    /// bound directly or may be prelinked, to what the entry stands for.
    fn calls(&self, id: usize) -> Vec<String> {
        let instance = &self.view.state.instances[id];
        let bind = self.view.config.bind;
        let (direct, prelinked) = (bind == Bind::Direct, bind == Bind::Static);
        let section = instance.object.section(SEC_CALLS).unwrap_or_default();
        let plt: Vec<_> = instance.object.plt_slots().collect();
        let jumps = self.redirected(instance);
        let wrong = section.as_chunks().0.iter().filter_map(|&bytes| {
            let PltCall { place, entry } = PltCall::decode(bytes);
            let slot = plt.get(entry as usize)?;
            let at = arch::branch_at(place.into())?;
            if jumps
                .iter()
                .any(|jump| jump.abs_diff(at) < arch::BRANCH_SIZE as u64)
            {
                return None;
            }
            let field = instance.image.read(place.into()).ok()?;
            let place = instance.address(place.into());
            let code = instance.image.read(at).ok();
            let target = arch::branch_target(code?, instance.address(at));
            let right = target.is_some_and(|target| {
                let entry = target.checked_sub(instance.image.start());
                let entry = entry.filter(|&entry| self.is_entry(instance, entry, slot.offset));
                // Where it could be direct, it must be.
                let near = self.view.space.code.range();
                let reached = |to| arch::branch_field(field, place, to).is_some();
                let far = |to: u64| !near.contains(&to) || !reached(to);
                match instance.image.read_u64(slot.offset) {
                    Ok(to) if entry.is_some() => !direct || far(to),
                    _ => (direct || prelinked) && self.is_address(id, slot.symbol, target),
                }
            });
            (!right).then(|| {
                let target = target.unwrap_or(0);
                format!("the call at {at:#x} leads to {target:#x}")
            })
        });
        wrong.collect()
    }

    /// Whether a PLT entry, jumping through a slot, is at an address.
    fn is_entry(&self, instance: &Instance, at: u64, slot: u64) -> bool {
        let code = instance.image.read(at);
        code.is_ok_and(|code| arch::plt_slot(code, at) == Some(slot))
    }

    /// The function records that differ.
    fn records(&self, id: usize) -> Vec<String> {
        let instance = &self.view.state.instances[id];
        let imported = instance.object.info().imported_funcrefs as usize;
        let records = instance.object.functions().enumerate();
        let wrong = records
            .take(instance.records as usize)
            .filter(|(number, record)| {
                let at = instance.object.funcrefs() + TABLE_ENTRY_SIZE * *number as u64;
                let (Ok(code), Ok(rest)) =
                    (instance.image.read_u64(at), instance.image.read_u64(at + 8))
                else {
                    return true;
                };
                let offset = instance.image.start() + at - self.view.space.code.range().start;
                let right = if *number < imported {
                    let meaning = self.meaning(id, record.value);
                    let domain = match meaning {
                        Meaning::Definition(definer, _) => {
                            self.view.state.instances[definer].domain
                        }
                        _ => instance.domain,
                    };
                    self.is_code(&meaning, code, domain)
                } else {
                    let target = instance.image.start() + u64::from(record.value);
                    let base = self.view.space.domains[instance.domain].base();
                    let thunk = Key::Thunk { target, base };
                    code == target || self.stubs.get(&code).copied() == Some(thunk)
                };
                !right || rest != offset << 32 | u64::from(record.type_id)
            });
        wrong
            .map(|(number, _)| format!("function record {number} is wrong"))
            .collect()
    }

    /// Other objects of the domain whose room overlaps. What the program's
    /// allocator gave may lie in the static data of another: an arena.
    fn overlaps(&self, id: usize) -> Vec<String> {
        let allocated = |i: &Instance| i.room.as_ref().is_some_and(|room| room.memory.is_some());
        let room = |i: &Instance| {
            let room = i.object.info().placement.unwrap_or_default();
            // What the program gives may be a part of its own data.
            let block = i.room.as_ref().and_then(|r| r.memory.as_ref());
            let given = block.is_some_and(Block::is_of_program);
            let size = if given { 0 } else { room.memory_size };
            let memory = i.memory_base..i.memory_base + u64::from(size);
            let table = i.table_base..i.table_base + u64::from(room.table_size);
            let codes = i.pc_base..i.pc_base + u64::from(i.object.info().fixups.pc_size);
            [(allocated(i), memory), (false, table), (false, codes)]
        };
        let instance = &self.view.state.instances[id];
        let others = self.view.state.instances.iter();
        let others = others.filter(|&(other, _)| other < id).map(|(_, i)| i);
        let shared = others.filter(|other| other.domain == instance.domain);
        let overlapping = shared.filter(|other| {
            let pairs = room(instance).into_iter().zip(room(other));
            let mut alike = pairs.filter(|(a, b)| a.0 == b.0);
            alike.any(|((_, a), (_, b))| a.start.max(b.start) < a.end.min(b.end))
        });
        overlapping
            .map(|other| format!("overlaps {}", other.object.name()))
            .collect()
    }
}
