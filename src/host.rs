//! Host functions that know the embedder's data.

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use wasmaot_runtime as runtime;
use wasmaot_runtime::{
    AsProcess, FuncType, GuestMemory, HandleError, HostError, HostFunction, HostResult, InstanceId,
    Object, OpenFlags, SpawnError, ThreadStart, Token, Val, WasmParam,
};

use crate::instance::Instance;
use crate::library::Library;
use crate::process::{Context, STATE, State, sealed};

/// Host functions of the embedder's for processes that hold data of type `T`.
/// One list serves any number of processes, on any thread. A function may be called on
/// several threads of a program at a time: what it keeps is `Sync`, and the data of
/// the process is had by one at a time, from when it is asked for until the function
/// ends or calls the program's code. So a function that waits for something does not
/// ask for the data before.
pub struct Hosts<T: 'static = ()> {
    functions: Vec<HostFunction>,
    data: PhantomData<fn(T)>,
}

impl<T: Send + 'static> Hosts<T> {
    /// None.
    pub const fn new() -> Self {
        Self {
            functions: Vec::new(),
            data: PhantomData,
        }
    }

    /// Adds a Rust function: of the [`Caller`] and up to eight parameters, whose
    /// types say the wasm type. What it answers may come in a `Result`; an error
    /// of any type ends the call that led to the function, and is what
    /// [`CallError::downcast_ref`](crate::CallError::downcast_ref) gives there.
    /// Of two functions of one name the later counts.
    pub fn func<P>(
        &mut self,
        module: impl Into<String>,
        name: impl Into<String>,
        function: impl IntoHostFunc<T, P>,
    ) -> &mut Self {
        let function = function.into_function(module.into(), name.into());
        self.functions.push(function);
        self
    }

    /// Adds a function of a type that is known at run time alone. Its results
    /// are preset with zeros of the right types.
    pub fn func_of_type(
        &mut self,
        module: impl Into<String>,
        name: impl Into<String>,
        ty: FuncType,
        function: impl Fn(&mut Caller<'_, T>, &[Val], &mut [Val]) -> Result<(), HostError>
        + Send
        + Sync
        + 'static,
    ) -> &mut Self {
        let body = move |caller: &mut runtime::Caller<'_>, args: &[Val], results: &mut [Val]| {
            function(&mut Caller::of(caller), args, results)
        };
        let function = HostFunction::new(module, name, ty, body);
        self.functions.push(function);
        self
    }

    /// All of them, as the runtime takes them.
    pub(crate) fn functions(&self) -> Vec<HostFunction> {
        self.functions.clone()
    }
}

impl<T: Send + 'static> Default for Hosts<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> fmt::Debug for Hosts<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(&self.functions).finish()
    }
}

/// What a host function sees of its caller: the memory, the data of the
/// embedder's, and the process, in which it may call other functions.
#[derive(Debug)]
pub struct Caller<'a, T: 'static> {
    inner: runtime::Caller<'a>,
    data: PhantomData<T>,
}

