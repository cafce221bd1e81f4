//! The host functions of a process.

use std::collections::HashMap;
use std::sync::Arc;

use wasmaot_abi::types::FuncType;

use crate::host::HostFunction;

/// The host functions of a process, by number and by name.
#[derive(Debug, Default)]
pub(crate) struct Hosts {
    pub list: Vec<Arc<HostFunction>>,
    numbers: HashMap<String, HashMap<String, usize>>,
}

impl Hosts {
    pub fn len(&self) -> usize {
        self.list.len()
    }

    pub fn get(&self, number: usize) -> Option<&HostFunction> {
        self.list.get(number).map(|f| &**f)
    }

    /// The types of all functions.
    pub fn types(&self) -> impl Iterator<Item = &FuncType> {
        self.list.iter().map(|f| &f.ty)
    }

    pub fn find(&self, module: &str, name: &str) -> Option<usize> {
        self.numbers.get(module)?.get(name).copied()
    }

    /// The number of a function of the same names and type.
    pub fn same(&self, function: &HostFunction) -> Option<usize> {
        let names = |f: &HostFunction| f.module == function.module && f.name == function.name;
        let mut all = self.list.iter();
        all.position(|f| names(f) && f.ty == function.ty)
    }

    /// Adds a function that has no name to be found by.
    pub fn add_stub(&mut self, function: HostFunction) {
        self.list.push(Arc::new(function));
    }

    /// Adds a function; it replaces an earlier one of the name.
    pub fn add(&mut self, function: HostFunction) {
        let names = self.numbers.entry(function.module.clone()).or_default();
        names.insert(function.name.clone(), self.list.len());
        self.list.push(Arc::new(function));
    }
}
