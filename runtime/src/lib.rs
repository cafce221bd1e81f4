//! A native dynamic linker for wasmaot objects: maps them, resolves symbols
//! across them, relocates, runs initialisers, calls.

mod arch;
mod builtin;
mod config;
mod dl;
mod dyninfo;
pub mod error;
mod explain;
mod exports;
pub mod flat;
mod handle;
mod host;
mod link;
mod link_map;
mod object;
mod prelink;
mod process;
pub mod ranges;
mod space;
mod sys;
pub mod trap;
mod value;
pub mod wait;

pub use arch::host_cpu;
pub use config::{Bind, Category, Config, DlStubs, Missing, Trace, Unresolved};
pub use dl::{DlError, OpenFlags, loader_provides};
pub use error::{AccessError, CallError, Error, HandleError, Unresolved as UnresolvedSymbol};
pub use explain::{Explanation, Searched, Use};
pub use handle::{AsProcess, Func, Global, Memory, OutOfBounds, Table, TypedFunc};
pub use host::{
    Args, Caller, HostBody, HostEntry, HostError, HostFunction, HostFunctions, HostLibrary,
    HostResult, IntoHostFunc, MemoryId, WasmParam, WasmParams, WasmResults, WasmTy,
};
pub use link::{Candidate, Finder, InstanceId, Needed, SearchPath, Way, beside, candidates};
pub use link_map::LinkMapEntry;
pub use object::{FileId, ImageRun, Object, PrelinkedCall, Relocation};
pub use prelink::{Bound, LinkedSet};
pub use process::Process;
pub use sys::{prepare_command, was_closed};
pub use value::Val;
pub use wasmaot_abi::types::{FuncType, GlobalType, MemoryType, TableType, ValType};
