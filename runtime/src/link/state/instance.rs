//! An object in a process: where it is, and what its symbols are bound to.

use std::collections::BTreeSet;
use std::sync::Arc;

use wasmaot_abi::builtin::Builtin;

use crate::error::Result;
use crate::object::{Object, bad};
use crate::sys::{Image, Registered};

use super::room::Room;

/// What a symbol stands for. Definitions are named by instance and symbol
/// number, so that binding needs no addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Target {
    /// Nothing: not a symbol to bind.
    None,
    /// A definition.
    Symbol {
        /// Number of the instance.
        instance: usize,
        /// Number of the symbol.
        symbol: u32,
    },
    /// A host function by its number.
    Host(usize),
    /// A host function that stands for one that is not defined.
    Stub(usize),
    /// An undefined address of a weak reference: null.
    Null,
    /// The address of data that nothing defines.
    UndefinedData,
    /// The pointer to a function that nothing defines, by its number.
    UndefinedFunction(u32),
    /// A function that is looked up when it is first called.
    Lazy,
    /// A linear address that the loader provides.
    LinkerSymbol(LinkerSymbol),
    /// The memory that the objects of the program share.
    ProgramMemory,
    /// Their table.
    ProgramTable,
    /// The memory that the loader makes for a plain module that imports one to be
    /// shared by its threads, and whose number it is.
    ThreadsMemory(usize),
    /// A tag that the loader provides, by its number.
    Tag(usize),
    Builtin(Builtin),
}

impl Target {
    /// Whether it is the address of what nothing defines, where there is no code.
    pub const fn is_undefined_address(self) -> bool {
        matches!(
            self,
            Self::Null | Self::UndefinedData | Self::UndefinedFunction(_)
        )
    }

    /// Whether nothing defines what it stands for.
    pub const fn is_undefined(self) -> bool {
        self.is_undefined_address() || matches!(self, Self::Stub(_))
    }
}

/// Linear addresses that only the loader knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum LinkerSymbol {
    HeapBase,
    HeapEnd,
    StackLow,
    StackHigh,
}

impl LinkerSymbol {
    /// The symbol of a name.
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "__heap_base" => Some(Self::HeapBase),
            "__heap_end" => Some(Self::HeapEnd),
            "__stack_low" => Some(Self::StackLow),
            "__stack_high" => Some(Self::StackHigh),
            _ => None,
        }
    }
}

/// What an object's symbols and imports are bound to.
#[derive(Clone, Debug, Default)]
pub(crate) struct Bindings {
    /// By dynamic symbol, up to the last one that is not defined.
    pub symbols: Vec<Target>,
    /// Of the defined ones after it, those that are also imported, ascending;
    /// the others are bound to themselves.
    pub defined: Vec<(u32, Target)>,
    /// The functions whose address is another than what calls of the symbol
    /// lead to, ascending: calls of one of another type trap, and its address
    /// is its own.
    pub addresses: Vec<(u32, Target)>,
    /// By import.
    pub imports: Vec<Target>,
}

impl Bindings {
    /// What a dynamic symbol is bound to; `None`: to itself, if it is defined.
    pub fn symbol(&self, number: u32) -> Option<Target> {
        if let Some(&target) = self.symbols.get(number as usize) {
            return Some(target);
        }
        find(&self.defined, number)
    }

    /// What a function symbol's address is that of; as [`Bindings::symbol`]
    /// says where that is no other.
    pub fn address(&self, number: u32) -> Option<Target> {
        find(&self.addresses, number).or_else(|| self.symbol(number))
    }

    /// The instances of the definitions, some more than once.
    pub fn instances(&self) -> impl Iterator<Item = usize> {
        let all = self.symbols.iter().chain(&self.imports);
        let mut last = None;
        all.filter_map(move |target| match target {
            Target::Symbol { instance, .. } if last != Some(*instance) => {
                last = Some(*instance);
                last
            }
            _ => None,
        })
    }
}

/// The target of a symbol in a list of ascending symbols.
fn find(list: &[(u32, Target)], number: u32) -> Option<Target> {
    let at = list.binary_search_by_key(&number, |&(n, _)| n);
    at.ok().map(|at| list[at].1)
}

