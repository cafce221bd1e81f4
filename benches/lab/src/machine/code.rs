//! Code and what is known of it, by address: in this process's own memory, or
//! in the files of a native program, at addresses made up for them.

use std::collections::HashMap;
use std::fs::File;
use std::ops::Range;
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use anyhow::{Context as _, Result};
use object::elf;
use object::read::elf::{ElfFile64, FileHeader as _};
use object::{
    Endianness, Object as _, ObjectSection as _, ObjectSymbol as _, RelocationFlags,
    RelocationTarget, SymbolKind,
};
use wasmaot_abi::machine::x86_64::MACHINE;
use wasmaot_abi::reloc::Standard;
use wasmaot_runtime::{InstanceId, Process};

/// Code to look at.
pub trait Code {
    /// So many bytes of code, or fewer where it ends.
    fn bytes(&self, at: u64, len: usize) -> Vec<u8>;
    /// What holds code at an address.
    fn function(&self, at: u64) -> Option<Function>;
    /// A word that does not change while the program runs: of a GOT or a table.
    fn word(&self, at: u64) -> Option<u64>;
    /// Name of what an address of data is.
    fn datum(&self, at: u64) -> Option<String>;
    /// What the pinned register holds, if there is one.
    fn base(&self) -> Option<u64>;
}

/// A function, an entry of a PLT, or code that the loader made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Function {
    /// Its name.
    pub name: String,
    /// The object that it is in; empty of none.
    pub object: String,
    /// Where it is.
    pub range: Range<u64>,
}

/// An object among others.
struct Image {
    name: String,
    base: u64,
    /// Functions by address, ascending, entries of the PLT among them.
    functions: Vec<(Range<u64>, String)>,
    /// Names of slots.
    slots: HashMap<u64, String>,
    /// Names of data.
    data: HashMap<u64, String>,
    /// Sections that code is in.
    text: Vec<Range<u64>>,
    /// Sections with addresses that the loader fills.
    tables: Vec<Range<u64>>,
}

/// Bytes of a PLT entry.
const PLT_ENTRY: u64 = 16;

impl Image {
    fn new(name: &str, base: u64, file: &ElfFile64<'_, Endianness>) -> Self {
        let sections = |wanted: &[&str]| {
            let named = |s: &object::read::elf::ElfSection64<'_, '_, Endianness>| {
                s.name().is_ok_and(|name| wanted.contains(&name))
            };
            let found = file.sections().filter(named);
            let at = found.map(|s| base + s.address()..base + s.address() + s.size());
            at.collect::<Vec<_>>()
        };
        let symbols = || file.symbols().chain(file.dynamic_symbols());
        let data = symbols().filter(|s| s.kind() == SymbolKind::Data && s.is_definition());
        let data = data.filter_map(|s| Some((base + s.address(), s.name().ok()?.to_owned())));
        let code = symbols().filter(|s| s.kind() == SymbolKind::Text && s.is_definition());
        let mut functions: Vec<(Range<u64>, String)> = code
            .filter_map(|s| {
                let at = base + s.address();
                Some((at..at + s.size(), s.name().ok()?.to_owned()))
            })
            .collect();
        let slots: HashMap<u64, String> = relocations(file)
            .filter_map(|(at, r)| Some((base + at, r.symbol?)))
            .filter(|(_, name)| !name.is_empty())
            .collect();
        functions.sort_by_key(|(range, _)| range.start);
        functions.dedup_by_key(|(range, _)| range.start);
        Self {
            name: name.to_owned(),
            base,
            functions,
            slots,
            data: data.collect(),
            text: sections(&[".text", ".plt", ".plt.sec", ".plt.got"]),
            tables: sections(&[".got", ".got.plt"]),
        }
    }

    /// Name of the slot or the datum at an address.
    fn datum(&self, at: u64) -> Option<String> {
        if Self::covers(&self.tables, at) {
            return Some(format!("GOT[{}]", self.slots.get(&at)?));
        }
        self.data.get(&at).cloned()
    }

    fn covers(ranges: &[Range<u64>], at: u64) -> bool {
        ranges.iter().any(|range| range.contains(&at))
    }

