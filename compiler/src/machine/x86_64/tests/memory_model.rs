//! Accesses to a shared memory: which of them may become one, and which may not pass
//! each other. Plain data are at 0 from the first parameter, a flag at 64.

use std::cmp::Ordering;

use super::{body, shape};

/// The body of a function with an address and a local.
fn shared(function: &str) -> Vec<String> {
    of_memory("(memory 1 2 shared)", function)
}

fn of_memory(memory: &str, function: &str) -> Vec<String> {
    shape(&body(&format!(
        r#"(module (import "env" "f" (func $f)) {memory}
             (func (param i32) (result i32) (local i32) {function}))"#
    )))
}

const DATA: &str = "(i32.load (local.get 0))";
const FLAG: &str = "(i32.atomic.load offset=64 (local.get 0))";
/// Their displacements, as listings have them.
const DATA_AT: &str = "";
const FLAG_AT: &str = "0x40";

/// Where the accesses are whose operand is at a displacement from an address: 0 or
/// the flag's. Those of the context are not among them.
fn places(lines: &[String], displacement: &str) -> Vec<usize> {
    let operand = format!(" {displacement}(R, R)");
    let found = lines.iter().enumerate();
    let found = found.filter(|(_, line)| line.contains(&operand) && !line.starts_with("lea"));
    found.map(|(at, _)| at).collect()
}

#[test]
fn what_other_threads_order_by_is_a_barrier() {
    let address = "(local.get 0)";
    for barrier in [
        "(drop (i32.atomic.load offset=64 (local.get 0)))",
        "(i32.atomic.store offset=64 (local.get 0) (i32.const 1))",
        "(drop (i32.atomic.rmw.add offset=64 (local.get 0) (i32.const 1)))",
        "(drop (i32.atomic.rmw.xchg offset=64 (local.get 0) (i32.const 1)))",
        "(drop (i32.atomic.rmw.cmpxchg offset=64 (local.get 0) (i32.const 1) (i32.const 2)))",
        "(drop (i64.atomic.rmw8.or_u offset=64 (local.get 0) (i64.const 1)))",
        "(atomic.fence)",
        "(drop (memory.atomic.wait32 (local.get 0) (i32.const 0) (i64.const -1)))",
        "(drop (memory.atomic.notify (local.get 0) (i32.const 1)))",
        "(drop (memory.grow (i32.const 1)))",
        "(drop (memory.size))",
        "(call $f)",
    ] {
        // What was loaded is loaded again.
        let twice = format!("(local.set 1 {DATA}) {barrier} (i32.add (local.get 1) {DATA})");
        let lines = shared(&twice);
        assert_eq!(places(&lines, DATA_AT).len(), 2, "{barrier}: {lines:#?}");
        // A store is made before, though one after overwrites it; and is not what a
        // load after it finds.
        let store = |value: u32| format!("(i32.store {address} (i32.const {value}))");
        let lines = shared(&format!(
            "{} {barrier} {} (i32.const 0)",
            store(7),
            store(9)
        ));
        assert_eq!(places(&lines, DATA_AT).len(), 2, "{barrier}: {lines:#?}");
        let lines = shared(&format!("{} {barrier} {DATA}", store(7)));
        assert_eq!(places(&lines, DATA_AT).len(), 2, "{barrier}: {lines:#?}");
    }
    // Without one of them, they may become one.
    let lines = shared(&format!("(i32.add {DATA} {DATA})"));
    assert_eq!(places(&lines, DATA_AT).len(), 1, "{lines:#?}");
}

#[test]
fn a_message_is_read_after_its_flag() {
    let order = |lines: &[String]| {
        let (flag, data) = (places(lines, FLAG_AT), places(lines, DATA_AT));
        assert_eq!((flag.len(), data.len()), (1, 1), "{lines:#?}");
        flag[0].cmp(&data[0])
    };
    let lines = shared(&format!(
        "(local.set 1 {FLAG}) (i32.add (local.get 1) {DATA})"
    ));
    assert_eq!(order(&lines), Ordering::Less, "{lines:#?}");
    // What was loaded before the flag is no operand of something after it.
    let lines = shared(&format!(
        "(local.set 1 {DATA}) (i32.add {FLAG} (local.get 1))"
    ));
    assert_eq!(order(&lines), Ordering::Greater, "{lines:#?}");
    // And the message is written before it.
    let write = "(i32.store (local.get 0) (i32.const 5))
                 (i32.atomic.store offset=64 (local.get 0) (i32.const 1)) (i32.const 0)";
    let lines = shared(write);
    assert_eq!(order(&lines), Ordering::Greater, "{lines:#?}");
}

