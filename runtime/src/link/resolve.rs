//! Phase 2: binds every import to a definition, by names alone: no addresses,
//! no I/O, nothing changed. What cannot be bound is known before anything of
//! the group is mapped.
//!
//! Objects of the tool-conventions ABIs look `env` names up in the global
//! scope: main, the preloaded libraries, the others breadth first, then host
//! functions; the first definition counts, weak or not, as in ld.so. Core
//! modules name the instance that is to define; `env` means the global scope
//! where no instance is registered under it.

mod stand_ins;

use std::collections::HashSet;

use wasmaot_abi::builtin::{self, Builtin};
use wasmaot_abi::exception::LOADER_TAGS;
use wasmaot_abi::info::{Import, ImportKind, LinkingAbi};
use wasmaot_abi::name;
use wasmaot_abi::object::SymbolKind;
use wasmaot_abi::reloc::{Kind, Standard};

use super::group::{Group, Member, Purpose};
use super::host_table::Stub;
use super::linker::View;
use super::matching::{self, Definers};
use super::state::{Bindings, LinkerSymbol, Target, Undefined};
use crate::config::{Bind, Category, Unresolved};
use crate::error::{self, Error, Result};
use crate::object::{Name, Object, SymbolSection};

/// What a group's symbols are bound to.
#[derive(Debug)]
pub(super) struct Resolved {
    /// By member.
    pub bindings: Vec<Bindings>,
    /// Host functions made for the group: stand-ins for what is not defined,
    /// adapters; numbered on from the process's.
    pub stubs: Vec<Stub>,
    /// What has an address though nothing defines it, that of the process included.
    pub undefined: Undefined,
}

/// Binds a group. `lazy`: functions that are no more than called are left for
/// later.
pub(super) fn resolve(view: View<'_>, group: &Group, lazy: bool) -> Result<Resolved> {
    let mut resolver = Resolver::new(view, group, lazy);
    let bindings = (0..group.members.len())
        .map(|m| resolver.bind(m))
        .collect::<Result<Vec<_>>>()?;
    if !resolver.missing.is_empty() {
        return Err(Error::Unresolved(resolver.missing));
    }
    Ok(Resolved {
        bindings,
        stubs: resolver.stubs,
        undefined: resolver.undefined,
    })
}

/// Whether a group needs more libraries than are there: it refers to something,
/// other than by calls, that no object defines.
pub(super) fn wants_more(view: View<'_>, group: &Group) -> Result<bool> {
    let mut resolver = Resolver::new(view, group, true);
    resolver.objects_only = true;
    resolver.late_mismatch = true;
    for member in 0..group.members.len() {
        resolver.bind(member)?;
    }
    Ok(!resolver.missing.is_empty())
}

/// What a function that was left for later is bound to: the target, and host
/// functions to be made for it.
pub(crate) type Late = (Target, Vec<Stub>);

/// Binds a function of a loaded instance that was left for later.
pub(crate) fn later(view: View<'_>, id: usize, symbol: u32) -> Result<Late> {
    let object = &view.state.instances[id].object;
    let scope = view.state.seen_by(id);
    let mut resolver = Resolver {
        holders: holders(&scope, |id| &view.state.instances[id].object),
        scope,
        ..Resolver::of(view)
    };
    let mut target = Target::None;
    for (_, import) in functions_of(object, symbol) {
        let found = resolver.search(id, &import);
        target = resolver.checked(object, &import, found)?;
    }
    match resolver.missing.is_empty() {
        true => Ok((target, resolver.stubs)),
        false => Err(Error::Unresolved(resolver.missing)),
    }
}

/// The instances of a scope that hold copies of something.
fn holders<'a>(scope: &[usize], object: impl Fn(usize) -> &'a Object) -> Vec<usize> {
    let all = scope.iter().copied();
    all.filter(|&id| object(id).copied().next().is_some())
        .collect()
}

/// The imports of functions that a symbol stands for, with the numbers of their types.
pub(crate) fn functions_of(
    object: &Object,
    symbol: u32,
) -> impl Iterator<Item = (u32, Import<'_>)> {
    let imports = object.imports_of(symbol);
    imports.filter_map(|(_, import)| match import.kind {
        ImportKind::Func(ty) => Some((ty, import)),
        _ => None,
    })
}

