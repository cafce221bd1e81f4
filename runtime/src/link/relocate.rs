//! Phase 5: fills what depends on addresses: descriptors, function records,
//! static elements, and the slots that relocations name.

mod records;

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use wasmaot_abi::context::{FuncRef, MEMORY_LIMIT, MemoryDesc, TableDesc, offset};
use wasmaot_abi::info::{Elements, NULL_ELEMENT};
use wasmaot_abi::object::{SymbolKind, SymbolRecord};
use wasmaot_abi::reloc::{Kind, Standard};

use super::functions::{Function, callable};
use super::linker::{Linker, View};
use super::place::{create_memory, memory_limit, table_max};
use super::reserve::table_room;
use super::state::{LazySlot, Target, undefined};
use crate::arch;
use crate::config::Category;
use crate::error::{Error, Result};
use crate::object::{Object, Reloc, SymbolSection, bad};
use crate::space::Key;
use crate::space::{DomainLayout, ExtraTable};
use crate::sys::live;
use records::{function_of_record, needed_records, record, refill_records};

/// Fills everything of the instances from `first` on.
pub(super) fn relocate(linker: &mut Linker<'_>, first: usize) -> Result<()> {
    let new = first..linker.state.instances.next();
    for id in new.clone() {
        descriptors(linker, id)?;
    }
    // A second domain makes records of the first callable from elsewhere.
    let all = linker.state.many_domains();
    let loaded: Vec<usize> = linker.state.instances.iter().map(|(id, _)| id).collect();
    for id in loaded.into_iter().filter(|id| new.contains(id) || all) {
        let instance = &linker.state.instances[id];
        match new.contains(&id) {
            true => needed_records(linker, id)?,
            false if !instance.thunked => refill_records(linker, id, instance.records)?,
            false => {}
        }
    }
    if all {
        refresh_tables(linker.view());
    }
    for id in new.clone() {
        note_elements(linker, id)?;
    }
    for id in new {
        slots(linker, id)?;
        if let Some(at) = linker.state.instances[id].locals {
            let image = linker.state.instances[id].initial_locals()?;
            linker.space.locals.fill(at, &image)?;
        }
        linker.config.trace(Category::Reloc, || {
            let object = &linker.state.instances[id].object;
            let count = object.relocs().count() + object.slots().count();
            format!("relocated {}: {count} slots", object.name())
        });
    }
    Ok(())
}

fn path(object: &Object) -> String {
    object.path().display().to_string()
}

/// Memories and tables beside the domain's own: each has its room elsewhere
/// and a descriptor in the object's data.
fn descriptors(linker: &mut Linker<'_>, id: usize) -> Result<()> {
    let object = Arc::clone(&linker.state.instances[id].object);
    for (ty, vaddr) in object
        .info()
        .memories
        .iter()
        .filter_map(|m| Some((m.ty, m.desc?)))
    {
        let domain = linker.space.new_domain(DomainLayout {
            table: false,
            memory: Some(memory_limit(linker.view(), ty)),
        })?;
        create_memory(linker, domain, &path(&object), ty)?;
        let instance = &linker.state.instances[id];
        let (memory, at) = (&linker.space.domains[domain], instance.address(vaddr));
        let MemoryDesc {
            base,
            bytes,
            max_bytes,
        } = memory.context().memory;
        for (word, value) in [base, bytes, max_bytes].into_iter().enumerate() {
            instance.write(vaddr + 8 * word as u64, value)?;
        }
        memory.set_alias(at);
        linker.space.memories.insert(at, domain);
    }
    for (ty, vaddr) in object
        .info()
        .tables
        .iter()
        .filter_map(|t| Some((t.ty, t.desc?)))
    {
        let max = table_max(linker.view(), &path(&object), ty, ty.min)?;
        let instance = &linker.state.instances[id];
        let at = instance.address(vaddr);
        let (
            table,
            TableDesc {
                base,
                len,
                max,
                kind,
            },
        ) = ExtraTable::new(at, ty, max, Arc::clone(&linker.space.budget))?;
        for (word, value) in [base, len, max, kind].into_iter().enumerate() {
            instance.write(vaddr + 8 * word as u64, value)?;
        }
        // SAFETY: `at` is the descriptor just written, of the reservation that
        // `table` holds.
        let grown = unsafe { live::table_grow(at, ty.min, Some(&linker.space.budget)) };
        linker.space.tables.push(table);
        if grown.is_none() {
            return Err(super::place::no_table(&path(&object), ty.min));
        }
    }
    Ok(())
}

