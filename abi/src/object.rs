//! The object file: names and numbers of sections, segments, dynamic tags and
//! notes, and the fixed-size records in them. All integers are little-endian.

use crate::checksum::checksum;
use crate::info::{Import, ImportKind};

/// Version of everything described by this crate; an object built for another
/// version is refused.
pub const ABI_VERSION: u32 = 7;

/// Section of the wasmaot note.
pub const SEC_NOTE: &str = ".note.wasmaot";
/// Section of the serialised [`ModuleInfo`](crate::info::ModuleInfo).
pub const SEC_INFO: &str = ".wasmaot.info";
/// Section of the [`ImportRecord`]s.
pub const SEC_IMPORTS: &str = ".wasmaot.imports";
/// Section of what runs if the system starts an object without a loader.
pub const SEC_START: &str = ".wasmaot.start";
/// Section of the [`SymbolRecord`]s, parallel to `.dynsym`.
pub const SEC_SYMBOLS: &str = ".wasmaot.symbols";
/// Section of the linear memory and table relocations ([`crate::reloc`]).
pub const SEC_RELA: &str = ".wasmaot.rela";
/// Section of the [`FunctionRecord`]s: the object's function reference table.
pub const SEC_FUNCTIONS: &str = ".wasmaot.functions";
/// Section of `u32` function reference numbers of static element segments.
pub const SEC_ELEMENTS: &str = ".wasmaot.elements";
/// Section (zero-initialised) where the loader writes the object's
/// [`FuncRef`](crate::context::FuncRef) records.
pub const SEC_FUNCREFS: &str = ".wasmaot.funcrefs";
/// Section of the initial linear memory image.
pub const SEC_MEMORY: &str = ".wasmaot.memory";
/// Section of the zero-initialised rest of a linear memory image.
pub const SEC_MEMORY_BSS: &str = ".wasmaot.memory.bss";
/// Section of the exception handlers ([`crate::exception`]).
pub const SEC_HANDLERS: &str = ".wasmaot.handlers";
/// Section of the [`PltCall`]s.
pub const SEC_CALLS: &str = ".wasmaot.calls";
/// Section of the [`Prelink`](crate::prelink::Prelink) record.
pub const SEC_PRELINK: &str = ".wasmaot.prelink";
/// Section of the trap map ([`crate::maps`]). In a segment, though it is read
/// from the file: what is in none may be stripped.
pub const SEC_TRAPS: &str = ".wasmaot.traps";
/// Section (not loaded) of the address map ([`crate::maps`]).
pub const SEC_LINES: &str = ".wasmaot.lines";
/// Section (not loaded) of the module map ([`crate::maps::module`]).
pub const SEC_MODULE: &str = ".wasmaot.module";
/// Section (not loaded) of the source map ([`crate::maps::source`]).
pub const SEC_SOURCE: &str = ".wasmaot.source";
/// Section: which fields of the debugging sections are addresses
/// ([`maps::debug`](crate::maps::debug)); not loaded.
pub const SEC_DEBUG: &str = ".wasmaot.debug";

/// Segment of a page-aligned run of the linear memory image: `p_offset` and
/// `p_filesz` in the file, `p_vaddr` less [`DT_WASMAOT_MEMORY`] the linear
/// address (relative to the memory base of a relocatable module), `p_memsz`
/// with the zero-initialised rest. `p_paddr` is the linear address, too, for
/// people: tools that strip a file do not keep it.
pub const PT_WASMAOT_MEMORY: u32 = 0x6577_4d45;