    /// The function at an address of this image.
    fn function(&self, at: u64, code: &dyn Code) -> Option<Function> {
        let named = self
            .functions
            .partition_point(|(range, _)| range.start <= at);
        let named = named.checked_sub(1).map(|n| &self.functions[n]);
        let named = named.filter(|(range, _)| range.contains(&at));
        let (range, name) = match named {
            Some((range, name)) => (range.clone(), name.clone()),
            None if Self::covers(&self.text, at) => {
                let start = at & !(PLT_ENTRY - 1);
                let slot = super::flow::jump_slot(code, start);
                let name = slot.and_then(|slot| self.slots.get(&slot));
                let name = name.map_or_else(|| "PLT".to_owned(), |name| format!("{name}@plt"));
                (start..start + PLT_ENTRY, name)
            }
            None => return None,
        };
        Some(Function {
            name,
            object: self.name.clone(),
            range,
        })
    }
}

/// A relocation: its type, its symbol, its addend.
struct Reloc {
    kind: u32,
    symbol: Option<String>,
    addend: i64,
}

/// The dynamic relocations of a file.
fn relocations<'f>(
    file: &'f ElfFile64<'_, Endianness>,
) -> impl Iterator<Item = (u64, Reloc)> + use<'f> {
    let dynamic = file.dynamic_relocations().into_iter().flatten();
    dynamic.map(move |(at, relocation)| {
        let symbol = match relocation.target() {
            RelocationTarget::Symbol(index) => {
                let table = file.dynamic_symbol_table();
                let symbol =
                    table.and_then(|t| object::ObjectSymbolTable::symbol_by_index(&t, index).ok());
                symbol.and_then(|s| s.name().ok().map(str::to_owned))
            }
            _ => None,
        };
        let kind = match relocation.flags() {
            RelocationFlags::Elf { r_type } => r_type,
            _ => 0,
        };
        let addend = relocation.addend();
        (
            at,
            Reloc {
                kind,
                symbol,
                addend,
            },
        )
    })
}

/// The code of a process of ours, in this very process's memory, as it is now.
pub struct Live {
    memory: File,
    images: Vec<Image>,
    base: u64,
    /// Every object of ours, stub and thunk lies in one area.
    area: Range<u64>,
}

/// Bytes of the area that a process's code lies in.
const AREA: u64 = 1 << 31;
/// Longest code of the loader's own.
const STUB: u64 = 256;
/// How far below the memory base tables are read.
const TABLE: u64 = 1 << 30;

impl Live {
    /// A process; `files` are the objects' files by their names in the link map.
    ///
    /// # Errors
    /// A file is damaged; the process's memory cannot be read.
    pub fn new(process: &Process, main: InstanceId, files: &[(String, &[u8])]) -> Result<Self> {
        let mut images = Vec::new();
        for entry in process.link_map() {
            let file = files.iter().find(|(name, _)| name == entry.name);
            let Some((name, bytes)) = file else { continue };
            let mut image = Image::new(name, entry.load_address, &ElfFile64::parse(*bytes)?);
            let slots = entry.object.relocations().filter(|r| !r.symbol.is_empty());
            let slots = slots.map(|r| (entry.load_address + r.offset, r.symbol.to_owned()));
            image.slots.extend(slots);
            images.push(image);
        }
        let low = images.iter().map(|i| i.base).min().unwrap_or(0);
        Ok(Self {
            memory: File::open("/proc/self/mem").context("cannot read /proc/self/mem")?,
            images,
            base: process.memory_bytes(main).as_ptr().addr() as u64,
            area: low.saturating_sub(AREA)..low + AREA,
        })
    }

    /// The image that an address is in.
    fn image(&self, at: u64) -> Option<&Image> {
        let images = self.images.iter();
        let below = images.filter(|i| i.base <= at);
        below.max_by_key(|i| i.base)
    }
}

impl Code for Live {
    fn bytes(&self, at: u64, len: usize) -> Vec<u8> {
        let mut bytes = vec![0; len];
        let read = self.memory.read_at(&mut bytes, at).unwrap_or(0);
        bytes.truncate(read);
        bytes
    }

    fn function(&self, at: u64) -> Option<Function> {
        let known = self.image(at).and_then(|image| image.function(at, self));
        let stub = || {
            // Not of an object: what the loader made.
            self.area.contains(&at).then(|| Function {
                name: "stub of the loader".to_owned(),
                object: String::new(),
                range: at..at + STUB,
            })
        };
        known.or_else(stub)
    }

