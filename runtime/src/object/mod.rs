//! An object file, opened, checked and read: immutable and shared between all
//! its instances. Every number that the loader later trusts (addresses,
//! symbol and function numbers) has been checked against its bounds here.

mod check;
mod code;
mod copies;
mod debug_image;
mod describe;
mod inspected;
mod layout;
mod parse;
mod prelink_record;
mod symbols;
mod versions;

use std::collections::HashMap;
use std::fs::File;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use wasmaot_abi::exception;
use wasmaot_abi::info::{Import, ImportKind, LinkingAbi, ModuleInfo};
use wasmaot_abi::machine::Machine;
use wasmaot_abi::object::{FunctionRecord, ImportRecord, Note, SymbolKind, SymbolRecord};
use wasmaot_abi::prelink::Prelink;
use wasmaot_abi::reloc::{Rela, Standard};
use wasmaot_abi::types::{FuncType, GlobalType, MemoryType};

pub(crate) use debug_image::{Loaded, debug_image};
pub use describe::{ImageRun, PrelinkedCall, Relocation};
pub use inspected::Inspected;
pub(crate) use layout::{Layout, MemoryRun, Segment, ThreadStorage};
pub(crate) use symbols::{Name, Symbol, SymbolSection};

use crate::error::{Error, Result};
use crate::sys::FileMap;

pub use crate::sys::FileId;

/// An object file.
#[derive(Debug)]
pub struct Object {
    name: String,
    path: PathBuf,
    /// What tells it from others: of the module, where that is known.
    id: FileId,
    /// Directories that `$ORIGIN` stands for, in order.
    origins: Vec<PathBuf>,
    map: FileMap,
    /// That its code is for: this one, unless it is [`Inspected`] or to be linked alone.
    machine: &'static Machine,
    /// Whether its code can run here.
    runs_here: bool,
    note: Note,
    layout: Layout,
    sections: OnceLock<HashMap<String, Section>>,
    symbols: symbols::Symbols,
    versions: OnceLock<versions::Versions>,
    needed: Vec<String>,
    soname: Option<String>,
    runpath: Vec<String>,
    init: Option<u64>,
    info: ModuleInfo,
    imports: Range<usize>,
    /// Numbers of the imports, ascending by symbol; only late binding asks.
    by_symbol: OnceLock<Vec<u32>>,
    /// Symbols of copy relocations, by name.
    copied: OnceLock<Vec<u32>>,
    /// `.rela.dyn` and `.rela.plt`.
    relocs: [Range<usize>; 2],
    slots: Range<usize>,
    functions: Range<usize>,
    elements: Range<usize>,
    funcrefs: u64,
    handlers: Range<usize>,
    /// Whether their table is as it was written; found out when it is first used.
    handlers_sound: OnceLock<bool>,
    calls: Range<usize>,
    build_id: Range<usize>,
    prelink: Option<Prelink>,
    native: OnceLock<symbols::NativeSymbols>,
}

#[derive(Clone, Debug)]
struct Section {
    addr: u64,
    bytes: Range<usize>,
}

/// An entry of `.rela.dyn` or `.rela.plt`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reloc {
    pub offset: u64,
    pub kind: Standard,
    pub symbol: u32,
    pub addend: i64,
}

impl Reloc {
    /// Bytes of an entry.
    const SIZE: usize = 24;

    /// Reads an entry of a machine's; `Err` holds the number of an unknown kind.
    fn decode(bytes: &[u8; Self::SIZE], machine: &Machine) -> Result<Self, u32> {
        let word = |at: usize| u64::from_le_bytes(std::array::from_fn(|i| bytes[at + i]));
        let (info, number) = (word(8), word(8) as u32);
        Ok(Self {
            offset: word(0),
            kind: machine.relocation_of(number).ok_or(number)?,
            symbol: (info >> 32) as u32,
            addend: word(16).cast_signed(),
        })
    }
}

/// A copy of an object in memory, to be parsed.
fn copy_of(path: &Path, bytes: &[u8]) -> Result<FileMap> {
    let map = FileMap::of_bytes(&path.to_string_lossy(), bytes);
    map.map_err(|source| Error::Open {
        path: path.to_owned(),
        source,
    })
}

