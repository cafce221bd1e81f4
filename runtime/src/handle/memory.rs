//! The memories of a process, for its owner.

use std::ops::Range;

use wasmaot_abi::object::SymbolKind;
use wasmaot_abi::types::MemoryType;

use super::{AsProcess, Export, Token};
use crate::error::{AccessError, HandleError, OutOfBounds};
use crate::link::InstanceId;
use crate::process::Process;
use crate::space::Domain;
use crate::trap::Interrupter;

/// The part of a memory that an access is to.
fn range(memory: &[u8], at: u64, bytes: u64) -> Result<Range<usize>, OutOfBounds> {
    let size = memory.len() as u64;
    match at.checked_add(bytes) {
        Some(end) if end <= size => Ok(at as usize..end as usize),
        _ => Err(OutOfBounds { at, bytes, size }),
    }
}

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

    /// The bytes.
    ///
    /// # Errors
    /// [`HandleError`].
    #[inline]
    pub fn bytes<'p>(&self, process: &'p impl AsProcess) -> Result<&'p [u8], HandleError> {
        let process = process.as_process(Token(()))?;
        self.export.check(process)?;
        Ok(process.space.domains[self.domain].memory())
    }

    /// The bytes, to change.
    ///
    /// # Errors
    /// [`HandleError`].
    #[inline]
    pub fn bytes_mut<'p>(
        &self,
        process: &'p mut impl AsProcess,
    ) -> Result<&'p mut [u8], HandleError> {
        let process = process.as_process_mut(Token(()))?;
        self.export.check(process)?;
        Ok(process.space.domains[self.domain].memory_mut())
    }

    /// Number of bytes.
    ///
    /// # Errors
    /// [`HandleError`].
    pub fn size(&self, process: &impl AsProcess) -> Result<u64, HandleError> {
        self.bytes(process).map(|bytes| bytes.len() as u64)
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
        let memory = self.bytes(process)?;
        let range = range(memory, at, bytes.len() as u64)?;
        bytes.copy_from_slice(&memory[range]);
        Ok(())
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
        let memory = self.bytes_mut(process)?;
        let range = range(memory, at, bytes.len() as u64)?;
        memory[range].copy_from_slice(bytes);
        Ok(())
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
        self.shared.interrupter.clone()
    }
}
