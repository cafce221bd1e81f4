//! What must not depend on the number of threads.

use crate::decode::decode;
use crate::{Emit, Options};

#[test]
fn the_number_of_threads_does_not_show() {
    let funcs: String = (0..40)
        .map(|i| format!("(func (param i32) (result i32) (i32.div_s (i32.load offset={i} (local.get 0)) (i32.const {i})))"))
        .collect();
    let wat = format!("(module (memory 1) {funcs} (func $s) (start $s))");
    let wasm = wat::parse_str(wat).unwrap();
    let compile = |threads| {
        let options = Options {
            threads: Some(threads),
            ..Options::default()
        };
        let module = decode("test.wasm", &wasm, &Options::default()).unwrap();
        let code = super::compile(&module, &options).unwrap();
        assert!(code.has_init);
        assert_eq!(code.functions.len(), 42);
        let functions = code.functions.into_iter();
        functions
            .map(|f| (f.bytes, f.align, f.relocs, f.frame, f.traps, f.lines))
            .collect::<Vec<_>>()
    };
    let one = compile(1);
    assert!(one == compile(2));
    assert!(one == compile(7));
}

#[test]
fn of_several_errors_the_same_is_reported() {
    // Setting what the loader owns is refused.
    let set = "(func (global.set $x (i32.const 1)) (drop (i32.const 7)))";
    let wat = format!(
        r#"(module (import "env" "memory" (memory 0))
             (@custom "dylink.0" (before first) "\01\04\00\00\00\00")
             (import "GOT.mem" "x" (global $x (mut i32))) {})"#,
        set.repeat(20)
    );
    let wasm = wat::parse_str(wat).unwrap();
    let error = |threads| {
        let options = Options {
            threads: Some(threads),
            ..Options::default()
        };
        crate::compile("test.wasm", &wasm, &options, Emit::Asm)
            .unwrap_err()
            .to_string()
    };
    assert!(error(1).contains("GlobalSet"), "{}", error(1));
    assert_eq!(error(1), error(4));
}
