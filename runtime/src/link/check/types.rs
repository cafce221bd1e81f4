//! Whether every import has a definition of its type, with nothing of what
//! `matching` uses: definitions are found by name, memories and tables by their
//! descriptors, and types of functions are compared part by part, down to
//! numbers, through each object's own list. Hashes merely name what is in it.

use std::collections::{HashMap, HashSet};

use wasmaot_abi::context::{MemoryDesc, TableDesc};
use wasmaot_abi::exception::loader_tag_type;
use wasmaot_abi::info::{Import, ImportKind};
use wasmaot_abi::object::{SymbolKind, SymbolRecord};
use wasmaot_abi::type_list::Types;
use wasmaot_abi::types::{FuncType, GlobalType, HeapType, ValType};

use super::{Checker, DEPTH, Meaning};
use crate::config::{Bind, Unresolved};
use crate::link::state::Instance;
use crate::sys::live;

/// A type, and the list that has the types it refers to; none of the host's.
type In<'a, T> = (Option<&'a Types>, T);

/// Whether two function types have the same parts.
fn same_function(a: In<'_, &FuncType>, b: In<'_, &FuncType>) -> bool {
    let (in_a, in_b) = (a.0, b.0);
    let mut seen = HashSet::new();
    let mut left = vec![(a.1, b.1)];
    while let Some((a, b)) = left.pop() {
        if (a.params.len(), a.results.len()) != (b.params.len(), b.results.len()) {
            return false;
        }
        let parts = |ty: &FuncType| [&ty.params[..], &ty.results[..]].concat();
        for (a, b) in parts(a).into_iter().zip(parts(b)) {
            let (Some(one), Some(other)) = (a.as_ref_type(), b.as_ref_type()) else {
                if a != b {
                    return false;
                }
                continue;
            };
            let (HeapType::Type(to_a), HeapType::Type(to_b)) = (one.heap, other.heap) else {
                if a != b {
                    return false;
                }
                continue;
            };
            if one.nullable != other.nullable {
                return false;
            }
            let find = |types: Option<&'_ Types>, hash| {
                let at = types?.hashes().iter().position(|&h| h == hash)?;
                Some(at as u32)
            };
            match (
                find(in_a, to_a).and_then(|at| in_a?.get(at)),
                find(in_b, to_b).and_then(|at| in_b?.get(at)),
            ) {
                (Some(a), Some(b)) if seen.insert((to_a, to_b)) => left.push((a, b)),
                (Some(_), Some(_)) => {}
                // The host has no list.
                _ if in_a.is_some() && in_b.is_some() => return false,
                _ if to_a != to_b => return false,
                _ => {}
            }
        }
    }
    true
}

/// Whether two value types are the same.
fn same_value(a: In<'_, ValType>, b: In<'_, ValType>) -> bool {
    let function = |ty: ValType| FuncType::new([ty], []);
    same_function((a.0, &function(a.1)), (b.0, &function(b.1)))
}

/// Whether a global may stand for one of another type.
fn same_global(found: In<'_, GlobalType>, wanted: In<'_, GlobalType>) -> bool {
    let values = ((found.0, found.1.val), (wanted.0, wanted.1.val));
    if found.1.mutable || wanted.1.mutable {
        return found.1.mutable == wanted.1.mutable && same_value(values.0, values.1);
    }
    let (Some(sub), Some(sup)) = (found.1.val.as_ref_type(), wanted.1.val.as_ref_type()) else {
        return same_value(values.0, values.1);
    };
    if sub.nullable && !sup.nullable {
        return false;
    }
    match (sub.heap, sup.heap) {
        (HeapType::Type(_), HeapType::Func) => true,
        (a, b) => {
            let nullable = |heap| ValType::reference(true, heap);
            same_value((found.0, nullable(a)), (wanted.0, nullable(b)))
        }
    }
}

/// Whether a size and a limit are within those that are asked for.
fn within(size: u64, most: Option<u64>, least: u64, limit: Option<u64>) -> bool {
    size >= least && limit.is_none_or(|limit| most.is_some_and(|most| most <= limit))
}

