//! Why a symbol is bound as it is: who asks for it, where it was looked for,
//! whose definition it is.

use std::fmt;

use wasmaot_abi::info::{Fixup, Import, ImportKind};
use wasmaot_abi::name;

use crate::link::{self, Calls, Target};
use crate::object::{Object, SymbolSection};
use crate::process::Process;

/// What became of a symbol.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Explanation {
    /// The symbol.
    pub name: String,
    /// The objects of the global scope in order, with what each has.
    pub scope: Vec<Searched>,
    /// What the host has under the name.
    pub host: Vec<String>,
    /// Who asks for it.
    pub uses: Vec<Use>,
}

/// An object that was searched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Searched {
    /// The object.
    pub object: String,
    /// Its definition, if it has one.
    pub definition: Option<String>,
}

/// A reference to the symbol.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Use {
    /// The object that refers to it.
    pub object: String,
    /// How: `calls it`, `takes its address`, ….
    pub how: &'static str,
    /// What it is bound to.
    pub bound: String,
    /// Why.
    pub why: String,
}

impl Process {
    /// Explains how a symbol is bound in the objects that are loaded.
    pub fn explain(&self, symbol: &str) -> Explanation {
        let scope: Vec<Searched> = self
            .link
            .scope
            .iter()
            .chain(&self.link.beside)
            .map(|&n| self.searched(n, symbol))
            .collect();
        let hosts = [name::ENV, "wasi_snapshot_preview1", "thinthin"];
        let hosts = hosts.into_iter().filter_map(|module| {
            let number = self.hosts.find(module, symbol)?;
            let ty = self.hosts.get(number)?.ty();
            Some(format!("{module}.{symbol}: {ty}"))
        });
        let mut uses = Vec::new();
        for (number, instance) in self.link.instances.iter() {
            let imports = instance.object.imports().enumerate();
            for (at, import) in imports.filter(|(_, i)| i.name == symbol) {
                let target = instance.bindings.imports.get(at).copied();
                let (bound, why) = self.binding(target.unwrap_or(Target::None), number, symbol);
                let weak = import.weak.then_some("the reference is weak");
                uses.push(Use {
                    object: instance.object.name().to_owned(),
                    how: how(&import.kind),
                    bound,
                    why: [Some(&*why), weak, self.prelinked(number, &import)]
                        .into_iter()
                        .flatten()
                        .collect::<Vec<_>>()
                        .join("; "),
                });
            }
        }
        uses.extend(self.fixups_of(symbol));
        Explanation {
            name: symbol.to_owned(),
            scope,
            host: hosts.collect(),
            uses,
        }
    }

