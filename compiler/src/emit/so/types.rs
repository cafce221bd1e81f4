//! The types of a module as its object has them: each function type once, and
//! each type of a global that is a symbol.

use std::collections::HashMap;

use wasmaot_abi::object::SymbolRecord;
use wasmaot_abi::type_list;
use wasmaot_abi::types::{FuncType, GlobalType, TypeHash};

use crate::error::{Error, Result};
use crate::module::{GlobalStorage, Module};

/// The lists, and the numbers in them.
pub(super) struct Types<'a> {
    module: &'a Module<'a>,
    /// Distinct function types in the order of the type section: those that a
    /// `call_indirect` alone names too, since it compares identities, and
    /// nothing that it could meet may have the identity of another type.
    list: Vec<(&'a FuncType, TypeHash)>,
    /// Number in the list of each type of the type index space.
    numbers: Vec<u32>,
    /// Distinct types of globals.
    pub globals: Vec<GlobalType>,
    global_numbers: HashMap<GlobalType, u32>,
}

impl<'a> Types<'a> {
    /// Numbers the types of a module.
    ///
    /// # Errors
    /// [`Error::Unsupported`] if two have the same identity.
    pub fn new(module: &'a Module<'a>) -> Result<Self> {
        let mut types = Self {
            module,
            list: Vec::new(),
            numbers: Vec::with_capacity(module.types.len()),
            globals: Vec::new(),
            global_numbers: HashMap::new(),
        };
        let mut by_identity: HashMap<u32, u32> = HashMap::new();
        for (ty, &hash) in module.types.iter().zip(&module.type_hashes) {
            let next = types.list.len() as u32;
            let number = *by_identity.entry(hash.id()).or_insert(next);
            match types.list.get(number as usize) {
                None => types.list.push((ty, hash)),
                Some(&(_, other)) if other == hash => {}
                Some((other, _)) => return Err(twins(module, ty, other, hash.id())),
            }
            types.numbers.push(number);
        }
        let symbols = module.globals.iter().filter(|global| match global.storage {
            GlobalStorage::Loader(_)
            | GlobalStorage::BaseOf(_)
            | GlobalStorage::ThreadData { .. } => false,
            GlobalStorage::Import(_)
            | GlobalStorage::Own(_)
            | GlobalStorage::StackPointer { .. } => true,
        });
        for global in symbols {
            let next = types.globals.len() as u32;
            let number = *types.global_numbers.entry(global.ty).or_insert(next);
            if number == next {
                types.globals.push(global.ty);
            }
        }
        Ok(types)
    }

    /// Number of a type of the type index space.
    pub fn number(&self, index: u32) -> u32 {
        let number = self.numbers.get(index as usize);
        number.copied().unwrap_or(SymbolRecord::NO_TYPE)
    }

    /// Number of a function's type.
    pub fn of_func(&self, func: u32) -> u32 {
        self.number(self.module.funcs[func as usize].ty)
    }

    /// Number of a tag's type.
    pub fn of_tag(&self, tag: u32) -> u32 {
        self.number(self.module.tags[tag as usize].ty)
    }

    /// Number of a global's type.
    pub fn of_global(&self, global: u32) -> u32 {
        let ty = &self.module.globals[global as usize].ty;
        let number = self.global_numbers.get(ty);
        number.copied().unwrap_or(SymbolRecord::NO_TYPE)
    }

    /// The list of function types.
    pub fn list(&self) -> type_list::Types {
        type_list::Types::of(self.list.iter().copied())
    }
}

fn twins(module: &Module<'_>, a: &FuncType, b: &FuncType, id: u32) -> Error {
    Error::Unsupported {
        file: module.source.clone(),
        feature: format!(
            "function types `{a}` and `{b}` have the same identity {id:#010x}; change one of them"
        ),
    }
}