/// Dynamic tag: address of [`SEC_INFO`].
pub const DT_WASMAOT_INFO: u64 = 0x6100_5741;
/// Dynamic tag: bytes of [`SEC_INFO`].
pub const DT_WASMAOT_INFOSZ: u64 = 0x6100_5742;
/// Dynamic tag: address of [`SEC_SYMBOLS`]; one record per `.dynsym` entry.
pub const DT_WASMAOT_SYMBOLS: u64 = 0x6100_5743;
/// Dynamic tag: bytes of [`SEC_SYMBOLS`], which give the number of symbols.
pub const DT_WASMAOT_SYMBOLSSZ: u64 = 0x6100_5744;
/// Dynamic tag: address of [`SEC_RELA`].
pub const DT_WASMAOT_RELA: u64 = 0x6100_5745;
/// Dynamic tag: bytes of [`SEC_RELA`].
pub const DT_WASMAOT_RELASZ: u64 = 0x6100_5746;
/// Dynamic tag: address of [`SEC_FUNCTIONS`].
pub const DT_WASMAOT_FUNCTIONS: u64 = 0x6100_5747;
/// Dynamic tag: bytes of [`SEC_FUNCTIONS`].
pub const DT_WASMAOT_FUNCTIONSSZ: u64 = 0x6100_5748;
/// Dynamic tag: address of [`SEC_ELEMENTS`].
pub const DT_WASMAOT_ELEMENTS: u64 = 0x6100_5749;
/// Dynamic tag: bytes of [`SEC_ELEMENTS`].
pub const DT_WASMAOT_ELEMENTSSZ: u64 = 0x6100_574a;
/// Dynamic tag: address of [`SEC_FUNCREFS`].
pub const DT_WASMAOT_FUNCREFS: u64 = 0x6100_574b;
/// Dynamic tag: address of [`SEC_HANDLERS`], where there are any.
pub const DT_WASMAOT_HANDLERS: u64 = 0x6100_574c;
/// Dynamic tag: bytes of [`SEC_HANDLERS`].
pub const DT_WASMAOT_HANDLERSSZ: u64 = 0x6100_574d;
/// Dynamic tag: address of [`SEC_CALLS`], where there are any.
pub const DT_WASMAOT_CALLS: u64 = 0x6100_574e;
/// Dynamic tag: bytes of [`SEC_CALLS`].
pub const DT_WASMAOT_CALLSSZ: u64 = 0x6100_574f;
/// Dynamic tag: address of [`SEC_PRELINK`], where the object is prelinked.
pub const DT_WASMAOT_PRELINK: u64 = 0x6100_5760;
/// Dynamic tag: bytes of [`SEC_PRELINK`].
pub const DT_WASMAOT_PRELINKSZ: u64 = 0x6100_5761;
/// Dynamic tag: address of [`SEC_IMPORTS`].
pub const DT_WASMAOT_IMPORTS: u64 = 0x6100_5762;
/// Dynamic tag: bytes of [`SEC_IMPORTS`].
pub const DT_WASMAOT_IMPORTSSZ: u64 = 0x6100_5763;

/// Dynamic tag: address of linear address 0 (of a relocatable module: of its
/// memory base), from which the addresses of data symbols count.
pub const DT_WASMAOT_MEMORY: u64 = 0x6100_5764;

/// Owner name of our note, without the terminating NUL.
pub const NOTE_NAME: &str = "wasmaot";
/// Type of our note.
pub const NT_WASMAOT: u32 = 1;

/// The descriptor of our note: 64 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Note {
    /// [`ABI_VERSION`] of the compiler.
    pub abi_version: u32,
    /// ELF machine number of the code, as in the file header.
    pub machine: u32,
    /// Set of required CPU features ([`Cpu`](crate::machine::Cpu)).
    pub cpu: u64,
    /// Bytes from the start of the file that the loader interprets.
    pub loaded_size: u64,
    /// [`checksum`] of these bytes, without both of these fields and what tools
    /// rewrite that strip a file ([`STRIPPED`], [`STRIPPED_SEGMENT`]).
    pub loaded_sum: u64,
    /// BLAKE3 over the whole file, without both of these fields.
    pub file_hash: [u8; 32],
}

impl Note {
    /// Bytes of the descriptor.
    pub const SIZE: usize = 64;
    /// Where the two hashes begin in the descriptor, which they end.
    pub const HASHES: usize = 24;

    /// A note of this ABI version with hashes still zero.
    pub const fn new(machine: u32, cpu: u64, loaded_size: u64) -> Self {
        Self {
            abi_version: ABI_VERSION,
            machine,
            cpu,
            loaded_size,
            loaded_sum: 0,
            file_hash: [0; 32],
        }
    }

