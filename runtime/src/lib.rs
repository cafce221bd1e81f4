//! A native dynamic linker for wasmaot objects: maps them, resolves symbols
//! across them, relocates, runs initialisers, calls.

mod api;
mod arch;
mod backtrace;
mod builtin;
mod config;
mod dl;
pub mod error;
mod handle;
mod host;
mod link;
mod object;
mod process;
pub mod ranges;
mod space;
mod sys;
pub mod trap;
mod value;
pub mod wait;

pub use api::{Bound, Explanation, LinkMapEntry, LinkedSet, Searched, Use};
pub use arch::host_cpu;
pub use config::{Bind, Category, Config, Debugger, DlStubs, Trace, Unresolved};
pub use dl::{DlError, OpenFlags, loader_provides};
pub use error::{
    AccessError, CallError, Error, HandleError, OutOfBounds, Unresolved as UnresolvedSymbol,
};
pub use handle::{
    AsProcess, Calls, Entering, Func, Global, Memory, Scope, Table, Thread, Token, TypedFunc,
};
pub use host::{
    Args, Caller, HostAnswer, HostBody, HostEntry, HostError, HostFunction, HostFunctions,
    HostLibrary, HostResult, HostState, HostTableFunc, IntoHostFunc, MemoryId, SpawnError,
    ThreadEntry, ThreadHook, ThreadSignal, ThreadStart, WasmParam, WasmParams, WasmResults, WasmTy,
};
pub use link::{
    Candidate, Finder, InstanceId, Needed, SearchPath, Way, beside, candidates, places,
    runpath_directories,
};
pub use object::{FileId, ImageRun, Inspected, Object, PrelinkedCall, Relocation};
pub use process::{Missing, Parked, Process, ProcessId};
pub use sys::{GuestBuffers, GuestMemory, prepare_command, was_closed};
pub use value::Val;
pub use wasmaot_abi::types::{FuncType, GlobalType, MemoryType, TableType, ValType};

/// Programs of the flat ABI.
pub mod flat {
    pub use crate::process::is_flat_program as is_program;
}
