//! What is bound to what.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use wasmaot_abi::types::{FuncType, ValType};
use wasmaot_runtime::error::Error;
use wasmaot_runtime::{
    CallError, Caller, Category, Config, HostFunction, OpenFlags, Process, Unresolved, Val,
};

use crate::program::{config, instantiate, load, load_with, module, object};

#[test]
fn calls_across_objects_and_shared_data() {
    let main = module(
        16,
        0,
        &["libc"],
        r#"
        (import "env" "add" (func $add (param i32 i32) (result i32)))
        (import "GOT.mem" "counter" (global $counter (mut i32)))
        (func (export "sum") (param i32 i32) (result i32)
          (i32.store (global.get $counter) (i32.const 5))
          (call $add (local.get 0) (local.get 1)))
        (func (export "counter_at") (result i32) (global.get $counter))
        (func (export "sp") (result i32) (global.get $stack_pointer))
        "#,
    );
    let lib = module(
        32,
        0,
        &[],
        r#"
        (global (export "counter") i32 (i32.const 8))
        (data (offset (global.get $memory_base)) "01234567\01\00\00\00")
        (func (export "add") (param i32 i32) (result i32)
          (i32.add (i32.load (i32.add (global.get $memory_base) (i32.const 8)))
            (i32.add (local.get 0) (local.get 1))))
        "#,
    );
    let mut program = load(&main, &[("libc", &lib)], config()).unwrap();
    assert_eq!(program.call("sum", &[30, 7]), 42);
    let at = program.call("counter_at", &[]) as usize;
    let map: Vec<_> = program.process.link_map().collect();
    assert_eq!(map.len(), 2);
    assert_eq!(map[1].memory_base + 8, at as u64);
    assert_eq!(map[1].memory_base % 4096, 0);
    assert!(map[0].memory_base >= 4096 + (1 << 20));
    let memory = program.process.memory_bytes(program.main);
    assert_eq!(memory[at - 8..at + 1], *b"01234567\x05");
    assert_eq!(program.call("sp", &[]), 4096 + (1 << 20));
}

#[test]
fn functions_have_one_table_index_everywhere() {
    let main = module(
        0,
        1,
        &["a", "b"],
        r#"
        (import "env" "callback_b" (func $cb (result i32)))
        (import "env" "apply" (func $apply (param i32) (result i32)))
        (import "GOT.func" "callback_b" (global $f (mut i32)))
        (import "GOT.func" "host" (global $h (mut i32)))
        (elem (offset (global.get $table_base)) $own)
        (func $own (result i32) (i32.const 11))
        (func (export "own") (result i32) (call $apply (global.get $table_base)))
        (func (export "other") (result i32) (call $apply (global.get $f)))
        (func (export "host_pointer") (result i32) (call $apply (global.get $h)))
        (func (export "f") (result i32) (global.get $f))
        (func (export "direct") (result i32) (call $cb))
        "#,
    );
    let a = module(
        0,
        2,
        &[],
        r#"
        (import "GOT.func" "callback_b" (global $f (mut i32)))
        (type $callback (func (result i32)))
        (func (export "apply") (param i32) (result i32)
          (call_indirect (type $callback) (local.get 0)))
        (func (export "f_in_a") (result i32) (global.get $f))
        "#,
    );
    let b = module(
        0,
        1,
        &["a"],
        r#"
        (func $callback_b (export "callback_b") (result i32) (i32.const 22))
        (elem (offset (global.get $table_base)) $callback_b)
        "#,
    );
    let host = HostFunction::new(
        "env",
        "host",
        FuncType::new([], [ValType::I32]),
        |_, _, results| {
            results[0] = Val::I32(33);
            Ok(())
        },
    );
    let libraries = [("a", a.as_str()), ("b", b.as_str())];
    let mut program = load_with(&main, &[], &libraries, config(), vec![host]).unwrap();
    assert_eq!(program.call("own", &[]), 11);
    assert_eq!(program.call("other", &[]), 22);
    assert_eq!(program.call("host_pointer", &[]), 33);
    assert_eq!(program.call("direct", &[]), 22);
    let f = program.call("f", &[]);
    let map: Vec<_> = program
        .process
        .link_map()
        .map(|e| (e.id, e.table_base))
        .collect();
    assert_eq!(map[2].1, f as u64, "the index from b's own segment");
    let in_a = program.process.invoke(map[1].0, "f_in_a", &[]).unwrap();
    assert_eq!(in_a, [Val::I32(f)]);
}

