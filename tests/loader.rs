//! The dynamic linker on modules as text: what is bound to what, and how it
//! fails. Every process runs with the independent check on.

#![cfg(feature = "compiler")]

mod common;

use std::sync::Arc;

use wasmaot_abi::info::ModuleInfo;
use wasmaot_abi::object::Note;
use wasmaot_abi::types::{FuncType, ValType};
use wasmaot_compiler::{Emit, Options, compile};
use wasmaot_runtime::error::Error;
use wasmaot_runtime::trap::TrapReason;
use wasmaot_runtime::{
    CallError, Caller, Category, Config, HostFunction, InstanceId, Object, OpenFlags, Process,
    Unresolved, Val,
};

use common::program::{config, dylink, load, load_with, module, object};

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
    let memory = program.process.memory(program.main);
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
    let memory = program.process.memory(program.main);
    assert_eq!(&memory[..10], b"akxblycmz\0");
}

#[test]
fn marks_of_the_heap_are_the_loaders() {
    let main = r#"
      (import "env" "lib_heap" (func $heap (result i32)))
      (import "env" "lib_end" (func $end (result i32)))
      (memory (export "memory") 1)
      (table (export "__indirect_function_table") 3 funcref)
      (global (export "__stack_pointer") (mut i32) (i32.const 2048))
      (global (export "__heap_base") i32 (i32.const 3000))
      (data (i32.const 2048) "abc")
      (elem (i32.const 1) $one)
      (func $one (result i32) (i32.const 1))
      (func (export "heap") (result i32) (call $heap))
      (func (export "end") (result i32) (call $end))
      (func (export "size") (result i32) (memory.size))
      (func (export "sp") (result i32) (global.get 0))
    "#;
    let main = format!("(module {} {main})", dylink(0, 0, &["lib"]));
    let lib = module(
        5000,
        2,
        &[],
        r#"
        (import "GOT.mem" "__heap_base" (global $base (mut i32)))
        (import "GOT.mem" "__heap_end" (global $end (mut i32)))
        (func (export "lib_heap") (result i32) (global.get $base))
        (func (export "lib_end") (result i32) (global.get $end))
        "#,
    );
    let mut program = load(&main, &[("lib", &lib)], config()).unwrap();
    let map: Vec<_> = program
        .process
        .link_map()
        .map(|e| (e.memory_base, e.table_base))
        .collect();
    assert_eq!(map, [(0, 0), (4096, 3)]);
    assert_eq!(program.call("heap", &[]), 9104);
    let size = program.call("size", &[]);
    assert_eq!(program.call("end", &[]), size * 65536);
    assert!(size >= 2, "some heap");
    assert_eq!(program.call("sp", &[]), 2048);
    assert_eq!(&program.process.memory(program.main)[2048..2051], b"abc");
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
        (func (export "call") (call $gone (i32.const 1)))
        (func (export "addresses") (result i32) (i32.or (global.get $data) (global.get $pointer)))
        "#,
    );
    let error = load(&main, &[], config()).err().unwrap();
    let Error::Unresolved(list) = &error else {
        panic!("{error}");
    };
    let names: Vec<_> = list.iter().map(|u| u.name.as_str()).collect();
    assert_eq!(names, ["gone", "lost", "data", "gone"]);

    let warnings = std::rc::Rc::new(std::cell::Cell::new(0));
    let count = std::rc::Rc::clone(&warnings);
    let config = Config {
        unresolved: Unresolved::Warn,
        trace: Some(Box::new(move |category, _| {
            if category == Category::Warning {
                count.set(count.get() + 1);
            }
        })),
        ..config()
    };
    let mut program = load(&main, &[], config).unwrap();
    assert_eq!(warnings.get(), 4);
    assert_eq!(program.call("addresses", &[]), 0);
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

fn instantiate(process: &mut Process, name: &str, text: &str) -> Result<InstanceId, Error> {
    process.instantiate(object(name, text), Some(name))
}

