//! A process: one native stack, one code area, a link map, and the domains
//! that its objects run in. Everything is given back when it is dropped.

use std::collections::HashMap;
use std::ops::Range;
use std::path::Path;
use std::ptr;
use std::sync::Arc;

use wasmaot_abi::callconv::Layout;
use wasmaot_abi::context::{ProcessHead, TABLE_ENTRY_SIZE};
use wasmaot_abi::exception::LOADER_TAGS;
use wasmaot_abi::object::{SymbolKind, SymbolRecord};
use wasmaot_abi::trap::TrapCode;
use wasmaot_abi::types::{FuncType, GlobalType, HeapType, TableType, ValType};

use crate::arch;
use crate::config::Config;
use crate::domain::{Common, Domain, ExtraTable, Shape};
use crate::error::{CallError, Result, Unresolved as UnresolvedSymbol};
use crate::host::HostFunction;
use crate::loader::{self, Finder, Instance, Key, Stubs, Target};
use crate::object::{Object, Symbol};
use crate::sys::{CodeArea, Stack};
use crate::trap::{self, Exceptions, Interrupter, Space, Trap};
use crate::value::Val;

/// A loaded object of a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct InstanceId(usize);

/// A process.
#[derive(Debug)]
pub struct Process {
    pub(crate) config: Config,
    head: Head,
    pub(crate) code: CodeArea,
    stack: Stack,
    pub(crate) stubs: Stubs,
    /// The link map, in load order.
    pub(crate) instances: Vec<Instance>,
    pub(crate) domains: Vec<Domain>,
    pub(crate) tables: Vec<ExtraTable>,
    /// Domains of memories that are not memory 0 where they are defined, by
    /// the address of their descriptor.
    pub(crate) memories: HashMap<u64, usize>,
    /// Instances by the module name they are registered under.
    pub(crate) names: HashMap<String, usize>,
    /// The global scope.
    pub(crate) scope: Vec<usize>,
    pub(crate) hosts: Hosts,
    /// Every function type met, by identity.
    pub(crate) types: HashMap<u32, FuncType>,
    pub(crate) program: Option<Program>,
    pub(crate) exceptions: Exceptions,
    pub(crate) interrupter: Interrupter,
}

/// What the objects of a dynamically linked program share.
#[derive(Debug)]
pub(crate) struct Program {
    /// Number of the domain.
    pub domain: usize,
    /// Linear addresses left to the program's allocator.
    pub heap: Range<u64>,
    /// Linear addresses of the shadow stack.
    pub stack: Range<u64>,
    /// Table index of each function that has one, by its code's address.
    pub indices: HashMap<u64, u64>,
}

/// The state of a process before a transaction.
#[derive(Debug)]
pub(crate) struct Checkpoint {
    instances: usize,
    domains: usize,
    tables: usize,
    hosts: usize,
    program: bool,
    /// Length of each domain's primary table.
    lengths: Vec<u64>,
}

/// A function and how to call it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Function {
    pub code: u64,
    /// The domain it runs in; `None`: its caller's.
    pub domain: Option<usize>,
    pub type_id: u32,
}

/// The host functions of a process, by number and by name.
#[derive(Debug, Default)]
pub(crate) struct Hosts {
    list: Vec<Arc<HostFunction>>,
    numbers: HashMap<String, HashMap<String, usize>>,
}

impl Hosts {
    pub fn len(&self) -> usize {
        self.list.len()
    }

    pub fn get(&self, number: usize) -> Option<&HostFunction> {
        self.list.get(number).map(|f| &**f)
    }

    /// The types of all functions.
    pub fn types(&self) -> impl Iterator<Item = &FuncType> {
        self.list.iter().map(|f| &f.ty)
    }

    pub fn find(&self, module: &str, name: &str) -> Option<usize> {
        self.numbers.get(module)?.get(name).copied()
    }

    /// Adds a function that has no name to be found by.
    pub fn add_stub(&mut self, function: HostFunction) {
        self.list.push(Arc::new(function));
    }

