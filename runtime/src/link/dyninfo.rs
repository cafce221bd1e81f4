//! What section `dyninfo` asks for beside relocations: words of linear memory
//! and entries of the table.
//!
//! The time is the hazard: after the functions that initialise memory, so that
//! these do not write over it, and before constructors, which rely on it.
//! Copies of data are made next, of data that are complete.
//!
//! What refers to a symbol that nothing defines waits; each time the global
//! scope has grown, it is tried again.

use std::collections::HashMap;
use std::sync::Arc;

use wasmaot_abi::context::FuncRef;
use wasmaot_abi::info::Fixup;
use wasmaot_abi::name;
use wasmaot_abi::object::SymbolKind;
use wasmaot_abi::trap::TrapCode;
use wasmaot_abi::types::FuncType;

use super::copy::{self, Copy};
use super::instance::{Mark, Target};
use super::relocate::{data_address, entry_of, table_index};
use super::search::{Group, Member};
use crate::config::Category;
use crate::dl::OpenFlags;
use crate::error::{Error, Result};
use crate::host::{Caller, HostError, HostFunction};
use crate::object::bad;
use crate::process::Process;
use crate::trap::{Trap, TrapReason};
use crate::value::Val;

/// What a process remembers of it.
#[derive(Debug, Default)]
pub(crate) struct Fixups {
    /// Fixups that wait for a definition: serial number of the instance, and
    /// number in its list.
    waiting: Vec<(u64, usize)>,
    /// What has been copied: what is still written to the original goes to the
    /// copy, too.
    copied: Vec<Copied>,
    /// Serial number of the instance that holds the copy, by symbol.
    holders: HashMap<String, u64>,
    /// Host functions that stand for lazy ones.
    lazy: Vec<Forwarder>,
}

/// Bytes that were copied.
#[derive(Clone, Copy, Debug)]
struct Copied {
    /// Serial number of the instance with the copy.
    serial: u64,
    from: u64,
    to: u64,
    bytes: u64,
}

/// Whether objects define all that the members of a group refer to.
pub(super) fn is_complete(process: &Process, group: &Group) -> bool {
    let scope = group.scope(process);
    let defined = |symbol: &str| {
        let symbol = name::escape(symbol);
        let mut objects = scope.iter().map(|&n| group.object(process, n));
        objects.any(|object| object.find(&*symbol).is_some())
    };
    let mut lists = group.members.iter().map(|m| &m.object.info().fixups.list);
    lists.all(|list| {
        list.iter().all(|fixup| match fixup {
            Fixup::Symbol { symbol, .. } | Fixup::Entry { symbol, .. } => defined(symbol),
            _ => true,
        })
    })
}

/// Checks that no member of a group calls what is data; changes nothing.
pub(super) fn check(process: &Process, group: &Group) -> Result<()> {
    let scope = group.scope(process);
    let first = |symbol: &str| {
        let mut objects = scope.iter().map(|&n| group.object(process, n));
        objects.find_map(|object| Some((object, object.find(symbol)?)))
    };
    for member in &group.members {
        for fixup in &member.object.info().fixups.list {
            let Fixup::Entry { symbol, .. } = fixup else {
                continue;
            };
            if let Some((definer, number)) = first(&name::escape(symbol))
                && definer.symbol(number).defines(SymbolKind::Data)
            {
                return Err(Error::Mismatch {
                    symbol: symbol.clone(),
                    importer: member.object.path().display().to_string(),
                    wanted: "function".to_owned(),
                    definer: definer.path().display().to_string(),
                    found: SymbolKind::Data.name().to_owned(),
                });
            }
        }
    }
    Ok(())
}