/// Copies the records' code into the table entries made from them.
fn refresh_tables(view: View<'_>) {
    let area = view.space.code.range();
    for desc in view.space.function_tables() {
        // SAFETY: the descriptors are live, entries below the length mapped,
        // and a record number other than 0 names a record in the code area.
        unsafe {
            let table: TableDesc = live::load(desc);
            for i in 0..table.len {
                let at = live::entry_at(&table, i);
                let entry = live::load_entry(at);
                if entry.record != 0 {
                    live::store_entry(at, live::load(area.start + u64::from(entry.record)));
                }
            }
        }
    }
}

/// Puts the functions of instances into tables that are to be there: other threads may
/// call them from now on, so all that they use is in place.
pub(super) fn publish(linker: &mut Linker<'_>, new: Range<usize>) -> Result<()> {
    for id in new {
        elements(linker, id)?;
    }
    for (domain, index, entry) in std::mem::take(&mut linker.state.unpublished) {
        linker.space.domains[domain].set_entry(index, entry);
    }
    Ok(())
}

/// Applies the element segments that need no code.
fn elements(linker: &Linker<'_>, id: usize) -> Result<()> {
    let instance = &linker.state.instances[id];
    let domain = &linker.space.domains[instance.domain];
    for segment in &instance.object.info().elements {
        let first = instance.table_base + u64::from(segment.offset);
        let entries = items(&instance.object, segment).map(|item| match item {
            NULL_ELEMENT => Ok(FuncRef::default()),
            number => record(instance, number),
        });
        if !domain.set_entries(first, segment.count.into(), entries)? {
            return Err(beyond_the_table(&instance.object, first, segment));
        }
    }
    Ok(())
}

fn beyond_the_table(object: &Object, first: u64, segment: &Elements) -> Error {
    let end = first + u64::from(segment.count);
    let reason = format!("its elements exceed the table (entry {})", end - 1);
    bad(path(object), reason)
}

/// Checks where the element segments are to be, and notes what they will put there.
fn note_elements(linker: &mut Linker<'_>, id: usize) -> Result<()> {
    let instance = &linker.state.instances[id];
    let len = linker.space.domains[instance.domain].context().table.len;
    for segment in &instance.object.info().elements {
        let first = instance.table_base + u64::from(segment.offset);
        if !live::fits(first, segment.count.into(), len) {
            return Err(beyond_the_table(&instance.object, first, segment));
        }
    }
    if linker
        .state
        .program
        .as_ref()
        .is_some_and(|p| p.indices.is_some())
    {
        remember_indices(linker, id)?;
    }
    Ok(())
}

/// The items of an element segment.
fn items(object: &Object, segment: &Elements) -> impl Iterator<Item = u32> {
    let items = object.elements().skip(segment.first as usize);
    items.take(segment.count as usize)
}

/// Notes the table index of every function that an instance's element segments
/// have put into the program's table.
fn remember_indices(linker: &mut Linker<'_>, id: usize) -> Result<()> {
    let object = Arc::clone(&linker.state.instances[id].object);
    let (table_base, domain) = (
        linker.state.instances[id].table_base,
        linker.state.instances[id].domain,
    );
    for segment in &object.info().elements {
        let first = table_base + u64::from(segment.offset);
        for (index, item) in (first..).zip(items(&object, segment)) {
            if item != NULL_ELEMENT {
                let function = function_of_record(linker, id, item)?;
                linker.state.remember_index(domain, function.code, index);
            }
        }
    }
    Ok(())
}

/// The table index of a function, if it has one.
fn known_index(linker: &mut Linker<'_>, code: u64) -> Result<Option<u64>> {
    let Some(program) = &mut linker.state.program else {
        return Ok(None);
    };
    if program.indices.is_none() {
        // Most programs never ask.
        program.indices = Some(HashMap::new());
        let loaded: Vec<usize> = linker.state.instances.iter().map(|(id, _)| id).collect();
        for id in loaded {
            remember_indices(linker, id)?;
        }
    }
    let indices = linker
        .state
        .program
        .as_ref()
        .and_then(|p| p.indices.as_ref());
    Ok(indices.and_then(|indices| indices.get(&code).copied()))
}

