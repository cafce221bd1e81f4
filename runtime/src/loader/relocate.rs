//! Phase 5: fills what depends on addresses: descriptors, function records,
//! static elements, and the slots that relocations name.

use std::sync::Arc;

use wasmaot_abi::context::{
    FuncRef, MEMORY_LIMIT, MemoryDesc, TABLE_ENTRY_SIZE, TableDesc, offset,
};
use wasmaot_abi::info::NULL_ELEMENT;
use wasmaot_abi::object::{SymbolKind, SymbolRecord};
use wasmaot_abi::reloc::{Kind, Standard};

use super::instance::{Instance, Target};
use super::lazy;
use super::place::{create_memory, memory_limit, table_max, table_room};
use super::stubs::Key;
use crate::arch;
use crate::builtin;
use crate::config::Category;
use crate::domain::{ExtraTable, Shape};
use crate::error::{Error, Result};
use crate::object::{Object, Place, bad};
use crate::process::{Function, Process};
use crate::sys::live;

/// Fills everything of the instances from `first` on.
pub(super) fn relocate(process: &mut Process, first: usize) -> Result<()> {
    let new = first..process.instances.next();
    for id in new.clone() {
        descriptors(process, id)?;
    }
    // A second domain makes records of the first callable from elsewhere.
    let all = process.many_domains();
    let loaded: Vec<usize> = process.instances.iter().map(|(id, _)| id).collect();
    for id in loaded.into_iter().filter(|id| new.contains(id) || all) {
        let fresh = new.contains(&id);
        if fresh || !process.instances[id].thunked {
            records(process, id, fresh)?;
        }
    }
    if all {
        refresh_tables(process);
    }
    for id in new.clone() {
        elements(process, id)?;
    }
    for id in new {
        slots(process, id)?;
        process.config.trace(Category::Reloc, || {
            let object = &process.instances[id].object;
            let count = object.relocs().len() + object.slots().len();
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
fn descriptors(process: &mut Process, id: usize) -> Result<()> {
    let object = Arc::clone(&process.instances[id].object);
    for (ty, vaddr) in object
        .info()
        .memories
        .iter()
        .filter_map(|m| Some((m.ty, m.desc?)))
    {
        let domain = process.new_domain(Shape {
            table: false,
            memory: Some(memory_limit(process, ty)),
        })?;
        create_memory(process, domain, &path(&object), ty)?;
        let instance = &process.instances[id];
        let (memory, at) = (&process.domains[domain], instance.address(vaddr));
        let MemoryDesc {
            base,
            bytes,
            max_bytes,
        } = memory.context().memory;
        for (word, value) in [base, bytes, max_bytes].into_iter().enumerate() {
            instance.write(vaddr + 8 * word as u64, value)?;
        }
        memory.set_alias(at);
        process.memories.insert(at, domain);
    }
    for (ty, vaddr) in object
        .info()
        .tables
        .iter()
        .filter_map(|t| Some((t.ty, t.desc?)))
    {
        let max = table_max(process, &path(&object), ty, ty.min)?;
        let instance = &process.instances[id];
        let at = instance.address(vaddr);
        let (
            table,
            TableDesc {
                base,
                len,
                max,
                kind,
            },
        ) = ExtraTable::new(at, ty, max)?;
        for (word, value) in [base, len, max, kind].into_iter().enumerate() {
            instance.write(vaddr + 8 * word as u64, value)?;
        }
        // SAFETY: `at` is the descriptor just written, of the reservation that
        // `table` holds.
        let grown = unsafe { live::table_grow(at, ty.min, FuncRef::default()) };
        process.tables.push(table);
        if grown.is_none() {
            return Err(Error::Limit {
                file: path(&object),
                what: format!("no memory for a table of {} entries", ty.min),
                remedy: "free memory",
            });
        }
    }
    Ok(())
}

/// Writes an instance's function records. Those of a sealed instance are in
/// its RELRO part.
fn records(process: &mut Process, id: usize, fresh: bool) -> Result<()> {
    let object = Arc::clone(&process.instances[id].object);
    if !fresh {
        let relro = object.layout().relro.clone();
        process.instances[id].image.set_writable(relro, true)?;
    }
    for number in 0..object.functions().len() as u32 {
        let function = function_of_record(process, id, number)?;
        let code = callable(process, function, None)?;
        let instance = &process.instances[id];
        let vaddr = instance.record_vaddr(number);
        let record = (instance.address(vaddr) - process.code.range().start) as u32;
        let type_id = object.functions()[number as usize].type_id;
        let mut bytes = [0; TABLE_ENTRY_SIZE as usize];
        bytes[..8].copy_from_slice(&code.to_le_bytes());
        bytes[8..12].copy_from_slice(&type_id.to_le_bytes());
        bytes[12..].copy_from_slice(&record.to_le_bytes());
        instance.write_bytes(vaddr, &bytes)?;
    }
    let thunked = process.many_domains();
    let instance = &mut process.instances[id];
    instance.thunked = thunked;
    match fresh {
        true => Ok(()),
        false => instance.seal(),
    }
}

/// Copies the records' code into the table entries made from them.
fn refresh_tables(process: &Process) {
    let area = process.code.range();
    for desc in process.function_tables() {
        // SAFETY: the descriptors are live, entries below the length mapped,
        // and a record number other than 0 names a record in the code area.
        unsafe {
            let table: TableDesc = live::load(desc);
            for i in 0..table.len {
                let at = live::entry_at(&table, i);
                let entry: FuncRef = live::load(at);
                if entry.record != 0 {
                    live::store::<FuncRef>(at, live::load(area.start + u64::from(entry.record)));
                }
            }
        }
    }
}

/// Applies the element segments that need no code.
fn elements(process: &mut Process, id: usize) -> Result<()> {
    let object = Arc::clone(&process.instances[id].object);
    let table_base = process.instances[id].table_base;
    let domain = process.instances[id].domain;
    for segment in &object.info().elements {
        let first = segment.first as usize;
        let items = &object.elements()[first..first + segment.count as usize];
        for (i, &item) in (0..).zip(items) {
            let index = table_base + u64::from(segment.offset) + i;
            let mut entry = FuncRef::default();
            if item != NULL_ELEMENT {
                entry = record(&process.instances[id], item)?;
                let function = function_of_record(process, id, item)?;
                process.remember_index(domain, function.code, index);
            }
            if !process.domains[domain].set_entry(index, entry) {
                let reason = format!("its elements exceed the table (entry {index})");
                return Err(bad(path(&object), reason));
            }
        }
    }
    Ok(())
}

/// An instance's function record as written.
fn record(instance: &Instance, number: u32) -> Result<FuncRef> {
    let bytes: [u8; 16] = instance.read(instance.record_vaddr(number))?;
    let word = |at: usize| u32::from_le_bytes(std::array::from_fn(|i| bytes[at + i]));
    Ok(FuncRef {
        code: u64::from(word(0)) | u64::from(word(4)) << 32,
        type_id: word(8),
        record: word(12),
    })
}

fn slots(process: &mut Process, id: usize) -> Result<()> {
    let object = Arc::clone(&process.instances[id].object);
    for reloc in object.relocs() {
        let value = match reloc.kind {
            Standard::Relative => process.instances[id]
                .image
                .start()
                .wrapping_add_signed(reloc.addend),
            Standard::JumpSlot if target(process, id, reloc.symbol) == Target::Lazy => {
                lazy::stub(process, id, reloc)?
            }
            Standard::GlobDat | Standard::JumpSlot => address(process, id, reloc.symbol)?,
            Standard::Absolute => {
                address(process, id, reloc.symbol)?.wrapping_add_signed(reloc.addend)
            }
            // Copied when all else is relocated.
            Standard::Copy => continue,
        };
        process.instances[id].write(reloc.offset, value)?;
    }
    for slot in object.slots() {
        let instance = &process.instances[id];
        let addend = |value: u64| u64::from((value as u32).wrapping_add(slot.addend as u32));
        let value = match slot.kind {
            Kind::MemoryBase => addend(instance.memory_base),
            Kind::TableBase => addend(instance.table_base),
            Kind::CodeBase => addend(instance.pc_base),
            Kind::Mem32 => addend(data_address(process, target(process, id, slot.symbol))?),
            Kind::Func32 => table_index(process, target(process, id, slot.symbol))?,
            Kind::HostBase => {
                let room = instance.object.info().placement.unwrap_or_default();
                let end = instance.memory_base + u64::from(room.memory_size);
                with_headroom(process, id, end, || "its memory".to_owned())?;
                process.domains[instance.domain].base() + addend(instance.memory_base)
            }
            Kind::HostData => {
                let data = addend(data_address(process, target(process, id, slot.symbol))?);
                with_headroom(process, id, data, || {
                    let symbol = instance.object.symbols().get(slot.symbol as usize);
                    let name = symbol.map_or("", |s| instance.object.symbol_name(s));
                    format!("`{name}`")
                })?;
                process.domains[instance.domain].base() + data
            }
            Kind::BaseOf => base_of(process, target(process, id, slot.symbol)),
            Kind::HostBaseOf => {
                let base = base_of(process, target(process, id, slot.symbol));
                with_headroom(process, id, base, || "a library's memory".to_owned())?;
                process.domains[instance.domain].base() + base
            }
            Kind::MemoryDesc | Kind::TableDesc => address(process, id, slot.symbol)?,
        };
        process.instances[id].write(slot.offset, value)?;
    }
    Ok(())
}

/// The memory base of the object that defines a symbol; 0 if none does.
fn base_of(process: &Process, target: Target) -> u64 {
    match target {
        Target::Symbol { instance, .. } => process.instances[instance].memory_base,
        _ => 0,
    }
}

/// Checks that no sum of an address and a small number wraps.
fn with_headroom(
    process: &Process,
    id: usize,
    end: u64,
    what: impl FnOnce() -> String,
) -> Result<()> {
    if end <= MEMORY_LIMIT {
        return Ok(());
    }
    Err(Error::Limit {
        file: path(&process.instances[id].object),
        what: format!(
            "{} comes to {end:#x}, too near to the end of all addresses",
            what()
        ),
        remedy: "give the program less memory to begin with",
    })
}

/// What a symbol of an instance is bound to.
fn target(process: &Process, id: usize, symbol: u32) -> Target {
    let symbols = &process.instances[id].bindings.symbols;
    symbols
        .get(symbol as usize)
        .copied()
        .unwrap_or(Target::None)
}

/// S as a host address.
fn address(process: &mut Process, id: usize, symbol: u32) -> Result<u64> {
    let target = target(process, id, symbol);
    if let Some(function) = process.function(target)? {
        let domain = process.instances[id].domain;
        return callable(process, function, Some(domain));
    }
    let program = process.program.as_ref().map(|p| &process.domains[p.domain]);
    match target {
        Target::Builtin(function) => {
            let (at, on_host_stack) = builtin::address(function);
            let params = function.params().len() as u32;
            match on_host_stack {
                true => process.stub(Key::Builtin(function), |_| arch::builtin_stub(at, params)),
                false => Ok(at),
            }
        }
        Target::Null => Ok(0),
        Target::ProgramMemory => Ok(program.map_or(0, |domain| domain.memory_desc())),
        Target::Tag(number) => Ok(process.exceptions.tag(number)),
        Target::ProgramTable => Ok(program.map_or(0, |domain| domain.table_desc())),
        Target::Symbol { instance, symbol } => {
            let definer = &process.instances[instance];
            let symbol = definer.object.symbols()[symbol as usize];
            let domain = &process.domains[definer.domain];
            let flag = |flag| symbol.record.flags & flag != 0;
            Ok(match symbol.record.kind {
                SymbolKind::Memory if flag(SymbolRecord::PRIMARY) => domain.memory_desc(),
                SymbolKind::Table if flag(SymbolRecord::PRIMARY) => domain.table_desc(),
                SymbolKind::Global if flag(SymbolRecord::STACK_POINTER) => {
                    domain.field(offset::STACK_POINTER)
                }
                SymbolKind::Data => domain.base() + data_address(process, target)?,
                _ => definer.address(symbol.value),
            })
        }
        _ => {
            let object = &process.instances[id].object;
            let name = object.symbols().get(symbol as usize);
            let name = name.map_or("", |s| object.symbol_name(s));
            let reason = format!("relocation against `{name}`, which nothing defines");
            Err(bad(path(object), reason))
        }
    }
}

/// The linear address of data.
pub(crate) fn data_address(process: &Process, target: Target) -> Result<u64> {
    match target {
        Target::Symbol { instance, symbol } => {
            let definer = &process.instances[instance];
            let symbol = definer.object.symbols()[symbol as usize];
            if !symbol.defines(SymbolKind::Data) {
                let name = definer.object.symbol_name(&symbol);
                let reason = format!("relocation against `{name}` as data, which it is not");
                return Err(bad(path(&definer.object), reason));
            }
            if symbol.place == Place::Absolute {
                return Ok(symbol.value);
            }
            let bias = definer.object.layout().memory_bias;
            Ok(definer.memory_base + symbol.value.wrapping_sub(bias))
        }
        Target::Mark(mark) => Ok(process.program.as_ref().map_or(0, |p| p.mark(mark))),
        _ => Ok(0),
    }
}

/// The table index of a function: the one that it has already, or a new one.
pub(crate) fn table_index(process: &mut Process, target: Target) -> Result<u64> {
    if matches!(target, Target::Stub(_) | Target::Null) {
        return Ok(0);
    }
    let function = process.function(target)?;
    let (Some(function), Some(program)) = (function, &process.program) else {
        return Ok(0);
    };
    if let Some(&index) = program.indices.get(&function.code) {
        return Ok(index);
    }
    let domain = program.domain;
    let entry = entry_of(process, target, function)?;
    let index = table_room(process, 1, 1)?;
    process.domains[domain].set_entry(index, entry);
    process.remember_index(domain, function.code, index);
    Ok(index)
}

/// The index of a function in a table, where it is put if it is not there.
pub(crate) fn index_in(process: &mut Process, desc: u64, target: Target) -> Result<u64> {
    let Some(function) = process.function(target)? else {
        return Ok(0);
    };
    let entry = entry_of(process, target, function)?;
    // SAFETY: `desc` is a live table's of this process, of functions.
    let index =
        unsafe { live::table_find(desc, entry).or_else(|| live::table_grow(desc, 1, entry)) };
    index.ok_or_else(|| Error::Limit {
        file: "the program".to_owned(),
        what: "no more room in its table of functions".to_owned(),
        remedy: "link it with --growable-table",
    })
}

/// A table entry for a function: its own record, or one made here.
pub(super) fn entry_of(
    process: &mut Process,
    target: Target,
    function: Function,
) -> Result<FuncRef> {
    if let Target::Symbol { instance, symbol } = target {
        let definer = &process.instances[instance];
        let value = definer.object.symbols()[symbol as usize].value;
        if let Some(number) = definer.object.record_of(value) {
            return record(definer, number);
        }
    }
    let code = callable(process, function, None)?;
    let key = match target {
        Target::Host(number) => Key::Host(number),
        _ => Key::Thunk {
            target: function.code,
            base: 0,
        },
    };
    let Process {
        stubs, code: area, ..
    } = process;
    stubs.record(area, key, code, function.type_id)
}

/// The function of a record of an instance.
fn function_of_record(process: &mut Process, id: usize, number: u32) -> Result<Function> {
    let instance = &process.instances[id];
    let info = instance.object.info();
    let record = instance.object.functions()[number as usize];
    if number >= info.imported_funcrefs {
        return Ok(Function {
            code: instance.address(record.value.into()),
            domain: Some(instance.domain),
            type_id: record.type_id,
        });
    }
    let (target, object) = (
        target(process, id, record.value),
        Arc::clone(&instance.object),
    );
    process
        .function(target)?
        .ok_or_else(|| bad(path(&object), "a function record of no function"))
}

/// Address by which code of a domain, or of any (`None`), calls a function.
pub(super) fn callable(
    process: &mut Process,
    function: Function,
    from: Option<usize>,
) -> Result<u64> {
    let Some(domain) = function.domain else {
        return Ok(function.code);
    };
    let same = match from {
        Some(from) => from == domain,
        None => !process.many_domains(),
    };
    if same {
        return Ok(function.code);
    }
    let (target, base) = (function.code, process.domains[domain].base());
    let stack_args = process.stack_args(function.type_id);
    process.stub(Key::Thunk { target, base }, |at| {
        arch::domain_thunk(at, target, base, stack_args)
    })
}
