//! Copy relocations: main, at fixed addresses, refers to data of a library by
//! address, so the data are in main's own memory, and all objects use them
//! there.
//!
//! Main comes first in the global scope and exports its copy, so every other
//! reference binds to it by itself. What is left to do is to find the library
//! that main's copy stands for, before anything runs, and to copy the initial
//! bytes. The time is the hazard: after the data relocations of all objects,
//! which write addresses into the library's bytes, and before any
//! constructor, which may change main's copy.

use wasmaot_abi::object::{SymbolKind, SymbolRecord};
use wasmaot_abi::reloc::Standard;

use super::group::{Group, Member};
use super::linker::{Linker, View};
use crate::config::{Category, Config, Unresolved};
use crate::error::{self, Error, Result};
use crate::object::{Object, Symbol, SymbolSection, bad};

/// Bytes to copy, from one instance's data to another's.
#[derive(Clone, Copy, Debug)]
pub(super) struct Copy {
    /// Number of the instance with the copy, and its symbol.
    to: (usize, u32),
    /// Number of the instance with the initial bytes, and its symbol.
    from: (usize, u32),
    bytes: u64,
}

impl Copy {
    /// The instance that holds it; where the original is, where it is, and
    /// how many bytes.
    pub fn place(&self, view: View<'_>) -> (usize, u64, u64, u64) {
        let (from, to) = (address(view, self.from), address(view, self.to));
        (self.to.0, from, to, self.bytes)
    }
}

/// Finds the definition for every copy of a group; changes nothing.
pub(super) fn plan(view: View<'_>, group: &Group) -> Result<Vec<Copy>> {
    let planner = Planner::new(view, group);
    let (mut copies, mut missing) = (Vec::new(), Vec::new());
    for id in group.numbers() {
        let object = planner.object(id);
        let relocs = object.relocs();
        for reloc in relocs.filter(|r| r.kind == Standard::Copy) {
            match planner.copy(id, reloc.symbol)? {
                Some(copy) => copies.push(copy),
                None => missing.extend(planner.missing(id, reloc.symbol)),
            }
        }
    }
    match missing.is_empty() {
        true => Ok(copies),
        false => Err(Error::Unresolved(missing)),
    }
}

/// Whether every copy of a group has a definition in it.
pub(super) fn is_complete(view: View<'_>, group: &Group) -> bool {
    let planner = Planner::new(view, group);
    group.numbers().all(|id| {
        let mut copied = planner.object(id).copied();
        copied.all(|name| planner.source(id, name).is_some())
    })
}

struct Planner<'a> {
    view: View<'a>,
    members: &'a [Member],
    first: usize,
    scope: Vec<usize>,
}

impl<'a> Planner<'a> {
    fn new(view: View<'a>, group: &'a Group) -> Self {
        Self {
            view,
            members: &group.members,
            first: group.first,
            scope: group.scope(view),
        }
    }

