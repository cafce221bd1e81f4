//! A process with the embedder's data in it, and the names of what is loaded.

use std::marker::PhantomData;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use wasmaot_hosts::{HostEnv, linux, wasi};
use wasmaot_runtime as runtime;
use wasmaot_runtime::error::SharedMemory;
use wasmaot_runtime::trap::{Interrupter, TrapReason};
use wasmaot_runtime::{
    AccessError, AsProcess, CallError, Config, Error as LoadError, Explanation, Finder,
    GuestMemory, HandleError, HostFunctions, InstanceId, LinkMapEntry, Missing, Object, OpenFlags,
    ProcessId, Token,
};

use crate::engine::Engine;
use crate::error::Result;
use crate::exports::{Export, exports};
use crate::find::LibraryFinder;
use crate::host::Hosts;
use crate::instance::Instance;
use crate::library::{Dropped, Library};
use crate::opened::real_path;
use crate::scope::Scope;

/// A process: objects that are linked with each other, their memories, one
/// native stack, and data of the embedder's, which host functions reach through
/// their [`Caller`](crate::Caller). Dropping it gives everything back, and runs
/// no finaliser.
///
/// It belongs to one thread at a time, and may be sent to another; several have it
/// together in a [`scope`](Process::scope). A program with a shared memory may start
/// threads of its own ([`Config::max_threads`]), on which host functions are called at
/// the same time.
#[derive(Debug)]
pub struct Process<T: 'static = ()> {
    /// Its data is a [`State`] of this `T`, always.
    inner: runtime::Process,
    finder: Arc<Mutex<LibraryFinder>>,
    data: PhantomData<T>,
}

/// What a process keeps for its embedder and for this crate.
#[derive(Debug)]
pub(crate) struct State<T> {
    process: ProcessId,
    /// Libraries whose handles are gone, and which are still to be closed.
    pub dropped: Arc<Dropped>,
    pub data: T,
}

impl<T> State<T> {
    /// The instance of this process that a number stands for.
    pub const fn instance(&self, id: InstanceId) -> Instance {
        let process = self.process;
        Instance { process, id }
    }

    /// The number of an instance, if it is of this process.
    pub fn id(&self, instance: Instance) -> Result<InstanceId, HandleError> {
        match instance.process == self.process {
            true => Ok(instance.id),
            false => Err(HandleError::OtherProcess),
        }
    }
}

/// What finds libraries for a process, which its owner can reach, too.
struct Found(Arc<Mutex<LibraryFinder>>);

impl Finder for Found {
    fn find(&mut self, name: &str, by: &Object) -> Result<Option<Arc<Object>>, LoadError> {
        lock(&self.0).find(name, by)
    }

    fn module(&mut self, name: &str, bytes: &[u8]) -> Result<Arc<Object>, LoadError> {
        lock(&self.0).module(name, bytes)
    }
}