/// Symbols of functions of which more than calls of the PLT depends on where
/// they are.
fn needed_now(object: &Object) -> HashSet<u32> {
    let info = object.info();
    let records = object.functions().take(info.imported_funcrefs as usize);
    let addresses = object.imports();
    let addresses = addresses.filter(|i| matches!(i.kind, ImportKind::GotFunc));
    let reexports = info.reexports.iter();
    let reexports = reexports.filter_map(|r| object.import(r.import));
    let imports = addresses.chain(reexports).map(|i| i.symbol);
    // Code that calls by addresses or by indices has them in slots.
    let relocs = object.relocs();
    let relocs = relocs.filter(|r| r.kind != Standard::JumpSlot);
    // Where the data of a function's object are is asked by code that stands in
    // the place of calls of it, and does not where these may wait.
    let slots = object.slots();
    let slots = slots.filter(|s| !matches!(s.kind, Kind::BaseOf | Kind::HostBaseOf));
    let slots = relocs.map(|r| r.symbol).chain(slots.map(|s| s.symbol));
    let records = records.map(|r| r.value);
    records.chain(imports).chain(slots).collect()
}

/// Definitions by number of instance: those of the process, then the group's.
struct Resolver<'a> {
    view: View<'a>,
    members: &'a [Member],
    first: usize,
    scope: Vec<usize>,
    /// The instances of the scope that hold copies of something.
    holders: Vec<usize>,
    /// Whether the group is opened by a running program.
    opened: bool,
    /// Whether everything counts as missing that no object defines, weak or not.
    objects_only: bool,
    /// Whether a function of another type than its import's is an error only
    /// when it is called.
    late_mismatch: bool,
    /// Whether it is part of a flat program.
    flat: bool,
    /// Whether functions may be left for later.
    lazy: bool,
    /// Imports that are being looked up, by member and number.
    active: Vec<(usize, usize)>,
    missing: Vec<error::Unresolved>,
    stubs: Vec<Stub>,
    undefined: Undefined,
}

impl<'a> Resolver<'a> {
    fn new(view: View<'a>, group: &'a Group, lazy: bool) -> Self {
        let scope = group.scope(view);
        Self {
            holders: holders(&scope, |id| group.object(view, id)),
            members: &group.members,
            first: group.first,
            scope,
            late_mismatch: {
                let config = &view.config;
                let opened = group.purpose.is_opened() && !group.purpose.is_now();
                lazy || config.unresolved != Unresolved::Error || opened && config.bind != Bind::Now
            },
            opened: group.purpose.is_opened(),
            flat: group.purpose == Purpose::Flat,
            lazy,
            ..Self::of(view)
        }
    }

    /// One for what is loaded already.
    fn of(view: View<'a>) -> Self {
        Self {
            view,
            members: &[],
            first: view.state.instances.next(),
            scope: Vec::new(),
            holders: Vec::new(),
            opened: false,
            flat: false,
            lazy: false,
            objects_only: false,
            late_mismatch: false,
            active: Vec::new(),
            missing: Vec::new(),
            stubs: Vec::new(),
            undefined: view.state.undefined.clone(),
        }
    }

    /// Where definitions are.
    fn definers(&self) -> Definers<'a, '_> {
        Definers {
            view: self.view,
            members: self.members,
            first: self.first,
            flat: self.flat,
            stubs: &self.stubs,
        }
    }

