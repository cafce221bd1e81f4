//! The open blocks of a function, and what those catch that are a `try`.

use cranelift_codegen::ir::{Block, Value};
use wasmaot_abi::types::ValType;

use super::body::AtHand;
use crate::limits::HANDLERS;

/// An open block of the function.
pub(super) struct Frame<'f> {
    pub kind: FrameKind,
    /// What it catches, where it is a `try` of either encoding.
    pub guard: Option<Guard>,
    /// Height of the operand stack below its parameters.
    pub height: usize,
    pub params: &'f [ValType],
    pub results: &'f [ValType],
    /// What follows it, once something jumps there.
    pub end: Option<Block>,
    /// What was at hand on entry, and the number of calls before.
    pub at_hand: AtHand,
    pub calls: usize,
}

/// The operator that opened a frame, as far as its end depends on it.
pub(super) enum FrameKind {
    Block,
    /// `small`: calls in it matter.
    Loop {
        head: Block,
        small: bool,
    },
    If(Alternative),
}

/// The branch of an `if` that is taken where the condition is zero.
pub(super) struct Alternative {
    pub block: Block,
    /// Parameters of the frame on entry.
    pub params: Vec<Value>,
}

impl<'f> Frame<'f> {
    pub fn new(
        kind: FrameKind,
        height: usize,
        (params, results): (&'f [ValType], &'f [ValType]),
    ) -> Self {
        Self {
            kind,
            guard: None,
            height,
            params,
            results,
            end: None,
            at_hand: AtHand::default(),
            calls: 0,
        }
    }

    /// Types of the values that a branch to it carries.
    pub fn label(&self) -> &'f [ValType] {
        match self.kind {
            FrameKind::Loop { .. } => self.params,
            _ => self.results,
        }
    }
}

/// What an open `try` of either encoding catches.
pub(super) struct Guard {
    pub clauses: Vec<Clause>,
    /// The label outside the frame where exceptions go on that no clause takes.
    pub delegate: Option<u32>,
    /// Whether the code being translated is in the part that is guarded.
    pub active: bool,
    /// Of the older encoding: the number of the clause to be translated next,
    /// and the exception that the one being translated has caught.
    pub next: usize,
    pub caught: Option<Value>,
    /// The clauses in groups of [`GROUP`], in order.
    pub groups: Vec<ClauseGroup>,
}

/// A group of an open `try`'s clauses, next to each other.
#[derive(Clone, Default)]
pub(super) struct ClauseGroup {
    /// The handlers of a call that these clauses are the innermost of, once there
    /// is one.
    pub handlers: Option<Vec<Handler>>,
    /// What throws again for these clauses and all outside, once there is a call
    /// that needs it.
    pub relay: Option<Block>,
}

/// Clauses in a group: one fewer than the handlers that a call has, which leaves
/// one for a relay.
pub(super) const GROUP: usize = HANDLERS - 1;

/// Which group of clauses: the number of its frame, and its number there.
#[derive(Clone, Copy)]
pub(super) struct GroupPosition {
    pub frame: usize,
    pub group: usize,
}

/// An exception handler of a call.
#[derive(Clone, Copy)]
pub(super) struct Handler {
    /// The tag of the exceptions that it takes; `None` takes all.
    pub tag: Option<u32>,
    pub keeps: bool,
    pub landing: Block,
}

/// A clause of a `try`: which exceptions it takes, and where they go.
#[derive(Clone, Copy)]
pub(super) struct Clause {
    /// `None`: takes all.
    pub tag: Option<u32>,
    /// Whether a reference to the exception is kept.
    pub keeps: bool,
    /// The label outside the frame where `try_table` goes on.
    pub label: u32,
    /// Where calls go that throw, once there is one.
    pub landing: Option<Block>,
}
