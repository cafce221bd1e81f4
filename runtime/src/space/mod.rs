//! The address space of a process: its domains with their memories and tables,
//! the area that all code lies in, and the stubs there.
//!
//! All threads of a process share it. Once there are several, one lock covers
//! the code area, the stubs, and the lists of domains and tables; the linker
//! takes it after the lock of the link state. Descriptors of memories and
//! tables are read by compiled code without a lock and grow by atomic stores;
//! the budget is atomic already.

mod domain;
mod stubs;

use std::collections::HashMap;
use std::sync::Arc;

pub(crate) use domain::{ContextHeader, Domain, DomainLayout, ExtraTable};
pub(crate) use stubs::{Key, Stubs};

use crate::error::Result;
use crate::sys::{Budget, CodeArea, SystemError};

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
}

impl AddressSpace {
    /// An empty address space whose memories may come to so many bytes together.
    pub fn new(max_memory: u64) -> Result<Self, SystemError> {
        Ok(Self {
            budget: Arc::new(Budget::new(max_memory)),
            code: CodeArea::new()?,
            stubs: Stubs::default(),
            domains: Vec::new(),
            tables: Vec::new(),
            memories: HashMap::new(),
        })
    }

    /// Address of a stub; `make` gives its code for an address.
    pub fn stub(&mut self, key: Key, make: impl Fn(u64) -> Vec<u8>) -> Result<u64> {
        self.stubs.place(&mut self.code, key, make)
    }
}
