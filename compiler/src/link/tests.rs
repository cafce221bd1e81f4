//! Link edit of modules made by hand, read back with another ELF reader.

use std::collections::HashMap;

use wasmaot_abi::linking::Linking;

use crate::module::Module;

/// A module with nothing in it.
pub(super) fn module() -> Module<'static> {
    Module {
        source: "test.wasm".into(),
        linking: Linking::core(),
        types: Vec::new(),
        imports: Vec::new(),
        funcs: Vec::new(),
        tables: Vec::new(),
        memories: Vec::new(),
        globals: Vec::new(),
        exports: Vec::new(),
        start: None,
        elements: Vec::new(),
        data: Vec::new(),
        bodies: Vec::new(),
        funcrefs: Vec::new(),
        names: HashMap::new(),
    }
}
