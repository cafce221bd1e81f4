//! The same for what is done in the memory and table of `dyninfo` modules, and
//! for who means a copy.

use wasmaot_abi::info::Fixup;
use wasmaot_abi::name;
use wasmaot_abi::object::SymbolKind;
use wasmaot_abi::reloc::Standard;

use super::{Checker, DEPTH, Meaning, SHOWN};
use crate::error::{Error, Result};
use crate::link::group::Group;
use crate::link::linker::View;

/// Checks the members of a group, before their constructors run.
pub(crate) fn fixups(view: View<'_>, group: &Group) -> Result<()> {
    let asks = |id: usize| {
        !view.state.instances[id]
            .object
            .info()
            .fixups
            .list
            .is_empty()
    };
    if !group.numbers().any(asks) {
        return Ok(());
    }
    let (scope, opened) = (group.scope(view), group.purpose.is_opened());
    let checker = Checker::new(view, group.first, scope, opened);
    for id in group.numbers() {
        let object = &view.state.instances[id].object;
        let list = object.info().fixups.list.iter();
        let wrong = list.filter(|fixup| !checker.fixup(id, fixup)).take(SHOWN);
        let wrong: Vec<_> = wrong.map(|fixup| format!("{fixup:?}")).collect();
        if !wrong.is_empty() {
            return Err(Error::Check {
                file: object.path().display().to_string(),
                reason: format!("not done: {}", wrong.join("; ")),
            });
        }
    }
    Ok(())
}

impl Checker<'_> {
    /// Whether an object has a copy of a symbol.
    pub(super) fn holds_copy(&self, id: usize, text: &str) -> bool {
        let object = &self.view.state.instances[id].object;
        let mut relocs = object.relocs();
        relocs.any(|r| {
            let symbol = &object.symbol(r.symbol);
            r.kind == Standard::Copy && object.symbol_name(symbol) == name::escape(text)
        })
    }

    /// What a fixup's symbol means.
    fn symbol(&self, text: &str) -> Meaning {
        let places = || self.scope.iter().copied();
        let copies = places().filter(|&place| self.holds_copy(place, text));
        let none = (usize::MAX, 0);
        let mut all = copies.chain(places());
        let found = all.find_map(|place| self.meant(place, text, none, DEPTH));
        found.unwrap_or(match self.view.hosts.find(name::ENV, text) {
            Some(_) => Meaning::Host(name::ENV.to_owned(), text.to_owned()),
            None => Meaning::Nothing,
        })
    }

    /// Whether memory or table is as a fixup says.
    fn fixup(&self, id: usize, fixup: &Fixup) -> bool {
        let instance = &self.view.state.instances[id];
        let memory = self.view.space.domains[instance.domain].view();
        let word = |at: u32| {
            let word = memory.read_array(instance.memory_base + u64::from(at));
            word.ok().map(u32::from_le_bytes)
        };
        let holds = |at: u32, value: u64| word(at) == Some(value as u32);
        let index = |number: u32| instance.table_base + u64::from(number);
        match fixup {
            &Fixup::Address { at, to } => holds(at, instance.memory_base + u64::from(to)),
            &Fixup::Index { at, function } => holds(at, index(function)),
            Fixup::Symbol { at, symbol } => match self.symbol(symbol) {
                Meaning::Nothing => true,
                Meaning::Definition(definer, symbol) if self.is_data(definer, symbol) => holds(
                    *at,
                    self.linear(&self.view.state.instances[definer], symbol),
                ),
                meaning => word(*at).is_some_and(|word| self.is_held(id, &meaning, word.into())),
            },
            Fixup::Entry { function, symbol } => match self.symbol(symbol) {
                Meaning::Nothing => true,
                meaning => self.is_held(id, &meaning, index(*function)),
            },
            Fixup::Lazy { .. } => true,
        }
    }

    fn is_data(&self, id: usize, symbol: usize) -> bool {
        let object = &self.view.state.instances[id].object;
        object.symbol(symbol as u32).record.kind == SymbolKind::Data
    }
}
