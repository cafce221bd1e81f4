//! What is not read is not written.

use std::ops::Range;

use iced_x86::{Code, FlowControl, Instruction, Mnemonic, OpKind, Register};

use super::decode::{Function, Op, State};
use super::places::{Places, Use, copy};
use super::registers::{self, RSP, bit};

/// Leaves out moves whose targets are not read. `before`: the blocks before each.
pub(super) fn remove(function: &mut Function, before: &[Vec<usize>], places: &Places) {
    let ends = live(function, before, places);
    for (block, mut live) in function.blocks.iter().zip(ends) {
        let mut is_released = false;
        for number in block.ops.clone().rev() {
            let op = &mut function.ops[number];
            if let Some(target) = target(op, places)
                && live >> target & 1 == 0
            {
                op.state = State::Dead;
            }
            step_back(op, &mut live, &mut is_released, places);
        }
    }
}

/// The place that a move writes, if that is all that it does.
fn target(op: &Op, places: &Places) -> Option<usize> {
    match op.is_fixed || op.is_left_out() {
        true => None,
        false => written(op, places),
    }
}

/// The place that a move writes, whether or not it is still there.
pub(super) fn written(op: &Op, places: &Places) -> Option<usize> {
    let instruction = &op.instruction;
    if let Some((slot, Use::Store)) = places.slot(instruction) {
        return Some(slot);
    }
    let register = instruction.op0_register();
    let is_free = instruction.op0_kind() == OpKind::Register
        && register.is_gpr()
        && register.size() >= 4
        && !matches!(register.full_register(), Register::RSP | Register::RBP);
    (is_free && is_move(instruction, places)).then(|| register.full_register().number())
}

/// Whether it sets its first operand and neither flags nor anything else, and
/// cannot trap.
fn is_move(instruction: &Instruction, places: &Places) -> bool {
    let has_memory = instruction.op1_kind() == OpKind::Memory;
    match instruction.mnemonic() {
        Mnemonic::Lea => !instruction.is_ip_rel_memory_operand(),
        Mnemonic::Mov => !has_memory || places.slot(instruction).is_some(),
        Mnemonic::Movzx | Mnemonic::Movsx | Mnemonic::Movsxd => !has_memory,
        _ => false,
    }
}

/// What is read after each block: a bit for each place.
fn live(function: &Function, before: &[Vec<usize>], places: &Places) -> Vec<u128> {
    // What is live before a block is what is live after it with these changes.
    let effects: Vec<(u128, u128)> = function
        .blocks
        .iter()
        .map(|block| {
            let (mut all, mut none) = (u128::MAX, 0);
            for live in [&mut all, &mut none] {
                let mut is_released = false;
                for op in function.ops[block.ops.clone()].iter().rev() {
                    step_back(op, live, &mut is_released, places);
                }
            }
            (all, none)
        })
        .collect();
    let step = |block: usize, after: u128| after & effects[block].0 | effects[block].1;
    function.spread(|block| &before[block], step)
}

/// All slots.
const SLOTS: u128 = u128::MAX << registers::COUNT;

/// What is live before an instruction. `is_released`: the frame is given back by
/// what follows.
fn step_back(op: &Op, live: &mut u128, is_released: &mut bool, places: &Places) {
    if op.is_left_out() {
        return;
    }
    let instruction = &op.instruction;
    if copy(instruction) == Some((Register::RSP, Register::RBP)) {
        *is_released = true;
        *live &= !SLOTS;
    } else if op.is_call() || leaves(op) {
        // Parameters and results may be there, for all that is known.
        *live |= SLOTS;
    } else if op.uses.writes & RSP != 0 && !(*is_released && adds(instruction)) {
        *live |= SLOTS;
    }
    match places.slot(instruction) {
        Some((slot, Use::Store)) => *live &= !(1 << slot),
        _ => *live |= mask(places.touched(instruction)),
    }
    *live &= !u128::from(op.uses.writes);
    *live |= u128::from(op.uses.reads);
}

/// Whether it adds a constant, as the end of a frame does.
fn adds(instruction: &Instruction) -> bool {
    matches!(
        instruction.code(),
        Code::Add_rm64_imm8 | Code::Add_rm64_imm32
    )
}

fn mask(places: Range<usize>) -> u128 {
    places.fold(0, |mask, place| mask | 1 << place)
}

/// Whether it leaves the function with what a callee may read.
fn leaves(op: &Op) -> bool {
    match op.instruction.flow_control() {
        FlowControl::UnconditionalBranch => op.to.is_none(),
        FlowControl::IndirectBranch => op.uses.reads != bit(op.instruction.op0_register()),
        _ => false,
    }
}