    /// The descriptor's bytes.
    pub fn encode(&self) -> [u8; Self::SIZE] {
        let mut out = [0; Self::SIZE];
        out[0..4].copy_from_slice(&self.abi_version.to_le_bytes());
        out[4..8].copy_from_slice(&self.machine.to_le_bytes());
        out[8..16].copy_from_slice(&self.cpu.to_le_bytes());
        out[16..24].copy_from_slice(&self.loaded_size.to_le_bytes());
        out[24..32].copy_from_slice(&self.loaded_sum.to_le_bytes());
        out[32..64].copy_from_slice(&self.file_hash);
        out
    }

    /// Reads a descriptor; `None` if it is not [`Note::SIZE`] bytes.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let bytes: &[u8; Self::SIZE] = bytes.try_into().ok()?;
        Some(Self {
            abi_version: u32_at(bytes, 0),
            machine: u32_at(bytes, 4),
            cpu: u64_at(bytes, 8),
            loaded_size: u64_at(bytes, 16),
            loaded_sum: u64_at(bytes, 24),
            file_hash: bytes[32..64].try_into().ok()?,
        })
    }

    /// Writes both hashes of a file into its note's descriptor, which begins at
    /// `at`. The loaded size is that of the descriptor.
    ///
    /// # Panics
    /// If the descriptor or the loaded size exceed the file.
    pub fn seal(file: &mut [u8], at: usize) {
        let loaded = u64_at(file, at + 16) as usize;
        let sum = Self::checksum(&file[..loaded], at);
        file[at + 24..at + 32].copy_from_slice(&sum.to_le_bytes());
        let hash = Self::hash(file, at);
        file[at + 32..at + 64].copy_from_slice(&hash);
    }

    /// The checksum of what is loaded of a file whose descriptor is at `at`.
    ///
    /// # Panics
    /// If the descriptor exceeds it.
    pub fn checksum(loaded: &[u8], at: usize) -> u64 {
        let headers = headers(&loaded[..at]);
        checksum(&[
            &headers,
            &loaded[headers.len()..at + Self::HASHES],
            &loaded[at + Self::SIZE..],
        ])
    }

    /// The hash of a file whose descriptor is at `at`.
    ///
    /// # Panics
    /// If the descriptor exceeds it.
    pub fn hash(file: &[u8], at: usize) -> [u8; 32] {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&file[..at + Self::HASHES]);
        hasher.update(&file[at + Self::SIZE..]);
        *hasher.finalize().as_bytes()
    }
}

/// Parts of the ELF header that say where section headers are. A tool that strips
/// a file moves these; the loader does without.
pub const STRIPPED: [std::ops::Range<usize>; 2] = [0x28..0x30, 0x3c..0x40];
/// Part of each program header that such a tool may rewrite: `p_paddr`.
pub const STRIPPED_SEGMENT: std::ops::Range<usize> = 24..32;
/// Bytes of the ELF header, and of a program header.
const HEADER: usize = 64;
const SEGMENT: usize = 56;

/// The ELF header and the program headers, which follow it, as far as they are
/// within these bytes; with zeros for what a file may be stripped of.
fn headers(bytes: &[u8]) -> Vec<u8> {
    let count = bytes.get(0x38..0x3a).unwrap_or(&[0; 2]);
    let count = usize::from(u16::from_le_bytes([count[0], count[1]]));
    let end = bytes.len().min(HEADER + SEGMENT * count);
    let mut headers = bytes[..end].to_vec();
    for range in STRIPPED {
        headers
            .get_mut(range)
            .into_iter()
            .for_each(|part| part.fill(0));
    }
    let segments = headers.get_mut(HEADER..).unwrap_or_default();
    for segment in segments.chunks_exact_mut(SEGMENT) {
        segment[STRIPPED_SEGMENT].fill(0);
    }
    headers
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes"))
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(bytes[at..at + 8].try_into().expect("eight bytes"))
}

