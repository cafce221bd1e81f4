//! Modules of the `dyninfo` convention: what the loader does in their memory
//! and table, how they mix with others, and how they open libraries. Every
//! process runs with the independent check on.

#![cfg(feature = "compiler")]

mod common;

use std::collections::HashMap;
use std::sync::Arc;

use wasmaot_compiler::{Emit, Options, compile};
use wasmaot_runtime::error::Error;
use wasmaot_runtime::{CallError, Config, Finder, InstanceId, Object, OpenFlags, Process, Val};

fn object_of(name: &str, wasm: &[u8]) -> Arc<Object> {
    let bytes = compile(name, wasm, &Options::default(), Emit::So);
    let bytes = bytes.unwrap_or_else(|e| panic!("{name}: {e}"));
    Arc::new(Object::from_bytes(name, &bytes, true).unwrap_or_else(|e| panic!("{e}")))
}

fn wasm(text: &str) -> Vec<u8> {
    wat::parse_str(text).unwrap_or_else(|e| panic!("{e}\n{text}"))
}

/// The libraries by name; builds modules from bytes.
struct Libraries(HashMap<String, Arc<Object>>);

impl Finder for Libraries {
    fn find(&mut self, name: &str, _: &Object) -> Result<Option<Arc<Object>>, Error> {
        Ok(self.0.get(name).cloned())
    }

    fn module(&mut self, name: &str, bytes: &[u8]) -> Result<Arc<Object>, Error> {
        match bytes.starts_with(b"\0asm") {
            true => Ok(object_of(name, bytes)),
            false => Err(Error::Object {
                file: name.to_owned(),
                reason: "no module".to_owned(),
            }),
        }
    }
}

struct Program {
    process: Process,
    main: InstanceId,
}

fn load(main: &str, libraries: &[(&str, &str)]) -> Result<Program, Error> {
    let config = Config {
        check: true,
        ..Config::default()
    };
    let libraries = libraries.iter();
    let libraries = libraries.map(|&(name, text)| (name.to_owned(), object_of(name, &wasm(text))));
    let mut process = Process::new(config)?;
    process.set_finder(Libraries(libraries.collect()));
    let main = process.load_program(object_of("main", &wasm(main)), &[])?;
    Ok(Program { process, main })
}

impl Program {
    fn call(&mut self, name: &str, args: &[i32]) -> i32 {
        match self.try_call(name, args) {
            Ok(value) => value,
            Err(error) => panic!("{name}: {error}"),
        }
    }

    fn try_call(&mut self, name: &str, args: &[i32]) -> Result<i32, CallError> {
        let args: Vec<Val> = args.iter().map(|&v| Val::I32(v)).collect();
        match self.process.invoke(self.main, name, &args)?[..] {
            [Val::I32(value)] => Ok(value),
            ref other => panic!("{name}: {other:?}"),
        }
    }

    fn trap(&mut self, name: &str) -> String {
        self.try_call(name, &[]).expect_err(name).to_string()
    }
}

const DATA: u32 = 0x4000;

/// Keys that every section has: `table` entries, `memory` bytes.
fn section(memory: u32, table: u32, keys: &str) -> String {
    let end = DATA + memory;
    format!(r#"{{"data": {DATA}, "data_end": {end}, "plt_end": {table}{keys}}}"#)
}

fn escaped(text: &str) -> String {
    text.bytes().map(|b| format!("\\{b:02x}")).collect()
}

/// A module; imports of the body come first in it.
fn module(memory: u32, table: u32, keys: &str, body: &str) -> String {
    let section = escaped(&section(memory, table, keys));
    format!(
        r#"(module (@custom "dyninfo" "{section}")
          (import "sys" "memory" (memory 0))
          (import "sys" "table" (table 0 funcref))
          (import "sys" "got" (global $got i32))
          (import "sys" "plt" (global $plt i32))
          {body})"#
    )
}

/// Loads the word at an offset of the module's memory.
fn word(at: u32) -> String {
    format!("(i32.load offset={at} (global.get $got))")
}