/// Does everything for the members of a group, and what waited for them.
pub(super) fn apply(process: &mut Process, group: &Group) -> Result<()> {
    let asks = |m: &Member| !m.object.info().fixups.list.is_empty();
    if process.link.fixups.waiting.is_empty() && !group.members.iter().any(asks) {
        return Ok(());
    }
    let members = group.members.iter().map(|m| &*m.object);
    for (symbol, number) in copy::holders(group.numbers().zip(members)) {
        let serial = process.link.instances[number].serial;
        let holders = &mut process.link.fixups.holders;
        holders.entry(symbol.to_owned()).or_insert(serial);
    }
    for number in group.numbers() {
        for fixup in 0..process.link.instances[number]
            .object
            .info()
            .fixups
            .list
            .len()
        {
            if !one(process, number, fixup)? {
                let instance = &process.link.instances[number];
                process.config.trace(Category::Bindings, || {
                    let list = &instance.object.info().fixups.list;
                    format!(
                        "{} waits for a definition: {:?}",
                        instance.object.name(),
                        list[fixup]
                    )
                });
                process.link.fixups.waiting.push((instance.serial, fixup));
            }
        }
    }
    retry(process)
}

/// Tries again what waits, after the global scope has grown.
pub(crate) fn retry(process: &mut Process) -> Result<()> {
    let waiting = std::mem::take(&mut process.link.fixups.waiting);
    let mut result = Ok(());
    for (serial, fixup) in waiting {
        // What is unloaded waits no more.
        let Some(number) = process.link.instances.find(|i| i.serial == serial) else {
            continue;
        };
        let done = one(process, number, fixup);
        if !matches!(done, Ok(true)) {
            process.link.fixups.waiting.push((serial, fixup));
        }
        result = result.and(done.map(|_| ()));
    }
    process.space.stubs.seal()?;
    result
}

/// Does one thing; false if it has to wait.
fn one(process: &mut Process, number: usize, fixup: usize) -> Result<bool> {
    let instance = &process.link.instances[number];
    let object = Arc::clone(&instance.object);
    let (memory_base, table_base) = (instance.memory_base, instance.table_base);
    let index = |function: u32| table_base + u64::from(function);
    match &object.info().fixups.list[fixup] {
        &Fixup::Address { at, to } => {
            let value = (memory_base as u32).wrapping_add(to);
            write(process, number, at, value.into())?;
        }
        &Fixup::Index { at, function } => write(process, number, at, index(function))?,
        Fixup::Symbol { at, symbol } => {
            let Some(value) = value(process, number, symbol)? else {
                return Ok(false);
            };
            write(process, number, *at, value)?;
        }
        Fixup::Entry { function, symbol } => {
            let Some(entry) = function_entry(process, number, symbol)? else {
                return Ok(false);
            };
            set_entry(process, number, index(*function), entry)?;
        }
        Fixup::Lazy {
            function,
            symbol,
            library,
            ty,
        } => {
            let ty = object.info().types.get(*ty).cloned();
            let lazy = Lazy {
                serial: process.link.instances[number].serial,
                index: index(*function),
                symbol: symbol.clone(),
                library: library.clone(),
                ty: ty.unwrap_or_default(),
            };
            forward(process, number, lazy)?;
        }
    }
    Ok(true)
}

/// What an instance means by a name: the copy, where there is one, else the
/// first definition that it sees.
pub(crate) fn definition(process: &Process, number: usize, symbol: &str) -> Option<Target> {
    let scope = process.seen_by(number);
    let holder = process.link.fixups.holders.get(&*name::escape(symbol));
    let holds = |n: &usize| Some(&process.link.instances[*n].serial) == holder;
    let holder = holder.and_then(|_| scope.iter().copied().find(holds));
    let places = holder.into_iter().chain(scope);
    let kinds = [SymbolKind::Data, SymbolKind::Function];
    let mut found = places.filter_map(|place| {
        let mut kinds = kinds.into_iter();
        let found = kinds.find_map(|kind| process.export(place, symbol, kind))?;
        Some(process.instead_of_stub(symbol, place).unwrap_or(found))
    });
    let host = || {
        let host = process.hosts.find(name::ENV, symbol).map(Target::Host);
        host.or_else(|| Mark::from_name(symbol).map(Target::Mark))
    };
    found.next().or_else(host)
}

