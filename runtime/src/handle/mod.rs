//! Handles: exports of instances, each looked up by its name once.
//!
//! A handle holds no reference. It names the process and the instances that it
//! is of by numbers that are never used again, and every use compares these
//! first: a handle that outlives what it stands for is an error.

mod func;
mod global;
mod memory;
mod scope;
mod table;

use wasmaot_abi::object::SymbolKind;

use crate::error::HandleError;
use crate::host::Caller;
use crate::link::InstanceId;
use crate::link::Target;
use crate::process::{Process, ProcessId};
use crate::trap::ThreadSpace;

pub use func::{Func, TypedFunc};
pub use global::Global;
pub use memory::Memory;
pub use scope::{Scope, Thread};
pub use table::Table;

/// Where handles can be used: a [`Process`], or the [`Caller`] of a host
/// function, which stands for its process; and what is one of these inside.
///
/// # Safety
/// Both methods answer what the [`Process`] or [`Caller`] inside does, given the
/// same token, and do nothing else with it: whoever has a token can put another
/// process in the place of one that runs.
pub unsafe trait AsProcess {
    /// The process.
    #[doc(hidden)]
    fn as_process(&self, token: Token) -> Result<&Process, HandleError>;
    /// The process, to change.
    #[doc(hidden)]
    fn as_process_mut(&mut self, token: Token) -> Result<&mut Process, HandleError>;
}

/// Where functions can be called by their handles: where handles can be used
/// ([`AsProcess`]), and a [`Thread`] of a [`Scope`].
///
/// # Safety
/// As of [`AsProcess`]: the method does what that of the [`Process`], [`Caller`] or
/// [`Thread`] inside does, given the same token.
pub unsafe trait Calls {
    /// Has the closure enter code of the process.
    #[doc(hidden)]
    fn entering<R>(
        &mut self,
        token: Token,
        enter: impl FnOnce(Entering<'_>) -> R,
    ) -> Result<R, HandleError>;
}

// SAFETY: it hands on the process of what it is.
unsafe impl<C: AsProcess> Calls for C {
    #[inline]
    fn entering<R>(
        &mut self,
        token: Token,
        enter: impl FnOnce(Entering<'_>) -> R,
    ) -> Result<R, HandleError> {
        let process = self.as_process_mut(token)?;
        Ok(enter(Entering {
            process,
            space: None,
        }))
    }
}

/// A process whose code is to be entered, and where.
#[derive(Debug)]
pub struct Entering<'a> {
    process: &'a mut Process,
    /// The thread; none: the one whose wasm code has called the host, or else the
    /// process's first.
    space: Option<&'a ThreadSpace>,
}

/// Keeps the methods of [`AsProcess`] to this crate: with them, a host function
/// could put another process in the place of its own.
#[derive(Debug)]
pub struct Token(());

// SAFETY: it answers itself.
unsafe impl AsProcess for Process {
    #[inline]
    fn as_process(&self, _: Token) -> Result<&Process, HandleError> {
        Ok(self)
    }

    #[inline]
    fn as_process_mut(&mut self, _: Token) -> Result<&mut Process, HandleError> {
        Ok(self)
    }
}

// SAFETY: it answers its process.
unsafe impl AsProcess for Caller<'_> {
    #[inline]
    fn as_process(&self, _: Token) -> Result<&Process, HandleError> {
        self.process().map_err(|_| HandleError::NoProcess)
    }

    #[inline]
    fn as_process_mut(&mut self, _: Token) -> Result<&mut Process, HandleError> {
        self.process_mut().map_err(|_| HandleError::NoProcess)
    }
}

/// An export, as a handle names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Export {
    process: ProcessId,
    /// The instance that exports it.
    exporter: InstanceId,
    /// The instance that defines it, whose code or data it is.
    definer: InstanceId,
    target: Target,
}

impl Export {
    /// What an instance exports under a name, if it is of the kind.
    fn find(process: &Process, id: InstanceId, name: &str, kind: SymbolKind) -> Option<Self> {
        let number = process.link.instances.number(id)?;
        let own = process.view().export(number, name, kind);
        let target = own.or_else(|| process.view().shared_export(number, name, kind))?;
        let definer = match target {
            Target::Symbol { instance, .. } => process.link.instances.id(instance),
            _ => id,
        };
        Some(Self {
            process: process.id(),
            exporter: id,
            definer,
            target,
        })
    }

    /// Whether it is still there, in that process.
    #[inline]
    fn check(&self, process: &Process) -> Result<(), HandleError> {
        if process.id() != self.process {
            return Err(HandleError::OtherProcess);
        }
        let is_there = |id| process.link.instances.number(id).is_some();
        if !is_there(self.definer) || self.exporter != self.definer && !is_there(self.exporter) {
            return Err(HandleError::Unloaded);
        }
        Ok(())
    }
}

/// Whether a process may go from thread to thread, and a caller may not, is part
/// of what they promise.
const _: () = {
    const fn is_send<T: Send>() {}
    is_send::<Process>();

    /// Has one way to be called for what is not `Send`, and two for what is.
    trait NotSend<Way> {
        const OK: () = ();
    }
    struct Any;
    struct Sent;
    impl<T: ?Sized> NotSend<Any> for T {}
    impl<T: ?Sized + Send> NotSend<Sent> for T {}
    let () = <Caller<'_> as NotSend<_>>::OK;
};
