//! Objects for threads: thread-local storage, its symbols and relocations.

use object::read::elf::ProgramHeader as _;
use object::{Object as _, ObjectSymbol as _, elf};
use wasmaot_abi::object::{SEC_FUNCREFS, SymbolKind, SymbolRecord};
use wasmaot_abi::reloc::Standard;

use super::{LE, address, info, link, number, parse, relas, section, symbols};
use crate::code::Target;
use crate::emit::so::elf::{PT_LOAD, PT_TLS};

const THREADS: &str = r#"
(module
  (import "env" "memory" (memory 1 2 shared))
  (import "m" "ig" (global $ig (mut i64)))
  (import "m" "number" (global $number i32))
  (global $zero (export "zero") (mut i32) (i32.const 0))
  (global $small (mut i32) (i32.const 7))
  (global $function (mut funcref) (ref.func $f))
  (global $computed (mut i32) (global.get $number))
  (global $vector (export "vector") (mut v128) (v128.const i64x2 5 0))
  (global $fixed (export "fixed") i32 (i32.const 3))
  (func $f (export "f")))"#;

fn threads() -> Vec<u8> {
    let targets = [
        Target::ThreadStorage(0),
        Target::ThreadGlobal(0),
        Target::Global(1),
    ];
    link(THREADS, &[&targets, &[]])
}

#[test]
fn thread_local_storage_is_a_segment() {
    let file = threads();
    let elf = parse(&file);
    assert!(info(&elf).threads);
    let header = |kind: u32, at: u64| {
        let mut all = elf.elf_program_headers().iter();
        let found = all.find(|p| {
            let range = p.p_vaddr(LE)..p.p_vaddr(LE) + p.p_memsz(LE);
            p.p_type(LE) == kind && range.contains(&at)
        });
        *found.unwrap_or_else(|| panic!("no segment {kind:#x} with {at:#x}"))
    };
    let at = address(&elf, ".tdata");
    let segment = header(PT_TLS, at);
    assert_eq!((segment.p_vaddr(LE), segment.p_align(LE)), (at, 16));
    assert_eq!((segment.p_filesz(LE), segment.p_memsz(LE)), (28, 40));
    // The loader relocates it, and nobody writes it afterwards.
    assert_eq!(header(PT_LOAD, at).p_vaddr(LE), at);
    assert_eq!(header(elf::PT_GNU_RELRO, at).p_vaddr(LE), at);
    // `.tbss` has no room there.
    assert_eq!(address(&elf, ".tbss"), at + 32);
    assert_eq!(address(&elf, ".got"), at + 32);

    let image = section(&elf, ".tdata");
    assert_eq!(image.len(), 28);
    assert_eq!(
        image[..16],
        *[5].iter().chain(&[0; 15]).copied().collect::<Vec<u8>>()
    );
    assert_eq!(image[16..], [0, 0, 0, 0, 0, 0, 0, 0, 7, 0, 0, 0]);
}

#[test]
fn thread_local_globals_are_symbols_of_their_own_type() {
    let file = threads();
    let elf = parse(&file);
    let found = |name: &str| {
        let symbol = elf.dynamic_symbols().find(|s| s.name() == Ok(name));
        let symbol = symbol.unwrap_or_else(|| panic!("no {name}"));
        let raw = symbol.elf_symbol();
        (raw.st_info & 15, raw.st_value.get(LE), raw.st_size.get(LE))
    };
    assert_eq!(found("vector"), (elf::STT_TLS, 0, 16));
    assert_eq!(found("zero"), (elf::STT_TLS, 32, 4));
    assert_eq!(found("m.ig"), (elf::STT_TLS, 0, 0));
    assert_eq!(found("m.number").0, elf::STT_OBJECT);
    assert_eq!(found("fixed").0, elf::STT_OBJECT);
    for (name, kind, ..) in symbols(&elf) {
        let is_global = !matches!(&*name, "memory" | "f");
        assert_eq!(kind == SymbolKind::Global, is_global, "{name}");
    }
    let local = |name: &str| {
        let symbol = elf.symbols().find(|s| s.name() == Ok(name));
        let symbol = symbol.unwrap_or_else(|| panic!("no {name}"));
        let raw = symbol.elf_symbol();
        (raw.st_info, raw.st_value.get(LE), raw.st_size.get(LE))
    };
    assert_eq!(local("global[4]"), (elf::STT_TLS, 16, 8));
    assert_eq!(local("global[3]"), (elf::STT_TLS, 24, 4));
    assert_eq!(local("global[5]"), (elf::STT_TLS, 36, 4));
}

