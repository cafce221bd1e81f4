//! What a whole object has, counted: instructions of its loops, entries of its PLT,
//! relocations.

use object::read::elf::ElfFile64;
use object::{Endianness, Object as _, ObjectSection as _, ObjectSymbol as _};
use wasmaot_abi::machine::aarch64::MACHINE;
use wasmaot_abi::object::{SEC_CALLS, SEC_RELA};
use wasmaot_abi::reloc::{Kind, Rela, Standard};

use crate::{Calls, Emit, Options};

/// An object of this machine.
struct Built(Vec<u8>);

/// Builds a relocatable module that imports two functions and two variables.
fn relocatable(calls: Calls, functions: &str) -> Built {
    let text = format!(
        r#"(module (import "env" "memory" (memory 0))
             (@custom "dylink.0" (before first) "\01\04\00\00\00\00")
             (import "env" "__stack_pointer" (global $sp (mut i32)))
             (import "env" "f" (func $f (param i32)))
             (import "env" "g" (func $g (param i32)))
             (import "GOT.mem" "x" (global $x (mut i32)))
             (import "GOT.mem" "y" (global $y (mut i32)))
             {functions})"#
    );
    build(calls, &text)
}

fn build(calls: Calls, text: &str) -> Built {
    let wasm = wat::parse_str(text).unwrap();
    let mut options = Options {
        calls,
        ..Options::default()
    };
    let target = "aarch64-unknown-linux-gnu".parse().unwrap();
    options.set_target(target).unwrap();
    Built(crate::compile("test.wasm", &wasm, &options, Emit::So).unwrap())
}

/// A loop of something, as often as the first parameter says.
fn counted(name: &str, body: &str) -> String {
    format!(
        r#"(func (export "{name}") (param i32) (local i32) (loop {body}
             (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1))))))"#
    )
}

impl Built {
    fn elf(&self) -> ElfFile64<'_, Endianness> {
        ElfFile64::parse(self.0.as_slice()).unwrap()
    }

    /// Address and content of a section; nothing of one that is not there.
    fn section(&self, name: &str) -> (u64, &[u8]) {
        let section = self.elf().section_by_name(name).map(|section| {
            let data = section.data().unwrap();
            (section.address(), data)
        });
        section.unwrap_or_default()
    }

    /// Address and instructions of an exported function.
    fn function(&self, name: &str) -> (u64, Vec<u32>) {
        let elf = self.elf();
        let symbol = elf.dynamic_symbols().find(|s| s.name() == Ok(name));
        let symbol = symbol.unwrap();
        let (text, bytes) = self.section(".text");
        let from = (symbol.address() - text) as usize;
        let bytes = &bytes[from..from + symbol.size() as usize];
        let words = bytes.as_chunks().0.iter();
        (
            symbol.address(),
            words.map(|w| u32::from_le_bytes(*w)).collect(),
        )
    }

    /// Address and instructions of the only loop of an exported function.
    fn hot(&self, name: &str) -> (u64, Vec<u32>) {
        let (start, words) = self.function(name);
        let back = |(at, word): (usize, &u32)| {
            let distance = conditional(*word).filter(|&distance| distance < 0)?;
            Some((at.checked_add_signed(distance as isize).unwrap(), at))
        };
        let loops: Vec<_> = words.iter().enumerate().filter_map(back).collect();
        let [(head, end)] = loops[..] else {
            panic!("{loops:?} in {words:x?}");
        };
        (start + 4 * head as u64, words[head..=end].to_vec())
    }

    /// Entries of the PLT.
    fn entries(&self) -> u64 {
        let bytes = self.section(".plt").1.len() as u64;
        (0..=bytes).find(|n| MACHINE.plt.size(*n) == bytes).unwrap()
    }

    /// Numbers of the relocations of a section that ELF has words for.
    fn relocations(&self, name: &str) -> Vec<u32> {
        let entries = self.section(name).1.as_chunks::<24>().0.iter();
        let word = |entry: &[u8; 24]| u64::from_le_bytes(*entry[8..].first_chunk().unwrap());
        entries.map(|entry| word(entry) as u32).collect()
    }

    /// Kinds of those that it has none for.
    fn own_relocations(&self) -> Vec<Kind> {
        let entries = self.section(SEC_RELA).1.as_chunks().0.iter();
        entries.map(|e| Rela::decode(*e).unwrap().kind).collect()
    }
}

