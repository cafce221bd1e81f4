//! The parts of ELF that link edit writes: numbers, and records as bytes.
//!
//! Relocation types are the machine's and stand in [`wasmaot_abi::machine`].

const ET_DYN: u16 = 3;

/// What code and data of an object are less than: tables have addresses of 31
/// bits.
pub(super) const MAX_SPAN: u64 = 1 << 31;

pub(super) const EHDR_SIZE: u64 = 64;
pub(super) const PHDR_SIZE: u64 = 56;
pub(super) const SHDR_SIZE: u64 = 64;
pub(super) const SYM_SIZE: u64 = 24;
pub(super) const RELA_SIZE: u64 = 24;
pub(super) const DYN_SIZE: u64 = 16;

pub(super) const PT_LOAD: u32 = 1;
pub(super) const PT_DYNAMIC: u32 = 2;
pub(super) const PT_INTERP: u32 = 3;
pub(super) const PT_NOTE: u32 = 4;
pub(super) const PT_TLS: u32 = 7;
pub(super) const PT_GNU_EH_FRAME: u32 = 0x6474_e550;
pub(super) const PT_GNU_STACK: u32 = 0x6474_e551;
pub(super) const PT_GNU_RELRO: u32 = 0x6474_e552;

pub(super) const PF_X: u32 = 1;
pub(super) const PF_W: u32 = 2;
pub(super) const PF_R: u32 = 4;

pub(super) const SHT_PROGBITS: u32 = 1;
pub(super) const SHT_SYMTAB: u32 = 2;
pub(super) const SHT_STRTAB: u32 = 3;
pub(super) const SHT_RELA: u32 = 4;
pub(super) const SHT_DYNAMIC: u32 = 6;
pub(super) const SHT_NOTE: u32 = 7;
pub(super) const SHT_NOBITS: u32 = 8;
pub(super) const SHT_DYNSYM: u32 = 11;
pub(super) const SHT_GNU_HASH: u32 = 0x6fff_fff6;

pub(super) const SHF_WRITE: u64 = 1;
pub(super) const SHF_ALLOC: u64 = 2;
pub(super) const SHF_EXECINSTR: u64 = 4;
pub(super) const SHF_INFO_LINK: u64 = 0x40;
pub(super) const SHF_TLS: u64 = 0x400;

pub(super) const SHN_UNDEF: u16 = 0;
pub(super) const SHN_ABS: u16 = 0xfff1;

pub(super) const STB_LOCAL: u8 = 0;
pub(super) const STB_GLOBAL: u8 = 1;
pub(super) const STB_WEAK: u8 = 2;

pub(super) const STT_NOTYPE: u8 = 0;
pub(super) const STT_OBJECT: u8 = 1;
pub(super) const STT_FUNC: u8 = 2;
pub(super) const STT_FILE: u8 = 4;
pub(super) const STT_TLS: u8 = 6;

pub(super) const DT_NULL: u64 = 0;
pub(super) const DT_NEEDED: u64 = 1;
pub(super) const DT_PLTRELSZ: u64 = 2;
pub(super) const DT_PLTGOT: u64 = 3;
pub(super) const DT_STRTAB: u64 = 5;
pub(super) const DT_SYMTAB: u64 = 6;
pub(super) const DT_RELA: u64 = 7;
pub(super) const DT_RELASZ: u64 = 8;
pub(super) const DT_RELAENT: u64 = 9;
pub(super) const DT_STRSZ: u64 = 10;
pub(super) const DT_SYMENT: u64 = 11;
pub(super) const DT_INIT: u64 = 12;
pub(super) const DT_SONAME: u64 = 14;
pub(super) const DT_PLTREL: u64 = 20;
pub(super) const DT_JMPREL: u64 = 23;
pub(super) const DT_RUNPATH: u64 = 29;
pub(super) const DT_GNU_HASH: u64 = 0x6fff_fef5;
pub(super) const DT_RELACOUNT: u64 = 0x6fff_fff9;

pub(super) const NT_GNU_BUILD_ID: u32 = 3;

/// The file header of a shared object.
pub(super) struct Ehdr {
    pub machine: u16,
    pub entry: u64,
    pub phnum: u16,
    pub shoff: u64,
    pub shnum: u16,
    pub shstrndx: u16,
}

impl Ehdr {
    pub fn encode(&self) -> Vec<u8> {
        // Class 64, little-endian, version 1, System V; then padding.
        let mut out = vec![0x7f, b'E', b'L', b'F', 2, 1, 1, 0];
        out.resize(16, 0);
        halves(&mut out, &[ET_DYN, self.machine]);
        out.extend(1u32.to_le_bytes());
        words(&mut out, &[self.entry, EHDR_SIZE, self.shoff]);
        out.extend(0u32.to_le_bytes());
        halves(&mut out, &[EHDR_SIZE as u16, PHDR_SIZE as u16, self.phnum]);
        halves(&mut out, &[SHDR_SIZE as u16, self.shnum, self.shstrndx]);
        out
    }
}