macro_rules! symbol_kinds {
    ($($(#[$doc:meta])* $name:ident = $code:literal, $text:literal;)*) => {
        /// What a dynamic symbol stands for.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr(u8)]
        pub enum SymbolKind { $($(#[$doc])* $name = $code,)* }

        impl SymbolKind {
            /// The kind of a record's byte.
            pub const fn from_byte(byte: u8) -> Option<Self> {
                match byte { $($code => Some(Self::$name),)* _ => None }
            }

            /// What a message calls it.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }
        }
    };
}

symbol_kinds! {
    /// The null symbol.
    None = 0, "nothing";
    /// A wasm function; value: its code.
    Function = 1, "function";
    /// Data in linear memory; value: an address in a
    /// [`PT_WASMAOT_MEMORY`] segment, or with `SHN_ABS` a linear address.
    Data = 2, "data";
    /// A wasm global; value: its storage in the object's data.
    Global = 3, "global";
    /// A memory; value: its descriptor, unless [`SymbolRecord::PRIMARY`].
    Memory = 4, "memory";
    /// A table; value: its descriptor, unless [`SymbolRecord::PRIMARY`].
    Table = 5, "table";
    /// An exception tag; value: its identity's address.
    Tag = 6, "tag";
    /// A [`Builtin`](crate::builtin::Builtin) function of the runtime.
    Builtin = 7, "built-in function";
}

/// What the ELF symbol table cannot say of a dynamic symbol; 8 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SymbolRecord {
    /// The symbol's kind.
    pub kind: SymbolKind,
    /// [`SymbolRecord::PRIMARY`] and others.
    pub flags: u8,
    /// Number of its type as declared: of a function or tag in
    /// [`ModuleInfo::types`](crate::info::ModuleInfo), of a global in
    /// `globals`, of a definition of a memory or table in `memories` or
    /// `tables`; [`SymbolRecord::NO_TYPE`] of all else.
    pub ty: u32,
}

impl SymbolRecord {
    /// Bytes of a record.
    pub const SIZE: usize = 8;
    /// Number of what has no type.
    pub const NO_TYPE: u32 = u32::MAX;
    /// The record of the null symbol.
    pub const NULL: Self = Self {
        kind: SymbolKind::None,
        flags: 0,
        ty: Self::NO_TYPE,
    };
    /// A memory or table is the domain's own, described in its context.
    pub const PRIMARY: u8 = 1;
    /// A global lives in the context's stack pointer field.
    pub const STACK_POINTER: u8 = 2;
    /// The object refers to its own data of this symbol, whatever else the
    /// symbol is bound to.
    pub const OWN: u8 = 4;
    /// The size of data is only an upper bound.
    pub const BOUND: u8 = 8;
    /// Data that each thread has a copy of: the value is the distance from the
    /// thread's `__tls_base`.
    pub const TLS: u8 = 16;

    /// The record's bytes: kind, flags, two zero bytes, number of the type.
    pub fn encode(&self) -> [u8; Self::SIZE] {
        let [a, b, c, d] = self.ty.to_le_bytes();
        [self.kind as u8, self.flags, 0, 0, a, b, c, d]
    }

    /// Reads a record; `None` for an unknown kind.
    pub fn decode(bytes: [u8; Self::SIZE]) -> Option<Self> {
        let [kind, flags, _, _, a, b, c, d] = bytes;
        let kind = SymbolKind::from_byte(kind)?;
        Some(Self {
            kind,
            flags,
            ty: u32::from_le_bytes([a, b, c, d]),
        })
    }
}

/// An import; 24 bytes. The records are in the module's order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ImportRecord {
    /// Module name: where it is in `.dynstr`, and its bytes.
    pub module: (u32, u32),
    /// Field name, likewise.
    pub name: (u32, u32),
    /// `.dynsym` index; 0 where no symbol stands for it
    /// ([`ImportKind::Context`](crate::info::ImportKind)).
    pub symbol: u32,
    /// What it is: a number in
    /// [`ModuleInfo::import_kinds`](crate::info::ModuleInfo), below 2^31.
    pub kind: u32,
    /// Resolves to null where no definition is found.
    pub weak: bool,
}

impl ImportRecord {
    /// Bytes of a record.
    pub const SIZE: usize = 24;
    const WEAK: u32 = 1 << 31;

    /// The record's bytes: all words, the highest bit of the last one for weak.
    pub fn encode(&self) -> [u8; Self::SIZE] {
        let weak = if self.weak { Self::WEAK } else { 0 };
        let (module, name) = (self.module, self.name);
        let words = [
            module.0,
            module.1,
            name.0,
            name.1,
            self.symbol,
            self.kind | weak,
        ];
        let mut out = [0; Self::SIZE];
        for (bytes, word) in out.as_chunks_mut().0.iter_mut().zip(words) {
            *bytes = word.to_le_bytes();
        }
        out
    }

    /// Reads a record.
    pub fn decode(bytes: &[u8; Self::SIZE]) -> Self {
        let word = |n: usize| u32_at(bytes, 4 * n);
        Self {
            module: (word(0), word(1)),
            name: (word(2), word(3)),
            symbol: word(4),
            kind: word(5) & !Self::WEAK,
            weak: word(5) & Self::WEAK != 0,
        }
    }

    /// The import, its names being in `.dynstr`; `None` where there is nothing
    /// that it refers to.
    pub fn read<'a>(&self, strings: &'a str, kinds: &[ImportKind]) -> Option<Import<'a>> {
        let text = |(at, len): (u32, u32)| strings.get(at as usize..)?.get(..len as usize);
        Some(Import {
            module: text(self.module)?,
            name: text(self.name)?,
            kind: *kinds.get(self.kind as usize)?,
            symbol: self.symbol,
            weak: self.weak,
        })
    }
}

/// An entry of the object's function reference table; 8 bytes. Imports come
/// first; [`ModuleInfo::imported_funcrefs`](crate::info::ModuleInfo) counts them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FunctionRecord {
    /// Of an import, its `.dynsym` index; of a definition, its code's address
    /// in the object (`p_vaddr` space).
    pub value: u32,
    /// Identity of the function's type.
    pub type_id: u32,
}

