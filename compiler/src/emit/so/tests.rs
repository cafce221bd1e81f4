//! Link edit of decoded modules with code made by hand, read back with another
//! ELF reader.

use object::read::elf::{ElfFile64, ProgramHeader as _};
use object::{Endianness, Object as _, ObjectSection as _, ObjectSymbol as _, SymbolFlags, elf};
use wasmaot_abi::builtin::Builtin;
use wasmaot_abi::context::WASM_PAGE;
use wasmaot_abi::info::{Import, ImportKind, ModuleInfo, NULL_ELEMENT};
use wasmaot_abi::maps::lines::{AddressMap, InlineFrame, Line, encode_stream};
use wasmaot_abi::object::{
    DT_WASMAOT_INFO, DT_WASMAOT_INFOSZ, FunctionRecord, ImportRecord, NOTE_NAME, Note,
    PT_WASMAOT_MEMORY, PltCall, SEC_CALLS, SEC_ELEMENTS, SEC_FUNCREFS, SEC_FUNCTIONS, SEC_IMPORTS,
    SEC_INFO, SEC_LINES, SEC_RELA, SEC_SYMBOLS, SEC_TRAPS, SymbolKind, SymbolRecord,
};
use wasmaot_abi::reloc::{CodeReloc, Kind, Rela, Standard};
use wasmaot_abi::trap::TrapCode;
use wasmaot_abi::{maps, object as abi_object};

mod threads;

use super::layout::{Section, Sizes};
use crate::code::{Code, CompiledFunction, Frame, Locals, Reloc, Target};
use crate::machine::samples::{CALL, COMPUTE_ADDRESS, LOAD_FROM_GOT, RETURN};
use crate::module::Module;
use crate::{Error, Options, decode, target};

/// A module with nothing in it.
pub(super) fn module() -> Module<'static> {
    Module::empty("dir/test.wasm")
}

/// Code that calls or loads each target, then returns.
fn function(targets: &[Target]) -> CompiledFunction {
    let (mut bytes, mut relocs) = (Vec::new(), Vec::new());
    for &target in targets {
        let kind = match target {
            Target::Func(_) | Target::Builtin(_) | Target::Init(_) => {
                bytes.extend(CALL);
                CodeReloc::PcRelative
            }
            _ => {
                bytes.extend(LOAD_FROM_GOT);
                CodeReloc::GotPcRelative
            }
        };
        relocs.push(Reloc {
            offset: bytes.len() as u32,
            kind,
            target,
            addend: -4,
        });
        bytes.extend([0; 4]);
    }
    bytes.extend(RETURN);
    CompiledFunction {
        traps: vec![(bytes.len() as u32 - 1, TrapCode::Unreachable)],
        lines: {
            let (code, wasm, site) = (0, 77, 0);
            encode_stream(&[Line { code, wasm, site }], &[])
        },
        try_calls: Vec::new(),
        bytes,
        align: 1,
        starts: [0; 4],
        relocs,
        frame: Frame::None,
        locals: Locals::default(),
    }
}

/// The number of a relocation in a file.
fn number(kind: Standard) -> u32 {
    let backend = target::backend(&Options::default()).unwrap();
    backend.relocation(kind)
}

fn link_module(module: &Module<'_>, code: &Code) -> crate::Result<Vec<u8>> {
    let options = Options::default();
    let isa = target::isa(&options).unwrap();
    let backend = target::backend(&options).unwrap();
    super::link(module, code, &*isa, backend, &options, [7; 20], None)
}

/// The object of a `.wat` whose defined functions refer to these targets; the
/// last list is the init function's, if there is one more than functions.
fn link(wat: &str, functions: &[&[Target]]) -> Vec<u8> {
    with(wat, functions, |module, code| link_module(module, &code)).unwrap()
}

/// Decodes a `.wat` and makes code for it.
pub(crate) fn with<T>(
    wat: &str,
    functions: &[&[Target]],
    then: impl FnOnce(&Module<'_>, Code) -> T,
) -> T {
    let wasm = wat::parse_str(wat).unwrap();
    let module = decode::decode("dir/test.wasm", &wasm, &Options::default()).unwrap();
    let code = Code {
        functions: functions.iter().map(|targets| function(targets)).collect(),
        has_init: functions.len() > module.bodies.len(),
        uninlined: Vec::new(),
        cross_module: Vec::new(),
    };
    then(&module, code)
}

type Elf<'a> = ElfFile64<'a, Endianness>;
const LE: Endianness = Endianness::Little;

fn parse(file: &[u8]) -> Elf<'_> {
    Elf::parse(file).unwrap()
}