/// A library with `int x = 7`, its address in a word of its own, and
/// `int *address()`, `int get()`, `int set(int)`.
fn library() -> String {
    let keys = r#", "def": [["x@@V1", 16388]], "ref": [["x", 16384]],
        "defun": [["get", 0], ["address", 1], ["set", 2]]"#;
    let x = word(0);
    module(
        8,
        3,
        keys,
        &format!(
            r#"(data (offset (global.get $got)) "\00\00\00\00\07\00\00\00")
            (func (export "f_0             ") (result i32) (i32.load {x}))
            (func (export "f_1             ") (result i32) {x})
            (func (export "f_2             ") (param i32) (result i32)
              (i32.store {x} (local.get 0)) (i32.const 0))"#
        ),
    )
}

/// Calls entry `n` of the module's part of the table.
fn indirect(n: u32) -> String {
    format!("(call_indirect (result i32) (i32.add (global.get $plt) (i32.const {n})))")
}

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

/// Of a main with a word at 0: its content as an address.
const READ: &str = r#"(func (export "read") (result i32)
    (i32.load (i32.load (global.get $got))))
  (func (export "at") (result i32) (i32.load (global.get $got)))"#;

#[test]
fn a_copy_is_what_all_modules_mean() {
    let main = module(
        16,
        3,
        r#", "libs": ["liba.so", "libd"], "copy": [["x@V1", 16392, 4], ["d", 16396, 4]],
            "refun": [["address", 0], ["get", 1], ["d_at", 2]]"#,
        &format!(
            r#"(func (export "read") (param i32) (result i32)
                (i32.load (i32.add (global.get $got) (local.get 0))))
            (func (export "write") (param i32 i32) (result i32)
                (i32.store (i32.add (global.get $got) (local.get 0)) (local.get 1))
                (i32.const 0))
            (func (export "lib_at") (result i32) {})
            (func (export "lib_get") (result i32) {})
            (func (export "d_is_at") (result i32) {})
            (func (export "base") (result i32) (global.get $got))"#,
            indirect(0),
            indirect(1),
            indirect(2),
        ),
    );
    // One of another convention, whose word is written by its own code.
    let dylink = r#"(module (@dylink.0 (mem-info (memory 8 2)))
        (import "env" "memory" (memory 0))
        (import "env" "__memory_base" (global $base i32))
        (import "GOT.mem" "d" (global $d (mut i32)))
        (global (export "d") i32 (i32.const 4))
        (func (export "__wasm_apply_data_relocs")
          (i32.store offset=4 (global.get $base) (i32.const 99)))
        (func (export "d_at") (result i32) (global.get $d)))"#;
    let libraries = [("liba.so", library()), ("libd", dylink.to_owned())];
    let libraries = libraries.each_ref().map(|(name, text)| (*name, &**text));
    let mut program = load(&main, &libraries).unwrap();
    assert_eq!(program.call("read", &[8]), 7);
    assert_eq!(program.call("read", &[12]), 99);
    let base = program.call("base", &[]);
    assert_eq!(program.call("lib_at", &[]), base + 8);
    assert_eq!(program.call("d_is_at", &[]), base + 12);
    program.call("write", &[8, 11]);
    assert_eq!(program.call("lib_get", &[]), 11);
}

#[test]
fn a_librarys_copy_is_used_by_earlier_ones_too() {
    let copier = module(
        8,
        1,
        r#", "copy": [["x", 16384, 4]], "defun": [["own", 0]]"#,
        r#"(func (export "f_0             ") (result i32) (global.get $got))"#,
    );
    let main = module(
        8,
        3,
        r#", "libs": ["liba.so", "libc.so"], "ref": [["x", 16384]],
            "refun": [["address", 0], ["own", 1]]"#,
        &format!(
            r#"{READ} (func (export "lib_at") (result i32) {})
            (func (export "own_at") (result i32) {})"#,
            indirect(0),
            indirect(1)
        ),
    );
    let libraries = [("liba.so", library()), ("libc.so", copier)];
    let libraries = libraries.each_ref().map(|(name, text)| (*name, &**text));
    let mut program = load(&main, &libraries).unwrap();
    assert_eq!(program.call("read", &[]), 7);
    let at = program.call("at", &[]);
    assert_eq!(program.call("own_at", &[]), at);
    assert_eq!(program.call("lib_at", &[]), at);
}

