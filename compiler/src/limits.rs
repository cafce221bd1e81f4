//! Limits of what a module can have the compiler do.
//!
//! A module may come from anybody, so the time and memory that it takes follow
//! from its size: what would take more is compiled in a cheaper way and, where
//! there is none, refused. The numbers of things that a module may have
//! (functions, types, imports, exports and globals: 1,000,000 each; data
//! segments: 100,000; locals of a function: 50,000; bytes of a body: 7,654,321;
//! parameters or results: 1,000) are the validator's.

use crate::module::{Body, Module};
use crate::{Error, Options, Result};

/// Machine code that a module may have whatever its size, unless an option says
/// otherwise. In bytes.
const CODE: u64 = 64 << 20;
/// More of it for each byte of the module.
const CODE_PER_BYTE: u64 = 16;

/// A body of so many bytes without a loop runs once, or is so long that it is
/// worth nothing to optimise what each instruction does.
const STRAIGHT: usize = 128 << 10;
/// A longer body is not optimised: it would take too much memory.
const LONG: usize = 3 << 20;
/// Nor are loops that nest deeper than this, or loops and conditions: deeper than
/// people and their tools have them, it takes time by the square of the depth.
const LOOP_DEPTH: usize = 64;
const DEPTH: usize = 500;
/// Deeper than this, loops and conditions are refused.
const MAX_DEPTH: usize = 10_000;
/// Bytes that a loop or condition takes, at least.
const FRAME: usize = 3;

/// A function of more blocks than this is compiled without information on where
/// its loops are, which takes time by the square of the length of a row of
/// blocks that are left empty.
pub(crate) const BLOCKS: usize = 20_000;

/// Handlers that a call has; what none of them takes goes on to the others by
/// way of code.
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

/// How code is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pipeline {
    /// Optimised; values are in registers.
    Optimised,
    /// In one pass, with locals in the frame: for what runs once, and for what
    /// would take too long to optimise.
    Plain,
}

impl Pipeline {
    /// Values that a function may have, with what branches carry, whatever its
    /// size; and more of them for each byte of its body and of those that are
    /// inlined into it. Compilers' output has less than one for each byte.
    pub fn values(self) -> (usize, usize) {
        match self {
            Self::Optimised => (16 << 10, 4),
            Self::Plain => (128 << 10, 16),
        }
    }

    /// The way to make code of a function, where code is optimised or not.
    pub fn of(module: &Module<'_>, func: u32, body: &Body<'_>, optimises: bool) -> Result<Self> {
        let bytes = body.range.len();
        let plain = match optimises {
            true => LOOP_DEPTH,
            false => MAX_DEPTH,
        };
        let nest = match bytes > FRAME * plain {
            true => Nest::of(&body.body).unwrap_or_default(),
            false => Nest::default(),
        };
        if nest.depth > MAX_DEPTH {
            return Err(Error::TooLarge {
                file: module.source.clone(),
                what: format!(
                    "function {}, by {} loops and conditions in one another,",
                    module.func_name(func),
                    nest.depth
                ),
                limit: MAX_DEPTH.to_string(),
            });
        }
        let deep = nest.loop_depth > LOOP_DEPTH || nest.depth > DEPTH;
        let straight = bytes > STRAIGHT && nest.loops == 0;
        Ok(match optimises && !deep && !straight && bytes <= LONG {
            true => Self::Optimised,
            false => Self::Plain,
        })
    }
}

/// How a body nests.
#[derive(Default)]
struct Nest {
    /// The number of loops.
    loops: usize,
    /// The most loops that are in one another.
    loop_depth: usize,
    /// The most loops and conditions that are.
    depth: usize,
}

impl Nest {
    fn of(body: &wasmparser::FunctionBody<'_>) -> Option<Self> {
        use wasmparser::Operator;
        let mut nest = Self::default();
        // Of each open frame, the loops and the conditions that it adds.
        let mut frames: Vec<(usize, usize)> = Vec::new();
        let (mut loops, mut all) = (0, 0);
        for operator in body.get_operators_reader().ok()? {
            let frame = match operator.ok()? {
                Operator::Loop { .. } => (1, 1),
                Operator::If { .. } => (0, 1),
                Operator::Block { .. } | Operator::Try { .. } | Operator::TryTable { .. } => (0, 0),
                Operator::End | Operator::Delegate { .. } => {
                    let (of_loops, of_all) = frames.pop().unwrap_or_default();
                    loops -= of_loops;
                    all -= of_all;
                    continue;
                }
                _ => continue,
            };
            frames.push(frame);
            loops += frame.0;
            all += frame.1;
            nest.loops += frame.0;
            nest.loop_depth = nest.loop_depth.max(loops);
            nest.depth = nest.depth.max(all);
        }
        Some(nest)
    }
}

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
