//! What the loader has to know of a module beyond its symbols: one record,
//! serialised with postcard in section [`SEC_INFO`](crate::object::SEC_INFO).

use serde::{Deserialize, Serialize};

use crate::name::{ENV, SYS, TABLE};
use crate::type_list::Types;
use crate::types::{GlobalType, MemoryType, TableType};

/// Hash of a module's bytes.
pub type ModuleHash = [u8; 32];

/// Linking convention of a module.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum LinkingAbi {
    /// Tool-conventions dynamic linking, section `dylink.0`.
    Dylink0,
    /// The older section `dylink` of Emscripten up to 2.
    Dylink,
    /// JSON section `dyninfo` of the GCC/binutils backend of 2016.
    Dyninfo,
    /// Plain modules linked by (module name, export name).
    Core,
}

impl LinkingAbi {
    /// Name in listings.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Dylink0 => "dylink.0",
            Self::Dylink => "dylink",
            Self::Dyninfo => "dyninfo",
            Self::Core => "core",
        }
    }

    /// Whether an imported memory is the one that the program's objects share.
    pub fn is_shared_memory(self, module: &str, name: &str) -> bool {
        match self {
            Self::Dylink0 | Self::Dylink => module == ENV,
            Self::Dyninfo => (module, name) == (SYS, "memory"),
            Self::Core => false,
        }
    }

    /// Whether an imported table is the one that the program's objects share.
    pub fn is_shared_table(self, module: &str, name: &str) -> bool {
        match self {
            Self::Dylink0 | Self::Dylink => (module, name) == (ENV, TABLE),
            Self::Dyninfo => (module, name) == (SYS, "table"),
            Self::Core => false,
        }
    }
}

/// The record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModuleInfo {
    /// Linking convention.
    pub abi: LinkingAbi,
    /// Name of the input file, for messages.
    pub source: String,
    /// BLAKE3 of the binary module: whether an object that lies beside a module
    /// is that module's is told by nothing else.
    pub module: ModuleHash,
    /// Compiler version and options, for `inspect` and the cache.
    pub producer: String,
    /// Every function type of the module, also those that its code alone names
    /// (`call_indirect`); the loader refuses two of one identity.
    pub types: Types,
    /// Every type of a global that is a symbol of the object, imports among them.
    pub globals: Vec<GlobalType>,
    /// Whether several threads may run its code at once: its memory 0 is shared,
    /// or it has neither memory, nor table, nor mutable global. Mutable globals of such a
    /// module are thread-local, and calls through tables go by records alone.
    pub threads: bool,
    /// What imports are: each one's [`ImportRecord`](crate::object::ImportRecord)
    /// has a number in this list.
    pub import_kinds: Vec<ImportKind>,
    /// Exports of imported entities: the exporter has no symbol of its own.
    pub reexports: Vec<Reexport>,
    /// Memories that the module defines.
    pub memories: Vec<Memory>,
    /// Tables that the module defines.
    pub tables: Vec<Table>,
    /// Room that a relocatable module wants; `None` for fixed addresses.
    pub placement: Option<Placement>,
    /// Element segments that the loader applies to the primary table.
    pub elements: Vec<Elements>,
    /// How many entries of the function reference table are imports.
    pub imported_funcrefs: u32,
    /// How many entries of it, these among them, are filled when the object is
    /// loaded; the others when the address of one is asked for.
    pub needed_funcrefs: u32,
    /// Value of `__stack_pointer`, where the module defines it and the
    /// context holds it.
    pub stack_pointer: Option<u64>,
    /// Where its data segments go in memory 0, where they have fixed addresses:
    /// linear address and bytes.
    pub data: Vec<(u64, u64)>,
    /// End of what the module uses of its memory, where it has fixed
    /// addresses: the largest of segments' ends, exported
    /// `__heap_base`/`__data_end`, and without `__heap_base` the memory's
    /// first size.
    pub static_end: u64,
    /// What `dyninfo` asks of the loader; empty for other conventions.
    pub fixups: Fixups,
}

/// What the loader does in a module's memory and part of the table, after
/// relocation. Addresses are relative to the memory base, numbers of functions
/// to the table base.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fixups {
    /// Number of the function that a program starts with.
    pub entry: Option<u32>,
    /// Size of the module's part of the code-address space.
    pub pc_size: u32,
    /// In the order in which they are done.
    pub list: Vec<Fixup>,
}

/// One of these things. Words are of 32 bits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Fixup {
    /// The word holds an address of the module's own.
    Address {
        /// The word.
        at: u32,
        /// The address.
        to: u32,
    },
    /// The word holds the table index of a function of the module's own.
    Index {
        /// The word.
        at: u32,
        /// The function.
        function: u32,
    },
    /// The word holds the value of a symbol: the address of data, the table
    /// index of a function. It stays as it is until there is a definition.
    Symbol {
        /// The word.
        at: u32,
        /// Name of the symbol.
        symbol: String,
    },
    /// The table entry holds the function of a symbol, once there is one.
    Entry {
        /// The entry.
        function: u32,
        /// Name of the symbol.
        symbol: String,
    },
    /// The entry before this one forwards to it; the first call loads the
    /// library whose function this one is to hold.
    Lazy {
        /// The entry.
        function: u32,
        /// Name of the symbol.
        symbol: String,
        /// Name of the library.
        library: String,
        /// Number of the function's type in [`ModuleInfo::types`].
        ty: u32,
    },
}