#[test]
fn a_copy_of_nothing_is_an_error() {
    let main = module(8, 0, r#", "copy": [["nothing", 16384, 4]]"#, "");
    let error = load(&main, &[]).err().unwrap().to_string();
    assert!(
        error.contains("nothing") && error.contains("data symbol"),
        "{error}"
    );
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
fn functions_of_sys() {
    let main = module(
        8,
        1,
        "",
        r#"(import "sys" "truncdfsi" (func $trunc (param f64) (result i32)))
        (import "sys" "null" (func $null (param i32 i64) (result i32)))
        (import "sys" "trace" (func $trace (param i32)))
        (import "sys" "eh_return" (func $eh (param i32 i32 i32)))
        (func (export "trunc") (result i32) (call $trunc (f64.const -2.9)))
        (func (export "huge") (result i32)
          (call $trace (i32.const 1)) (call $trunc (f64.const 1e30)))
        (func (export "null") (result i32) (call $null (i32.const 1) (i64.const 2)))
        (func (export "eh") (result i32)
          (call $eh (i32.const 1) (i32.const 2) (i32.const 3)) (i32.const 0))"#,
    );
    let mut program = load(&main, &[]).unwrap();
    assert_eq!(program.call("trunc", &[]), -2);
    assert_eq!(program.call("huge", &[]), i32::MAX);
    assert!(program.trap("null").contains("empty slot"));
    assert!(program.trap("eh").contains("eh_return"));

    let unknown = module(8, 1, "", r#"(import "sys" "mystery" (func))"#);
    let error = load(&unknown, &[]).err().unwrap().to_string();
    assert!(error.contains("sys.mystery"), "{error}");
}

#[test]
fn the_program_starts_with_its_entry() {
    let main = |keys: &str, more: &str| {
        module(
            8,
            2,
            keys,
            &format!(
                r#"(func (export "f_1             ") (param i32 f64 i64) (result i32)
                  (i32.store (global.get $got)
                    (i32.add (i32.const 5) (i32.add (local.get 0)
                      (i32.add (i32.trunc_f64_s (local.get 1)) (i32.wrap_i64 (local.get 2))))))
                  (i32.const 3))
                (func (export "started") (result i32) (i32.load (global.get $got))) {more}"#
            ),
        )
    };
    let exported = r#"(global (export "entry") i32 (i32.const 1))"#;
    for (keys, more) in [(r#", "entry": 1"#, ""), ("", exported)] {
        let mut program = load(&main(keys, more), &[]).unwrap();
        program.process.start(program.main).unwrap();
        assert_eq!(program.call("started", &[]), 5);
    }
    let mut program = load(&main(r#", "entry": -1"#, ""), &[]).unwrap();
    let error = program.process.start(program.main).unwrap_err();
    assert!(error.to_string().contains("_start"), "{error}");
}

#[test]
fn bad_sections_are_refused_by_name() {
    let with = |keys: &str, body: &str| module(8, 2, keys, body);
    let f = r#"(func (export "f_0             "))"#;
    let own_memory = format!(
        r#"(module (@custom "dyninfo" "{}") (memory 1))"#,
        escaped(&section(0, 0, ""))
    );
    let no_json = r#"(module (@custom "dyninfo" "{\22ref\22: 1}"))"#.to_owned();
    for (text, reason) in [
        (no_json, "expected a sequence at line 1 column 9"),
        (with(r#", "fixup": [[16384]]"#, ""), "a tuple of size 2"),
        (with(r#", "ref": [["x", 16389]]"#, ""), "`ref` at 0x4005"),
        (with(r#", "defun": [["f", 1]]"#, f), "not exported as f_1"),
        (with(r#", "defun": [["f", 7]]"#, f), "beyond `plt_end`"),
        (with(r#", "entry": 1"#, f), "`entry` of function 1"),
        (
            with("", r#"(func (export "f_2             "))"#),
            "beyond `plt_end`",
        ),
        (
            with("", r#"(func (export "f_0 ") (export "f_00"))"#),
            "two exports",
        ),
        (own_memory, "sys.memory"),
    ] {
        let error = compile("bad.wasm", &wasm(&text), &Options::default(), Emit::So);
        let error = error.expect_err(reason).to_string();
        assert!(error.contains(reason), "{error}");
        assert!(
            error.contains("bad.wasm") && error.contains("dyninfo"),
            "{error}"
        );
        assert!(!error.contains('\n'), "{error}");
    }
}

/// A main that can call `thinthin` with strings and bytes of its memory, which
/// begins with these words.
fn opener(memory: u32, strings: &[(u32, &str)], imports: &str, body: &str) -> String {
    let data = strings.iter().map(|(at, text)| {
        format!(
            r#"(data (offset (i32.add (global.get $got) (i32.const {at}))) "{}\00")"#,
            text.bytes()
                .map(|b| format!("\\{b:02x}"))
                .collect::<String>()
        )
    });
    let data: String = data.collect();
    module(
        memory,
        1,
        r#", "refun": [["get", 0]]"#,
        &format!(
            r#"{imports} {data} {body}
            (func (export "base") (result i32) (global.get $got))
            (func (export "lib") (result i32) {})"#,
            indirect(0)
        ),
    )
}

#[test]
fn a_library_is_opened_for_all() {
    let main = opener(
        64,
        &[(0, "outer"), (16, "x"), (32, "nowhere.so"), (48, "nothing")],
        r#"(import "thinthin" "dlopen" (func $open (param i64) (result i64)))
        (import "thinthin" "dlsym" (func $sym (param i64) (result i64)))
        (import "thinthin" "dlsym" (func $sym_in (param i32 i32) (result i32)))"#,
        r#"(func $pointer (param i32) (result i64)
          (i64.extend_i32_u (i32.add (global.get $got) (local.get 0))))
        (func (export "open") (param i32) (result i32)
          (i32.wrap_i64 (call $open (call $pointer (local.get 0)))))
        (func (export "sym") (param i32) (result i32)
          (i32.wrap_i64 (call $sym (call $pointer (local.get 0)))))
        (func (export "sym_in") (param i32 i32) (result i32)
          (call $sym_in (local.get 0) (i32.add (global.get $got) (local.get 1))))"#,
    );
    let needs = module(8, 0, r#", "libs": ["liba.so"]"#, "");
    let libraries = [("liba.so", library()), ("outer", needs)];
    let libraries = libraries.each_ref().map(|(name, text)| (*name, &**text));
    let mut program = load(&main, &libraries).unwrap();
    assert_eq!(program.call("sym", &[16]), 0);
    assert_eq!(program.call("open", &[32]), 0, "nowhere");
    let handle = program.call("open", &[0]);
    assert_ne!(handle, 0);
    assert_eq!(program.call("lib", &[]), 7, "what waited");
    let x = program.call("sym", &[16]);
    assert_ne!(x, 0);
    assert_eq!(program.call("sym_in", &[handle, 16]), x);
    assert_eq!(program.call("sym", &[48]), 0);
    assert_eq!(program.call("sym_in", &[12345, 16]), 0, "no handle");
}

/// Imports and exports of a program with a `dlopen` of its own.
const PARTS: (&str, &str) = (
    r#"(import "thinthin" "dlload" (func $load (param i32 i32 i32) (result i32)))
    (import "thinthin" "dlreaddep" (func $dep (param i32 i32 i32) (result i32)))
    (import "thinthin" "dlinstantiate" (func $make (param i32 i32) (result i32)))
    (import "thinthin" "dlsym" (func $sym (param i32 i32) (result i32)))"#,
    r#"(func (export "load") (param i32 i32 i32) (result i32)
      (call $load (local.get 0) (local.get 1) (local.get 2)))
    (func (export "dep") (param i32 i32 i32) (result i32)
      (call $dep (local.get 0) (local.get 1) (local.get 2)))
    (func (export "make") (param i32 i32) (result i32)
      (call $make (local.get 0) (local.get 1)))
    (func (export "sym") (param i32 i32) (result i32)
      (call $sym (local.get 0) (local.get 1)))"#,
);

#[test]
fn a_program_opens_modules_in_memory_of_its_own() {
    let main = opener(65536, &[(0, "x"), (8, "get")], PARTS.0, PARTS.1);
    let mut program = load(&main, &[]).unwrap();
    let base = program.call("base", &[]);
    let put = |program: &mut Program, at: i32, bytes: &[u8]| {
        let id = program.main;
        program.process.write(id, at as u64, bytes).unwrap();
        bytes.len() as i32
    };
    let get = |program: &Program, at: i32, len: u64| {
        let bytes = program.process.read(program.main, at as u64, len);
        bytes.unwrap().to_vec()
    };
    let (needed, names, code) = (base + 32, base + 64, base + 4096);

    let outer = wasm(&module(8, 0, r#", "libs": ["liba.so", "libb.so"]"#, ""));
    let len = put(&mut program, code, &outer);
    let outer = program.call("load", &[code, len, 0]);
    assert_ne!(outer, 0);
    assert_eq!(program.call("dep", &[outer, names, 5]), 16);
    assert_eq!(get(&program, names, 6), b"liba.\0");
    assert_eq!(program.call("dep", &[outer, names, 100]), 16);
    assert_eq!(get(&program, names, 17), b"liba.so\0libb.so\0\0");

    let len = put(&mut program, code, &wasm(&library()));
    let lib = program.call("load", &[code, len, needed]);
    assert_ne!(lib, outer);
    assert_eq!(program.call("sym", &[lib, base]), 0, "not there yet");
    let size = u32::from_le_bytes(get(&program, needed, 4).try_into().unwrap());
    assert!((8..8 + 4096).contains(&size), "{size}");

    // As an allocator gives it, used before.
    let room = base + 32768 + 48;
    put(&mut program, room, &vec![0xff; size as usize]);
    assert_eq!(program.call("make", &[lib, room]), 1);
    let x = program.call("sym", &[lib, base]);
    assert!((room..room + size as i32).contains(&x), "{x:#x}");
    assert_eq!(get(&program, x, 4), [7, 0, 0, 0]);
    assert_ne!(program.call("sym", &[lib, base + 8]), 0);
    assert_eq!(program.call("lib", &[]), 7, "what waited");

    assert_eq!(program.call("make", &[lib, room]), 0, "twice");
    assert_eq!(program.call("make", &[12345, room]), 0, "no module");
    assert_eq!(program.call("make", &[outer, -8]), 0, "out of memory");
    let len = put(&mut program, code, b"\x7fELF and what follows");
    assert_eq!(program.call("load", &[code, len, 0]), 0, "native code");
}

#[test]
fn a_copy_gets_what_its_original_waits_for() {
    let lib = module(
        8,
        0,
        r#", "def": [["p", 16384]], "ref": [["x", 16384]]"#,
        "",
    );
    let main = module(
        8,
        0,
        r#", "libs": ["lib"], "copy": [["p", 16384, 4]]"#,
        READ,
    );
    let libraries = [("lib", lib), ("liba.so", library())];
    let libraries = libraries.each_ref().map(|(name, text)| (*name, &**text));
    let mut program = load(&main, &libraries).unwrap();
    assert_eq!(program.call("at", &[]), 0);
    let global = OpenFlags {
        global: true,
        ..OpenFlags::default()
    };
    program.process.open("liba.so", global).unwrap();
    assert_eq!(program.call("read", &[]), 7);
}

#[test]
fn rounds_of_opening_and_closing_leave_nothing() {
    let main = module(8, 0, "", "");
    let plug = module(
        4096,
        3,
        r#", "pc_end": 1073741824, "ref": [["x", 16384], ["nothing", 16388]],
            "def": [["x", 16392]], "lazy": [["y", 1, "nowhere"]]"#,
        &format!(r#"(func (export "z") (result i32) {})"#, indirect(0)),
    );
    let mut program = load(&main, &[("plug", &plug)]).unwrap();
    let mut last = None;
    for _ in 0..50 {
        let plug = program.process.open("plug", OpenFlags::default()).unwrap();
        let x = program.process.symbol(plug, "x").unwrap();
        assert_eq!(*last.get_or_insert(x), x);
        program.process.close(plug).unwrap().unwrap();
    }
}

const HELLO: &str = r#"
  (import "wasi_snapshot_preview1" "fd_write"
    (func $write (param i32 i32 i32 i32) (result i32)))
  (func $say (param $at i32) (param $len i32)
    (i32.store (global.get $got) (local.get $at))
    (i32.store offset=4 (global.get $got) (local.get $len))
    (drop (call $write (i32.const 1) (global.get $got) (i32.const 1)
      (i32.add (global.get $got) (i32.const 8)))))"#;

#[test]
fn a_program_runs_from_the_command_line() {
    let sandbox = common::Sandbox::new();
    // The library is found by the name of its module.
    sandbox.write("liba.wasm", wasm(&library()));
    let main = module(
        32,
        2,
        r#", "libs": ["liba.so"], "refun": [["get", 0]], "entry": 1"#,
        &format!(
            r#"{HELLO} (data (offset (i32.add (global.get $got) (i32.const 16))) "0\0a")
            (func (export "f_1             ") (param i32 i32) (result i32)
              (i32.store8 offset=16 (global.get $got)
                (i32.add (i32.const 48) {}))
              (call $say (i32.add (global.get $got) (i32.const 16)) (i32.const 2))
              (i32.const 9))"#,
            indirect(0)
        ),
    );
    sandbox.write("main.wasm", wasm(&main));
    assert_eq!(sandbox.wasmaot(&["run", "main.wasm"]).success(), "7\n");
    sandbox.wasmaot(&["build", "main.wasm"]).success();
    assert_eq!(sandbox.wasmaot(&["run", "main.wasm.elf"]).success(), "7\n");
    let listed = sandbox.wasmaot(&["ldd", "main.wasm"]).success();
    assert!(listed.contains("liba.wasm"), "{listed}");
}

/// A program that makes a module of bytes, and exits with what its `get` says.
fn builder(plug: &[u8]) -> Vec<u8> {
    let bytes: String = plug.iter().map(|b| format!("\\{b:02x}")).collect();
    let (imports, len) = (PARTS.0, plug.len());
    let main = module(
        32768,
        2,
        r#", "refun": [["get", 1]], "entry": 0"#,
        &format!(
            r#"{imports}
            (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
            (data (offset (i32.add (global.get $got) (i32.const 64))) "{bytes}")
            (func (export "f_0             ")
              (local $module i32)
              (local.set $module (call $load
                (i32.add (global.get $got) (i32.const 64)) (i32.const {len})
                (i32.add (global.get $got) (i32.const 16))))
              (drop (call $make (local.get $module)
                (i32.add (global.get $got) (i32.const 8192))))
              (call $exit {}))"#,
            indirect(1)
        ),
    );
    wasm(&main)
}

#[test]
fn a_program_builds_modules_at_run_time() {
    let sandbox = common::Sandbox::new();
    sandbox.write("main.wasm", builder(&wasm(&library())));
    let outcome = sandbox.wasmaot(&["run", "main.wasm"]);
    assert_eq!(outcome.code, Some(7), "{outcome:?}");
}

#[test]
fn a_module_built_at_run_time_opens_no_more_than_its_program() {
    let sandbox = common::Sandbox::new();
    let plug = module(
        16,
        1,
        r#", "defun": [["get", 0]]"#,
        r#"(import "thinthin" "dlopen" (func $open (param i32) (result i32)))
        (data (offset (global.get $got)) "./liba.wasm\00")
        (func (export "f_0             ") (result i32)
          (i32.ne (call $open (global.get $got)) (i32.const 0)))"#,
    );
    std::fs::create_dir(sandbox.path("program")).unwrap();
    sandbox.write("program/main.wasm", builder(&wasm(&plug)));
    sandbox.write("liba.wasm", wasm(&library()));
    let code = |line: &[&str]| sandbox.wasmaot(line).code;
    assert_eq!(code(&["run", "program/main.wasm"]), Some(0));
    assert_eq!(code(&["run", "--dir", ".", "program/main.wasm"]), Some(1));
}

#[test]
fn any_module_is_shown_in_this_form() {
    let sandbox = common::Sandbox::new();
    sandbox.write(
        "lib.wat",
        r#"(module (@dylink.0 (mem-info (memory 10 2) (table 2 0)) (needed "libc.so" "libm.so"))
        (import "env" "memory" (memory 0))
        (import "env" "__indirect_function_table" (table 0 funcref))
        (import "env" "__memory_base" (global $base i32))
        (import "env" "__table_base" (global $table i32))
        (import "env" "puts" (func $puts (param i32) (result i32)))
        (import "wasi_snapshot_preview1" "proc_exit" (func (param i32)))
        (import "GOT.mem" "stdout" (global $stdout (mut i32)))
        (import "GOT.func" "qsort" (global $qsort (mut i32)))
        (global (export "x") i32 (i32.const 4))
        (elem (offset (i32.add (global.get $table) (i32.const 1))) $f)
        (func $f (export "f"))
        (func (export "g") (drop (call $puts (i32.const 0)))))"#,
    );
    let text = sandbox
        .wasmaot(&["inspect", "--dyninfo", "lib.wat"])
        .success();
    let want = r#"{
"data": 16384,
"data_end": 16404,
"def": [
  ["x",16388]],
"defun": [
  ["f",1],
  ["g",2]],
"entry": -1,
"libs": [
  "libc.so",
  "libm.so"],
"pc_end": 0,
"plt_bias": 0,
"plt_end": 4,
"ref": [
  ["stdout",16396],
  ["qsort",16400]],
"refun": [
  ["puts",3]]
}
"#;
    assert_eq!(text, want);

    // What is shown is a section: a module that has it is shown the same.
    let again = format!(r#"(module (@custom "dyninfo" "{}"))"#, escaped(&text));
    sandbox.write("again.wat", &again);
    let again = sandbox
        .wasmaot(&["inspect", "--dyninfo", "again.wat"])
        .success();
    assert_eq!(again, want);
    sandbox.write("a.wat", library());
    let a = sandbox
        .wasmaot(&["inspect", "--dyninfo", "a.wat"])
        .success();
    assert!(
        a.contains(
            r#""def": [
  ["x@@V1",16388]]"#
        ),
        "{a}"
    );
    let listed = sandbox.wasmaot(&["inspect", "a.wat"]).success();
    assert!(listed.contains("a.wat: dyninfo"), "{listed}");

    sandbox.wasmaot(&["build", "a.wat"]).success();
    sandbox
        .wasmaot(&["inspect", "--dyninfo", "a.wat.elf"])
        .error(1, &["a.wat.elf", "module"]);
}

#[test]
fn a_copy_that_its_library_does_not_use_is_an_error() {
    let lib = module(
        8,
        0,
        r#", "def": [["x", 16388]], "fixup": [[16384, 16388]]"#,
        "",
    );
    let main = module(8, 0, r#", "libs": ["lib"], "copy": [["x", 16384, 4]]"#, "");
    let error = load(&main, &[("lib", &lib)]).err().unwrap().to_string();
    assert!(error.contains("`x`") && error.contains("copy"), "{error}");
}

#[test]
fn a_main_with_copies_is_shown_with_them() {
    let sandbox = common::Sandbox::new();
    sandbox.write(
        "main.wat",
        r#"(module (@dylink.0 (needed "liba.so")) (@custom "wasmaot.copy" "\01x\04\02\00")
        (memory (export "memory") 1)
        (table (export "__indirect_function_table") 2 funcref)
        (global (export "x") i32 (i32.const 2048))
        (global (export "y") i32 (i32.const 1024))
        (global (export "__stack_pointer") (mut i32) (i32.const 1024))
        (data (i32.const 1024) "0123")
        (elem (i32.const 1) $start)
        (func $start (export "_start")))"#,
    );
    let text = sandbox.wasmaot(&["inspect", "--dyninfo", "main.wat"]);
    let text = text.success();
    for line in [
        "\"copy\": [\n  [\"x\",18432,4]]",
        "\"def\": [\n  [\"y\",17408]]",
        "\"data_end\": 18436",
        "\"entry\": 1",
        "\"plt_end\": 2",
    ] {
        assert!(text.contains(line), "{line}\n{text}");
    }
}

#[test]
fn a_program_ends_by_a_system_call() {
    let sandbox = common::Sandbox::new();
    let main = module(
        8,
        1,
        r#", "entry": 0"#,
        r#"(import "thinthin" "syscall"
          (func $syscall (param i64 i64 i64 i64 i64 i64 i64) (result i64)))
        (data (offset (global.get $got)) "hello\0a")
        (func (export "f_0             ") (param i32 i32 i32) (result i32)
          (drop (call $syscall (i64.const 1) (i64.const 1)
            (i64.extend_i32_u (global.get $got)) (i64.const 6)
            (i64.const 0) (i64.const 0) (i64.const 0)))
          (drop (call $syscall (i64.const 60) (i64.const 42) (i64.const 0)
            (i64.const 0) (i64.const 0) (i64.const 0) (i64.const 0)))
          (i32.const 1))"#,
    );
    sandbox.write("main.wasm", wasm(&main));
    let outcome = sandbox.wasmaot(&["run", "main.wasm"]);
    assert_eq!(outcome.code, Some(42), "{outcome:?}");
    assert_eq!(outcome.stdout, "hello\n");
}

#[test]
fn every_binding_links_these_modules() {
    let sandbox = common::Sandbox::new();
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

#[test]
fn absurd_sizes_are_refused() {
    let sandbox = common::Sandbox::new();
    let huge = u32::MAX;
    for (keys, text) in [
        (format!(r#""plt_end": {huge}, "data_end": 16384"#), "table"),
        (format!(r#""plt_end": 0, "data_end": {huge}"#), "memory"),
    ] {
        let section = escaped(&format!(r#"{{"data": 16384, {keys}}}"#));
        let main = format!(
            r#"(module (@custom "dyninfo" "{section}") (import "sys" "memory" (memory 0)))"#
        );
        sandbox.write("main.wat", &main);
        let shown = sandbox.wasmaot(&["inspect", "--dyninfo", "main.wat"]);
        shown.success();
        sandbox
            .wasmaot(&["run", "main.wat"])
            .error(1, &["main.wat", text]);
    }
    let main = module(8, 1, r#", "pc_end": 4294967295"#, "");
    let error = load(&main, &[]).err().unwrap().to_string();
    assert!(error.contains("code addresses"), "{error}");
    let dylink = format!(
        r#"(module (@dylink.0 (mem-info (memory {huge} 0) (table {huge} 0)))
        (import "env" "memory" (memory 0))
        (import "env" "f" (func))
        (import "GOT.mem" "x" (global (mut i32))) (import "GOT.mem" "y" (global (mut i32)))
        (func (export "g")))"#
    );
    sandbox.write("lib.wat", dylink);
    let shown = sandbox.wasmaot(&["inspect", "--dyninfo", "lib.wat"]);
    assert!(shown.success().contains("\"plt_end\": 4294967295"));
}