    fn add(&mut self, function: HostFunction) {
        let names = self.numbers.entry(function.module.clone()).or_default();
        names.insert(function.name.clone(), self.list.len());
        self.list.push(Arc::new(function));
    }
}

/// The process's head: at one address for as long as the process lives.
#[derive(Debug)]
struct Head(*mut ProcessHead);

impl Head {
    fn new(exceptions: &Exceptions) -> Self {
        Self(Box::into_raw(Box::new(ProcessHead {
            dispatch: trap::dispatch_address(),
            unwind: trap::unwind_address(),
            exceptions: exceptions.address(),
            ..ProcessHead::default()
        })))
    }

    fn address(&self) -> u64 {
        self.0.expose_provenance() as u64
    }
}

impl Drop for Head {
    fn drop(&mut self) {
        // SAFETY: made by `Box::into_raw` in `new`; wasm code, the only other
        // user, does not run any more.
        drop(unsafe { Box::from_raw(self.0) });
    }
}

impl Process {
    /// Makes an empty process.
    ///
    /// # Errors
    /// If the system has no room for its stack and code area.
    pub fn new(config: Config) -> Result<Self> {
        let stack = Stack::new(config.stack_size)?;
        let code = CodeArea::new()?;
        let exceptions = Exceptions::new(code.range());
        Ok(Self {
            head: Head::new(&exceptions),
            exceptions,
            code,
            stack,
            config,
            stubs: Stubs::default(),
            instances: Vec::new(),
            domains: Vec::new(),
            tables: Vec::new(),
            memories: HashMap::new(),
            names: HashMap::new(),
            scope: Vec::new(),
            hosts: Hosts::default(),
            types: HashMap::new(),
            program: None,
            interrupter: Interrupter::default(),
        })
    }

    /// Adds host functions. A later one of the same name replaces an earlier
    /// one for what is loaded from then on.
    pub fn add_host_functions(&mut self, functions: impl IntoIterator<Item = HostFunction>) {
        functions.into_iter().for_each(|f| self.hosts.add(f));
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
        finder: &mut dyn Finder,
    ) -> Result<InstanceId> {
        let group = loader::group(&self.config, main, preload, finder)?;
        let ready = loader::load(self, group, true)?;
        ready.initialise(self, true).map(InstanceId)
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
        finder: &mut dyn Finder,
    ) -> Result<InstanceId> {
        let group = loader::group(&self.config, main, preload, finder)?;
        let ready = loader::load(self, group, true)?;
        Ok(InstanceId(ready.first()))
    }

    /// The symbols of a program that nothing defines, with all its libraries;
    /// loads nothing.
    ///
    /// # Errors
    /// [`Error`](crate::Error): a library is not found, types do not match.
    pub fn unresolved(
        &self,
        main: Arc<Object>,
        preload: &[Arc<Object>],
        finder: &mut dyn Finder,
    ) -> Result<Vec<UnresolvedSymbol>> {
        let group = loader::group(&self.config, main, preload, finder)?;
        loader::unresolved(self, &group)
    }

    /// Instantiates one module, by the WebAssembly specification: imports come
    /// from registered instances and host functions; its start function runs.
    /// `name`: registers it, even if its start function traps.
    ///
    /// # Errors
    /// [`Error`](crate::Error); nothing of the module is left unless it is [`Error::Init`](crate::Error::Init).
    pub fn instantiate(&mut self, object: Arc<Object>, name: Option<&str>) -> Result<InstanceId> {
        let ready = loader::load(self, loader::alone(object), false)?;
        if let Some(name) = name {
            self.register(name, InstanceId(ready.first()));
        }
        ready.initialise(self, false).map(InstanceId)
    }

    /// Registers an instance under a module name.
    pub fn register(&mut self, name: &str, id: InstanceId) {
        self.names.insert(name.to_owned(), id.0);
    }

