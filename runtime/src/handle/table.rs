//! Tables by handle.

use wasmaot_abi::object::SymbolKind;
use wasmaot_abi::types::TableType;

use super::{AsProcess, Export, Token};
use crate::error::HandleError;
use crate::link::InstanceId;
use crate::process::Process;
use crate::value::Val;

/// An exported table of a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Table {
    export: Export,
}

impl Table {
    /// An exported table, as [`Process::table`], also from a host function.
    ///
    /// # Errors
    /// [`HandleError::NoProcess`].
    pub fn find(
        process: &impl AsProcess,
        id: InstanceId,
        name: &str,
    ) -> Result<Option<Self>, HandleError> {
        Ok(process.as_process(Token(()))?.table(id, name))
    }

    /// The table's type as it is declared.
    ///
    /// # Errors
    /// [`HandleError`].
    pub fn ty(&self, process: &impl AsProcess) -> Result<TableType, HandleError> {
        let process = process.as_process(Token(()))?;
        self.export.check(process)?;
        let table = process.view().table_of(self.export.target);
        table.map(|(_, ty)| ty).ok_or(HandleError::Unloaded)
    }

    /// Number of entries.
    ///
    /// # Errors
    /// [`HandleError`].
    pub fn size(&self, process: &impl AsProcess) -> Result<u64, HandleError> {
        let process = process.as_process(Token(()))?;
        self.export.check(process)?;
        process
            .view()
            .table_size(self.export.target)
            .ok_or(HandleError::Unloaded)
    }

    /// An entry; `None` where the table has none of that index.
    ///
    /// # Errors
    /// [`HandleError`].
    pub fn get(&self, process: &impl AsProcess, index: u64) -> Result<Option<Val>, HandleError> {
        let process = process.as_process(Token(()))?;
        let ty = self.ty(process)?;
        let entry = process.view().table_entry(self.export.target, index);
        Ok(entry.map(|word| Val::from_bits(ty.elem, word.into())))
    }
}

impl Process {
    /// An exported table.
    pub fn table(&self, id: InstanceId, name: &str) -> Option<Table> {
        let export = Export::find(self, id, name, SymbolKind::Table)?;
        self.view().table_of(export.target)?;
        Some(Table { export })
    }
}
