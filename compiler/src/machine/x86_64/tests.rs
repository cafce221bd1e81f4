//! The shapes of hot code.

use crate::codegen;
use crate::decode::decode;
use crate::{Emit, Options};

mod data;
mod inlining;
mod link;
mod loop_alignment;
mod memory_model;
mod threads;

/// The instructions of a module with one function, trimmed, without labels
/// and unwind directives.
fn assembly(wat: &str) -> Vec<String> {
    text(wat, Emit::Asm)
        .lines()
        .map(str::trim)
        .filter(|line| !line.starts_with(';') && !line.starts_with("unwind"))
        .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
        .collect()
}

fn text(wat: &str, emit: Emit) -> String {
    let wasm = wat::parse_str(wat).unwrap();
    let text = crate::compile("test.wasm", &wasm, &Options::default(), emit).unwrap();
    String::from_utf8(text).unwrap()
}

/// What stands between a frame record's making and its end, if there is one,
/// and the return.
fn body(wat: &str) -> Vec<String> {
    let lines = assembly(wat);
    let from = lines.iter().position(|l| l == "block0:").unwrap() + 1;
    let record = lines.iter().rposition(|l| l == "movq %rbp, %rsp");
    let to = record.unwrap_or_else(|| lines.iter().rposition(|l| l == "retq").unwrap());
    lines[from..to].to_vec()
}

/// Names of registers are the allocator's choice: each becomes `R`.
fn shape(lines: &[String]) -> Vec<String> {
    let shape = |line: &String| {
        let mut out = String::new();
        for (i, part) in line.split('%').enumerate() {
            let name = part.find(|c: char| !c.is_alphanumeric());
            let (register, rest) = part.split_at(name.unwrap_or(part.len()));
            match i {
                0 => out.push_str(part),
                _ if register == "r15" => out.extend(["%r15", rest]),
                _ => out.extend(["R", rest]),
            }
        }
        out
    };
    lines.iter().map(shape).collect()
}

/// The machine code of a module's first function.
fn machine_code(wat: &str) -> Vec<u8> {
    let wasm = wat::parse_str(wat).unwrap();
    let module = decode("test.wasm", &wasm, &Options::default()).unwrap();
    let options = Options::default();
    let code = codegen::compile(&module, &options).unwrap();
    code.functions[0].bytes.clone()
}

#[test]
fn a_leaf_has_no_frame() {
    let leaf = "(module (memory 1) (func (param i32 i32) (result i32)
        (if (local.get 0) (then (return (local.get 1))))
        (i32.load (i32.add (local.get 0) (local.get 1)))))";
    assert!(assembly(leaf).iter().all(|l| !l.contains("%rbp")));
    let code = machine_code(leaf);
    // `test %edi, %edi`: neither a frame record nor what stood for it.
    assert_eq!(code[..2], [0x85, 0xff]);
    assert!(!code.contains(&0x5d), "{code:x?}");

    let framed = |wat: &str| machine_code(wat)[..4] == [0x55, 0x48, 0x89, 0xe5];
    assert!(framed(
        "(module (import \"env\" \"f\" (func)) (func (call 0)))"
    ));
    // A constant of an epilogue's bytes may be one that was overlooked.
    assert!(framed(
        "(module (func (result i64) (i64.const 0x1122_c35d_ec89_4800)))"
    ));
    // Eight parameters do not fit in registers.
    assert!(framed(
        "(module (func (param i64 i64 i64 i64 i64 i64 i64 i64) (result i64) (local.get 7)))"
    ));
}

#[test]
fn a_memory_access_is_one_instruction() {
    let load = body(
        "(module (memory 1) (func (param i32) (result i32) (i32.load offset=16 (local.get 0))))",
    );
    assert_eq!(
        shape(&load),
        ["movq %r15, R", "movl R, R", "movl 0x10(R, R), R"]
    );
    let store = body(
        "(module (memory 1) (func (param i32 i64) (i64.store offset=8 (local.get 0) (local.get 1))))",
    );
    assert_eq!(shape(&store).last().unwrap(), "movq R, 8(R, R)");
}

/// A pointer that a loop moves is in a register of which the upper half is
/// zero: no access has to clear it.
#[test]
fn pointers_in_locals_are_not_extended_again() {
    let code = assembly(
        "(module (memory 1) (func (param i32 i32) (result i32) (local i32)
          (loop
            (local.set 2 (i32.xor (local.get 2) (i32.load8_u (local.get 0))))
            (i32.store16 offset=9 (local.get 0) (local.get 2))
            (local.set 0 (i32.add (local.get 0) (i32.const 4)))
            (br_if 0 (i32.lt_u (local.get 0) (local.get 1))))
          (local.get 2)))",
    );
    let from = code.iter().position(|l| l == "block1:").unwrap();
    let moves = code[from..].iter().filter(|l| l.starts_with("movl %"));
    assert_eq!(moves.count(), 0, "{code:#?}");
}

