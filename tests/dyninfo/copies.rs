//! Copies of data.

use wasmaot_runtime::OpenFlags;

use crate::modules::{READ, indirect, library, load, module};

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
    let sandbox = crate::common::Sandbox::new();
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