fn number(kind: Standard) -> u32 {
    MACHINE.relocation(kind).number
}

/// How many instructions a branch that may not be taken goes on by: `cbz`, `cbnz`, `b.cond`.
fn conditional(word: u32) -> Option<i64> {
    let compares = word & 0x7e00_0000 == 0x3400_0000;
    let asks = word & 0xff00_0010 == 0x5400_0000;
    (compares || asks).then(|| i64::from((word << 8).cast_signed() >> 13))
}

/// Where a call goes that has its target in a field: `bl`.
fn called(at: u64, word: u32) -> Option<u64> {
    let distance = i64::from((word << 6).cast_signed() >> 4);
    (word >> 26 == 0b10_0101).then(|| at.wrapping_add_signed(distance))
}

/// The targets of calls among instructions.
fn calls((at, words): &(u64, Vec<u32>)) -> Vec<u64> {
    let words = words.iter().enumerate();
    words
        .filter_map(|(n, word)| called(at + 4 * n as u64, *word))
        .collect()
}

/// The targets of calls are entries of the PLT, by their numbers.
fn entries_of(built: &Built, name: &str) -> Vec<u64> {
    let (plt, _) = built.section(".plt");
    let targets = calls(&built.hot(name)).into_iter();
    let entries = targets.map(|target| {
        let entry = |n: &u64| plt + MACHINE.plt.offset(*n) == target;
        (0..built.entries()).find(entry).unwrap()
    });
    entries.collect()
}

#[test]
fn a_call_is_one_instruction_and_four_of_the_plt() {
    let call = counted("call", "(call $f (local.get 0))");
    let built = relocatable(Calls::Plt, &call);
    // The argument, the call, the count and the branch.
    let (_, hot) = built.hot("call");
    assert_eq!(hot.len(), 4, "{hot:x?}");
    assert_eq!(entries_of(&built, "call"), [0]);
    assert_eq!(MACHINE.plt.entry, 4 * 4);
    // Without the PLT the address is in a register before the loop.
    let built = relocatable(Calls::Got, &call);
    let (_, hot) = built.hot("call");
    assert_eq!(hot.len(), 4, "{hot:x?}");
    assert_eq!(built.entries(), 0);
}

#[test]
fn a_function_has_one_entry_and_one_relocation_however_often_it_is_called() {
    let twice = "(call $f (local.get 0)) (call $g (local.get 0)) (call $f (local.get 0))";
    let functions = [counted("one", twice), counted("other", twice)].concat();
    let built = relocatable(Calls::Plt, &functions);
    for name in ["one", "other"] {
        assert_eq!(entries_of(&built, name), [0, 1, 0]);
    }
    assert_eq!(built.entries(), 2);
    let slot = number(Standard::JumpSlot);
    assert_eq!(built.relocations(".rela.plt"), [slot, slot]);
    assert!(built.relocations(".rela.dyn").is_empty());
    // Each call can be made a direct one.
    assert_eq!(built.section(SEC_CALLS).1.len(), 6 * 8);

    let built = relocatable(Calls::Got, &functions);
    let address = number(Standard::GlobDat);
    assert_eq!(built.relocations(".rela.dyn"), [address, address]);
    assert!(built.relocations(".rela.plt").is_empty());
    assert!(built.section(SEC_CALLS).1.is_empty());
}