    fn object(&self, id: usize) -> &'a Object {
        match id.checked_sub(self.first) {
            Some(member) => &self.members[member].object,
            None => &self.view.state.instances[id].object,
        }
    }

    fn copy(&self, id: usize, number: u32) -> Result<Option<Copy>> {
        let object = self.object(id);
        let symbol = object.symbol(number);
        let name = object.symbol_name(&symbol);
        let Some(from) = self.source(id, name) else {
            return Ok(None);
        };
        let (definer, definition) = (self.object(from.0), self.symbol(from));
        let fail = |reason| Err(bad(definer.path().display().to_string(), reason));
        if !definition.defines(SymbolKind::Data) {
            return Err(Error::Mismatch {
                symbol: name.to_owned(),
                importer: object.path().display().to_string(),
                wanted: "data".to_owned(),
                definer: definer.path().display().to_string(),
                found: definition.record.kind.name().to_owned(),
            });
        }
        if definition.record.flags & SymbolRecord::OWN != 0 {
            return Err(Error::OwnData {
                library: definer.path().display().to_string(),
                symbol: name.to_owned(),
                main: object.path().display().to_string(),
            });
        }
        let (room, end) = (symbol.size, extent(definer, &definition));
        let Some(available) = end else {
            return fail(format!("its data `{name}` lies outside of its memory"));
        };
        let copy = Copy {
            to: (id, number),
            from,
            bytes: room.min(available),
        };
        self.compare(object, &symbol, definer, &definition, available);
        Ok(Some(copy))
    }

    /// The first definition after an instance's own.
    fn source(&self, id: usize, name: &str) -> Option<(usize, u32)> {
        let mut others = self.scope.iter().filter(|&&other| other != id);
        others.find_map(|&other| Some((other, self.object(other).find(name)?)))
    }

    fn symbol(&self, (id, number): (usize, u32)) -> Symbol {
        self.object(id).symbol(number)
    }

    /// Warns where the two sides do not agree on the size, as far as they know it.
    fn compare(&self, main: &Object, copy: &Symbol, definer: &Object, of: &Symbol, end: u64) {
        let bound = |s: &Symbol| s.record.flags & SymbolRecord::BOUND != 0;
        let known = of.size != 0 && !bound(of);
        let differs = match (known, bound(copy)) {
            (true, true) => of.size > copy.size,
            (true, false) => of.size != copy.size,
            (false, exact) => !exact && copy.size > end,
        };
        if differs {
            let bytes = copy.size.min(end);
            self.view.config.trace(Category::Warning, || {
                format!(
                    "{}: `{}` has {} bytes, but {} defines it with {}; {bytes} are copied; relink the program with this library",
                    main.path().display(),
                    main.symbol_name(copy),
                    copy.size,
                    definer.path().display(),
                    if known { of.size } else { end },
                )
            });
        }
    }

    /// An entry of the list of unresolved symbols, where there has to be one.
    fn missing(&self, id: usize, number: u32) -> Option<error::Unresolved> {
        let object = self.object(id);
        let name = object.symbol_name(&self.symbol((id, number))).to_owned();
        let by = object.path().display().to_string();
        undefined(self.view.config, &by, &name).then(|| error::Unresolved {
            module: wasmaot_abi::name::ENV.to_owned(),
            name,
            kind: "data symbol",
            by,
        })
    }
}

/// Whether a copy without an original is an error; else it stays zero.
fn undefined(config: &Config, by: &str, name: &str) -> bool {
    if config.unresolved == Unresolved::Warn {
        config.trace(Category::Warning, || {
            format!("{by}: undefined data symbol `{name}`; its copy stays zero")
        });
    }
    config.unresolved == Unresolved::Error
}

/// Bytes that a definition surely has at most: its size, else up to the next
/// definition or the end of the object's memory. `None`: it is not there.
fn extent(object: &Object, symbol: &Symbol) -> Option<u64> {
    if symbol.section != SymbolSection::Here {
        return None;
    }
    let bias = object.layout().memory_bias;
    let linear = symbol.value.wrapping_sub(bias);
    let room = object.image_end().checked_sub(linear)?;
    if symbol.size != 0 {
        return Some(symbol.size.min(room));
    }
    let others = object.symbols();
    let next = others
        .filter(|s| s.defines(SymbolKind::Data) && s.section == SymbolSection::Here)
        .filter_map(|s| s.value.checked_sub(symbol.value))
        .filter(|&distance| distance > 0)
        .min();
    Some(next.map_or(room, |next| next.min(room)))
}

/// Copies the initial bytes.
pub(super) fn apply(linker: &mut Linker<'_>, copies: &[Copy]) -> Result<()> {
    for copy in copies {
        let (from, to) = (
            address(linker.view(), copy.from),
            address(linker.view(), copy.to),
        );
        linker.config.trace(Category::Reloc, || {
            let [definer, main] =
                [copy.from.0, copy.to.0].map(|id| &linker.state.instances[id].object);
            let symbol = main.symbol(copy.to.1);
            format!(
                "copying `{}`: {} bytes from {} at {from:#x} to {} at {to:#x}",
                main.symbol_name(&symbol),
                copy.bytes,
                definer.name(),
                main.name()
            )
        });
        let domain = linker.state.instances[copy.to.0].domain;
        let domain = &mut linker.space.domains[domain];
        if domain.view().copy_within(from, to, copy.bytes).is_err() {
            let file = linker.state.instances[copy.to.0].object.path();
            let reason = "data to copy lie outside of the memory";
            return Err(bad(file.display().to_string(), reason));
        }
    }
    Ok(())
}

/// Linear address of a definition of data.
fn address(view: View<'_>, (id, number): (usize, u32)) -> u64 {
    let instance = &view.state.instances[id];
    let symbol = instance.object.symbol(number);
    let bias = instance.object.layout().memory_bias;
    instance.memory_base + symbol.value.wrapping_sub(bias)
}
