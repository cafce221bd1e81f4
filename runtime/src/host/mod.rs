//! Host functions: what they are given and what they may answer.
//!
//! [`Caller`] is what a host function sees; [`function`] how one is made, of
//! Rust types by [`typed`]; [`entry`] rows of tables of them;
//! [`table`] the host functions of a process; [`error`]
//! how one ends that does not return.

pub(crate) mod dispatch;
mod entry;
mod error;
mod function;
mod table;
mod thread;
mod typed;
mod waiting;

use std::any::Any;
use std::marker::PhantomData;
use std::panic::resume_unwind;
use std::sync::Arc;
use std::sync::atomic::AtomicU8;

use crate::config::Category;
use crate::error::SharedMemory;
use crate::link::InstanceId;
use crate::object::Object;
use crate::process::{Claim, Process};
use crate::sys::{GuestMemory, live};
use crate::trap;
use crate::value::Val;

pub use entry::{HostAnswer, HostEntry, HostState, HostTableFunc};
pub use error::HostError;
pub use function::{HostBody, HostFunction};
pub use table::{HostFunctions, HostLibrary, Hosts};
pub use thread::{SpawnError, ThreadEntry, ThreadHook, ThreadSignal, ThreadStart};
pub use typed::{Args, HostResult, IntoHostFunc, WasmParam, WasmParams, WasmResults, WasmTy};

pub(crate) use entry::host_entry;
pub(crate) use table::Slot;

/// What a host function sees of its caller: the memory, and the process, in
/// which it may call other functions.
#[derive(Debug)]
pub struct Caller<'a> {
    memory: Memory<'a>,
    claim: Option<&'a mut Claim>,
    /// A caller belongs to the thread that its wasm code runs on.
    thread: PhantomData<*mut ()>,
}

/// Identity of a linear memory among those of a process, for what a host keeps
/// for each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct MemoryId(u64);

/// The linear memory that a caller means.
#[derive(Debug)]
enum Memory<'a> {
    /// That of the domain of this base.
    Live(live::MemoryAt<'a>),
    /// Bytes.
    Bytes(&'a mut [u8]),
    /// Bytes that other threads use.
    Shared(&'a [AtomicU8]),
}

impl Memory<'_> {
    #[inline]
    fn view(&mut self) -> GuestMemory<'_> {
        match self {
            Self::Live(memory) => memory.view(),
            Self::Bytes(bytes) => GuestMemory::of_bytes(bytes),
            Self::Shared(bytes) => GuestMemory::of_shared(bytes),
        }
    }

    #[inline]
    fn bytes_mut(&mut self) -> &mut [u8] {
        match self {
            Self::Live(memory) => memory.bytes_mut().unwrap_or_else(|error| refuse(error)),
            Self::Bytes(bytes) => bytes,
            Self::Shared(_) => refuse(SharedMemory),
        }
    }
}

/// Ends a call that asks for what there is no reference to: the error is passed
/// on as a panic of the host function, without a message on standard error.
#[cold]
fn refuse(error: SharedMemory) -> ! {
    resume_unwind(Box::new(error))
}

impl<'a> Caller<'a> {
    /// A caller with nothing but a memory: to try a host function out.
    pub const fn of_memory(memory: &'a mut [u8]) -> Self {
        Self {
            memory: Memory::Bytes(memory),
            claim: None,
            thread: PhantomData,
        }
    }

    /// The same with a memory that other threads are using.
    pub const fn of_shared_memory(memory: &'a [AtomicU8]) -> Self {
        Self {
            memory: Memory::Shared(memory),
            claim: None,
            thread: PhantomData,
        }
    }

    /// A caller in a process.
    pub(crate) const fn in_process(memory: live::MemoryAt<'a>, claim: &'a mut Claim) -> Self {
        Self {
            memory: Memory::Live(memory),
            claim: Some(claim),
            thread: PhantomData,
        }
    }

