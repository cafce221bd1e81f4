//! Thread-local globals, what threads need of objects, and thread-local data of C.

use std::collections::HashMap;
use std::sync::Arc;

use wasmaot_abi::context::WINDOW_TLS_SIZE;
use wasmaot_compiler::{Emit, Options, compile};
use wasmaot_runtime::error::Error;
use wasmaot_runtime::{
    Bind, Caller, Config, HostFunction, InstanceId, Object, OpenFlags, Process, Val,
};

use crate::program::{Program, config, dylink, instantiate, module, object};
use crate::spawn::{WAIT, spawn};

fn process(config: Config) -> Process {
    let mut process = Process::new(config).unwrap();
    process.add_host_functions([HostFunction::wrap("host", "spawn", spawn)]);
    process
}

fn call(process: &mut Process, id: InstanceId, name: &str) -> i32 {
    match process
        .invoke(id, name, &[])
        .unwrap_or_else(|e| panic!("{name}: {e}"))[..]
    {
        [Val::I32(value)] => value,
        ref other => panic!("{name}: {other:?}"),
    }
}

/// Every kind of initial value, in a module that defines the globals and one that
/// imports them; each thread begins with what they are after the init function.
#[test]
fn each_thread_has_its_own_globals() {
    let mut process = process(config());
    let base = "(module (global (export \"seven\") i32 (i32.const 7)))";
    instantiate(&mut process, "base", base).unwrap();
    let definer = r#"(module
      (import "base" "seven" (global $seven i32))
      (memory (export "memory") 1 2 shared)
      (global (export "zero") (mut i32) (i32.const 0))
      (global (export "one") (mut i64) (i64.const 1))
      (global (export "wide") (mut v128) (v128.const i32x4 1 2 3 4))
      (global (export "computed") (mut i32) (global.get $seven))
      (global (export "f") (mut funcref) (ref.func $f))
      (global $started (mut i32) (i32.const 0))
      (func $f (export "fn") (result i32) (i32.const 42))
      (func (export "started") (result i32) (global.get $started))
      (func $start (global.set $started (i32.const 5)))
      (start $start))"#;
    let definer = instantiate(&mut process, "d", definer).unwrap();
    let user = format!(
        r#"(module
      (import "host" "spawn" (func $spawn (param i32) (result i32)))
      (import "d" "memory" (memory 1 2 shared))
      (import "d" "zero" (global $zero (mut i32)))
      (import "d" "one" (global $one (mut i64)))
      (import "d" "wide" (global $wide (mut v128)))
      (import "d" "computed" (global $computed (mut i32)))
      (import "d" "f" (global $f (mut funcref)))
      (import "d" "started" (func $started (result i32)))
      (table $t 1 funcref)
      {WAIT}
      (func $sum (result i32)
        (table.set $t (i32.const 0) (global.get $f))
        (i32.add (i32.add (global.get $zero) (i32.wrap_i64 (global.get $one)))
          (i32.add (i32.add (i32x4.extract_lane 3 (global.get $wide)) (global.get $computed))
            (i32.add (call $started) (call_indirect $t (result i32) (i32.const 0))))))
      (func (export "thread") (param i32) (param $at i32)
        (i32.store (local.get $at) (call $sum))
        (global.set $zero (i32.const 1000))
        (global.set $wide (v128.const i32x4 0 0 0 0))
        (i32.store offset=4 (local.get $at) (call $sum))
        (call $add (i32.const 0) (i32.const 1)))
      (func (export "sum") (result i32) (call $sum))
      (func (export "run") (result i32)
        (global.set $computed (i32.const 107))
        (drop (call $spawn (i32.const 16)))
        (call $await (i32.const 0) (i32.const 1))
        (drop (call $spawn (i32.const 24)))
        (call $await (i32.const 0) (i32.const 2))
        (call $sum)))"#
    );
    let user = instantiate(&mut process, "u", &user).unwrap();
    let whole = 1 + 4 + 7 + 5 + 42;
    assert_eq!(call(&mut process, user, "sum"), whole);
    assert_eq!(call(&mut process, user, "run"), whole + 100);
    let words = process.memory(definer, "memory").unwrap();
    let word = |process: &mut Process, at: u64| {
        let mut bytes = [0; 4];
        words.view(process).unwrap().read(at, &mut bytes).unwrap();
        i32::from_le_bytes(bytes)
    };
    let found: Vec<i32> = (16..32)
        .step_by(4)
        .map(|at| word(&mut process, at))
        .collect();
    assert_eq!(found, [whole, whole + 1000 - 4, whole, whole + 1000 - 4]);
    // The host sees those of the embedder's thread.
    let wide = 4 << 96 | 3 << 64 | 2 << 32 | 1;
    assert_eq!(process.global_get(definer, "wide"), Some(Val::V128(wide)));
    assert_eq!(process.global_get(definer, "computed"), Some(Val::I32(107)));
    let one = process.global(definer, "one").unwrap();
    one.set(&mut process, Val::I64(3)).unwrap();
    assert_eq!(call(&mut process, user, "sum"), whole + 102);
}

