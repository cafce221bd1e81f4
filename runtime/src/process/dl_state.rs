//! What dynamic linking by the running program keeps in the process. The
//! functions are those of `dl`.
//!
//! All threads of a process share it, who hold the process; the error that `dlerror`
//! tells is a thread's own.

use std::collections::HashMap;
use std::sync::Arc;

use super::dl_lock::DlOwner;
use crate::link::Block;
use crate::object::Object;

/// The state of `<dlfcn.h>`.
#[derive(Debug, Default)]
pub(crate) struct DlState {
    /// Who may open and close libraries.
    pub owner: DlOwner,
    /// Threads that wait for constructors or finalisers which others run.
    pub waits: HashMap<u32, u32>,
    /// The errors of each thread.
    pub errors: HashMap<u32, DlErrors>,
    /// The loader is calling the program's allocator: nothing may be opened
    /// or closed.
    pub busy: bool,
    /// Number of the thread that closes something; in its finalisers, closing more is left
    /// to that.
    pub closing: Option<u32>,
    /// Instances that were ever taken out.
    pub unloaded: u64,
    pub exit: Handlers,
    /// The program's current directory, where a host knows it.
    pub directory: Option<Vec<u8>>,
    /// Names in the program's memory, by the serial number of their instance.
    pub names: HashMap<u64, Vec<(String, Block)>>,
    /// Modules that the program has given as bytes.
    pub given: Vec<Given>,
}

/// What `dlerror` tells a thread.
#[derive(Debug, Default)]
pub(crate) struct DlErrors {
    /// What it says next.
    pub next: Option<String>,
    /// What it said last, in the program's memory.
    pub told: Option<Block>,
}

/// The handlers that are still to run.
#[derive(Debug, Default)]
pub(crate) struct Handlers {
    /// In the order of their registration.
    pub list: Vec<Handler>,
    /// How many there have ever been.
    pub count: u32,
    /// Calls of `at_end` that libc will make, by the number it gives, whose
    /// handler has already run.
    pub idle: Vec<u32>,
    /// The handlers of `quick_exit`, in the places of the calls that libc will
    /// make; `None` where the handler is gone.
    pub quick: Vec<Option<Handler>>,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Handler {
    /// What libc gives to `at_end`.
    pub number: u32,
    /// Serial number of the instance.
    pub owner: u64,
    pub function: u32,
    /// Of `__cxa_atexit`'s.
    pub arg: Option<u32>,
}

/// A module that the program has given as bytes.
#[derive(Debug)]
pub(crate) struct Given {
    pub object: Arc<Object>,
    /// Serial number of its instance, once there is one.
    pub serial: Option<u64>,
}