/// The definition for a fixup of an instance, which keeps the definer loaded.
fn bind(process: &mut Process, number: usize, symbol: &str) -> Option<Target> {
    let target = definition(process, number, symbol)?;
    if let Target::Symbol { instance, .. } = target {
        process.link.instances[number].uses.insert(instance);
    }
    process.config.trace(Category::Bindings, || {
        let to = match target {
            Target::Symbol { instance, .. } => process.link.instances[instance].object.name(),
            Target::Host(_) => "the host",
            _ => "the loader",
        };
        let from = process.link.instances[number].object.name();
        format!("binding {from} to {to}: `{symbol}`")
    });
    Some(target)
}

/// The value of a symbol: an address, or a table index.
fn value(process: &mut Process, number: usize, symbol: &str) -> Result<Option<u64>> {
    let Some(target) = bind(process, number, symbol) else {
        return Ok(None);
    };
    let is_data = match target {
        Target::Symbol { instance, symbol } => {
            let object = &process.link.instances[instance].object;
            object.symbol(symbol).defines(SymbolKind::Data)
        }
        Target::Mark(_) => true,
        _ => false,
    };
    match is_data {
        true => data_address(process, target).map(Some),
        false => table_index(process, target).map(Some),
    }
}

/// The table entry of a function; `None` if no function is defined, as for data
/// of that name that came later.
fn function_entry(process: &mut Process, number: usize, symbol: &str) -> Result<Option<FuncRef>> {
    let Some(target) = bind(process, number, symbol) else {
        return Ok(None);
    };
    match process.function(target)? {
        Some(function) => entry_of(process, target, function).map(Some),
        None => Ok(None),
    }
}

fn path(process: &Process, number: usize) -> String {
    let object = &process.link.instances[number].object;
    object.path().display().to_string()
}

/// Writes a word of an instance's memory, and of its copy.
fn write(process: &mut Process, number: usize, at: u32, value: u64) -> Result<()> {
    let at = process.link.instances[number].memory_base + u64::from(at);
    let copied = process.link.fixups.copied.iter();
    let copies = copied.filter_map(|c| {
        let offset = at.checked_sub(c.from)?;
        (offset < c.bytes).then_some(c.to + offset)
    });
    let places: Vec<u64> = [at].into_iter().chain(copies).collect();
    let domain = process.link.instances[number].domain;
    for place in places {
        let memory = process.space.domains[domain].memory_mut();
        let word = memory.get_mut(place as usize..).unwrap_or_default();
        let Some(word) = word.first_chunk_mut::<4>() else {
            let reason = format!("a fixup at {place:#x} is outside of its memory");
            return Err(bad(path(process, number), reason));
        };
        *word = (value as u32).to_le_bytes();
    }
    Ok(())
}

fn set_entry(process: &Process, number: usize, index: u64, entry: FuncRef) -> Result<()> {
    let domain = process.link.instances[number].domain;
    match process.space.domains[domain].set_entry(index, entry) {
        true => Ok(()),
        false => {
            let reason = format!("a fixup exceeds the table (entry {index})");
            Err(bad(path(process, number), reason))
        }
    }
}

/// Remembers copies that have been made: what is written to the original later
/// goes to the copy, too.
pub(super) fn note(process: &mut Process, copies: &[Copy]) {
    for copy in copies {
        let (holder, from, to, bytes) = copy.place(process);
        let serial = process.link.instances[holder].serial;
        process.link.fixups.copied.push(Copied {
            serial,
            from,
            to,
            bytes,
        });
    }
}

/// Forgets the copies of an instance that is unloaded.
pub(crate) fn forget(process: &mut Process, serial: u64) {
    process.link.fixups.copied.retain(|c| c.serial != serial);
    process
        .link
        .fixups
        .holders
        .retain(|_, holder| *holder != serial);
    process
        .link
        .fixups
        .waiting
        .retain(|&(owner, _)| owner != serial);
    for forwarder in &mut process.link.fixups.lazy {
        forwarder.to.take_if(|lazy| lazy.serial == serial);
    }
}

