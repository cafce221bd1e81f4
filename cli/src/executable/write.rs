//! The loader and the objects → an ELF executable.
//!
//! ```text
//! the loader's segments, as they are; of its notes' program header there is none any more
//! PT_LOAD R   .wasmaot.objects: the record, and each object from a page on
//!             .symtab .strtab .shstrtab, of the objects' functions
//! ```
//!
//! A function's symbol has the address at which its code is in that segment. It does
//! not run there, but where the loader maps that part of the file; profilers know a
//! function by where its code is in the file, and that is what the address tells them.
//! Of the loader's own symbols there are those that debuggers look for.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt as _;

use anyhow::{Context as _, Result, bail};
use object::elf::{self, FileHeader64, ProgramHeader64, SectionHeader64, Sym64};
use object::pod::{bytes_of, bytes_of_slice};
use object::read::elf::{ElfFile64, FileHeader as _};
use object::{LittleEndian as LE, U16, U32, U64};
use wasmaot_abi::ABI_VERSION;
use wasmaot_abi::executable::{self, Record, SECTION};
use wasmaot_abi::machine::Machine;

use super::members::{Member, for_machine};

/// The alignment of objects in the file, and so of what is mapped of them: that of
/// segments on every machine.
const ALIGN: u64 = 1 << 16;

/// The symbols by which debuggers learn of code that no system loader has mapped.
const OF_DEBUGGERS: [&[u8]; 2] = [b"__jit_debug_register_code", b"__jit_debug_descriptor"];

type Segment = ProgramHeader64<LE>;
type Section = SectionHeader64<LE>;

/// Writes the executable.
///
/// # Errors
/// If the loader is none, or of another machine.
pub fn executable(
    template: &[u8],
    options: &[OsString],
    members: &[Member],
    machine: &Machine,
) -> Result<Vec<u8>> {
    let loader = Loader::read(template)?;
    if let Err(error) = for_machine(loader.header.e_machine.get(LE).into(), machine) {
        bail!("{error}; WASMAOT_LD names another one");
    }
    let (content, offsets) = objects(options, members);
    let mut file = template[..loader.end as usize].to_vec();
    let place = loader.next;
    file.resize(place as usize, 0);
    file.extend(&content);
    let segment = Segment {
        p_type: U32::new(LE, elf::PT_LOAD),
        p_flags: U32::new(LE, elf::PF_R),
        p_offset: U64::new(LE, place),
        p_vaddr: U64::new(LE, place),
        p_paddr: U64::new(LE, place),
        p_filesz: U64::new(LE, content.len() as u64),
        p_memsz: U64::new(LE, content.len() as u64),
        p_align: U64::new(LE, ALIGN),
    };
    let segments = loader.segments_with(segment)?;
    let at = loader.header.e_phoff.get(LE) as usize;
    put(&mut file, at, bytes_of_slice(&segments));
    let mut tables = Tables::of(&loader);
    tables.objects = tables.sections.len() as u16;
    tables.add(SECTION, elf::SHT_PROGBITS, ALIGN, |section| {
        section.sh_flags = U64::new(LE, elf::SHF_ALLOC.into());
        section.sh_addr = U64::new(LE, place);
        section.sh_offset = U64::new(LE, place);
        section.sh_size = U64::new(LE, content.len() as u64);
    });
    for (member, offset) in members.iter().zip(offsets) {
        tables.add_functions(member, place + offset);
    }
    tables.write(&mut file, loader.header);
    Ok(file)
}

/// The content of the segment, and where the objects are in it.
fn objects(options: &[OsString], members: &[Member]) -> (Vec<u8>, Vec<u64>) {
    let words = options.iter().cloned();
    let mut record = Record {
        options: words.map(OsString::into_vec).collect(),
        members: members
            .iter()
            .map(|member| executable::Member {
                name: member.name.clone(),
                stands_for: member.stands_for.clone(),
                role: member.role.clone(),
                // The widest number: the record's size is known then.
                offset: u64::MAX,
                size: member.bytes.len() as u64,
                hash: member.object.note().file_hash,
            })
            .collect(),
    };
    let mut end = record.encode().len() as u64;
    let mut offsets = Vec::new();
    for member in members {
        let offset = end.next_multiple_of(ALIGN);
        offsets.push(offset);
        end = offset + member.bytes.len() as u64;
    }
    for (member, &offset) in record.members.iter_mut().zip(&offsets) {
        member.offset = offset;
    }
    let mut content = record.encode();
    for (member, &offset) in members.iter().zip(&offsets) {
        content.resize(offset as usize, 0);
        content.extend(&member.bytes);
    }
    (content, offsets)
}