fn slots(linker: &mut Linker<'_>, id: usize) -> Result<()> {
    let object = Arc::clone(&linker.state.instances[id].object);
    for reloc in object.relocs() {
        let value = match reloc.kind {
            Standard::Relative => linker.state.instances[id]
                .image
                .start()
                .wrapping_add_signed(reloc.addend),
            Standard::JumpSlot if target(linker.view(), id, reloc.symbol) == Target::Lazy => {
                lazy_stub(linker, id, &reloc)?
            }
            Standard::GlobDat | Standard::JumpSlot => address(linker, id, reloc.symbol)?,
            Standard::Absolute => {
                address(linker, id, reloc.symbol)?.wrapping_add_signed(reloc.addend)
            }
            Standard::ThreadOffset => {
                thread_offset(linker.view(), id, reloc.symbol)?.wrapping_add_signed(reloc.addend)
            }
            // Copies are made when all else is relocated.
            Standard::Copy => continue,
        };
        linker.state.instances[id].write(reloc.offset, value)?;
    }
    for slot in object.slots() {
        let instance = &linker.state.instances[id];
        let addend = |value: u64| u64::from((value as u32).wrapping_add(slot.addend as u32));
        let value = match slot.kind {
            Kind::MemoryBase => addend(instance.memory_base),
            Kind::TableBase => addend(instance.table_base),
            Kind::CodeBase => addend(instance.pc_base),
            Kind::Mem32 => addend(shared_data(linker.view(), id, slot.symbol)?),
            Kind::Func32 => index_of(linker, address_target(linker.view(), id, slot.symbol))?,
            Kind::HostBase => {
                let room = instance.object.info().placement.unwrap_or_default();
                let end = instance.memory_base + u64::from(room.memory_size);
                with_headroom(linker.view(), id, end, || "its memory".to_owned())?;
                linker.space.domains[instance.domain].base() + addend(instance.memory_base)
            }
            Kind::HostData => {
                let target = target(linker.view(), id, slot.symbol);
                let data = addend(shared_data(linker.view(), id, slot.symbol)?);
                // What nothing defines is where accesses trap.
                let end = if target == Target::UndefinedData {
                    0
                } else {
                    data
                };
                with_headroom(linker.view(), id, end, || {
                    let symbol = instance.object.symbol(slot.symbol);
                    format!("`{}`", instance.object.symbol_name(&symbol))
                })?;
                linker.space.domains[instance.domain].base() + data
            }
            Kind::BaseOf => base_of(linker.view(), target(linker.view(), id, slot.symbol)),
            Kind::HostBaseOf => {
                let base = base_of(linker.view(), target(linker.view(), id, slot.symbol));
                with_headroom(linker.view(), id, base, || "a library's memory".to_owned())?;
                linker.space.domains[instance.domain].base() + base
            }
            Kind::MemoryDesc | Kind::TableDesc => address(linker, id, slot.symbol)?,
        };
        linker.state.instances[id].write(slot.offset, value)?;
    }
    Ok(())
}

/// The memory base of the object that defines a symbol; 0 if none does.
fn base_of(view: View<'_>, target: Target) -> u64 {
    match target {
        Target::Symbol { instance, .. } => view.state.instances[instance].memory_base,
        _ => 0,
    }
}

/// Checks that no sum of an address and a small number wraps.
fn with_headroom(view: View<'_>, id: usize, end: u64, what: impl FnOnce() -> String) -> Result<()> {
    if end <= MEMORY_LIMIT {
        return Ok(());
    }
    Err(Error::Limit {
        file: path(&view.state.instances[id].object),
        what: format!(
            "{} comes to {end:#x}, too near to the end of all addresses",
            what()
        ),
        remedy: "give the program less memory to begin with",
    })
}

/// What a symbol of an instance is bound to.
pub(crate) fn target(view: View<'_>, id: usize, symbol: u32) -> Target {
    let bound = view.state.instances[id].bindings.symbol(symbol);
    or_own(view, id, symbol, bound)
}

/// What the address of a function symbol of an instance is that of.
fn address_target(view: View<'_>, id: usize, symbol: u32) -> Target {
    let bound = view.state.instances[id].bindings.address(symbol);
    or_own(view, id, symbol, bound)
}