impl FunctionRecord {
    /// Bytes of a record.
    pub const SIZE: usize = 8;

    /// The record's bytes.
    pub fn encode(&self) -> [u8; Self::SIZE] {
        let [a, b, c, d] = self.value.to_le_bytes();
        let [e, f, g, h] = self.type_id.to_le_bytes();
        [a, b, c, d, e, f, g, h]
    }

    /// Reads a record.
    pub fn decode(bytes: [u8; Self::SIZE]) -> Self {
        let [a, b, c, d, e, f, g, h] = bytes;
        Self {
            value: u32::from_le_bytes([a, b, c, d]),
            type_id: u32::from_le_bytes([e, f, g, h]),
        }
    }
}

/// A call or tail jump to an entry of the PLT: what direct binding may patch;
/// 8 bytes. They stand in the order of their places.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct PltCall {
    /// Address in the object of the instruction's 32-bit displacement.
    pub place: u32,
    /// Number of the PLT entry, which is that of its `.rela.plt` entry.
    pub entry: u32,
}

impl PltCall {
    /// Bytes of an entry.
    pub const SIZE: usize = 8;

    /// The entry's bytes.
    pub fn encode(&self) -> [u8; Self::SIZE] {
        let [a, b, c, d] = self.place.to_le_bytes();
        let [e, f, g, h] = self.entry.to_le_bytes();
        [a, b, c, d, e, f, g, h]
    }