/// # Objects are native code
///
/// An object's text is mapped as it is and run; the checks keep a damaged one
/// from being misread, and are no defence against one that was made to do
/// harm. So an object is opened by `unsafe` functions with this contract:
///
/// - The bytes are what `wasmaot-compiler` made, or are trusted as an
///   executable is that is about to be started.
/// - Nobody cuts or changes the file as long as the object exists. Files that
///   a wasm program can write never fit: neither as they are, nor by what the
///   program does while it runs.
///
/// Safe code cannot open one:
///
/// ```compile_fail,E0133
/// let object = wasmaot_runtime::Object::open("main.elf", true);
/// ```
///
/// ```compile_fail,E0133
/// let object = wasmaot_runtime::Object::from_bytes("main", b"\x7fELF", true);
/// ```
impl Object {
    /// Opens an object file. `verify`: check the hash over the whole file, and
    /// not only over what the loader interprets.
    ///
    /// # Errors
    /// [`Error::Open`], [`Error::Object`] or [`Error::Cpu`].
    ///
    /// # Safety
    /// As above: a trusted file that nobody changes.
    pub unsafe fn open(path: impl AsRef<Path>, verify: bool) -> Result<Self> {
        let path = path.as_ref();
        let file = File::open(path).map_err(|source| Error::Open {
            path: path.to_owned(),
            source,
        })?;
        // SAFETY: the caller's contract.
        unsafe { Self::of_file(file, path, verify) }
    }

    /// Takes an open object file; `path` names it in messages and is where
    /// `$ORIGIN` points.
    ///
    /// # Errors
    /// As [`Object::open`].
    ///
    /// # Safety
    /// As above: a trusted file that nobody changes.
    pub unsafe fn of_file(file: File, path: impl AsRef<Path>, verify: bool) -> Result<Self> {
        let path = path.as_ref();
        // SAFETY: the caller's contract: the file stays as it is.
        let map = unsafe { FileMap::new(file) };
        let map = map.map_err(|source| Error::Open {
            path: path.to_owned(),
            source,
        })?;
        parse::object(path, map, verify)
    }

    /// Takes an object that is whole pages of an open file; `path` names it in
    /// messages, and its directory is where `$ORIGIN` points.
    ///
    /// # Errors
    /// As [`Object::open`].
    ///
    /// # Safety
    /// As above: a trusted file that nobody changes.
    pub unsafe fn of_part(
        file: Arc<File>,
        part: Range<u64>,
        path: impl AsRef<Path>,
        verify: bool,
    ) -> Result<Self> {
        let path = path.as_ref();
        // SAFETY: the caller's contract: the file stays as it is.
        let map = unsafe { FileMap::part(file, part) };
        let map = map.map_err(|source| Error::Open {
            path: path.to_owned(),
            source,
        })?;
        parse::object(path, map, verify)
    }

    /// Takes an object from memory, of which it keeps a copy; `name` stands in
    /// for its path.
    ///
    /// # Errors
    /// As [`Object::open`].
    ///
    /// # Safety
    /// As above: trusted bytes.
    pub unsafe fn from_bytes(name: impl AsRef<Path>, bytes: &[u8], verify: bool) -> Result<Self> {
        let path = name.as_ref();
        parse::object(path, copy_of(path, bytes)?, verify)
    }

    /// The same of an object for any machine or CPU, for a process that links it and runs
    /// nothing: for [`Process::link_set`](crate::Process::link_set) and
    /// [`Process::link_program`](crate::Process::link_program).
    ///
    /// # Errors
    /// [`Error::Open`] or [`Error::Object`].
    ///
    /// # Safety
    /// As above: trusted bytes.
    pub unsafe fn to_link(name: impl AsRef<Path>, bytes: &[u8], verify: bool) -> Result<Self> {
        let path = name.as_ref();
        parse::any(path, copy_of(path, bytes)?, verify)
    }

    /// The same for the module that has this identity: as `ld.so` has it, one
    /// file is one library whatever its names, and its copy is another. Without
    /// it, the identity is that of the object's own file.
    #[must_use]
    pub fn identified_by(mut self, id: FileId) -> Self {
        self.id = id;
        self
    }