#[test]
fn core_modules_have_domains_of_their_own() {
    let mut process = Process::new(config()).unwrap();
    let a = instantiate(
        &mut process,
        "a",
        r#"(module
          (memory (export "mem") 1)
          (table (export "tab") 4 funcref)
          (global $count (export "count") (mut i32) (i32.const 0))
          (data (i32.const 0) "A")
          (elem (i32.const 1) $peek)
          (func $peek (export "peek") (result i32)
            (global.set $count (i32.add (global.get $count) (i32.const 1)))
            (i32.load8_u (i32.const 0)))
          (func (export "at") (param i32) (result i32) (call_indirect (result i32) (local.get 0)))
          (func (export "many") (param i64 i64 i64 i64 i64 i64 i64 i64) (result i64)
            (i64.add (local.get 7) (i64.load8_u (i32.const 0)))))"#,
    )
    .unwrap();
    let b = instantiate(
        &mut process,
        "b",
        r#"(module
          (import "a" "peek" (func $peek (result i32)))
          (import "a" "tab" (table $tab 4 funcref))
          (import "a" "many" (func $many (param i64 i64 i64 i64 i64 i64 i64 i64) (result i64)))
          (memory 1)
          (data (i32.const 0) "B")
          (elem (i32.const 2) $own)
          (func $own (result i32) (i32.load8_u (i32.const 0)))
          (func (export "theirs") (result i32) (call $peek))
          (func (export "own") (result i32) (call $own))
          (func (export "indirect") (param i32) (result i32) (call_indirect $tab (result i32) (local.get 0)))
          (func (export "many") (result i64)
            (call $many (i64.const 1) (i64.const 2) (i64.const 3) (i64.const 4) (i64.const 5)
              (i64.const 6) (i64.const 7) (i64.const 8)))
          (export "again" (func $peek)))"#,
    )
    .unwrap();
    let c = instantiate(
        &mut process,
        "c",
        r#"(module
          (import "a" "mem" (memory 1))
          (import "b" "again" (func $peek (result i32)))
          (import "a" "count" (global (mut i32)))
          (func (export "run") (result i32)
            (i32.store8 (i32.const 0) (i32.const 67))
            (drop (memory.grow (i32.const 1)))
            (call $peek))
          (func (export "size") (result i32) (memory.size)))"#,
    )
    .unwrap();
    let mut call = |id, name, args: &[Val]| process.invoke(id, name, args).unwrap()[0];
    assert_eq!(call(b, "theirs", &[]), Val::I32(65));
    assert_eq!(call(b, "own", &[]), Val::I32(66));
    assert_eq!(call(b, "indirect", &[Val::I32(1)]), Val::I32(65));
    assert_eq!(call(b, "indirect", &[Val::I32(2)]), Val::I32(66));
    assert_eq!(call(a, "at", &[Val::I32(1)]), Val::I32(65));
    assert_eq!(
        call(a, "at", &[Val::I32(2)]),
        Val::I32(66),
        "b's function in its own domain"
    );
    assert_eq!(call(b, "many", &[]), Val::I64(8 + 65));
    assert_eq!(call(b, "again", &[]), Val::I32(65));
    assert_eq!(call(c, "run", &[]), Val::I32(67));
    assert_eq!(call(c, "size", &[]), Val::I32(2));
    assert_eq!(process.global_get(a, "count"), Some(Val::I32(5)));
    assert_eq!(process.memory(a).len(), 131_072);
    let trap = process.invoke(b, "indirect", &[Val::I32(3)]).unwrap_err();
    let CallError::Trap(trap) = trap else {
        panic!()
    };
    let TrapReason::Code(code) = trap.reason else {
        panic!()
    };
    assert_eq!(code.name(), "uninitialized element");
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
    assert_eq!(process.memory(a).len(), 65536);
    instantiate(
        &mut process,
        "c",
        r#"(module (import "a" "mem" (memory 1 3)))"#,
    )
    .unwrap();
}

#[test]
fn memories_and_tables_beside_the_first() {
    let mut process = Process::new(config()).unwrap();
    let a = instantiate(
        &mut process,
        "a",
        r#"(module
          (table $t (export "t") 2 3 externref)
          (table $f (export "f") 2 funcref)
          (func $g (result i32) (i32.const 9))
          (elem (table $f) (i32.const 1) func $g)
          (func (export "set") (param externref) (table.set $t (i32.const 1) (local.get 0)))
          (func (export "get") (result externref) (table.get $t (i32.const 1)))
          (func (export "grow") (result i32) (table.grow $t (ref.null extern) (i32.const 1)))
          (func (export "call") (result i32) (call_indirect $f (result i32) (i32.const 1))))"#,
    )
    .unwrap();
    process.invoke(a, "set", &[Val::ExternRef(77)]).unwrap();
    let mut call = |name| process.invoke(a, name, &[]).unwrap()[0];
    assert_eq!(call("get"), Val::ExternRef(77));
    assert_eq!(call("grow"), Val::I32(2));
    assert_eq!(call("grow"), Val::I32(-1));
    assert_eq!(call("call"), Val::I32(9));
}

