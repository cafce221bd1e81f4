//! Lazy binding and lazy loading: what is looked up when, and what a name means
//! then.

#![cfg(feature = "compiler")]

#[path = "common/program.rs"]
mod program;

use std::sync::{Arc, Mutex};

use wasmaot_abi::types::FuncType;
use wasmaot_runtime::{
    Bind, Caller, Config, HostFunction, OpenFlags, Process, UnresolvedSymbol, Val,
};

use program::{load, load_with, module, object};

fn config(bind: Bind) -> Config {
    Config {
        bind,
        ..program::config()
    }
}

#[test]
fn what_is_missing_may_be_given_when_it_is_called() {
    let main = module(
        0,
        0,
        &[],
        r#"
        (import "env" "given" (func $given (param i32) (result i32)))
        (import "env" "wrong" (func $wrong))
        (import "env" "denied" (func $denied))
        (func (export "ask_given") (param i32) (result i32) (call $given (local.get 0)))
        (func (export "ask_wrong") (call $wrong))
        (func (export "ask_denied") (call $denied))
        "#,
    );
    let asked = Arc::new(Mutex::new(Vec::new()));
    let names = Arc::clone(&asked);
    let give = |_: &mut Caller<'_>, value: i32| value + 1;
    let missing = move |symbol: &UnresolvedSymbol, ty: &FuncType| {
        names
            .lock()
            .unwrap()
            .push(format!("{}: {ty}", symbol.full_name()));
        (symbol.name != "denied").then(|| HostFunction::wrap("env", &symbol.name, give))
    };
    let mut program = load(&main, &[], config(Bind::Lazy)).unwrap();
    program.process.set_missing(Box::new(missing));
    assert_eq!(program.call("ask_given", &[1]), 2);
    assert_eq!(program.call("ask_given", &[41]), 42);
    let text = program.trap("ask_denied").to_string();
    assert!(text.contains("unresolved symbol (`denied`"), "{text}");
    let text = program.trap("ask_wrong").to_string();
    let parts = ["main", "wrong", "() -> ()", "the host", "(i32) -> (i32)"];
    assert!(parts.iter().all(|part| text.contains(part)), "{text}");
    let asked = asked.lock().unwrap();
    assert_eq!(
        *asked,
        [
            "given: (i32) -> (i32)",
            "denied: () -> ()",
            "wrong: () -> ()"
        ]
    );
}