/// Whatever is loaded first: a process that may have threads takes what is for
/// threads, or what is not.
#[test]
fn modules_for_threads_and_others_exclude_each_other() {
    let shared = "(module (memory (export \"memory\") 1 2 shared))";
    let pure = "(module (func (export \"f\")) (global (export \"g\") i32 (i32.const 1)))";
    let others = [
        "(module (memory 1 2))",
        "(module (table 1 funcref))",
        "(module (global (mut i32) (i32.const 0)))",
        "(module (memory 1 2) (memory 1 2 shared))",
    ];
    for other in others {
        for order in [[shared, pure, other], [other, pure, shared]] {
            let mut process = process(config());
            let [first, second, last] = order;
            instantiate(&mut process, "first", first).unwrap();
            instantiate(&mut process, "second", second).unwrap();
            let error = instantiate(&mut process, "last", last).unwrap_err();
            let (Error::NotForThreads { file, other: with }, text) = (&error, error.to_string())
            else {
                panic!("{error}");
            };
            let names = ["first", "last"];
            let (bad, good) = if last == other { (1, 0) } else { (0, 1) };
            assert_eq!([&**file, &**with], [names[bad], names[good]]);
            assert!(text.contains("link it with --shared-memory"), "{text}");
            // Nothing is left of it.
            instantiate(&mut process, "again", first).unwrap();
            let one = Config {
                max_threads: 1,
                ..config()
            };
            let mut process = Process::new(one).unwrap();
            for text in order {
                instantiate(&mut process, "m", text).unwrap();
            }
        }
    }
}

#[test]
fn a_program_and_its_libraries_are_all_for_threads() {
    let shared = |text: &str| text.replace("(memory 0)", "(memory 0 4 shared)");
    let main = module(0, 0, &["lib"], "(func (export \"f\"))");
    let lib = module(0, 0, &[], "(func (export \"g\"))");
    let load = |main: &str, lib: &str| {
        crate::program::load(main, &[("lib", lib)], config()).map(|_: Program| ())
    };
    load(&main, &lib).unwrap();
    load(&shared(&main), &shared(&lib)).unwrap();
    for (main, lib, bad) in [
        (shared(&main), lib.clone(), "lib"),
        (main.clone(), shared(&lib), "main"),
    ] {
        match load(&main, &lib) {
            Err(Error::NotForThreads { file, .. }) => assert_eq!(file, bad),
            other => panic!("{other:?}"),
        }
    }
    // A library that is opened comes too late to change anything.
    let mut process = process(config());
    process
        .load_program(object("main", &shared(&module(0, 0, &[], ""))), &[])
        .unwrap();
    let error = process
        .open_object(object("late", &lib), OpenFlags::default())
        .unwrap_err();
    assert!(
        error
            .to_string()
            .contains("late: is not compiled for threads"),
        "{error}"
    );
}

