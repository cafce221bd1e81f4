//! Modules that are made to take the compiler's time and memory: each takes both
//! in proportion to its size, or is refused by a limit that the error names.
//!
//! Every build runs in a process of its own with limits of the system, which
//! end what does not end by itself: no time is compared.

#![cfg(feature = "compiler")]

mod common;

use std::fmt::Write as _;
use std::process::Command;

use common::{Outcome, Sandbox};

/// Seconds of CPU time after which a build counts as one that hangs.
const SECONDS: u32 = 120;
/// KiB of address space that a build may use.
const MEMORY: u64 = 1 << 20;

/// Runs `wasmaot` within these limits.
fn limited(sandbox: &Sandbox, args: &[&str]) -> Outcome {
    let plain = sandbox.command(args);
    let mut command = Command::new("sh");
    command
        .arg("-c")
        .arg(format!(
            "ulimit -t {SECONDS} && ulimit -v {MEMORY} && exec \"$0\" \"$@\""
        ))
        .arg(plain.get_program())
        .args(plain.get_args())
        .current_dir(plain.get_current_dir().unwrap());
    for (name, value) in plain.get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    command.output().unwrap().into()
}

/// Builds a module at each level. The object has at most `factor` bytes for each
/// of the module's, and 64 KiB.
fn is_linear(name: &str, text: &str, factor: u64) {
    let sandbox = Sandbox::new();
    let module = wat::parse_str(text).unwrap_or_else(|e| panic!("{name}: {e}"));
    sandbox.write("bomb.wasm", &module);
    for level in ["-O0", "-O2"] {
        let outcome = limited(
            &sandbox,
            &["build", level, "-j1", "bomb.wasm", "-o", "bomb.elf"],
        );
        assert_eq!(outcome.code, Some(0), "{name} {level}: {outcome:#?}");
        let bytes = sandbox.path("bomb.elf").metadata().unwrap().len();
        let most = factor * module.len() as u64 + (64 << 10);
        assert!(
            bytes <= most,
            "{name} {level}: {bytes} bytes of {}",
            module.len()
        );
    }
}

/// A build that is refused with an error that says these words.
fn is_refused(name: &str, text: &str, words: &[&str]) {
    let sandbox = Sandbox::new();
    sandbox.write("bomb.wat", text);
    for level in ["-O0", "-O2"] {
        let args = ["build", level, "-j1", "bomb.wat", "-o", "bomb.elf"];
        let outcome = limited(&sandbox, &args);
        assert!(!sandbox.path("bomb.elf").exists(), "{name}");
        outcome.error(1, words);
    }
}

/// A piece of text for each number.
fn each(count: usize, piece: impl Fn(usize) -> String) -> String {
    (0..count).map(piece).collect()
}

const IMPORT: &str = r#"(import "env" "c" (func $c))"#;

#[test]
fn tables_of_branches() {
    let depths = each(200_000, |i| format!("{} ", i % 3));
    is_linear(
        "br_table",
        &format!(
            r#"(module (func (export "f") (param i32) (result i32)
               (block (block (block (br_table {depths} 0 (local.get 0))) (return (i32.const 1)))
                 (return (i32.const 2)))
               (i32.const 3)))"#
        ),
        8,
    );
    let nested = "(block ".repeat(10_000)
        + &"(br_if 0 (local.get 0)) (br_table 1 2 3 (local.get 0)))".repeat(9990)
        + &")".repeat(10);
    let text = format!(r#"(module (func (export "f") (param i32) {nested}))"#);
    is_linear("nested br_table", &text, 16);
}

#[test]
fn calls_in_nested_tries() {
    let tags = |count| each(count, |i| format!("(tag $t{i})"));
    // Each with a tag of its own, of which every call has all around it.
    let blocks = each(300, |i| {
        format!("(block $b{i} (try_table (catch $t{i} $b{i}) ")
    });
    let text = format!(
        r#"(module {IMPORT} {} (func (export "f") {blocks} {} {}))"#,
        tags(300),
        "(call $c)".repeat(3000),
        "(call $c))) ".repeat(300)
    );
    is_linear("tries", &text, 80);
    let catches = each(1000, |i| format!("(catch $t{i} $b)"));
    let calls = "(call $c)".repeat(3000);
    let text = format!(
        r#"(module {IMPORT} {} (func (export "f") (block $b (try_table {catches} {calls}))))"#,
        tags(1000)
    );
    is_linear("clauses", &text, 80);
    let text = format!(
        r#"(module {IMPORT} (tag $t) (func (export "f") (block $b {} {})))"#,
        "(try_table (catch $t $b) ".repeat(3000),
        "(call $c))".repeat(3000)
    );
    is_linear("one tag", &text, 24);
    let text = format!(
        r#"(module {IMPORT} {} (func (export "f") {} {} {}))"#,
        tags(300),
        "try ".repeat(300),
        "call $c ".repeat(2000),
        each(300, |i| format!("catch $t{i} call $c end "))
    );
    is_linear("the older encoding", &text, 80);
    let text = format!(
        r#"(module {IMPORT} (func (export "f") {} {} {}))"#,
        "try ".repeat(3000),
        "call $c ".repeat(3000),
        "delegate 0 ".repeat(3000)
    );
    is_linear("delegate", &text, 16);
}

