//! Accesses to memory, in instructions.

use super::{body, shape};

/// The body of a function of two addresses.
fn of_addresses(text: &str) -> Vec<String> {
    shape(&body(&format!(
        "(module (memory 1) (func (param i32 i32) {text}))"
    )))
}

/// The accesses to memory among instructions.
fn accesses(lines: &[String]) -> Vec<&String> {
    let mut found: Vec<_> = lines.iter().filter(|l| l.contains('(')).collect();
    found.retain(|line| !line.contains("(%r15)"));
    found
}

#[test]
fn a_small_copy_is_its_loads_and_stores() {
    let copy = |len: u32| {
        let text = format!("(memory.copy (local.get 0) (local.get 1) (i32.const {len}))");
        of_addresses(&text)
    };
    let lines = copy(32);
    assert_eq!(
        accesses(&lines),
        [
            "movdqu (R, R), R",
            "movdqu 0x10(R, R), R",
            "movdqu R, 0x10(R, R)",
            "movdqu R, (R, R)",
        ]
    );
    assert!(lines.len() <= 8, "{lines:#?}");
    for (len, expected) in [(1, 2), (7, 4), (8, 2), (15, 4), (20, 4), (31, 4), (128, 16)] {
        let lines = copy(len);
        assert_eq!(accesses(&lines).len(), expected, "{len}: {lines:#?}");
    }
    assert!(copy(129).iter().any(|line| line.starts_with("call")));
    assert!(!copy(0).iter().any(|line| line.starts_with("call")));
}

#[test]
fn a_small_fill_is_its_stores() {
    let fill = |value: &str, len: u32| {
        let text = format!("(memory.fill (local.get 0) {value} (i32.const {len}))");
        of_addresses(&text)
    };
    let lines = fill("(i32.const 0)", 48);
    let stores = ["0x20(R, R)", "0x10(R, R)", "(R, R)"].map(|at| format!("movdqu R, {at}"));
    assert_eq!(accesses(&lines), stores.iter().collect::<Vec<_>>());
    assert!(lines.len() <= 7, "{lines:#?}");
    let lines = fill("(local.get 1)", 33);
    assert_eq!(accesses(&lines).len(), 3, "{lines:#?}");
}

/// The body of a function of a relocatable module of 4096 bytes.
fn relocatable(function: &str) -> Vec<String> {
    body(&format!(
        r#"(module (import "env" "memory" (memory 0))
             (@custom "dylink.0" (before first) "\01\05\80\20\00\00\00")
             (import "env" "__memory_base" (global $base i32))
             (import "GOT.mem" "x" (global $x (mut i32)))
             (func {function}))"#
    ))
}

#[test]
fn a_constant_and_a_factor_are_part_of_the_access() {
    let byte = "(i32.and (local.get 0) (i32.const 255))";
    let lines = of_addresses(&format!(
        "(i32.store (i32.add (i32.shl {byte} (i32.const 2)) (i32.const 1024)) (local.get 1))"
    ));
    assert_eq!(lines.last().unwrap(), "movl R, 0x400(R, R, 4)");
    assert_eq!(lines.iter().filter(|l| l.starts_with("lea")).count(), 0);
    // These may wrap.
    for address in [
        "(i32.add (local.get 0) (i32.const 1024))",
        "(i32.shl (local.get 0) (i32.const 2))",
        "(i32.add (i32.shr_u (local.get 0) (i32.const 1)) (i32.const -9))",
    ] {
        let lines = of_addresses(&format!("(i32.store {address} (local.get 1))"));
        assert_eq!(lines.last().unwrap(), "movl R, (R, R)", "{address}");
    }
}

