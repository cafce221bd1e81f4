//! The shapes of hot code, and that all valid modules compile.

use super::*;
use crate::{Emit, decode::decode, target};

fn listing(wat: &str, asm: bool) -> String {
    let emit = if asm { Emit::Asm } else { Emit::Clif };
    let wasm = wat::parse_str(wat).unwrap();
    let text = crate::compile("test.wasm", &wasm, &Options::default(), emit).unwrap();
    String::from_utf8(text).unwrap()
}

#[test]
fn show() {
    for wat in [
        "(module (memory 1) (func (param i32) (result i32) (i32.load offset=16 (local.get 0)))
          (func (param i32 i32) (result i32) (local i32) (loop (local.set 2 (i32.add (local.get 2) (i32.load offset=16 (local.get 0)))) (local.set 0 (i32.add (local.get 0) (i32.const 4))) (br_if 0 (i32.sub (local.get 0) (local.get 1)))) (local.get 2)))",
        "(module (memory 1) (table 4 funcref) (type $t (func (param i32) (result i32))) (func (param i32 i32) (result i32) (call_indirect (type $t) (local.get 0) (local.get 1))))",
    ] {
        eprintln!("{}", listing(wat, false));
        eprintln!("{}", listing(wat, true));
    }
}