    /// The same with other directories for `$ORIGIN`, which are tried in order.
    /// Without it, that is the one of its path.
    #[must_use]
    pub fn with_origins(mut self, origins: Vec<PathBuf>) -> Self {
        self.origins = origins;
        self
    }

    /// What every ELF file begins with.
    pub const MAGIC: &'static [u8] = b"\x7fELF";

    /// Whether the bytes begin like an ELF file rather than a module.
    pub fn is_object(bytes: &[u8]) -> bool {
        bytes.starts_with(Self::MAGIC)
    }

    /// Name for messages: the last part of the path.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Path it was opened by.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Directories that `$ORIGIN` stands for.
    pub fn origins(&self) -> &[PathBuf] {
        &self.origins
    }

    /// `DT_SONAME`.
    pub fn soname(&self) -> Option<&str> {
        self.soname.as_deref()
    }

    /// `DT_NEEDED` entries in order.
    pub fn needed(&self) -> &[String] {
        &self.needed
    }

    /// Directories of `DT_RUNPATH`, `$ORIGIN` not yet replaced.
    pub fn runpath(&self) -> &[String] {
        &self.runpath
    }

    /// The type of the module's memory 0, its own or imported.
    pub(crate) fn memory_0(&self) -> Option<MemoryType> {
        let imported = self.imports().find_map(|import| match import.kind {
            ImportKind::Memory(ty) => Some(ty),
            _ => None,
        });
        let own = || self.info.memories.first().map(|memory| memory.ty);
        imported.or_else(own)
    }

    /// Whether the module has a memory 0 for threads to share.
    pub(crate) fn shares_memory(&self) -> bool {
        self.info.threads && self.memory_0().is_some()
    }

    /// Whether loading the object runs code of it.
    pub fn has_init(&self) -> bool {
        self.init.is_some()
    }

    /// What the object says of its module.
    pub fn info(&self) -> &ModuleInfo {
        &self.info
    }

    /// The object's note.
    pub fn note(&self) -> &Note {
        &self.note
    }

    /// Content of a section, by the section headers.
    pub fn section(&self, name: &str) -> Option<&[u8]> {
        self.map.get(self.sections().get(name)?.bytes.clone())
    }

    fn sections(&self) -> &HashMap<String, Section> {
        self.sections.get_or_init(|| parse::sections(&self.map))
    }

    /// Name of the function at an address (as in the file), from `.symtab`.
    pub fn symbol_at(&self, vaddr: u64) -> Option<String> {
        self.native_symbols().at(vaddr).map(str::to_owned)
    }

    /// Address of a section, as in the file.
    pub fn section_address(&self, name: &str) -> Option<u64> {
        self.sections().get(name).map(|section| section.addr)
    }

    /// The exported definitions: name as exported, and record.
    pub fn exports(&self) -> impl Iterator<Item = (&str, SymbolRecord)> {
        self.symbols()
            .filter(|s| s.section != SymbolSection::Undefined && s.record.kind != SymbolKind::None)
            .map(|s| (self.symbol_name(&s), s.record))
    }

    /// The open file, and where the object begins in it.
    pub(crate) fn file(&self) -> (&File, u64) {
        self.map.file()
    }

    /// Whether it is of no file that others can find.
    pub(crate) fn is_in_memory(&self) -> bool {
        self.map.is_copy()
    }

    /// The functions in `.symtab`: address as in the file, bytes, name; ascending.
    pub(crate) fn native_functions(&self) -> &[(u64, u64, String)] {
        self.native_symbols().functions()
    }

    fn native_symbols(&self) -> &symbols::NativeSymbols {
        self.native.get_or_init(|| {
            let section = |name| self.section(name).unwrap_or_default();
            symbols::NativeSymbols::read(section(".symtab"), section(".strtab"))
        })
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.map
    }

    pub(crate) fn id(&self) -> FileId {
        self.id
    }

    pub(crate) fn layout(&self) -> &Layout {
        &self.layout
    }

