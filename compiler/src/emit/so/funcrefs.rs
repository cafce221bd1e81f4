//! Phase 5: the function reference table: the order of its records. Imports
//! come first; then what the object itself refers to, which the loader fills
//! at once; then functions that others may refer to, by their names.

use std::collections::{BTreeSet, HashMap};

use wasmaot_dylink::ImportRole;

use super::data::Data;
use super::text::Text;
use crate::code::Target;
use crate::module::{ElementMode, ExportItem, Item, Items, Module};

/// The table.
pub(super) struct Funcrefs {
    /// Functions in the order of their records.
    pub list: Vec<u32>,
    /// How many of them are imports.
    pub imported: u32,
    /// How many of them the loader fills at once.
    pub needed: u32,
}

impl Funcrefs {
    /// Numbers of the functions' records.
    pub fn numbers(&self) -> HashMap<u32, u64> {
        self.list.iter().copied().zip(0..).collect()
    }
}

/// Orders the functions that something can refer to.
pub(super) fn order(module: &Module<'_>, text: &Text, data: &Data) -> Funcrefs {
    let used = used(module, text, data);
    let is_import = |f: u32| module.funcs[f as usize].import.is_some();
    let part = |f: u32| match f {
        f if is_import(f) => 0,
        f if used.contains(&f) => 1,
        _ => 2,
    };
    let mut list = module.funcrefs.clone();
    list.sort_by_key(|&f| part(f));
    let count = |last: u32| list.iter().filter(|&&f| part(f) <= last).count() as u32;
    Funcrefs {
        imported: count(0),
        needed: count(1),
        list,
    }
}

/// Functions whose records code, data, or elements name, and those of the
/// module's own whose pointers it takes from the loader.
fn used(module: &Module<'_>, text: &Text, data: &Data) -> BTreeSet<u32> {
    let in_code = text.targets.iter().filter_map(|target| match target {
        Target::Funcref(f) => Some(*f),
        _ => None,
    });
    let in_data = data.records.iter().map(|record| record.func);
    let in_elements = module
        .elements
        .iter()
        .flat_map(|e| match (&e.mode, &e.items) {
            (ElementMode::Static { .. }, Items::Funcs(funcs)) => &funcs[..],
            _ => &[],
        });
    let in_elements = in_elements.flatten().copied();
    let got = module.imports.iter();
    let got = got.filter(|i| i.role == ImportRole::GotFunc);
    let got: BTreeSet<&str> = got.map(|i| i.name).collect();
    let own = module.exports.iter().filter_map(|e| match e.item {
        ExportItem::Item(Item::Func(f)) if got.contains(&*e.name) => Some(f),
        _ => None,
    });
    let all = in_code.chain(in_data).chain(in_elements).chain(own);
    all.collect()
}
