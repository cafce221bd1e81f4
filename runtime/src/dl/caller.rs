//! Opening and closing libraries by host functions.

#[cfg(doc)]
use super::DlError;
use super::OpenFlags;
use crate::host::{Caller, HostError};
use crate::link::InstanceId;
#[cfg(doc)]
use crate::process::Process;

impl Caller<'_> {
    /// Opens a library, as [`Process::open`].
    ///
    /// # Errors
    /// [`DlError`] as an error of this function.
    pub fn open(&mut self, name: &str, flags: OpenFlags) -> Result<InstanceId, HostError> {
        Ok(self.process_mut()?.open(name, flags)?)
    }

    /// Closes a library, as [`Process::close`].
    ///
    /// # Errors
    /// As [`Caller::open`]; a finaliser's trap.
    pub fn close(&mut self, library: InstanceId) -> Result<(), HostError> {
        Ok(self.process_mut()?.close(library)??)
    }
}