#[test]
fn own_data_is_relative_to_one_address() {
    let lines = relocatable(
        "(result i32) (i32.store offset=8
           (i32.add (global.get $base) (i32.const 1000)) (i32.const 1))
         (i32.load (i32.add (i32.const 2000) (global.get $base)))",
    );
    assert_eq!(
        shape(&lines),
        [
            "load_ext_name HostBase(0)+0, R",
            "movl $0x1, 0x3f0(R)",
            "movl 0x7d0(R), R"
        ]
    );
    let lines = relocatable(
        "(param i32) (result i32) (i32.load
           (i32.add (i32.shl (i32.load8_u (local.get 0)) (i32.const 2))
             (i32.add (global.get $base) (i32.const 1000))))",
    );
    assert_eq!(shape(&lines).last().unwrap(), "movl 0x3e8(R, R, 4), R");
}

#[test]
fn data_of_others_is_where_the_slot_says() {
    let update = "(i32.store (global.get $x) (i32.add (i32.load (global.get $x)) (i32.const 1)))";
    let lines = shape(&relocatable(update));
    assert_eq!(lines, ["load_ext_name HostData(1)+0, R", "addl $0x1, (R)"],);
    // What may be anywhere is computed as wasm does.
    let lines =
        relocatable("(param i32) (result i32) (i32.load (i32.add (global.get $x) (local.get 0)))");
    assert_eq!(shape(&lines).last().unwrap(), "movl (R, R), R");
}

#[test]
fn slots_are_read_before_loops() {
    let lines = relocatable(
        "(param i32) (loop
           (i32.store (global.get $x) (i32.add (i32.load (global.get $x)) (local.get 0)))
           (i32.store (i32.add (global.get $base) (i32.const 16)) (local.get 0))
           (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))",
    );
    let head = lines.iter().position(|l| l == "block1:").unwrap();
    let slot = |line: &&String| line.starts_with("load_ext_name");
    assert_eq!(lines[..head].iter().filter(slot).count(), 2, "{lines:#?}");
    assert_eq!(lines[head..].iter().filter(slot).count(), 0, "{lines:#?}");
}

#[test]
fn accesses_near_each_other_share_an_address() {
    let at = |constant: i32| format!("(i32.add (local.get 0) (i32.const {constant}))");
    let load = |constant: i32| format!("(i32.load {})", at(constant));
    let sum = format!(
        "(drop (i32.add (i32.add {} {}) (i32.add {} {})))",
        load(4),
        load(8),
        load(-4),
        load(0)
    );
    let lines = of_addresses(&sum);
    let mut found = accesses(&lines);
    assert!(found.remove(0).starts_with("leal -4("), "{lines:#?}");
    let displacements: Vec<&str> = found.iter().filter_map(|l| l.split('(').next()).collect();
    assert_eq!(displacements.len(), 4, "{lines:#?}");
    for displacement in ["8", "0xc", " ", "4"] {
        let ends = |line: &&str| line.ends_with(displacement);
        assert!(displacements.iter().any(ends), "{lines:#?}");
    }

    // What was stored cannot be taken back: the lowest has to come first.
    let store = |constant: i32| format!("(i32.store {} (local.get 1))", at(constant));
    let up = of_addresses(&[store(0), store(4), store(8)].concat());
    let expected = ["movl R, (R, R)", "movl R, 4(R, R)", "movl R, 8(R, R)"];
    assert_eq!(accesses(&up), expected);
    let down = of_addresses(&[store(8), store(4), store(0)].concat());
    assert_eq!(
        accesses(&down)
            .iter()
            .filter(|l| l.starts_with("lea"))
            .count(),
        2
    );
}

/// The instructions of the loop of a function, from its head to the jump back.
fn in_loop(text: &str) -> Vec<String> {
    let lines = of_addresses(text);
    let back = lines.iter().rposition(|l| l == "jmp label1").unwrap();
    let head = lines.iter().position(|l| l == "block1:").unwrap();
    let edge = |line: &String| line.starts_with("block") || line.starts_with("jmp");
    lines[head..back]
        .iter()
        .filter(|l| !edge(l))
        .cloned()
        .collect()
}

