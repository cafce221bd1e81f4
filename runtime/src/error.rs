//! What can go wrong before wasm code runs, and in calling it.

use std::path::PathBuf;

use wasmaot_abi::types::FuncType;

use crate::backtrace::Trap;

/// Result of loading.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// A system call that failed, and what it was for.
#[derive(Debug, thiserror::Error)]
#[error("cannot {action}: {source}")]
pub struct SystemError {
    /// What was to be done.
    pub action: String,
    /// The system's answer.
    pub source: std::io::Error,
}

impl SystemError {
    pub(crate) fn new(action: impl Into<String>, source: impl Into<std::io::Error>) -> Self {
        Self {
            action: action.into(),
            source: source.into(),
        }
    }
}

/// Why objects cannot be loaded or linked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file cannot be read.
    #[error("{path}: cannot open the object: {source}; check the path and its permissions")]
    Open {
        /// The file.
        path: PathBuf,
        /// The system's answer.
        source: std::io::Error,
    },
    /// A file is not an object that this loader takes.
    #[error("{file}: {reason}; rebuild it from its module")]
    Object {
        /// The file.
        file: String,
        /// What is wrong.
        reason: String,
    },
    /// The object's code needs more than this CPU has.
    #[error(
        "{file}: needs CPU features that this machine has not: {}; rebuild it from its module for this machine, or for any", .missing.join(", ")
    )]
    Cpu {
        /// The file.
        file: String,
        /// Names of the features.
        missing: Vec<&'static str>,
    },
    /// A needed library is nowhere.
    #[error("{by}: needed library `{name}` not found")]
    LibraryNotFound {
        /// Name of the library.
        name: String,
        /// The object that needs it.
        by: String,
    },
    /// Finding or building a needed library failed.
    #[error("{by}: needed library `{name}`: {source}")]
    Library {
        /// Name of the library.
        name: String,
        /// The object that needs it.
        by: String,
        /// Why.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// Symbols without a definition.
    #[error("{}", unresolved(.0))]
    Unresolved(Vec<Unresolved>),
    /// An object that threads cannot run, in a process that may have several.
    #[error(
        "{file}: is not compiled for threads: it has no shared memory, as {other} has; link it with --shared-memory"
    )]
    NotForThreads {
        /// The object.
        file: String,
        /// One with a shared memory.
        other: String,
    },
    /// A function's definition has another type than its import.
    #[error(
        "{importer}: imports function `{symbol}` as {wanted}, but {definer} defines it as {found}; rebuild one of them from matching sources"
    )]
    FunctionType {
        /// The symbol.
        symbol: String,
        /// The importing object.
        importer: String,
        /// The import's type.
        wanted: Box<FuncType>,
        /// The defining object.
        definer: String,
        /// The definition's type.
        found: Box<FuncType>,
    },
    /// A definition does not match its import in another way.
    #[error(
        "{importer}: imports `{symbol}` as {wanted}, but {definer} defines it as {found}; rebuild one of them from matching sources"
    )]
    Mismatch {
        /// The symbol.
        symbol: String,
        /// The importing object.
        importer: String,
        /// What the import asks for.
        wanted: String,
        /// The defining object.
        definer: String,
        /// What the definition is.
        found: String,
    },
    /// A library does not use the copy of its data that main has.
    #[error(
        "{library}: refers to its own `{symbol}`, not to the copy in {main}: it was linked with -Bsymbolic, or the symbol is hidden in it; rebuild it without, or compile the program with -fPIC"
    )]
    OwnData {
        /// The library.
        library: String,
        /// The symbol.
        symbol: String,
        /// The object with the copy.
        main: String,
    },
    /// Two function types have the same identity.
    #[error(
        "{file}: the function types {a} and {b} have the same identity {id:#x} and cannot be told apart; change either type"
    )]
    TypeCollision {
        /// The object with the second type.
        file: String,
        /// First type.
        a: Box<FuncType>,
        /// Second type.
        b: Box<FuncType>,
        /// Their identity.
        id: u32,
    },
    /// Something needs more memory than
    /// [`Config::max_memory`](crate::Config::max_memory) or the program itself
    /// leaves.
    #[error("{file}: {what}; allow more memory, or free some")]
    MemoryLimit {
        /// The object.
        file: String,
        /// What exceeds what.
        what: String,
    },
    /// Something needs more than another limit allows.
    #[error("{file}: {what}; {remedy}")]
    Limit {
        /// The object.
        file: String,
        /// What exceeds what.
        what: String,
        /// What to do.
        remedy: &'static str,
    },
    /// A combination that the runtime has not.
    #[error("{file}: not supported: {what}")]
    Unsupported {
        /// The object.
        file: String,
        /// What.
        what: String,
    },
    /// A system call failed.
    #[error(transparent)]
    System(#[from] SystemError),
    /// The independent check found slots of another value than expected.
    #[error(
        "{file}: relocation check failed: {reason}; this is a bug in wasmaot, please report it"
    )]
    Check {
        /// The object.
        file: String,
        /// The first slots that differ.
        reason: String,
    },
    /// The process is to stop ([`Interrupter`](crate::trap::Interrupter)).
    #[error("interrupted")]
    Interrupted,
    /// Initialisation stopped.
    #[error("{file}: {function} failed: {trap}")]
    Init {
        /// The object.
        file: String,
        /// Which function.
        function: &'static str,
        /// How it ended.
        trap: Box<Trap>,
    },
}