    /// The instance that is registered under a module name.
    pub fn instance(&self, name: &str) -> Option<InstanceId> {
        self.names.get(name).copied().map(InstanceId)
    }

    /// Calls a function of a program's main: `_start`.
    ///
    /// # Errors
    /// [`CallError`]; [`TrapReason::Exit`](crate::trap::TrapReason::Exit) is how programs that call
    /// `exit` end.
    pub fn start(&mut self, id: InstanceId) -> Result<(), CallError> {
        self.invoke(id, "_start", &[]).map(|_| ())
    }

    /// The type of an exported function.
    pub fn get_func(&self, id: InstanceId, name: &str) -> Option<&FuncType> {
        let target = self.export(id.0, name, SymbolKind::Function)?;
        self.type_of(target)
    }

    /// Calls an exported function.
    ///
    /// # Errors
    /// [`CallError`].
    pub fn invoke(
        &mut self,
        id: InstanceId,
        name: &str,
        args: &[Val],
    ) -> Result<Vec<Val>, CallError> {
        self.invoke_at(id.0, name, args)
    }

    pub(crate) fn invoke_at(
        &mut self,
        id: usize,
        name: &str,
        args: &[Val],
    ) -> Result<Vec<Val>, CallError> {
        let no_export = |this: &Self| CallError::NoExport {
            object: this.instances[id].object.name().to_owned(),
            name: name.to_owned(),
            kind: "function",
        };
        let target = self.export(id, name, SymbolKind::Function);
        let target = target.ok_or_else(|| no_export(self))?;
        let ty = self.type_of(target).cloned();
        let ty = ty.ok_or_else(|| no_export(self))?;
        let fit = |(arg, &ty): (&Val, &ValType)| self.is_of(*arg, ty);
        if args.len() != ty.params.len() || !args.iter().zip(&ty.params).all(fit) {
            let given: Vec<_> = args.iter().map(|v| v.ty().to_string()).collect();
            return Err(CallError::Arguments {
                name: name.to_owned(),
                ty: Box::new(ty),
                given: given.join(", "),
            });
        }
        let function = self.function(target).ok().flatten();
        let function = function.ok_or_else(|| no_export(self))?;
        // Stubs made just now have to be executable.
        if self.stubs.seal(&self.code).is_err() {
            return Err(no_export(self));
        }
        let domain = function.domain.unwrap_or(self.instances[id].domain);
        let code = function.code;
        self.call_code(domain, code, &ty, args)
            .map_err(CallError::Trap)
    }

    /// Whether a value is one of a type in this process: functions and
    /// exceptions must be its own, so that no host can make one up.
    pub(crate) fn is_of(&self, value: Val, ty: ValType) -> bool {
        let right = match (ty.as_ref_type().map(|ty| ty.heap), value) {
            (Some(heap), Val::FuncRef(at)) if at != 0 => match (self.record_type(at), heap) {
                (Some(id), HeapType::Type(wanted)) => id == wanted,
                (found, _) => found.is_some(),
            },
            (Some(HeapType::Exn), Val::ExnRef(at)) if at != 0 => self.exceptions.is_kept(at),
            _ => true,
        };
        right && value.is_of(ty)
    }

    /// The type of the function whose record is at an address, if one is.
    fn record_type(&self, at: u64) -> Option<u32> {
        let mut all = self.instances.iter();
        let instance = all.find(|i| i.image.range().contains(&at))?;
        let vaddr = at - instance.image.start();
        let offset = vaddr.checked_sub(instance.object.funcrefs())?;
        let number = usize::try_from(offset / TABLE_ENTRY_SIZE).ok()?;
        let record = instance.object.functions().get(number)?;
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
        let base = self.domains[domain].base();
        let space = Space {
            code: self.code.range(),
            stack: self.stack.usable(),
            stack_guard: self.stack.guard(),
            interrupt: Arc::clone(self.interrupter.state()),
        };
        let head = self.head.0;
        let this = ptr::from_mut(self);
        // SAFETY: the head is this process's own, and alive.
        unsafe { (*head).owner = this.expose_provenance() as u64 };
        // SAFETY: the head, code area and stack are this process's own, the
        // base is of one of its domains, whose context names the head (see
        // `common`), and `code` is a function of that domain and type, in a
        // sealed object. `&mut self` keeps others out meanwhile; host functions
        // get at the process through the head, and nothing here uses `self`
        // until they have ended.
        let called = unsafe { trap::call(head, &space, base, code, ty, args) };
        called.map_err(|raw| trap::explain(raw, self))
    }