#[test]
fn no_limit_on_tables_is_the_limit_of_wasm() {
    let unlimited = Config {
        max_table: u64::MAX,
        ..config()
    };
    let mut process = Process::new(unlimited).unwrap();
    let text = r#"(module
      (table $a 1 funcref) (table $b 1 externref)
      (func (export "a") (result i32) (table.grow $a (ref.null func) (i32.const -1)))
      (func (export "b") (result i32) (table.grow $b (ref.null extern) (i32.const -1))))"#;
    let id = instantiate(&mut process, "a", text).unwrap();
    for name in ["a", "b"] {
        let grown = process.invoke(id, name, &[]).unwrap();
        assert_eq!(grown, [Val::I32(-1)], "{name}");
    }
}

#[test]
fn libraries_keep_off_the_memory_of_a_main_that_marks_no_heap() {
    let main = format!(
        r#"(module {}
          (memory (export "memory") 2)
          (global (export "__stack_pointer") (mut i32) (i32.const 70000))
          (data (i32.const 1024) "some data"))"#,
        dylink(0, 0, &["lib"])
    );
    let lib = module(16, 0, &[], "");
    let program = load(&main, &[("lib", &lib)], config()).unwrap();
    let bases: Vec<u64> = program.process.link_map().map(|e| e.memory_base).collect();
    assert!(bases[1] >= 2 * 65536, "{bases:?}");
}

/// Two function types of one identity, found by trying.
const TWINS: [&str; 2] = [
    "(param i64 i64 f64 i64 i64 f64 f32)",
    "(param f64 i32 i32 f64 f32 i64 f64 i64 i64)",
];

#[test]
fn types_of_one_identity_never_meet() {
    let [one, other] = TWINS;
    let both = format!(
        r#"(module
          (type $other (func {other}))
          (table 1 funcref)
          (elem (i32.const 0) $f)
          (func $f {one})
          (func (export "confuse")
            (call_indirect (type $other)
              (f64.const 0) (i32.const 0) (i32.const 0) (f64.const 0) (f32.const 0)
              (i64.const 0) (f64.const 0) (i64.const 0) (i64.const 0)
              (i32.const 0))))"#
    );
    let wasm = wat::parse_str(both).unwrap();
    let error = compile("both", &wasm, &Options::default(), Emit::So).unwrap_err();
    assert!(error.to_string().contains("same identity"), "{error}");

    // The type that code alone names counts across objects too.
    let mut process = Process::new(config()).unwrap();
    let table = format!(
        r#"(module (table (export "t") 1 funcref) (elem (i32.const 0) $f) (func $f {one}))"#
    );
    instantiate(&mut process, "a", &table).unwrap();
    let caller = format!(
        r#"(module (import "a" "t" (table 1 funcref)) (type $other (func {other}))
          (func (export "confuse")
            (call_indirect (type $other)
              (f64.const 0) (i32.const 0) (i32.const 0) (f64.const 0) (f32.const 0)
              (i64.const 0) (f64.const 0) (i64.const 0) (i64.const 0)
              (i32.const 0))))"#
    );
    let error = instantiate(&mut process, "b", &caller).unwrap_err();
    assert!(matches!(error, Error::TypeCollision { .. }), "{error}");
}

#[test]
fn a_type_is_not_a_hosts_of_the_same_identity() {
    use ValType::{F32, F64, I64};
    let mut process = Process::new(config()).unwrap();
    let ty = FuncType::new([I64, I64, F64, I64, I64, F64, F32], []);
    let nothing = |_: &mut Caller<'_>, _: &[Val], _: &mut [Val]| Ok(());
    process.add_host_functions([HostFunction::new("host", "f", ty, nothing)]);
    let text = format!(r#"(module (import "host" "f" (func {})))"#, TWINS[1]);
    let error = instantiate(&mut process, "a", &text).unwrap_err();
    assert!(matches!(error, Error::TypeCollision { .. }), "{error}");
}

#[test]
fn the_address_of_an_adapted_host_function_is_the_adapters() {
    let main = module(
        0,
        0,
        &[],
        r#"
        (import "env" "wide" (func $wide (param i32 i32) (result i32)))
        (import "GOT.func" "wide" (global $wide_at (mut i32)))
        (func (export "direct") (param i32 i32) (result i32)
          (call $wide (local.get 0) (local.get 1)))
        (func (export "indirect") (param i32 i32) (result i32)
          (call_indirect (param i32 i32) (result i32)
            (local.get 0) (local.get 1) (global.get $wide_at)))
        "#,
    );
    let ty = FuncType::new([ValType::I64], [ValType::I32]);
    let high = |_: &mut Caller<'_>, args: &[Val], results: &mut [Val]| {
        if let Val::I64(value) = args[0] {
            results[0] = Val::I32((value >> 32) as i32);
        }
        Ok(())
    };
    let hosts = vec![HostFunction::new("env", "wide", ty, high)];
    let mut program = load_with(&main, &[], &[], config(), hosts).unwrap();
    assert_eq!(program.call("direct", &[1, 7]), 7);
    assert_eq!(program.call("indirect", &[1, 9]), 9);
}

