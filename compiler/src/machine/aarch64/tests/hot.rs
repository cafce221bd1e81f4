//! Instructions of hot code, counted.

use crate::{Emit, Options};

/// The instructions of a module's only function, trimmed, without unwind directives.
fn assembly(wat: &str) -> Vec<String> {
    let wasm = wat::parse_str(wat).unwrap();
    let mut options = Options::default();
    options
        .set_target("aarch64-unknown-linux-gnu".parse().unwrap())
        .unwrap();
    let text = crate::compile("test.wasm", &wasm, &options, Emit::Asm).unwrap();
    let text = String::from_utf8(text).unwrap();
    text.lines()
        .map(str::trim)
        .filter(|line| !line.starts_with(';') && !line.starts_with("unwind"))
        .map(str::to_owned)
        .collect()
}

/// The instructions without labels; a branch that goes two ways is one.
fn instructions(lines: &[String]) -> usize {
    lines.iter().filter(|line| !line.ends_with(':')).count()
}

/// The lines of a block.
fn block<'a>(lines: &'a [String], label: &str) -> &'a [String] {
    let from = lines.iter().position(|line| line == label).unwrap() + 1;
    let rest = &lines[from..];
    let to = rest.iter().position(|line| line.ends_with(':'));
    &rest[..to.unwrap_or(rest.len())]
}

#[test]
fn a_leaf_has_no_frame() {
    let leaf = "(module (memory 1) (func (param i32 i32) (result i32)
        (if (local.get 0) (then (return (local.get 1))))
        (i32.load (i32.add (local.get 0) (local.get 1)))))";
    let lines = assembly(leaf);
    assert!(!lines.iter().any(|line| line.contains("fp")), "{lines:#?}");
    let framed = |wat: &str| assembly(wat)[0] == "stp fp, lr, [sp, #-16]!";
    let call =
        |call| format!(r#"(module (import "env" "f" (func)) (func (param i64 i64) {call}))"#);
    assert!(framed(&call("(call 0)")));
    assert!(!framed(&call("(return_call 0)")));
    // A parameter on the stack is found by the frame.
    let params = "i64 ".repeat(7);
    let many = format!("(module (func (param {params}) (result i64) (local.get 6)))");
    assert!(framed(&many));
}

#[test]
fn an_access_adds_its_index_at_most() {
    let at = |offset| {
        assembly(&format!(
            "(module (memory 1) (func (param i32) (result i32) (i32.load {offset} (local.get 0))))"
        ))
    };
    // The base, the access, and the return.
    let lines = at("");
    assert_eq!(instructions(&lines), 3, "{lines:#?}");
    assert!(
        lines[2].starts_with("ldr w") && lines[2].ends_with("UXTW]"),
        "{lines:#?}"
    );
    let lines = at("offset=16");
    assert_eq!(instructions(&lines), 4, "{lines:#?}");
}

#[test]
fn a_loop_over_memory_keeps_the_base() {
    let lines = assembly(
        "(module (memory 1) (func (param i32 i32) (result i32) (local i32)
          (loop
            (local.set 2 (i32.xor (local.get 2) (i32.load8_u (local.get 0))))
            (local.set 0 (i32.add (local.get 0) (i32.const 4)))
            (br_if 0 (i32.lt_u (local.get 0) (local.get 1))))
          (local.get 2)))",
    );
    let body = block(&lines, "block1:");
    assert!(!body.iter().any(|line| line.contains("x21")), "{lines:#?}");
    let loads = body.iter().filter(|line| line.starts_with("ldrb"));
    assert_eq!(loads.count(), 1, "{lines:#?}");
    // The access extends the index, the pointer is added to, compared and branched by.
    assert_eq!(instructions(body), 5, "{lines:#?}");
}

/// A relocatable module with a function.
fn relocatable(function: &str) -> Vec<String> {
    assembly(&format!(
        r#"(module (import "env" "memory" (memory 0))
             (@custom "dylink.0" (before first) "\01\04\00\00\00\00")
             (import "env" "__stack_pointer" (global $sp (mut i32)))
             (import "env" "f" (func $f (param i32)))
             (import "GOT.mem" "x" (global $x (mut i32)))
             (func {function}))"#
    ))
}

#[test]
fn a_call_of_another_object_is_one_instruction() {
    let lines = relocatable(
        "(param i32) (loop (call $f (local.get 0))
           (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))",
    );
    let body = block(&lines, "block1:");
    assert!(body[1].starts_with("bl "), "{lines:#?}");
    // The argument, the call, the count and the branch.
    assert_eq!(instructions(body), 4, "{lines:#?}");
}

#[test]
fn data_of_another_object_is_one_load_away() {
    let lines = relocatable("(result i32) (i32.load (global.get $x))");
    // Two instructions of the load from the GOT are one line here.
    assert!(lines[1].starts_with("load_ext_name_got"), "{lines:#?}");
    assert_eq!(instructions(&lines), 3, "{lines:#?}");
}

#[test]
fn a_frame_is_a_load_and_two_stores() {
    let lines = relocatable(
        "(param i32) (local i32)
         (global.set $sp (local.tee 1 (i32.sub (global.get $sp) (i32.const 16))))
         (i32.store (local.get 1) (local.get 0))
         (call $f (local.get 1))
         (global.set $sp (i32.add (local.get 1) (i32.const 16)))",
    );
    let of_pointer = lines.iter().filter(|line| line.contains(", #-8]"));
    assert_eq!(of_pointer.count(), 3, "{lines:#?}");
    assert!(instructions(&lines) <= 15, "{lines:#?}");
}

#[test]
fn an_indirect_call_checks_the_type_alone() {
    let lines = assembly(
        "(module (memory 1) (table 4 funcref) (type $t (func (param i32) (result i32)))
           (func (param i32 i32) (result i32) (call_indirect (type $t) (local.get 0) (local.get 1))))",
    );
    let call = lines
        .iter()
        .position(|line| line.starts_with("blr"))
        .unwrap();
    let before = &lines[..call];
    let loads = before.iter().filter(|line| line.starts_with("ldr"));
    assert_eq!(loads.count(), 2, "{lines:#?}");
    let branches = before.iter().filter(|line| line.starts_with("b."));
    assert_eq!(branches.count(), 1, "{lines:#?}");
}

/// Where bounds are checked by code, nothing goes on with an address beyond them.
#[test]
fn checked_accesses_have_barriers() {
    let lines = assembly(
        "(module (memory i64 1) (func (param i64) (result i32) (i32.load (local.get 0))))",
    );
    assert!(lines.iter().any(|line| line == "csdb"), "{lines:#?}");
}