/// The loader's file.
struct Loader<'a> {
    header: FileHeader64<LE>,
    segments: &'a [Segment],
    /// Sections that are loaded, with their names and old numbers.
    sections: Vec<(usize, &'a [u8], Section)>,
    /// Its symbols that debuggers look for, with their names.
    symbols: Vec<(&'a [u8], Sym64<LE>)>,
    /// Where its loaded content ends in the file.
    end: u64,
    /// The first address and offset that are free.
    next: u64,
}

impl<'a> Loader<'a> {
    fn read(file: &'a [u8]) -> Result<Self> {
        let read = ElfFile64::<LE>::parse(file).context("is no ELF file")?;
        let header = read.elf_header();
        let segments = read.elf_program_headers();
        let table = read.elf_section_table();
        let marked = table.section_by_name(LE, executable::LOADER.as_bytes());
        let marked = marked.and_then(|(_, section)| {
            let at = section.sh_offset.get(LE) as usize;
            file.get(at..)?
                .first_chunk()
                .map(|v| u32::from_le_bytes(*v))
        });
        match marked {
            Some(ABI_VERSION) if header.e_type(LE) == elf::ET_DYN => {}
            Some(ABI_VERSION) => bail!("is not position-independent"),
            Some(version) => bail!("loads objects of ABI version {version}, not {ABI_VERSION}"),
            None => bail!("is no loader of wasmaot"),
        }
        let is_loaded =
            |section: &Section| section.sh_flags.get(LE) & u64::from(elf::SHF_ALLOC) != 0;
        let sections = table.iter().enumerate().filter(|(_, s)| is_loaded(s));
        let sections = sections.map(|(number, section)| {
            let name = table.section_name(LE, section).unwrap_or_default();
            (number, name, *section)
        });
        let loads = || segments.iter().filter(|s| s.p_type.get(LE) == elf::PT_LOAD);
        let end = loads()
            .map(|s| s.p_offset.get(LE) + s.p_filesz.get(LE))
            .max();
        let memory = loads().map(|s| s.p_vaddr.get(LE) + s.p_memsz.get(LE)).max();
        let (Some(end), Some(memory)) = (end, memory) else {
            bail!("has nothing to load");
        };
        let symbols = read.elf_symbol_table();
        let symbols = symbols.iter().filter_map(|symbol| {
            let name = symbols.symbol_name(LE, symbol).ok()?;
            OF_DEBUGGERS.contains(&name).then_some((name, *symbol))
        });
        if end > file.len() as u64 {
            bail!("is cut short");
        }
        Ok(Self {
            header: *header,
            segments,
            sections: sections.collect(),
            symbols: symbols.collect(),
            end,
            next: end.max(memory).next_multiple_of(ALIGN),
        })
    }

    /// The program headers with one more, in the place of one that nobody needs.
    fn segments_with(&self, segment: Segment) -> Result<Vec<Segment>> {
        let kind = |segment: &Segment| segment.p_type.get(LE);
        let mut segments = self.segments.to_vec();
        let spare = segments.iter().position(|s| kind(s) == elf::PT_NOTE);
        let Some(spare) = spare else {
            bail!("has no notes in the place of whose program header another could be put");
        };
        segments.remove(spare);
        let last = segments.iter().rposition(|s| kind(s) == elf::PT_LOAD);
        segments.insert(last.map_or(0, |last| last + 1), segment);
        Ok(segments)
    }
}

/// Section headers, names and symbols.
struct Tables {
    sections: Vec<Section>,
    names: Vec<u8>,
    symbols: Vec<Sym64<LE>>,
    strings: Vec<u8>,
    /// Number of the section with the objects.
    objects: u16,
}

impl Tables {
    /// Those of the loader, renumbered.
    fn of(loader: &Loader<'_>) -> Self {
        let mut tables = Self {
            sections: Vec::new(),
            names: vec![0],
            symbols: vec![symbol(0, 0, 0)],
            strings: vec![0],
            objects: 0,
        };
        tables.sections.push(section(elf::SHT_NULL, 0));
        let number = |old: u32| {
            let mut kept = loader.sections.iter();
            let found = kept.position(|(number, ..)| *number == old as usize);
            found.map_or(0, |number| number as u32 + 1)
        };
        for (_, name, header) in &loader.sections {
            let mut header = *header;
            header.sh_name = U32::new(LE, add(&mut tables.names, name));
            header.sh_link = U32::new(LE, number(header.sh_link.get(LE)));
            let is_number = header.sh_flags.get(LE) & u64::from(elf::SHF_INFO_LINK) != 0;
            if is_number {
                header.sh_info = U32::new(LE, number(header.sh_info.get(LE)));
            }
            tables.sections.push(header);
        }
        for &(name, of_loader) in &loader.symbols {
            let name = add(&mut tables.strings, name);
            let mut symbol = symbol(name, of_loader.st_type(), of_loader.st_value.get(LE));
            symbol.st_size = of_loader.st_size;
            symbol.st_shndx = U16::new(LE, number(of_loader.st_shndx.get(LE).into()) as u16);
            tables.symbols.push(symbol);
        }
        tables
    }

    fn add(&mut self, name: &str, kind: u32, align: u64, set: impl FnOnce(&mut Section)) {
        let mut header = section(kind, align);
        header.sh_name = U32::new(LE, add(&mut self.names, name.as_bytes()));
        set(&mut header);
        self.sections.push(header);
    }

    /// Adds the functions of an object that lies at an address, after its name.
    fn add_functions(&mut self, member: &Member, place: u64) {
        let Ok(read) = ElfFile64::<LE>::parse(&*member.bytes) else {
            return;
        };
        let segments = read.elf_program_headers();
        // Where the file has what is at an address.
        let offset = |address: u64| {
            let mut loads = segments.iter().filter(|s| s.p_type.get(LE) == elf::PT_LOAD);
            loads.find_map(|s| {
                let at = address.checked_sub(s.p_vaddr.get(LE))?;
                (at < s.p_filesz.get(LE)).then(|| s.p_offset.get(LE) + at)
            })
        };
        let table = read.elf_symbol_table();
        let name = add(&mut self.strings, member.name.as_bytes());
        let mut file = symbol(name, elf::STT_FILE, 0);
        file.st_shndx = U16::new(LE, elf::SHN_ABS);
        self.symbols.push(file);
        for function in table.iter().filter(|s| s.st_type() == elf::STT_FUNC) {
            let Some(at) = offset(function.st_value.get(LE)) else {
                continue;
            };
            let Ok(name) = table.symbol_name(LE, function) else {
                continue;
            };
            let name = add(&mut self.strings, name);
            let mut symbol = symbol(name, elf::STT_FUNC, place + at);
            symbol.st_shndx = U16::new(LE, self.objects);
            symbol.st_size = function.st_size;
            self.symbols.push(symbol);
        }
    }

    /// Writes what is not loaded, and the file's header.
    fn write(mut self, file: &mut Vec<u8>, mut header: FileHeader64<LE>) {
        let number = self.sections.len() as u32;
        let symbols = bytes_of_slice(&self.symbols).to_vec();
        let place = append(file, &symbols);
        let locals = self.symbols.len() as u32;
        self.add(".symtab", elf::SHT_SYMTAB, 8, |section| {
            section.sh_offset = U64::new(LE, place);
            section.sh_size = U64::new(LE, symbols.len() as u64);
            section.sh_link = U32::new(LE, number + 1);
            section.sh_info = U32::new(LE, locals);
            section.sh_entsize = U64::new(LE, size_of::<Sym64<LE>>() as u64);
        });
        let (place, size) = (append(file, &self.strings), self.strings.len() as u64);
        self.add(".strtab", elf::SHT_STRTAB, 1, |section| {
            section.sh_offset = U64::new(LE, place);
            section.sh_size = U64::new(LE, size);
        });
        let own = add(&mut self.names, b".shstrtab");
        let (place, size) = (append(file, &self.names), self.names.len() as u64);
        let mut names = section(elf::SHT_STRTAB, 1);
        names.sh_name = U32::new(LE, own);
        names.sh_offset = U64::new(LE, place);
        names.sh_size = U64::new(LE, size);
        self.sections.push(names);
        header.e_shoff = U64::new(LE, append(file, bytes_of_slice(&self.sections)));
        header.e_shentsize = U16::new(LE, size_of::<Section>() as u16);
        header.e_shnum = U16::new(LE, self.sections.len() as u16);
        header.e_shstrndx = U16::new(LE, number as u16 + 2);
        put(file, 0, bytes_of(&header));
    }
}

/// A section header of nothing yet.
fn section(kind: u32, align: u64) -> Section {
    let (word, long) = (U32::new(LE, 0), U64::new(LE, 0));
    Section {
        sh_name: word,
        sh_type: U32::new(LE, kind),
        sh_flags: long,
        sh_addr: long,
        sh_offset: long,
        sh_size: long,
        sh_link: word,
        sh_info: word,
        sh_addralign: U64::new(LE, align),
        sh_entsize: long,
    }
}

/// A local symbol, of no section.
fn symbol(name: u32, kind: u8, value: u64) -> Sym64<LE> {
    Sym64 {
        st_name: U32::new(LE, name),
        st_info: kind,
        st_other: 0,
        st_shndx: U16::new(LE, elf::SHN_UNDEF),
        st_value: U64::new(LE, value),
        st_size: U64::new(LE, 0),
    }
}

/// Adds a text to a table of these; answers where it is.
fn add(table: &mut Vec<u8>, text: &[u8]) -> u32 {
    let at = table.len() as u32;
    table.extend(text);
    table.push(0);
    at
}

/// Appends to the file, aligned; answers where it is.
fn append(file: &mut Vec<u8>, bytes: &[u8]) -> u64 {
    file.resize(file.len().next_multiple_of(8), 0);
    let at = file.len() as u64;
    file.extend(bytes);
    at
}

fn put(file: &mut [u8], at: usize, bytes: &[u8]) {
    file[at..at + bytes.len()].copy_from_slice(bytes);
}