#[test]
fn what_a_loop_carries_needs_no_copy() {
    // A pointer is extended where it is computed.
    let lines = in_loop(
        "(loop (i32.store (local.get 0) (i32.const 7))
           (br_if 0 (i32.ne (local.get 1)
             (local.tee 0 (i32.add (local.get 0) (i32.const 4))))))",
    );
    assert_eq!(
        lines,
        [
            "movl $0x7, (R, R)",
            "leal 4(R), R",
            "cmpl R, R",
            "jnz label2; j label3",
        ]
    );
    // The next value of a counter is the one that is compared.
    let lines = in_loop(
        "(local i32) (loop
           (i32.store (i32.add (local.get 0) (local.get 2)) (i32.const 7))
           (br_if 0 (i32.ne (i32.const 1004)
             (local.tee 2 (i32.add (local.get 2) (i32.const 4))))))",
    );
    assert_eq!(
        lines,
        [
            "leal (R, R), R",
            "movl $0x7, (R, R)",
            "leal 4(R), R",
            "cmpq $0x3ec, R",
            "jnz label2; j label3",
        ]
    );
}

/// A jump through a table of so many other targets, each with a store.
fn table_of(others: usize) -> Vec<String> {
    let labels: String = (0..others).map(|n| format!("$at{n} ")).collect();
    let opened: String = (0..others)
        .rev()
        .map(|n| format!("(block $at{n} "))
        .collect();
    let cases: String = (0..others)
        .map(|n| {
            format!(
                ") (i32.store offset={} (local.get 1) (local.get 0)) (br $end)",
                4 * n
            )
        })
        .collect();
    of_addresses(&format!(
        "(block $end (block $default {opened} (br_table {labels} $default (local.get 0)) {cases}))"
    ))
}

#[test]
fn a_table_of_few_targets_is_asked_for_one_by_one() {
    let jumps = |lines: &[String]| lines.iter().filter(|l| l.starts_with("br_table")).count();
    let compares = |lines: &[String]| {
        let compare = |l: &&String| l.starts_with("cmp") || l.starts_with("test");
        lines.iter().filter(compare).count()
    };
    for others in 1..=4 {
        let lines = table_of(others);
        assert_eq!(jumps(&lines), 0, "{lines:#?}");
        assert_eq!(compares(&lines), others, "{lines:#?}");
    }
    let lines = table_of(5);
    assert_eq!(jumps(&lines), 1, "{lines:#?}");
}

#[test]
fn a_counter_between_constants_is_part_of_the_access() {
    let count = |condition: &str| {
        in_loop(&format!(
            "(local i32) (loop
               (i32.store offset=1024 (i32.shl (local.get 2) (i32.const 2)) (local.get 1))
               (br_if 0 (i32.{condition}
                 (local.tee 2 (i32.add (local.get 2) (i32.const 1))) (i32.const 64))))"
        ))
    };
    for condition in ["ne", "lt_u", "lt_s", "le_u", "le_s"] {
        let lines = count(condition);
        assert_eq!(
            lines[0], "movl R, 0x400(R, R, 4)",
            "{condition}: {lines:#?}"
        );
        assert_eq!(lines.len(), 4, "{condition}: {lines:#?}");
    }
    // These end nowhere, or elsewhere.
    for condition in ["gt_u", "ge_s", "eq"] {
        let lines = count(condition);
        assert!(!lines[0].ends_with(", 4)"), "{condition}: {lines:#?}");
    }
}

#[test]
fn what_a_loop_would_compute_again_is_held() {
    let around = |inner: &str| {
        let lines = of_addresses(&format!(
            "(local i32) (local.set 2 (i32.add (local.get 1) (i32.const 99)))
             (loop {inner}
               (i32.store (local.get 0) (i32.add (i32.load (local.get 0)) (local.get 2)))
               (br_if 0 (i32.ne (local.get 1)
                 (local.tee 0 (i32.add (local.get 0) (i32.const 4))))))"
        ));
        let again = |l: &&String| l.contains("0x63(") || l.contains("$0x63");
        let head = lines.iter().position(|l| l == "block1:").unwrap();
        lines[head..].iter().filter(again).count()
    };
    assert_eq!(around(""), 0);
    // A call keeps no registers: the sum is made again from what is there.
    assert_eq!(around("(call 0 (local.get 0) (local.get 1))"), 1);
}
