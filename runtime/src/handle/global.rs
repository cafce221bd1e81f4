//! Globals by handle.

use wasmaot_abi::object::{SymbolKind, SymbolRecord};
use wasmaot_abi::types::GlobalType;

use super::{AsProcess, Export, Token};
use crate::error::{AccessError, HandleError};
use crate::link::InstanceId;
use crate::link::Target;
use crate::process::Process;
use crate::value::Val;

/// An exported global of a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Global {
    export: Export,
    ty: GlobalType,
}

impl Global {
    /// An exported global, as [`Process::global`], also from a host function.
    ///
    /// # Errors
    /// [`HandleError::NoProcess`].
    pub fn find(
        process: &impl AsProcess,
        id: InstanceId,
        name: &str,
    ) -> Result<Option<Self>, HandleError> {
        Ok(process.as_process(Token(()))?.global(id, name))
    }

    /// The global's type.
    pub const fn ty(&self) -> GlobalType {
        self.ty
    }

    /// The value.
    ///
    /// # Errors
    /// [`HandleError`].
    pub fn get(&self, process: &impl AsProcess) -> Result<Val, HandleError> {
        let process = process.as_process(Token(()))?;
        self.export.check(process)?;
        process
            .view()
            .global_value(self.export.target)
            .ok_or(HandleError::Unloaded)
    }

    /// Sets the value.
    ///
    /// # Errors
    /// [`AccessError::Immutable`], [`AccessError::Type`]: functions and
    /// exceptions have to be the process's own. [`HandleError`].
    pub fn set(&self, process: &mut impl AsProcess, value: Val) -> Result<(), AccessError> {
        let process = process.as_process_mut(Token(()))?;
        self.export.check(process)?;
        if !self.ty.mutable {
            return Err(AccessError::Immutable);
        }
        if !process.is_of(value, self.ty.val) {
            return Err(AccessError::Type {
                ty: self.ty.val,
                given: value.ty(),
            });
        }
        process
            .set_global(self.export.target, value)
            .ok_or(HandleError::Unloaded)?;
        Ok(())
    }
}

impl Process {
    /// An exported global.
    pub fn global(&self, id: InstanceId, name: &str) -> Option<Global> {
        let export = Export::find(self, id, name, SymbolKind::Global)?;
        let ty = self.global_type(export.target)?;
        Some(Global { export, ty })
    }

    /// Value of an exported global.
    pub fn global_get(&self, id: InstanceId, name: &str) -> Option<Val> {
        self.global(id, name)?.get(self).ok()
    }

    fn global_type(&self, target: Target) -> Option<GlobalType> {
        let Target::Symbol { instance, symbol } = target else {
            return None;
        };
        let object = &self.link.instances.get(instance)?.object;
        object.global_type(object.symbol(symbol).record)
    }

    fn set_global(&mut self, target: Target, value: Val) -> Option<()> {
        let Target::Symbol { instance, symbol } = target else {
            return None;
        };
        let definer = self.link.instances.get(instance)?;
        let symbol = definer.object.symbol(symbol);
        if let Some(at) = self.view().thread_offset_of(target) {
            let locals = &mut self.space.locals;
            return match symbol.record.flags & SymbolRecord::STACK_POINTER {
                0 => locals.write(at, value.ty().bytes(), value.bits()),
                _ => {
                    locals.set_stack_pointer(value.bits() as u64);
                    Some(())
                }
            };
        }
        if symbol.record.flags & SymbolRecord::STACK_POINTER != 0 {
            let bits = value.bits() as u64;
            self.space.domains[definer.domain].update(|context| context.stack_pointer = bits);
            return Some(());
        }
        let bytes = value.bits().to_le_bytes();
        let bytes = &bytes[..value.ty().bytes() as usize];
        definer.write_bytes(symbol.value, bytes).ok()
    }
}
