//! Limits of what a module can have the compiler do.
//!
//! A module may come from anybody, so the time and memory that it takes follow
//! from its size: what would take more is compiled in a cheaper way and, where
//! there is none, refused. The numbers of things that a module may have
//! (functions, types, imports, exports and globals: 1,000,000 each; data
//! segments: 100,000; locals of a function: 50,000; bytes of a body: 7,654,321;
//! parameters or results: 1,000) are the validator's.

use crate::error::{Error, Result};
use crate::module::Module;
use crate::options::Options;

/// Machine code that a module may have whatever its size, unless an option says
/// otherwise. In bytes.
const CODE: u64 = 64 << 20;
/// More of it for each byte of the module.
const CODE_PER_BYTE: u64 = 16;

/// A function of more blocks than this is compiled without information on where
/// its loops are, which takes time by the square of the length of a row of
/// blocks that are left empty.
pub(crate) const BLOCKS: usize = 20_000;

/// How many handlers a call has at most. An exception that none of them takes goes
/// on to those further outside by way of code.
pub(crate) const HANDLERS: usize = 8;

/// Inlined operators that a function may have whatever its size.
pub(crate) const INLINED: u32 = 4096;
/// More of them for each of its own.
pub(crate) const INLINED_PER_OPERATOR: u32 = 16;
/// Operators, those of no weight included, of a function that is inlined where
/// it is not the only call.
pub(crate) const INLINED_BODY: u32 = 256;
/// Operators of one that moves to its only call.
pub(crate) const MOVED_BODY: u32 = 20_000;

/// Bytes of an image of memory that is made whatever is in it. Where it would be
/// larger, code writes the data.
pub(crate) const IMAGE: u64 = 1 << 20;
/// More of them for each byte of data.
pub(crate) const IMAGE_PER_BYTE: u64 = 16;

/// Bytes of machine code that a module may have.
pub(crate) fn code(options: &Options, module: &Module<'_>) -> u64 {
    let bytes = module.bodies.iter().map(|body| body.range.len() as u64);
    options
        .max_code
        .unwrap_or(CODE + CODE_PER_BYTE * bytes.sum::<u64>())
}

/// The error of code that exceeds it.
pub(crate) fn too_much_code(module: &Module<'_>, limit: u64) -> Error {
    Error::CodeLimit {
        file: module.source.clone(),
        limit,
    }
}

/// Checks that a function's intermediate code, so far, is in proportion to its
/// body.
pub(crate) fn check_values(
    module: &Module<'_>,
    func: u32,
    (values, limit): (usize, usize),
) -> Result<()> {
    if values <= limit {
        return Ok(());
    }
    Err(Error::TooLarge {
        file: module.source.clone(),
        what: format!(
            "function {}, by the values that its branches and calls carry,",
            module.func_name(func)
        ),
        limit: format!("{limit} values for a body of its size"),
    })
}
