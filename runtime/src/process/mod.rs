//! A process: what is loaded ([`LinkState`]), where it is ([`AddressSpace`]),
//! what it can call of the host ([`Hosts`]) and what runs it ([`ThreadState`]).
//! Everything is given back when it is dropped.
//!
//! | file | |
//! |---|---|
//! | `lend` | threads of the host that have it together |
//! | `load` | linking, and what runs before and after it |
//! | `find` | libraries, found before they are linked |
//! | `debugger`, `core_dump` | what debuggers see, and what is left for them |
//! | `rooms` | room for opened libraries |
//! | `heap` | memory from the program's allocator |
//! | `init` | initialisers, in order |
//! | `c_tls` | thread-local data of C |
//! | `flat` | programs of the flat ABI |
//! | `call` | calls of functions by the host |
//! | `lock`, `claim` | who holds the process, and how host calls get it |
//! | `shared` | what threads use without holding it |
//! | `halted` | what other threads use |
//! | `spawn`, `park` | starting threads; waiting for each other |
//! | `thread`, `threads` | what is a thread's own; how threads end |
//! | `host_table` | the host's functions as linking sees them |
//! | `hooks` | what upper floors do for the process |
//! | `dl_state`, `dl_lock` | what `<dlfcn.h>` keeps, and who may change what is loaded |

mod c_tls;
mod call;
mod claim;
mod code_map;
mod core_dump;
mod debugger;
mod dl_lock;
mod dl_state;
mod find;
mod flat;
mod halted;
pub(crate) mod heap;
mod hooks;
mod host_table;
mod init;
mod lend;
mod load;
mod lock;
pub(crate) mod park;
mod rooms;
mod shared;
mod spawn;
mod thread;
mod threads;
mod wasm_dump;
mod wasm_frames;

use std::any::Any;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

pub use flat::is_program as is_flat_program;
pub use hooks::Missing;
pub use park::Parked;

pub(crate) use c_tls::BASE as TLS_BASE;
pub(crate) use claim::Claim;
pub(crate) use dl_state::{DlState, Given, Handler};
use find::FoundAhead;
pub(crate) use flat::can_be_opened;
pub(crate) use hooks::{BoxedMissing, Hooks};
pub(crate) use lend::LentThread;
pub(crate) use rooms::give_back;
pub(crate) use shared::Shared;
use thread::ThreadState;
pub(crate) use threads::MAIN as MAIN_THREAD;

use crate::builtin;
use crate::config::Config;
use crate::error::Result;
use crate::host::Hosts;
use crate::link::{Finder, InstanceId, LinkState, Overrides};
use crate::space::{AddressSpace, Anchors, Domain};
use crate::sys::{Budget, CodeArea};
use c_tls::TlsBlocks;

/// A process.
#[derive(Debug)]
pub struct Process {
    /// What tells handles of this process from those of others.
    id: ProcessId,
    pub(crate) config: Config,
    /// What is loaded and bound.
    pub(crate) link: LinkState,
    /// Where it is.
    pub(crate) space: AddressSpace,
    /// What it can call of the host.
    pub(crate) hosts: Hosts,
    /// What its threads use without holding it.
    pub(crate) shared: Arc<Shared>,
    /// The thread that the embedder's calls run on.
    pub(crate) thread: ThreadState,
    /// Whether threads of the host have it together.
    is_lent: bool,
    /// Who finds libraries.
    pub(crate) finder: Option<BoxedFinder>,
    /// What it has found already.
    found_ahead: FoundAhead,
    /// Who is asked for functions that nothing defines.
    pub(crate) missing: Option<BoxedMissing>,
    /// What dynamic linking by the program keeps.
    pub(crate) dl: DlState,
    /// Threads' copies of data of C.
    pub(crate) tls: TlsBlocks,
    /// What the embedder keeps with the process.
    pub(crate) data: Box<dyn Any + Send>,
}

/// A process among all that there ever were.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ProcessId(u64);

impl ProcessId {
    /// That of a new process.
    fn new() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        Self(NEXT.fetch_add(1, Ordering::Relaxed))
    }
}

/// Who finds libraries.
pub(crate) struct BoxedFinder(pub Box<dyn Finder + Send>);

impl fmt::Debug for BoxedFinder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Finder")
    }
}

impl Process {
    /// An empty process, with what is above it.
    ///
    /// # Errors
    /// If the system has no room for its stack and code area.
    pub(crate) fn bare(config: Config, hooks: Hooks, overrides: Overrides) -> Result<Self> {
        let (code, window) = CodeArea::with_window(config.stack_size)?;
        let budget = Arc::new(Budget::new(config.max_memory));
        let shared = Shared::new(code.range(), Arc::clone(&budget), &config);
        let window = Arc::new(window);
        let thread = ThreadState::new(Arc::clone(&window), threads::MAIN, &shared);
        let anchors = Anchors {
            code_base: code.range().start,
            tags: std::array::from_fn(|number| shared.exceptions.tag(number)),
            builtin: builtin::address,
        };
        let mut hosts = Hosts::default();
        hosts.hooks = hooks;
        Ok(Self {
            id: ProcessId::new(),
            data: Box::new(()),
            config,
            link: LinkState::new(overrides),
            space: AddressSpace::new(code, window, budget, anchors),
            hosts,
            shared,
            thread,
            is_lent: false,
            finder: None,
            found_ahead: FoundAhead::default(),
            missing: None,
            dl: DlState::default(),
            tls: TlsBlocks::default(),
        })
    }

    /// What tells this process from all others.
    pub const fn id(&self) -> ProcessId {
        self.id
    }

    pub(crate) fn domain_of(&self, id: InstanceId) -> Option<&Domain> {
        let number = self.link.instances.number(id)?;
        self.space.domains.get(self.link.instances[number].domain)
    }

    pub(crate) fn domain_of_mut(&mut self, id: InstanceId) -> Option<&mut Domain> {
        let number = self.link.instances.number(id)?;
        self.space
            .domains
            .get_mut(self.link.instances[number].domain)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if self.shared.lock.is_used() {
            self.end_threads(false);
            self.shared.threads.forget_idle();
        }
    }
}