/// A symbol that is bound to nothing else stands for itself.
fn or_own(view: View<'_>, id: usize, symbol: u32, bound: Option<Target>) -> Target {
    let instance = &view.state.instances[id];
    bound.unwrap_or_else(|| match instance.object.symbol(symbol).section {
        SymbolSection::Undefined => Target::None,
        _ => Target::Symbol {
            instance: id,
            symbol,
        },
    })
}

/// The offset from the thread pointer of a thread-local global, or of an
/// instance's own storage.
fn thread_offset(view: View<'_>, id: usize, symbol: u32) -> Result<u64> {
    let of = match symbol {
        0 => view.state.instances[id].locals,
        _ => view.thread_offset_of(target(view, id, symbol)),
    };
    of.ok_or_else(|| not_its_own(view, id, symbol))
}

/// The error of a global that each thread has for one object and not for another.
fn not_its_own(view: View<'_>, id: usize, symbol: u32) -> Error {
    let object = &view.state.instances[id].object;
    let name = object.symbol_name(&object.symbol(symbol));
    let reason = format!("relocation against `{name}`, which is not a thread's own on both sides");
    bad(path(object), reason)
}

/// S as a host address.
fn address(linker: &mut Linker<'_>, id: usize, number: u32) -> Result<u64> {
    let target = target(linker.view(), id, number);
    if let Some(function) = linker.function(target)? {
        let domain = linker.state.instances[id].domain;
        return callable(linker, function, Some(domain));
    }
    let program = linker
        .state
        .program
        .as_ref()
        .map(|p| &linker.space.domains[p.domain]);
    match target {
        Target::Builtin(function) => {
            let (at, on_host_stack) = (linker.space.anchors.builtin)(function);
            let params = function.params().len() as u32;
            match on_host_stack {
                true => linker
                    .space
                    .stub(Key::Builtin(function), |_| arch::builtin_stub(at, params)),
                false => Ok(at),
            }
        }
        Target::Null => Ok(0),
        Target::UndefinedData => {
            let domain = linker.state.instances[id].domain;
            Ok(linker.space.domains[domain].base() + undefined::DATA)
        }
        Target::ProgramMemory => Ok(program.map_or(0, |domain| domain.memory_desc())),
        Target::ThreadsMemory(instance) => {
            let domain = linker.state.instances[instance].domain;
            Ok(linker.space.domains[domain].memory_desc())
        }
        Target::Tag(number) => Ok(linker.space.anchors.tags[number]),
        Target::ProgramTable => Ok(program.map_or(0, |domain| domain.table_desc())),
        Target::Symbol { instance, symbol } => {
            let definer = &linker.state.instances[instance];
            let symbol = definer.object.symbol(symbol);
            let domain = &linker.space.domains[definer.domain];
            let flag = |flag| symbol.record.flags & flag != 0;
            if linker.view().thread_offset_of(target).is_some() {
                return Err(not_its_own(linker.view(), id, number));
            }
            Ok(match symbol.record.kind {
                SymbolKind::Memory if flag(SymbolRecord::PRIMARY) => domain.memory_desc(),
                SymbolKind::Table if flag(SymbolRecord::PRIMARY) => domain.table_desc(),
                SymbolKind::Global if flag(SymbolRecord::STACK_POINTER) => {
                    domain.field(offset::STACK_POINTER)
                }
                SymbolKind::Data => domain.base() + data_address(linker.view(), target)?,
                _ => definer.address(symbol.value),
            })
        }
        _ => {
            let object = &linker.state.instances[id].object;
            let name = object.symbol_name(&object.symbol(number));
            let reason = format!("relocation against `{name}`, which nothing defines");
            Err(bad(path(object), reason))
        }
    }
}

/// The linear address of data, which is to be one for all threads.
fn shared_data(view: View<'_>, id: usize, number: u32) -> Result<u64> {
    let target = target(view, id, number);
    if let Target::Symbol { instance, symbol } = target {
        let definer = &view.state.instances[instance].object;
        let symbol = definer.symbol(symbol);
        if symbol.record.flags & SymbolRecord::TLS != 0 {
            return Err(Error::Unsupported {
                file: path(&view.state.instances[id].object),
                what: format!(
                    "it takes the address of `{}`, of which {} has a copy for each thread; use it through a function of {}",
                    definer.symbol_name(&symbol),
                    definer.name(),
                    definer.name()
                ),
            });
        }
    }
    data_address(view, target)
}

