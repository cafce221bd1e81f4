//! Host functions: what they are given and what they may answer.

use std::fmt;
use std::sync::Arc;

use wasmaot_abi::trap::TrapCode;
use wasmaot_abi::types::{FuncType, ValType};

use crate::config::Category;
use crate::dl::{DlError, OpenFlags};
use crate::error::{CallError, Error};
use crate::link::InstanceId;
use crate::memory::OutOfBounds;
use crate::object::Object;
use crate::process::Process;
use crate::sys::live;
use crate::trap::{self, Trap, TrapReason};
use crate::typed::Natives;
use crate::value::Val;

/// How a host function ends other than by returning.
#[derive(Debug)]
pub enum HostError {
    /// The program asked to end with this code.
    Exit(i32),
    /// Stop with a message; the runtime adds the backtrace.
    Message(String),
    /// A trap of wasm code that the function had called.
    Trap(Box<Trap>),
}

impl HostError {
    /// A trap of a function that the host has called.
    pub(crate) fn of(code: TrapCode) -> Self {
        Self::Trap(Box::new(Trap::new(TrapReason::Code(code))))
    }
}

/// What a host function sees of its caller: the memory, and the process, in
/// which it may call other functions.
#[derive(Debug)]
pub struct Caller<'a> {
    memory: Memory<'a>,
    process: Option<&'a mut Process>,
}

/// Identity of a linear memory among those of a process, for what a host keeps
/// for each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct MemoryId(u64);

/// The linear memory that a caller means.
#[derive(Debug)]
enum Memory<'a> {
    /// That of the domain of this base.
    Live(live::MemoryAt),
    /// Bytes.
    Bytes(&'a mut [u8]),
}

impl<'a> Caller<'a> {
    /// A caller with nothing but a memory: to try a host function out.
    pub const fn of_memory(memory: &'a mut [u8]) -> Self {
        Self {
            memory: Memory::Bytes(memory),
            process: None,
        }
    }

    /// A caller in a process.
    pub(crate) const fn in_process(
        memory: live::MemoryAt,
        process: Option<&'a mut Process>,
    ) -> Self {
        Self {
            memory: Memory::Live(memory),
            process,
        }
    }

    /// Linear memory 0 of the calling function's domain.
    pub fn memory(&self) -> &[u8] {
        match &self.memory {
            Memory::Live(memory) => memory.bytes(),
            Memory::Bytes(bytes) => bytes,
        }
    }

    /// The same, to change.
    pub fn memory_mut(&mut self) -> &mut [u8] {
        match &mut self.memory {
            Memory::Live(memory) => memory.bytes_mut(),
            Memory::Bytes(bytes) => bytes,
        }
    }

    /// Makes linear memory 0 of the caller's domain larger by so many bytes:
    /// whole pages of 64 KiB. Its old size, or `None` where its limit or the
    /// system forbids.
    pub fn grow_memory(&mut self, bytes: u64) -> Option<u64> {
        match &mut self.memory {
            Memory::Live(memory) => memory.grow(bytes.checked_next_multiple_of(WASM_PAGE)?),
            Memory::Bytes(_) => None,
        }
    }