#[test]
fn a_loop_with_an_atomic_access_holds_no_data() {
    let lines = shared(&format!(
        "(local.set 1 {DATA})
         (loop (local.set 1 (i32.add (local.get 1) {DATA})) (br_if 0 {FLAG})) (local.get 1)"
    ));
    let head = lines.iter().position(|l| l == "block1:").unwrap();
    let inside = |places: Vec<usize>| places.into_iter().filter(|&at| at > head).count();
    assert_eq!(inside(places(&lines, DATA_AT)), 1, "{lines:#?}");
    assert_eq!(inside(places(&lines, FLAG_AT)), 1, "{lines:#?}");
}

#[test]
fn atomic_accesses_are_made_and_ordered() {
    let count =
        |lines: &[String], start: &str| lines.iter().filter(|l| l.starts_with(start)).count();
    // What a plain store has written is not taken for what an atomic load finds.
    let lines = shared(&format!(
        "(i32.store offset=64 (local.get 0) (i32.const 1)) {FLAG}"
    ));
    assert_eq!(places(&lines, FLAG_AT).len(), 2, "{lines:#?}");
    let store = "(i32.atomic.store offset=64 (local.get 0) (i32.const 1))";
    // Nor does a plain store make an atomic one of the same value needless.
    let plain = "(i32.store offset=64 (local.get 0) (i32.const 1))";
    let lines = shared(&format!("{plain} {store} (i32.const 0)"));
    assert_eq!(count(&lines, "mfence"), 1, "{lines:#?}");
    assert_eq!(count(&shared("(atomic.fence) (i32.const 0)"), "mfence"), 1);
    // A value that nobody asks for is loaded all the same.
    let lines = shared(&format!("(drop {FLAG}) (i32.const 0)"));
    assert_eq!(places(&lines, FLAG_AT).len(), 1, "{lines:#?}");
    let lines = shared(&format!("(i32.add {FLAG} {FLAG})"));
    assert_eq!(places(&lines, FLAG_AT).len(), 2, "{lines:#?}");
}

#[test]
fn a_value_is_loaded_once_however_often_it_is_used() {
    let uses = [
        // Compared by a branch, and kept.
        format!(
            "(if (local.tee 1 (i32.eq {DATA} (i32.const 5))) (then (call $f)))
             (i32.add (local.get 1) (i32.const 1))"
        ),
        // A jump that is a chain of comparisons, and one through a table.
        format!(
            "(block (block (block (br_table 0 1 2 {DATA})) (call $f)) (return (i32.const 1)))
             (i32.const 2)"
        ),
        format!(
            "(block (block (block (block (block (block (block
               (br_table 0 1 2 3 4 5 6 {DATA}))
             (call $f)) (call $f)) (call $f)) (call $f)) (call $f)) (call $f)) (i32.const 2)"
        ),
        // Checked, and then an address.
        format!(
            "(if (i32.gt_u (local.tee 1 {DATA}) (i32.const 9)) (then (unreachable)))
             (i32.load8_u offset=128 (local.get 1))"
        ),
        format!("(i32.mul (local.tee 1 {DATA}) (local.get 1))"),
    ];
    for function in uses {
        let lines = shared(&function);
        assert_eq!(places(&lines, DATA_AT).len(), 1, "{function}: {lines:#?}");
    }
}

#[test]
fn an_aligned_access_of_up_to_eight_bytes_is_one() {
    let accesses = [
        "(drop (i32.load8_s (local.get 0)))",
        "(drop (i32.load16_u (local.get 0)))",
        "(drop (i64.load32_s (local.get 0)))",
        "(drop (i64.load (local.get 0)))",
        "(drop (f32.load (local.get 0)))",
        "(drop (f64.load (local.get 0)))",
        "(i32.store16 (local.get 0) (i32.const 0x1234))",
        "(i32.store (local.get 0) (i32.const -1))",
        "(i64.store (local.get 0) (i64.const 0x1122334455667788))",
        "(i64.store (local.get 0) (i64.const 0xffffffff))",
        "(i64.store (local.get 0) (i64.const -2))",
        "(f64.store (local.get 0) (f64.const 1.5))",
        "(f64.store (local.get 0) (f64.const 0))",
        "(i64.store (local.get 0) (i64.extend_i32_u (local.get 1)))",
    ];
    for access in accesses {
        let lines = shared(&format!("{access} (i32.const 0)"));
        assert_eq!(places(&lines, DATA_AT).len(), 1, "{access}: {lines:#?}");
    }
}

#[test]
fn a_size_is_read_once_for_each_check() {
    let module = |between: &str| {
        let memory = "(memory i64 1 2 shared)";
        let load = "(i32.load (i64.extend_i32_u (local.get 0)))";
        of_memory(
            memory,
            &format!("(local.set 1 {load}) {between} (i32.add (local.get 1) {load})"),
        )
    };
    let sizes = |lines: &[String]| lines.iter().filter(|l| l.contains("-0x18(")).count();
    // A memory only grows: what was within stays so.
    let lines = module("");
    assert_eq!(sizes(&lines), 1, "{lines:#?}");
    // What another thread has made it grow by is seen with what it has told.
    let lines = module("(atomic.fence)");
    assert_eq!(sizes(&lines), 2, "{lines:#?}");
}