#[test]
fn a_flat_program_is_for_threads_or_not() {
    let main = r#"(module (import "env" "f" (func $f (result i32)))
      (memory (export "memory") 1 2 shared)
      (func (export "main") (result i32) (call $f)))"#;
    let load = |library: &str| {
        let mut process = process(config());
        let library = object("library", library);
        process
            .load_flat(object("main", main), &[library])
            .map(|_| ())
    };
    load(r#"(module (func (export "f") (result i32) (i32.const 1)))"#).unwrap();
    let other = r#"(module (global (mut i32) (i32.const 0))
      (func (export "f") (result i32) (i32.const 1)))"#;
    match load(other) {
        Err(Error::NotForThreads { file, other }) => {
            assert_eq!([file, other], ["library", "main"]);
        }
        other => panic!("{other:?}"),
    }
}

/// Libraries for threads with so many mutable globals, which differ in nothing but
/// being two.
fn with_globals<const N: usize>(count: usize) -> [Arc<Object>; N] {
    let globals = "(global (mut v128) (v128.const i64x2 0 0))".repeat(count);
    let text = module(0, 0, &[], &globals).replace("(memory 0)", "(memory 0 4 shared)");
    let wasm = wat::parse_str(text).unwrap();
    let bytes = compile("many", &wasm, &Options::default(), Emit::So).unwrap();
    // SAFETY: the compiler's own bytes.
    [(); N].map(|()| Arc::new(unsafe { Object::from_bytes("many", &bytes, true) }.unwrap()))
}

#[test]
fn thread_local_storage_is_used_again_and_has_an_end() {
    let mut process = process(config());
    let main = module(0, 0, &[], "").replace("(memory 0)", "(memory 0 16 shared)");
    process.load_program(object("main", &main), &[]).unwrap();
    // Far more than there is, if it were not given back.
    let half = WINDOW_TLS_SIZE as usize / 32 - 64;
    let [large, other] = with_globals(half);
    let [too_large] = with_globals(200);
    for _ in 0..6 {
        let a = process
            .open_object(Arc::clone(&large), OpenFlags::default())
            .unwrap();
        let b = process
            .open_object(Arc::clone(&other), OpenFlags::default())
            .unwrap();
        let error = process.open_object(Arc::clone(&too_large), OpenFlags::default());
        let text = error.unwrap_err().to_string();
        assert!(
            text.contains("3200 bytes of thread-local storage in each thread"),
            "{text}"
        );
        assert!(text.contains(&WINDOW_TLS_SIZE.to_string()), "{text}");
        for library in [b, a] {
            process.close(library).unwrap().unwrap();
        }
    }
}

/// A reference in a thread-local global keeps the code of a closed library, and its
/// thread-local storage.
#[test]
fn what_threads_refer_to_is_not_given_back() {
    let mut process = process(config());
    let shared = |text: String| text.replace("(memory 0)", "(memory 0 16 shared)");
    let main = shared(module(
        0,
        0,
        &[],
        r#"(global $kept (export "kept") (mut funcref) (ref.null func))
           (table $t 1 funcref)
           (func (export "call") (result i32)
             (table.set $t (i32.const 0) (global.get $kept))
             (call_indirect $t (result i32) (i32.const 0)))"#,
    ));
    let main = process.load_program(object("main", &main), &[]).unwrap();
    let lib = |number: i32| {
        let body = format!(
            r#"(global $own (mut i32) (i32.const {number}))
               (func $f (export "f") (result i32) (global.get $own))
               (global (export "r") funcref (ref.func $f))"#
        );
        object(&format!("lib{number}"), &shared(module(0, 0, &[], &body)))
    };
    let a = process.open_object(lib(1), OpenFlags::default()).unwrap();
    let kept = process.global(main, "kept").unwrap();
    let reference = process.global_get(a, "r").unwrap();
    kept.set(&mut process, reference).unwrap();
    process.close(a).unwrap().unwrap();
    let b = process.open_object(lib(2), OpenFlags::default()).unwrap();
    assert_eq!(call(&mut process, main, "call"), 1);
    assert_eq!(call(&mut process, b, "f"), 2);
    kept.set(&mut process, Val::FuncRef(0)).unwrap();
    process.close(b).unwrap().unwrap();
    let c = process.open_object(lib(3), OpenFlags::default()).unwrap();
    assert_eq!(call(&mut process, c, "f"), 3);
}

