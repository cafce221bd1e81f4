//! What section `dyninfo` asks for beside relocations: words of linear memory
//! and entries of the table.
//!
//! The time is the hazard: after the functions that initialise memory, so that
//! these do not write over it, and before constructors, which rely on it.
//! Copies of data are made next, of data that are complete.
//!
//! What refers to a symbol that nothing defines waits; each time the global
//! scope has grown, it is tried again.

use std::sync::Arc;

use wasmaot_abi::context::FuncRef;
use wasmaot_abi::info::Fixup;
use wasmaot_abi::name;
use wasmaot_abi::object::SymbolKind;

use super::copy::Copy;
use super::group::{Group, Member};
use super::host_table::{Stub, StubKind};
use super::linker::{Linker, View};
use super::relocate::{data_address, entry_of, table_index};
use super::state::{Copied, Forwarder, LazyFunction, LinkerSymbol, Target};
use crate::config::Category;
use crate::error::{Error, Result};
use crate::object::bad;

/// Whether objects define all that the members of a group refer to.
pub(super) fn is_complete(view: View<'_>, group: &Group) -> bool {
    let scope = group.scope(view);
    let defined = |symbol: &str| {
        let symbol = name::escape(symbol);
        let mut objects = scope.iter().map(|&n| group.object(view, n));
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
pub(super) fn check(view: View<'_>, group: &Group) -> Result<()> {
    let scope = group.scope(view);
    let first = |symbol: &str| {
        let mut objects = scope.iter().map(|&n| group.object(view, n));
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
pub(super) fn apply(linker: &mut Linker<'_>, group: &Group) -> Result<()> {
    let asks = |m: &Member| !m.object.info().fixups.list.is_empty();
    if linker.state.fixups.waiting.is_empty() && !group.members.iter().any(asks) {
        return Ok(());
    }
    // Libraries of this convention hold copies, too; the first is what all mean.
    for (member, number) in group.members.iter().zip(group.numbers()) {
        let serial = linker.state.instances[number].serial;
        for name in member.object.copied() {
            let holders = &mut linker.state.fixups.holders;
            holders.entry(name.to_owned()).or_insert(serial);
        }
    }
    for number in group.numbers() {
        for fixup in 0..linker.state.instances[number]
            .object
            .info()
            .fixups
            .list
            .len()
        {
            if !one(linker, number, fixup)? {
                let instance = &linker.state.instances[number];
                linker.config.trace(Category::Bindings, || {
                    let list = &instance.object.info().fixups.list;
                    format!(
                        "{} waits for a definition: {:?}",
                        instance.object.name(),
                        list[fixup]
                    )
                });
                linker.state.fixups.waiting.push((instance.serial, fixup));
            }
        }
    }
    retry(linker)
}

/// Tries again what waits, after the global scope has grown.
pub(crate) fn retry(linker: &mut Linker<'_>) -> Result<()> {
    let waiting = std::mem::take(&mut linker.state.fixups.waiting);
    let mut result = Ok(());
    for (serial, fixup) in waiting {
        // What is unloaded waits no more.
        let Some(number) = linker.state.instances.of_serial(serial) else {
            continue;
        };
        let done = one(linker, number, fixup);
        if !matches!(done, Ok(true)) {
            linker.state.fixups.waiting.push((serial, fixup));
        }
        result = result.and(done.map(|_| ()));
    }
    linker.space.stubs.seal()?;
    result
}

/// Does one thing; false if it has to wait.
fn one(linker: &mut Linker<'_>, number: usize, fixup: usize) -> Result<bool> {
    let instance = &linker.state.instances[number];
    let object = Arc::clone(&instance.object);
    let (memory_base, table_base) = (instance.memory_base, instance.table_base);
    let index = |function: u32| table_base + u64::from(function);
    match &object.info().fixups.list[fixup] {
        &Fixup::Address { at, to } => {
            let value = (memory_base as u32).wrapping_add(to);
            write(linker, number, at, value.into())?;
        }
        &Fixup::Index { at, function } => write(linker, number, at, index(function))?,
        Fixup::Symbol { at, symbol } => {
            let Some(value) = value(linker, number, symbol)? else {
                return Ok(false);
            };
            write(linker, number, *at, value)?;
        }
        Fixup::Entry { function, symbol } => {
            let Some(entry) = function_entry(linker, number, symbol)? else {
                return Ok(false);
            };
            set_entry(linker.view(), number, index(*function), entry)?;
        }
        Fixup::Lazy {
            function,
            symbol,
            library,
            ty,
        } => {
            let ty = object.info().types.get(*ty).cloned();
            let lazy = LazyFunction {
                serial: linker.state.instances[number].serial,
                index: index(*function),
                symbol: symbol.clone(),
                library: library.clone(),
                ty: ty.unwrap_or_default(),
            };
            forward(linker, number, lazy)?;
        }
    }
    Ok(true)
}

/// What an instance means by a name: the copy, where there is one, else the
/// first definition that it sees.
pub(crate) fn definition(view: View<'_>, number: usize, symbol: &str) -> Option<Target> {
    let scope = view.state.seen_by(number);
    let holder = view.state.fixups.holders.get(&*name::escape(symbol));
    let holds = |n: &usize| Some(&view.state.instances[*n].serial) == holder;
    let holder = holder.and_then(|_| scope.iter().copied().find(holds));
    let places = holder.into_iter().chain(scope);
    let kinds = [SymbolKind::Data, SymbolKind::Function];
    let mut found = places.filter_map(|place| {
        let mut kinds = kinds.into_iter();
        let found = kinds.find_map(|kind| view.export(place, symbol, kind))?;
        Some(view.instead_of_stub(symbol, place).unwrap_or(found))
    });
    let host = || {
        let host = view.hosts.find(name::ENV, symbol).map(Target::Host);
        host.or_else(|| LinkerSymbol::from_name(symbol).map(Target::LinkerSymbol))
    };
    found.next().or_else(host)
}

/// The definition for a fixup of an instance, which keeps the definer loaded.
fn bind(linker: &mut Linker<'_>, number: usize, symbol: &str) -> Option<Target> {
    let target = definition(linker.view(), number, symbol)?;
    if let Target::Symbol { instance, .. } = target {
        linker.state.instances[number].uses.insert(instance);
    }
    linker.config.trace(Category::Bindings, || {
        let to = match target {
            Target::Symbol { instance, .. } => linker.state.instances[instance].object.name(),
            Target::Host(_) => "the host",
            _ => "the loader",
        };
        let from = linker.state.instances[number].object.name();
        format!("binding {from} to {to}: `{symbol}`")
    });
    Some(target)
}

/// The value of a symbol: an address, or a table index.
fn value(linker: &mut Linker<'_>, number: usize, symbol: &str) -> Result<Option<u64>> {
    let Some(target) = bind(linker, number, symbol) else {
        return Ok(None);
    };
    let is_data = match target {
        Target::Symbol { instance, symbol } => {
            let object = &linker.state.instances[instance].object;
            object.symbol(symbol).defines(SymbolKind::Data)
        }
        Target::LinkerSymbol(_) => true,
        _ => false,
    };
    match is_data {
        true => data_address(linker.view(), target).map(Some),
        false => table_index(linker, target).map(Some),
    }
}

/// The table entry of a function; `None` if no function is defined, as for data
/// of that name that came later.
pub(crate) fn function_entry(
    linker: &mut Linker<'_>,
    number: usize,
    symbol: &str,
) -> Result<Option<FuncRef>> {
    let Some(target) = bind(linker, number, symbol) else {
        return Ok(None);
    };
    match linker.function(target)? {
        Some(function) => entry_of(linker, target, function).map(Some),
        None => Ok(None),
    }
}

fn path(view: View<'_>, number: usize) -> String {
    let object = &view.state.instances[number].object;
    object.path().display().to_string()
}

/// Writes a word of an instance's memory, and of its copy.
fn write(linker: &mut Linker<'_>, number: usize, at: u32, value: u64) -> Result<()> {
    let at = linker.state.instances[number].memory_base + u64::from(at);
    let copied = linker.state.fixups.copied.iter();
    let copies = copied.filter_map(|c| {
        let offset = at.checked_sub(c.from)?;
        (offset < c.bytes).then_some(c.to + offset)
    });
    let places: Vec<u64> = [at].into_iter().chain(copies).collect();
    let domain = linker.state.instances[number].domain;
    for place in places {
        let memory = linker.space.domains[domain].view();
        if memory.write(place, &(value as u32).to_le_bytes()).is_err() {
            let reason = format!("a fixup at {place:#x} is outside of its memory");
            return Err(bad(path(linker.view(), number), reason));
        }
    }
    Ok(())
}

pub(crate) fn set_entry(view: View<'_>, number: usize, index: u64, entry: FuncRef) -> Result<()> {
    let domain = view.state.instances[number].domain;
    match view.space.domains[domain].set_entry(index, entry) {
        true => Ok(()),
        false => {
            let reason = format!("a fixup exceeds the table (entry {index})");
            Err(bad(path(view, number), reason))
        }
    }
}

/// Remembers copies that have been made: what is written to the original later
/// goes to the copy, too.
pub(super) fn note(linker: &mut Linker<'_>, copies: &[Copy]) {
    for copy in copies {
        let (holder, from, to, bytes) = copy.place(linker.view());
        let serial = linker.state.instances[holder].serial;
        linker.state.fixups.copied.push(Copied {
            serial,
            from,
            to,
            bytes,
        });
    }
}

/// Forgets the copies of an instance that is unloaded.
pub(crate) fn forget(linker: &mut Linker<'_>, serial: u64) {
    linker.state.fixups.copied.retain(|c| c.serial != serial);
    linker
        .state
        .fixups
        .holders
        .retain(|_, holder| *holder != serial);
    linker
        .state
        .fixups
        .waiting
        .retain(|&(owner, _)| owner != serial);
    for forwarder in &mut linker.state.fixups.lazy {
        forwarder.to.take_if(|lazy| lazy.serial == serial);
    }
}

/// Makes the entry before a lazy function's forward to it.
fn forward(linker: &mut Linker<'_>, number: usize, lazy: LazyFunction) -> Result<()> {
    let before = lazy.index - 1;
    let target = Target::Host(forwarder(linker, lazy));
    if let Some(function) = linker.function(target)? {
        let entry = entry_of(linker, target, function)?;
        set_entry(linker.view(), number, before, entry)?;
    }
    Ok(())
}

/// Number of a host function that calls a lazy one.
fn forwarder(linker: &mut Linker<'_>, lazy: LazyFunction) -> usize {
    let mut known = linker.state.fixups.lazy.iter_mut();
    if let Some(free) = known.find(|f| f.to.is_none() && f.ty == lazy.ty) {
        free.to = Some(lazy);
        return free.host;
    }
    let at = linker.state.fixups.lazy.len();
    let (ty, host) = (lazy.ty.clone(), linker.hosts.next());
    linker.hosts.add(Stub {
        module: name::SYS.to_owned(),
        name: "lazy".to_owned(),
        ty: ty.clone(),
        kind: StubKind::Forward(at),
    });
    let to = Some(lazy);
    linker.state.fixups.lazy.push(Forwarder { host, ty, to });
    host
}
