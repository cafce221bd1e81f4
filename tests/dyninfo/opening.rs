//! Programs that open libraries, and make them.

use wasmaot_runtime::OpenFlags;

use crate::modules::{Program, indirect, library, load, module, wasm};

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
    let sandbox = crate::common::Sandbox::new();
    sandbox.write("main.wasm", builder(&wasm(&library())));
    let outcome = sandbox.wasmaot(&["run", "main.wasm"]);
    assert_eq!(outcome.code, Some(7), "{outcome:?}");
}

#[test]
fn a_module_built_at_run_time_opens_no_more_than_its_program() {
    let sandbox = crate::common::Sandbox::new();
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