/// The linear address of data.
pub(crate) fn data_address(view: View<'_>, target: Target) -> Result<u64> {
    match target {
        Target::Symbol { instance, symbol } => {
            let definer = &view.state.instances[instance];
            let symbol = definer.object.symbol(symbol);
            if !symbol.defines(SymbolKind::Data) {
                let name = definer.object.symbol_name(&symbol);
                let reason = format!("relocation against `{name}` as data, which it is not");
                return Err(bad(path(&definer.object), reason));
            }
            if symbol.section == SymbolSection::Absolute {
                return Ok(symbol.value);
            }
            let bias = definer.object.layout().memory_bias;
            Ok(definer.memory_base + symbol.value.wrapping_sub(bias))
        }
        Target::LinkerSymbol(symbol) => {
            let program = view.state.program.as_ref();
            Ok(program.map_or(0, |program| program.address_of(symbol)))
        }
        Target::UndefinedData => Ok(undefined::DATA),
        _ => Ok(0),
    }
}

/// The table index of a function: the one that it has already, or a new one.
pub(crate) fn table_index(linker: &mut Linker<'_>, target: Target) -> Result<u64> {
    let index = index_of(linker, target)?;
    publish(linker, 0..0)?;
    Ok(index)
}

/// The same; what is new is in the table once it is published.
fn index_of(linker: &mut Linker<'_>, target: Target) -> Result<u64> {
    match target {
        Target::Stub(host) => return Ok(linker.state.undefined.index_of_stub(host).unwrap_or(0)),
        Target::UndefinedFunction(number) => return Ok(undefined::index(number)),
        Target::Null => return Ok(0),
        _ => {}
    }
    let function = linker.function(target)?;
    let (Some(function), Some(program)) = (function, &linker.state.program) else {
        return Ok(0);
    };
    let domain = program.domain;
    if let Some(index) = known_index(linker, function.code)? {
        return Ok(index);
    }
    let entry = entry_of(linker, target, function)?;
    let index = table_room(linker, 1, 1)?;
    linker.state.unpublished.push((domain, index, entry));
    linker.state.remember_index(domain, function.code, index);
    Ok(index)
}

/// The index of a function in a table, where it is put if it is not there.
pub(crate) fn index_in(linker: &mut Linker<'_>, desc: u64, target: Target) -> Result<u64> {
    let Some(function) = linker.function(target)? else {
        return Ok(0);
    };
    let entry = entry_of(linker, target, function)?;
    // SAFETY: `desc` is a live table's of this process, of functions.
    let index = unsafe {
        live::table_find(desc, entry).or_else(|| {
            let index = live::table_grow(desc, 1, Some(&linker.space.budget))?;
            live::table_fill(desc, index, entry, 1).then_some(index)
        })
    };
    index.ok_or_else(|| Error::Limit {
        file: "the program".to_owned(),
        what: "no more room in its table of functions".to_owned(),
        remedy: "link it with wasm-ld's --growable-table",
    })
}

/// A table entry for a function: its own record, or one made here.
pub(super) fn entry_of(
    linker: &mut Linker<'_>,
    target: Target,
    function: Function,
) -> Result<FuncRef> {
    if let Target::Symbol { instance, symbol } = target {
        let definer = &linker.state.instances[instance];
        let value = definer.object.symbol(symbol).value;
        if let Some(number) = definer.object.record_of(value) {
            if number >= definer.records {
                let all = definer.object.functions().len() as u32;
                refill_records(linker, instance, all)?;
            }
            return record(&linker.state.instances[instance], number);
        }
    }
    let code = callable(linker, function, None)?;
    let key = match target {
        Target::Host(number) => Key::Host(number),
        _ => Key::Thunk {
            target: function.code,
            base: 0,
        },
    };
    let type_id = match (function.type_id, target) {
        (Some(id), _) => id,
        (None, Target::Host(number) | Target::Stub(number)) => linker.host_type(number)?,
        _ => 0,
    };
    let space = &mut linker.space;
    space.stubs.record(&mut space.code, key, code, type_id)
}

/// What the slot of an instance that a relocation names holds for now.
fn lazy_stub(linker: &mut Linker<'_>, id: usize, reloc: &Reloc) -> Result<u64> {
    let number = linker.state.lazy.add(LazySlot {
        address: linker.state.instances[id].address(reloc.offset),
        symbol: reloc.symbol,
    });
    linker
        .space
        .stub(Key::Lazy(number), |_| arch::lazy_stub(number))
}
