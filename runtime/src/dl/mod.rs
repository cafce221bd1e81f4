//! Dynamic linking while the program runs: opening and closing libraries, and
//! `<dlfcn.h>` for the program.
//!
//! | file | |
//! |---|---|
//! | `open` | libraries are opened, found again, promoted |
//! | `path` | where a program's paths begin |
//! | `symbol` | `dlsym`: the scopes, `RTLD_NEXT` |
//! | `stubs` | definitions of the program's libraries that only fail |
//! | `close` | what nobody holds any more is finalised and unloaded |
//! | `exit` | handlers of `atexit` that go with their library |
//! | `info` | `dladdr`, `dl_iterate_phdr` |
//! | `functions` | all of it as host functions with the C ABI |
//! | `thinthin` | those of `dyninfo` programs |

mod close;
pub(crate) mod exit;
mod functions;
mod info;
mod open;
mod path;
mod stubs;
mod symbol;
pub(crate) mod thinthin;

use std::collections::HashMap;

use crate::error::Error;
use crate::link::heap::Block;

pub use open::OpenFlags;

pub(crate) use functions::functions;
pub use stubs::loader_provides;

/// Import module of the functions that libraries get in the place of others.
pub(crate) const MODULE: &str = "wasmaot:dl";

/// What the process keeps for it.
#[derive(Debug, Default)]
pub(crate) struct Dl {
    /// What `dlerror` says next.
    error: Option<String>,
    /// What it said last, in the program's memory.
    told: Option<Block>,
    /// The loader is calling the program's allocator: nothing may be opened
    /// or closed.
    pub busy: bool,
    /// Something is being closed; closing more is left to that.
    closing: bool,
    /// Instances that were ever taken out.
    unloaded: u64,
    exit: exit::Handlers,
    /// The program's current directory, where a host knows it.
    pub directory: Option<Vec<u8>>,
    /// Names in the program's memory, by the serial number of their instance.
    names: HashMap<u64, Vec<(String, Block)>>,
    /// Modules that the program has given as bytes.
    given: Vec<thinthin::Given>,
}

/// Why a library could not be opened, a symbol not be found.
#[derive(Debug, thiserror::Error)]
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
    /// Called from within the program's allocator, which the loader has called.
    #[error("a library cannot be opened or closed by the allocator")]
    Busy,
}
