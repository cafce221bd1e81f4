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