/// Damage that the hash does not show: what is read must still be checked.
fn damage(text: &str, load: impl Fn(Process, Arc<Object>) -> bool) {
    let wasm = wat::parse_str(text).unwrap();
    let whole = compile("damaged", &wasm, &Options::default(), Emit::So).unwrap();
    let note = whole.windows(8).position(|w| w == b"wasmaot\0").unwrap() + 8;
    let loaded = u64::from_le_bytes(whole[note + 16..note + 24].try_into().unwrap()) as usize;
    let hashes = note + Note::HASHES;
    let (mut refused, mut taken) = (0, 0);
    for at in 0..loaded {
        for damage in [1u8, 0x10, 0x80, 0xff] {
            let mut bytes = whole.clone();
            bytes[at] ^= damage;
            let hash = Note::hash(&bytes, loaded, hashes);
            bytes[hashes..hashes + 32].copy_from_slice(&hash);
            let object = Object::from_bytes("damaged", &bytes, false);
            // An init function that the damage makes up would run.
            let object = object.ok().filter(|o| !o.has_init());
            let load = |object| {
                let mut process = Process::new(config()).unwrap();
                let nothing = |_: &mut Caller<'_>, _: &[Val], _: &mut [Val]| Ok(());
                let ty = FuncType::new([ValType::I32], []);
                process.add_host_functions([HostFunction::new("env", "f", ty, nothing)]);
                load(process, Arc::new(object))
            };
            match object.is_some_and(load) {
                true => taken += 1,
                false => refused += 1,
            }
        }
    }
    assert!(refused > taken / 4, "{refused} refused, {taken} taken");
}

#[test]
fn damaged_core_objects_are_refused_or_harmless() {
    let text = r#"(module
      (import "env" "f" (func $f (param i32)))
      (memory (export "m") 1 2)
      (table (export "t") 3 funcref)
      (table $other 2 externref)
      (global (export "g") (mut i64) (i64.const 7))
      (global $r funcref (ref.func $a))
      (data (i32.const 5000) "some data")
      (elem (i32.const 1) $a $f)
      (func $a (export "a") (result i64) (call $f (i32.const 1)) (global.get 0))
      (func (export "n") (result i32) (table.size $other)))"#;
    damage(text, |mut process, object| {
        process.instantiate(object, None).is_ok()
    });
}

#[test]
fn absurd_numbers_in_the_record_are_refused() {
    let text = format!(
        r#"(module {}
          (memory (export "memory") 2)
          (table (export "__indirect_function_table") 300 funcref)
          (global (export "__heap_base") i32 (i32.const 72000)))"#,
        dylink(0, 0, &[])
    );
    let wasm = wat::parse_str(text).unwrap();
    let whole = compile("main", &wasm, &Options::default(), Emit::So).unwrap();
    let built = Object::from_bytes("main", &whole, true).unwrap();
    let old = built.section(".wasmaot.info").unwrap();
    let at = whole.windows(old.len()).position(|w| w == old).unwrap();
    type Change = fn(&mut ModuleInfo);
    let changes: [Change; 3] = [
        |info| info.static_end = u64::MAX - 1,
        |info| info.stack_pointer = Some(u64::MAX),
        |info| info.tables[0].ty.min = u64::MAX - 1,
    ];
    for change in changes {
        let mut info = ModuleInfo::decode(old).unwrap();
        // Room for larger numbers.
        info.producer.clear();
        change(&mut info);
        let new = info.encode();
        let mut bytes = whole.clone();
        bytes[at..at + new.len()].copy_from_slice(&new);
        let note = bytes.windows(8).position(|w| w == b"wasmaot\0").unwrap() + 8;
        let loaded = u64::from_le_bytes(bytes[note + 16..note + 24].try_into().unwrap());
        let hashes = note + Note::HASHES;
        let hash = Note::hash(&bytes, loaded as usize, hashes);
        bytes[hashes..hashes + 32].copy_from_slice(&hash);
        let library = object("library", &module(16, 1, &[], "(func (export \"b\"))"));
        let load = |object| {
            let mut process = Process::new(config())?;
            process.load_program(Arc::new(object), &[library])
        };
        let error = Object::from_bytes("main", &bytes, false).and_then(load);
        assert!(matches!(error, Err(Error::Object { .. })), "{error:?}");
    }
}

