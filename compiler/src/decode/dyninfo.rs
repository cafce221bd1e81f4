//! What section `dyninfo` says, as exports and elements like those of other
//! conventions: functions are exported by number and go into the module's part
//! of the table; names stand in the section.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashSet};

use wasmaot_abi::info::{Fixup, LinkingAbi};
use wasmaot_dylink::dyninfo::{Dyninfo, Lazy, SECTION, function_number};
use wasmaot_dylink::{Class, ImportRole, LinkingError, SymbolFlags};
use wasmparser::Operator;

use crate::error::{Error, Result};
use crate::module::{
    ConstOp, Element, ElementMode, Export, ExportItem, GlobalInit, GlobalStorage, Item, Items,
    Module,
};

/// The export whose value is the number of the function to start with.
const ENTRY: &str = "entry";

/// Applies the section, if the module has one.
pub(super) fn apply(module: &mut Module<'_>) -> Result<()> {
    if module.linking.abi != LinkingAbi::Dyninfo {
        return Ok(());
    }
    let Some(info) = module.linking.dyninfo.take() else {
        return Ok(());
    };
    let own = |import: Option<u32>| import.is_none();
    if module.memories.iter().any(|m| own(m.import)) || module.tables.iter().any(|t| own(t.import))
    {
        return Err(Error::Unsupported {
            file: module.source.clone(),
            feature: "section `dyninfo` in a module with its own memory or table; \
                      import `sys.memory` and `sys.table`"
                .to_owned(),
        });
    }
    let entry = take_entry(module);
    let functions = take_functions(module)?;
    let mut info = *info;
    if let Some(entry) = entry {
        info.fixups.entry.get_or_insert(entry);
    }
    if let Some(entry) = info.fixups.entry
        && !functions.contains_key(&entry)
    {
        return Err(no_function(module, "entry", entry));
    }
    define(module, &info, &functions)?;
    lazy(module, &mut info)?;
    module.copies.append(&mut info.copies);
    elements(module, &functions);
    name(module, &functions);
    module.linking.dyninfo = Some(Box::new(info));
    Ok(())
}

fn error(module: &Module<'_>, reason: String) -> Error {
    Error::Linking {
        file: module.source.clone(),
        source: LinkingError {
            section: SECTION,
            offset: 0,
            reason,
        },
    }
}

fn no_function(module: &Module<'_>, what: &str, number: u32) -> Error {
    let reason = format!("`{what}` of function {number}, which is not exported as f_{number:x}");
    error(module, reason)
}

/// The number that the module exports beside the section, if there is one.
fn take_entry(module: &mut Module<'_>) -> Option<u32> {
    let at = module.exports.iter().position(|e| e.name == ENTRY)?;
    let ExportItem::Item(Item::Global(global)) = module.exports[at].item else {
        return None;
    };
    let GlobalStorage::Own(GlobalInit::Computed(expr)) = &module.globals[global as usize].storage
    else {
        return None;
    };
    let &[ConstOp::I32(entry)] = &expr[..] else {
        return None;
    };
    module.exports.remove(at);
    u32::try_from(entry).ok()
}

/// The functions that are exported by number.
fn take_functions(module: &mut Module<'_>) -> Result<BTreeMap<u32, u32>> {
    let mut functions = BTreeMap::new();
    let mut twice = None;
    module.exports.retain(|export| {
        let number = function_number(&export.name);
        let (Some(number), ExportItem::Item(Item::Func(func))) = (number, export.item) else {
            return true;
        };
        if functions.insert(number, func).is_some() {
            twice = Some(number);
        }
        false
    });
    let room = module.linking.placement.map_or(0, |p| p.table_size);
    if let Some((&last, _)) = functions.last_key_value()
        && last >= room
    {
        let reason = format!("exports function {last} (f_{last:x}), beyond `plt_end`, {room}");
        return Err(error(module, reason));
    }
    match twice {
        Some(number) => {
            let reason = format!("two exports are function {number} (f_{number:x})");
            Err(error(module, reason))
        }
        None => Ok(functions),
    }
}

/// Exports what the section defines; a name's first definition stays.
fn define(module: &mut Module<'_>, info: &Dyninfo, functions: &BTreeMap<u32, u32>) -> Result<()> {
    let names = module.exports.iter().map(|e| e.name.to_string());
    let mut known: HashSet<String> = names.collect();
    let mut exports = Vec::new();
    for (name, at) in &info.data {
        exports.push((name, ExportItem::Data(*at)));
    }
    for (name, number) in &info.functions {
        let Some(&func) = functions.get(number) else {
            return Err(no_function(module, name, *number));
        };
        exports.push((name, ExportItem::Item(Item::Func(func))));
    }
    for (name, item) in exports {
        if known.insert(name.clone()) {
            module.exports.push(Export {
                name: Cow::Owned(name.clone()),
                item,
                flags: SymbolFlags::default(),
            });
        }
    }
    Ok(())
}