impl Checker<'_> {
    /// The imports of an instance whose definitions are of other types, and the
    /// types that are not what they are said to be.
    pub(super) fn types(&self, id: usize) -> Vec<String> {
        let object = &self.view.state.instances[id].object;
        let types = &object.info().types;
        let listed = (0..).zip(types.hashes());
        let listed = listed.filter(|&(n, &hash)| types.get(n).map(FuncType::hash) != Some(hash));
        let mut wrong: Vec<String> = listed.map(|(n, _)| format!("type {n} is wrong")).collect();
        wrong.extend(self.twins(id));
        for (number, import) in object.imports().enumerate() {
            let meaning = self.import(id, number, DEPTH);
            let late = matches!(import.kind, ImportKind::Func(_)) && self.is_late();
            if !late && !self.is_of_type(id, &import, &meaning) {
                let (module, name) = (import.module, import.name);
                wrong.push(format!("`{module}.{name}` is of another type"));
            }
        }
        wrong
    }

    /// Whether a function of a wrong type counts only when it is called.
    fn is_late(&self) -> bool {
        let config = &self.view.config;
        let lazy = config.bind == Bind::Lazy || self.opened && config.bind != Bind::Now;
        lazy || config.unresolved != Unresolved::Error
    }

    /// Types of an instance that share an identity with another type.
    fn twins(&self, id: usize) -> Vec<String> {
        let lists = self.view.state.instances.iter();
        let lists: Vec<_> = lists.map(|(n, i)| (n, &i.object.info().types)).collect();
        let mut met: HashMap<u32, (&Types, u32)> = HashMap::new();
        let mut wrong = Vec::new();
        for (other, types) in lists {
            for number in 0..types.len() as u32 {
                let Some(identity) = types.id(number) else {
                    continue;
                };
                let &mut (before, at) = met.entry(identity).or_insert((types, number));
                let same = match (before.get(at), types.get(number)) {
                    (Some(a), Some(b)) => same_function((Some(before), a), (Some(types), b)),
                    _ => false,
                };
                if !same && other == id {
                    wrong.push(format!("type {number} has the identity of another"));
                }
            }
        }
        wrong
    }

    /// Whether what an import means is of its type.
    fn is_of_type(&self, id: usize, import: &Import<'_>, meaning: &Meaning) -> bool {
        let info = self.view.state.instances[id].object.info();
        let types = &info.types;
        let wanted = |ty: u32| types.get(ty).cloned().unwrap_or_default();
        match (meaning, import.kind) {
            (_, ImportKind::Context(ty)) => ty.val == ValType::I32,
            (_, ImportKind::Memory(ty))
                if info.abi.is_shared_memory(import.module, import.name)
                    || self.view.state.is_flat() =>
            {
                let domain = &self.view.space.domains[self.view.state.instances[id].domain];
                ty.is_guarded() && domain.memory.is_some_and(|own| own.shared == ty.shared)
            }
            (_, ImportKind::Table { ty, primary: true })
                if info.abi.is_shared_table(import.module, import.name) =>
            {
                ty.elem == ValType::FuncRef && !ty.index.is_wide()
            }
            (&Meaning::Definition(definer, symbol), kind) => {
                let definer = &self.view.state.instances[definer];
                self.is_defined(definer, symbol as u32, (Some(types), kind))
            }
            (Meaning::Host(module, name), ImportKind::Func(ty)) => {
                let wanted = wanted(ty);
                let same = |ty: &FuncType| same_function((None, ty), (Some(types), &wanted));
                let hosts = &self.view.hosts;
                let first = hosts.find(module, name).and_then(|n| hosts.ty(n));
                first.is_some_and(|ty| same(&ty)) || {
                    // In another form.
                    let mut functions = (0..hosts.next()).filter_map(|n| hosts.made(n));
                    functions.any(|f| f.module == *module && f.name == *name && same(f.ty))
                }
            }
            (Meaning::Host(..), kind) => kind == ImportKind::GotFunc,
            (Meaning::Nothing, ImportKind::Tag(ty)) => {
                same_function((None, &loader_tag_type()), (Some(types), &wanted(ty)))
            }
            (Meaning::OtherType, _) => false,
            // A stub, null, or what the loader has.
            (Meaning::Nothing, _) => true,
        }
    }

    /// Whether a definition is of the type and kind of an import.
    fn is_defined(&self, definer: &Instance, symbol: u32, wanted: In<'_, ImportKind>) -> bool {
        let (info, found) = (definer.object.info(), definer.object.symbol(symbol));
        let (types, record, domain) = (&info.types, found.record, definer.domain);
        let primary = record.flags & SymbolRecord::PRIMARY != 0;
        let described = |desc: Option<u64>| match desc {
            Some(at) => !primary && at == found.value,
            None => primary,
        };
        let context = self.view.space.domains[domain].context();
        let function = |kind, ty: u32| {
            let pair = types.get(record.ty).zip(wanted.0.and_then(|t| t.get(ty)));
            record.kind == kind
                && pair.is_some_and(|(a, b)| same_function((Some(types), a), (wanted.0, b)))
        };
        match wanted.1 {
            ImportKind::Func(ty) => function(SymbolKind::Function, ty),
            ImportKind::Tag(ty) => function(SymbolKind::Tag, ty),
            ImportKind::GotFunc => record.kind == SymbolKind::Function,
            ImportKind::GotMem => record.kind == SymbolKind::Data,
            ImportKind::Global(ty) | ImportKind::Context(ty) => {
                let own = info.globals.get(record.ty as usize);
                let same = |own: &GlobalType| same_global((Some(types), *own), (wanted.0, ty));
                record.kind == SymbolKind::Global && own.is_some_and(same)
            }
            ImportKind::Memory(ty) => {
                let mut own = info.memories.iter().filter(|m| described(m.desc));
                let Some(own) = own.next() else {
                    return false;
                };
                let now = match own.desc {
                    None => Some(context.memory.bytes),
                    Some(_) => {
                        let number = self.view.space.memories.get(&definer.address(found.value));
                        number
                            .map(|&n| -> MemoryDesc { self.view.space.domains[n].context().memory })
                            .map(|now| now.bytes)
                    }
                };
                let same = own.ty.index == ty.index
                    && own.ty.page_log2 == ty.page_log2
                    && own.ty.shared == ty.shared;
                let pages = now.unwrap_or(0) / ty.page();
                record.kind == SymbolKind::Memory
                    && same
                    && within(pages, own.ty.max, ty.min, ty.max)
            }
            ImportKind::Table { ty, .. } => {
                let mut own = info.tables.iter().filter(|t| described(t.desc));
                let Some(own) = own.next() else {
                    return false;
                };
                let now: TableDesc = match own.desc {
                    None => context.table,
                    // SAFETY: the object is mapped, and the symbol's value is
                    // that of a descriptor in its data, which its parser has
                    // checked.
                    Some(_) => unsafe { live::load(definer.address(found.value)) },
                };
                record.kind == SymbolKind::Table
                    && own.ty.index == ty.index
                    && same_value((Some(types), own.ty.elem), (wanted.0, ty.elem))
                    && within(now.len, own.ty.max, ty.min, ty.max)
            }
        }
    }

    /// Whether a definition is no function of the type that an import wants.
    pub(super) fn is_other_function(
        &self,
        id: usize,
        import: &Import<'_>,
        found: &Meaning,
    ) -> bool {
        matches!(import.kind, ImportKind::Func(_))
            && matches!(found, Meaning::Definition(..))
            && !self.is_of_type(id, import, found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_are_compared_down_to_their_parts() {
        let of = |ty: &FuncType| ValType::reference(true, HeapType::Type(ty.hash()));
        let leaf = FuncType::new([ValType::I64], []);
        let other = FuncType::new([ValType::I32], []);
        let (a, b) = (
            FuncType::new([of(&leaf)], []),
            FuncType::new([of(&other)], []),
        );
        let lists = [
            Types::new(&[leaf.clone(), a.clone()]),
            Types::new(&[other.clone(), leaf.clone(), b.clone(), a.clone()]),
        ];
        let [one, two] = lists.each_ref();
        assert!(same_function((Some(one), &a), (Some(two), &a)));
        assert!(!same_function((Some(one), &a), (Some(two), &b)));
        // A hash that lies: the list has another type for it.
        let lie = Types::of([(&leaf, other.hash())]);
        assert!(!same_function((Some(&lie), &b), (Some(two), &b)));
        assert!(same_function((None, &a), (Some(two), &a)));
        assert!(!same_function((None, &a), (Some(two), &b)));
        let missing = Types::default();
        assert!(!same_function((Some(&missing), &a), (Some(two), &a)));
    }

    #[test]
    fn types_that_refer_to_types_do_not_grow_exponentially() {
        let mut list = vec![FuncType::default()];
        for _ in 0..200 {
            let last = list.last().map(FuncType::hash).map(HeapType::Type);
            let last = last.map(|heap| ValType::reference(true, heap));
            list.push(FuncType::new(
                last.into_iter().cycle().take(9).collect::<Vec<_>>(),
                [],
            ));
        }
        let types = Types::new(&list);
        let last = list.last().unwrap();
        assert!(same_function((Some(&types), last), (Some(&types), last)));
        assert!(!same_function(
            (Some(&types), last),
            (Some(&types), &list[199])
        ));
    }

    #[test]
    fn globals_that_nobody_sets_may_be_narrower() {
        let ty = FuncType::default();
        let heap = HeapType::Type(ty.hash());
        let types = Types::new(&[ty]);
        let fits = |found, wanted, mutable| {
            let global = |val| GlobalType { val, mutable };
            same_global(
                (Some(&types), global(found)),
                (Some(&types), global(wanted)),
            )
        };
        let (not_null, nullable) = (
            ValType::reference(false, heap),
            ValType::reference(true, heap),
        );
        assert!(fits(not_null, nullable, false) && !fits(nullable, not_null, false));
        assert!(
            fits(nullable, ValType::FuncRef, false) && !fits(ValType::FuncRef, nullable, false)
        );
        assert!(!fits(not_null, nullable, true) && fits(nullable, nullable, true));
        assert!(!fits(nullable, ValType::ExternRef, false));
        assert!(
            fits(ValType::I32, ValType::I32, false) && !fits(ValType::I32, ValType::I64, false)
        );
    }
}