#[test]
fn an_offset_beyond_31_bits_is_added() {
    let clif = text(
        "(module (memory 1) (func (param i32) (result i32) (i32.load offset=0xffffffff (local.get 0))))",
        Emit::Clif,
    );
    assert!(clif.contains("iconst.i64 0xffff_ffff"), "{clif}");
}

#[test]
fn the_base_stays_at_hand_in_loops_without_calls() {
    let wat = |call| {
        format!(
            "(module (memory 1) (func $f (param i32) (loop
               (i32.store (local.get 0) (i32.const 1)) {call}
               (i32.store (local.get 0) (i32.const 2))
               (br_if 0 (i32.load (local.get 0))))))"
        )
    };
    let reads = |wat: &str| text(wat, Emit::Clif).matches("get_pinned_reg").count();
    assert_eq!(reads(&wat("")), 1);
    assert_eq!(reads(&wat("(call $f (local.get 0))")), 2);
}

#[test]
fn an_indirect_call_checks_the_type_alone() {
    let lines = body(
        "(module (memory 1) (table 4 funcref) (type $t (func (param i32) (result i32)))
           (func (param i32 i32) (result i32) (call_indirect (type $t) (local.get 0) (local.get 1))))",
    );
    let (check, call) = lines.split_at(lines.iter().position(|l| l == "block1:").unwrap());
    assert!(check[1].starts_with("movl %esi"), "{check:?}");
    assert!(check[2].starts_with("negq"), "{check:?}");
    assert!(check[3].starts_with("shlq $0x4"), "{check:?}");
    assert!(check[4].starts_with("movl -0x1008("), "{check:?}");
    assert!(check[5].starts_with("cmpl $"), "{check:?}");
    assert!(check[6].starts_with("jnz"), "{check:?}");
    assert!(call[1].starts_with("movq -0x1010("), "{call:?}");
    assert!(call[2].starts_with("call *"), "{call:?}");
    assert_eq!((check.len(), call.len()), (7, 3));
}

#[test]
fn the_stack_pointer_is_one_access() {
    let lines = body(
        r#"(module (import "env" "memory" (memory 0))
             (@custom "dylink.0" (before first) "\01\04\00\00\00\00")
             (import "env" "__stack_pointer" (global $sp (mut i32)))
             (func (global.set $sp (i32.sub (global.get $sp) (i32.const 16)))))"#,
    );
    assert_eq!(shape(&lines), ["movq %r15, R", "subl $0x10, -8(R)"]);
}

#[test]
fn constants_of_the_loader_are_one_load() {
    let lines = body(
        r#"(module (import "env" "memory" (memory 0))
             (@custom "dylink.0" (before first) "\01\04\00\00\00\00")
             (import "GOT.mem" "x" (global $x (mut i32)))
             (func (result i32) (global.get $x)))"#,
    );
    assert_eq!(shape(&lines), ["load_ext_name LoaderValue(0)+0, R"]);
}

#[test]
fn globals_survive_stores_to_memory() {
    let lines = body(
        "(module (memory 1) (global $g (mut i32) (i32.const 0)) (func (param i32) (result i32)
           (i32.store (local.get 0) (global.get $g))
           (i32.store offset=4 (local.get 0) (global.get $g))
           (global.get $g)))",
    );
    let lines = shape(&lines);
    let loads = lines.iter().filter(|l| *l == "movl (R), R").count();
    assert_eq!(loads, 1, "{lines:?}");
}

#[test]
fn a_call_in_a_try_is_a_call() {
    let lines = body(
        r#"(module (import "m" "f" (func $f (param i32))) (tag $e)
             (func (param i32) (block $h (try_table (catch $e $h) (call $f (local.get 0))))))"#,
    );
    let is_jump = |line: &&String| line.starts_with("jmp") || line.starts_with("block");
    let before: Vec<_> = lines.iter().filter(|line| !is_jump(line)).collect();
    assert_eq!(before.len(), 1 + 4 + 1, "{lines:#?}");
    assert!(before[0].starts_with("call User(Func(0));"), "{lines:#?}");
    // The function saves what its callers may want of it; nothing else.
    for (line, register) in before[1..].iter().zip(["rbx", "r12", "r13", "r14"]) {
        let restores = line.starts_with("movq ") && line.ends_with(&format!("%{register}"));
        assert!(restores, "{lines:#?}");
    }
}