/// A symbol without a definition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unresolved {
    /// Import module.
    pub module: String,
    /// Name.
    pub name: String,
    /// What kind of definition is missing.
    pub kind: &'static str,
    /// The object that imports it.
    pub by: String,
}

impl Unresolved {
    /// The name, with its import module unless that is `env`.
    pub fn full_name(&self) -> String {
        wasmaot_abi::name::import(&self.module, &self.name)
    }
}

fn unresolved(list: &[Unresolved]) -> String {
    let lines = list
        .iter()
        .map(|u| format!("{}: undefined {} `{}`", u.by, u.kind, u.full_name()));
    let text = lines.collect::<Vec<_>>().join("; ");
    let them = if list.len() == 1 { "it" } else { "them" };
    format!("{text}; load the library that defines {them}")
}

/// Why a call from the host did not return.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CallError {
    /// The instance has no such export.
    #[error("{object}: no exported {kind} `{name}`")]
    NoExport {
        /// The object.
        object: String,
        /// The name.
        name: String,
        /// What was looked for.
        kind: &'static str,
    },
    /// Arguments of other number or types.
    #[error("{name}: takes {ty}, given ({given})")]
    Arguments {
        /// The function.
        name: String,
        /// Its type.
        ty: Box<FuncType>,
        /// Types of the arguments given.
        given: String,
    },
    /// The function is not there.
    #[error(transparent)]
    Handle(#[from] HandleError),
    /// The function is of another type than the caller's Rust types say.
    #[error("{name}: is of type {ty}, called as {wanted}")]
    Type {
        /// The function.
        name: String,
        /// Its type.
        ty: Box<FuncType>,
        /// The type that it was called by.
        wanted: Box<FuncType>,
    },
    /// The code stopped.
    #[error(transparent)]
    Trap(#[from] Trap),
}

impl CallError {
    /// The error that a host function returned and that nothing has caught, if
    /// it is of a type.
    pub fn downcast_ref<E: std::error::Error + 'static>(&self) -> Option<&E> {
        match self {
            Self::Trap(trap) => trap.host_error()?.downcast_ref(),
            _ => None,
        }
    }

    /// The same by value.
    ///
    /// # Errors
    /// This error, if it is none of a host function of that type, or if a copy
    /// of the [`Trap`] is somewhere else.
    pub fn downcast<E: std::error::Error + 'static>(self) -> Result<E, Self> {
        match self {
            Self::Trap(trap) => trap.downcast().map_err(Self::Trap),
            other => Err(other),
        }
    }
}

/// Why there is nothing behind a handle.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HandleError {
    /// The instance is there no more.
    #[error("the object has been unloaded")]
    Unloaded,
    /// It is of another process than the one that it is used in.
    #[error("the handle is of another process")]
    OtherProcess,
    /// A [`Caller`](crate::Caller) that is in no process.
    #[error("called outside of a process")]
    NoProcess,
    /// There is no slice of a shared memory.
    #[error(transparent)]
    Shared(#[from] SharedMemory),
}

/// Why a global, table or memory was not read or changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AccessError {
    /// It is not there.
    #[error(transparent)]
    Handle(#[from] HandleError),
    /// Part of the access is outside.
    #[error(transparent)]
    OutOfBounds(#[from] OutOfBounds),
    /// The global cannot be set.
    #[error("the global is immutable")]
    Immutable,
    /// An atomic access to part of a word and part of the next.
    #[error("an atomic access at {at:#x} is not aligned")]
    Unaligned {
        /// Linear address.
        at: u64,
    },
    /// The value is of another type.
    #[error("a value of type {given} for one of type {ty}")]
    Type {
        /// The type that it has to be of.
        ty: wasmaot_abi::types::ValType,
        /// The value's.
        given: wasmaot_abi::types::ValType,
    },
}

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

/// Bytes were asked for by reference of a memory whose bytes other threads may
/// be changing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the linear memory is shared with other threads, so there can be no slice of its bytes; \
     copy them by `view`"
)]
pub struct SharedMemory;

/// Why a library could not be opened, a symbol not be found.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DlError {
    /// The library or one that it needs.
    #[error(transparent)]
    Load(#[from] Error),
    /// Flags that say neither when to bind nor anything sensible.
    #[error("dlopen: {0:#x} is no mode; give RTLD_LAZY or RTLD_NOW")]
    Mode(u32),
    /// It is not there and was not to be loaded.
    #[error("{0}: not loaded")]
    NotLoaded(String),
    /// A module is placed once.
    #[error("{0:#x}: the module is instantiated already")]
    Instantiated(u32),
    /// The process has no program to open libraries for.
    #[error("the program is not linked dynamically: it can open nothing")]
    NoProgram,
    /// A handle that stands for nothing (any more).
    #[error("{0:#x} is not the handle of an open library")]
    Handle(u32),
    /// No object of the scope defines it.
    #[error("undefined symbol: {name} (in {place})")]
    Undefined {
        /// The symbol.
        name: String,
        /// Where it was looked for.
        place: String,
    },
    /// It is something that has no address.
    #[error("{name}: is a {kind}, which has no address")]
    NoAddress {
        /// The symbol.
        name: String,
        /// What it is.
        kind: &'static str,
    },
    /// Another thread has closed it, once too often, before this one had opened it.
    #[error("the library was closed by another thread while it was opened")]
    Closed,
    /// Called from within the program's allocator, which the loader has called.
    #[error("a library cannot be opened or closed by the allocator")]
    Busy,
}