    /// Value of an exported global.
    pub fn global_get(&self, id: InstanceId, name: &str) -> Option<Val> {
        let target = self.export(id.0, name, SymbolKind::Global)?;
        let Target::Symbol { instance, symbol } = target else {
            return None;
        };
        let definer = &self.instances[instance];
        let symbol = definer.object.symbols()[symbol as usize];
        let GlobalType { val, .. } = definer.object.global_type(symbol.record.type_id)?;
        if symbol.record.flags & SymbolRecord::STACK_POINTER != 0 {
            let context = self.domains[definer.domain].context();
            return Some(Val::from_bits(val, context.stack_pointer.into()));
        }
        let mut bits = 0;
        for (i, at) in (symbol.value..).take(val.bytes() as usize).enumerate() {
            let [byte] = definer.read(at).ok()?;
            bits |= u128::from(byte) << (8 * i);
        }
        Some(Val::from_bits(val, bits))
    }

    pub(crate) fn domain_of(&self, id: InstanceId) -> &Domain {
        &self.domains[self.instances[id.0].domain]
    }

    pub(crate) fn domain_of_mut(&mut self, id: InstanceId) -> &mut Domain {
        &mut self.domains[self.instances[id.0].domain]
    }

    /// The link map, in load order.
    pub fn link_map(&self) -> impl Iterator<Item = LinkMapEntry<'_>> {
        self.instances
            .iter()
            .enumerate()
            .map(|(i, instance)| LinkMapEntry {
                id: InstanceId(i),
                name: &instance.name,
                path: instance.object.path(),
                load_address: instance.image.start(),
                memory_base: instance.memory_base,
                table_base: instance.table_base,
                object: &instance.object,
            })
    }

    /// What an instance exports under a name, if it is of a kind.
    pub(crate) fn export(&self, id: usize, name: &str, kind: SymbolKind) -> Option<Target> {
        let instance = self.instances.get(id)?;
        let object = &instance.object;
        if let Some(symbol) = object.find(&wasmaot_abi::name::escape(name)) {
            let record = object.symbols()[symbol as usize].record;
            return (record.kind == kind).then_some(Target::Symbol {
                instance: id,
                symbol,
            });
        }
        let reexports = &object.info().reexports;
        let import = reexports.iter().find(|r| r.name == name)?.import;
        let target = *instance.bindings.imports.get(import as usize)?;
        let same = match target {
            Target::Symbol { instance, symbol } => {
                self.instances[instance].object.symbols()[symbol as usize].defines(kind)
            }
            Target::Host(_) | Target::Stub(_) => kind == SymbolKind::Function,
            _ => false,
        };
        same.then_some(target)
    }

    fn type_of(&self, target: Target) -> Option<&FuncType> {
        match target {
            Target::Symbol { instance, symbol } => {
                let object = &self.instances.get(instance)?.object;
                self.types
                    .get(&object.symbols().get(symbol as usize)?.record.type_id)
            }
            Target::Host(number) | Target::Stub(number) => Some(&self.hosts.get(number)?.ty),
            _ => None,
        }
    }

    /// The function of a target, if it is one. Makes the stub of a host
    /// function.
    pub(crate) fn function(&mut self, target: Target) -> Result<Option<Function>> {
        Ok(match target {
            Target::Symbol { instance, symbol } => {
                let definer = &self.instances[instance];
                let symbol = definer.object.symbols()[symbol as usize];
                symbol.defines(SymbolKind::Function).then(|| Function {
                    code: definer.address(symbol.value),
                    domain: Some(definer.domain),
                    type_id: symbol.record.type_id,
                })
            }
            Target::Host(number) | Target::Stub(number) => {
                let Some(function) = self.hosts.list.get(number).map(Arc::clone) else {
                    return Ok(None);
                };
                let address = Arc::as_ptr(&function).expose_provenance() as u64;
                let stack_args = Layout::of(&function.ty).stack_args;
                let stub = self.stub(Key::Host(number), |at| {
                    arch::host_stub(at, address, stack_args)
                })?;
                Some(Function {
                    code: stub,
                    domain: None,
                    type_id: function.ty.id(),
                })
            }
            _ => None,
        })
    }

    /// Address of a stub.
    pub(crate) fn stub(&mut self, key: Key, make: impl Fn(u64) -> Vec<u8>) -> Result<u64> {
        self.stubs.place(&mut self.code, key, make)
    }

    /// Bytes of stack arguments of a function type.
    pub(crate) fn stack_args(&self, type_id: u32) -> u32 {
        let ty = self.types.get(&type_id);
        ty.map_or(0, |ty| Layout::of(ty).stack_args)
    }

    /// Whether objects run in more than one domain, so that a function may be
    /// called from another than its own.
    pub(crate) fn many_domains(&self) -> bool {
        let mut domains = self.instances.iter().map(|i| i.domain);
        domains
            .next()
            .is_some_and(|first| domains.any(|d| d != first))
    }

    /// Makes a domain; its number.
    pub(crate) fn new_domain(&mut self, shape: Shape) -> Result<usize> {
        let common = Common {
            process: self.head.address(),
            stack_limit: self.stack.usable().start,
            code_base: self.code.range().start,
        };
        self.domains.push(Domain::new(shape, common)?);
        Ok(self.domains.len() - 1)
    }

    /// The domain whose memory 0 a memory is.
    pub(crate) fn memory_domain_number(&self, target: Target) -> Option<usize> {
        match target {
            Target::ProgramMemory => Some(self.program.as_ref()?.domain),
            Target::Symbol { instance, symbol } => {
                let definer = self.instances.get(instance)?;
                let symbol = definer.object.symbols().get(symbol as usize)?;
                if symbol.record.flags & SymbolRecord::PRIMARY != 0 {
                    return Some(definer.domain);
                }
                self.memories.get(&definer.address(symbol.value)).copied()
            }
            _ => None,
        }
    }

    pub(crate) fn memory_domain(&self, target: Target) -> Option<&Domain> {
        self.domains.get(self.memory_domain_number(target)?)
    }

    /// A table's descriptor and declared type.
    pub(crate) fn table(&self, target: Target) -> Option<(u64, TableType)> {
        let primary = |domain: &Domain| Some((domain.table_desc(), domain.table?));
        match target {
            Target::ProgramTable => primary(&self.domains[self.program.as_ref()?.domain]),
            Target::Symbol { instance, symbol } => {
                let definer = self.instances.get(instance)?;
                let symbol = definer.object.symbols().get(symbol as usize)?;
                if symbol.record.flags & SymbolRecord::PRIMARY != 0 {
                    return primary(&self.domains[definer.domain]);
                }
                let desc = definer.address(symbol.value);
                let extra = self.tables.iter().find(|t| t.desc == desc)?;
                Some((desc, extra.ty))
            }
            _ => None,
        }
    }

    /// Descriptors of all tables of functions.
    pub(crate) fn function_tables(&self) -> impl Iterator<Item = u64> {
        let primary = self.domains.iter().filter(|d| d.table.is_some());
        let extra = self.tables.iter().filter(|t| t.ty.elem.is_function_ref());
        primary.map(Domain::table_desc).chain(extra.map(|t| t.desc))
    }

    /// Notes the table index of a function, the first of several.
    pub(crate) fn remember_index(&mut self, domain: usize, code: u64, index: u64) {
        if let Some(program) = self.program.as_mut().filter(|p| p.domain == domain) {
            program.indices.entry(code).or_insert(index);
        }
    }

    /// The state to go back to.
    pub(crate) fn checkpoint(&self) -> Checkpoint {
        Checkpoint {
            instances: self.instances.len(),
            domains: self.domains.len(),
            tables: self.tables.len(),
            hosts: self.hosts.len(),
            program: self.program.is_some(),
            lengths: self.domains.iter().map(|d| d.context().table.len).collect(),
        }
    }

    /// Goes back to it. What could not be given back to the system stays
    /// reserved until the process ends.
    pub(crate) fn roll_back(&mut self, before: Checkpoint) {
        for instance in self.instances.drain(before.instances..) {
            let range = instance.image.range();
            self.stubs.forget(&range);
            if let Some(program) = &mut self.program {
                program.indices.retain(|code, _| !range.contains(code));
            }
            self.memories.retain(|desc, _| !range.contains(desc));
            let _ = self.code.release(instance.image);
        }
        self.tables.truncate(before.tables);
        self.domains.truncate(before.domains);
        for (domain, &len) in self.domains.iter().zip(&before.lengths) {
            domain.shrink_table(len);
        }
        if let Some(program) = &mut self.program
            && before.program
        {
            let len = self.domains[program.domain].context().table.len;
            program.indices.retain(|_, index| *index < len);
        } else {
            self.program = None;
        }
        self.stubs.forget_hosts(before.hosts);
        self.hosts.list.truncate(before.hosts);
    }
}

