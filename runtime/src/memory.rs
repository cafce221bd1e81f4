//! The memories of a process, for its owner.

use std::ops::Range;

use crate::link::InstanceId;
use crate::process::Process;
use crate::space::Domain;
use crate::trap::Interrupter;

/// An access outside of a linear memory.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{bytes} bytes at {at:#x} are outside of the linear memory of {size} bytes")]
pub struct OutOfBounds {
    /// Linear address.
    pub at: u64,
    /// Bytes from there.
    pub bytes: u64,
    /// Bytes of the memory.
    pub size: u64,
}

/// The part of a memory that an access is to.
fn range(memory: &[u8], at: u64, bytes: u64) -> Result<Range<usize>, OutOfBounds> {
    let size = memory.len() as u64;
    match at.checked_add(bytes) {
        Some(end) if end <= size => Ok(at as usize..end as usize),
        _ => Err(OutOfBounds { at, bytes, size }),
    }
}

impl Process {
    /// Linear memory 0 of an instance; nothing of one that is unloaded.
    pub fn memory_bytes(&self, id: InstanceId) -> &[u8] {
        self.domain_of(id).map_or(&[], Domain::memory)
    }

    /// Linear memory 0 of an instance, to change.
    pub fn memory_bytes_mut(&mut self, id: InstanceId) -> &mut [u8] {
        self.domain_of_mut(id).map_or(&mut [], Domain::memory_mut)
    }

    /// Reads bytes of an instance's memory.
    ///
    /// # Errors
    /// [`OutOfBounds`].
    pub fn read(&self, id: InstanceId, at: u64, bytes: u64) -> Result<&[u8], OutOfBounds> {
        let memory = self.memory_bytes(id);
        range(memory, at, bytes).map(|range| &memory[range])
    }

    /// Writes bytes into an instance's memory.
    ///
    /// # Errors
    /// [`OutOfBounds`]; nothing is written then.
    pub fn write(&mut self, id: InstanceId, at: u64, bytes: &[u8]) -> Result<(), OutOfBounds> {
        let memory = self.memory_bytes_mut(id);
        let range = range(memory, at, bytes.len() as u64)?;
        memory[range].copy_from_slice(bytes);
        Ok(())
    }

    /// Copies bytes from one instance's memory to another's, which may be the
    /// same: how modules that do not share a heap pass data.
    ///
    /// # Errors
    /// [`OutOfBounds`] of either side; nothing is written then.
    pub fn copy(
        &mut self,
        (from, at): (InstanceId, u64),
        (to, target): (InstanceId, u64),
        bytes: u64,
    ) -> Result<(), OutOfBounds> {
        range(self.memory_bytes(to), target, bytes)?;
        let data = self.read(from, at, bytes)?.to_vec();
        self.write(to, target, &data)
    }

    /// Stops the wasm code of this process from another thread.
    pub fn interrupter(&self) -> Interrupter {
        self.thread.interrupter.clone()
    }
}
