//! How deep the loops and conditions of a body nest.

use wasmparser::FunctionBody;

use crate::operator::{FrameStep, Operator};

/// How a body nests.
#[derive(Default)]
pub(crate) struct Nesting {
    /// The number of loops.
    pub loops: usize,
    /// The most loops that are in one another.
    pub loop_depth: usize,
    /// The most loops and conditions that are.
    pub depth: usize,
}

impl Nesting {
    pub fn of(body: &FunctionBody<'_>) -> Option<Self> {
        let mut nest = Self::default();
        // Of each open frame, the loops and the conditions that it adds.
        let mut frames: Vec<(usize, usize)> = Vec::new();
        let (mut loops, mut all) = (0, 0);
        for read in Operator::all(body.get_operators_reader().ok()?) {
            let (operator, _) = read.ok()?;
            let frame = match (operator.frame_step(), operator) {
                (FrameStep::Opens, Operator::Loop { .. }) => (1, 1),
                (FrameStep::Opens, Operator::If { .. }) => (0, 1),
                (FrameStep::Opens, _) => (0, 0),
                (FrameStep::Closes, _) => {
                    let (of_loops, of_all) = frames.pop().unwrap_or_default();
                    loops -= of_loops;
                    all -= of_all;
                    continue;
                }
                (FrameStep::Stays | FrameStep::Divides, _) => continue,
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