/// Each binding relocates the same.
#[test]
fn stack_pointers_are_the_threads_own() {
    for bind in [Bind::Now, Bind::Lazy, Bind::Direct] {
        let mut process = process(Config { bind, ..config() });
        let body = format!(
            r#"(import "host" "spawn" (func $spawn (param i32) (result i32)))
               {WAIT}
               (func (export "thread") (param i32) (param $at i32)
                 (i32.store (i32.const 8) (global.get $stack_pointer))
                 (global.set $stack_pointer (i32.const 4))
                 (call $add (i32.const 0) (i32.const 1)))
               (func (export "run") (result i32)
                 (global.set $stack_pointer
                   (i32.sub (global.get $stack_pointer) (i32.const 64)))
                 (drop (call $spawn (i32.const 0)))
                 (call $await (i32.const 0) (i32.const 1))
                 (i32.sub (i32.load (i32.const 8)) (global.get $stack_pointer)))"#
        );
        let text = module(0, 0, &[], &body).replace("(memory 0)", "(memory 0 32 shared)");
        let main = process.load_program(object("main", &text), &[]).unwrap();
        assert_eq!(call(&mut process, main, "run"), 64);
    }
}

/// A library with thread-local data of C as a linker makes it: its initial image is
/// 11, in a static block the loading thread's.
fn c_library(extra: &str) -> String {
    let text = module(
        32,
        0,
        &[],
        &format!(
            r#"(global $tls_base (export "__tls_base") (mut i32) (i32.const 0))
               (global (export "__tls_size") i32 (i32.const 8))
               (global (export "__tls_align") i32 (i32.const 8))
               (func (export "__wasm_init_tls") (param i32)
                 (global.set $tls_base (local.get 0))
                 (i32.store (local.get 0) (i32.const 11)))
               (func $start
                 (global.set $tls_base (global.get $memory_base))
                 (i32.store (global.get $memory_base) (i32.const 11)))
               (start $start)
               (func (export "mine") (result i32) (i32.load (global.get $tls_base)))
               (func (export "at") (result i32) (global.get $tls_base))
               (func (export "set") (param i32)
                 (i32.store (global.get $tls_base) (local.get 0)))
               {extra}"#
        ),
    );
    text.replace("(memory 0)", "(memory 0 32 shared)")
}

#[test]
fn each_thread_has_its_own_data_of_c() {
    let main = format!(
        r#"(import "host" "spawn" (func $spawn (param i32) (result i32)))
           (import "env" "mine" (func $mine (result i32)))
           (import "env" "at" (func $at (result i32)))
           (import "env" "set" (func $set (param i32)))
           {WAIT}
           (func (export "thread") (param i32) (param $to i32)
             (i32.store (local.get $to) (call $mine))
             (i32.store offset=4 (local.get $to) (call $at))
             (call $set (local.get $to))
             (i32.store offset=8 (local.get $to) (call $mine))
             (call $add (i32.const 0) (i32.const 1))
             (call $await (i32.const 4) (i32.const 1)))
           (func (export "begin") (result i32)
             (call $set (i32.const 77))
             (drop (call $spawn (i32.const 32)))
             (drop (call $spawn (i32.const 48)))
             (call $await (i32.const 0) (i32.const 2))
             (call $add (i32.const 4) (i32.const 1))
             (call $mine))
           (func (export "word") (param i32) (result i32) (i32.load (local.get 0)))
           (func (export "own") (result i32) (call $at))"#
    );
    let main = module(0, 0, &["lib"], &main).replace("(memory 0)", "(memory 0 32 shared)");
    let mut objects = HashMap::new();
    objects.insert("lib".to_owned(), object("lib", &c_library("")));
    let mut process = process(config());
    process.set_finder(move |name: &str, _: &Object| Ok(objects.get(name).cloned()));
    let main = process.load_program(object("main", &main), &[]).unwrap();
    assert_eq!(call(&mut process, main, "begin"), 77);
    let mut word = |at: i32| {
        let results = process.invoke(main, "word", &[Val::I32(at)]).unwrap();
        let [Val::I32(word)] = results[..] else {
            panic!("{results:?}")
        };
        word
    };
    let [first, second] = [32, 48].map(|at| [word(at), word(at + 4), word(at + 8)]);
    assert_eq!([first[0], first[2], second[0], second[2]], [11, 32, 11, 48]);
    let own = call(&mut process, main, "own");
    assert!(first[1] != second[1] && ![first[1], second[1]].contains(&own));
    assert!(first[1] % 8 == 0 && second[1] % 8 == 0);
}