fn section<'a>(elf: &Elf<'a>, name: &str) -> &'a [u8] {
    let section = elf.section_by_name(name);
    section.map_or(&[], |s| s.data().unwrap())
}

fn address(elf: &Elf<'_>, name: &str) -> u64 {
    elf.section_by_name(name).unwrap().address()
}

fn info(elf: &Elf<'_>) -> ModuleInfo {
    ModuleInfo::decode(section(elf, SEC_INFO)).unwrap()
}

fn imports<'a>(elf: &Elf<'a>) -> Vec<Import<'a>> {
    let kinds = info(elf).import_kinds;
    let records = section(elf, SEC_IMPORTS).as_chunks().0.iter();
    let names = std::str::from_utf8(section(elf, ".dynstr")).unwrap();
    let read = |record| ImportRecord::decode(record).read(names, &kinds);
    records.map(|record| read(record).unwrap()).collect()
}

/// (name, kind, flags, section index or 0) of the dynamic symbols, and values.
fn symbols(elf: &Elf<'_>) -> Vec<(String, SymbolKind, u8, u16, u64)> {
    let records = section(elf, SEC_SYMBOLS).as_chunks().0;
    assert_eq!(records[0], SymbolRecord::NULL.encode());
    assert_eq!(elf.dynamic_symbols().count(), records.len() - 1);
    elf.dynamic_symbols()
        .zip(&records[1..])
        .map(|(s, r)| {
            let record = SymbolRecord::decode(*r).unwrap();
            let raw = s.elf_symbol().st_shndx.get(LE);
            let name = s.name().unwrap().to_owned();
            (name, record.kind, record.flags, raw, s.address())
        })
        .collect()
}

/// (offset, type, symbol, addend).
fn relas(elf: &Elf<'_>, name: &str) -> Vec<(u64, u32, u32, u64)> {
    let entries = section(elf, name).as_chunks::<24>().0;
    let word = |e: &[u8; 24], at: usize| u64::from_le_bytes(*e[at..].first_chunk().unwrap());
    let entries = entries.iter();
    entries
        .map(|e| {
            (
                word(e, 0),
                word(e, 8) as u32,
                (word(e, 8) >> 32) as u32,
                word(e, 16),
            )
        })
        .collect()
}

fn wasm_relas(elf: &Elf<'_>) -> Vec<(u64, Kind, u32)> {
    let entries = section(elf, SEC_RELA).as_chunks().0;
    let decoded = entries.iter().map(|e| Rela::decode(*e).unwrap());
    decoded.map(|r| (r.offset, r.kind, r.symbol)).collect()
}

const DYLINK: &str = r#"
(module
  (@custom "dylink.0" (before first)
    "\01\06\90\c0\04\04\02\00" "\02\06\01\04a.so" "\05\0a\01\08/one:two")
  (import "env" "memory" (memory 1))
  (import "env" "__indirect_function_table" (table 0 funcref))
  (import "env" "__memory_base" (global $base i32))
  (import "env" "__table_base" (global $tbase i32))
  (import "env" "__stack_pointer" (global $sp (mut i32)))
  (import "GOT.mem" "x" (global $x (mut i32)))
  (import "GOT.mem" "own" (global $own (mut i32)))
  (import "GOT.func" "f" (global $gf (mut i32)))
  (import "GOT.func" "g" (global $gg (mut i32)))
  (import "env" "f" (func $f (param i32)))
  (import "wasi_snapshot_preview1" "h" (func $h (result i32)))
  (data (global.get $base) "hello")
  (elem (global.get $tbase) func $g $f)
  (global (export "own") i32 (i32.const 8))
  (global (export "end") i32 (i32.const 73744))
  (func $g (export "g") (call $f (i32.const 1)))
  (func $local))"#;

fn dylink() -> Vec<u8> {
    let values = [0, 1, 3, 4, 5, 6].map(Target::LoaderValue);
    let calls = [
        Target::Func(0),
        Target::Func(1),
        Target::Func(3),
        Target::builtin(Builtin::Memset),
        Target::Funcref(2),
    ];
    link(DYLINK, &[&values, &calls])
}