#[test]
fn another_type_is_found_at_the_call() {
    let main = module(
        0,
        0,
        &["lib"],
        r#"
        (import "env" "f" (func $f (param i32)))
        (func (export "go") (call $f (i32.const 1)))
        (func (export "fine") (result i32) (i32.const 7))
        "#,
    );
    let lib = module(0, 0, &[], r#"(func (export "f") (param i64))"#);
    let libraries = [("lib", lib.as_str())];
    assert!(load(&main, &libraries, config(Bind::Now)).is_err());
    let mut program = load(&main, &libraries, config(Bind::Lazy)).unwrap();
    assert_eq!(program.call("fine", &[]), 7);
    let text = program.trap("go").to_string();
    let parts = [
        "main",
        "`f`",
        "(i32) -> ()",
        "lib",
        "(i64) -> ()",
        "main!go",
    ];
    assert!(parts.iter().all(|part| text.contains(part)), "{text}");
}

#[test]
fn addresses_and_data_are_not_left_for_later() {
    let load = |body: &str| load(&module(0, 0, &[], body), &[], config(Bind::Lazy)).map(|_| ());
    let got = |kind: &str| format!(r#"(import "GOT.{kind}" "x" (global (mut i32)))"#);
    for body in [
        got("func"),
        got("mem"),
        got("func") + r#"(import "env" "x" (func $x)) (func (export "f") (call $x))"#,
        r#"(import "env" "x" (func $x)) (elem (offset (i32.const 0)) $x)"#.to_owned(),
        r#"(import "env" "x" (func $x)) (export "y" (func $x))"#.to_owned(),
        r#"(import "env" "x" (global i64))"#.to_owned(),
    ] {
        let error = load(&body).unwrap_err().to_string();
        assert!(error.contains("`x`"), "{body}: {error}");
    }
    load(r#"(import "env" "x" (func $x)) (func (export "f") (call $x))"#).unwrap();
}

#[test]
fn later_libraries_count() {
    let main = module(
        0,
        0,
        &[],
        r#"
        (import "env" "late" (func $late (result i32)))
        (func (export "go") (result i32) (call $late))
        "#,
    );
    let late = module(
        0,
        0,
        &[],
        r#"(func (export "late") (result i32) (i32.const 9))"#,
    );
    let needy = module(
        0,
        0,
        &[],
        r#"(import "env" "nowhere" (func $f)) (func (export "go") (call $f))"#,
    );
    let libraries = [("late", late.as_str()), ("needy", needy.as_str())];
    let mut program = load(&main, &libraries, config(Bind::Lazy)).unwrap();
    let text = program.trap("go").to_string();
    assert!(text.contains("`late`"), "{text}");
    let bound = |process: &Process| process.explain("late").uses[0].bound.clone();
    assert_eq!(bound(&program.process), "nothing yet");
    let global = OpenFlags {
        global: true,
        ..OpenFlags::default()
    };
    let process = &mut program.process;
    let late = process.open("late", global).unwrap();
    let main = program.main;
    assert_eq!(process.invoke(main, "go", &[]).unwrap(), [Val::I32(9)]);
    assert_eq!(bound(process), "late");
    // What main is bound to stays, though nobody has it open.
    process.close(late).unwrap().unwrap();
    assert_eq!(process.invoke(main, "go", &[]).unwrap(), [Val::I32(9)]);
    assert_eq!(process.link_map().count(), 2);

    let now = OpenFlags {
        now: true,
        ..OpenFlags::default()
    };
    let error = process.open("needy", now).unwrap_err().to_string();
    assert!(error.contains("`nowhere`"), "{error}");
    for _ in 0..100 {
        let needy = process.open("needy", OpenFlags::default()).unwrap();
        assert!(process.invoke(needy, "go", &[]).is_err());
        process.close(needy).unwrap().unwrap();
        assert_eq!(process.link_map().count(), 2);
    }
}

#[test]
fn another_domain_is_bound_lazily_too() {
    let one = r#"(module
        (memory 1) (data (i32.const 8) "\2a")
        (func (export "get") (param i32) (result i32) (i32.load8_u (local.get 0))))"#;
    let main = module(
        0,
        0,
        &[],
        r#"
        (import "one" "get" (func $get (param i32) (result i32)))
        (func (export "ask") (param i32) (result i32) (call $get (local.get 0)))
        (func (export "tail") (param i32) (result i32) (return_call $get (local.get 0)))
        "#,
    );
    let mut process = Process::new(config(Bind::Lazy)).unwrap();
    process
        .instantiate(object("one", one), Some("one"))
        .unwrap();
    let main = process.load_program(object("main", &main), &[]).unwrap();
    let mut program = program::Program { process, main };
    assert_eq!(program.call("tail", &[8]), 42);
    assert_eq!(program.call("ask", &[8]), 42);
    assert_eq!(program.call("ask", &[9]), 0);
}

#[test]
fn arguments_of_every_kind_pass_a_lazy_binding() {
    // Twelve of each kind: registers and the stack.
    let kinds = ["i32", "i64", "f32", "f64", "v128"];
    let types: Vec<&str> = kinds.iter().cycle().take(60).copied().collect();
    let params = format!("(param {}) (result i64)", types.join(" "));
    let value = |(i, kind): (usize, &&str)| match *kind {
        "v128" => format!("(v128.const i64x2 {i} {})", 1000 * i),
        kind => format!("({kind}.const {i})"),
    };
    let sum = |(i, kind): (usize, &&str)| {
        let get = format!("(local.get {i})");
        match *kind {
            "i32" => format!("(i64.extend_i32_u {get})"),
            "i64" => get,
            "v128" => {
                format!("(i64.add (i64x2.extract_lane 0 {get}) (i64x2.extract_lane 1 {get}))")
            }
            kind => format!("(i64.trunc_{kind}_s {get})"),
        }
    };
    let values: String = types.iter().enumerate().map(value).collect();
    let sums: Vec<String> = types.iter().enumerate().map(sum).collect();
    let add = sums
        .into_iter()
        .reduce(|a, b| format!("(i64.add {a} {b})"))
        .unwrap();
    let main = module(
        0,
        0,
        &["lib"],
        &format!(
            r#"(import "env" "many" (func $many {params}))
            (func (export "go") (result i64) (call $many {values}))
            (func (export "tail") (result i64) (return_call $many {values}))"#
        ),
    );
    let lib = module(
        0,
        0,
        &[],
        &format!(r#"(func (export "many") {params} {add})"#),
    );
    let wide: i64 = (0..60).filter(|i| i % 5 == 4).map(|i| 1000 * i).sum();
    for first in ["go", "tail"] {
        let mut program = load(&main, &[("lib", &lib)], config(Bind::Lazy)).unwrap();
        for name in [first, "go", "tail"] {
            let sum = program.process.invoke(program.main, name, &[]).unwrap();
            assert_eq!(sum, [Val::I64((0..60).sum::<i64>() + wide)]);
        }
    }
}

/// A program that loads its libraries when they are needed, and that notes
/// what is loaded, in order.
fn on_demand(main: &str, libraries: &[(&str, &str)], hosts: Vec<HostFunction>) -> program::Program {
    let config = Config {
        lazy_load: true,
        ..config(Bind::Lazy)
    };
    load_with(main, &[], libraries, config, hosts).unwrap()
}

fn loaded(program: &program::Program) -> Vec<&str> {
    program.process.link_map().map(|entry| entry.name).collect()
}

/// A library with a function that answers a number and its constructors'
/// count of runs.
fn numbered(name: &str, number: i32, needed: &[&str], more: &str) -> String {
    let body = format!(
        r#"{more}
        (global $runs (mut i32) (i32.const 0))
        (func (export "__wasm_call_ctors")
          (global.set $runs (i32.add (global.get $runs) (i32.const 100))))
        (func (export "{name}") (result i32) (i32.add (global.get $runs) (i32.const {number})))"#
    );
    module(16, 0, needed, &body)
}

/// Imports of functions that give a number, and exports that call them.
fn callers(names: &[&str]) -> String {
    let import = |n: &&str| format!(r#"(import "env" "{n}" (func ${n} (result i32)))"#);
    let export = |n: &&str| format!(r#"(func (export "call_{n}") (result i32) (call ${n}))"#);
    let imports = names.iter().map(import);
    imports.chain(names.iter().map(export)).collect()
}

#[test]
fn libraries_are_loaded_in_order_until_one_defines_it() {
    let both = r#"(func (export "both") (result i32) (i32.const 1))"#;
    let first = both.replace("both", "second").replace('1', "22");
    let (a, d) = (numbered("a", 1, &["d"], ""), numbered("d", 4, &[], both));
    let (b, c) = (numbered("b", 2, &[], &first), numbered("c", 3, &[], both));
    let c = c.replace("(i32.const 1))", "(i32.const 33))");
    let main = callers(&["a", "b", "c", "d", "both", "none"]);
    let main = module(0, 0, &["a", "b", "c"], &main);
    let libraries = [("a", &*a), ("b", &*b), ("c", &*c), ("d", &*d)];
    let mut program = on_demand(&main, &libraries, vec![]);
    assert_eq!(loaded(&program), ["main"]);
    for _ in 0..2 {
        assert_eq!(program.call("call_a", &[]), 101);
        assert_eq!(loaded(&program), ["main", "a"]);
    }
    // In c before d, as with all of them there: breadth first.
    assert_eq!(program.call("call_both", &[]), 33);
    assert_eq!(loaded(&program), ["main", "a", "b", "c"]);
    assert_eq!(program.call("call_b", &[]), 102);
    let text = program.trap("call_none").to_string();
    assert!(
        text.contains("unresolved symbol (`none`, imported by main)"),
        "{text}"
    );
    assert_eq!(loaded(&program), ["main", "a", "b", "c", "d"]);
    for (name, value) in [("call_d", 104), ("call_c", 103), ("call_b", 102)] {
        assert_eq!(program.call(name, &[]), value);
    }
}

#[test]
fn data_has_to_be_there_first() {
    let datum = r#"(global (export "x") i32 (i32.const 4))"#;
    let address = r#"(import "GOT.mem" "x" (global $x (mut i32)))"#;
    let (a, b) = (numbered("a", 1, &[], ""), numbered("b", 2, &[], datum));
    let c = numbered("c", 3, &[], "");
    let body = callers(&["a", "c"]);
    let with_data = module(0, 0, &["a", "b", "c"], &format!("{address} {body}"));
    let libraries = [("a", &*a), ("b", &*b), ("c", &*c)];
    let mut program = on_demand(&with_data, &libraries, vec![]);
    assert_eq!(loaded(&program), ["main", "a", "b"]);
    assert_eq!(program.call("call_c", &[]), 103);

    // A library that is loaded later and has data in another one.
    let a = numbered("a", 1, &[], address);
    let libraries = [("a", &*a), ("b", &*b), ("c", &*c)];
    let main = module(0, 0, &["a", "b", "c"], &body);
    let mut program = on_demand(&main, &libraries, vec![]);
    assert_eq!(loaded(&program), ["main"]);
    assert_eq!(program.call("call_a", &[]), 101);
    assert_eq!(loaded(&program), ["main", "a", "b", "c"]);
    assert_eq!(program.call("call_c", &[]), 103);
}

#[test]
fn what_the_host_has_comes_last_and_constructors_may_call() {
    let eight = |module: &str| HostFunction::wrap(module, "host", |_: &mut Caller<'_>| 8);
    let b = numbered("b", 2, &[], "");
    let a = module(
        0,
        0,
        &["b"],
        r#"
        (import "env" "b" (func $b (result i32)))
        (import "elsewhere" "host" (func $host (result i32)))
        (global $found (mut i32) (i32.const 0))
        (func (export "__wasm_call_ctors")
          (global.set $found (i32.add (call $b) (call $host))))
        (func (export "a") (result i32) (global.get $found))
        "#,
    );
    let main = module(
        0,
        0,
        &["a"],
        &(r#"(import "elsewhere" "host" (func $other (result i32)))"#.to_owned()
            + &callers(&["a", "host"])
            + r#"(func (export "call_other") (result i32) (call $other))"#),
    );
    let libraries = [("a", &*a), ("b", &*b)];
    let mut program = on_demand(&main, &libraries, vec![eight("env"), eight("elsewhere")]);
    assert_eq!(program.call("call_other", &[]), 8);
    assert_eq!(loaded(&program), ["main"], "another module's name");
    assert_eq!(program.call("call_a", &[]), 110);
    assert_eq!(loaded(&program), ["main", "a", "b"]);

    let libraries = [("a", &*a), ("b", &*b)];
    let mut program = on_demand(&main, &libraries, vec![eight("env"), eight("elsewhere")]);
    assert_eq!(program.call("call_host", &[]), 8);
    assert_eq!(loaded(&program), ["main", "a", "b"]);
}

#[test]
fn opening_and_asking_load_what_was_left_for_later() {
    let (a, b) = (numbered("a", 1, &[], ""), numbered("b", 2, &["a"], ""));
    let late = module(0, 0, &[], &callers(&["b"]));
    let main = module(0, 0, &["b"], "");
    let libraries = [("a", &*a), ("b", &*b), ("late", &*late)];
    let mut program = on_demand(&main, &libraries, vec![]);
    let late = program.process.open("late", OpenFlags::default()).unwrap();
    assert_eq!(loaded(&program), ["main", "b", "a", "late"]);
    let called = program.process.invoke(late, "call_b", &[]).unwrap();
    assert_eq!(called, [Val::I32(102)]);

    let mut program = on_demand(&main, &libraries, vec![]);
    assert!(program.process.symbol(program.main, "a").is_ok());
    assert_eq!(loaded(&program), ["main", "b", "a"]);
}

#[test]
fn a_library_may_be_missing_until_it_is_needed() {
    let a = numbered("a", 1, &[], "");
    let main = module(0, 0, &["a", "nowhere"], &callers(&["a", "f", "g"]));
    let mut program = on_demand(&main, &[("a", &a)], vec![]);
    assert_eq!(program.call("call_a", &[]), 101);
    for _ in 0..2 {
        let text = program.trap("call_f").to_string();
        let parts = ["main: needed library `nowhere` not found", "main!call_f"];
        assert!(parts.iter().all(|part| text.contains(part)), "{text}");
    }
    assert_eq!(program.call("call_a", &[]), 101);

    let missing = |symbol: &UnresolvedSymbol, _: &FuncType| {
        let seven = |_: &mut Caller<'_>| 7;
        (symbol.name == "f").then(|| HostFunction::wrap("env", "f", seven))
    };
    let generous = Config {
        lazy_load: true,
        ..config(Bind::Lazy)
    };
    let mut program = load(&main, &[("a", &a)], generous).unwrap();
    program.process.set_missing(Box::new(missing));
    assert_eq!(program.call("call_f", &[]), 7);
    let text = program.trap("call_g").to_string();
    assert!(text.contains("`nowhere`"), "{text}");
}