    fn object(&self, instance: usize) -> &'a Object {
        match instance.checked_sub(self.first) {
            Some(member) => &self.members[member].object,
            None => &self.view.state.instances[instance].object,
        }
    }

    /// Whether an instance is main or was preloaded.
    fn is_chosen(&self, instance: usize) -> bool {
        match instance.checked_sub(self.first) {
            Some(member) => self.members[member].chosen,
            None => self.view.state.instances[instance].chosen,
        }
    }

    /// Binds a member's imports and symbols.
    fn bind(&mut self, member: usize) -> Result<Bindings> {
        let object = self.object(self.first + member);
        let instance = self.first + member;
        let mut symbols = own_symbols(object, instance);
        let mut imports = Vec::with_capacity(object.imports().len());
        let mut called = vec![false; symbols.len()];
        let mut defined = Vec::new();
        let mut addresses = Vec::new();
        let lazy = self.lazy && object.info().abi != LinkingAbi::Core;
        let now = lazy.then(|| needed_now(object));
        for (i, import) in object.imports().enumerate() {
            let target = match &now {
                Some(now) if self.waits(&import, now) => Target::Lazy,
                _ => {
                    let found = self.lookup(member, i, &import);
                    self.checked(object, &import, found)?
                }
            };
            imports.push(target);
            if import.kind == ImportKind::GotFunc {
                addresses.push((import.symbol, target));
            }
            let number = import.symbol as usize;
            let (Some(slot), Some(called)) = (symbols.get_mut(number), called.get_mut(number))
            else {
                if !target.is_undefined_address() {
                    defined.push((import.symbol, target));
                }
                continue;
            };
            // The import of a function has been checked for its type; that of
            // its address, by the same symbol, has not.
            *called |= matches!(import.kind, ImportKind::Func(_));
            let checked = import.kind != ImportKind::GotFunc || !*called;
            let better = !target.is_undefined_address() || *slot == Target::None;
            if number != 0 && checked && better {
                *slot = target;
            }
        }
        // Of several imports of one symbol the last one counts.
        defined.reverse();
        defined.sort_by_key(|&(number, _)| number);
        defined.dedup_by_key(|&mut (number, _)| number);
        let mut bindings = Bindings {
            symbols,
            defined,
            addresses: Vec::new(),
            imports,
        };
        // What stands in for a function of another type traps when it is
        // called; whoever asks for the address gets the function's own.
        addresses.retain(|&(number, target)| {
            let bound = bindings.symbol(number);
            let traps = matches!(bound, Some(Target::Host(host)) if self.is_trap(host));
            traps && bound != Some(target)
        });
        addresses.sort_by_key(|&(number, _)| number);
        bindings.addresses = addresses;
        Ok(bindings)
    }

    /// Whether an import is left for later, `now` being what cannot be.
    fn waits(&self, import: &Import<'_>, now: &HashSet<u32>) -> bool {
        let function = matches!(import.kind, ImportKind::Func(_));
        let taken_over = self.opened && self.view.taken_over(import).is_some();
        function && !now.contains(&import.symbol) && !taken_over
    }

    /// What an import is bound to, given the definition for it.
    fn checked(
        &mut self,
        object: &Object,
        import: &Import<'_>,
        found: Option<Target>,
    ) -> Result<Target> {
        let target = match found {
            Some(target) => match self.adapted(object, import, target) {
                Some(adapter) => adapter,
                None => match matching::check(&self.definers(), object, import, target) {
                    Ok(()) => target,
                    Err(error) => self.mismatched(object, import, error)?,
                },
            },
            None => self.undefined(object, import),
        };
        self.report(object, import, target);
        Ok(target)
    }

    /// The definition for an import of a member, if there is one.
    fn lookup(&mut self, member: usize, number: usize, import: &Import<'_>) -> Option<Target> {
        // A re-export may lead back to itself.
        if self.active.contains(&(member, number)) {
            return None;
        }
        self.active.push((member, number));
        let target = self.search(self.first + member, import);
        self.active.pop();
        target
    }

    fn search(&mut self, instance: usize, import: &Import<'_>) -> Option<Target> {
        let object = self.object(instance);
        let abi = object.info().abi;
        let dynamic = abi != LinkingAbi::Core;
        let env = import.module == name::ENV;
        let taken_over = || self.view.taken_over(import);
        match import.kind {
            ImportKind::Context(_) => return Some(Target::None),
            ImportKind::Memory(_) if abi.is_shared_memory(import.module, import.name) => {
                return Some(Target::ProgramMemory);
            }
            ImportKind::Table { primary: true, .. }
                if abi.is_shared_table(import.module, import.name) =>
            {
                return Some(Target::ProgramTable);
            }
            ImportKind::GotMem => {
                let own = LinkerSymbol::from_name(import.name).map(Target::LinkerSymbol);
                return own.or_else(|| self.in_scope(import.name));
            }
            ImportKind::GotFunc if self.opened && taken_over().is_some() => return taken_over(),
            ImportKind::GotFunc => {
                let defined = self.in_scope(import.name);
                return defined.or_else(|| self.host(name::ENV, import.name));
            }
            _ => {}
        }
        if self.opened
            && env
            && let Some(target) = taken_over()
        {
            return Some(target);
        }
        if self.flat && is_flat_memory(import) {
            let adopted = self.view.adopted_memory();
            return Some(adopted.unwrap_or(Target::ProgramMemory));
        }
        let named = self.view.state.names.get(import.module).copied();
        let in_named = |this: &mut Self| {
            let escaped = name::escape(import.name);
            named.and_then(|id| this.export(id, import.name, Name::from(&*escaped)))
        };
        let defined = if env && dynamic {
            self.in_scope(import.name).or_else(|| in_named(self))
        } else if env {
            in_named(self).or_else(|| self.in_scope(import.name))
        } else {
            in_named(self)
        };
        let tag = || match import.kind {
            ImportKind::Tag(_) if env => LOADER_TAGS.iter().position(|&t| t == import.name),
            _ => None,
        };
        defined
            .or_else(|| self.host(import.module, import.name))
            .or_else(|| self.typed_host(object, import))
            .or_else(|| tag().map(Target::Tag))
            .or_else(|| self.threads_memory(instance, import))
    }

    /// The memory that a plain module for wasi-threads imports: toolchains leave it to
    /// the host to make it. Only the first one is made.
    fn threads_memory(&self, instance: usize, import: &Import<'_>) -> Option<Target> {
        let object = self.object(instance);
        let plain = object.info().abi == LinkingAbi::Core && !self.flat;
        let mut memories = object.imports();
        let first = memories.find(|i| matches!(i.kind, ImportKind::Memory(_)))?;
        let ImportKind::Memory(ty) = import.kind else {
            return None;
        };
        let name = |i: &Import<'_>| (i.module, i.name) == (name::ENV, "memory");
        (plain && ty.shared && name(import) && name(&first))
            .then_some(Target::ThreadsMemory(instance))
    }

    /// The first definition in the global scope.
    fn in_scope(&mut self, name: &str) -> Option<Target> {
        let escaped = name::escape(name);
        let wanted = Name::from(&*escaped);
        // What all of them mean by what is copied is the copy.
        let mut holders = self.holders.iter().copied();
        if let Some(holder) = holders.find(|&id| self.object(id).copies(name)) {
            return self.export(holder, name, wanted);
        }
        let mut places = 0..self.scope.len();
        places.find_map(|i| {
            let definer = self.scope[i];
            let found = self.export(definer, name, wanted)?;
            let (object, chosen) = (self.object(definer), self.is_chosen(definer));
            let instead = self.view.instead_of_stub_of(name, object, chosen);
            Some(instead.unwrap_or(found))
        })
    }

    /// What an instance exports under a name; `wanted`: as symbols have it.
    fn export(&mut self, instance: usize, name: &str, wanted: Name<'_>) -> Option<Target> {
        let object = self.object(instance);
        self.view.config.trace(Category::Symbols, || {
            format!("symbol={name}; lookup in {}", object.name())
        });
        if let Some(symbol) = object.definition(wanted) {
            if self.view.config.trace.is_some() {
                let found = object.symbol_name(&object.symbol(symbol));
                if found.contains('@') || name.contains('@') {
                    self.view.config.trace(Category::Versions, || {
                        format!("symbol={name}; {} has {found}", object.name())
                    });
                }
            }
            return Some(Target::Symbol { instance, symbol });
        }
        let reexports = &object.info().reexports;
        let import = reexports.iter().find(|r| r.name == name)?.import as usize;
        let target = match instance.checked_sub(self.first) {
            Some(member) => {
                let reexported = object.import(import as u32)?;
                self.lookup(member, import, &reexported)?
            }
            None => self.view.state.instances[instance].bindings.imports[import],
        };
        (target != Target::None && !target.is_undefined_address()).then_some(target)
    }

    fn host(&self, module: &str, name: &str) -> Option<Target> {
        if self.objects_only && module == name::ENV {
            return None;
        }
        self.view.hosts.find(module, name).map(Target::Host)
    }

    fn report(&self, object: &Object, import: &Import<'_>, target: Target) {
        if self.objects_only {
            return;
        }
        self.view.config.trace(Category::Bindings, || {
            let to = match target {
                Target::Symbol { instance, .. } => self.object(instance).name().to_owned(),
                Target::Host(_) | Target::Builtin(_) => "the host".to_owned(),
                target if target.is_undefined() => "nothing (undefined)".to_owned(),
                _ => "the loader".to_owned(),
            };
            let (from, module, name) = (object.name(), import.module, import.name);
            format!("binding {from} to {to}: `{module}.{name}`")
        });
    }
}