/// An import, as it is read from an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Import<'a> {
    /// Module name.
    pub module: &'a str,
    /// Field name.
    pub name: &'a str,
    /// What it is.
    pub kind: ImportKind,
    /// `.dynsym` index; 0 where no symbol stands for it ([`ImportKind::Context`]).
    pub symbol: u32,
    /// Resolves to null where no definition is found.
    pub weak: bool,
}

/// What an import is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum ImportKind {
    /// A function; number of its type in [`ModuleInfo::types`].
    Func(u32),
    /// A wasm global.
    Global(GlobalType),
    /// A linear memory. Memory 0's is the domain that the object joins.
    Memory(MemoryType),
    /// A table. `primary`: the module takes it for its domain's primary table.
    Table {
        /// The table's type.
        ty: TableType,
        /// Accessed below the pinned register rather than by a descriptor.
        primary: bool,
    },
    /// `GOT.mem.NAME`: the linear address of a data symbol.
    GotMem,
    /// `GOT.func.NAME`: the table index of a function.
    GotFunc,
    /// Provided by the loader or the context, without a symbol:
    /// `env.__memory_base`, `env.__table_base`, `env.__stack_pointer`.
    Context(GlobalType),
    /// An exception tag; number of its type in [`ModuleInfo::types`].
    Tag(u32),
}

/// An export that is an import.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reexport {
    /// Name of the export.
    pub name: String,
    /// Number of the import.
    pub import: u32,
}

/// A defined memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Memory {
    /// Its type.
    pub ty: MemoryType,
    /// Address in the object of its descriptor; `None`: memory 0, described
    /// in the context.
    pub desc: Option<u64>,
}

/// A defined table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Table {
    /// Its type.
    pub ty: TableType,
    /// Address in the object of its descriptor; `None`: the primary table.
    pub desc: Option<u64>,
}

/// Room for a relocatable module (`WASM_DYLINK_MEM_INFO`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Placement {
    /// Bytes of linear memory.
    pub memory_size: u32,
    /// Alignment of it, a power of two of this exponent.
    pub memory_align: u32,
    /// Entries of the table.
    pub table_size: u32,
    /// Alignment of them, a power of two of this exponent.
    pub table_align: u32,
}

/// A static element segment of the primary table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Elements {
    /// First index, relative to the table base of a relocatable module.
    pub offset: u32,
    /// First item's number in [`SEC_ELEMENTS`](crate::object::SEC_ELEMENTS).
    pub first: u32,
    /// Number of items.
    pub count: u32,
}

/// Item of [`SEC_ELEMENTS`](crate::object::SEC_ELEMENTS) that stands for null.
pub const NULL_ELEMENT: u32 = u32::MAX;

impl ModuleInfo {
    /// What [`ModuleInfo::module`] is for a module.
    pub fn module_hash(wasm: &[u8]) -> ModuleHash {
        *blake3::hash(wasm).as_bytes()
    }

    /// The section's bytes.
    pub fn encode(&self) -> Vec<u8> {
        postcard::to_stdvec(self).expect("serialising to memory does not fail")
    }

    /// Reads the section.
    ///
    /// # Errors
    /// The reason, as text, for bytes that are not such a record.
    pub fn decode(bytes: &[u8]) -> Result<Self, String> {
        postcard::from_bytes(bytes).map_err(|e| e.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use LinkingAbi::{Core, Dylink, Dylink0, Dyninfo};

    #[test]
    fn each_convention_has_its_own_shared_memory_and_table() {
        for abi in [Dylink0, Dylink] {
            assert!(abi.is_shared_memory("env", "memory"));
            // Linkers call it that; the convention does not ask for it.
            assert!(abi.is_shared_memory("env", "m"));
            assert!(!abi.is_shared_memory("sys", "memory"));
            assert!(!abi.is_shared_memory("lib", "memory"));
            assert!(abi.is_shared_table("env", "__indirect_function_table"));
            assert!(!abi.is_shared_table("env", "table"));
            assert!(!abi.is_shared_table("lib", "__indirect_function_table"));
        }
        assert!(Dyninfo.is_shared_memory("sys", "memory"));
        assert!(Dyninfo.is_shared_table("sys", "table"));
        assert!(!Dyninfo.is_shared_memory("env", "memory"));
        assert!(!Dyninfo.is_shared_memory("sys", "m"));
        assert!(!Dyninfo.is_shared_table("env", "__indirect_function_table"));
        for (module, memory, table) in [
            ("env", "memory", "__indirect_function_table"),
            ("sys", "memory", "table"),
        ] {
            assert!(!Core.is_shared_memory(module, memory));
            assert!(!Core.is_shared_table(module, table));
        }
    }

    #[test]
    fn conventions_are_named_as_their_sections_are() {
        let names = [Dylink0, Dylink, Dyninfo, Core].map(LinkingAbi::name);
        assert_eq!(names, ["dylink.0", "dylink", "dyninfo", "core"]);
    }

    #[test]
    fn a_module_is_known_by_its_bytes() {
        let hash = ModuleInfo::module_hash(b"\0asm");
        assert_eq!(hash, *blake3::hash(b"\0asm").as_bytes());
    }

    #[test]
    fn what_is_no_record_is_refused() {
        assert!(ModuleInfo::decode(&[]).is_err());
        assert!(ModuleInfo::decode(&[0xff; 64]).is_err());
    }
}