    /// Reads an entry.
    pub fn decode(bytes: [u8; Self::SIZE]) -> Self {
        let [a, b, c, d, e, f, g, h] = bytes;
        Self {
            place: u32::from_le_bytes([a, b, c, d]),
            entry: u32::from_le_bytes([e, f, g, h]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_round_trip() {
        let note = Note {
            loaded_sum: 1,
            file_hash: [2; 32],
            ..Note::new(62, 0x3f, 4096)
        };
        assert_eq!(Note::decode(&note.encode()), Some(note));
        assert_eq!(Note::decode(&[0; 63]), None);
        let record = SymbolRecord {
            kind: SymbolKind::Global,
            flags: 2,
            ty: 0x1234_5678,
        };
        assert_eq!(SymbolRecord::decode(record.encode()), Some(record));
        assert_eq!(SymbolRecord::decode([99; 8]), None);
        let record = FunctionRecord {
            value: 7,
            type_id: 9,
        };
        assert_eq!(FunctionRecord::decode(record.encode()), record);
        let import = ImportRecord {
            module: (1, 2),
            name: (3, 4),
            symbol: 5,
            kind: 6,
            weak: true,
        };
        assert_eq!(ImportRecord::decode(&import.encode()), import);
        let call = PltCall {
            place: 0x1234,
            entry: 5,
        };
        assert_eq!(PltCall::decode(call.encode()), call);
    }

    /// A file of two segments whose note is at [`NOTE_AT`]; what the loader reads
    /// ends before it does.
    fn file() -> Vec<u8> {
        let mut file: Vec<u8> = (0..500u32).map(|i| (i * 5 + 1) as u8).collect();
        file[0x38..0x3a].copy_from_slice(&[2, 0]);
        let note = Note::new(62, 0, LOADED as u64);
        file[NOTE_AT..NOTE_AT + Note::SIZE].copy_from_slice(&note.encode());
        Note::seal(&mut file, NOTE_AT);
        file
    }

    const NOTE_AT: usize = 200;
    const LOADED: usize = 400;

    #[test]
    fn sealed_hashes_are_those_of_the_file() {
        let file = file();
        let note = Note::decode(&file[NOTE_AT..NOTE_AT + Note::SIZE]).unwrap();
        assert_eq!(note.abi_version, ABI_VERSION);
        assert_eq!(note.loaded_sum, Note::checksum(&file[..LOADED], NOTE_AT));
        assert_eq!(note.file_hash, Note::hash(&file, NOTE_AT));
    }

    #[test]
    fn hashes_cover_every_byte_that_they_should() {
        let file = file();
        let hash = Note::hash(&file, NOTE_AT);
        let sum = Note::checksum(&file[..LOADED], NOTE_AT);
        let hashes = NOTE_AT + Note::HASHES..NOTE_AT + Note::SIZE;
        let strippable = |at: usize| {
            let in_segment = at.checked_sub(HEADER).filter(|at| *at < 2 * SEGMENT);
            let in_segment = in_segment.map(|at| at % SEGMENT);
            STRIPPED.iter().any(|range| range.contains(&at))
                || in_segment.is_some_and(|at| STRIPPED_SEGMENT.contains(&at))
        };
        for at in 0..file.len() {
            let mut changed = file.clone();
            changed[at] ^= 0x10;
            let is_other = Note::hash(&changed, NOTE_AT) != hash;
            assert_eq!(is_other, !hashes.contains(&at), "hash of byte {at}");
            let is_other = Note::checksum(&changed[..LOADED], NOTE_AT) != sum;
            let covered = at < LOADED && !hashes.contains(&at) && !strippable(at);
            assert_eq!(is_other, covered, "checksum of byte {at}");
        }
    }

    #[test]
    fn an_import_needs_its_names_and_its_kind() {
        let kinds = [ImportKind::GotMem, ImportKind::GotFunc];
        let record = ImportRecord {
            module: (1, 3),
            name: (5, 2),
            symbol: 4,
            kind: 1,
            weak: true,
        };
        let import = record.read("\0env\0fn\0", &kinds).unwrap();
        assert_eq!((import.module, import.name), ("env", "fn"));
        assert_eq!((import.kind, import.symbol), (ImportKind::GotFunc, 4));
        assert!(import.weak);
        let refused = [
            ImportRecord { kind: 2, ..record },
            ImportRecord {
                name: (5, 4),
                ..record
            },
            ImportRecord {
                module: (9, 0),
                ..record
            },
            ImportRecord {
                module: (1, u32::MAX),
                ..record
            },
        ];
        for record in refused {
            assert_eq!(record.read("\0env\0fn\0", &kinds), None, "{record:?}");
        }
    }
}
