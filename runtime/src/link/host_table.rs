//! What linking knows of the host's functions: numbers, names, types and
//! addresses. What they do is not its affair.

use std::borrow::Cow;
use std::fmt;

use wasmaot_abi::types::FuncType;

/// The host functions of a process, by number.
pub(crate) trait HostTable: fmt::Debug {
    /// The number that the next function gets.
    fn next(&self) -> usize;

    /// Number of the function of a module and a name.
    fn find(&self, module: &str, name: &str) -> Option<usize>;

    /// The type of a function.
    fn ty(&self, number: usize) -> Option<Cow<'_, FuncType>>;

    /// A function. Those of libraries are made for that.
    fn function(&self, number: usize) -> Option<HostSymbol<'_>>;

    /// A function, if it has been made.
    fn made(&self, number: usize) -> Option<HostSymbol<'_>>;

    /// The type of an identity, of functions that have been made.
    fn made_type(&self, id: u32) -> Option<&FuncType>;

    /// What a stub gives to the dispatch of host calls to name a function.
    fn address(&self, number: usize) -> Option<u64>;

    /// Whether a function can be had by another type ([`StubKind::Adapter`]).
    fn adapts(&self, number: usize, wanted: &FuncType) -> bool;

    /// The function of a module whose functions take the types of their
    /// imports, if it has one of that name and type.
    fn typed(&self, module: &str, name: &str, ty: &FuncType) -> Option<Typed>;

    /// Adds a function that has no name to be found by.
    fn add(&mut self, stub: Stub);

    /// Forgets the functions numbered from `first` on, which were added last.
    fn truncate(&mut self, first: usize);
}

/// A host function as a symbol.
#[derive(Clone, Copy, Debug)]
pub(crate) struct HostSymbol<'a> {
    pub module: &'a str,
    pub name: &'a str,
    pub ty: &'a FuncType,
}

/// A host function of the type of its import.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Typed {
    /// It is there, by its number.
    There(usize),
    /// It can be made ([`StubKind::Typed`]).
    ToMake,
}

/// A host function that linking asks for: a stand-in, or an adapter.
#[derive(Clone, Debug)]
pub(crate) struct Stub {
    pub module: String,
    pub name: String,
    pub ty: FuncType,
    pub kind: StubKind,
}

/// What such a function does.
#[derive(Clone, Debug)]
pub(crate) enum StubKind {
    /// It stops with the trap of an unresolved symbol, explained by this text.
    Trap(String),
    /// It is the function of this number in the form of another type.
    Adapter(usize),
    /// It is the host's function of that name for that type.
    Typed,
    /// It calls what a `dyninfo` module calls lazily, by the number of the
    /// forwarder.
    Forward(usize),
}
