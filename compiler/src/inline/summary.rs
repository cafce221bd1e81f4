//! What inlining has to know of a body.

use wasmparser::FunctionBody;

use crate::limits;
use crate::operator::{FrameStep, Operator};
use crate::prescan::{calls, is_small_loop, weight};

/// By how much it may be to be inlined in loops.
pub(super) const SMALL: u32 = 40;

/// What inlining has to know of a body.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Summary {
    /// About the number of instructions, without calls.
    pub weight: u32,
    /// The number of operators.
    pub operators: u32,
    /// Direct calls.
    pub(super) calls: Vec<Call>,
    /// Functions called in tail position, by call.
    pub tail_calls: Vec<u32>,
    /// Whether there are calls of other kinds.
    pub other_calls: bool,
}

/// A direct call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Call {
    pub func: u32,
    pub looping: bool,
}

impl Summary {
    /// Reads a body. What cannot be read counts as its end; translation will
    /// say so.
    pub fn of(body: &FunctionBody<'_>) -> Self {
        let mut summary = Self::default();
        let Ok(operators) = body.get_operators_reader() else {
            return summary;
        };
        // The open frames: of a loop, its weight and calls before.
        let mut frames = Vec::new();
        for (op, _) in Operator::all(operators).map_while(Result::ok) {
            match (op.frame_step(), &op) {
                (FrameStep::Opens, Operator::Loop { .. }) => {
                    frames.push(Some((summary.weight, summary.calls.len())));
                }
                (FrameStep::Opens, _) => frames.push(None),
                (FrameStep::Closes, _) => {
                    if let Some((weight, calls)) = frames.pop().flatten()
                        && is_small_loop(summary.weight - weight)
                    {
                        let calls = summary.calls[calls..].iter_mut();
                        calls.for_each(|call| call.looping = true);
                    }
                }
                (FrameStep::Stays | FrameStep::Divides, _) => {}
            }
            summary.operator(&op);
        }
        summary
    }

    /// Whether it is small, calls included, all of which name what they call.
    pub fn is_small(&self) -> bool {
        let short = self.operators <= limits::INLINED_BODY;
        short && self.weight <= SMALL && self.tail_calls.is_empty() && !self.other_calls
    }

    fn operator(&mut self, op: &Operator<'_>) {
        match *op {
            Operator::Call { function_index } => self.calls.push(Call {
                func: function_index,
                looping: false,
            }),
            Operator::ReturnCall { function_index } => self.tail_calls.push(function_index),
            Operator::CallIndirect { .. } | Operator::CallRef { .. } => self.other_calls = true,
            _ => self.other_calls |= calls(op, None, |_| true),
        }
        self.weight = self.weight.saturating_add(weight(op));
        self.operators = self.operators.saturating_add(1);
    }
}
