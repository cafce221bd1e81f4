//! What fuzzing has found, each as small as it gets.

use wasmaot_compiler::{Emit, Options, compile};

#[test]
fn messages_have_one_line() {
    for bytes in [&b"\0asx\x01\0\0\0"[..], b"\0asm\x01\0\0\0\x01", b"abcdefgh"] {
        let error = compile("m", bytes, &Options::default(), Emit::So).unwrap_err();
        assert!(!error.to_string().contains('\n'), "{error}");
    }
}
