//! Code that several threads may run at a time.

use std::collections::BTreeMap;

use wasmaot_abi::context::WINDOW;

use super::{body, shape};
use crate::decode::decode;
use crate::inline::cross_module::{BoundImport, CrossModuleBodies};
use crate::{Options, codegen};

/// The body of a function of a relocatable module with a shared memory.
fn relocatable(function: &str) -> Vec<String> {
    shape(&body(&format!(
        r#"(module (import "env" "memory" (memory 1 1 shared))
             (@custom "dylink.0" (before first) "\01\04\00\00\00\00")
             (import "env" "__stack_pointer" (global $sp (mut i32)))
             (import "env" "imported" (global $imported (mut i32)))
             (import "env" "f" (func $f (param i32)))
             (global $first (mut i64) (i64.const 1))
             (global $second (mut i32) (i32.const 2))
             (func {function}))"#
    )))
}

/// What finds the thread's block.
const BLOCK: [&str; 2] = ["movq R, R", "andq $0xffffffffc0000000, R"];

#[test]
fn the_stack_pointer_is_in_the_threads_block() {
    let lines = relocatable("(global.set $sp (i32.sub (global.get $sp) (i32.const 16)))");
    assert_eq!(lines, [&BLOCK[..], &["subl $0x10, 0x28(R)"]].concat());
}

#[test]
fn thread_local_globals_are_at_an_offset_from_a_slot() {
    let lines = relocatable("(result i32) (global.get $second)");
    let offset = "load_ext_name ThreadStorage(0)+0, R";
    let access = ["orq R, R", "movl 8(R), R"];
    assert_eq!(lines, [&BLOCK[..], &[offset], &access].concat());
    let lines = relocatable("(result i32) (global.get $imported)");
    assert_eq!(lines[2], "load_ext_name ThreadGlobal(1)+0, R");
    assert_eq!(lines[4], "movl (R), R");
    assert_eq!(lines.len(), 5);
    // All own ones are behind one slot.
    let lines = relocatable("(global.set $second (i32.const 1)) (global.set $first (i64.const 1))");
    assert_eq!(count(&lines, "load_ext"), 1);
    assert_eq!(lines.len(), 6, "{lines:#?}");
}

/// A frame on the shadow stack, around something done with its address.
fn with_frame(inner: &str) -> String {
    format!(
        "(global.set $sp (local.tee 1 (i32.sub (global.get $sp) (i32.const 16))))
         {inner}
         (global.set $sp (i32.add (local.get 1) (i32.const 16)))"
    )
}

fn count(lines: &[String], start: &str) -> usize {
    lines.iter().filter(|l| l.starts_with(start)).count()
}

#[test]
fn a_call_keeps_nothing_of_a_thread() {
    let call = with_frame("(call $f (local.get 1))");
    let function = format!("(param i32) (local i32) {call}");
    let lines = relocatable(&function);
    let at = lines.iter().position(|l| l.starts_with("call")).unwrap();
    // Before the call the stack pointer is read, kept, moved and written.
    let before = [
        &BLOCK[..],
        &["movl 0x28(R), R", "movq R, R", "subl $0x10, R"],
    ]
    .concat();
    assert_eq!(lines[..at - 1], before, "{lines:#?}");
    assert_eq!(lines[at - 1], "movl R, 0x28(R)");
    // It is written again afterwards, and one register restored.
    let after = [
        &BLOCK[..],
        &["movl R, 0x28(R)", "movq (R), R", "addq $0x10, R"],
    ]
    .concat();
    assert_eq!(lines[at + 1..], after, "{lines:#?}");

    let lines = relocatable(&format!(
        "(param i32) (local i32) (loop {call}
           (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))"
    ));
    let head = lines.iter().position(|l| l == "block1:").unwrap();
    assert_eq!(count(&lines[..head], "and"), 0, "{lines:#?}");
    assert_eq!(count(&lines[head..], "and"), 2, "{lines:#?}");
    assert_eq!(count(&lines, "movq (R)") + count(&lines, "movq 8(R)"), 2);
    assert_eq!(count(&lines, "movq 0x10(R)"), 0, "{lines:#?}");
}

#[test]
fn a_leaf_finds_the_block_once() {
    let store = "(i32.store (local.get 1) (local.get 0))";
    let lines = relocatable(&format!("(param i32) (local i32) {}", with_frame(store)));
    assert_eq!(count(&lines, "and"), 1, "{lines:#?}");
    assert_eq!(lines.len(), 9, "{lines:#?}");
}

#[test]
fn a_loop_finds_the_block_once() {
    let lines = relocatable(
        "(param i32) (loop
           (global.set $second (i32.add (global.get $second) (local.get 0)))
           (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))",
    );
    let head = lines.iter().position(|l| l == "block1:").unwrap();
    assert_eq!(lines[head + 1], "addl R, 8(R)", "{lines:#?}");
    assert_eq!(count(&lines[..head], "and"), 1);
    assert_eq!(count(&lines[head..], "and"), 0);
}