#[test]
fn a_relocatable_module_has_its_symbols_and_slots() {
    let file = dylink();
    let elf = parse(&file);
    let symbols = symbols(&elf);
    let names: Vec<_> = symbols.iter().map(|s| (s.0.as_str(), s.1, s.2)).collect();
    use SymbolKind::{Builtin, Data, Function, Memory, Table};
    assert_eq!(
        names[..6],
        [
            ("memory", Memory, SymbolRecord::PRIMARY),
            ("__indirect_function_table", Table, SymbolRecord::PRIMARY),
            ("x", Data, 0),
            ("f", Function, 0),
            ("wasi_snapshot_preview1.h", Function, 0),
            ("wasmaot.memset", Builtin, 0),
        ]
    );
    let index = |name: &str| names.iter().position(|n| n.0 == name).unwrap() as u32 + 1;
    let memory = elf
        .elf_program_headers()
        .iter()
        .find(|p| p.p_type(LE) == PT_WASMAOT_MEMORY)
        .unwrap();
    let value = |name: &str| symbols[index(name) as usize - 1].4;
    assert_eq!(value("own"), memory.p_vaddr(LE) + 8);
    assert_eq!(value("end"), memory.p_vaddr(LE) + 73744, "one past the end");
    assert_eq!(memory.p_memsz(LE), 73744);
    assert_eq!(memory.p_filesz(LE), 4096);
    assert_eq!(memory.data(LE, file.as_slice()).unwrap()[..5], *b"hello");

    let got = address(&elf, ".got");
    assert_eq!(
        wasm_relas(&elf),
        [
            (got, Kind::MemoryBase, 0),
            (got + 8, Kind::TableBase, 0),
            (got + 16, Kind::Mem32, index("x")),
            (got + 24, Kind::Mem32, index("own")),
            (got + 32, Kind::Func32, index("f")),
            (got + 40, Kind::Func32, index("g")),
        ]
    );
    let info = info(&elf);
    assert_eq!(info.imported_funcrefs, 1);
    let imports = imports(&elf);
    assert_eq!(imports[2].symbol, 0, "the context has it");
    assert!(matches!(imports[4].kind, ImportKind::Context(_)));
    assert_eq!(imports[7].symbol, imports[9].symbol, "one f");
    assert_eq!(info.placement.unwrap().memory_size, 73744);
    assert_eq!((info.elements[0].offset, info.elements[0].count), (0, 2));
    assert_eq!(section(&elf, SEC_ELEMENTS), [1, 0, 0, 0, 0, 0, 0, 0]);
    let functions = section(&elf, SEC_FUNCTIONS).as_chunks().0;
    let functions: Vec<_> = functions
        .iter()
        .map(|f| FunctionRecord::decode(*f))
        .collect();
    assert_eq!(functions[0].value, index("f"));
    assert_eq!(u64::from(functions[1].value), value("g"));
}

#[test]
fn calls_go_where_they_should() {
    let file = dylink();
    let elf = parse(&file);
    let (text, plt) = (address(&elf, ".text"), address(&elf, ".plt"));
    let second = section(&elf, ".text").split_at(48).1;
    let target = |at: usize| {
        let rel = i32::from_le_bytes(*second[at..].first_chunk().unwrap());
        (text + 48 + at as u64 + 4).wrapping_add_signed(rel.into())
    };
    assert_eq!(target(1), plt + 16);
    assert_eq!(target(6), plt + 32);
    assert_eq!(target(11), text + 48);
    assert_eq!(target(16), plt + 48);
    assert_eq!(second[20..23], *COMPUTE_ADDRESS, "relaxed");
    assert_eq!(target(23), address(&elf, SEC_FUNCREFS) + 16);
    assert_eq!(target(23) % 16, 0);

    let calls = section(&elf, SEC_CALLS).as_chunks().0.iter();
    let calls: Vec<_> = calls.map(|&c| PltCall::decode(c)).collect();
    let place = |at: u64| (text + 48 + at) as u32;
    let call = |at, entry| PltCall {
        place: place(at),
        entry,
    };
    // Those of the object's own functions are not among them.
    assert_eq!(calls, [call(1, 0), call(6, 1), call(16, 2)]);

    // Until they are bound, the slots lead back into the PLT.
    let words = section(&elf, ".got.plt").as_chunks().0;
    let words: Vec<_> = words.iter().map(|w| u64::from_le_bytes(*w)).collect();
    assert_eq!(words[0], address(&elf, ".dynamic"));
    assert_eq!(words[3..], [plt + 22, plt + 38, plt + 54]);
    let slots: Vec<_> = relas(&elf, ".rela.plt")
        .into_iter()
        .map(|(at, kind, ..)| (at, kind))
        .collect();
    let got_plt = address(&elf, ".got.plt");
    assert_eq!(slots[0], (got_plt + 24, number(Standard::JumpSlot)));
    assert_eq!(slots.len(), 3);
}

