//! A process: one native stack, one code area, a link map, and the domains
//! that its objects run in. Everything is given back when it is dropped.

mod thread;

use std::fmt;
use std::ops::Range;
use std::ptr;
use std::sync::Arc;

use wasmaot_abi::callconv::Layout;
use wasmaot_abi::context::{TABLE_ENTRY_SIZE, ThreadBlock};
use wasmaot_abi::object::SymbolKind;
use wasmaot_abi::types::{FuncType, HeapType, ValType};

use crate::arch;
use crate::config::Config;
use crate::dl::{self, Dl};
use crate::error::{CallError, Error, Result, Unresolved as UnresolvedSymbol};
use crate::handle::ProcessId;
use crate::host::{HostFunctions, Hosts};
use crate::link::{self, Finder, InstanceId, LinkState, Needed, Target};
use crate::object::Object;
use crate::space::{AddressSpace, ContextHeader, Domain, DomainLayout, Key};
use crate::sys::live;
use crate::trap::{self, Space, Trap, TrapReason};
use crate::value::Val;
use thread::ThreadState;

/// A process.
#[derive(Debug)]
pub struct Process {
    /// What tells handles of this process from those of others.
    pub(crate) id: ProcessId,
    pub(crate) config: Config,
    /// What is loaded and bound.
    pub(crate) link: LinkState,
    /// Where it is.
    pub(crate) space: AddressSpace,
    /// What it can call of the host.
    pub(crate) hosts: Hosts,
    /// What runs it.
    pub(crate) thread: ThreadState,
    pub(crate) finder: Option<BoxedFinder>,
    pub(crate) dl: Dl,
    /// What the embedder keeps with the process.
    data: Box<dyn std::any::Any + Send>,
}

/// Who finds libraries.
pub(crate) struct BoxedFinder(pub Box<dyn Finder + Send>);

impl fmt::Debug for BoxedFinder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Finder")
    }
}

/// A function and how to call it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Function {
    pub code: u64,
    /// The domain it runs in; `None`: its caller's.
    pub domain: Option<usize>,
    /// Of a host function, nobody has asked for it.
    pub type_id: Option<u32>,
}

impl Process {
    /// Makes an empty process.
    ///
    /// # Errors
    /// If the system has no room for its stack and code area.
    pub fn new(config: Config) -> Result<Self> {
        let space = AddressSpace::new(config.max_memory)?;
        let (code, budget) = (space.code.range(), Arc::clone(&space.budget));
        let thread = ThreadState::new(config.stack_size, code, budget)?;
        let mut hosts = Hosts::default();
        dl::functions().add_to(&mut hosts);
        Ok(Self {
            id: ProcessId::new(),
            data: Box::new(()),
            config,
            link: LinkState::default(),
            space,
            hosts,
            thread,
            finder: None,
            dl: Dl::default(),
        })
    }

    /// Sets who finds needed and opened libraries; without one there are none.
    pub fn set_finder(&mut self, finder: impl Finder + Send + 'static) {
        self.finder = Some(BoxedFinder(Box::new(finder)));
    }

    /// Keeps a value with the process, in the place of the one before: what its
    /// host functions share ([`Caller::data`](crate::Caller::data)).
    pub fn set_data<T: std::any::Any + Send>(&mut self, data: T) {
        self.data = Box::new(data);
    }

    /// The value that is kept with the process, if it is of the type.
    pub fn data<T: std::any::Any>(&self) -> Option<&T> {
        self.data.downcast_ref()
    }

    /// The same, to change.
    pub fn data_mut<T: std::any::Any>(&mut self) -> Option<&mut T> {
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
        let group = link::program(self, main, preload)?;
        let ready = link::load(self, group)?;
        ready
            .initialise(self, true)
            .map(|number| self.link.instances.id(number))
    }

    /// Loads a program as [`Process::load_program`] does, and runs nothing of
    /// it: to see where everything is.
    ///
    /// # Errors
    /// [`Error`](crate::Error); nothing of the program is left.
    pub fn link_program(
        &mut self,
        main: Arc<Object>,
        preload: &[Arc<Object>],
    ) -> Result<InstanceId> {
        let group = link::program(self, main, preload)?;
        let ready = link::load(self, group)?;
        Ok(self.link.instances.id(ready.first()))
    }

    /// The libraries that a program and its libraries need, each name that an
    /// object gives, breadth first as they are loaded; loads nothing.
    ///
    /// # Errors
    /// [`Error`](crate::Error): what keeps a library that is there from being
    /// opened.
    pub fn needed(&mut self, main: Arc<Object>, preload: &[Arc<Object>]) -> Result<Vec<Needed>> {
        link::needed(self, main, preload)
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
        let group = link::program(self, main, preload)?;
        link::unresolved(self, &group)
    }

