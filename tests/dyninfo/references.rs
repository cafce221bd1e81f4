//! Functions and data by reference, at the start and later.

use wasmaot_compiler::{Emit, Options, compile};
use wasmaot_runtime::OpenFlags;

use crate::modules::{
    Program, READ, escaped, indirect, library, load, module, section, wasm, word,
};

#[test]
fn data_of_a_library_by_reference() {
    let main = module(
        16,
        2,
        r#", "libs": ["liba.so"], "ref": [["x@V1", 16392], ["get", 16396]],
            "refun": [["address", 0], ["get@@", 1]]"#,
        &format!(
            r#"(func (export "read") (result i32) (i32.load {}))
            (func (export "at") (result i32) {})
            (func (export "lib_at") (result i32) {})
            (func (export "got") (result i32) {})
            (func (export "pointer") (result i32)
              (call_indirect (result i32) {}))"#,
            word(8),
            word(8),
            indirect(0),
            indirect(1),
            word(12),
        ),
    );
    let mut program = load(&main, &[("liba.so", &library())]).unwrap();
    assert_eq!(program.call("read", &[]), 7);
    assert_eq!(program.call("got", &[]), 7);
    assert_eq!(program.call("pointer", &[]), 7);
    assert_eq!(program.call("at", &[]), program.call("lib_at", &[]));
    let bases: Vec<_> = program.process.link_map().map(|e| e.memory_base).collect();
    assert!(bases.iter().all(|base| base % 4096 == 0), "{bases:?}");
    assert_eq!(bases[1] + 4, program.call("at", &[]) as u64);
}

#[test]
fn function_pointers_are_equal_everywhere() {
    // f's number is 2 in the library, so that its index is another than 0.
    let lib = module(
        12,
        3,
        r#", "defun": [["f", 2], ["lib_f", 0]], "fixupfun": [[16384, 2]],
            "fixup": [[16388, 16392]], "ref": [["f", 16392]], "plt_bias": 0"#,
        r#"(func $f (export "f_2             ") (result i32) (i32.const 42))
        (func (export "f_0             ") (param i32) (result i32)
          (if (result i32) (local.get 0)
            (then (i32.load (i32.load offset=4 (global.get $got))))
            (else (i32.load (global.get $got)))))"#,
    );
    let main = module(
        8,
        2,
        r#", "libs": ["lib"], "ref": [["f", 16384]], "refun": [["f", 1], ["lib_f", 0]]"#,
        &format!(
            r#"(type $ask (func (param i32) (result i32)))
            (func (export "call") (result i32) {})
            (func (export "pointer") (result i32) {})
            (func (export "through") (result i32)
              (call_indirect (result i32) {}))
            (func (export "theirs") (param i32) (result i32)
              (call_indirect (type $ask) (local.get 0) (global.get $plt)))"#,
            indirect(1),
            word(0),
            word(0)
        ),
    );
    let mut program = load(&main, &[("lib", &lib)]).unwrap();
    assert_eq!(program.call("call", &[]), 42);
    assert_eq!(program.call("through", &[]), 42);
    let pointer = program.call("pointer", &[]);
    assert_eq!(program.call("theirs", &[0]), pointer, "by fixupfun");
    assert_eq!(program.call("theirs", &[1]), pointer, "by ref and fixup");
    let map: Vec<_> = program.process.link_map().map(|e| e.table_base).collect();
    assert_eq!(map[1] + 2, pointer as u64);
}

