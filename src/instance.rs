//! Loaded objects: their exports by handle, their memory.

use wasmaot_runtime::{
    CallError, Func, Global, HandleError, InstanceId, Memory, ProcessId, Table, TypedFunc,
    WasmParams, WasmResults,
};

use crate::process::Context;

/// A loaded object of a process. One that has been unloaded since, and one of
/// another process, is an error wherever it is used.
///
/// Exports are looked up by name once, and used by their handles from then on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Instance {
    pub(crate) process: ProcessId,
    pub(crate) id: InstanceId,
}

impl Instance {
    /// An exported function.
    ///
    /// # Errors
    /// [`CallError::NoExport`], [`CallError::Handle`].
    pub fn func(self, process: &mut impl Context, name: &str) -> Result<Func, CallError> {
        let id = process.id(self)?;
        Func::find(process, id, name)
    }

    /// An exported function of Rust types: `()`, one number or a tuple of up to
    /// eight for its parameters, and for its results.
    ///
    /// # Errors
    /// [`CallError::Type`] if it is of others; as of [`Instance::func`].
    pub fn typed_func<P: WasmParams, R: WasmResults>(
        self,
        process: &mut impl Context,
        name: &str,
    ) -> Result<TypedFunc<P, R>, CallError> {
        let id = process.id(self)?;
        TypedFunc::find(process, id, name)
    }

    /// An exported global; `None` if there is none of the name.
    ///
    /// # Errors
    /// [`HandleError`].
    pub fn global(self, process: &impl Context, name: &str) -> Result<Option<Global>, HandleError> {
        let id = process.id(self)?;
        Global::find(process, id, name)
    }

    /// An exported memory; `None` if there is none of the name.
    ///
    /// # Errors
    /// [`HandleError`].
    pub fn memory(self, process: &impl Context, name: &str) -> Result<Option<Memory>, HandleError> {
        let id = process.id(self)?;
        Memory::find(process, id, name)
    }

    /// An exported table; `None` if there is none of the name.
    ///
    /// # Errors
    /// [`HandleError`].
    pub fn table(self, process: &impl Context, name: &str) -> Result<Option<Table>, HandleError> {
        let id = process.id(self)?;
        Table::find(process, id, name)
    }
}
