//! The two ways from a body to code, and which one a function takes.

use crate::error::{Error, Result};
use crate::module::{Body, Module};
use crate::prescan::Nesting;

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

/// A way to make code of a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pipeline {
    /// Optimised; values are in registers.
    Optimised,
    /// In one pass, with locals in the frame: for what runs once, and for what
    /// would take too long to optimise.
    SinglePass,
}

impl Pipeline {
    /// Values that a function may have, with what branches carry, whatever its
    /// size; and more of them for each byte of its body and of those that are
    /// inlined into it. Compilers' output has less than one for each byte.
    pub fn values(self) -> (usize, usize) {
        match self {
            Self::Optimised => (16 << 10, 4),
            Self::SinglePass => (128 << 10, 16),
        }
    }

    /// The way to make code of a function, where code is optimised or not.
    pub fn of(module: &Module<'_>, func: u32, body: &Body<'_>, optimises: bool) -> Result<Self> {
        let bytes = body.range.len();
        let deepest = match optimises {
            true => LOOP_DEPTH,
            false => MAX_DEPTH,
        };
        let nest = match bytes > FRAME * deepest {
            true => Nesting::of(&body.body).unwrap_or_default(),
            false => Nesting::default(),
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
            false => Self::SinglePass,
        })
    }
}