    /// Whether an import's calls are prelinked, where its object is.
    fn prelinked(&self, number: usize, import: &Import<'_>) -> Option<&'static str> {
        let object = &self.link.instances[number].object;
        let called = matches!(import.kind, ImportKind::Func(_));
        object.prelink().filter(|_| called)?;
        let mut slots = object.plt_slots();
        let entry = slots.position(|slot| slot.symbol == import.symbol)?;
        let calls = link::outcome(self.view(), number).ok()?;
        Some(match calls.get(entry)? {
            Calls::Entry => "the calls go through the PLT",
            Calls::Right => "the calls are prelinked",
            Calls::Wrong => "the calls go through the PLT, not as prelinked",
        })
    }

    /// What `dyninfo` modules refer to it by.
    fn fixups_of(&self, symbol: &str) -> Vec<Use> {
        let mut uses = Vec::new();
        for (number, instance) in self.link.instances.iter() {
            for fixup in &instance.object.info().fixups.list {
                let (how, name) = match fixup {
                    Fixup::Symbol { symbol, .. } => ("has its value in a word", symbol),
                    Fixup::Entry { symbol, .. } => ("calls it through the table", symbol),
                    Fixup::Lazy { symbol, .. } => ("calls it, loading its library", symbol),
                    Fixup::Address { .. } | Fixup::Index { .. } => continue,
                };
                if name != symbol {
                    continue;
                }
                let target = link::dyninfo::definition(self.view(), number, symbol);
                let (bound, why) = match target {
                    Some(target) => self.binding(target, number, symbol),
                    None => ("nothing".to_owned(), "it waits for a definition".to_owned()),
                };
                uses.push(Use {
                    object: instance.object.name().to_owned(),
                    how,
                    bound,
                    why,
                });
            }
        }
        uses
    }

    fn searched(&self, number: usize, symbol: &str) -> Searched {
        let object = &self.link.instances[number].object;
        let found = object.definition(&*name::escape(symbol));
        let definition = found.map(|at| {
            let found = object.symbol(at);
            let place = match found.section {
                SymbolSection::Absolute => " at a fixed address",
                _ => "",
            };
            match object.type_text(found.record) {
                Some(ty) => format!("{} {ty}", found.record.kind.name()),
                None => format!("{}{place}", found.record.kind.name()),
            }
        });
        Searched {
            object: object.name().to_owned(),
            definition,
        }
    }

    /// Of a host function that an import is bound to in the place of a definition
    /// of another type: the definer, what that is, and what is wanted.
    pub(crate) fn other_type(
        &self,
        number: usize,
        by: usize,
        symbol: &str,
    ) -> Option<(&Object, String, String)> {
        let wanted = self.hosts.get(number)?.ty();
        let name = name::escape(symbol);
        let mut seen = self.link.seen_by(by).into_iter();
        let (definer, found) = seen.find_map(|n| {
            if self.view().instead_of_stub(symbol, n).is_some() {
                return None;
            }
            let object = &*self.link.instances[n].object;
            let found = object.symbol(object.definition(&*name)?).record;
            Some((object, found))
        })?;
        let differs = definer.func_type(found) != Some(wanted);
        let kind = || found.kind.name().to_owned();
        let text = || definer.type_text(found).unwrap_or_else(kind);
        differs.then(|| (definer, text(), wanted.to_string()))
    }

    fn binding(&self, target: Target, by: usize, symbol: &str) -> (String, String) {
        let text = |bound: &str, why: &str| (bound.to_owned(), why.to_owned());
        match target {
            Target::Symbol { instance, .. } => {
                let definer = self.link.instances[instance].object.name().to_owned();
                let seen = self.link.seen_by(by);
                let defines = |n: &&usize| {
                    self.link.instances[**n]
                        .object
                        .definition(&*name::escape(symbol))
                        .is_some()
                };
                let place = seen.iter().position(|&n| n == instance);
                let others = seen
                    .iter()
                    .filter(defines)
                    .filter(|&&n| n != instance)
                    .count();
                let why = match (place, others) {
                    (Some(at), 0) => {
                        format!("the only definition, number {} of {}", at + 1, seen.len())
                    }
                    (Some(at), n) => format!(
                        "the first definition, number {} of {}; it interposes {n} more",
                        at + 1,
                        seen.len()
                    ),
                    (None, _) => "named by the import's module".to_owned(),
                };
                (definer, why)
            }
            Target::Host(number) => {
                let mut seen = self.link.seen_by(by).into_iter();
                let stub = seen.find(|&n| {
                    let object = &self.link.instances[n].object;
                    let defined = object.definition(&*name::escape(symbol)).is_some();
                    defined && self.view().instead_of_stub(symbol, n).is_some()
                });
                if let Some(definer) = stub.map(|n| self.link.instances[n].object.name()) {
                    return text("the host", &format!("that of {definer} is a stub"));
                }
                match self.other_type(number, by, symbol) {
                    Some((definer, found, wanted)) => {
                        let definer = definer.name();
                        let why = format!(
                            "{definer} defines it as {found}, and it is imported as {wanted}; a call traps"
                        );
                        ("nothing".to_owned(), why)
                    }
                    None => text("the host", "no object of the scope defines it"),
                }
            }
            Target::Builtin(_) => text("the runtime", "built in"),
            Target::Null => text("nothing", "nobody defines it; its address is null"),
            target if target.is_undefined() => text("nothing", "nobody defines it; a use traps"),
            Target::Lazy => text("nothing yet", "it is bound at the first call"),
            _ => text("the loader", "the loader's own"),
        }
    }
}

const fn how(kind: &ImportKind) -> &'static str {
    match kind {
        ImportKind::Func(_) => "calls it",
        ImportKind::GotFunc => "takes the address of the function",
        ImportKind::GotMem => "takes the address of the data",
        ImportKind::Global(_) | ImportKind::Context(_) => "uses the global",
        ImportKind::Memory(_) => "uses the memory",
        ImportKind::Table { .. } => "uses the table",
        ImportKind::Tag(_) => "uses the tag",
    }
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.name)?;
        writeln!(f, "  searched, in order:")?;
        for (number, place) in (1..).zip(&self.scope) {
            let definition = place.definition.as_deref().unwrap_or("-");
            writeln!(f, "    {number}. {}: {definition}", place.object)?;
        }
        for host in &self.host {
            writeln!(f, "    then the host: {host}")?;
        }
        if self.uses.is_empty() {
            writeln!(f, "  nobody refers to it")?;
        }
        for u in &self.uses {
            writeln!(
                f,
                "  {} {}: bound to {}, {}",
                u.object, u.how, u.bound, u.why
            )?;
        }
        Ok(())
    }
}
