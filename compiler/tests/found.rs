//! What fuzzing has found, each as small as it gets.

use wasmaot_compiler::{Emit, Options, compile};

#[test]
fn messages_have_one_line() {
    for bytes in [&b"\0asx\x01\0\0\0"[..], b"\0asm\x01\0\0\0\x01", b"abcdefgh"] {
        let error = compile("m", bytes, &Options::default(), Emit::So).unwrap_err();
        assert!(!error.to_string().contains('\n'), "{error}");
    }
}

#[test]
fn one_name_may_be_imported_as_several_things() {
    let text = r#"(module
      (import "env" "a" (func $a))
      (import "env" "a" (global $b i32))
      (import "GOT.func" "a" (global $c (mut i32)))
      (func (export "f") (result i32) (call $a) (i32.add (global.get $b) (global.get $c))))"#;
    let wasm = wat::parse_str(text).unwrap();
    for emit in [Emit::So, Emit::Obj] {
        compile("m", &wasm, &Options::default(), emit).unwrap();
    }
}