    pub(crate) fn init(&self) -> Option<u64> {
        self.init
    }

    /// Entries of a table in the file.
    fn table<const N: usize>(&self, at: &Range<usize>) -> &[[u8; N]] {
        let bytes = self.map.get(at.clone()).unwrap_or_default();
        bytes.as_chunks().0
    }

    /// Address past the end of the image in linear memory; 0 without one.
    pub(crate) fn image_end(&self) -> u64 {
        let ends = self.layout.memory.iter().map(|run| run.linear + run.memsz);
        ends.max().unwrap_or(0)
    }

    /// The standard relocations. What is no relocation has been refused.
    pub(crate) fn relocs(&self) -> impl Iterator<Item = Reloc> + Clone {
        let (entries, machine) = (self.relocs.iter(), self.machine);
        let entries = entries.flat_map(|at| self.table(at));
        entries.filter_map(move |entry| Reloc::decode(entry, machine).ok())
    }

    /// Our own.
    pub(crate) fn slots(&self) -> impl Iterator<Item = Rela> + Clone {
        let entries = self.table(&self.slots).iter();
        entries.filter_map(|&entry| Rela::decode(entry).ok())
    }

    /// The function reference table.
    pub(crate) fn functions(
        &self,
    ) -> impl ExactSizeIterator<Item = FunctionRecord> + DoubleEndedIterator + Clone {
        let entries = self.table(&self.functions).iter();
        entries.map(|&entry| FunctionRecord::decode(entry))
    }

    /// An entry of it.
    pub(crate) fn function(&self, number: u32) -> Option<FunctionRecord> {
        let entry = self.table(&self.functions).get(number as usize);
        entry.map(|&entry| FunctionRecord::decode(entry))
    }

    /// Items of static element segments.
    pub(crate) fn elements(&self) -> impl ExactSizeIterator<Item = u32> + Clone {
        let entries = self.table(&self.elements).iter();
        entries.map(|&entry| u32::from_le_bytes(entry))
    }

    /// Address of the function reference records.
    pub(crate) fn funcrefs(&self) -> u64 {
        self.funcrefs
    }

    /// The table of exception handlers; `None` if it is damaged.
    pub(crate) fn handlers(&self) -> Option<&[u8]> {
        let table = self.map.get(self.handlers.clone()).unwrap_or_default();
        let sound = self
            .handlers_sound
            .get_or_init(|| exception::is_sound(table));
        sound.then_some(table)
    }

    /// The dynamic symbols, by number.
    pub(crate) fn symbols(
        &self,
    ) -> impl ExactSizeIterator<Item = Symbol> + DoubleEndedIterator + Clone {
        self.symbols.iter(&self.map)
    }

    /// Those up to the last one that is not defined.
    pub(crate) fn undefined(&self) -> impl ExactSizeIterator<Item = Symbol> + Clone {
        self.symbols().take(self.symbols.defined)
    }

    /// A dynamic symbol; the null symbol where there is none of that number.
    pub(crate) fn symbol(&self, number: u32) -> Symbol {
        self.symbols.get(&self.map, number).unwrap_or(Symbol::NULL)
    }

    pub(crate) fn symbol_name(&self, symbol: &Symbol) -> &str {
        self.symbols.name_of(symbol)
    }