#[test]
fn references_wait_for_a_library_that_is_opened_later() {
    let main = module(
        8,
        1,
        r#", "ref": [["x", 16384]], "refun": [["get", 0]]"#,
        &format!(
            r#"{READ} (func (export "lib") (result i32) {})"#,
            indirect(0)
        ),
    );
    let needs = module(8, 0, r#", "libs": ["liba.so"]"#, "");
    let libraries = [("liba.so", library()), ("outer", needs)];
    let libraries = libraries.each_ref().map(|(name, text)| (*name, &**text));
    let mut program = load(&main, &libraries).unwrap();
    assert_eq!(program.call("at", &[]), 0);
    assert!(program.trap("lib").contains("uninitialized element"));

    let local = OpenFlags::default();
    let global = OpenFlags {
        global: true,
        ..local
    };
    program.process.open("outer", local).unwrap();
    assert_eq!(program.call("at", &[]), 0, "not in main's scope");
    let library = program.process.open("outer", global).unwrap();
    assert_eq!(program.call("read", &[]), 7);
    assert_eq!(program.call("lib", &[]), 7);
    let x = program.process.symbol(library, "x").unwrap();
    assert_eq!(x, program.call("at", &[]) as u64);

    // What main refers to stays.
    for _ in 0..2 {
        program.process.close(library).unwrap().unwrap();
    }
    assert_eq!(program.call("lib", &[]), 7);
}

#[test]
fn a_lazy_function_loads_its_library_at_the_first_call() {
    // One function is called by its number, the other by an index, by the only
    // type that there is.
    let main = |calls: &str| {
        module(
            8,
            4,
            r#", "lazy": [["get", 1, "liba.so"], ["missing", 3, "libb.so"]]"#,
            calls,
        )
    };
    let calls = format!(
        r#"(func (export "lib") (result i32) {})
        (func (export "bad") (result i32) {})"#,
        indirect(0),
        indirect(2)
    );
    let libraries = [("liba.so", &*library())];
    let mut program = load(&main(&calls), &libraries).unwrap();
    let loaded = |program: &Program| program.process.link_map().count();
    assert_eq!(loaded(&program), 1);
    for _ in 0..2 {
        assert_eq!(program.call("lib", &[]), 7);
        assert_eq!(loaded(&program), 2);
    }
    let trap = program.trap("bad");
    assert!(trap.contains("`missing` of libb.so"), "{trap}");

    // With parameters, and other types beside.
    let set = module(
        8,
        2,
        r#", "lazy": [["set", 1, "liba.so"]]"#,
        &format!(
            r#"(type $set (func (param i32) (result i32)))
            (func (export "other") (result i32) {})
            (func (export "lib") (param i32) (result i32)
              (call_indirect (type $set) (local.get 0)
                (i32.add (i32.const 0) (global.get $plt))))"#,
            indirect(1)
        ),
    );
    let mut program = load(&set, &libraries).unwrap();
    assert_eq!(program.call("lib", &[5]), 0);
    let library = program.process.link_map().nth(1).unwrap().id;
    let x = program.process.symbol(library, "x").unwrap();
    assert_eq!(program.process.read(library, x, 1).unwrap(), [5]);
    assert!(program.trap("other").contains("type mismatch"));
}

#[test]
fn a_call_of_a_lazy_function_has_a_type() {
    let text = module(8, 2, r#", "lazy": [["f", 1, "lib"]]"#, "");
    let error = compile("main", &wasm(&text), &Options::default(), Emit::So);
    let error = error.unwrap_err().to_string();
    assert!(error.contains("lazy") && error.contains("type"), "{error}");
}

#[test]
fn code_addresses_do_not_overlap() {
    let keys = r#", "pc_end": 5000, "defun": [["lib_gpo", 0]]"#;
    let lib = format!(
        r#"(module (@custom "dyninfo" "{}")
        (import "sys" "gpo" (global $gpo i32))
        (func (export "f_0             ") (result i32) (global.get $gpo)))"#,
        escaped(&section(0, 1, keys))
    );
    let main = module(
        0,
        1,
        r#", "pc_end": 100, "libs": ["lib"], "refun": [["lib_gpo", 0]]"#,
        &format!(
            r#"(import "sys" "gpo" (global $gpo i32))
            (func (export "own") (result i32) (global.get $gpo))
            (func (export "lib") (result i32) {})"#,
            indirect(0)
        ),
    );
    let mut program = load(&main, &[("lib", &lib)]).unwrap();
    let (own, lib) = (program.call("own", &[]), program.call("lib", &[]));
    assert!(own > 0 && lib >= own + 100, "{own:#x} {lib:#x}");
}

#[test]
fn modules_of_both_conventions_use_each_others_symbols() {
    let lib = module(
        8,
        1,
        r#", "def": [["x", 16388]], "defun": [["double", 0]],
            "refun": [["twice", 0]]"#
            .replace(r#""refun": [["twice", 0]]"#, r#""ref": [["y", 16384]]"#)
            .as_str(),
        r#"(data (offset (i32.add (global.get $got) (i32.const 4))) "\05\00\00\00")
        (func (export "f_0             ") (param i32) (result i32)
          (i32.mul (local.get 0) (i32.load (i32.load (global.get $got)))))"#,
    );
    let main = r#"(module (@dylink.0 (mem-info (memory 8 2)) (needed "lib"))
        (import "env" "memory" (memory 0))
        (import "env" "__indirect_function_table" (table 0 funcref))
        (import "env" "__memory_base" (global $base i32))
        (import "env" "double" (func $double (param i32) (result i32)))
        (import "GOT.mem" "x" (global $x (mut i32)))
        (import "GOT.func" "double" (global $pointer (mut i32)))
        (type $f (func (param i32) (result i32)))
        (global (export "y") i32 (i32.const 4))
        (data (offset (global.get $base)) "\00\00\00\00\02\00\00\00")
        (func (export "direct") (result i32) (call $double (i32.load (global.get $x))))
        (func (export "indirect") (result i32)
          (call_indirect (type $f) (i32.const 21) (global.get $pointer))))"#;
    let mut program = load(main, &[("lib", &lib)]).unwrap();
    assert_eq!(program.call("direct", &[]), 10);
    assert_eq!(program.call("indirect", &[]), 42);
}

#[test]
fn every_binding_links_these_modules() {
    let sandbox = crate::common::Sandbox::new();
    sandbox.write("liba.wasm", wasm(&library()));
    let main = module(
        8,
        2,
        r#", "libs": ["liba.so"], "refun": [["get", 0]], "entry": 1, "ref": [["x", 16384]]"#,
        &format!(
            r#"(import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
            (func (export "f_1             ")
              (call $exit (i32.add {} (i32.load {}))))"#,
            indirect(0),
            word(0)
        ),
    );
    sandbox.write("main.wasm", wasm(&main));
    for options in [
        &["--bind=now"][..],
        &["--bind=lazy"],
        &["--bind=lazy", "--lazy-load"],
        &["--bind=direct"],
    ] {
        let mut line = vec!["run"];
        line.extend(options);
        line.push("main.wasm");
        let outcome = sandbox.wasmaot(&line);
        assert_eq!(outcome.code, Some(14), "{options:?} {outcome:?}");
    }
}

#[test]
fn references_are_explained() {
    let main = module(
        8,
        1,
        r#", "libs": ["liba"], "ref": [["x", 16384], ["nowhere", 16388]], "refun": [["get", 0]]"#,
        "",
    );
    let program = load(&main, &[("liba", &library())]).unwrap();
    let uses = |symbol: &str| {
        let uses = program.process.explain(symbol).uses.into_iter();
        let of_main = uses.filter(|u| u.object == "main");
        of_main.map(|u| (u.how, u.bound, u.why)).next().unwrap()
    };
    let (how, bound, _) = uses("x");
    assert_eq!((how, &*bound), ("has its value in a word", "liba"));
    let (how, bound, _) = uses("get");
    assert_eq!((how, &*bound), ("calls it through the table", "liba"));
    assert!(uses("nowhere").2.contains("waits"));
}

#[test]
fn a_call_of_data_is_an_error() {
    let main = module(8, 1, r#", "libs": ["liba"], "refun": [["x", 0]]"#, "");
    let error = load(&main, &[("liba", &library())]).err().unwrap();
    let error = error.to_string();
    assert!(
        error.contains("`x` as function") && error.contains("liba"),
        "{error}"
    );
}