/// What explains the trap of a call of what nothing defines.
pub(crate) fn call_of_undefined(object: &Object, import: &Import<'_>) -> String {
    let name = name::import(import.module, import.name);
    format!("`{name}`, imported by {}", object.name())
}

/// Whether an import of a module of a flat program is the memory that the
/// modules share.
fn is_flat_memory(import: &Import<'_>) -> bool {
    let memory = matches!(import.kind, ImportKind::Memory(_));
    memory && import.module == name::ENV && import.name == "memory"
}

/// What an object's symbols are bound to before its imports are looked up:
/// definitions to themselves, built-in functions to the runtime's. The list
/// ends with the last one that is not defined.
fn own_symbols(object: &Object, instance: usize) -> Vec<Target> {
    let builtin = |name: &str| {
        let name = name.strip_prefix(builtin::MODULE)?.strip_prefix('.')?;
        Builtin::ALL.iter().copied().find(|b| b.name() == name)
    };
    (0..)
        .zip(object.undefined())
        .map(|(number, symbol)| {
            if symbol.section != SymbolSection::Undefined {
                Target::Symbol {
                    instance,
                    symbol: number,
                }
            } else if symbol.record.kind == SymbolKind::Builtin {
                builtin(object.symbol_name(&symbol)).map_or(Target::None, Target::Builtin)
            } else {
                Target::None
            }
        })
        .collect()
}