#[test]
fn offsets_come_from_slots() {
    let file = threads();
    let elf = parse(&file);
    let symbols = symbols(&elf);
    let index = |name: &str| symbols.iter().position(|s| s.0 == name).unwrap() as u32 + 1;
    let got = address(&elf, ".got");
    let record = address(&elf, SEC_FUNCREFS);
    let relative = (
        address(&elf, ".tdata") + 16,
        number(Standard::Relative),
        0,
        record,
    );
    let offset = number(Standard::ThreadOffset);
    let expected = [
        relative,
        (got, number(Standard::GlobDat), index("m.number"), 0),
        (got + 8, offset, 0, 0),
        (got + 16, offset, index("m.ig"), 0),
    ];
    assert_eq!(relas(&elf, ".rela.dyn"), expected);
}

#[test]
fn storage_may_be_zeros_alone() {
    let wat = r#"(module (memory 1 1 shared) (global (export "g") (mut i64) (i64.const 0)))"#;
    let file = link(wat, &[]);
    let elf = parse(&file);
    let mut headers = elf.elf_program_headers().iter();
    let segment = headers.find(|p| p.p_type(LE) == PT_TLS).unwrap();
    assert_eq!((segment.p_filesz(LE), segment.p_memsz(LE)), (0, 8));
    assert!(elf.section_by_name(".tdata").is_none());
}

#[test]
fn what_threads_may_run_is_recorded() {
    let is_for_threads = |wat: &str| info(&parse(&link(wat, &[]))).threads;
    for (wat, expected) in [
        ("(module)", true),
        ("(module (global i32 (i32.const 1)))", true),
        ("(module (global (mut i32) (i32.const 1)))", false),
        ("(module (table 1 funcref))", false),
        ("(module (memory 1))", false),
        ("(module (memory 1 1))", false),
        ("(module (memory 1 1 shared))", true),
        (
            "(module (memory 1 1 shared) (table 1 funcref) (global (mut i32) (i32.const 1)))",
            true,
        ),
        ("(module (memory 1) (memory 1 1 shared))", false),
        (r#"(module (import "m" "m" (memory 1 1 shared)))"#, true),
        (r#"(module (import "m" "g" (global (mut i32))))"#, false),
        (
            r#"(module (@custom "dylink.0" (before first) "\01\04\00\00\00\00")
                 (import "env" "__stack_pointer" (global (mut i32))))"#,
            false,
        ),
        (
            r#"(module (@custom "dylink.0" (before first) "\01\04\00\00\00\00")
                 (import "GOT.mem" "x" (global (mut i32))))"#,
            true,
        ),
    ] {
        assert_eq!(is_for_threads(wat), expected, "{wat}");
    }
}

#[test]
fn data_of_each_thread_count_from_the_threads_copy() {
    let symbol = |memory: &str| {
        let wat = format!(
            r#"(module
                 (@custom "dylink.0" (before first) "\01\04\20\00\00\00\03\05\01\01t\80\02")
                 (import "env" "memory" {memory})
                 (global (export "t") i32 (i32.const 12)))"#
        );
        let file = link(&wat, &[]);
        let mut found = symbols(&parse(&file)).into_iter();
        found.find(|s| s.0 == "t").unwrap()
    };
    let (_, kind, flags, section, value) = symbol("(memory 1 1 shared)");
    assert_eq!((kind, flags), (SymbolKind::Data, SymbolRecord::TLS));
    assert_eq!((section, value), (elf::SHN_ABS, 12));
    let (_, _, flags, section, _) = symbol("(memory 1)");
    assert_eq!((flags, section == elf::SHN_ABS), (0, false));
}