    /// Number of the symbol that defines an export, found by the hash table.
    pub(crate) fn find<'a>(&self, name: impl Into<Name<'a>>) -> Option<u32> {
        self.symbols.find(&self.map, name.into())
    }

    /// Number of the symbol that a reference by a name means: of that name, or
    /// of the version that it asks for. Names of plain modules have no versions.
    pub(crate) fn definition<'a>(&self, name: impl Into<Name<'a>>) -> Option<u32> {
        let name = name.into();
        self.find(name).or_else(|| {
            let versions = self
                .versions
                .get_or_init(|| self.symbols.versions(&self.map));
            let found = versions.find(name.text, |plain| self.find(plain))?;
            self.has_versions(name.text).then_some(found)
        })
    }

    /// Whether a name that no symbol has may be that of a version.
    pub(crate) fn has_versions(&self, name: &str) -> bool {
        let mut reexports = self.info.reexports.iter();
        self.info.abi != LinkingAbi::Core && reexports.all(|r| r.name != name)
    }

    /// The imports, in the module's order.
    pub fn imports(&self) -> impl ExactSizeIterator<Item = Import<'_>> + Clone {
        let (_, records) = self.import_records();
        records.iter().map(|record| self.read_import(record))
    }

    /// An import by its number.
    pub(crate) fn import(&self, number: u32) -> Option<Import<'_>> {
        let (_, records) = self.import_records();
        Some(self.read_import(records.get(number as usize)?))
    }

    /// The imports that a symbol stands for, with their numbers.
    pub(crate) fn imports_of(&self, symbol: u32) -> impl Iterator<Item = (usize, Import<'_>)> {
        let (_, records) = self.import_records();
        let symbol_of = move |&number: &u32| ImportRecord::decode(&records[number as usize]).symbol;
        let sorted = self.by_symbol.get_or_init(|| {
            let mut all: Vec<u32> = (0..records.len() as u32).collect();
            all.sort_by_key(symbol_of);
            all
        });
        let first = sorted.partition_point(|number| symbol_of(number) < symbol);
        let own = sorted[first..].iter();
        let own = own.take_while(move |&number| symbol_of(number) == symbol);
        own.map(|&number| {
            let number = number as usize;
            (number, self.read_import(&records[number]))
        })
    }

    /// The string table, and the records of imports whose names are in it.
    fn import_records(&self) -> (&str, &[[u8; ImportRecord::SIZE]]) {
        (self.symbols.strings(), self.table(&self.imports))
    }

    fn read_import(&self, record: &[u8; ImportRecord::SIZE]) -> Import<'_> {
        let (strings, _) = self.import_records();
        let import = ImportRecord::decode(record).read(strings, &self.info.import_kinds);
        // All have been read when the object was opened.
        import.unwrap_or(Import {
            module: "",
            name: "",
            kind: ImportKind::GotMem,
            symbol: 0,
            weak: true,
        })
    }

    /// The type of a global, by its symbol's record.
    pub(crate) fn global_type(&self, record: SymbolRecord) -> Option<GlobalType> {
        let global = record.kind == SymbolKind::Global;
        let ty = self.info.globals.get(record.ty as usize).copied();
        ty.filter(|_| global)
    }

    /// The type of a function or tag, by its symbol's record.
    pub(crate) fn func_type(&self, record: SymbolRecord) -> Option<&FuncType> {
        let typed = matches!(record.kind, SymbolKind::Function | SymbolKind::Tag);
        self.info.types.get(record.ty).filter(|_| typed)
    }

    /// The identity of that type.
    pub(crate) fn type_id(&self, record: SymbolRecord) -> Option<u32> {
        let typed = matches!(record.kind, SymbolKind::Function | SymbolKind::Tag);
        self.info.types.id(record.ty).filter(|_| typed)
    }

    /// The function type of an identity, where the object has it.
    pub(crate) fn type_of(&self, id: u32) -> Option<&FuncType> {
        self.info.types.by_id(id)
    }

    /// Number of the record of the function with this code, if it has one.
    pub(crate) fn record_of(&self, vaddr: u64) -> Option<u32> {
        let value = u32::try_from(vaddr).ok()?;
        let table = self.table(&self.functions);
        let ModuleInfo {
            imported_funcrefs,
            needed_funcrefs,
            ..
        } = self.info;
        // Both parts are in the order of the code.
        let parts = [
            imported_funcrefs..needed_funcrefs,
            needed_funcrefs..table.len() as u32,
        ];
        parts.into_iter().find_map(|part| {
            let records = table.get(part.start as usize..part.end as usize)?;
            let of = |entry: &[u8; FunctionRecord::SIZE]| FunctionRecord::decode(*entry).value;
            let at = records.binary_search_by_key(&value, of).ok()?;
            Some(part.start + at as u32)
        })
    }
}

/// An error about an object.
pub(crate) fn bad(file: impl Into<String>, reason: impl Into<String>) -> Error {
    Error::Object {
        file: file.into(),
        reason: reason.into(),
    }
}