#[test]
fn main_and_preloaded_definitions_come_first() {
    let who = |n: i32| format!(r#"(func (export "who") (result i32) (i32.const {n}))"#);
    let ask = r#"
        (import "env" "who" (func $who (result i32)))
        (func (export "ask") (result i32) (call $who))"#;
    let plain = module(0, 0, &["x", "y"], ask);
    let (x, y, p) = (who(1), who(2), who(3));
    let [x, y, p] = [&x, &y, &p].map(|body| module(0, 0, &[], body));
    let libraries = [("x", x.as_str()), ("y", y.as_str())];
    let mut program = load(&plain, &libraries, config()).unwrap();
    assert_eq!(program.call("ask", &[]), 1);
    let preload = [("p", p.as_str())];
    let mut program = load_with(&plain, &preload, &libraries, config(), vec![]).unwrap();
    assert_eq!(program.call("ask", &[]), 3);
}

#[test]
fn initialisers_run_in_order() {
    let log = HostFunction::new(
        "env",
        "log",
        FuncType::new([ValType::I32], []),
        |caller, args, _| {
            let [Val::I32(digit)] = *args else { panic!() };
            let end = caller.memory().iter().position(|&b| b == 0).unwrap();
            caller.memory_mut()[end] = digit as u8;
            Ok(())
        },
    );
    let lib = |needed: &[&str], name: char| {
        let at = |n: u32| (name as u32) + n;
        let body = format!(
            r#"(import "env" "log" (func $log (param i32)))
            (func $start (call $log (i32.const {})))
            (start $start)
            (func (export "__wasm_apply_data_relocs") (call $log (i32.const {})))
            (func (export "__wasm_call_ctors") (call $log (i32.const {})))"#,
            at(0),
            at(1),
            at(2)
        );
        module(0, 0, needed, &body)
    };
    // a and c need each other; main needs both.
    let (main, a, c) = (lib(&["a"], 'x'), lib(&["c"], 'a'), lib(&["a"], 'k'));
    let libraries = [("a", a.as_str()), ("c", c.as_str())];
    let program = load_with(&main, &[], &libraries, config(), vec![log]).unwrap();
    let memory = program.process.memory_bytes(program.main);
    assert_eq!(&memory[..10], b"akxblycmz\0");
}

#[test]
fn errors_name_both_sides() {
    let main = module(
        0,
        0,
        &["lib"],
        r#"(import "env" "f" (func (param i32) (result i32)))"#,
    );
    let lib = module(0, 0, &[], r#"(func (export "f") (param i64))"#);
    let error = load(&main, &[("lib", &lib)], config())
        .err()
        .unwrap()
        .to_string();
    for part in ["main", "lib", "`f`", "(i32) -> (i32)", "(i64) -> ()"] {
        assert!(error.contains(part), "{error}");
    }
    let lib = module(0, 0, &[], r#"(global (export "f") i32 (i32.const 0))"#);
    let error = load(&main, &[("lib", &lib)], config())
        .err()
        .unwrap()
        .to_string();
    assert!(
        error.contains("function") && error.contains("data"),
        "{error}"
    );
    let error = load(&main, &[], config()).err().unwrap();
    assert!(matches!(error, Error::LibraryNotFound { .. }), "{error}");
}

#[test]
fn unresolved_symbols() {
    let main = module(
        0,
        0,
        &[],
        r#"
        (import "env" "gone" (func $gone (param i32)))
        (import "env" "lost" (func $lost))
        (import "GOT.mem" "data" (global $data (mut i32)))
        (import "GOT.func" "gone" (global $pointer (mut i32)))
        (import "GOT.func" "never_called" (global $other (mut i32)))
        (func (export "call") (call $gone (i32.const 1)))
        (func (export "read") (result i32) (i32.load (global.get $data)))
        (func (export "far") (result i32) (i32.load offset=16777212 (global.get $data)))
        (func (export "element") (result i32)
          (i32.load (i32.add (global.get $data) (i32.const 16777212))))
        (func (export "write") (i32.store8 offset=3 (global.get $data) (i32.const 1)))
        (func (export "through") (call_indirect (param i32) (i32.const 1) (global.get $pointer)))
        (func (export "other") (call_indirect (global.get $other)))
        "#,
    );
    let error = load(&main, &[], config()).err().unwrap();
    let Error::Unresolved(list) = &error else {
        panic!("{error}");
    };
    let names: Vec<_> = list.iter().map(|u| u.name.as_str()).collect();
    assert_eq!(names, ["gone", "lost", "data", "gone", "never_called"]);

    let warnings = Arc::new(AtomicU32::new(0));
    let count = Arc::clone(&warnings);
    let config = Config {
        unresolved: Unresolved::Warn,
        trace: Some(Box::new(move |category, _| {
            if category == Category::Warning {
                count.fetch_add(1, Ordering::Relaxed);
            }
        })),
        ..config()
    };
    let mut program = load(&main, &[], config).unwrap();
    assert_eq!(warnings.load(Ordering::Relaxed), 5);
    for access in ["read", "far", "element", "write"] {
        let text = program.trap(access).to_string();
        assert!(text.contains("out of bounds memory access"), "{text}");
        assert!(text.contains("undefined data lie there: `data`"), "{text}");
    }
    for (call, name) in [("through", "gone"), ("other", "never_called")] {
        let text = program.trap(call).to_string();
        let wanted = format!("call of an unresolved symbol (`{name}`, imported by main)");
        assert!(text.contains(&wanted), "{text}");
    }
    let error = program
        .process
        .invoke(program.main, "call", &[])
        .unwrap_err();
    assert!(error.to_string().contains("`gone`"), "{error}");
    let CallError::Trap(trap) = error else {
        panic!("{error}");
    };
    assert_eq!(trap.frames[0].object, "main");
}

#[test]
fn tail_calls_across_objects_need_no_stack() {
    // Mutual recursion between two objects, more arguments than registers,
    // directly and through the table.
    let text = |own: &str, other: &str, needed: &[&str]| {
        let body = format!(
            r#"
            (type $t (func (param i32 i32 i32 i32 i32 i32 i32) (result i32)))
            (import "env" "{other}" (func $other (type $t)))
            (import "GOT.func" "{other}" (global $index (mut i32)))
            (func (export "{own}") (type $t)
              (if (i32.eqz (local.get 0)) (then (return (local.get 6))))
              (i32.sub (local.get 0) (i32.const 1))
              (local.get 1) (local.get 2) (local.get 3) (local.get 4) (local.get 5)
              (i32.add (local.get 6) (i32.const 2))
              (if (param i32 i32 i32 i32 i32 i32 i32) (result i32)
                (i32.and (local.get 0) (i32.const 2))
                (then (return_call $other))
                (else (return_call_indirect (type $t) (global.get $index)))))"#
        );
        module(0, 0, needed, &body)
    };
    let main = text("even", "odd", &["lib"]);
    let mut program = load(&main, &[("lib", &text("odd", "even", &[]))], config()).unwrap();
    let depth = 3_000_000;
    assert_eq!(
        program.call("even", &[depth, 0, 0, 0, 0, 0, 5]),
        2 * depth + 5
    );
}

#[test]
fn the_older_section_with_its_initialiser() {
    // Memory 16, aligned to 4, no table, no libraries.
    let library = r#"(module (@custom "dylink" (before first) "\10\02\00\00\00")
        (import "env" "memory" (memory 0))
        (import "env" "__memory_base" (global $base i32))
        (global (export "x") i32 (i32.const 8))
        (func (export "__post_instantiate")
          (i32.store offset=8 (global.get $base) (i32.const 77))))"#;
    let main = module(
        0,
        0,
        &["library"],
        r#"(import "GOT.mem" "x" (global $x (mut i32)))
        (func (export "get") (result i32) (i32.load (global.get $x)))"#,
    );
    let mut program = load(&main, &[("library", library)], config()).unwrap();
    assert_eq!(program.call("get", &[]), 77);
}

/// A program that keeps a reference to a plug-in's function where no table has
/// it: in a local variable, and in a global, while the plug-in is closed.
#[test]
fn a_reference_that_is_kept_keeps_the_code() {
    let plugin = module(
        0,
        1,
        &[],
        r#"(elem (offset (global.get $table_base)) $seven)
        (func $seven (result i32) (i32.const 7))
        (func (export "place") (result i32) (global.get $table_base))"#,
    );
    let main = module(
        0,
        0,
        &[],
        r#"(import "env" "swap" (func $swap))
        (type $seven (func (result i32)))
        (global $kept (mut funcref) (ref.null func))
        (func (export "local") (param i32) (result i32) (local $f funcref)
          (local.set $f (table.get 0 (local.get 0)))
          (call $swap)
          (table.set 0 (i32.const 0) (local.get $f))
          (call_indirect 0 (type $seven) (i32.const 0)))
        (func (export "global") (param i32) (result i32)
          (global.set $kept (table.get 0 (local.get 0)))
          (call $swap)
          (table.set 0 (i32.const 0) (global.get $kept))
          (call_indirect 0 (type $seven) (i32.const 0)))"#,
    );
    let other = module(
        0,
        1,
        &[],
        r#"(func (export "other") (result i64) (i64.const 1))"#,
    );
    // What the program asks for: the plug-in closed, another in its place.
    let swap = HostFunction::wrap("env", "swap", |caller: &mut Caller<'_>| {
        let all = caller.process()?.link_map();
        let plugin = all.into_iter().find(|e| e.name == "plugin").map(|e| e.id);
        caller.close(plugin.unwrap())?;
        caller.open("other", OpenFlags::default()).map(|_| ())
    });
    for function in ["local", "global"] {
        let libraries = [("plugin", &*plugin), ("other", &*other)];
        let hosts = vec![swap.clone()];
        let mut program = load_with(&main, &[], &libraries, config(), hosts).unwrap();
        let process = &mut program.process;
        let plugin = process.open("plugin", OpenFlags::default()).unwrap();
        let place: i32 = process.call(plugin, "place", ()).unwrap();
        assert_eq!(program.call(function, &[place]), 7);
    }
}

#[test]
fn versions_of_a_symbol() {
    let library = module(
        0,
        0,
        &[],
        r#"(func (export "f@V1") (result i32) (i32.const 1))
        (func (export "f@@V2") (result i32) (i32.const 2))
        (func (export "plain") (result i32) (i32.const 3))"#,
    );
    let main = |name: &str| {
        let body = format!(
            r#"(import "env" "{name}" (func $f (result i32)))
            (func (export "ask") (result i32) (call $f))"#
        );
        module(0, 0, &["library"], &body)
    };
    let ask = |name: &str| {
        let loaded = load(&main(name), &[("library", &library)], config());
        loaded.map(|mut program| program.call("ask", &[]))
    };
    assert_eq!(ask("f@V1").unwrap(), 1);
    assert_eq!(ask("f@V2").unwrap(), 2);
    assert_eq!(ask("f").unwrap(), 2, "the default");
    assert_eq!(ask("plain@V7").unwrap(), 3, "unversioned does for any");
    assert!(matches!(ask("f@V3"), Err(Error::Unresolved(_))));

    let mut program = load(&main("f"), &[("library", &library)], config()).unwrap();
    let process = &mut program.process;
    let library = process.open("library", OpenFlags::default()).unwrap();
    let first = process.symbol(library, "f@V1").unwrap();
    let second = process.symbol(library, "f@V2").unwrap();
    assert_ne!(first, second);
    assert_eq!(process.symbol(library, "f").unwrap(), second);
    assert!(process.symbol(library, "f@V3").is_err());
}

#[test]
fn a_failed_load_leaves_nothing() {
    let mut process = Process::new(config()).unwrap();
    let a = instantiate(&mut process, "a", r#"(module (memory (export "mem") 1 2))"#).unwrap();
    let wrong = [
        r#"(module (import "a" "mem" (memory 2)))"#,
        r#"(module (import "a" "mem" (memory 1 1)))"#,
        r#"(module (import "a" "mem" (func)))"#,
        r#"(module (import "a" "none" (func)))"#,
        r#"(module (import "b" "mem" (memory 1)))"#,
        r#"(module (memory 65536) (table 10000001 funcref))"#,
    ];
    for text in wrong {
        assert!(
            process.instantiate(object("wrong", text), None).is_err(),
            "{text}"
        );
        assert_eq!(process.link_map().count(), 1);
    }
    assert_eq!(process.memory_bytes(a).len(), 65536);
    instantiate(
        &mut process,
        "c",
        r#"(module (import "a" "mem" (memory 1 3)))"#,
    )
    .unwrap();
}

/// A module with a shared memory whose export `t` is data of each thread.
fn thread_data(needed: &[&str], body: &str) -> String {
    let text = module(0, 0, needed, body).replace("(memory 0)", "(memory 0 10 shared)");
    // The subsection of exports, with WASM_SYM_TLS.
    text.replacen("\")", "\\03\\05\\01\\01t\\80\\02\")", 1)
}

#[test]
fn the_address_of_a_threads_data_is_its_own() {
    let library = r#"
        (import "GOT.mem" "t" (global $t (mut i32)))
        (global (export "__tls_base") (mut i32) (i32.const 100))
        (global (export "t") i32 (i32.const 12))
        (func (export "at") (result i32) (global.get $t))"#;
    let library = thread_data(&[], library);
    let main = r#"
        (import "env" "at" (func $at (result i32)))
        (func (export "at_in_library") (result i32) (call $at))"#;
    let main = thread_data(&["lib"], main);
    let mut program = load(&main, &[("lib", &library)], config()).unwrap();
    assert_eq!(program.call("at_in_library", &[]), 112);
    // The loader has no slot that differs from thread to thread.
    let main = r#"
        (import "GOT.mem" "t" (global $t (mut i32)))
        (func (export "at_in_main") (result i32) (global.get $t))"#;
    let main = thread_data(&["lib"], main);
    let error = load(&main, &[("lib", &library)], config()).map(|_| ());
    let text = error.unwrap_err().to_string();
    assert!(text.contains("the address of `t`, of which"), "{text}");
}

/// `ab` and `bA` have one hash, and so have all names of as many of them.
#[test]
fn names_of_one_hash_are_told_apart() {
    let name = |number: usize| -> String {
        let parts = (0..10).map(|bit| if number >> bit & 1 == 0 { "ab" } else { "bA" });
        parts.collect()
    };
    let (mut exports, mut imports, mut calls) = (String::new(), String::new(), String::new());
    for number in 0..1000 {
        let name = name(number);
        exports += &format!(r#"(func (export "{name}") (result i32) (i32.const {number}))"#);
        imports += &format!(r#"(import "env" "{name}" (func $f{number} (result i32)))"#);
        calls += &format!(
            "(if (i32.ne (call $f{number}) (i32.const {number})) (then (return (i32.const {number}))))"
        );
    }
    let library = module(0, 0, &[], &exports);
    let main = format!(r#"{imports} (func (export "wrong") (result i32) {calls} (i32.const -1))"#);
    let main = module(0, 0, &["lib"], &main);
    let mut program = load(&main, &[("lib", &library)], Config::default()).unwrap();
    assert_eq!(program.call("wrong", &[]), -1);
    let missing = format!(r#"(import "env" "{}" (func))"#, name(1001));
    let main = module(0, 0, &["lib"], &missing);
    let error = load(&main, &[("lib", &library)], config()).map(|_| ());
    assert!(matches!(error, Err(Error::Unresolved(_))), "{error:?}");
}

/// A group that fails when its slots are filled is undone with its tables.
#[test]
fn a_group_with_tables_that_fails_late_leaves_nothing() {
    let table = "(table $own 1 funcref) (func (export \"len\") (result i32) (table.size $own))";
    let library = module(0, 0, &[], &format!("{table} (func (export \"f\"))"));
    let main = r#"(import "GOT.func" "f" (global $f (mut i32)))
        (func (export "f_at") (result i32) (global.get $f))"#;
    let main = module(
        0,
        0,
        &["lib"],
        &format!("{main} {}", table.replace("len", "own")),
    );
    let load = |max_table| {
        let config = Config {
            max_table,
            ..config()
        };
        load(&main, &[("lib", &library)], config)
    };
    let error = load(1).map(|_| ());
    assert!(matches!(error, Err(Error::Limit { .. })), "{error:?}");
    assert_eq!(load(2).unwrap().call("f_at", &[]), 1);
}
