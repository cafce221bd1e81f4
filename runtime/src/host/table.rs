//! The host functions of a process.

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicPtr, AtomicU32, Ordering};
use std::sync::{Arc, LazyLock, OnceLock};

use wasmaot_abi::callconv::Layout;
use wasmaot_abi::types::FuncType;

use super::dispatch::Entries;
use super::{HostEntry, HostError, HostFunction, HostState};
use crate::arch::{HOST, HostEntries};
use crate::process::Hooks;

/// Host functions of known names and types, each made when it is first called:
/// a program is bound to many that it never calls.
pub struct HostLibrary(Arc<dyn Library>);

/// A [`HostLibrary`], whatever its functions share.
trait Library: Send + Sync {
    fn len(&self) -> usize;
    /// Number of a function.
    fn find(&self, module: &str, name: &str) -> Option<usize>;
    fn ty(&self, number: usize) -> FuncType;
    fn make(&self, number: usize) -> HostFunction;
}

struct Table<S: HostState> {
    entries: &'static [HostEntry<S>],
    /// Made with the first function.
    state: LazyLock<Arc<S>, Box<dyn FnOnce() -> Arc<S> + Send>>,
}

impl<S: HostState> Library for Table<S> {
    fn len(&self) -> usize {
        self.entries.len()
    }

    fn find(&self, module: &str, name: &str) -> Option<usize> {
        let mut entries = self.entries.iter();
        entries.position(|entry| entry.name == name && entry.module == module)
    }

    fn ty(&self, number: usize) -> FuncType {
        self.entries[number].ty()
    }

    fn make(&self, number: usize) -> HostFunction {
        self.entries[number].make(&self.state)
    }
}

impl HostLibrary {
    /// The functions of a table, and what makes their state, with the first of
    /// them.
    pub fn new<S: HostState>(
        entries: &'static [HostEntry<S>],
        state: impl FnOnce() -> S + Send + 'static,
    ) -> Self {
        let state = LazyLock::new(Box::new(|| Arc::new(state())) as Box<_>);
        Self(Arc::new(Table { entries, state }))
    }

    /// Makes all of them.
    pub fn iter(&self) -> impl Iterator<Item = HostFunction> {
        (0..self.0.len()).map(|number| self.0.make(number))
    }
}

impl fmt::Debug for HostLibrary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HostLibrary({} functions)", self.0.len())
    }
}

/// What can be added to a process: a [`HostLibrary`], or functions one by one.
pub trait HostFunctions {
    /// Adds them. A later one of the same name replaces an earlier one.
    #[doc(hidden)]
    fn add_to(self, hosts: &mut Hosts);
}

impl<I: IntoIterator<Item = HostFunction>> HostFunctions for I {
    fn add_to(self, hosts: &mut Hosts) {
        for function in self {
            let number = hosts.len();
            let names = hosts.numbers.entry(function.module.clone()).or_default();
            names.insert(function.name.clone(), number);
            hosts.add_stub(function);
        }
    }
}

impl HostFunctions for HostLibrary {
    fn add_to(self, hosts: &mut Hosts) {
        let slots = (0..self.0.len()).map(|number| Slot {
            entries: HostEntries::new(Entries::unmade().direct, Entries::unmade().spilled),
            body: AtomicPtr::default(),
            stack_bytes: AtomicU32::default(),
            ty: OnceLock::new(),
            made: OnceLock::new(),
            source: Some((Arc::clone(&self.0), number)),
        });
        hosts.groups.push(Group {
            first: hosts.len(),
            slots: slots.collect(),
            library: Some(self.0),
        });
    }
}

/// The place of a host function, which its stub refers to.
#[repr(C)]
pub(crate) struct Slot {
    /// What the stub calls.
    entries: HostEntries,
    /// Address of the Rust function that the host function was made of.
    body: AtomicPtr<()>,
    /// Bytes of its stack arguments, once it is made.
    stack_bytes: AtomicU32,
    /// The type that imports are bound by.
    ty: OnceLock<FuncType>,
    made: OnceLock<Box<HostFunction>>,
    /// What makes it, and its number there.
    source: Option<(Arc<dyn Library>, usize)>,
}

impl Slot {
    /// The function. A slot without one is never made.
    pub fn function(&self) -> &HostFunction {
        self.made.get_or_init(|| {
            let Some((library, number)) = &self.source else {
                unreachable!("a slot of no library is filled from the start")
            };
            let function = library.make(*number);
            // Compiled code calls it by this type.
            let function = match function.ty() == self.ty() {
                true => function,
                false => of_another_type(function, self.ty()),
            };
            let function = Box::new(function);
            self.enter(&function);
            function
        })
    }

    /// Has the stub call a function.
    fn enter(&self, function: &HostFunction) {
        self.body
            .store(function.body().cast_mut(), Ordering::Release);
        self.stack_bytes
            .store(stack_bytes(function), Ordering::Release);
        let Entries { direct, spilled } = function.entries();
        self.entries.set(direct, spilled);
    }