#[test]
fn data_of_another_object_is_at_an_address_that_is_read_once() {
    let add = "(i32.store (global.get $x) (i32.add (i32.load (global.get $x)) (local.get 0)))";
    let functions = [
        counted("data", add),
        counted(
            "more",
            &format!("{add} (i32.store (global.get $y) (local.get 0))"),
        ),
    ];
    let built = relocatable(Calls::Plt, &functions.concat());
    // The load, the sum, the store, the count and the branch.
    let (_, hot) = built.hot("data");
    assert_eq!(hot.len(), 5, "{hot:x?}");
    // Two more before it, `adrp` and `ldr`, and the return.
    let (_, all) = built.function("data");
    assert_eq!(all.len(), 8, "{all:x?}");
    let (_, hot) = built.hot("more");
    assert_eq!(hot.len(), 6, "{hot:x?}");
    // A slot for each variable, and no other relocation.
    assert_eq!(built.own_relocations(), [Kind::HostData, Kind::HostData]);
    assert_eq!(built.section(".got").1.len(), 2 * 8);
    assert!(built.relocations(".rela.dyn").is_empty());
    assert_eq!(built.entries(), 0);
}

/// A frame of the shadow stack in a loop, around a call that has its address.
const FRAME: &str = "(global.set $sp (local.tee 1 (i32.sub (global.get $sp) (i32.const 16))))
    (i32.store (local.get 1) (local.get 0))
    (call $f (local.get 1))
    (global.set $sp (i32.add (local.get 1) (i32.const 16)))";

#[test]
fn a_frame_is_four_instructions_around_what_it_is_for() {
    let built = relocatable(Calls::Plt, &counted("frame", FRAME));
    let (_, hot) = built.hot("frame");
    // The base, the pointer's load, its sum and two stores; the store, the call, the
    // base again; the count and the branch.
    assert_eq!(hot.len(), 10, "{hot:x?}");
    assert_eq!(entries_of(&built, "frame"), [0]);
}

#[test]
fn a_thread_finds_what_is_its_own_by_two_instructions() {
    let own = "(global.set $own (i32.add (global.get $own) (global.get $other)))";
    let text = format!(
        r#"(module (import "env" "memory" (memory 1 1 shared))
             (@custom "dylink.0" (before first) "\01\04\00\00\00\00")
             (import "env" "__stack_pointer" (global $sp (mut i32)))
             (import "env" "other" (global $other (mut i32)))
             (import "env" "f" (func $f (param i32)))
             (global $own (mut i32) (i32.const 2))
             {} {})"#,
        counted("frame", FRAME),
        counted("own", own)
    );
    let built = build(Calls::Plt, &text);
    // As the frame of one thread, but that its window is found by `mov` and `and`.
    let (_, hot) = built.hot("frame");
    assert_eq!(hot.len(), 13, "{hot:x?}");
    // Two loads, the sum, the store, the count and the branch: addresses are ready.
    let (_, hot) = built.hot("own");
    assert_eq!(hot.len(), 6, "{hot:x?}");
    // One for all of the object's own, one for each of others.
    let offset = number(Standard::ThreadOffset);
    assert_eq!(built.relocations(".rela.dyn"), [offset, offset]);
}

#[test]
fn own_functions_and_data_need_no_relocation() {
    let text = r#"(module (memory 1) (data (i32.const 8) "here")
        (func $own (export "own") (param i32) (i32.store (i32.const 8) (local.get 0)) (call $own (local.get 0)))
        (func (export "reference") (result funcref) (ref.func $own)))"#;
    let built = build(Calls::Plt, text);
    assert_eq!(built.entries(), 0);
    for section in [".rela.plt", ".rela.dyn"] {
        assert!(built.relocations(section).is_empty(), "{section}");
    }
    // `adrp` and `add` instead of a load, and the return.
    let (_, all) = built.function("reference");
    assert_eq!(all.len(), 3, "{all:x?}");
}