#[test]
fn locals_by_loops_and_joins() {
    let locals = |count: usize| "(local i32)".repeat(count);
    let sets = |count| {
        each(count, |i| {
            let next = i + 1;
            format!("(local.set {next} (i32.add (local.get {i}) (local.get {next})))")
        })
    };
    for depth in [30, 60, 200] {
        let text = format!(
            r#"(module (func (export "f") (param i32) {} {} {} {}))"#,
            locals(1000),
            "(loop ".repeat(depth),
            sets(1000),
            "(br_if 0 (local.get 0)))".repeat(depth)
        );
        is_linear("loops", &text, 16);
    }
    for count in [100, 1000] {
        let joins = each(count, |i| {
            let (depth, next) = (count - 1 - i, i + 1);
            format!(
                "(br_if {depth} (local.get 0)) (local.set {next} (i32.add (local.get {i}) (i32.const 3)))"
            )
        });
        let uses = each(count, |i| {
            format!(
                "(local.set 0 (i32.add (local.get 0) (local.get {})))",
                i + 1
            )
        });
        let text = format!(
            r#"(module (func (export "f") (param i32) {} {} {joins} {} {uses}))"#,
            locals(count),
            "(block ".repeat(count),
            ")".repeat(count)
        );
        is_linear("joins", &text, 16);
    }
    // Of many locals, one is named.
    let function = format!(
        "(func (local {}) (drop (local.get 48999)))",
        "i32 ".repeat(49_000)
    );
    is_linear("locals", &format!("(module {})", function.repeat(10)), 16);
}

/// Each mask would be looked through by all ways to what it masks.
#[test]
fn masks_of_what_many_ways_carry() {
    let ways = each(25_000, |i| {
        format!("(drop (br_if $b (i32.load8_u offset={i} (local.get 0)) (local.get 0)))")
    });
    let masks = each(25_000, |i| {
        format!("(i32.store8 offset={i} (local.get 0) (i32.and (local.get 1) (i32.const 255)))")
    });
    let text = format!(
        r#"(module (memory 1) (func (export "f") (param i32) (local i32) (loop $again
             (local.set 1 (block $b (result i32) {ways} (i32.const 0))) {masks}
             (br_if $again (local.get 0)))))"#
    );
    is_linear("masks", &text, 16);
}

#[test]
fn deep_nests() {
    let nest = |what: &str, count: usize| {
        format!(
            r#"(module (func $f (export "f") (param i32) {} {} {}))"#,
            format!("({what} ").repeat(count),
            "(br_if 0 (local.get 0)))".repeat(count - 10),
            ")".repeat(10)
        )
    };
    let conditions = |count: usize| {
        format!(
            r#"(module (func $f (export "f") (param i32) {} {}))"#,
            "(if (local.get 0) (then ".repeat(count),
            "))".repeat(count)
        )
    };
    is_linear("blocks", &nest("block", 20_000), 16);
    is_linear("loops", &nest("loop", 4000), 24);
    is_linear("conditions", &conditions(400), 32);
    is_linear("more conditions", &conditions(4000), 32);
    let words = ["bomb.wat", "function f", "10000"];
    is_refused("loops", &nest("loop", 12_000), &words);
    is_refused("conditions", &conditions(12_000), &words);
}