    fn word(&self, at: u64) -> Option<u64> {
        let table = self.base.saturating_sub(TABLE)..self.base;
        let fixed =
            table.contains(&at) || self.image(at).is_some_and(|i| Image::covers(&i.tables, at));
        let bytes = fixed.then(|| self.bytes(at, 8))?;
        Some(u64::from_le_bytes(bytes.try_into().ok()?))
    }

    fn datum(&self, at: u64) -> Option<String> {
        self.image(at)?.datum(at)
    }

    fn base(&self) -> Option<u64> {
        Some(self.base)
    }
}

/// A native program and its library, linked as a dynamic linker would.
pub struct Native {
    images: Vec<Image>,
    files: Vec<(u64, Vec<u8>)>,
    /// What the slots hold.
    words: HashMap<u64, u64>,
}

/// How far apart a native program's files are put.
const APART: u64 = 1 << 32;

impl Native {
    /// The program in a file, with the library beside it if there is one.
    ///
    /// # Errors
    /// They cannot be read.
    pub fn open(program: &Path, library: Option<&Path>) -> Result<Self> {
        let mut native = Self {
            images: Vec::new(),
            files: Vec::new(),
            words: HashMap::new(),
        };
        let paths = std::iter::once(program).chain(library);
        for path in paths {
            let bytes =
                std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
            let file = ElfFile64::<Endianness>::parse(&*bytes)?;
            let fixed = file.elf_header().e_type(Endianness::Little) == elf::ET_EXEC;
            let base = match fixed {
                true => 0,
                false => APART * (1 + native.files.len() as u64),
            };
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            native.images.push(Image::new(&name, base, &file));
            native.files.push((base, bytes));
        }
        native.relocate()?;
        Ok(native)
    }

    /// Where an address of the program's file is put.
    pub fn address(&self, in_file: u64) -> u64 {
        self.images.first().map_or(0, |image| image.base) + in_file
    }

    /// Fills the slots: the first definition of a name wins.
    fn relocate(&mut self) -> Result<()> {
        let mut definitions: HashMap<String, u64> = HashMap::new();
        for (base, bytes) in &self.files {
            let file = ElfFile64::<Endianness>::parse(&**bytes)?;
            for symbol in file.dynamic_symbols().filter(|s| s.is_definition()) {
                if let Ok(name) = symbol.name() {
                    let at = base + symbol.address();
                    definitions.entry(name.to_owned()).or_insert(at);
                }
            }
        }
        let mut words = HashMap::new();
        for (base, bytes) in &self.files {
            let file = ElfFile64::<Endianness>::parse(&**bytes)?;
            for (at, reloc) in relocations(&file) {
                let symbol = reloc
                    .symbol
                    .and_then(|name| definitions.get(&name).copied());
                let value = match (MACHINE.relocation_of(reloc.kind), symbol) {
                    (Some(Standard::Relative), _) => base.checked_add_signed(reloc.addend),
                    (Some(Standard::JumpSlot | Standard::GlobDat), at) => at,
                    _ => None,
                };
                words.extend(value.map(|value| (base + at, value)));
            }
        }
        self.words = words;
        Ok(())
    }

    fn image(&self, at: u64) -> Option<(&Image, u64, &[u8])> {
        let all = self.images.iter().zip(&self.files);
        let below = all.filter(|(image, _)| image.base <= at);
        let (image, (base, bytes)) = below.max_by_key(|(image, _)| image.base)?;
        Some((image, *base, bytes))
    }
}

impl Code for Native {
    fn bytes(&self, at: u64, len: usize) -> Vec<u8> {
        let found = self.image(at).and_then(|(_, base, bytes)| {
            let file = ElfFile64::<Endianness>::parse(bytes).ok()?;
            let address = at - base;
            let mut sections = file.sections();
            let section = sections.find(|s| {
                (s.address()..s.address() + s.size()).contains(&address) && address > 0
            })?;
            let data = section.data().ok()?;
            let from = (address - section.address()) as usize;
            Some(data.get(from..)?.iter().take(len).copied().collect())
        });
        found.unwrap_or_default()
    }

    fn function(&self, at: u64) -> Option<Function> {
        self.image(at)?.0.function(at, self)
    }

    fn word(&self, at: u64) -> Option<u64> {
        self.words.get(&at).copied()
    }

    fn datum(&self, at: u64) -> Option<String> {
        self.image(at)?.0.datum(at)
    }

    fn base(&self) -> Option<u64> {
        None
    }
}