/// An object in the link map.
#[derive(Clone, Copy, Debug)]
pub struct LinkMapEntry<'a> {
    /// Its instance.
    pub id: InstanceId,
    /// Name it was asked for by.
    pub name: &'a str,
    /// Path of its file.
    pub path: &'a Path,
    /// Where it is mapped.
    pub load_address: u64,
    /// Where its data are in linear memory.
    pub memory_base: u64,
    /// Where its functions are in the table.
    pub table_base: u64,
    /// The object.
    pub object: &'a Arc<Object>,
}

impl trap::CodeImage for Object {
    fn name(&self) -> &str {
        self.name()
    }

    fn section(&self, name: &str) -> Option<&[u8]> {
        self.section(name)
    }

    fn section_address(&self, name: &str) -> Option<u64> {
        self.section_address(name)
    }

    fn symbol_at(&self, vaddr: u64) -> Option<String> {
        self.symbol_at(vaddr)
    }
}

impl trap::CodeMap for Process {
    fn object_at(&self, pc: u64) -> Option<(&dyn trap::CodeImage, u64)> {
        let mut instances = self.instances.iter();
        let found = instances.find(|i| i.image.range().contains(&pc))?;
        Some((&*found.object, found.image.start()))
    }

    fn tag_name(&self, tag: u64) -> Option<String> {
        let mut loader = (0..).zip(LOADER_TAGS);
        if let Some((_, name)) = loader.find(|&(n, _)| self.exceptions.tag(n) == tag) {
            return Some(name.to_owned());
        }
        let mut instances = self.instances.iter();
        let definer = instances.find(|i| i.image.range().contains(&tag))?;
        let object = &definer.object;
        let of = |s: &&Symbol| s.defines(SymbolKind::Tag) && definer.address(s.value) == tag;
        let symbol = object.symbols().iter().find(of)?;
        Some(object.symbol_name(symbol).to_owned())
    }

    fn fault_kind(&self, addr: u64) -> Option<TrapCode> {
        for domain in &self.domains {
            if domain.memory_range().contains(&addr) {
                return Some(TrapCode::MemoryOutOfBounds);
            }
            if domain.table_range().contains(&addr) {
                return Some(TrapCode::UndefinedElement);
            }
        }
        let mut extra = self.tables.iter();
        extra
            .any(|t| t.range().contains(&addr))
            .then_some(TrapCode::UndefinedElement)
    }
}
