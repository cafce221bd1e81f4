//! What the threads of a process share without holding it.

use std::ops::Range;
use std::sync::Arc;

use super::dl_lock::Changes;
use super::lock::ProcessLock;
use super::threads::Threads;
use crate::config::Config;
use crate::sys::Budget;
use crate::trap::{Exceptions, Interrupter};

/// The part of a process that its threads use while wasm code runs. Each field has
/// its own lock, or consists of atomics.
#[derive(Debug)]
pub(crate) struct Shared {
    /// The area of objects, stubs and thunks.
    pub code: Range<u64>,
    pub interrupter: Interrupter,
    pub exceptions: Exceptions,
    /// Who holds the process.
    pub lock: ProcessLock,
    pub threads: Threads,
    pub dl_changes: Changes,
    /// Whether somebody listens to traces.
    pub is_traced: bool,
}

impl Shared {
    /// Of a process that has run nothing yet. `code`: the area of its code.
    pub fn new(code: Range<u64>, budget: Arc<Budget>, config: &Config) -> Arc<Self> {
        Arc::new(Self {
            exceptions: Exceptions::new(code.clone(), budget),
            code,
            interrupter: Interrupter::default(),
            lock: ProcessLock::default(),
            threads: Threads::new(config.max_threads, config.core_dumps),
            dl_changes: Changes::default(),
            is_traced: config.trace.is_some(),
        })
    }

    /// Whether what runs is to stop. Async-signal-safe.
    #[inline]
    pub fn is_to_stop(&self) -> bool {
        self.interrupter.state().requested()
    }
}