#[test]
fn chains_of_calls() {
    let twice = each(30, |i| {
        format!("(func $f{} (call $f{i}) (call $f{i}))", i + 1)
    });
    let text = format!(r#"(module (func $f0) {twice} (func (export "f") (call $f30)))"#);
    is_linear("doubling", &text, 64);
    let text = format!(
        r#"(module (func $f0 {}) (func (export "f") {}) (func (export "g") (call $f0)))"#,
        "nop ".repeat(20_000),
        "(call $f0)".repeat(2000)
    );
    is_linear("of no weight", &text, 16);
    let chain = each(10_000, |i| format!("(func $f{i} (call $f{}))", i + 1));
    let text = format!(r#"(module {chain} (func $f10000) (func (export "f") (call $f0)))"#);
    is_linear("moved", &text, 48);
    // A loop of calls alone weighs nothing without them.
    let text = format!(
        r#"(module (func $f0 (param i32) {})
           (func (export "f") (loop {}))
           (func (export "g") (loop (call $f0 (i32.const 1)))))"#,
        "(drop (i32.add (local.get 0) (i32.const 1)))".repeat(30),
        "(call $f0 (i32.const 1))".repeat(20_000)
    );
    is_linear("a loop of calls", &text, 32);
}

#[test]
fn data_far_apart() {
    for (count, distance) in [(20_000, 57_344), (20_000, 4096), (9000, 400_000)] {
        let segments = each(count, |i| {
            format!(r#"(data (i32.const {}) "x")"#, i * distance)
        });
        let text = format!("(module (memory 65000) {segments})");
        is_linear("data", &text, 20);
    }
}

#[test]
fn straight_code() {
    let symbols = each(100, |i| {
        format!(r#"(import "GOT.mem" "s{i}" (global $g{i} (mut i32)))"#)
    });
    let relocations = each(30_000, |i| {
        let (at, symbol) = (4 * i, i % 100);
        format!(
            "(i32.store (i32.add (i32.const {at}) (global.get $base)) (i32.add (global.get $g{symbol}) (i32.const 7)))"
        )
    });
    let text = format!(
        r#"(module (import "env" "memory" (memory 1))
           (import "env" "__memory_base" (global $base i32)) {symbols}
           (func (export "__wasm_apply_data_relocs") {relocations}))"#
    );
    is_linear("relocations", &text, 8);
    let steps =
        "(local.set 0 (i32.add (local.get 0) (i32.const 1))) (drop (i32.load (local.get 0)))";
    for count in [5000, 20_000] {
        let text = format!(
            r#"(module (memory 1) (func (export "f") (param i32) {}))"#,
            steps.repeat(count)
        );
        is_linear("a chain of additions", &text, 16);
    }
}

#[test]
fn many_of_everything() {
    is_linear(
        "functions",
        &format!("(module {})", "(func (local i32 i64))".repeat(20_000)),
        48,
    );
    let exports = each(20_000, |i| format!(r#"(export "e{i}" (func $f))"#));
    is_linear("exports", &format!("(module (func $f) {exports})"), 16);
    let globals = "(global i32 (i32.add (global.get $g) (i32.const 4)))".repeat(10_000);
    let text = format!(r#"(module (import "e" "g" (global $g i32)) {globals})"#);
    is_linear("globals", &text, 16);
    let elements = "(elem (i32.const 3) func $f)".repeat(5000);
    let text = format!(r#"(module (import "e" "t" (table 10 funcref)) (func $f) {elements})"#);
    is_linear("element segments", &text, 40);
    let additions = "(i32.const 1) i32.add ".repeat(50_000);
    let text = format!(
        r#"(module (import "e" "g" (global $g i32)) (global i32 (global.get $g) {additions}))"#
    );
    is_linear("a constant expression", &text, 16);
    let types = "(func (type $t))".repeat(2000);
    let text = format!(
        "(module (type $t (func (param {}))) {types})",
        "i64 ".repeat(1000)
    );
    is_linear("parameters", &text, 48);
    let name = "n".repeat(90_000);
    let calls = "(call $f)".repeat(200);
    let text =
        format!(r#"(module (import "env" "{name}" (func $f)) (func (export "g") (loop {calls})))"#);
    is_linear("a name", &text, 4);
}

#[test]
fn values_out_of_proportion_are_refused() {
    let words = ["bomb.wat", "function f", "values", "limit"];
    let values = "i32 ".repeat(1000);
    let text = format!(
        r#"(module (type $t (func (param {values}) (result {values})))
           (import "e" "g" (func $g (type $t)))
           (func $f (export "f") (type $t) {} {}))"#,
        each(1000, |i| format!("(local.get {i})")),
        "(call $g)".repeat(3000)
    );
    is_refused("results", &text, &words);
    let text = format!(
        r#"(module (func $f (export "f") (param i32) (block (result {values}) {} {}) {}))"#,
        "(i32.const 5)".repeat(1000),
        "(br_if 0 (local.get 0))".repeat(3000),
        "drop ".repeat(1000)
    );
    is_refused("values of branches", &text, &words);
}

#[test]
fn code_has_a_limit() {
    let sandbox = Sandbox::new();
    let body = "(local.set 0 (i32.mul (local.get 0) (i32.load (local.get 0))))".repeat(1000);
    let text = format!(r#"(module (memory 1) (func (export "f") (param i32) {body}))"#);
    sandbox.write("large.wat", text);
    let build = |limit| {
        let args = ["build", "--max-code", limit, "large.wat", "-o", "large.elf"];
        sandbox.wasmaot(&args)
    };
    build("4K").error(
        1,
        &["large.wat", "machine code", "4096 bytes", "--max-code"],
    );
    assert!(!sandbox.path("large.elf").exists());
    assert_eq!(build("1M").code, Some(0));
}

/// Tags beyond the handlers of a call are caught as others are.
#[test]
fn every_handler_of_many_is_found() {
    const TAGS: usize = 40;
    let sandbox = Sandbox::new();
    let tags = each(TAGS, |i| format!("(tag $t{i} (param i32))"));
    let throws = each(TAGS, |i| {
        format!("(if (i32.eq (local.get 0) (i32.const {i})) (then (throw $t{i} (i32.const {i}))))")
    });
    // Nested, the first outermost; and as clauses of one.
    let nested = each(TAGS, |i| {
        format!("(block $b{i} (result i32) (try_table (catch $t{i} $b{i}) ")
    });
    let closed = (0..TAGS).rev().fold(String::new(), |mut text, i| {
        let _ = write!(
            text,
            ") (return (i32.const -1))) (local.set 1) (return (i32.add (local.get 1) (i32.const {})))",
            100 * i
        );
        text
    });
    let older = "try (result i32) ".repeat(TAGS)
        + "(call $throw (local.get 0)) (i32.const -1) "
        + &(0..TAGS).rev().fold(String::new(), |mut text, i| {
            let _ = write!(text, "catch $t{i} (i32.add (i32.const {})) end ", 100 * i);
            text
        });
    let clauses = each(TAGS, |i| format!("(catch $t{i} $b)"));
    let text = format!(
        r#"(module {tags}
           (func $throw (param i32) {throws})
           (func $nested (param i32) (result i32) (local i32)
             {nested} (call $throw (local.get 0)) {closed} unreachable)
           (func $clauses (param i32) (result i32)
             (block $b (result i32)
               (try_table {clauses} (call $throw (local.get 0))) (i32.const -1)))
           (func $older (param i32) (result i32) {older})
           (func (export "_start") (local i32)
             (loop
               (if (i32.ne (call $nested (local.get 0)) (i32.mul (local.get 0) (i32.const 101)))
                 (then unreachable))
               (if (i32.ne (call $older (local.get 0)) (i32.mul (local.get 0) (i32.const 101)))
                 (then unreachable))
               (if (i32.ne (call $clauses (local.get 0)) (local.get 0)) (then unreachable))
               (local.set 0 (i32.add (local.get 0) (i32.const 1)))
               (br_if 0 (i32.lt_u (local.get 0) (i32.const {TAGS}))))
             (if (i32.ne (call $nested (i32.const 99)) (i32.const -1)) (then unreachable))))"#
    );
    sandbox.write("tags.wat", text);
    for level in ["-O0", "-O2"] {
        let outcome = sandbox.wasmaot(&["run", level, "tags.wat"]);
        assert_eq!(outcome.code, Some(0), "{level}: {outcome:#?}");
    }
}

/// Data that no image holds is in memory all the same, with what overlaps it.
#[test]
fn data_far_apart_is_there() {
    let sandbox = Sandbox::new();
    let segments = each(1000, |i| {
        format!(r#"(data (i32.const {}) "\{:02x}")"#, 57_344 * i, i % 251)
    });
    let text = format!(
        r#"(module (memory 1000) {segments} (data (i32.const 57344) "z")
           (func (export "_start") (local i32)
             (if (i32.ne (i32.load8_u (i32.const 57344)) (i32.const 122)) (then unreachable))
             (local.set 0 (i32.const 2))
             (loop
               (if (i32.ne (i32.load8_u (i32.mul (local.get 0) (i32.const 57344)))
                     (i32.rem_u (local.get 0) (i32.const 251)))
                 (then unreachable))
               (local.set 0 (i32.add (local.get 0) (i32.const 1)))
               (br_if 0 (i32.lt_u (local.get 0) (i32.const 1000))))))"#
    );
    sandbox.write("data.wat", text);
    let outcome = sandbox.wasmaot(&["run", "data.wat"]);
    assert_eq!(outcome.code, Some(0), "{outcome:#?}");
}