    /// The linear address where the program's allocator may begin: that of the
    /// dynamically linked program, or what a module of the caller's domain, of
    /// a flat program main, exports as `__heap_base`.
    pub fn heap_base(&self) -> Option<u64> {
        let process = self.process.as_deref()?;
        let domain = process
            .space
            .domains
            .iter()
            .position(|domain| domain.base() == self.domain())?;
        let exported = |number| {
            let value = process.global_get(process.link.instances.id(number), "__heap_base")?;
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

    /// Which memory [`Caller::memory`] is.
    pub fn memory_id(&self) -> MemoryId {
        MemoryId(self.domain())
    }

    /// The base of its memory.
    pub(crate) fn domain(&self) -> u64 {
        match &self.memory {
            Memory::Live(memory) => memory.base(),
            Memory::Bytes(_) => 0,
        }
    }

    /// Tells the loader the program's current directory, by its own name for
    /// it: where paths given to `dlopen` begin that do not begin with a slash.
    pub fn set_current_directory(&mut self, path: Vec<u8>) {
        if let Some(process) = self.process.as_deref_mut() {
            process.dl.directory = Some(path);
        }
    }

    /// Reports a line to [`Config::trace`](crate::Config::trace). The text is
    /// made only if somebody listens.
    pub fn trace(&self, category: Category, text: impl FnOnce(&Self) -> String) {
        if let Some(process) = &self.process {
            process.config.trace(category, || text(self));
        }
    }

    /// Whether the process is to stop ([`Interrupter`](crate::trap::Interrupter)).
    /// A function that runs for long should ask, and return then, whatever its
    /// results: its caller traps. Where it waits in a system call, the request
    /// ends that with `EINTR`.
    pub fn interrupted(&self) -> bool {
        trap::interrupt_requested()
    }

    /// The process, to look at.
    ///
    /// # Errors
    /// There is none: [`Caller::of_memory`].
    pub fn process(&self) -> Result<&Process, HostError> {
        self.process.as_deref().ok_or_else(no_process)
    }

    /// The process, to change. Not for host functions: they could put another
    /// in its place.
    pub(crate) fn process_mut(&mut self) -> Result<&mut Process, HostError> {
        self.process.as_deref_mut().ok_or_else(no_process)
    }

    /// Calls an exported function, as [`Process::invoke`]. A trap ends that
    /// call alone; `?` passes it on.
    ///
    /// # Errors
    /// [`CallError`] as an error of this function.
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
    pub fn call<P: Natives, R: Natives>(
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
    /// [`Error`] as an error of this function.
    pub fn instantiate(
        &mut self,
        object: Arc<Object>,
        name: Option<&str>,
    ) -> Result<InstanceId, HostError> {
        Ok(self.process_mut()?.instantiate(object, name)?)
    }

    /// Opens a library, as [`Process::open`].
    ///
    /// # Errors
    /// [`DlError`] as an error of this function.
    pub fn open(&mut self, name: &str, flags: OpenFlags) -> Result<InstanceId, HostError> {
        Ok(self.process_mut()?.open(name, flags)?)
    }

    /// Closes a library, as [`Process::close`].
    ///
    /// # Errors
    /// As [`Caller::open`]; a finaliser's trap.
    pub fn close(&mut self, library: InstanceId) -> Result<(), HostError> {
        Ok(self.process_mut()?.close(library)??)
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

pub(crate) fn no_process() -> HostError {
    HostError::Message("called outside of a process".to_owned())
}

impl From<CallError> for HostError {
    fn from(error: CallError) -> Self {
        match error {
            CallError::Trap(Trap {
                reason: TrapReason::Exit(code),
                ..
            }) => Self::Exit(code),
            CallError::Trap(trap) => Self::Trap(Box::new(trap)),
            other => Self::Message(other.to_string()),
        }
    }
}

impl From<Error> for HostError {
    fn from(error: Error) -> Self {
        match error {
            Error::Init { trap, .. } => CallError::Trap(*trap).into(),
            Error::Interrupted => trap::interrupted(),
            other => Self::Message(other.to_string()),
        }
    }
}

impl From<DlError> for HostError {
    fn from(error: DlError) -> Self {
        match error {
            DlError::Load(error) => error.into(),
            other => Self::Message(other.to_string()),
        }
    }
}

impl From<OutOfBounds> for HostError {
    fn from(error: OutOfBounds) -> Self {
        Self::Message(error.to_string())
    }
}

/// Body of a host function: parameters in, results out. The results are
/// preset with zeros of the right types; what is left in them counts.
pub type HostBody =
    dyn Fn(&mut Caller<'_>, &[Val], &mut [Val]) -> Result<(), HostError> + Send + Sync;

/// A host function: a symbol of a built-in object.
#[derive(Clone)]
pub struct HostFunction {
    /// Import module that it stands in.
    pub module: String,
    /// Name.
    pub name: String,
    /// Type.
    pub ty: FuncType,
    /// What it does.
    pub body: Arc<HostBody>,
    /// Whether an import may take it for one of other integers.
    any_integers: bool,
}

impl HostFunction {
    /// Makes a host function.
    pub fn new(
        module: impl Into<String>,
        name: impl Into<String>,
        ty: FuncType,
        body: impl Fn(&mut Caller<'_>, &[Val], &mut [Val]) -> Result<(), HostError>
        + Send
        + Sync
        + 'static,
    ) -> Self {
        Self {
            module: module.into(),
            name: name.into(),
            ty,
            body: Arc::new(body),
            any_integers: false,
        }
    }

    /// The same for imports of any integer type: with fewer parameters, which
    /// are 0 then, with numbers of 32 bits for 64 or the other way round
    /// (sign-extended, cut), with or without a result.
    #[must_use]
    pub fn of_any_integers(mut self) -> Self {
        self.any_integers = true;
        self
    }
}

/// Bytes by which memories grow.
const WASM_PAGE: u64 = 1 << 16;

/// Halves of a legalized 64-bit parameter: the low one first.
const HALVES: [ValType; 2] = [ValType::I32; 2];

impl HostFunction {
    /// The type with every `i64` parameter as two `i32`, as modules made for
    /// JavaScript (Emscripten's "legalized" ones) import it.
    pub(crate) fn legalized_type(&self) -> FuncType {
        let split = |&ty: &ValType| {
            if ty == ValType::I64 {
                HALVES.to_vec()
            } else {
                vec![ty]
            }
        };
        let params: Vec<_> = self.ty.params.iter().flat_map(split).collect();
        FuncType::new(params, self.ty.results.clone())
    }

    /// The function for an import of another type, if it can be had so.
    pub(crate) fn adapted(&self, wanted: &FuncType) -> Option<Self> {
        if *wanted == self.ty {
            None
        } else if *wanted == self.legalized_type() {
            Some(self.legalized())
        } else if self.any_integers {
            self.with_integers(wanted)
        } else {
            None
        }
    }

    /// The function by another type of integers.
    fn with_integers(&self, wanted: &FuncType) -> Option<Self> {
        let integer = |ty: &ValType| matches!(ty, ValType::I32 | ValType::I64);
        let fits = wanted.params.len() <= self.ty.params.len()
            && wanted.results.len() <= self.ty.results.len();
        if !fits || !wanted.params.iter().chain(&wanted.results).all(integer) {
            return None;
        }
        let (own, body) = (self.ty.clone(), Arc::clone(&self.body));
        let converted = move |caller: &mut Caller<'_>, args: &[Val], results: &mut [Val]| {
            let mut given = args.iter().copied();
            let mut next = |&ty: &ValType| convert(given.next().unwrap_or(Val::I32(0)), ty);
            let args: Vec<Val> = own.params.iter().map(&mut next).collect();
            let zero = |&ty: &ValType| Val::from_bits(ty, 0);
            let mut answer: Vec<Val> = own.results.iter().map(zero).collect();
            body(caller, &args, &mut answer)?;
            for (result, value) in results.iter_mut().zip(answer) {
                *result = convert(value, result.ty());
            }
            Ok(())
        };
        let adapter = Self::new(&*self.module, &*self.name, wanted.clone(), converted);
        Some(adapter)
    }

    /// The function by its legalized type.
    pub(crate) fn legalized(&self) -> Self {
        let (wide, body) = (self.ty.params.clone(), Arc::clone(&self.body));
        let joined = move |caller: &mut Caller<'_>, args: &[Val], results: &mut [Val]| {
            let mut rest = args.iter().copied();
            let mut next = || rest.next().map_or(0, Val::bits);
            let args: Vec<Val> = wide
                .iter()
                .map(|&ty| match ty {
                    ValType::I64 => Val::from_bits(ty, next() | next() << 32),
                    ty => Val::from_bits(ty, next()),
                })
                .collect();
            body(caller, &args, results)
        };
        Self::new(&*self.module, &*self.name, self.legalized_type(), joined)
    }
}

/// An integer as one of another width.
const fn convert(value: Val, ty: ValType) -> Val {
    match (value, ty) {
        (Val::I32(value), ValType::I64) => Val::I64(value as i64),
        (value, ty) => Val::from_bits(ty, value.bits()),
    }
}

impl fmt::Debug for HostFunction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}: {}", self.module, self.name, self.ty)
    }
}
