//! What is inlined, seen in the machine code.

use crate::{Emit, OptLevel, Options};

/// The machine code of each function that has any, by name.
fn functions(wat: &str, opt_level: OptLevel) -> Vec<(String, String)> {
    let wasm = wat::parse_str(wat).unwrap();
    let options = Options {
        opt_level,
        ..Options::default()
    };
    let text = crate::compile("test.wasm", &wasm, &options, Emit::Asm).unwrap();
    let text = String::from_utf8(text).unwrap();
    let functions = text.split("; function ").skip(1);
    functions
        .map(|f| f.split_once('\n').unwrap())
        .map(|(name, code)| (name.to_owned(), code.to_owned()))
        .collect()
}

fn names(wat: &str) -> Vec<String> {
    let functions = functions(wat, OptLevel::Speed);
    functions.into_iter().map(|(name, _)| name).collect()
}

/// Calls in the code of the function `f`.
fn calls(wat: &str, opt_level: OptLevel) -> usize {
    let functions = functions(wat, opt_level);
    let (_, code) = functions.iter().find(|(name, _)| name == "f").unwrap();
    code.lines()
        .filter(|l| l.trim_start().starts_with("call"))
        .count()
}

/// So many operators that each is an instruction.
fn weight(count: u32) -> String {
    "(local.set 0 (i32.mul (local.get 0) (i32.load (local.get 0))))".repeat(count as usize / 2)
}

const HELPER_IN_A_LOOP: &str = r#"(module (memory 1)
    (func $get (param i32) (result i32) (i32.load (local.get 0)))
    (func $g (export "g") (result i32) (call $get (i32.const 8)))
    (func $f (export "f") (param i32) (result i32) (local i32)
      (loop
        (local.set 1 (i32.add (local.get 1) (call $get (local.get 0))))
        (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 4)))))
      (local.get 1)))"#;

#[test]
fn a_small_helper_is_no_call_in_a_loop() {
    assert_eq!(calls(HELPER_IN_A_LOOP, OptLevel::Speed), 0);
    assert_eq!(calls(HELPER_IN_A_LOOP, OptLevel::Less), 1);
    assert_eq!(calls(HELPER_IN_A_LOOP, OptLevel::None), 1);
}

#[test]
fn the_base_is_read_once_for_a_loop_and_what_is_inlined_in_it() {
    let functions = functions(HELPER_IN_A_LOOP, OptLevel::Speed);
    let (_, code) = functions.iter().find(|(name, _)| name == "f").unwrap();
    assert_eq!(code.matches("%r15").count(), 1, "{code}");
}

#[test]
fn what_has_no_calls_left_has_no_code() {
    assert_eq!(names(HELPER_IN_A_LOOP), ["g", "f"]);
    let used = |use_: &str| {
        names(&format!(
            r#"(module (table 1 funcref) {use_} (func $h) (func $f (export "f") (call $h)))"#
        ))
    };
    assert_eq!(used(""), ["f"]);
    assert_eq!(used("(elem (i32.const 0) $h)"), ["h", "f"]);
    assert_eq!(used(r#"(export "h" (func $h))"#), ["h", "f"]);
    assert_eq!(used("(elem declare func $h)"), ["h", "f"]);
    assert_eq!(used("(start $h)"), ["h", "f", "wasmaot.init"]);
    assert_eq!(used("(func $t (return_call $h))"), ["t", "h", "f"]);
}

#[test]
fn what_is_no_smaller_than_its_call_is_inlined_in_small_loops() {
    let wat = |in_loop: u32, of_loop: u32, inner: &str| {
        format!(
            r#"(module (memory 1)
               (func $h (param i32) {})
               (func $f (export "f") (param i32)
                 (call $h (local.get 0))
                 (loop {} {inner} (br_if 0 (local.get 0))))
               (func $g (param i32) (call $h (local.get 0)))
               (func (export "once") (param i32) (call $g (i32.const 1)) (call $g (i32.const 2))))"#,
            weight(in_loop),
            weight(of_loop),
        )
    };
    let calls = |wat: &str| calls(wat, OptLevel::Speed);
    // One call is left, that before the loop.
    assert_eq!(calls(&wat(20, 20, "(call $h (local.get 0))")), 1);
    assert_eq!(calls(&wat(20, 200, "(call $h (local.get 0))")), 2);
    assert_eq!(calls(&wat(60, 20, "(call $h (local.get 0))")), 2);
    // What is called in a loop is as if it stood there.
    assert_eq!(calls(&wat(20, 20, "(call $g (local.get 0))")), 1);
    // Hardly larger than its call: nowhere.
    assert_eq!(calls(&wat(4, 200, "(call $h (local.get 0))")), 0);
}

#[test]
fn a_larger_function_moves_to_its_only_call() {
    let wat = |size, more: &str| {
        format!(
            r#"(module (memory 1) (func $h (param i32) {})
               (func $f (export "f") (param i32) (call $h (local.get 0))) {more})"#,
            weight(size)
        )
    };
    assert_eq!(names(&wat(100, "")), ["f"]);
    let twice = wat(100, r#"(func $g (export "g") (call $h (i32.const 1)))"#);
    assert_eq!(names(&twice), ["h", "f", "g"]);
    assert_eq!(names(&wat(2000, "")), ["h", "f"]);
}

#[test]
fn chains_become_one_function_as_long_as_they_are_small() {
    let chain = |size: u32| {
        let functions: String = (1..9)
            .map(|i| {
                let callee = i + 1;
                format!(
                    "(func $f{i} (param i32) {} (call $f{callee} (local.get 0)))",
                    weight(size)
                )
            })
            .collect();
        format!(
            r#"(module (memory 1)
               (func $f (export "f") (param i32) (call $f1 (local.get 0)) (call $f1 (local.get 0)))
               {functions}
               (func $f9 (param i32))
               (func (export "all") (param i32) {}))"#,
            (1..=9)
                .map(|i| format!("(call $f{i} (local.get 0))"))
                .collect::<String>()
        )
    };
    assert_eq!(names(&chain(0)), ["f", "all"]);
    assert_eq!(names(&chain(2)), ["f", "f2", "f5", "all"]);
}

#[test]
fn a_cycle_keeps_its_calls() {
    let wat = r#"(module
        (func $f (export "f") (call $a))
        (func $a (call $b)) (func $b (call $c)) (func $c (call $a))
        (func $self (call $self)))"#;
    assert_eq!(names(wat), ["f", "a", "b", "c", "self"]);
}
