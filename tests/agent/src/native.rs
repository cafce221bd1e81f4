//! The door by which objects come in.

use wasmaot_runtime::{Error, Object};

/// An object of the compiler's, or a damaged one.
///
/// # Errors
/// Of the loader.
#[expect(unsafe_code, reason = "objects are native code")]
pub fn object(name: &str, bytes: &[u8], verify: bool) -> Result<Object, Error> {
    // SAFETY: the code of a damaged object is run only where all of it is the
    // compiler's: the fuzzer's `seeds::load` runs none. What the damage leads the
    // loader to is what is looked for; a process that fuzzes may end by it.
    unsafe { Object::from_bytes(name, bytes, verify) }
}
