//! The memories of a process, for its owner.

use wasmaot_abi::object::SymbolKind;
use wasmaot_abi::types::MemoryType;

use super::{AsProcess, Export, Token};
use crate::error::{AccessError, HandleError, OutOfBounds, SharedMemory};
use crate::link::InstanceId;
use crate::process::Process;
use crate::space::Domain;
use crate::sys::GuestMemory;
use crate::trap::Interrupter;

/// An exported memory of a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Memory {
    export: Export,
    /// Number of its domain.
    domain: usize,
    ty: MemoryType,
}

impl Memory {
    /// An exported memory, as [`Process::memory`], also from a host function.
    ///
    /// # Errors
    /// [`HandleError::NoProcess`].
    pub fn find(
        process: &impl AsProcess,
        id: InstanceId,
        name: &str,
    ) -> Result<Option<Self>, HandleError> {
        Ok(process.as_process(Token(()))?.memory(id, name))
    }

    /// The memory's type as it is declared.
    pub const fn ty(&self) -> MemoryType {
        self.ty
    }

    fn domain<'p>(&self, process: &'p impl AsProcess) -> Result<&'p Domain, HandleError> {
        let process = process.as_process(Token(()))?;
        self.export.check(process)?;
        Ok(&process.space.domains[self.domain])
    }

    /// The memory, to copy bytes in and out, shared or not.
    ///
    /// # Errors
    /// [`HandleError`].
    #[inline]
    pub fn view<'p>(
        &self,
        process: &'p mut impl AsProcess,
    ) -> Result<GuestMemory<'p>, HandleError> {
        Ok(self.domain(process)?.view())
    }

    /// The bytes.
    ///
    /// # Errors
    /// [`HandleError`]; [`HandleError::Shared`] of a shared memory, whose bytes
    /// other threads may be changing.
    #[inline]
    pub fn bytes<'p>(&self, process: &'p impl AsProcess) -> Result<&'p [u8], HandleError> {
        match self.ty.shared {
            true => Err(SharedMemory.into()),
            false => Ok(self.domain(process)?.memory()),
        }
    }

    /// The bytes, to change.
    ///
    /// # Errors
    /// As of [`Memory::bytes`].
    #[inline]
    pub fn bytes_mut<'p>(
        &self,
        process: &'p mut impl AsProcess,
    ) -> Result<&'p mut [u8], HandleError> {
        let process = process.as_process_mut(Token(()))?;
        self.export.check(process)?;
        match self.ty.shared {
            true => Err(SharedMemory.into()),
            false => Ok(process.space.domains[self.domain].memory_mut()),
        }
    }

    /// Number of bytes.
    ///
    /// # Errors
    /// [`HandleError`].
    pub fn size(&self, process: &impl AsProcess) -> Result<u64, HandleError> {
        Ok(self.domain(process)?.view().len())
    }

    /// Copies bytes out of the memory.
    ///
    /// # Errors
    /// [`AccessError::OutOfBounds`], [`HandleError`].
    pub fn read(
        &self,
        process: &impl AsProcess,
        at: u64,
        bytes: &mut [u8],
    ) -> Result<(), AccessError> {
        Ok(self.domain(process)?.view().read(at, bytes)?)
    }

    /// Copies bytes into the memory.
    ///
    /// # Errors
    /// [`AccessError::OutOfBounds`]: nothing is written; [`HandleError`].
    pub fn write(
        &self,
        process: &mut impl AsProcess,
        at: u64,
        bytes: &[u8],
    ) -> Result<(), AccessError> {
        Ok(self.view(process)?.write(at, bytes)?)
    }

    /// Makes the memory larger by so many of its pages: the old size in pages,
    /// or `None` where its limit or the system forbids.
    ///
    /// # Errors
    /// [`HandleError`].
    pub fn grow(
        &self,
        process: &mut impl AsProcess,
        pages: u64,
    ) -> Result<Option<u64>, HandleError> {
        let process = process.as_process_mut(Token(()))?;
        self.export.check(process)?;
        let bytes = pages.checked_mul(1 << self.ty.page_log2);
        let old = bytes.and_then(|bytes| process.space.domains[self.domain].grow_memory(bytes));
        Ok(old.map(|bytes| bytes >> self.ty.page_log2))
    }
}

impl Process {
    /// An exported memory.
    pub fn memory(&self, id: InstanceId, name: &str) -> Option<Memory> {
        let export = Export::find(self, id, name, SymbolKind::Memory)?;
        let domain = self.view().memory_domain_number(export.target)?;
        let ty = self.space.domains[domain].memory?;
        Some(Memory { export, domain, ty })
    }

    /// Linear memory 0 of an instance; nothing of one that is unloaded, and
    /// nothing where the memory is shared: [`Process::memory_view`].
    pub fn memory_bytes(&self, id: InstanceId) -> &[u8] {
        let domain = self.domain_of(id).filter(|domain| !domain.is_shared());
        domain.map_or(&[], Domain::memory)
    }

    /// Linear memory 0 of an instance, to change; nothing as above.
    pub fn memory_bytes_mut(&mut self, id: InstanceId) -> &mut [u8] {
        let domain = self.domain_of_mut(id).filter(|domain| !domain.is_shared());
        domain.map_or(&mut [], Domain::memory_mut)
    }

    /// Whether linear memory 0 of an instance is shared.
    pub fn shares_memory(&self, id: InstanceId) -> bool {
        self.domain_of(id).is_some_and(Domain::is_shared)
    }

    /// Linear memory 0 of an instance, shared or not, to copy bytes in and out;
    /// an empty one of what is unloaded.
    pub fn memory_view(&mut self, id: InstanceId) -> GuestMemory<'_> {
        self.memory_of(id)
    }

    fn memory_of(&self, id: InstanceId) -> GuestMemory<'_> {
        let none = GuestMemory::of_bytes(&mut []);
        self.domain_of(id).map_or(none, Domain::view)
    }

    /// Reads bytes of an instance's memory.
    ///
    /// # Errors
    /// [`OutOfBounds`].
    pub fn read(&self, id: InstanceId, at: u64, bytes: u64) -> Result<Vec<u8>, OutOfBounds> {
        self.memory_of(id).read_vec(at, bytes)
    }

    /// Writes bytes into an instance's memory.
    ///
    /// # Errors
    /// [`OutOfBounds`]; nothing is written then.
    pub fn write(&mut self, id: InstanceId, at: u64, bytes: &[u8]) -> Result<(), OutOfBounds> {
        self.memory_of(id).write(at, bytes)
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
        self.memory_of(to).check(target, bytes)?;
        let data = self.read(from, at, bytes)?;
        self.write(to, target, &data)
    }

    /// Stops the wasm code of this process from another thread.
    pub fn interrupter(&self) -> Interrupter {
        self.shared.interrupter.clone()
    }
}