/// A library whose `datum` is a part of its thread-local data, at 4.
fn with_datum() -> String {
    let plain = dylink(32, 0, &[]);
    let start = "(before first) \"";
    // Flags of exports: each thread has a copy.
    let flags = r"\03\09\01\05datum\80\02";
    let flagged = plain.replacen(start, &format!("{start}{flags}"), 1);
    let text = c_library(r#"(global (export "datum") i32 (i32.const 4))"#);
    text.replacen(&plain, &flagged, 1)
}

/// A thread that is there when a library is opened has a copy of its data, and the
/// opener keeps its own; `dlsym` gives each thread its own.
#[test]
fn a_library_that_is_opened_reaches_all_threads() {
    let body = format!(
        r#"(import "host" "spawn" (func $spawn (param i32) (result i32)))
           (import "env" "dlopen" (func $dlopen (param i32 i32) (result i32)))
           (import "env" "dlsym" (func $dlsym (param i32 i32) (result i32)))
           {WAIT}
           (data (offset (global.get $memory_base)) "lib\00\00\00\00\00mine\00\00\00\00at\00\00\00\00\00\00datum\00")
           (type $get (func (result i32)))
           (func $name (param i32) (result i32)
             (i32.add (global.get $memory_base) (local.get 0)))
           (func $symbol (param i32) (result i32)
             (call $dlsym (i32.load (i32.const 64)) (call $name (local.get 0))))
           (func $look (param $to i32)
             (i32.store (local.get $to) (call_indirect (type $get) (call $symbol (i32.const 8))))
             (i32.store offset=4 (local.get $to)
               (call_indirect (type $get) (call $symbol (i32.const 16))))
             (i32.store offset=8 (local.get $to) (call $symbol (i32.const 24))))
           (func (export "thread") (param i32) (param $to i32)
             (call $add (i32.const 0) (i32.const 1))
             (call $await (i32.const 4) (i32.const 1))
             (call $look (local.get $to))
             (call $add (i32.const 0) (i32.const 1)))
           (func (export "run") (result i32)
             (drop (call $spawn (i32.const 80)))
             (drop (call $spawn (i32.const 96)))
             (call $await (i32.const 0) (i32.const 2))
             (i32.store (i32.const 64) (call $dlopen (call $name (i32.const 0)) (i32.const 2)))
             (call $look (i32.const 112))
             (call $add (i32.const 4) (i32.const 1))
             (call $await (i32.const 0) (i32.const 4))
             (i32.load (i32.const 64)))
           (func (export "word") (param i32) (result i32) (i32.load (local.get 0)))"#
    );
    let main = module(64, 0, &[], &body).replace("(memory 0)", "(memory 0 32 shared)");
    let lib = object("lib", &with_datum());
    let mut process = process(config());
    process.set_finder(move |name: &str, _: &Object| Ok((name == "lib").then(|| Arc::clone(&lib))));
    let main = process.load_program(object("main", &main), &[]).unwrap();
    assert_ne!(call(&mut process, main, "run"), 0);
    let mut word = |at: i32| {
        let results = process.invoke(main, "word", &[Val::I32(at)]).unwrap();
        let [Val::I32(word)] = results[..] else {
            panic!("{results:?}")
        };
        word
    };
    let all = [80, 96, 112].map(|at| [word(at), word(at + 4), word(at + 8)]);
    for [value, base, datum] in all {
        assert_eq!([value, datum], [11, base + 4], "{all:?}");
    }
    let [a, b, c] = all.map(|[_, base, _]| base);
    assert!(a != b && b != c && a != c && c != 0, "{all:?}");
}

#[test]
fn data_of_c_that_cannot_be_made_are_errors() {
    let body = format!(
        r#"(import "host" "spawn" (func $spawn (param i32) (result i32)))
           (func (export "thread") (param i32 i32))
           (func (export "run") (result i32) (call $spawn (i32.const 0)))
           {WAIT}"#
    );
    let main = module(0, 0, &["lib"], &body).replace("(memory 0)", "(memory 0 32 shared)");
    let run = |lib: &str| {
        let lib = object("lib", lib);
        let mut process = process(config());
        process.set_finder(move |_: &str, _: &Object| Ok(Some(Arc::clone(&lib))));
        let main = process.load_program(object("main", &main), &[]).unwrap();
        process.invoke(main, "run", &[]).unwrap()
    };
    assert_eq!(run(&c_library("")), [Val::I32(2)]);
    for (part, with) in [
        (r#"(export "__tls_size")"#, ""),
        (
            "i32 (i32.const 8))\n               (func",
            "i32 (i32.const 3))\n               (func",
        ),
        (r#"(export "__tls_base")"#, ""),
        (
            r#""__tls_size") i32 (i32.const 8)"#,
            r#""__tls_size") i32 (i32.const -8)"#,
        ),
    ] {
        let text = c_library("");
        assert_eq!(text.matches(part).count(), 1, "{part}");
        assert_eq!(run(&text.replace(part, with)), [Val::I32(-1)], "{part}");
    }
    // Without data nothing is needed.
    let empty = c_library("").replace(
        r#""__tls_size") i32 (i32.const 8)"#,
        r#""__tls_size") i32 (i32.const 0)"#,
    );
    assert_eq!(run(&empty), [Val::I32(2)]);
}

/// A main with an allocator that counts its calls, and that waits until a thread is
/// gone. Word 200: bytes given; 204, 208: calls; 212: what to do instead.
fn allocating() -> String {
    let body = format!(
        r#"(import "host" "spawn" (func $spawn (param i32) (result i32)))
           (import "host" "runs" (func $runs (param i32) (result i32)))
           {WAIT}
           (func (export "malloc") (param $bytes i32) (result i32)
             (drop (i32.atomic.rmw.add (i32.const 204) (i32.const 1)))
             (if (i32.eq (i32.load (i32.const 212)) (i32.const 1)) (then unreachable))
             (if (i32.eq (i32.load (i32.const 212)) (i32.const 2))
               (then (return (i32.const 0))))
             (if (i32.eq (i32.load (i32.const 212)) (i32.const 3))
               (then (return (i32.const -16))))
             (i32.add (i32.const 0x180000)
               (i32.atomic.rmw.add (i32.const 200)
                 (i32.and (i32.add (local.get $bytes) (i32.const 15)) (i32.const -16)))))
           (func (export "free") (param i32)
             (drop (i32.atomic.rmw.add (i32.const 208) (i32.const 1))))
           (func (export "thread") (param i32 i32))
           (func (export "run") (result i32) (local $number i32)
             (local.set $number (call $spawn (i32.const 0)))
             (loop $again
               (drop (memory.atomic.wait32 (i32.const 0) (i32.const 0) (i64.const 100000)))
               (br_if $again (call $runs (local.get $number))))
             (local.get $number))
           (func (export "set") (param i32 i32) (i32.store (local.get 0) (local.get 1)))
           (func (export "word") (param i32) (result i32) (i32.load (local.get 0)))"#
    );
    module(0, 0, &[], &body).replace("(memory 0)", "(memory 64 64 shared)")
}

/// A library whose `__wasm_init_tls` traps if word 216 says so.
fn trapping() -> String {
    let init = r#"(func (export "__wasm_init_tls") (param i32)"#;
    let text = c_library("");
    assert_eq!(text.matches(init).count(), 1);
    let test =
        "(if (i32.load (i32.const 216)) (then (global.set $tls_base (i32.const 9)) unreachable))";
    text.replace(init, &format!("{init} {test}"))
}

fn allocating_process() -> (Process, InstanceId) {
    let mut process = process(config());
    process.add_host_functions([HostFunction::wrap(
        "host",
        "runs",
        |caller: &mut Caller<'_>, number: i32| i32::from(caller.has_thread(number as u32)),
    )]);
    let main = process
        .load_program(object("main", &allocating()), &[])
        .unwrap();
    (process, main)
}

fn set(process: &mut Process, main: InstanceId, at: i32, value: i32) {
    let args = [Val::I32(at), Val::I32(value)];
    process.invoke(main, "set", &args).unwrap();
}

fn word(process: &mut Process, main: InstanceId, at: i32) -> i32 {
    match process.invoke(main, "word", &[Val::I32(at)]).unwrap()[..] {
        [Val::I32(word)] => word,
        ref other => panic!("{other:?}"),
    }
}

#[test]
fn blocks_of_ended_threads_are_used_again_and_go_with_their_library() {
    let (mut process, main) = allocating_process();
    let lib = process
        .open_object(object("lib", &trapping()), OpenFlags::default())
        .unwrap();
    let calls = |process: &mut Process| [204, 208].map(|at| word(process, main, at));
    // The library's own memory.
    assert_eq!(calls(&mut process), [1, 0]);
    for _ in 0..3 {
        assert!(call(&mut process, main, "run") > 1);
        assert_eq!(calls(&mut process), [2, 0]);
    }
    process.close(lib).unwrap().unwrap();
    assert_eq!(calls(&mut process), [2, 2]);
    assert!(call(&mut process, main, "run") > 1);
    assert_eq!(calls(&mut process), [2, 2]);
}

#[test]
fn an_allocator_that_fails_leaves_nothing_of_a_thread() {
    let (mut process, main) = allocating_process();
    let lib = object("lib", &trapping());
    let lib = process.open_object(lib, OpenFlags::default()).unwrap();
    for what in [1, 2, 3] {
        set(&mut process, main, 212, what);
        for _ in 0..3 {
            assert_eq!(call(&mut process, main, "run"), -1, "{what}");
        }
    }
    set(&mut process, main, 212, 0);
    assert!(call(&mut process, main, "run") > 1);
    // No failed thread holds the library.
    let frees = word(&mut process, main, 208);
    process.close(lib).unwrap().unwrap();
    assert!(word(&mut process, main, 208) >= frees + 2);
}

#[test]
fn a_copy_that_cannot_be_made_ends_the_program_or_the_opening() {
    let (mut process, main) = allocating_process();
    let lib = object("lib", &trapping());
    let id = process
        .open_object(Arc::clone(&lib), OpenFlags::default())
        .unwrap();
    let base = call(&mut process, id, "at");
    set(&mut process, main, 216, 1);
    let error = process.invoke(main, "run", &[]).unwrap_err().to_string();
    assert!(error.contains("__wasm_init_tls"), "{error}");
    set(&mut process, main, 216, 0);
    assert!(call(&mut process, main, "run") > 1);
    // The host's threads have theirs made by who makes them.
    process.scope(|scope| drop(scope.thread().unwrap()));
    set(&mut process, main, 216, 1);
    // Without the block that an ended thread has left.
    process.scope(|scope| {
        let refused = scope.thread().map(drop).unwrap_err().to_string();
        assert!(refused.contains("preparing a thread"), "{refused}");
    });
    assert_eq!(call(&mut process, id, "at"), base);
    set(&mut process, main, 216, 0);
    process.close(id).unwrap().unwrap();
}

/// The address of what each thread has for itself is not one number.
#[test]
fn addresses_of_others_data_of_threads_are_refused() {
    let main = module(
        0,
        0,
        &["lib"],
        r#"(import "GOT.mem" "datum" (global $datum (mut i32)))
           (func (export "f") (result i32) (global.get $datum))"#,
    );
    let main = main.replace("(memory 0)", "(memory 0 32 shared)");
    let error = crate::program::load(&main, &[("lib", &with_datum())], config());
    match error.map(|_: Program| ()) {
        Err(Error::Unsupported { what, .. }) => assert!(what.contains("`datum`"), "{what}"),
        other => panic!("{other:?}"),
    }
}