/// One element segment for each row of functions.
fn elements(module: &mut Module<'_>, functions: &BTreeMap<u32, u32>) {
    let mut rows: Vec<(u32, Vec<Option<u32>>)> = Vec::new();
    for (&number, &func) in functions {
        match rows.last_mut() {
            Some((first, row)) if *first + row.len() as u32 == number => row.push(Some(func)),
            _ => rows.push((number, vec![Some(func)])),
        }
    }
    module
        .elements
        .extend(rows.into_iter().map(|(offset, row)| Element {
            items: Items::Funcs(row),
            mode: ElementMode::Static { offset },
        }));
}

/// Names for messages, where neither a name section nor a definition has one.
fn name(module: &mut Module<'_>, functions: &BTreeMap<u32, u32>) {
    let named = module.exports.iter().filter_map(|e| match e.item {
        ExportItem::Item(Item::Func(func)) => Some(func),
        _ => None,
    });
    let named: HashSet<u32> = named.collect();
    for (number, func) in functions.iter().filter(|(_, func)| !named.contains(func)) {
        let name = || Cow::Owned(format!("f_{number:x}"));
        module.names.entry(*func).or_insert_with(name);
    }
}

/// Adds what is loaded at the first call, with the type that it is called by.
fn lazy(module: &Module<'_>, info: &mut Dyninfo) -> Result<()> {
    if info.lazy.is_empty() {
        return Ok(());
    }
    let calls = Calls::of(module)?;
    for entry in &info.lazy {
        let Lazy {
            symbol,
            function,
            library,
        } = entry.clone();
        let Some(ty) = calls.type_of(function - 1) else {
            let before = function - 1;
            let reason =
                format!("`lazy` of `{symbol}`: no call says what type function {before} is of");
            return Err(error(module, reason));
        };
        info.fixups.list.push(Fixup::Lazy {
            function,
            symbol,
            library,
            ty,
        });
    }
    Ok(())
}

/// The types that table entries are called by.
#[derive(Default)]
struct Calls {
    /// By number, where the call says the number.
    by_number: BTreeMap<u32, u32>,
    /// Every type of a call.
    types: Vec<u32>,
}

impl Calls {
    fn of(module: &Module<'_>) -> Result<Self> {
        let base = base_global(module);
        let mut calls = Self::default();
        for body in &module.bodies {
            calls.read(body, base).map_err(|e| Error::Invalid {
                file: module.source.clone(),
                offset: e.offset(),
                reason: e.message().to_owned(),
            })?;
        }
        Ok(calls)
    }

    /// Follows the last three operators: the table base and a constant, added.
    fn read(
        &mut self,
        body: &crate::module::Body<'_>,
        base: Option<u32>,
    ) -> Result<(), wasmparser::Error> {
        let mut last: [Option<Word>; 3] = [None; 3];
        for op in body.body.get_operators_reader()? {
            let op = op?;
            if let Operator::CallIndirect { type_index, .. }
            | Operator::ReturnCallIndirect { type_index, .. } = op
            {
                if !self.types.contains(&type_index) {
                    self.types.push(type_index);
                }
                if let [Some(a), Some(b), Some(Word::Add)] = last
                    && let (Word::Base, Word::Number(n)) | (Word::Number(n), Word::Base) = (a, b)
                {
                    self.by_number.entry(n).or_insert(type_index);
                }
            }
            let word = match op {
                Operator::I32Const { value } => Some(Word::Number(value.cast_unsigned())),
                Operator::GlobalGet { global_index } if Some(global_index) == base => {
                    Some(Word::Base)
                }
                Operator::I32Add => Some(Word::Add),
                _ => None,
            };
            last = [last[1], last[2], word];
        }
        Ok(())
    }

    /// The type of a function by number: that of its call, else the only one
    /// that there is.
    fn type_of(&self, number: u32) -> Option<u32> {
        let only = || match self.types[..] {
            [ty] => Some(ty),
            _ => None,
        };
        self.by_number.get(&number).copied().or_else(only)
    }
}

#[derive(Clone, Copy)]
enum Word {
    Base,
    Number(u32),
    Add,
}

/// The global that holds the table base.
fn base_global(module: &Module<'_>) -> Option<u32> {
    module.imports.iter().find_map(|import| match import.item {
        Item::Global(global) => {
            let role = module
                .linking
                .role(import.module, import.name, Class::GlobalI32);
            (role == ImportRole::TableBase).then_some(global)
        }
        _ => None,
    })
}
