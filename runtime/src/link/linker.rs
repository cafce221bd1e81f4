//! What the phases of linking work on: parts of a process, to change
//! ([`Linker`]) or to look at ([`View`]).

use super::host_table::HostTable;
use super::state::LinkState;
use crate::config::Config;
use crate::error::{Error, Result};
use crate::space::AddressSpace;
use crate::sys::interrupt::Interrupter;

/// The parts of a process that linking changes.
#[derive(Debug)]
pub(crate) struct Linker<'a> {
    pub config: &'a Config,
    pub interrupter: &'a Interrupter,
    pub state: &'a mut LinkState,
    pub space: &'a mut AddressSpace,
    pub hosts: &'a mut dyn HostTable,
}

/// The same parts, to look at.
#[derive(Clone, Copy, Debug)]
pub(crate) struct View<'a> {
    pub config: &'a Config,
    pub interrupter: &'a Interrupter,
    pub state: &'a LinkState,
    pub space: &'a AddressSpace,
    pub hosts: &'a dyn HostTable,
}

impl Linker<'_> {
    /// To look at.
    pub fn view(&self) -> View<'_> {
        View {
            config: self.config,
            interrupter: self.interrupter,
            state: self.state,
            space: self.space,
            hosts: self.hosts,
        }
    }
}

impl View<'_> {
    /// Refuses to go on if the process is to stop.
    pub fn refuse_if_interrupted(self) -> Result<()> {
        match self.interrupter.is_requested() {
            true => Err(Error::Interrupted),
            false => Ok(()),
        }
    }
}