/// An object in a process.
#[derive(Debug)]
pub(crate) struct Instance {
    pub object: Arc<Object>,
    /// Name it was asked for by.
    pub name: String,
    /// It is main or was preloaded: what it defines counts, whatever it does.
    pub chosen: bool,
    pub image: Image,
    /// Number of its domain.
    pub domain: usize,
    pub memory_base: u64,
    pub table_base: u64,
    /// Where its part of the code-address space begins.
    pub pc_base: u64,
    /// Offset from the thread pointer of its thread-local storage, if it has any.
    pub locals: Option<u64>,
    pub bindings: Bindings,
    /// How many of its function records are filled.
    pub records: u32,
    /// Whether they hold thunks.
    pub thunked: bool,
    /// Whether its RELRO part is read-only.
    pub sealed: bool,
    /// Its number among all that the process ever loaded.
    pub serial: u64,
    /// The instances it needs.
    pub needs: Vec<usize>,
    /// The instances that it cannot do without: those it needs, and those it
    /// is bound to.
    pub uses: BTreeSet<usize>,
    /// The library that it came with and all that that needs: where it looks
    /// names up beside the global scope.
    pub local: Arc<[usize]>,
    /// Whether what is in `local` comes first.
    pub deepbind: bool,
    /// Why it stays loaded.
    pub refs: RefCount,
    /// Room that is given back with it.
    pub room: Option<Room>,
    /// What debuggers see of it, where one listens.
    pub registered: Option<Registered>,
}

/// What keeps an instance loaded, beside others that need it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct RefCount {
    /// How often it has been opened and not closed.
    pub opened: u32,
    /// Number of the thread that runs its constructors, until they have run: it stays,
    /// however often they close it.
    pub starting: Option<u32>,
    /// Number of the thread that runs its finalisers, until it is gone.
    pub ending: Option<u32>,
    /// How many threads are to run code of it before they begin.
    pub threads: u32,
    /// It is part of what was there from the start, or shall never go.
    pub always: bool,
}

/// The image of an unloaded object, whose code may still be in use.
#[derive(Debug)]
pub(crate) struct Retired {
    pub image: Image,
    /// As [`Instance::locals`]: what still runs uses it.
    pub locals: Option<u64>,
    pub object: Arc<Object>,
}

impl Instance {
    /// Whether it has slots that are filled at the first call.
    pub fn is_lazy(&self) -> bool {
        let mut slots = self.object.plt_slots();
        slots.any(|slot| self.bindings.symbols.get(slot.symbol as usize) == Some(&Target::Lazy))
    }

    /// Makes what is constant after relocation read-only, if it is.
    pub fn seal(&mut self) -> Result<()> {
        if !self.is_lazy() {
            let relro = self.object.layout().relro.clone();
            self.image.set_writable(relro, false)?;
            self.sealed = true;
        }
        Ok(())
    }

    /// Address in the process of an address in the file.
    pub const fn address(&self, vaddr: u64) -> u64 {
        self.image.start() + vaddr
    }

    /// Writes a 64-bit slot.
    pub fn write(&self, vaddr: u64, value: u64) -> Result<()> {
        let written = self.image.write_u64(vaddr, value);
        written.map_err(|_| self.out_of_data(vaddr))
    }

    /// Writes bytes.
    pub fn write_bytes(&self, vaddr: u64, bytes: &[u8]) -> Result<()> {
        let written = self.image.write(vaddr, bytes);
        written.map_err(|_| self.out_of_data(vaddr))
    }

    /// The initial image of its thread-local storage, relocated.
    pub fn initial_locals(&self) -> Result<Vec<u8>> {
        let Some(storage) = &self.object.layout().threads else {
            return Ok(Vec::new());
        };
        let read = self.image.read_vec(storage.vaddr, storage.filesz);
        read.map_err(|_| self.out_of_data(storage.vaddr))
    }

    /// Reads bytes.
    pub fn read<const N: usize>(&self, vaddr: u64) -> Result<[u8; N]> {
        self.image.read(vaddr).map_err(|_| self.out_of_data(vaddr))
    }

    /// Address in the file of a function reference record.
    pub fn record_vaddr(&self, number: u32) -> u64 {
        let size = wasmaot_abi::context::TABLE_ENTRY_SIZE;
        self.object.funcrefs() + size * u64::from(number)
    }

    fn out_of_data(&self, vaddr: u64) -> crate::Error {
        let reason = format!("refers to {vaddr:#x}, outside of its data");
        bad(self.object.path().display().to_string(), reason)
    }
}
