//! An object file, opened, checked and read: immutable and shared between all
//! its instances. Every number that the loader later trusts (addresses,
//! symbol and function numbers) has been checked against its bounds here.

mod check;
mod describe;
mod parse;
mod prelink;
mod symbols;
mod versions;

use std::collections::HashMap;
use std::fs::File;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use wasmaot_abi::info::{LinkingAbi, ModuleInfo};
use wasmaot_abi::object::{FunctionRecord, Note, PltCall, SymbolKind, SymbolRecord};
use wasmaot_abi::prelink::Prelink;
use wasmaot_abi::reloc::{Rela, Standard};
use wasmaot_abi::types::{FuncType, GlobalType};

pub use describe::{ImageRun, PrelinkedCall, Relocation};
pub use parse::host_cpu;
pub(crate) use symbols::{Place, Symbol};

use crate::error::{Error, Result};
use crate::sys::{FileId, FileMap, memfd};

/// An object file.
#[derive(Debug)]
pub struct Object {
    name: String,
    path: PathBuf,
    map: FileMap,
    note: Note,
    layout: Layout,
    sections: HashMap<String, Section>,
    symbols: symbols::Symbols,
    versions: OnceLock<versions::Versions>,
    needed: Vec<String>,
    soname: Option<String>,
    runpath: Vec<String>,
    init: Option<u64>,
    info: ModuleInfo,
    type_ids: Vec<u32>,
    relocs: Vec<Reloc>,
    slots: Vec<Rela>,
    functions: Vec<FunctionRecord>,
    elements: Vec<u32>,
    funcrefs: u64,
    handlers: Range<usize>,
    calls: Range<usize>,
    build_id: Range<usize>,
    prelink: Option<Prelink>,
    native: OnceLock<symbols::NativeSymbols>,
    records: OnceLock<HashMap<u32, u32>>,
}

/// Where the file's parts go.
#[derive(Debug, Default)]
pub(crate) struct Layout {
    /// `PT_LOAD`, ascending, not sharing pages; addresses as in the file.
    pub segments: Vec<Segment>,
    /// Address past the last, in whole pages.
    pub end: u64,
    /// What becomes read-only after relocation; whole pages.
    pub relro: Range<u64>,
    /// Runs of the linear memory image.
    pub memory: Vec<MemoryRun>,
    /// A data symbol's value less its linear offset.
    pub memory_bias: u64,
}

/// A `PT_LOAD` segment.
#[derive(Clone, Debug)]
pub(crate) struct Segment {
    pub offset: u64,
    pub vaddr: u64,
    pub filesz: u64,
    pub memsz: u64,
    pub writable: bool,
    pub executable: bool,
}

impl Segment {
    /// Addresses of the segment.
    pub const fn range(&self) -> Range<u64> {
        self.vaddr..self.vaddr + self.memsz
    }
}

/// A run of the linear memory image.
#[derive(Clone, Debug)]
pub(crate) struct MemoryRun {
    pub offset: u64,
    /// Linear address, relative to the memory base of a relocatable module.
    pub linear: u64,
    pub filesz: u64,
    pub memsz: u64,
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

impl Object {
    /// Opens an object file. `verify`: check the hash over the whole file, and
    /// not only over what the loader interprets.
    ///
    /// # Errors
    /// [`Error::Open`], [`Error::Object`] or [`Error::Cpu`].
    pub fn open(path: impl AsRef<Path>, verify: bool) -> Result<Self> {
        let path = path.as_ref();
        Self::open_as(path, path, verify)
    }

    /// Opens an object file that stands for the module at another path, which
    /// names it in messages and is where `$ORIGIN` points.
    ///
    /// # Errors
    /// As [`Object::open`].
    pub fn open_as(path: impl AsRef<Path>, module: impl AsRef<Path>, verify: bool) -> Result<Self> {
        let path = path.as_ref();
        let open = |source| Error::Open {
            path: path.to_owned(),
            source,
        };
        let map = File::open(path).and_then(FileMap::new).map_err(open)?;
        parse::object(module.as_ref(), map, verify)
    }

    /// Takes an object from memory; `name` stands in for its path.
    ///
    /// # Errors
    /// As [`Object::open`].
    pub fn from_bytes(name: &str, bytes: &[u8], verify: bool) -> Result<Self> {
        let open = |source| Error::Open {
            path: name.into(),
            source,
        };
        let map = memfd(name, bytes).and_then(FileMap::new).map_err(open)?;
        parse::object(Path::new(name), map, verify)
    }

    /// Whether the bytes begin like an ELF file rather than a module.
    pub fn is_object(bytes: &[u8]) -> bool {
        bytes.starts_with(b"\x7fELF")
    }

    /// Name for messages: the last part of the path.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Path it was opened by.
    pub fn path(&self) -> &Path {
        &self.path
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
        self.map.get(self.sections.get(name)?.bytes.clone())
    }

    /// Name of the function at an address (as in the file), from `.symtab`.
    pub fn symbol_at(&self, vaddr: u64) -> Option<String> {
        let table = self.native.get_or_init(|| {
            let section = |name| self.section(name).unwrap_or_default();
            symbols::NativeSymbols::read(section(".symtab"), section(".strtab"))
        });
        table.at(vaddr).map(str::to_owned)
    }

    /// Address of a section, as in the file.
    pub fn section_address(&self, name: &str) -> Option<u64> {
        self.sections.get(name).map(|section| section.addr)
    }

