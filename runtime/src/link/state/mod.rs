//! What is loaded, and under which names: the link map and the scopes.
//!
//! All threads of a process share it. Once there are several, `dlopen` and
//! `dlclose` change it under one lock, which is recursive because constructors
//! and finalisers may open and close libraries, and is not held while such code
//! runs on behalf of another thread. Lookups without a lock read an
//! epoch-published copy of the instances and scopes.

mod fixups;
mod instance;
mod instances;
mod known_types;
mod lazy;
mod overrides;
mod room;
pub(crate) mod undefined;

use std::collections::{HashMap, HashSet, VecDeque};
use std::ops::Range;
use std::sync::Arc;

use wasmaot_abi::context::FuncRef;

pub use instances::InstanceId;

pub(crate) use fixups::{Copied, Fixups, Forwarder, LazyFunction};
pub(crate) use instance::{Bindings, Instance, LinkerSymbol, RefCount, Retired, Target};
pub(crate) use instances::Instances;
pub(crate) use known_types::KnownTypes;
pub(crate) use lazy::{Lazy, LazySlot};
pub(crate) use overrides::Overrides;
pub(crate) use room::{Block, Room};
pub(crate) use undefined::Undefined;

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
    /// Entries that tables are to have once what is being linked can run: domain, index.
    pub unpublished: Vec<(usize, u64, FuncRef)>,
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
    /// Which functions of the host come before definitions of objects.
    pub overrides: Overrides,
    /// The first object with a memory 0 that threads share, once there has been one.
    pub for_threads: Option<String>,
}

impl LinkState {
    /// The state of a process that has loaded nothing.
    pub fn new(overrides: Overrides) -> Self {
        Self {
            overrides,
            ..Self::default()
        }
    }

    /// Whether objects run in more than one domain, so that a function may be
    /// called from another than its own.
    pub fn many_domains(&self) -> bool {
        let mut domains = self.instances.values().map(|i| i.domain);
        domains
            .next()
            .is_some_and(|first| domains.any(|d| d != first))
    }

    /// Notes the table index of a function, the first of several.
    pub fn remember_index(&mut self, domain: usize, code: u64, index: u64) {
        let program = self.program.as_mut().filter(|p| p.domain == domain);
        if let Some(indices) = program.and_then(|p| p.indices.as_mut()) {
            indices.entry(code).or_insert(index);
        }
    }

    /// Adds instances to the global scope, those that are not there yet.
    pub fn join_global(&mut self, numbers: &[usize]) {
        for &number in numbers {
            if !self.scope.contains(&number) {
                self.scope.push(number);
            }
        }
    }

    /// Whether the program is of the flat ABI.
    pub fn is_flat(&self) -> bool {
        self.program.as_ref().is_some_and(|p| p.flat)
    }

    /// The objects that an instance's names are looked up in.
    pub fn seen_by(&self, number: usize) -> Vec<usize> {
        let instance = &self.instances[number];
        let global = self.scope.iter().copied();
        // Of the library that it came with, some may be gone.
        let local = instance.local.iter().copied();
        let local = local.filter(|&n| self.instances.get(n).is_some());
        let mut all: Vec<usize> = if instance.deepbind {
            local.chain(global).collect()
        } else {
            global.chain(local).collect()
        };
        all.extend(&self.beside);
        let mut seen = HashSet::new();
        all.retain(|&n| seen.insert(n));
        all
    }
}

/// A needed library that is not loaded yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Deferred {
    /// The instance that needs it.
    pub by: usize,
    /// The name by which it does.
    pub name: String,
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

impl Program {
    /// The address that a symbol of the linker stands for.
    pub const fn address_of(&self, symbol: LinkerSymbol) -> u64 {
        match symbol {
            LinkerSymbol::HeapBase => self.heap.start,
            LinkerSymbol::HeapEnd => self.heap.end,
            LinkerSymbol::StackLow => self.stack.start,
            LinkerSymbol::StackHigh => self.stack.end,
        }
    }
}
