//! A decoded, validated module: what translation and link edit work from.

use std::borrow::Cow;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::ops::Range;

use wasmaot_abi::info::{LinkingAbi, ModuleHash};
use wasmaot_abi::types::{FuncType, GlobalType, MemoryType, TableType, TypeHash, ValType};
use wasmaot_dylink::data_symbols::DataSymbol;
use wasmaot_dylink::{ImportRole, Linking, SymbolFlags};

/// A gap of as many bytes of zeros or more separates two pieces of an image of
/// memory.
pub(crate) const IMAGE_GAP: u64 = 64 << 10;

/// A decoded module. Index spaces are wasm's own: imports first.
#[derive(Clone, Debug)]
pub(crate) struct Module<'a> {
    /// Name of the input, for messages and records.
    pub source: String,
    /// Hash of the whole module.
    pub hash: ModuleHash,
    /// What the linking sections say.
    pub linking: Linking,
    /// Data of which the module holds a copy (`wasmaot.copy`).
    pub copies: Vec<DataSymbol>,
    /// Names of imported functions that others may stand for
    /// (`wasmaot.forward`).
    pub forwarded: HashSet<&'a str>,
    /// The imported functions that defined ones only forward to and stand for.
    pub forwards: HashMap<u32, u32>,
    /// Sizes of data, by the name of the export (`wasmaot.data`).
    pub sizes: HashMap<String, DataSymbol>,
    /// Offsets from the memory base that the module computes by itself.
    pub own_references: BTreeSet<u32>,
    /// Type index space.
    pub types: Vec<FuncType>,
    /// The hash of each of these types.
    pub type_hashes: Vec<TypeHash>,
    /// Imports in order.
    pub imports: Vec<Import<'a>>,
    /// Function index space.
    pub funcs: Vec<Func>,
    /// Table index space.
    pub tables: Vec<Table>,
    /// Memory index space.
    pub memories: Vec<Memory>,
    /// Global index space.
    pub globals: Vec<Global>,
    /// Where the module's own thread-local globals are.
    pub thread_storage: ThreadStorage,
    /// Tag index space.
    pub tags: Vec<Tag>,
    /// Exports in order.
    pub exports: Vec<Export<'a>>,
    /// Start function.
    pub start: Option<u32>,
    /// Element segments.
    pub elements: Vec<Element>,
    /// Data segments.
    pub data: Vec<Data<'a>>,
    /// Code of the defined functions, in order.
    pub bodies: Vec<Body<'a>>,
    /// Functions that have a record in the function reference table, imports
    /// first, each once: those exported, in an element segment, or named by
    /// `ref.func`.
    pub funcrefs: Vec<u32>,
    /// Names of functions: of the name section, else of an export, else of the
    /// import.
    pub names: HashMap<u32, Cow<'a, str>>,
    /// Which way branches are said to go (`metadata.code.branch_hint`), by the offset
    /// of the operator in the module: whether they are taken.
    pub branch_hints: HashMap<u64, bool>,
    /// Custom sections `.debug_*`: DWARF, whose addresses count from
    /// `code_start`.
    pub debug: HashMap<&'a str, &'a [u8]>,
    /// Where the code section's content begins in the module.
    pub code_start: u64,
}

/// A function's code, checked.
#[derive(Clone, Debug)]
pub(crate) struct Body<'a> {
    pub body: wasmparser::FunctionBody<'a>,
    /// Offsets in the module.
    pub range: Range<usize>,
}

#[derive(Clone, Debug)]
pub(crate) struct Import<'a> {
    pub module: &'a str,
    pub name: &'a str,
    pub role: ImportRole,
    pub item: Item,
    pub flags: SymbolFlags,
}

/// An entity by number in its index space.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Item {
    Func(u32),
    Table(u32),
    Memory(u32),
    Global(u32),
    Tag(u32),
}

#[derive(Clone, Debug)]
pub(crate) struct Func {
    /// In the type index space.
    pub ty: u32,
    /// Number in `imports`, of an imported one.
    pub import: Option<u32>,
}

/// An exception tag.
#[derive(Clone, Debug)]
pub(crate) struct Tag {
    /// In the type index space; its parameters are an exception's values.
    pub ty: u32,
    pub import: Option<u32>,
}

