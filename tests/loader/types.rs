//! Types of one identity.

use wasmaot_abi::types::{FuncType, ValType};
use wasmaot_compiler::{Emit, Options, compile};
use wasmaot_runtime::error::Error;
use wasmaot_runtime::{Caller, HostFunction, Process, Val};

use crate::program::{config, instantiate, load_with, module};

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

/// References to types of one identity are references to different types.
#[test]
fn what_refers_to_types_of_one_identity_differs() {
    let [one, other] = TWINS;
    let shapes = [
        (
            "(global (export \"e\") (mut (ref null $t)) (ref.null $t))",
            "(global (mut (ref null $t)))",
        ),
        (
            "(table (export \"e\") 1 (ref null $t))",
            "(table 1 (ref null $t))",
        ),
        (
            "(tag (export \"e\") (param (ref null $t)))",
            "(tag (param (ref null $t)))",
        ),
        (
            "(func (export \"e\") (param (ref null $t)))",
            "(func (param (ref null $t)))",
        ),
    ];
    for (definition, import) in shapes {
        let mut process = Process::new(config()).unwrap();
        let definer = format!("(module (type $t (func {one})) {definition})");
        instantiate(&mut process, "a", &definer).unwrap();
        let user = |ty| format!(r#"(module (type $t (func {ty})) (import "a" "e" {import}))"#);
        let error = instantiate(&mut process, "b", &user(other)).unwrap_err();
        let expected = matches!(
            error,
            Error::Mismatch { .. } | Error::FunctionType { .. } | Error::TypeCollision { .. }
        );
        assert!(expected, "{import}: {error}");
        instantiate(&mut process, "c", &user(one)).unwrap();
    }
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