fn lock(finder: &Mutex<LibraryFinder>) -> MutexGuard<'_, LibraryFinder> {
    finder.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<T: Send + 'static> Process<T> {
    /// Makes an empty process. Libraries that it needs are found where the
    /// engine searches.
    ///
    /// # Errors
    /// The system has no room for its stack and code.
    pub fn new(engine: &Engine, config: Config, data: T) -> Result<Self, LoadError> {
        let mut inner = runtime::Process::new(config)?;
        inner.set_data(State {
            process: inner.id(),
            dropped: Arc::default(),
            data,
        });
        let finder = Arc::new(Mutex::new(engine.finder(Path::new(""))));
        inner.set_finder(Found(Arc::clone(&finder)));
        Ok(Self {
            inner,
            finder,
            data: PhantomData,
        })
    }

    fn state(&self) -> &State<T> {
        self.inner.data().expect(STATE)
    }

    /// The embedder's data.
    pub fn data(&self) -> &T {
        &self.state().data
    }

    /// The embedder's data, to change.
    pub fn data_mut(&mut self) -> &mut T {
        let state: &mut State<T> = self.inner.data_mut().expect(STATE);
        &mut state.data
    }

    /// Adds host functions, for what is loaded from then on. Of two of one name
    /// the later counts.
    pub fn add_hosts(&mut self, hosts: &Hosts<T>) {
        self.inner.add_host_functions(hosts.functions());
    }

    /// Adds host functions that know no data of the embedder's.
    pub fn add_functions(&mut self, functions: impl HostFunctions) {
        self.inner.add_host_functions(functions);
    }

    /// Gives the program its surroundings: the functions of [WASI](crate::wasi)
    /// and the [system calls](crate::linux) of Linux, and the directories that
    /// it is granted, also to open libraries in. No native code is taken from
    /// these.
    pub fn set_env(&mut self, env: HostEnv) {
        for granted in env.granted() {
            if let Some(host) = real_path(granted.dir) {
                let mut finder = lock(&self.finder);
                match granted.read_only {
                    true => finder.grant_read_only(host, granted.guest),
                    false => finder.grant(host, granted.guest),
                }
            }
        }
        self.add_functions(wasi::functions(env.clone()));
        self.add_functions(linux::functions(env));
    }

    /// Has libraries found by something else than the engine's search.
    pub fn set_finder(&mut self, finder: impl Finder + Send + 'static) {
        self.inner.set_finder(finder);
    }

    /// Sets who is asked, with [`Bind::Lazy`](crate::Bind::Lazy), for a function that
    /// nothing defines when it is first called; what it gives has to be of the
    /// type asked for.
    pub fn set_missing(&mut self, missing: Missing) {
        self.inner.set_missing(missing);
    }

    /// Loads a program from its file, and the libraries that it needs, also from
    /// the directory of that file. Constructors run, but not `_start`.
    ///
    /// # Errors
    /// [`Error`](crate::Error) as of [`Engine::open`]; [`Error::Load`](crate::Error::Load).
    pub fn load_file(&mut self, file: impl AsRef<Path>) -> Result<Instance> {
        let file = file.as_ref();
        let main = lock(&self.finder).open_program(file)?;
        Ok(self.load(&main)?)
    }

    /// Loads a program: main, and all that it needs. Constructors run, but not
    /// `_start`.
    ///
    /// # Errors
    /// [`LoadError`]; nothing of the program is left unless it is
    /// [`LoadError::Init`].
    pub fn load(&mut self, main: &Arc<Object>) -> Result<Instance, LoadError> {
        let id = self.inner.load_program(Arc::clone(main), &[])?;
        Ok(self.state().instance(id))
    }

    /// Runs a program from its entry to its end: the code that it exits with, 0
    /// if it returns.
    ///
    /// # Errors
    /// [`CallError`](crate::CallError).
    pub fn start(&mut self, main: Instance) -> Result<i32, CallError> {
        let id = self.id_of(main)?;
        match self.inner.start(id) {
            Ok(()) => Ok(0),
            Err(CallError::Trap(trap)) => match trap.reason {
                TrapReason::Exit(code) => Ok(code),
                _ => Err(CallError::Trap(trap)),
            },
            Err(error) => Err(error),
        }
    }

    /// Instantiates one module, by the WebAssembly specification: imports come
    /// from registered instances and host functions; its start function runs.
    /// `name` registers it. It stays as long as the process.
    ///
    /// # Errors
    /// [`LoadError`]; nothing of the module is left unless it is
    /// [`LoadError::Init`].
    pub fn instantiate(
        &mut self,
        object: &Arc<Object>,
        name: Option<&str>,
    ) -> Result<Instance, LoadError> {
        let id = self.inner.instantiate(Arc::clone(object), name)?;
        Ok(self.state().instance(id))
    }

    /// Registers an instance under a module name, for imports.
    ///
    /// # Errors
    /// [`HandleError::OtherProcess`].
    pub fn register(&mut self, name: &str, instance: Instance) -> Result<(), HandleError> {
        let id = self.id_of(instance)?;
        self.inner.register(name, id);
        Ok(())
    }

    /// The instance that is registered under a module name.
    pub fn instance(&self, name: &str) -> Option<Instance> {
        let id = self.inner.instance(name)?;
        Some(self.state().instance(id))
    }

    /// Opens a library by a name or path, as `dlopen`: loads it with all that it
    /// needs, unless it is there, and runs its constructors. Paths are the
    /// program's, and lead to where libraries are searched or to what is
    /// granted. A process without a program gets an empty one.
    ///
    /// # Errors
    /// [`Error::Dl`](crate::Error::Dl); [`Error::Call`](crate::Error::Call) of a library closed before.
    pub fn open(&mut self, name: &str, flags: OpenFlags) -> Result<Library> {
        self.prepare()?;
        let id = self.inner.open(name, flags)?;
        Ok(self.library(id))
    }

    /// The same for an object that is open.
    ///
    /// # Errors
    /// As of [`Process::open`].
    pub fn open_object(&mut self, object: &Arc<Object>, flags: OpenFlags) -> Result<Library> {
        self.prepare()?;
        let id = self.inner.open_object(Arc::clone(object), flags)?;
        Ok(self.library(id))
    }

    fn library(&self, id: InstanceId) -> Library {
        let state = self.state();
        Library::new(state.instance(id), Arc::clone(&state.dropped))
    }

    /// Has a program, for libraries to be opened in.
    fn prepare(&mut self) -> Result<()> {
        self.close_dropped()?;
        if !self.inner.has_program() {
            let main = lock(&self.finder).empty_program()?;
            self.inner.load_program(main, &[])?;
        }
        Ok(())
    }

    /// Closes the libraries whose handles have been dropped.
    ///
    /// # Errors
    /// [`Error::Call`](crate::Error::Call): a finaliser trapped; the rest is left to the next time.
    pub fn close_dropped(&mut self) -> Result<()> {
        while let Some(instance) = self.state().dropped.next() {
            let id = self.id_of(instance)?;
            self.close(id)?;
        }
        Ok(())
    }

    /// The number of an instance, if it is of this process.
    pub(crate) fn id_of(&self, instance: Instance) -> Result<InstanceId, HandleError> {
        self.state().id(instance)
    }

    /// Gives a handle of a library back.
    pub(crate) fn close(&mut self, id: InstanceId) -> Result<()> {
        Ok(self.inner.close(id)??)
    }

    /// The address of a symbol of an open library and what it needs, as `dlsym`:
    /// of a function its index in the table, of data its linear address.
    ///
    /// # Errors
    /// [`Error::Dl`](crate::Error::Dl), [`Error::Handle`](crate::Error::Handle).
    pub fn symbol(&mut self, library: Instance, name: &str) -> Result<u64> {
        let id = self.id_of(library)?;
        Ok(self.inner.symbol(id, name)?)
    }

    /// The object of an instance.
    ///
    /// # Errors
    /// [`HandleError`].
    pub fn object(&self, instance: Instance) -> Result<&Arc<Object>, HandleError> {
        let id = self.id_of(instance)?;
        let found = self.inner.link_map().find(|entry| entry.id == id);
        found.map(|entry| entry.object).ok_or(HandleError::Unloaded)
    }

    /// What an instance exports.
    ///
    /// # Errors
    /// [`HandleError`].
    pub fn exports(
        &self,
        instance: Instance,
    ) -> Result<impl Iterator<Item = Export<'_>>, HandleError> {
        self.object(instance).map(|object| exports(object))
    }

    /// Linear memory 0 of an instance, to copy bytes in and out, shared or not;
    /// an empty one of an instance without a memory.
    ///
    /// # Errors
    /// [`HandleError`].
    pub fn view(&mut self, instance: Instance) -> Result<GuestMemory<'_>, HandleError> {
        let id = self.id_of(instance)?;
        Ok(self.inner.memory_view(id))
    }

    /// Linear memory 0 of an instance; nothing of one without a memory.
    ///
    /// # Errors
    /// [`HandleError`]; [`HandleError::Shared`] of a shared memory, whose bytes
    /// other threads may be changing.
    pub fn memory(&self, instance: Instance) -> Result<&[u8], HandleError> {
        let id = self.id_of(instance)?;
        match self.inner.shares_memory(id) {
            true => Err(SharedMemory.into()),
            false => Ok(self.inner.memory_bytes(id)),
        }
    }

    /// The same, to change.
    ///
    /// # Errors
    /// As of [`Process::memory`].
    pub fn memory_mut(&mut self, instance: Instance) -> Result<&mut [u8], HandleError> {
        let id = self.id_of(instance)?;
        match self.inner.shares_memory(id) {
            true => Err(SharedMemory.into()),
            false => Ok(self.inner.memory_bytes_mut(id)),
        }
    }

    /// Reads bytes of an instance's memory 0.
    ///
    /// # Errors
    /// [`AccessError`].
    pub fn read(&self, instance: Instance, at: u64, bytes: u64) -> Result<Vec<u8>, AccessError> {
        let id = self.id_of(instance)?;
        Ok(self.inner.read(id, at, bytes)?)
    }

    /// Writes bytes into an instance's memory 0.
    ///
    /// # Errors
    /// [`AccessError`]; nothing is written then.
    pub fn write(&mut self, instance: Instance, at: u64, bytes: &[u8]) -> Result<(), AccessError> {
        let id = self.id_of(instance)?;
        Ok(self.inner.write(id, at, bytes)?)
    }

    /// Copies bytes from one instance's memory 0 to another's, which may be the
    /// same: how modules that do not share a heap pass data.
    ///
    /// # Errors
    /// [`AccessError`] of either side; nothing is written then.
    pub fn copy(
        &mut self,
        (from, at): (Instance, u64),
        (to, target): (Instance, u64),
        bytes: u64,
    ) -> Result<(), AccessError> {
        let (from, to) = (self.id_of(from)?, self.id_of(to)?);
        Ok(self.inner.copy((from, at), (to, target), bytes)?)
    }

    /// The objects that are loaded, in load order.
    pub fn link_map(&self) -> impl Iterator<Item = LinkMapEntry<'_>> {
        self.inner.link_map()
    }

    /// How a symbol is bound in the objects that are loaded, and why.
    pub fn explain(&self, symbol: &str) -> Explanation {
        self.inner.explain(symbol)
    }

    /// Lends the process to several threads of the host for the time of a closure. Each
    /// makes itself a [`Thread`](crate::Thread) of the program ([`Scope::thread`]), and
    /// calls functions on it by their handles, at the same time as the others. The
    /// process has to have a shared memory: all its modules are compiled for threads.
    ///
    /// A call that traps, or in which the program ends itself, ends the calls of all
    /// threads, those too that the program has started: they end with
    /// [`TrapReason::Ended`]. Once the closure has ended, the process can be called
    /// again.
    ///
    /// Threads have no access to `T` but in turn, so it has to be no more than `Send`:
    /// host functions reach it by their [`Caller`](crate::Caller) and the closure by
    /// [`Scope::with_data`].
    ///
    /// ```
    /// use std::thread;
    /// use wasmaot::{Config, Engine, Process};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let engine = Engine::default();
    /// let object = engine.compile("sum.wat", br#"(module
    ///     (memory (export "memory") 1 1 shared)
    ///     (func (export "add") (param i32) (result i32)
    ///       (i32.atomic.rmw.add (i32.const 0) (local.get 0))))"#)?;
    /// let mut process = Process::new(&engine, Config::default(), ())?;
    /// let instance = process.instantiate(&object, None)?;
    /// let add = instance.typed_func::<i32, i32>(&mut process, "add")?;
    /// process.scope(|scope| {
    ///     thread::scope(|threads| {
    ///         for number in 1..=4 {
    ///             threads.spawn(move || {
    ///                 let mut thread = scope.thread().expect("room for a thread");
    ///                 add.call(&mut thread, number).expect("it adds")
    ///             });
    ///         }
    ///     })
    /// });
    /// assert_eq!(add.call(&mut process, 0)?, 10);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// The process itself is not to be had while it is lent:
    ///
    /// ```compile_fail,E0499
    /// # use wasmaot::{Config, Engine, Process};
    /// # let mut process = Process::new(&Engine::default(), Config::default(), 0).unwrap();
    /// process.scope(|_| *process.data_mut() = 1);
    /// ```
    ///
    /// No thread outlasts the closure:
    ///
    /// ```compile_fail
    /// # use wasmaot::{Config, Engine, Process};
    /// # let mut process = Process::new(&Engine::default(), Config::default(), 0).unwrap();
    /// let thread = process.scope(|scope| scope.thread());
    /// ```
    ///
    /// What a host function keeps is used by several threads, so it has to be `Sync`:
    ///
    /// ```compile_fail,E0277
    /// # use wasmaot::{Caller, Hosts};
    /// let calls = std::cell::Cell::new(0);
    /// Hosts::new().func("env", "count", move |_: &mut Caller<'_, ()>| calls.set(calls.get() + 1));
    /// ```
    ///
    /// And what a process keeps goes from thread to thread, so it has to be `Send`:
    ///
    /// ```compile_fail,E0277
    /// # use std::rc::Rc;
    /// # use wasmaot::{Config, Engine, Process};
    /// let process = Process::new(&Engine::default(), Config::default(), Rc::new(1));
    /// ```
    pub fn scope<R>(&mut self, run: impl FnOnce(Scope<'_, T>) -> R) -> R {
        self.inner.scope(|scope| run(Scope::of(scope)))
    }

    /// Stops the process's wasm code from another thread.
    pub fn interrupter(&self) -> Interrupter {
        self.inner.interrupter()
    }
}

/// Why the data of a process is of the type that it is looked for by.
pub(crate) const STATE: &str = "a process keeps the state that it was made with";

/// Where exports are looked up and handles are used: a [`Process`], or the
/// [`Caller`](crate::Caller) of a host function, which stands for its process.
pub trait Context: AsProcess + sealed::Numbers {}

impl<T: Send + 'static> Context for Process<T> {}

pub(crate) mod sealed {
    use super::{HandleError, Instance, InstanceId};

    pub trait Numbers {
        /// The number of an instance of this process.
        fn id(&self, instance: Instance) -> Result<InstanceId, HandleError>;
    }
}

// SAFETY: it answers the process inside, and hands the token to that.
unsafe impl<T: Send + 'static> AsProcess for Process<T> {
    #[inline]
    fn as_process(&self, token: Token) -> Result<&runtime::Process, HandleError> {
        self.inner.as_process(token)
    }

    #[inline]
    fn as_process_mut(&mut self, token: Token) -> Result<&mut runtime::Process, HandleError> {
        self.inner.as_process_mut(token)
    }
}

impl<T: Send + 'static> sealed::Numbers for Process<T> {
    fn id(&self, instance: Instance) -> Result<InstanceId, HandleError> {
        self.id_of(instance)
    }
}