#[test]
fn damaged_libraries_are_refused_or_harmless() {
    let text = module(
        5000,
        2,
        &[],
        r#"
        (import "env" "f" (func $f (param i32)))
        (import "GOT.func" "f" (global $pointer (mut i32)))
        (import "GOT.mem" "datum" (global $data (mut i32)))
        (import "GOT.mem" "__heap_base" (global $heap (mut i32)))
        (elem (offset (global.get $table_base)) $f $own)
        (data (offset (global.get $memory_base)) "some data")
        (global (export "datum") i32 (i32.const 4))
        (func $own (export "own") (result i32)
          (call $f (global.get $pointer))
          (i32.add (global.get $data) (global.get $heap)))"#,
    );
    let load = |mut process: Process, object| process.load_program(object, &[]).is_ok();
    damage(&text, load);
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

/// An allocator of its own at a place of its own, which notes what it gives
/// and gets back.
const ALLOCATOR: &str = r#"
    (global $next (mut i32) (i32.const 0x30000))
    (global $freed (mut i32) (i32.const 0))
    (func (export "malloc") (param $bytes i32) (result i32)
      (if (i32.gt_u (i32.add (global.get $next) (local.get $bytes))
                    (i32.shl (memory.size) (i32.const 16)))
        (then (drop (memory.grow (i32.const 4)))))
      (global.get $next)
      (global.set $next (i32.add (global.get $next) (i32.const 0x1000))))
    (func (export "free") (param i32) (global.set $freed (local.get 0)))
    (func (export "freed") (result i32) (global.get $freed))"#;

#[test]
fn what_is_opened_lies_where_the_program_s_allocator_says() {
    let plugin = module(
        64,
        1,
        &[],
        r#"(data (global.get $memory_base) "plug")
        (func (export "where") (result i32) (global.get $memory_base))
        (func (export "first") (result i32) (i32.load (global.get $memory_base)))"#,
    );
    let main = module(
        0,
        0,
        &["allocator"],
        r#"(import "env" "freed" (func $freed (result i32)))
        (func (export "freed_now") (result i32) (call $freed))"#,
    );
    let allocator = module(0, 0, &[], ALLOCATOR);
    let libraries = [("allocator", &*allocator), ("plugin", &*plugin)];
    let mut program = load(&main, &libraries, config()).unwrap();
    let process = &mut program.process;
    let mut last = 0;
    for round in 0..3 {
        let plugin = process.open("plugin", OpenFlags::default()).unwrap();
        let at: i32 = process.call(plugin, "where", ()).unwrap();
        assert!(at >= 0x30000 && at > last, "round {round}: {at:#x}");
        let first: u32 = process.call(plugin, "first", ()).unwrap();
        assert_eq!(first, u32::from_le_bytes(*b"plug"));
        process.close(plugin).unwrap().unwrap();
        let freed: i32 = process.call(program.main, "freed_now", ()).unwrap();
        assert_eq!(freed, at);
        assert!(matches!(
            process.call::<(), i32>(plugin, "where", ()),
            Err(CallError::Unloaded)
        ));
        last = at;
    }
}

#[test]
fn without_an_allocator_the_loader_s_own_memory_is_used_again() {
    let plugin = module(
        100,
        3,
        &[],
        r#"(func (export "where") (result i32)
          (i32.add (global.get $memory_base) (global.get $table_base)))"#,
    );
    let main = module(0, 0, &[], "");
    let mut program = load(&main, &[("plugin", &plugin)], config()).unwrap();
    let process = &mut program.process;
    let mut places = Vec::new();
    for _ in 0..3 {
        let plugin = process.open("plugin", OpenFlags::default()).unwrap();
        places.push(process.call::<(), i32>(plugin, "where", ()).unwrap());
        process.close(plugin).unwrap().unwrap();
    }
    assert!(places.iter().all(|&at| at == places[0]), "{places:?}");
    assert_eq!(process.link_map().count(), 1);
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