    /// Instantiates one module, by the WebAssembly specification: imports come
    /// from registered instances and host functions; its start function runs.
    /// `name`: registers it, even if its start function traps.
    ///
    /// # Errors
    /// [`Error`](crate::Error); nothing of the module is left unless it is [`Error::Init`](crate::Error::Init).
    pub fn instantiate(&mut self, object: Arc<Object>, name: Option<&str>) -> Result<InstanceId> {
        let group = link::alone(self, object);
        let ready = link::load(self, group)?;
        let id = self.link.instances.id(ready.first());
        if let Some(name) = name {
            self.register(name, id);
        }
        ready.initialise(self, false)?;
        Ok(id)
    }

    /// Loads one module as [`Process::instantiate`] does, and runs nothing of
    /// it: to see where everything is.
    ///
    /// # Errors
    /// [`Error`](crate::Error); nothing of the module is left.
    pub fn link_module(&mut self, object: Arc<Object>, name: Option<&str>) -> Result<InstanceId> {
        let group = link::alone(self, object);
        let ready = link::load(self, group)?;
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
            Some(started) => started,
            None => self.invoke(id, "_start", &[]).map(|_| ()),
        }
    }

    /// Whether a value is one of a type in this process: functions and
    /// exceptions must be its own, so that no host can make one up.
    pub(crate) fn is_of(&self, value: Val, ty: ValType) -> bool {
        let right = match (ty.as_ref_type().map(|ty| ty.heap), value) {
            (Some(heap), Val::FuncRef(at)) if at != 0 => match (self.record_type(at), heap) {
                (Some(id), HeapType::Type(wanted)) => self.link.types.get(id) == Some(wanted),
                (found, _) => found.is_some(),
            },
            (Some(HeapType::Exn), Val::ExnRef(at)) if at != 0 => self.thread.exceptions.is_kept(at),
            _ => true,
        };
        right && value.is_of(ty)
    }

    /// The type of the function whose record is at an address, if one is.
    fn record_type(&self, at: u64) -> Option<u32> {
        let instance = &self.link.instances[self.link.instances.at(at)?];
        let vaddr = at - instance.image.start();
        let offset = vaddr.checked_sub(instance.object.funcrefs())?;
        let number = u32::try_from(offset / TABLE_ENTRY_SIZE).ok()?;
        let record = instance.object.function(number)?;
        (offset % TABLE_ENTRY_SIZE == 0).then_some(record.type_id)
    }

    /// Calls code of a domain. The type must be the code's own: it comes from
    /// the record of its symbol.
    pub(crate) fn call_code(
        &mut self,
        domain: usize,
        code: u64,
        ty: &FuncType,
        args: &[Val],
    ) -> Result<Vec<Val>, Trap> {
        let base = self.space.domains[domain].base();
        let space = Space {
            code: self.space.code.range(),
            stack: self.thread.stack.usable(),
            stack_guard: self.thread.stack.guard(),
            interrupt: Arc::clone(self.thread.interrupter.state()),
        };
        let head = self.thread.head.as_ptr();
        let this = ptr::from_mut(self);
        // SAFETY: the head is this process's own, and alive.
        unsafe { (*head).process = this.expose_provenance() as u64 };
        // SAFETY: the head, code area and stack are this process's own, the
        // base is of one of its domains, whose context names the head (see
        // `new_domain`), and `code` is a function of that domain and type, in a
        // sealed object. `&mut self` keeps others out meanwhile; host functions
        // get at the process through the head, and nothing here uses `self`
        // until they have ended.
        let called = unsafe { trap::call(head.cast(), &space, base, code, ty, args) };
        called.map_err(|raw| trap::explain(raw, self))
    }

    /// Refuses to go on loading if the process is to stop.
    pub(crate) fn refuse_if_interrupted(&self) -> Result<()> {
        match self.thread.interrupter.is_requested() {
            true => Err(Error::Interrupted),
            false => Ok(()),
        }
    }

    /// What the thread block says now.
    fn thread_block(&self) -> ThreadBlock {
        self.thread.head.block()
    }

    /// The instance whose code has called the host function that runs.
    pub(crate) fn caller(&self) -> Option<usize> {
        let thread = self.thread_block();
        // A frame record: the saved frame pointer, the return address.
        let mut record = self.thread.stack.words(thread.wasm_sp);
        let pc = record.nth(1).filter(|_| thread.host_sp != 0)?;
        self.link.instances.at(pc)
    }

    /// The words of the stack that wasm code uses now.
    pub(crate) fn stack_words(&self, f: &mut dyn FnMut(u64)) {
        let thread = self.thread_block();
        if thread.host_sp != 0 {
            // Below the frame record are the registers.
            let from = thread.wasm_sp.saturating_sub(arch::HOST_CALL_FRAME);
            self.thread.stack.words(from).for_each(f);
        }
    }

    /// Clears the table entries that name functions of an image.
    pub(crate) fn clear_tables(&self, image: &Range<u64>) {
        let area = self.space.code.range().start;
        for desc in self.function_tables() {
            // SAFETY: the descriptor is a live table's of this process.
            unsafe {
                live::table_clear(desc, |entry| {
                    let record = area + u64::from(entry.record);
                    image.contains(&entry.code) || image.contains(&record)
                });
            }
        }
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

    /// The function of a target, if it is one. Makes the stub of a host
    /// function.
    pub(crate) fn function(&mut self, target: Target) -> Result<Option<Function>> {
        Ok(match target {
            Target::Symbol { instance, symbol } => {
                let definer = &self.link.instances[instance];
                let symbol = definer.object.symbol(symbol);
                symbol.defines(SymbolKind::Function).then(|| Function {
                    code: definer.address(symbol.value),
                    domain: Some(definer.domain),
                    type_id: definer.object.type_id(symbol.record),
                })
            }
            Target::Host(number) | Target::Stub(number) => {
                let Some(slot) = self.hosts.get(number) else {
                    return Ok(None);
                };
                let address = (&raw const *slot).expose_provenance() as u64;
                let stack_args = Layout::stack_args(&arch::HOST.calls, &slot.ty());
                let stub = self.stub(Key::Host(number), |at| {
                    arch::host_stub(at, address, stack_args)
                })?;
                Some(Function {
                    code: stub,
                    domain: None,
                    type_id: None,
                })
            }
            _ => None,
        })
    }

    /// Enters the types of an object's functions.
    pub(crate) fn enter_types(&mut self, object: &Object) -> Result<()> {
        let entered = self.link.types.add(object.info().types.hashes());
        entered.map_err(|id| {
            let other = object.type_of(id).cloned();
            self.collision(id, other, object.path().display().to_string())
        })
    }

    /// Identity of a host function's type, by which it is to be called.
    pub(crate) fn host_type(&mut self, number: usize) -> Result<u32> {
        let slot = self.hosts.get(number);
        let ty = slot.map(|s| s.ty().into_owned()).unwrap_or_default();
        let hash = ty.hash();
        let entered = self.link.types.add(&[hash]);
        entered.map_err(|id| self.collision(id, Some(ty), "the host".to_owned()))?;
        Ok(hash.id())
    }

    /// The error of a type that has the identity of another.
    pub(crate) fn collision(&self, id: u32, ty: Option<FuncType>, file: String) -> Error {
        Error::TypeCollision {
            file,
            a: Box::new(self.any_type(id).cloned().unwrap_or_default()),
            b: Box::new(ty.unwrap_or_default()),
            id,
        }
    }

    /// The function type of an identity.
    pub(crate) fn any_type(&self, id: u32) -> Option<&FuncType> {
        let mut objects = self.link.instances.values().map(|i| &i.object);
        let found = objects.find_map(|object| object.type_of(id));
        found.or_else(|| self.hosts.made_type(id))
    }

    /// Address of a stub.
    pub(crate) fn stub(&mut self, key: Key, make: impl Fn(u64) -> Vec<u8>) -> Result<u64> {
        self.space.stub(key, make)
    }

    /// Bytes of stack arguments of a function type.
    pub(crate) fn stack_args(&self, type_id: u32) -> u32 {
        let ty = self.any_type(type_id);
        ty.map_or(0, |ty| Layout::stack_args(&arch::HOST.calls, ty))
    }

    /// Whether objects run in more than one domain, so that a function may be
    /// called from another than its own.
    pub(crate) fn many_domains(&self) -> bool {
        let mut domains = self.link.instances.values().map(|i| i.domain);
        domains
            .next()
            .is_some_and(|first| domains.any(|d| d != first))
    }

    /// Makes a domain; its number.
    pub(crate) fn new_domain(&mut self, layout: DomainLayout) -> Result<usize> {
        let header = ContextHeader {
            thread: self.thread.head.address(),
            code_base: self.space.code.range().start,
        };
        self.space
            .domains
            .push(Domain::new(layout, header, Arc::clone(&self.space.budget))?);
        Ok(self.space.domains.len() - 1)
    }

    /// Notes the table index of a function, the first of several.
    pub(crate) fn remember_index(&mut self, domain: usize, code: u64, index: u64) {
        let program = self.link.program.as_mut().filter(|p| p.domain == domain);
        if let Some(indices) = program.and_then(|p| p.indices.as_mut()) {
            indices.entry(code).or_insert(index);
        }
    }

    /// Adds instances to the global scope, those that are not there yet.
    pub(crate) fn join_global(&mut self, numbers: &[usize]) {
        for &number in numbers {
            if !self.link.scope.contains(&number) {
                self.link.scope.push(number);
            }
        }
    }

    /// Calls the function of a target, in its own domain or the program's.
    pub(crate) fn call_target(
        &mut self,
        target: Target,
        ty: &FuncType,
        args: &[Val],
    ) -> Result<Vec<Val>, Trap> {
        let failed = |what: &str| Trap::new(TrapReason::Host(what.to_owned()));
        let function = self.function(target).ok().flatten();
        let function = function.ok_or_else(|| failed("a call of what is no function"))?;
        let sealed = self.space.stubs.seal();
        sealed.map_err(|e| failed(&e.to_string()))?;
        let program = self.link.program.as_ref().map(|p| p.domain);
        let domain = function.domain.or(program);
        let domain = domain.ok_or_else(|| failed("a call without a program"))?;
        self.call_code(domain, function.code, ty, args)
    }
}