    /// The same caller for a shorter time, to be kept beside other things.
    pub const fn reborrow(&mut self) -> Caller<'_> {
        Caller {
            memory: match &mut self.memory {
                Memory::Live(memory) => Memory::Live(memory.reborrow()),
                Memory::Bytes(bytes) => Memory::Bytes(bytes),
                Memory::Shared(bytes) => Memory::Shared(bytes),
            },
            claim: match &mut self.claim {
                Some(claim) => Some(claim),
                None => None,
            },
            thread: PhantomData,
        }
    }

    /// Linear memory 0 of the calling function's domain, to copy bytes in and
    /// out: of any memory, shared or not.
    #[inline]
    pub fn view(&mut self) -> GuestMemory<'_> {
        self.memory.view()
    }

    /// Linear memory 0 of the calling function's domain, as bytes.
    ///
    /// Of a shared memory, whose bytes other threads may be changing, there is
    /// no such slice: the host function ends there, and its caller, with an
    /// error that says so. Functions for programs with threads use
    /// [`Caller::view`].
    #[inline]
    pub fn memory(&self) -> &[u8] {
        match &self.memory {
            Memory::Live(memory) => memory.bytes().unwrap_or_else(|error| refuse(error)),
            Memory::Bytes(bytes) => bytes,
            Memory::Shared(_) => refuse(SharedMemory),
        }
    }

    /// The same, to change, of a memory that is not shared.
    #[inline]
    pub fn memory_mut(&mut self) -> &mut [u8] {
        self.memory.bytes_mut()
    }

    /// Makes linear memory 0 of the caller's domain larger by so many bytes:
    /// whole pages of 64 KiB. Its old size, or `None` where its limit or the
    /// system forbids.
    pub fn grow_memory(&mut self, bytes: u64) -> Option<u64> {
        match &mut self.memory {
            Memory::Live(memory) => memory.grow(bytes.checked_next_multiple_of(WASM_PAGE)?),
            Memory::Bytes(_) | Memory::Shared(_) => None,
        }
    }

    /// The linear address where the program's allocator may begin: that of the
    /// dynamically linked program, or what a module of the caller's domain, of
    /// a flat program main, exports as `__heap_base`.
    pub fn heap_base(&self) -> Option<u64> {
        self.look(|process| self.heap_base_in(process)).flatten()
    }

    fn heap_base_in(&self, process: &Process) -> Option<u64> {
        let domain = process
            .space
            .domains
            .iter()
            .position(|domain| domain.base() == self.domain())?;
        let exported = |number| {
            let value = process.view().global(number, "__heap_base")?;
            u64::try_from(value.bits()).ok()
        };
        let all = process.link.instances.iter();
        let mut own = all.filter(|(_, instance)| instance.domain == domain);
        match &process.link.program {
            Some(program) if program.domain != domain => own.find_map(|(n, _)| exported(n)),
            None => own.find_map(|(n, _)| exported(n)),
            // The loader knows where the data of all modules ends, main alone
            // what else it needs.
            Some(program) if program.flat => exported(program.main).max(Some(program.heap.start)),
            Some(program) => Some(program.heap.start),
        }
    }

    /// Which memory [`Caller::view`] is of.
    pub fn memory_id(&self) -> MemoryId {
        MemoryId(self.domain())
    }

    /// The base of its memory.
    pub(crate) fn domain(&self) -> u64 {
        match &self.memory {
            Memory::Live(memory) => memory.base(),
            Memory::Bytes(_) | Memory::Shared(_) => 0,
        }
    }

    /// Tells the loader the program's current directory, by its own name for
    /// it: where paths given to `dlopen` begin that do not begin with a slash.
    pub fn set_current_directory(&mut self, path: Vec<u8>) {
        self.change(|process| process.dl.directory = Some(path));
    }

    /// Reports a line to the trace of [`Config`](crate::Config). The text is
    /// made only if somebody listens.
    pub fn trace(&mut self, category: Category, text: impl FnOnce(&mut Self) -> String) {
        let claim = self.claim.as_deref();
        if category != Category::Warning && !claim.is_some_and(Claim::may_be_traced) {
            return;
        }
        let listens = self.look(|process| process.config.listens(category));
        if listens == Some(true) {
            let text = text(self);
            self.look(|process| process.config.trace(category, || text));
        }
    }

    /// Whether the process is to stop ([`Interrupter`](crate::trap::Interrupter)).
    /// A function that runs for long should ask, and return then, whatever its
    /// results: its caller traps. Where it waits in a system call, the request
    /// ends that with `EINTR`.
    pub fn interrupted(&self) -> bool {
        trap::interrupt_requested()
    }

    /// The value that is kept with the process ([`Process::set_data`]), if it
    /// is of the type.
    pub fn data<T: Any>(&self) -> Option<&T> {
        self.process().ok()?.data()
    }

    /// The same, to change.
    pub fn data_mut<T: Any>(&mut self) -> Option<&mut T> {
        self.process_mut().ok()?.data_mut()
    }

    /// The value that is kept with the process, to change, beside linear memory,
    /// which must not be shared ([`Caller::memory`]).
    pub fn memory_and_data_mut<T: Any>(&mut self) -> (&mut [u8], Option<&mut T>) {
        let claim = self.claim.as_deref_mut();
        let process = claim.and_then(Claim::process_mut);
        (self.memory.bytes_mut(), process.and_then(Process::data_mut))
    }

    /// The value that is kept with the process, to change, beside a view of
    /// linear memory.
    pub fn view_and_data_mut<T: Any>(&mut self) -> (GuestMemory<'_>, Option<&mut T>) {
        let claim = self.claim.as_deref_mut();
        let process = claim.and_then(Claim::process_mut);
        (self.memory.view(), process.and_then(Process::data_mut))
    }

    /// The process, to look at.
    ///
    /// # Errors
    /// There is none: [`Caller::of_memory`].
    pub fn process(&self) -> Result<&Process, HostError> {
        let process = self.claim.as_deref().and_then(Claim::process);
        process.ok_or_else(no_process)
    }

    /// The process, to change. Not for host functions: they could put another
    /// in its place.
    pub(crate) fn process_mut(&mut self) -> Result<&mut Process, HostError> {
        let claim = self.claim.as_deref_mut();
        claim.and_then(Claim::process_mut).ok_or_else(no_process)
    }

    /// Changes the process without keeping other threads from it afterwards.
    pub(crate) fn change<R>(&mut self, change: impl FnOnce(&mut Process) -> R) -> Option<R> {
        self.claim.as_deref_mut()?.change(change)
    }

    /// Looks at the process without keeping other threads from it afterwards.
    pub(crate) fn look<R>(&self, look: impl FnOnce(&Process) -> R) -> Option<R> {
        self.claim.as_deref()?.look(look)
    }

    /// Calls an exported function, as [`Process::invoke`]. A trap ends that
    /// call alone; `?` passes it on.
    ///
    /// # Errors
    /// [`CallError`](crate::CallError) as an error of this function.
    pub fn invoke(
        &mut self,
        id: InstanceId,
        name: &str,
        args: &[Val],
    ) -> Result<Vec<Val>, HostError> {
        Ok(self.process_mut()?.invoke(id, name, args)?)
    }

    /// Calls an exported function with Rust values, as [`Process::call`].
    ///
    /// # Errors
    /// As [`Caller::invoke`].
    pub fn call<P: WasmParams, R: WasmResults>(
        &mut self,
        id: InstanceId,
        name: &str,
        params: P,
    ) -> Result<R, HostError> {
        Ok(self.process_mut()?.call(id, name, params)?)
    }

    /// Instantiates a module, as [`Process::instantiate`].
    ///
    /// # Errors
    /// [`Error`](crate::Error) as an error of this function.
    pub fn instantiate(
        &mut self,
        object: Arc<Object>,
        name: Option<&str>,
    ) -> Result<InstanceId, HostError> {
        Ok(self.process_mut()?.instantiate(object, name)?)
    }

    /// Writes bytes into an instance's memory, as [`Process::write`].
    ///
    /// # Errors
    /// [`OutOfBounds`](crate::OutOfBounds) as an error of this function.
    pub fn write(&mut self, id: InstanceId, at: u64, bytes: &[u8]) -> Result<(), HostError> {
        Ok(self.process_mut()?.write(id, at, bytes)?)
    }

    /// Copies bytes between two instances' memories, as [`Process::copy`].
    ///
    /// # Errors
    /// [`OutOfBounds`](crate::OutOfBounds) as an error of this function.
    pub fn copy(
        &mut self,
        from: (InstanceId, u64),
        to: (InstanceId, u64),
        bytes: u64,
    ) -> Result<(), HostError> {
        Ok(self.process_mut()?.copy(from, to, bytes)?)
    }
}

/// Bytes by which memories grow.
const WASM_PAGE: u64 = 1 << 16;

/// Why there is no process, or none any more.
pub(crate) fn no_process() -> HostError {
    match trap::interrupt_requested() {
        true => trap::interrupted(),
        false => HostError::Message("called outside of a process".to_owned()),
    }
}