    /// Address of the Rust function that the function was made of.
    #[inline]
    pub fn body(&self) -> *const () {
        self.body.load(Ordering::Acquire)
    }

    /// What carries out calls with arguments from memory.
    pub fn spilled(&self) -> *const () {
        self.entries.spilled()
    }

    /// The function, if it has been made.
    pub fn made(&self) -> Option<&HostFunction> {
        self.made.get().map(|function| &**function)
    }

    /// The function's type.
    pub fn ty(&self) -> &FuncType {
        self.ty
            .get_or_init(|| match (&self.source, self.made.get()) {
                (_, Some(function)) => function.ty().clone(),
                (Some((library, number)), None) => library.ty(*number),
                (None, None) => unreachable!("a slot of no library is filled from the start"),
            })
    }

    /// Bytes of the stack arguments of the function, which has been made.
    #[inline]
    pub fn stack_bytes(&self) -> u32 {
        self.stack_bytes.load(Ordering::Acquire)
    }
}

fn stack_bytes(function: &HostFunction) -> u32 {
    Layout::stack_args(&HOST.calls, function.ty())
}

/// What stands for a function that is not of the type that its library has said.
fn of_another_type(function: HostFunction, ty: &FuncType) -> HostFunction {
    let text = format!(
        "host function {}.{} is of type {}, but was said to be of type {ty}",
        function.module,
        function.name,
        function.ty()
    );
    HostFunction::new(
        function.module,
        function.name,
        ty.clone(),
        move |_, _, _| Err(HostError::Message(text.clone())),
    )
}

impl From<HostFunction> for Slot {
    fn from(function: HostFunction) -> Self {
        let Entries { direct, spilled } = function.entries();
        Self {
            entries: HostEntries::new(direct, spilled),
            body: AtomicPtr::new(function.body().cast_mut()),
            stack_bytes: AtomicU32::new(stack_bytes(&function)),
            ty: OnceLock::from(function.ty().clone()),
            made: OnceLock::from(Box::new(function)),
            source: None,
        }
    }
}

impl fmt::Debug for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Slot").field(&self.made).finish()
    }
}

/// Functions that have been added together.
struct Group {
    /// Number of the first.
    first: usize,
    slots: Box<[Slot]>,
    /// Where they are found by name; single ones are in [`Hosts::numbers`].
    library: Option<Arc<dyn Library>>,
}

/// The host functions of a process, by number and by name.
#[derive(Default)]
pub struct Hosts {
    groups: Vec<Group>,
    /// Of those that are of no library.
    numbers: HashMap<String, HashMap<String, usize>>,
    /// What upper floors make.
    pub(crate) hooks: Hooks,
}

impl fmt::Debug for Hosts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Hosts({} functions)", self.len())
    }
}

impl Hosts {
    pub(crate) fn len(&self) -> usize {
        self.groups.last().map_or(0, |g| g.first + g.slots.len())
    }

    pub(crate) fn get(&self, number: usize) -> Option<&Slot> {
        let after = self.groups.partition_point(|group| group.first <= number);
        let group = self.groups.get(after.checked_sub(1)?)?;
        group.slots.get(number - group.first)
    }

    pub(crate) fn find(&self, module: &str, name: &str) -> Option<usize> {
        let single = self.numbers.get(module).and_then(|names| names.get(name));
        let in_library = self.groups.iter().rev().find_map(|group| {
            let number = group.library.as_ref()?.find(module, name)?;
            Some(group.first + number)
        });
        // The one that was added last.
        single.copied().max(in_library)
    }

    /// The number of a function of the same names and type that is there.
    pub(crate) fn same(&self, function: &HostFunction) -> Option<usize> {
        let same = |f: &HostFunction| {
            f.module == function.module && f.name == function.name && f.ty() == function.ty()
        };
        let mut all = self.groups.iter().flat_map(|group| &group.slots);
        all.position(|slot| slot.made.get().is_some_and(|f| same(f)))
    }

    /// The function type of an identity, of those that were made.
    pub(crate) fn made_type(&self, id: u32) -> Option<&FuncType> {
        let all = self.groups.iter().flat_map(|group| &group.slots);
        let mut types = all.filter_map(|slot| Some(slot.made.get()?.ty()));
        types.find(|ty| ty.id() == id)
    }

    /// Adds a function that has no name to be found by.
    pub(crate) fn add_stub(&mut self, function: HostFunction) {
        self.groups.push(Group {
            first: self.len(),
            slots: Box::new([function.into()]),
            library: None,
        });
    }

    /// Forgets those numbered from `first` on, which have been added last.
    pub(crate) fn truncate(&mut self, first: usize) {
        self.groups.retain(|group| group.first < first);
    }
}