#[test]
fn an_indirect_call_reads_one_field_of_an_entry() {
    let of_table = |table: u32| {
        shape(&body(&format!(
            "(module (memory 1 1 shared) (table 4 funcref) (table 4 funcref)
               (type $t (func (param i32) (result i32)))
               (func (param i32 i32) (result i32)
                 (call_indirect {table} (type $t) (local.get 0) (local.get 1))))"
        )))
    };
    let lines = of_table(0);
    let call = lines.iter().position(|l| l.starts_with("call")).unwrap();
    let expected = [
        "movl R, R",
        "negq R",
        "shlq $0x4, R",
        "movl -0x1004(R, R), R",
        "movq -0x48(R), R",
        "movl 8(R, R), R",
        "cmpl $0x5cd90618, R",
        "jnz label2; j label1",
        "block1:",
        "movq (R, R), R",
        "call *R",
    ];
    assert_eq!(lines[1..=call], expected, "{lines:#?}");
    // An entry is read nowhere else, whichever the table.
    let other = of_table(1);
    assert_eq!(entry_accesses(&lines), 1, "{lines:#?}");
    let reads = other.iter().filter(|l| l.contains(" 0xc(")).count();
    assert_eq!(reads, 1, "{other:#?}");
}

/// The accesses to entries of the primary table.
fn entry_accesses(lines: &[String]) -> usize {
    let displacements = ["-0x1010(", "-0x1008(", "-0x1004("];
    let of_entry = |l: &&String| displacements.iter().any(|d| l.contains(d));
    lines.iter().filter(of_entry).count()
}

#[test]
fn fields_of_entries_are_written_whole() {
    let lines = shape(&body(
        "(module (memory 1 1 shared) (table 4 funcref)
           (func (param i32 funcref) (table.set 0 (local.get 0) (local.get 1))))",
    ));
    let stores: Vec<_> = lines.iter().filter(|l| l.contains("-0x10")).collect();
    assert_eq!(stores, ["movq R, -0x1010(R, R)", "movq R, -0x1008(R, R)"]);
}

/// Code into which functions of a library are inlined, where they may be: how many of
/// the program's are, and the code of the program.
fn with_library(program: &str, library: &str) -> (usize, Vec<u8>) {
    let options = Options::default();
    let [program, library] = [program, library].map(|memory| {
        format!(
            r#"(module (import "env" "memory" {memory})
                 (@custom "dylink.0" (before first) "\01\04\00\00\00\00")
                 (import "env" "__stack_pointer" (global $sp (mut i32)))
                 (import "env" "get" (func $import (result i32)))
                 (func (export "get") (result i32) (global.get $sp))
                 (func (export "run") (result i32) (call $import)))"#
        )
    });
    let program = wat::parse_str(program).unwrap();
    let library = wat::parse_str(library).unwrap();
    let mut program = decode("program.wasm", &program, &options).unwrap();
    let library = decode("library.wasm", &library, &options).unwrap();
    let bound = BoundImport {
        import: 0,
        module: &library,
        func: 1,
        common: &BTreeMap::new(),
    };
    let bodies = CrossModuleBodies::of(&mut program, [bound]);
    let code = codegen::compile_with(&program, &bodies, &options).unwrap();
    (code.uninlined.len(), code.functions[1].bytes.clone())
}

#[test]
fn an_inlined_function_has_the_stack_pointer_of_its_caller() {
    let (shared, own) = ("(memory 1 1 shared)", "(memory 1)");
    let finds_block = |code: &[u8]| {
        code.windows(4)
            .any(|w| w == (-(WINDOW as i32)).to_le_bytes())
    };
    let (inlined, code) = with_library(shared, shared);
    assert_eq!((inlined, finds_block(&code)), (1, true));
    let (inlined, code) = with_library(own, own);
    assert_eq!((inlined, finds_block(&code)), (1, false));
    // They never run in one process.
    for (program, library) in [(shared, own), (own, shared)] {
        assert_eq!(with_library(program, library).0, 0);
    }
}

#[test]
fn own_data_of_a_thread_count_from_its_tls_base() {
    let wat = |flags: &str, memory: &str| {
        format!(
            r#"(module
                 (@custom "dylink.0" (before first) "\01\04\20\00\00\00\03\05\01\01t{flags}")
                 (import "env" "memory" {memory})
                 (import "GOT.mem" "t" (global $t (mut i32)))
                 (global (export "__tls_base") (mut i32) (i32.const 0))
                 (global (export "t") i32 (i32.const 12))
                 (func (result i32) (global.get $t)))"#
        )
    };
    let lines = |flags: &str, memory: &str| shape(&body(&wat(flags, memory)));
    let shared = lines("\\80\\02", "(memory 1 1 shared)");
    let expected = [
        &BLOCK[..],
        &["load_ext_name ThreadStorage(0)+0, R", "orq R, R"],
        &["movl $0xc, R", "addl (R), R"],
    ];
    assert_eq!(shared, expected.concat());
    // Data of all threads, and of a module for one thread, are where the slot says.
    for (flags, memory) in [
        ("\\80\\00", "(memory 1 1 shared)"),
        ("\\80\\02", "(memory 1)"),
    ] {
        assert_eq!(lines(flags, memory), ["load_ext_name LoaderValue(0)+0, R"]);
    }
}
