//! Jumps to what goes on elsewhere.

use iced_x86::FlowControl;

use super::decode::{Block, Function, Op, State};

/// Most instructions that stand in place of a jump to them.
const SHORT: usize = 16;
/// Most places that one block is copied to.
const MOST_COPIES: usize = 256;

/// Takes jumps to jumps at once, and puts the dispatch of an interpreter in place of
/// jumps to it.
pub(super) fn shorten(function: &mut Function) {
    let ends = ends(function);
    for op in &mut function.ops {
        op.to = op.to.map(|to| ends[to]);
    }
    for table in &mut function.tables {
        for to in &mut table.to {
            *to = ends[*to];
        }
    }
    for block in 0..function.blocks.len().saturating_sub(2) {
        jump_once(function, block);
    }
    let mut ways = vec![0; function.blocks.len()];
    for block in 0..function.blocks.len() {
        if let Some(to) = jump(function, block) {
            ways[to] += 1;
        }
    }
    for block in 0..function.blocks.len() {
        let Some(to) = jump(function, block) else {
            continue;
        };
        let dispatches = function.blocks[to].table.is_some()
            && to != block
            && !function.ops(to).iter().any(Op::is_call);
        if dispatches && (2..=MOST_COPIES).contains(&ways[to]) && size(function, to) <= SHORT {
            function.blocks[block].copies = Some(to);
        }
    }
}

/// Makes one jump of a jump over a jump.
fn jump_once(function: &mut Function, block: usize) {
    let over = block + 1;
    // No other block goes on there any more: the jumps to it were taken at once.
    // One to itself has to stay where it is.
    let onward = jump(function, over).filter(|&to| to != over && size(function, over) == 1);
    let Some(to) = onward else {
        return;
    };
    let (last, second) = (
        function.blocks[block].ops.end,
        function.blocks[over].ops.end,
    );
    let op = &mut function.ops[last - 1];
    let is_condition = op.instruction.flow_control() == FlowControl::ConditionalBranch;
    if is_condition && op.to == Some(block + 2) && !op.is_fixed {
        op.instruction.negate_condition_code();
        op.to = Some(to);
        function.ops[second - 1].state = State::Repeated;
    }
}

/// Instructions that are left of a block.
fn size(function: &Function, block: usize) -> usize {
    let ops = function.ops(block).iter();
    ops.filter(|op| !op.is_left_out()).count()
}

/// The block that a block jumps to in the end.
fn jump(function: &Function, block: usize) -> Option<usize> {
    let last = function.ops(block).last()?;
    let is_jump = last.instruction.flow_control() == FlowControl::UnconditionalBranch;
    last.to.filter(|_| is_jump && !last.is_left_out())
}

/// Where each block leads, which is another block if it does nothing.
fn ends(function: &Function) -> Vec<usize> {
    let onward = |number: usize| {
        let block: &Block = &function.blocks[number];
        let left = size(function, number);
        match jump(function, number) {
            Some(to) if left == 1 => Some(to),
            None if left == 0 && block.falls => Some(number + 1),
            _ => None,
        }
    };
    let mut ends: Vec<usize> = (0..function.blocks.len()).collect();
    let mut way = Vec::new();
    let mut is_known = vec![false; ends.len()];
    for block in 0..ends.len() {
        let mut at = block;
        // A loop that does nothing ends in one of its blocks.
        while !std::mem::replace(&mut is_known[at], true) {
            way.push(at);
            match onward(at) {
                Some(to) => at = to,
                None => break,
            }
        }
        let end = ends[at];
        for block in way.drain(..) {
            ends[block] = end;
        }
    }
    ends
}
