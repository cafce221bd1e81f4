//! What is loaded, and under which names: the link map and the scopes.
//!
//! All threads of a process share it. Once there are several, `dlopen` and
//! `dlclose` change it under one lock, which is recursive because constructors
//! and finalisers may open and close libraries, and is not held while such code
//! runs on behalf of another thread. Lookups without a lock read an
//! epoch-published copy of the instances and scopes.

use std::collections::{HashMap, VecDeque};
use std::ops::Range;
use std::sync::Arc;

use super::dyninfo::Fixups;
use super::instance::Retired;
use super::instances::Instances;
use super::known_types::KnownTypes;
use super::lazy::Lazy;
use super::search::Deferred;
use super::undefined::Undefined;
use crate::object::Object;
use crate::ranges::Ranges;

/// The link state of a process.
#[derive(Debug, Default)]
pub(crate) struct LinkState {
    /// The link map.
    pub instances: Instances,
    /// Instances by the module name that they are registered under.
    pub names: HashMap<String, usize>,
    /// The global scope.
    pub scope: Vec<usize>,
    /// Instances where names of `env` are looked up after the whole program.
    pub beside: Vec<usize>,
    /// Libraries that are loaded as if main needed them.
    pub libraries: Vec<Arc<Object>>,
    /// Needed libraries that are loaded when a name is not found without them,
    /// in the order in which they would have been loaded at the start.
    pub deferred: VecDeque<Deferred>,
    /// Images of unloaded objects that may still be in use.
    pub retired: Vec<Retired>,
    /// Symbols that have an address although nothing defines them.
    pub undefined: Undefined,
    /// Every function type that the process has met.
    pub types: KnownTypes,
    /// Slots that are filled at the first call.
    pub lazy: Lazy,
    /// The dynamically linked program, once one is loaded.
    pub program: Option<Program>,
    /// What section `dyninfo` asks for and what has become of it.
    pub fixups: Fixups,
}

/// What the objects of a dynamically linked program share.
#[derive(Debug)]
pub(crate) struct Program {
    /// Number of the domain.
    pub domain: usize,
    /// The main object.
    pub main: usize,
    /// Whether its modules are of the flat ABI.
    pub flat: bool,
    /// Linear addresses left to the program's allocator.
    pub heap: Range<u64>,
    /// Linear addresses of the shadow stack.
    pub stack: Range<u64>,
    /// Table index of each function that has one, by the address of its code;
    /// `None` until somebody asks for an index.
    pub indices: Option<HashMap<u64, u64>>,
    /// Entries of the table that nobody uses.
    pub spare_entries: Ranges,
    /// Numbers of the code-address space that nobody uses.
    pub spare_codes: Ranges,
}
