//! What a process remembers of the fixups that section `dyninfo` asks for.

use std::collections::HashMap;

use wasmaot_abi::types::FuncType;

/// What has been done, and what waits.
#[derive(Debug, Default)]
pub(crate) struct Fixups {
    /// Fixups that wait for a definition: serial number of the instance, and
    /// number in its list.
    pub waiting: Vec<(u64, usize)>,
    /// What has been copied: what is still written to the original goes to the
    /// copy, too.
    pub copied: Vec<Copied>,
    /// Serial number of the instance that holds the copy, by symbol.
    pub holders: HashMap<String, u64>,
    /// Host functions that stand for lazy ones.
    pub lazy: Vec<Forwarder>,
}

/// Bytes that were copied.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Copied {
    /// Serial number of the instance with the copy.
    pub serial: u64,
    pub from: u64,
    pub to: u64,
    pub bytes: u64,
}

/// A function whose library is loaded at the first call.
#[derive(Clone, Debug)]
pub(crate) struct LazyFunction {
    /// Of the instance that calls it.
    pub serial: u64,
    /// Table index of the entry that is to hold it.
    pub index: u64,
    pub symbol: String,
    pub library: String,
    pub ty: FuncType,
}

/// A host function that is called in place of a lazy one.
#[derive(Debug)]
pub(crate) struct Forwarder {
    /// Its number.
    pub host: usize,
    pub ty: FuncType,
    /// `None`: it can be used for another.
    pub to: Option<LazyFunction>,
}