#[test]
fn maps_count_from_the_text_section() {
    let file = dylink();
    let elf = parse(&file);
    let traps = section(&elf, SEC_TRAPS);
    assert_eq!(maps::find_trap(traps, 42), Some(TrapCode::Unreachable));
    let map = AddressMap::new(section(&elf, SEC_LINES)).unwrap();
    let at = map.position(50).unwrap();
    let frame = InlineFrame {
        function: 3,
        wasm_offset: Some(77),
    };
    assert_eq!((at.function_start, &at.frames[..]), (48, &[frame][..]));
}

#[test]
fn hashes_and_the_loaded_part() {
    let file = dylink();
    let elf = parse(&file);
    let start = file.windows(8).position(|w| w == b"wasmaot\0").unwrap() + NOTE_NAME.len() + 1;
    let note = Note::decode(&file[start..start + Note::SIZE]).unwrap();
    assert_eq!(note.abi_version, wasmaot_abi::ABI_VERSION);
    assert_eq!(note.cpu, Options::default().cpu);
    let loaded = &file[..note.loaded_size as usize];
    assert_eq!(note.loaded_sum, Note::checksum(loaded, start));
    assert_eq!(note.file_hash, Note::hash(&file, start));
    for name in [".dynamic", SEC_INFO, SEC_ELEMENTS, ".dynstr", ".rela.plt"] {
        let (offset, size) = elf.section_by_name(name).unwrap().file_range().unwrap();
        assert!(offset + size <= note.loaded_size, "{name}");
    }
    let find = |tag: u64| {
        let entries = section(&elf, ".dynamic").chunks(16);
        let word = |b: &[u8]| u64::from_le_bytes(b.try_into().unwrap());
        let mut entries = entries.map(|e| (word(&e[..8]), word(&e[8..])));
        entries.find(|e| e.0 == tag).unwrap().1
    };
    assert_eq!(find(DT_WASMAOT_INFO), address(&elf, SEC_INFO));
    assert_eq!(
        find(DT_WASMAOT_INFOSZ),
        section(&elf, SEC_INFO).len() as u64
    );
    assert!(find(abi_object::DT_WASMAOT_FUNCREFS) > 0);
    let text = |tag: i64| {
        let name = &section(&elf, ".dynstr")[find(tag as u64) as usize..];
        std::ffi::CStr::from_bytes_until_nul(name).unwrap().to_str()
    };
    assert_eq!(text(elf::DT_SONAME), Ok("test.wasm"));
    assert_eq!(text(elf::DT_NEEDED), Ok("a.so"));
    assert_eq!(text(elf::DT_RUNPATH), Ok("/one:two"));
    assert_eq!(file, dylink(), "deterministic");
}

pub(crate) const CORE: &str = r#"
(module
  (import "m" "g" (global $ig (mut i64)))
  (import "m" "t" (table $it 1 externref))
  (import "m" "m.f" (func $if))
  (memory (export "mem") 2)
  (memory $second 1)
  (table $t (export "t0") 2 funcref)
  (table $other (export "t1") 2 externref)
  (global $a (export "a") (mut v128) (v128.const i64x2 5 0))
  (global $r (export "r") funcref (ref.func $f))
  (global $z (export "z") (mut i32) (i32.const 0))
  (global (export "__heap_base") i32 (i32.const 99999))
  (export "again" (func $if))
  (data (i32.const 16) "static")
  (data $p "passive")
  (elem (table $t) (i32.const 1) func $f)
  (elem $e funcref (ref.func $f) (ref.null func))
  (start $f)
  (func $f (export "a%")))"#;

pub(crate) const CORE_TARGETS: &[&[Target]] = &[
    &[
        Target::Global(0),
        Target::Table(0),
        Target::Table(2),
        Target::Memory(1),
        Target::Global(1),
        Target::Data(1),
        Target::DataLen(1),
        Target::DataLen(0),
        Target::Elem(1),
        Target::ElemLen(1),
    ],
    &[Target::Func(1), Target::Func(0), Target::Init(0)],
];

fn core() -> Vec<u8> {
    link(CORE, CORE_TARGETS)
}