/// A program header.
#[derive(Clone, Copy, Debug)]
pub(super) struct Phdr {
    pub kind: u32,
    pub flags: u32,
    pub offset: u64,
    pub vaddr: u64,
    pub paddr: u64,
    pub filesz: u64,
    pub memsz: u64,
    pub align: u64,
}

impl Phdr {
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(PHDR_SIZE as usize);
        out.extend(self.kind.to_le_bytes());
        out.extend(self.flags.to_le_bytes());
        words(
            &mut out,
            &[
                self.offset,
                self.vaddr,
                self.paddr,
                self.filesz,
                self.memsz,
                self.align,
            ],
        );
        out
    }
}

/// A section header.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Shdr {
    pub name: u32,
    pub kind: u32,
    pub flags: u64,
    pub addr: u64,
    pub offset: u64,
    pub size: u64,
    pub link: u32,
    pub info: u32,
    pub align: u64,
    pub entsize: u64,
}

impl Shdr {
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(SHDR_SIZE as usize);
        out.extend(self.name.to_le_bytes());
        out.extend(self.kind.to_le_bytes());
        words(&mut out, &[self.flags, self.addr, self.offset, self.size]);
        out.extend(self.link.to_le_bytes());
        out.extend(self.info.to_le_bytes());
        words(&mut out, &[self.align, self.entsize]);
        out
    }
}

/// A symbol.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Sym {
    pub name: u32,
    pub binding: u8,
    pub kind: u8,
    pub section: u16,
    pub value: u64,
    pub size: u64,
}

impl Sym {
    pub fn encode(&self) -> [u8; SYM_SIZE as usize] {
        let mut out = [0; SYM_SIZE as usize];
        out[0..4].copy_from_slice(&self.name.to_le_bytes());
        out[4] = self.binding << 4 | self.kind;
        out[6..8].copy_from_slice(&self.section.to_le_bytes());
        out[8..16].copy_from_slice(&self.value.to_le_bytes());
        out[16..24].copy_from_slice(&self.size.to_le_bytes());
        out
    }
}

/// A relocation with addend.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rela {
    pub offset: u64,
    pub kind: u32,
    pub symbol: u32,
    pub addend: u64,
}

impl Rela {
    pub fn encode(&self) -> [u8; RELA_SIZE as usize] {
        let mut out = [0; RELA_SIZE as usize];
        out[0..8].copy_from_slice(&self.offset.to_le_bytes());
        out[8..12].copy_from_slice(&self.kind.to_le_bytes());
        out[12..16].copy_from_slice(&self.symbol.to_le_bytes());
        out[16..24].copy_from_slice(&self.addend.to_le_bytes());
        out
    }
}

/// A note: owner, type, descriptor.
pub(super) fn note(owner: &str, kind: u32, descriptor: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    for word in [owner.len() as u32 + 1, descriptor.len() as u32, kind] {
        out.extend(word.to_le_bytes());
    }
    out.extend(owner.as_bytes());
    out.push(0);
    out.resize(out.len().next_multiple_of(4), 0);
    out.extend(descriptor);
    out.resize(out.len().next_multiple_of(4), 0);
    out
}

/// Where the descriptor begins in a note of this owner.
pub(super) fn note_descriptor(owner: &str) -> u64 {
    12 + (owner.len() as u64 + 1).next_multiple_of(4)
}

fn halves(out: &mut Vec<u8>, values: &[u16]) {
    out.extend(values.iter().flat_map(|v| v.to_le_bytes()));
}

fn words(out: &mut Vec<u8>, values: &[u64]) {
    out.extend(values.iter().flat_map(|v| v.to_le_bytes()));
}

/// A string table in the making; equal strings are stored once.
pub(super) struct Strings {
    bytes: Vec<u8>,
    known: std::collections::HashMap<String, u32>,
}

impl Strings {
    pub fn new() -> Self {
        Self {
            bytes: vec![0],
            known: [(String::new(), 0)].into(),
        }
    }

    /// Offset of a string, which it stores if need be. The caller sees to it
    /// that one which ends at its NUL has no other.
    pub fn add(&mut self, text: &str) -> u32 {
        if let Some(&at) = self.known.get(text) {
            return at;
        }
        // A table beyond 4 GiB is refused where the layout is made.
        let at = self.bytes.len() as u32;
        self.bytes.extend(text.as_bytes());
        self.bytes.push(0);
        self.known.insert(text.to_owned(), at);
        at
    }

    pub fn len(&self) -> u64 {
        self.bytes.len() as u64
    }

    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }
}