impl<'a, T: Send + 'static> Caller<'a, T> {
    /// Host functions are added by a [`Hosts`] of their `T` alone, and this to
    /// processes of that `T`.
    fn of(caller: &'a mut runtime::Caller<'_>) -> Self {
        Self {
            inner: caller.reborrow(),
            data: PhantomData,
        }
    }

    pub(crate) fn state(&self) -> &State<T> {
        self.inner.data().expect(STATE)
    }

    /// The embedder's data.
    pub fn data(&self) -> &T {
        &self.state().data
    }

    /// The embedder's data, to change.
    pub fn data_mut(&mut self) -> &mut T {
        self.view_and_data().1
    }

    /// Linear memory 0 of the calling function, to copy bytes in and out: of any
    /// memory, shared or not.
    pub fn view(&mut self) -> GuestMemory<'_> {
        self.inner.view()
    }

    /// The same and the embedder's data, to change.
    pub fn view_and_data(&mut self) -> (GuestMemory<'_>, &mut T) {
        let (view, state) = self.inner.view_and_data_mut::<State<T>>();
        (view, &mut state.expect(STATE).data)
    }

    /// Linear memory 0 of the calling function, as bytes.
    ///
    /// Of a shared memory, whose bytes other threads may be changing, there is
    /// no such slice: the host function ends there, and its caller, with an
    /// error that says so. Functions for programs with threads use
    /// [`Caller::view`].
    pub fn memory(&self) -> &[u8] {
        self.inner.memory()
    }

    /// The same, to change, of a memory that is not shared.
    pub fn memory_mut(&mut self) -> &mut [u8] {
        self.inner.memory_mut()
    }

    /// Linear memory 0 of the calling function, which must not be shared
    /// ([`Caller::memory`]), and the embedder's data, both to change.
    pub fn memory_and_data(&mut self) -> (&mut [u8], &mut T) {
        let (memory, state) = self.inner.memory_and_data_mut::<State<T>>();
        (memory, &mut state.expect(STATE).data)
    }

    /// Makes linear memory 0 of the calling function larger by so many bytes:
    /// whole pages of 64 KiB. Its old size, or `None` where its limit or the
    /// system forbids.
    pub fn grow_memory(&mut self, bytes: u64) -> Option<u64> {
        self.inner.grow_memory(bytes)
    }

    /// The linear address where the program's allocator may begin.
    pub fn heap_base(&self) -> Option<u64> {
        self.inner.heap_base()
    }

    /// Whether the process is to stop. A function that runs for long should
    /// ask, and return then, whatever its results: its caller traps.
    pub fn interrupted(&self) -> bool {
        self.inner.interrupted()
    }

    /// Number of the program's thread that has called: 1 for its first one, on which
    /// the process's own calls run. A host function may be called on several at a time.
    pub fn thread_id(&self) -> u32 {
        self.inner.thread_id()
    }

    /// Starts a thread of the program; its number.
    ///
    /// # Errors
    /// [`SpawnError`]; nothing is left of the thread.
    pub fn spawn(&mut self, start: ThreadStart) -> Result<u32, SpawnError> {
        self.inner.spawn(start)
    }

    /// The instance that is registered under a module name.
    pub fn instance(&self, name: &str) -> Option<Instance> {
        let id = self.inner.process().ok()?.instance(name)?;
        Some(self.state().instance(id))
    }

    /// Instantiates a module, as
    /// [`Process::instantiate`](crate::Process::instantiate).
    ///
    /// # Errors
    /// As there, as an error of this function.
    pub fn instantiate(
        &mut self,
        object: &Arc<Object>,
        name: Option<&str>,
    ) -> Result<Instance, HostError> {
        let id = self.inner.instantiate(Arc::clone(object), name)?;
        Ok(self.state().instance(id))
    }

    /// Opens a library, as [`Process::open`](crate::Process::open).
    ///
    /// # Errors
    /// As there, as an error of this function.
    pub fn open(&mut self, name: &str, flags: OpenFlags) -> Result<Library, HostError> {
        let id = self.inner.open(name, flags)?;
        let state = self.state();
        Ok(Library::new(state.instance(id), Arc::clone(&state.dropped)))
    }

    /// Closes a library now, as [`Library::close`].
    ///
    /// # Errors
    /// As there, as an error of this function.
    pub fn close(&mut self, library: Library) -> Result<(), HostError> {
        let id = self.state().id(library.instance())?;
        library.forget();
        self.inner.close(id)
    }

    /// Reads bytes of an instance's memory 0.
    ///
    /// # Errors
    /// [`AccessError`](crate::AccessError) as an error of this function.
    pub fn read(&self, instance: Instance, at: u64, bytes: u64) -> Result<Vec<u8>, HostError> {
        let id = self.state().id(instance)?;
        Ok(self.inner.process()?.read(id, at, bytes)?)
    }

    /// Writes bytes into an instance's memory 0.
    ///
    /// # Errors
    /// As of [`Caller::read`]; nothing is written then.
    pub fn write(&mut self, instance: Instance, at: u64, bytes: &[u8]) -> Result<(), HostError> {
        let id = self.state().id(instance)?;
        self.inner.write(id, at, bytes)
    }

    /// Copies bytes from one instance's memory 0 to another's, as
    /// [`Process::copy`](crate::Process::copy).
    ///
    /// # Errors
    /// As of [`Caller::read`], of either side; nothing is written then.
    pub fn copy(
        &mut self,
        (from, at): (Instance, u64),
        (to, target): (Instance, u64),
        bytes: u64,
    ) -> Result<(), HostError> {
        let (from, to) = (self.state().id(from)?, self.state().id(to)?);
        self.inner.copy((from, at), (to, target), bytes)
    }
}

impl<T: Send + 'static> Context for Caller<'_, T> {}

// SAFETY: it answers the process of the caller inside, and hands the token to
// that.
unsafe impl<T: Send + 'static> AsProcess for Caller<'_, T> {
    #[inline]
    fn as_process(&self, token: Token) -> Result<&runtime::Process, HandleError> {
        self.inner.as_process(token)
    }

    #[inline]
    fn as_process_mut(&mut self, token: Token) -> Result<&mut runtime::Process, HandleError> {
        self.inner.as_process_mut(token)
    }
}

impl<T: Send + 'static> sealed::Numbers for Caller<'_, T> {
    fn id(&self, instance: Instance) -> Result<InstanceId, HandleError> {
        self.state().id(instance)
    }
}

/// A Rust function that can be a host function for processes with data of type
/// `T`.
pub trait IntoHostFunc<T: 'static, P>: Send + Sync + 'static {
    /// The host function of these names.
    #[doc(hidden)]
    fn into_function(self, module: String, name: String) -> HostFunction;
}

macro_rules! functions {
    ($($name:ident)*) => {
        #[allow(non_snake_case, reason = "a type's name names its value")]
        impl<T, Body, R, $($name),*> IntoHostFunc<T, (R, $($name,)*)> for Body
        where
            T: Send + 'static,
            Body: Fn(&mut Caller<'_, T>, $($name),*) -> R + Send + Sync + 'static,
            R: HostResult + 'static,
            $($name: WasmParam + 'static,)*
        {
            fn into_function(self, module: String, name: String) -> HostFunction {
                HostFunction::wrap(
                    module,
                    name,
                    move |caller: &mut runtime::Caller<'_>, $($name: $name),*| {
                        self(&mut Caller::of(caller), $($name),*)
                    },
                )
            }
        }
    };
}

wasmaot_runtime::each_arity!(functions);