    /// The exported definitions: name as exported, and record.
    pub fn exports(&self) -> impl Iterator<Item = (&str, SymbolRecord)> {
        let all = &self.symbols.all;
        all.iter()
            .filter(|s| s.place != Place::Undefined && s.record.kind != SymbolKind::None)
            .map(|s| (self.symbols.name_of(&self.map, s), s.record))
    }

    pub(crate) fn file(&self) -> &File {
        self.map.file()
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.map
    }

    pub(crate) fn id(&self) -> FileId {
        self.map.id()
    }

    pub(crate) fn layout(&self) -> &Layout {
        &self.layout
    }

    pub(crate) fn init(&self) -> Option<u64> {
        self.init
    }

    pub(crate) fn relocs(&self) -> &[Reloc] {
        &self.relocs
    }

    pub(crate) fn slots(&self) -> &[Rela] {
        &self.slots
    }

    pub(crate) fn functions(&self) -> &[FunctionRecord] {
        &self.functions
    }

    pub(crate) fn elements(&self) -> &[u32] {
        &self.elements
    }

    /// Address of the function reference records.
    pub(crate) fn funcrefs(&self) -> u64 {
        self.funcrefs
    }

    /// The table of exception handlers.
    pub(crate) fn handlers(&self) -> &[u8] {
        self.map.get(self.handlers.clone()).unwrap_or_default()
    }

    /// The calls of PLT entries, each checked to be one. Not done when an
    /// object is opened: there are as many as the code has calls, and only
    /// direct binding asks.
    pub(crate) fn calls(&self) -> Result<Vec<PltCall>> {
        check::calls(self).map_err(|reason| bad(self.path.display().to_string(), reason))
    }

    /// Number of the calls of PLT entries.
    pub(crate) fn call_count(&self) -> usize {
        self.calls.len() / PltCall::SIZE
    }

    /// The relocations of the PLT's slots, in the order of its entries.
    pub(crate) fn plt_slots(&self) -> impl Iterator<Item = &Reloc> {
        let plt = |r: &&Reloc| r.kind == Standard::JumpSlot;
        self.relocs.iter().filter(plt)
    }

    /// Code as it is in the file.
    pub(crate) fn code<const N: usize>(&self, vaddr: u64) -> Option<[u8; N]> {
        let at = self.place_of_code(vaddr, N)?;
        self.map.get(at)?.first_chunk().copied()
    }

    /// Where code is in the file.
    fn place_of_code(&self, vaddr: u64, len: usize) -> Option<Range<usize>> {
        let mut segments = self.layout.segments.iter().filter(|s| s.executable);
        let segment = segments.find(|s| s.range().contains(&vaddr))?;
        let at = usize::try_from(segment.offset + (vaddr - segment.vaddr)).ok()?;
        let end = usize::try_from(segment.offset + segment.filesz).ok()?;
        Some(at..at.checked_add(len).filter(|&e| e <= end)?)
    }

    /// The dynamic symbols.
    pub(crate) fn symbols(&self) -> &[Symbol] {
        &self.symbols.all
    }

    pub(crate) fn symbol_name(&self, symbol: &Symbol) -> &str {
        self.symbols.name_of(&self.map, symbol)
    }

    /// Number of the symbol that defines an export, found by the hash table.
    pub(crate) fn find(&self, name: &str) -> Option<u32> {
        self.symbols.find(&self.map, name)
    }

    /// Number of the symbol that a reference by a name means: of that name, or
    /// of the version that it asks for. Names of plain modules have no versions.
    pub(crate) fn definition(&self, name: &str) -> Option<u32> {
        self.find(name).or_else(|| {
            if !self.has_versions(name) {
                return None;
            }
            let versions = self
                .versions
                .get_or_init(|| self.symbols.versions(&self.map));
            versions.find(name, |plain| self.find(plain))
        })
    }

    /// Whether a name that no symbol has may be that of a version.
    pub(crate) fn has_versions(&self, name: &str) -> bool {
        let mut reexports = self.info.reexports.iter();
        self.info.abi != LinkingAbi::Core && reexports.all(|r| r.name != name)
    }

    /// Identity of a type of the record.
    pub(crate) fn type_id(&self, ty: u32) -> Option<u32> {
        self.type_ids.get(ty as usize).copied()
    }

    /// The type of a global of the object, by its identity.
    pub(crate) fn global_type(&self, id: u32) -> Option<GlobalType> {
        let mut types = self.info().globals.iter().copied();
        types.find(|ty| ty.id() == id)
    }

    /// The function type of an identity, where the object has it.
    pub(crate) fn type_of(&self, id: u32) -> Option<&FuncType> {
        let at = self.type_ids.iter().position(|&i| i == id)?;
        self.info.types.get(at)
    }

    /// Number of the record of the function with this code, if it has one.
    pub(crate) fn record_of(&self, vaddr: u64) -> Option<u32> {
        let records = self.records.get_or_init(|| {
            let own = self.info.imported_funcrefs as usize;
            let numbered = self.functions.iter().enumerate().skip(own);
            numbered.map(|(i, f)| (f.value, i as u32)).collect()
        });
        records.get(&u32::try_from(vaddr).ok()?).copied()
    }
}

/// An error about an object.
pub(crate) fn bad(file: impl Into<String>, reason: impl Into<String>) -> Error {
    Error::Object {
        file: file.into(),
        reason: reason.into(),
    }
}