#[test]
fn a_plain_module_has_its_data() {
    let file = core();
    let elf = parse(&file);
    let symbols = symbols(&elf);
    let symbol = |name: &str| {
        let found = symbols.iter().find(|s| s.0 == name);
        found.unwrap_or_else(|| panic!("no {name}")).clone()
    };
    assert_eq!(
        symbol("m.m.f").1,
        SymbolKind::Function,
        "imports with a name"
    );
    assert_eq!(symbol("mem").2, SymbolRecord::PRIMARY);
    let primary = symbol("t0");
    assert!(primary.2 == SymbolRecord::PRIMARY || primary.4 != 0);
    assert!(!symbols.iter().any(|s| s.0 == "again"));
    assert_eq!(symbol("a%25").4, address(&elf, ".text"));

    let info = info(&elf);
    assert_eq!(info.reexports[0].name, "again");
    assert_eq!(imports(&elf)[info.reexports[0].import as usize].name, "m.f");
    assert_eq!(info.tables[1].desc, Some(symbol("t1").4));
    assert_eq!(info.memories[0].desc, None);
    assert!(info.memories[1].desc.is_some());
    assert_eq!(info.static_end, 99999);

    let data = (address(&elf, ".data"), section(&elf, ".data"));
    let at = (symbol("a").4 - data.0) as usize;
    assert_eq!(
        data.1[at..at + 16],
        [5, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]
    );
    assert_eq!(symbol("a").4 % 16, 0);
    assert!(symbol("z").4 >= data.0);
    assert_eq!(section(&elf, ".rodata"), b"passive");

    let relas: Vec<_> = relas(&elf, ".rela.dyn")
        .into_iter()
        .map(|(at, kind, _, addend)| (at, kind, addend))
        .collect();
    let record = address(&elf, SEC_FUNCREFS) + 16;
    assert_eq!(
        relas[..2],
        [
            (
                address(&elf, ".data.rel.ro"),
                number(Standard::Relative),
                record
            ),
            (symbol("r").4, number(Standard::Relative), record),
        ]
    );
    let got = address(&elf, ".got");
    assert_eq!(relas[2..], [(got, number(Standard::GlobDat), 0)]);
    assert_eq!(wasm_relas(&elf), [(got + 8, Kind::TableDesc, 2)]);
    let init = elf.symbols().find(|s| s.name() == Ok("__wasmaot_init"));
    assert!(matches!(init.unwrap().flags(), SymbolFlags::Elf { .. }));
}

#[test]
fn what_is_not_there_is_not_written() {
    let elf_bytes = link("(module)", &[]);
    let elf = parse(&elf_bytes);
    for name in [
        ".text",
        ".plt",
        ".got",
        ".data",
        ".bss",
        ".rela.dyn",
        ".eh_frame",
    ] {
        assert!(elf.section_by_name(name).is_none(), "{name}");
    }
    assert_eq!(elf.dynamic_symbols().count(), 0);
    let file = link(
        "(module (table 2 funcref) (elem (i32.const 0) funcref (ref.null func)))",
        &[],
    );
    let elf = parse(&file);
    if !info(&elf).elements.is_empty() {
        assert_eq!(section(&elf, SEC_ELEMENTS), NULL_ELEMENT.to_le_bytes());
    }
}

#[test]
fn impossible_requests_are_errors() {
    let wasm = wat::parse_str("(module (func))").unwrap();
    let module = decode::decode("m.wasm", &wasm, &Options::default()).unwrap();
    for target in [
        Target::Func(9),
        Target::Builtin(200),
        Target::Funcref(0),
        Target::Global(0),
        Target::LoaderValue(3),
        Target::Memory(0),
        Target::Table(0),
        Target::Data(0),
        Target::DataLen(u32::MAX),
        Target::Elem(0),
        Target::ElemLen(0),
        Target::Init(0),
    ] {
        let code = Code {
            functions: vec![function(&[target])],
            has_init: false,
            uninlined: Vec::new(),
            cross_module: Vec::new(),
        };
        let error = link_module(&module, &code).unwrap_err();
        assert!(
            matches!(error, Error::Codegen { .. }),
            "{target:?}: {error}"
        );
    }
}

#[test]
fn what_cannot_be_reached_is_refused() {
    let image = super::memory::image(&module(), WASM_PAGE).unwrap();
    for section in [Section::Bss, Section::Text, Section::Strtab] {
        let mut sizes = Sizes::new(16);
        sizes.set(section, 1 << 31);
        let error = super::layout::lay_out("m.wasm", sizes, &image).err();
        assert!(matches!(error, Some(Error::TooLarge { .. })), "{section:?}");
    }
}
