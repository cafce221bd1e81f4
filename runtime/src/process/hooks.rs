//! What the floors above the process do for it: it calls them by these, so
//! that it need not know them.

use std::fmt;

use wasmaot_abi::types::FuncType;

use super::Process;
use crate::error::Unresolved;
use crate::host::{HostError, HostFunction, no_process};

/// Functions of upper floors.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Hooks {
    /// Binds the slot of a number at its first call; the function's address.
    pub bind: fn(&mut Process, u64) -> Result<u64, HostError>,
    /// The function of a module whose functions take the types of their
    /// imports.
    pub typed: fn(&str, &str, &FuncType) -> Option<HostFunction>,
    /// The function that is called in the place of a lazy one of a `dyninfo`
    /// module, by the number of its forwarder.
    pub forward: fn(usize, FuncType) -> HostFunction,
}

impl Default for Hooks {
    /// Those of a process above which there is nothing.
    fn default() -> Self {
        Self {
            bind: |_, _| Err(no_process()),
            typed: |_, _, _| None,
            forward: |_, ty| HostFunction::new("", "", ty, |_, _, _| Err(no_process())),
        }
    }
}

/// Asked for a function that no object defines when it is first called, or
/// whose library cannot be loaded.
pub type Missing = Box<dyn Fn(&Unresolved, &FuncType) -> Option<HostFunction> + Send>;

/// [`Missing`], for a process that can be printed.
pub(crate) struct BoxedMissing(pub Missing);

impl fmt::Debug for BoxedMissing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Missing")
    }
}