#[derive(Clone, Debug)]
pub(crate) struct Table {
    pub ty: TableType,
    pub import: Option<u32>,
    /// Accessed below the pinned register; else by descriptor.
    pub primary: bool,
    /// Initial value of the entries (a defined table's initialiser).
    pub init: Option<ConstExpr>,
}

#[derive(Clone, Debug)]
pub(crate) struct Memory {
    pub ty: MemoryType,
    pub import: Option<u32>,
}

impl Memory {
    /// Whether memory `index` is the domain's own, behind the pinned register.
    pub const fn is_primary(index: u32) -> bool {
        index == 0
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Global {
    pub ty: GlobalType,
    pub storage: GlobalStorage,
}

impl Global {
    /// Whether it is a mutable one, of this object or another; not one that the
    /// loader or the context has.
    fn is_variable(&self) -> bool {
        let in_object = matches!(
            self.storage,
            GlobalStorage::Own(_) | GlobalStorage::Import(_)
        );
        in_object && self.ty.mutable
    }
}

/// Where a global lives.
#[derive(Clone, Debug)]
pub(crate) enum GlobalStorage {
    /// In the object's data, with this initial value.
    Own(GlobalInit),
    /// In another object; number in `imports`. Its address is in the GOT.
    Import(u32),
    /// The context's stack pointer field. `init`: the value, where this
    /// module defines it.
    StackPointer { init: Option<u64> },
    /// A constant that the loader writes into a GOT slot; number in `imports`,
    /// whose role says which.
    Loader(u32),
    /// Another: the memory base of the object that defines an imported
    /// function.
    BaseOf(u32),
    /// The address of data of which each thread has a copy, which the module itself
    /// defines and imports by `GOT.mem`; the number in `imports`.
    ThreadData {
        import: u32,
        /// The thread-local global `__tls_base`.
        base: u32,
        /// Distance from there.
        offset: u32,
    },
}

#[derive(Clone, Debug)]
pub(crate) enum GlobalInit {
    /// Little-endian bytes, of which the type's size counts.
    Const([u8; 16]),
    /// The record of a function.
    RefFunc(u32),
    /// Computed by the init function.
    Computed(ConstExpr),
}

/// The layout of the module's own thread-local storage: first the globals with
/// initial values that are not zero (`.tdata`), then all others (`.tbss`).
#[derive(Clone, Debug, Default)]
pub(crate) struct ThreadStorage {
    offsets: BTreeMap<u32, u64>,
    /// Bytes of the first part.
    pub initialized: u64,
    /// Bytes of all of it.
    pub size: u64,
}

impl ThreadStorage {
    /// Alignment of both parts, in bytes: that of the largest type.
    pub const ALIGN: u64 = 16;

    /// Lays out the globals of a module.
    pub fn of(module: &Module<'_>) -> Self {
        let own = (0..).zip(&module.globals).filter_map(|(number, global)| {
            let GlobalStorage::Own(init) = &global.storage else {
                return None;
            };
            let zero = match init {
                GlobalInit::Const(bytes) => *bytes == [0; 16],
                GlobalInit::RefFunc(_) => false,
                GlobalInit::Computed(_) => true,
            };
            let local = module.is_thread_local(number);
            local.then(|| (zero, Reverse(global.ty.val.bytes()), number))
        });
        let mut own: Vec<_> = own.collect();
        // Large types first: there is no gap but before the second part.
        own.sort_unstable();
        let mut storage = Self::default();
        for (zero, Reverse(bytes), number) in own {
            if zero && storage.size == storage.initialized {
                storage.size = storage.size.next_multiple_of(Self::ALIGN);
            }
            storage.offsets.insert(number, storage.size);
            storage.size += u64::from(bytes);
            if !zero {
                storage.initialized = storage.size;
            }
        }
        storage
    }

    /// Offset of a global in it.
    pub fn offset(&self, global: u32) -> Option<u64> {
        self.offsets.get(&global).copied()
    }

    /// The globals in it, with their offsets.
    pub fn globals(&self) -> impl Iterator<Item = (u32, u64)> {
        self.offsets
            .iter()
            .map(|(&global, &offset)| (global, offset))
    }

    /// Offset of the second part.
    pub fn zero_start(&self) -> u64 {
        self.initialized.next_multiple_of(Self::ALIGN)
    }

    /// Bytes of the second part.
    pub fn zeros(&self) -> u64 {
        self.size.saturating_sub(self.zero_start())
    }
}

/// A constant expression as a list of stack operations.
pub(crate) type ConstExpr = Vec<ConstOp>;

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum ConstOp {
    I32(i32),
    I64(i64),
    F32(u32),
    F64(u64),
    V128([u8; 16]),
    GlobalGet(u32),
    RefNull(ValType),
    RefFunc(u32),
    I32Add,
    I32Sub,
    I32Mul,
    I64Add,
    I64Sub,
    I64Mul,
}

#[derive(Clone, Debug)]
pub(crate) struct Export<'a> {
    pub name: Cow<'a, str>,
    pub item: ExportItem,
    pub flags: SymbolFlags,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ExportItem {
    /// An entity, possibly imported.
    Item(Item),
    /// Data in linear memory, by its address (relative to the memory base of
    /// a relocatable module).
    Data(u32),
}

#[derive(Clone, Debug)]
pub(crate) struct Element {
    pub items: Items,
    pub mode: ElementMode,
}

#[derive(Clone, Debug)]
pub(crate) enum Items {
    /// Functions; `None` for null.
    Funcs(Vec<Option<u32>>),
    /// Expressions that only the init function can compute.
    Exprs(Vec<ConstExpr>),
}

#[derive(Clone, Debug)]
pub(crate) enum ElementMode {
    /// Known to fit into the primary table: applied by the loader. The offset
    /// is relative to the table base of a relocatable module.
    Static { offset: u32 },
    /// Applied by the init function, with the check.
    Active { table: u32, offset: ConstExpr },
    /// For `table.init`.
    Passive,
    /// Only declares functions.
    Declared,
}

impl Items {
    /// Number of items.
    pub fn len(&self) -> usize {
        match self {
            Self::Funcs(funcs) => funcs.len(),
            Self::Exprs(exprs) => exprs.len(),
        }
    }
}

impl Element {
    /// Whether the segment exists at run time as an array of values.
    pub fn has_values(&self) -> bool {
        matches!(self.mode, ElementMode::Active { .. } | ElementMode::Passive)
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Data<'a> {
    pub bytes: &'a [u8],
    pub mode: DataMode,
}

#[derive(Clone, Debug)]
pub(crate) enum DataMode {
    /// Part of the memory image: known to fit into memory 0, which this
    /// module defines or has its own room in. The offset is relative to the
    /// memory base of a relocatable module.
    Static { offset: u32 },
    /// Applied by the init function, with the check.
    Active { memory: u32, offset: ConstExpr },
    /// For `memory.init`.
    Passive,
}

impl Data<'_> {
    /// Whether the segment exists at run time as bytes and a length.
    pub const fn has_bytes(&self) -> bool {
        matches!(self.mode, DataMode::Active { .. } | DataMode::Passive)
    }
}

impl Module<'_> {
    /// A module with nothing in it. `source` is what messages call it.
    pub fn empty(source: &str) -> Self {
        Self {
            source: source.to_owned(),
            hash: [0; 32],
            linking: Linking::core(),
            copies: Vec::new(),
            forwarded: HashSet::new(),
            forwards: HashMap::new(),
            sizes: HashMap::new(),
            own_references: BTreeSet::new(),
            types: Vec::new(),
            type_hashes: Vec::new(),
            imports: Vec::new(),
            funcs: Vec::new(),
            tables: Vec::new(),
            memories: Vec::new(),
            globals: Vec::new(),
            thread_storage: ThreadStorage::default(),
            tags: Vec::new(),
            exports: Vec::new(),
            start: None,
            elements: Vec::new(),
            data: Vec::new(),
            bodies: Vec::new(),
            funcrefs: Vec::new(),
            names: HashMap::new(),
            branch_hints: HashMap::new(),
            debug: HashMap::new(),
            code_start: 0,
        }
    }

    /// Whether an access out of a memory's bounds faults without a check: it
    /// is behind the pinned register, with a guard after it.
    pub fn is_guarded(&self, memory: u32) -> bool {
        Memory::is_primary(memory) && self.memories[memory as usize].ty.is_guarded()
    }

    /// Whether memory 0 is shared, so that several threads may run the module's
    /// code at a time. Its mutable globals are then a thread's own.
    pub fn has_shared_memory(&self) -> bool {
        self.memories.first().is_some_and(|m| m.ty.shared)
    }

    /// Whether the code may run in several threads at a time: threads share all
    /// that they can write in a way made for it, or there is nothing to write.
    pub fn is_for_threads(&self) -> bool {
        let writes = |global: &Global| {
            global.is_variable() || matches!(global.storage, GlobalStorage::StackPointer { .. })
        };
        let nothing = self.memories.is_empty() && self.tables.is_empty();
        self.has_shared_memory() || nothing && !self.globals.iter().any(writes)
    }

    /// Whether each thread has a global of its own, in thread-local storage.
    pub fn is_thread_local(&self, global: u32) -> bool {
        let found = self.globals.get(global as usize);
        self.has_shared_memory() && found.is_some_and(Global::is_variable)
    }

    /// Whether table 0 is the primary one of a dynamically linked program, in
    /// which every function can have an index.
    pub fn shares_table(&self) -> bool {
        self.linking.abi != LinkingAbi::Core && self.tables.first().is_some_and(|t| t.primary)
    }

    /// Number of imported functions.
    pub fn imported_funcs(&self) -> u32 {
        self.funcs.iter().take_while(|f| f.import.is_some()).count() as u32
    }

    /// The global with the memory base, of a relocatable module.
    pub fn memory_base(&self) -> Option<u32> {
        let is_base = |global: &Global| match global.storage {
            GlobalStorage::Loader(import) => {
                self.imports[import as usize].role == ImportRole::MemoryBase
            }
            _ => false,
        };
        let number = self.globals.iter().position(is_base)?;
        Some(number as u32)
    }

    /// Whether it is of no convention of dynamic linking.
    pub fn is_plain(&self) -> bool {
        self.linking.abi == LinkingAbi::Core
    }

    /// Whether it is a program, and no library: it exports what is called first.
    pub fn is_program(&self) -> bool {
        let mains = ["main", "__main_argc_argv"];
        self.exports.iter().any(|export| {
            let is_func = matches!(export.item, ExportItem::Item(Item::Func(_)));
            let is_main = self.is_plain() && mains.contains(&&*export.name);
            is_func && (export.name == "_start" || is_main)
        })
    }

    /// The name by which other objects need this one: the input's own, without
    /// its directories.
    pub fn soname(&self) -> &str {
        soname(&self.source)
    }

    /// Type of a function.
    pub fn func_type(&self, func: u32) -> &FuncType {
        &self.types[self.funcs[func as usize].ty as usize]
    }

    /// Identity of the type of a function.
    pub fn func_type_id(&self, func: u32) -> u32 {
        self.type_hashes[self.funcs[func as usize].ty as usize].id()
    }

    /// The function that a call of one means.
    pub fn callee(&self, func: u32) -> u32 {
        self.forwards.get(&func).copied().unwrap_or(func)
    }

    /// The value of a constant `i32` global: an address, by the way it is used.
    pub fn constant_address(&self, item: Item) -> Option<u64> {
        let Item::Global(global) = item else {
            return None;
        };
        let global = self.globals.get(global as usize)?;
        match global.storage {
            GlobalStorage::Own(GlobalInit::Const([a, b, c, d, ..]))
                if global.ty.val == ValType::I32 && !global.ty.mutable =>
            {
                Some(u64::from(u32::from_le_bytes([a, b, c, d])))
            }
            _ => None,
        }
    }

    /// Type of a tag.
    pub fn tag_type(&self, tag: u32) -> &FuncType {
        &self.types[self.tags[tag as usize].ty as usize]
    }

    /// Whether the module has room of its own that the loader places.
    pub fn is_relocatable(&self) -> bool {
        self.linking.placement.is_some()
    }

    /// Name of a function for symbol tables and listings: of the name
    /// section, else of an export, else of the import, else its number.
    pub fn func_name(&self, func: u32) -> String {
        match self.names.get(&func) {
            Some(name) => name.to_string(),
            None => format!("func[{func}]"),
        }
    }
}

/// The name by which other objects need this one: the file's own.
pub(crate) fn soname(source: &str) -> &str {
    source.rsplit('/').next().unwrap_or(source)
}