/// A function whose library is loaded at the first call.
#[derive(Clone, Debug)]
struct Lazy {
    /// Of the instance that calls it.
    serial: u64,
    /// Table index of the entry that is to hold it.
    index: u64,
    symbol: String,
    library: String,
    ty: FuncType,
}

/// A host function that is called in place of a lazy one.
#[derive(Debug)]
struct Forwarder {
    /// Its number.
    host: usize,
    ty: FuncType,
    /// `None`: it can be used for another.
    to: Option<Lazy>,
}

/// Makes the entry before a lazy function's forward to it.
fn forward(process: &mut Process, number: usize, lazy: Lazy) -> Result<()> {
    let before = lazy.index - 1;
    let target = Target::Host(forwarder(process, lazy));
    if let Some(function) = process.function(target)? {
        let entry = entry_of(process, target, function)?;
        set_entry(process, number, before, entry)?;
    }
    Ok(())
}

/// Number of a host function that calls a lazy one.
fn forwarder(process: &mut Process, lazy: Lazy) -> usize {
    let mut known = process.link.fixups.lazy.iter_mut();
    if let Some(free) = known.find(|f| f.to.is_none() && f.ty == lazy.ty) {
        free.to = Some(lazy);
        return free.host;
    }
    let at = process.link.fixups.lazy.len();
    let body = move |caller: &mut Caller<'_>, args: &[Val], results: &mut [Val]| {
        let process = caller.process_mut()?;
        let lazy = process.link.fixups.lazy.get(at).and_then(|f| f.to.clone());
        let gone = || HostError::Message("a call of a function that is unloaded".to_owned());
        let values = call(process, &lazy.ok_or_else(gone)?, args)?;
        results.copy_from_slice(&values);
        Ok(())
    };
    let (ty, host) = (lazy.ty.clone(), process.hosts.len());
    let function = HostFunction::new(name::SYS, "lazy", ty.clone(), body);
    process.hosts.add_stub(function);
    let to = Some(lazy);
    process.link.fixups.lazy.push(Forwarder { host, ty, to });
    host
}

/// The first call of a lazy function.
fn call(process: &mut Process, lazy: &Lazy, args: &[Val]) -> Result<Vec<Val>, HostError> {
    let number = process.link.instances.find(|i| i.serial == lazy.serial);
    let undefined = |reason: String| {
        let mut trap = Trap::new(TrapReason::Code(TrapCode::UnresolvedSymbol));
        trap.detail = Some(format!("`{}` of {}{reason}", lazy.symbol, lazy.library));
        HostError::Trap(Box::new(trap))
    };
    let number = number.ok_or_else(|| undefined(String::new()))?;
    let domain = process.link.instances[number].domain;
    let held = |process: &Process| {
        let entry = process.space.domains[domain].entry(lazy.index);
        entry.filter(|e| e.code != 0)
    };
    let entry = match held(process) {
        Some(entry) => entry,
        None => {
            let global = OpenFlags {
                global: true,
                ..OpenFlags::default()
            };
            let opened = process.open_for(number, &lazy.library, global);
            opened.map_err(|error| match error {
                crate::DlError::Load(error @ Error::Init { .. }) => error.into(),
                error => undefined(format!(": {error}")),
            })?;
            let entry = match held(process) {
                Some(entry) => Some(entry),
                None => function_entry(process, number, &lazy.symbol)?,
            };
            let entry = entry.ok_or_else(|| undefined(" is not defined in it".to_owned()))?;
            process.space.stubs.seal().map_err(HostError::from)?;
            set_entry(process, number, lazy.index, entry)?;
            entry
        }
    };
    if !process.link.types.is(entry.type_id, &lazy.ty) {
        return Err(undefined(" is of another type than the call's".to_owned()));
    }
    set_entry(process, number, lazy.index - 1, entry)?;
    let called = process.call_index(lazy.index as u32, &lazy.ty, args);
    called.map_err(|trap| crate::CallError::Trap(trap).into())
}
