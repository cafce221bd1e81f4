//! Whole programs, `inspect`, and sections that are refused.

use wasmaot_compiler::{Emit, Options, compile};

use crate::modules::{escaped, indirect, library, load, module, section, wasm};

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
    let sandbox = crate::common::Sandbox::new();
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

#[test]
fn a_program_ends_by_a_system_call() {
    let sandbox = crate::common::Sandbox::new();
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
fn any_module_is_shown_in_this_form() {
    let sandbox = crate::common::Sandbox::new();
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

#[test]
fn absurd_sizes_are_refused() {
    let sandbox = crate::common::Sandbox::new();
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
