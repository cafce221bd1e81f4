//! The address space of a process: its domains with their memories and tables,
//! the area that all code lies in, the stubs there, and the windows of threads.
//!
//! All threads of a process share it, and whoever holds the process changes it.
//! Descriptors of memories and tables are read by compiled code without a lock and grow
//! by atomic stores; the budget is atomic.

mod domain;
mod stubs;
mod tls;

use std::collections::HashMap;
use std::sync::Arc;

use wasmaot_abi::builtin::Builtin;
use wasmaot_abi::exception::LOADER_TAGS;

pub(crate) use domain::{Domain, DomainLayout, ExtraTable};
pub(crate) use stubs::{Key, Stubs};
pub(crate) use tls::ThreadLocals;

use crate::error::Result;
use crate::sys::{Budget, CodeArea, Window, live};

/// The address space of a process.
#[derive(Debug)]
pub(crate) struct AddressSpace {
    /// What everything that the program makes grow counts against.
    pub budget: Arc<Budget>,
    /// The area of all images and stubs.
    pub code: CodeArea,
    pub stubs: Stubs,
    pub domains: Vec<Domain>,
    /// Tables that are not the primary table of a domain.
    pub tables: Vec<ExtraTable>,
    /// Domains of memories that are not memory 0 where they are defined, by the
    /// address of their descriptor.
    pub memories: HashMap<u64, usize>,
    /// What each thread has of its own.
    pub locals: ThreadLocals,
    /// What of the runtime compiled code refers to.
    pub anchors: Anchors,
}

/// Addresses in the runtime that compiled code refers to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Anchors {
    /// What `FuncRef.record` is relative to.
    pub code_base: u64,
    /// Identities of the tags that the loader provides.
    pub tags: [u64; LOADER_TAGS.len()],
    /// The address of a built-in function, and whether it has to run on the
    /// host's stack.
    pub builtin: fn(Builtin) -> (u64, bool),
}

impl AddressSpace {
    /// An empty address space around a code area. `window`: that of the first
    /// thread.
    pub fn new(code: CodeArea, window: Arc<Window>, budget: Arc<Budget>, anchors: Anchors) -> Self {
        Self {
            locals: ThreadLocals::new(window, Arc::clone(&budget)),
            budget,
            code,
            anchors,
            stubs: Stubs::default(),
            domains: Vec::new(),
            tables: Vec::new(),
            memories: HashMap::new(),
        }
    }

    /// Address of a stub; `make` gives its code for an address.
    pub fn stub(&mut self, key: Key, make: impl Fn(u64) -> Vec<u8>) -> Result<u64> {
        self.stubs.place(&mut self.code, key, make)
    }

    /// Makes a domain; its number.
    pub fn new_domain(&mut self, layout: DomainLayout) -> Result<usize> {
        let domain = Domain::new(layout, self.anchors.code_base, Arc::clone(&self.budget))?;
        self.domains.push(domain);
        Ok(self.domains.len() - 1)
    }

    /// Descriptors of all tables of functions.
    pub fn function_tables(&self) -> impl Iterator<Item = u64> {
        let primary = self.domains.iter().filter(|d| d.table.is_some());
        let extra = self.tables.iter().filter(|t| t.ty.elem.is_function_ref());
        primary.map(Domain::table_desc).chain(extra.map(|t| t.desc))
    }

    /// Clears the table entries whose function's code or record is at an address that
    /// is `gone`.
    pub fn clear_tables(&self, gone: impl Fn(u64) -> bool) {
        let area = self.code.range().start;
        for desc in self.function_tables() {
            // SAFETY: the descriptor is a live table's of this address space.
            unsafe {
                live::table_clear(desc, |entry| {
                    gone(entry.code) || gone(area + u64::from(entry.record))
                });
            }
        }
    }
}
