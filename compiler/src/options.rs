//! How to compile.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use target_lexicon::Triple;
use wasmaot_abi::machine::Machine;

use crate::profile::Profile;

/// How hard to optimise.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum OptLevel {
    /// Compile fast: no optimisation, single-pass register allocation.
    None,
    /// Optimise each function for itself.
    Less,
    /// Optimise for speed: small functions are inlined.
    #[default]
    Speed,
}

impl OptLevel {
    /// As it is asked for on a command line.
    #[must_use]
    pub fn flag(self) -> &'static str {
        match self {
            Self::None => "-O0",
            Self::Less => "-O1",
            Self::Speed => "-O2",
        }
    }
}

/// How code calls functions of other objects.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Calls {
    /// Directly, to a PLT entry. A loader can make the call a direct one.
    #[default]
    Plt,
    /// Through an address that is read from the GOT, as `-fno-plt` of C compilers.
    Got,
    /// As `call_indirect` of the function's index in the table of a dynamically
    /// linked program, where the module has it. Slower than the others: what
    /// they are compared with.
    Table,
}

/// What a compilation has to do with profiles.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Profiling {
    /// Nothing.
    #[default]
    None,
    /// The code counts its branches, in exported memories that
    /// [`Profile::add`](crate::profile::Profile::add) reads. Not of a prelinked set.
    Count,
    /// What was counted says which code is cold, in modules that it knows.
    Use(Arc<Profile>),
}

/// Options of a compilation. Those that change the output enter the build id.
#[derive(Clone, Debug)]
pub struct Options {
    /// Target: Linux on one of [`Machine::ALL`], whatever its C library.
    pub target: Triple,
    /// Set of CPU features to use ([`Cpu`](wasmaot_abi::machine::Cpu)).
    pub cpu: u64,
    /// Optimisation level.
    pub opt_level: OptLevel,
    /// How functions of other objects are called.
    pub calls: Calls,
    /// Path of the loader that the system starts for an object that is a program;
    /// `None`: it is not one to be started by the system.
    pub interpreter: Option<String>,
    /// What is to be counted, or has been.
    pub profiling: Profiling,
    /// Threads to compile with; `None`: one for each core. Does not change the output.
    pub threads: Option<usize>,
    /// Bytes of machine code that a module may become; `None`: 64 MiB, and 16
    /// bytes more for each byte of its functions, which no module comes near that
    /// is not made to. Does not change the output.
    pub max_code: Option<u64>,
    /// Check the compiler's own intermediate code; for tests.
    pub verify: bool,
    /// Where to count the functions compiled, for another thread to watch, which
    /// may also end the compilation.
    pub progress: Option<Arc<Progress>>,
}

/// How far a compilation has come.
#[derive(Debug, Default)]
pub struct Progress {
    /// Functions compiled.
    pub done: AtomicU32,
    /// Functions to compile; 0 while not yet known.
    pub total: AtomicU32,
    stopped: AtomicBool,
}

impl Progress {
    /// Has the compilation end with [`Error::Stopped`](crate::Error::Stopped),
    /// as soon as the functions that are compiled just now are done.
    pub fn stop(&self) {
        self.stopped.store(true, Ordering::Relaxed);
    }

    /// Whether it is to end.
    pub(crate) fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::Relaxed)
    }
}

impl Default for Options {
    /// For the host's architecture, baseline CPU.
    fn default() -> Self {
        Self {
            target: Triple::host(),
            cpu: Machine::HOST.map_or(0, |machine| machine.cpu.baseline.features),
            opt_level: OptLevel::default(),
            calls: Calls::default(),
            interpreter: None,
            profiling: Profiling::default(),
            threads: None,
            max_code: None,
            verify: cfg!(debug_assertions),
            progress: None,
        }
    }
}
