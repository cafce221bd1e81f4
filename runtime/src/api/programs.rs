//! Making a process, loading into it, calling what is loaded.

use std::any::Any;
use std::sync::Arc;

use crate::config::Config;
use crate::dl;
use crate::error::{CallError, Result, Unresolved as UnresolvedSymbol};
use crate::host::HostFunctions;
use crate::link::{self, Finder, Group, InstanceId, Needed};
use crate::object::Object;
use crate::process::{BoxedFinder, BoxedMissing, Hooks, Missing, Process};

impl Process {
    /// Makes an empty process.
    ///
    /// # Errors
    /// If the system has no room for its stack and code area.
    pub fn new(config: Config) -> Result<Self> {
        let hooks = Hooks {
            bind: dl::bind_lazily,
            typed: super::dyninfo::function,
            forward: dl::forward,
        };
        let mut process = Self::bare(config, hooks, dl::OVERRIDES)?;
        process.add_host_functions(dl::functions());
        Ok(process)
    }

    /// Sets who is asked, with [`Bind::Lazy`](crate::Bind::Lazy), for a function
    /// that is not defined when it is first called; what it gives has to be of
    /// the type asked for.
    pub fn set_missing(&mut self, missing: Missing) {
        self.missing = Some(BoxedMissing(missing));
    }

    /// Sets who finds needed and opened libraries; without one there are none.
    pub fn set_finder(&mut self, finder: impl Finder + Send + 'static) {
        self.finder = Some(BoxedFinder(Box::new(finder)));
    }

    /// Keeps a value with the process, in the place of the one before: what its
    /// host functions share ([`Caller::data`](crate::Caller::data)).
    pub fn set_data<T: Any + Send>(&mut self, data: T) {
        self.data = Box::new(data);
    }

    /// The value that is kept with the process, if it is of the type.
    pub fn data<T: Any>(&self) -> Option<&T> {
        self.data.downcast_ref()
    }

    /// The same, to change.
    pub fn data_mut<T: Any>(&mut self) -> Option<&mut T> {
        self.data.downcast_mut()
    }

    /// Adds host functions. A later one of the same name replaces an earlier
    /// one for what is loaded from then on.
    pub fn add_host_functions(&mut self, functions: impl HostFunctions) {
        functions.add_to(&mut self.hosts);
    }

    /// Has a library loaded with the program, after those that are preloaded, as
    /// if main needed it.
    pub fn add_library(&mut self, library: Arc<Object>) {
        self.link.libraries.push(library);
    }

    /// Loads a program: main, preloaded libraries, all that they need; runs
    /// initialisers and constructors, but not `_start`.
    ///
    /// # Errors
    /// [`Error`](crate::Error); nothing of the program is left unless it is [`Error::Init`](crate::Error::Init).
    pub fn load_program(
        &mut self,
        main: Arc<Object>,
        preload: &[Arc<Object>],
    ) -> Result<InstanceId> {
        let group = self.program_group(main, preload)?;
        let ready = self.load(group)?;
        self.initialise(&ready, true)?;
        Ok(self.link.instances.id(ready.first()))
    }

    /// Loads a program as [`Process::load_program`] does, and runs nothing of
    /// it: to see where everything is. The objects may be for another machine
    /// ([`Object::to_link`]).
    ///
    /// # Errors
    /// [`Error`](crate::Error); nothing of the program is left.
    pub fn link_program(
        &mut self,
        main: Arc<Object>,
        preload: &[Arc<Object>],
    ) -> Result<InstanceId> {
        let group = self.program_group(main, preload)?;
        let ready = self.link_group(group)?;
        Ok(self.link.instances.id(ready.first()))
    }

    /// The objects of a program.
    pub(super) fn program_group(
        &mut self,
        main: Arc<Object>,
        preload: &[Arc<Object>],
    ) -> Result<Group> {
        self.with_finder(|view, finder| link::program(view, main, preload, finder))
    }

    /// The libraries that a program and its libraries need, each name that an
    /// object gives, breadth first as they are loaded; loads nothing.
    ///
    /// # Errors
    /// [`Error`](crate::Error): what keeps a library that is there from being
    /// opened.
    pub fn needed(&mut self, main: Arc<Object>, preload: &[Arc<Object>]) -> Result<Vec<Needed>> {
        self.with_finder(|view, finder| link::needed(view, main, preload, finder))
    }

    /// The symbols of a program that nothing defines, with all its libraries;
    /// loads nothing.
    ///
    /// # Errors
    /// [`Error`](crate::Error): a library is not found, types do not match.
    pub fn unresolved(
        &mut self,
        main: Arc<Object>,
        preload: &[Arc<Object>],
    ) -> Result<Vec<UnresolvedSymbol>> {
        let group = self.program_group(main, preload)?;
        link::unresolved(self.view(), &group)
    }

    /// Instantiates one module, by the WebAssembly specification: imports come
    /// from registered instances and host functions; its start function runs.
    /// `name`: registers it, even if its start function traps.
    ///
    /// # Errors
    /// [`Error`](crate::Error); nothing of the module is left unless it is [`Error::Init`](crate::Error::Init).
    pub fn instantiate(&mut self, object: Arc<Object>, name: Option<&str>) -> Result<InstanceId> {
        let group = link::alone(self.view(), object);
        let ready = self.load(group)?;
        let id = self.link.instances.id(ready.first());
        if let Some(name) = name {
            self.register(name, id);
        }
        self.initialise(&ready, false)?;
        Ok(id)
    }

    /// Loads one module as [`Process::instantiate`] does, and runs nothing of
    /// it: to see where everything is.
    ///
    /// # Errors
    /// [`Error`](crate::Error); nothing of the module is left.
    pub fn link_module(&mut self, object: Arc<Object>, name: Option<&str>) -> Result<InstanceId> {
        let group = link::alone(self.view(), object);
        let ready = self.link_group(group)?;
        let id = self.link.instances.id(ready.first());
        if let Some(name) = name {
            self.register(name, id);
        }
        Ok(id)
    }

    /// Lets what is loaded from now on import what an instance exports from
    /// `env` too, where nothing of the program itself defines it.
    pub fn stand_beside(&mut self, id: InstanceId) {
        self.link.beside.extend(self.link.instances.number(id));
    }

    /// Registers an instance under a module name.
    pub fn register(&mut self, name: &str, id: InstanceId) {
        if let Some(number) = self.link.instances.number(id) {
            self.link.names.insert(name.to_owned(), number);
        }
    }

    /// The instance that is registered under a module name.
    pub fn instance(&self, name: &str) -> Option<InstanceId> {
        Some(self.link.instances.id(*self.link.names.get(name)?))
    }

    /// Calls a function of a program's main: `_start`, or the one that its
    /// section `dyninfo` says, with zeros for parameters.
    ///
    /// # Errors
    /// [`CallError`]; [`TrapReason::Exit`](crate::trap::TrapReason::Exit) is how programs that call
    /// `exit` end.
    pub fn start(&mut self, id: InstanceId) -> Result<(), CallError> {
        match self.start_entry(id) {
            Some(started) => started?,
            None => self.invoke(id, "_start", &[]).map(|_| ())?,
        }
        // The program has ended, and its threads with it.
        Ok(self.end_program()?)
    }
}
