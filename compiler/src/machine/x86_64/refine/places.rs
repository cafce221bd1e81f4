//! The places whose values are followed: registers, and slots of the frame.

use iced_x86::{Code, Instruction, OpKind, Register};

use super::decode::{Function, Op};
use super::registers::{self, RSP, bit};

/// Bytes of a slot.
const SLOT: i32 = 8;
/// Most slots that are followed.
const MOST: usize = 112;

/// The places of a function, by number: the registers, then the slots.
pub(super) struct Places {
    /// Displacements of slots from the stack pointer, ascending.
    slots: Vec<i32>,
}

/// What an instruction does with a slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Use {
    /// `mov slot, register`, of all of it.
    Load,
    /// `mov register, slot`, of all of it.
    Store,
    /// Reads it, or part of it.
    Read,
}

impl Places {
    /// Slots of a frame of so many bytes that are written as a whole only, from a
    /// register; none if anything else may be meant by an address of the stack.
    pub fn of(function: &Function, frame: u32) -> Self {
        let within = 0..i32::try_from(frame).unwrap_or(0).saturating_sub(SLOT - 1);
        let mut accesses: Vec<(i32, u32)> = Vec::new();
        let mut others: Vec<(i32, i32)> = Vec::new();
        for op in &function.ops {
            let instruction = &op.instruction;
            let Some(at) = displacement(instruction) else {
                if is_of_stack(op) {
                    return Self { slots: Vec::new() };
                }
                continue;
            };
            match moved(instruction) {
                Some(Use::Load | Use::Store) if within.contains(&at) => accesses.push((at, 1)),
                // Written in part, or what is not followed.
                _ if writes_memory(instruction) => {
                    let size = instruction.memory_size().size().max(1);
                    others.push((at, at.saturating_add(size as i32)));
                }
                _ => {}
            }
        }
        others.sort_unstable();
        others.dedup();
        accesses.sort_unstable();
        accesses.dedup_by(|next, first| {
            let same = next.0 == first.0;
            first.1 += if same { next.1 } else { 0 };
            same
        });
        let touches = |(from, to): &(i32, i32), at: i32| *from < at + SLOT && at < *to;
        let all: Vec<i32> = accesses.iter().map(|a| a.0).collect();
        let apart = |at: i32| {
            let near = all.iter().filter(|&&other| (other - at).abs() < SLOT);
            near.count() == 1 && !others.iter().any(|other| touches(other, at))
        };
        let mut slots: Vec<(i32, u32)> =
            match accesses.len().saturating_mul(others.len() + accesses.len()) {
                0..=LARGEST => accesses.into_iter().filter(|a| apart(a.0)).collect(),
                _ => Vec::new(),
            };
        slots.sort_unstable_by_key(|&(at, count)| (std::cmp::Reverse(count), at));
        slots.truncate(MOST);
        let mut slots: Vec<i32> = slots.into_iter().map(|slot| slot.0).collect();
        slots.sort_unstable();
        Self { slots }
    }

    /// No slots.
    pub fn registers() -> Self {
        Self { slots: Vec::new() }
    }

    /// Number of places.
    pub fn count(&self) -> usize {
        registers::COUNT + self.slots.len()
    }

    /// The displacement of a slot from the stack pointer; `None` for a register.
    pub fn displacement(&self, place: usize) -> Option<i32> {
        let slot = place.checked_sub(registers::COUNT)?;
        self.slots.get(slot).copied()
    }

    /// The slot that an instruction uses, and how.
    pub fn slot(&self, instruction: &Instruction) -> Option<(usize, Use)> {
        let at = displacement(instruction)?;
        let slot = self.slots.binary_search(&at).ok()?;
        let how = moved(instruction).unwrap_or(Use::Read);
        Some((registers::COUNT + slot, how))
    }

    /// The slots that an instruction may read, which need not be where one begins.
    pub fn touched(&self, instruction: &Instruction) -> std::ops::Range<usize> {
        let Some(at) = displacement(instruction) else {
            return 0..0;
        };
        let size = instruction.memory_size().size().max(1) as i32;
        let first = self.slots.partition_point(|&slot| slot + SLOT <= at);
        let last = self
            .slots
            .partition_point(|&slot| slot < at.saturating_add(size));
        registers::COUNT + first..registers::COUNT + last.max(first)
    }
}

/// Most comparisons of slots.
const LARGEST: usize = 1 << 22;

/// The displacement of an operand `disp(%rsp)`.
fn displacement(instruction: &Instruction) -> Option<i32> {
    let of_stack = instruction.memory_base() == Register::RSP
        && instruction.memory_index() == Register::None
        && instruction.code() != Code::Lea_r64_m
        && instruction.code() != Code::Lea_r32_m;
    of_stack.then(|| instruction.memory_displacement64() as i32)
}

/// Whether it makes an address of the stack, or uses one that is computed.
fn is_of_stack(op: &Op) -> bool {
    let instruction = &op.instruction;
    let memory = [instruction.memory_base(), instruction.memory_index()];
    let below_frame = instruction.memory_base() == Register::RBP
        && (instruction.memory_displacement64() as i64) < 0;
    let is_source = (1..instruction.op_count()).any(|operand| {
        instruction.op_kind(operand) == OpKind::Register
            && bit(instruction.op_register(operand)) == RSP
    });
    let begins_frame = copy(instruction) == Some((Register::RBP, Register::RSP));
    memory.contains(&Register::RSP) || below_frame || is_source && !begins_frame
}

/// Whether its first operand is memory, and may be written.
fn writes_memory(instruction: &Instruction) -> bool {
    use iced_x86::Mnemonic::{Cmp, Test};
    instruction.op0_kind() == OpKind::Memory && !matches!(instruction.mnemonic(), Cmp | Test)
}

/// A move of 64 bits between a general register and memory.
fn moved(instruction: &Instruction) -> Option<Use> {
    match instruction.code() {
        Code::Mov_r64_rm64 if instruction.op1_kind() == OpKind::Memory => Some(Use::Load),
        Code::Mov_rm64_r64 if instruction.op0_kind() == OpKind::Memory => Some(Use::Store),
        _ => None,
    }
}

/// A move of 64 bits from register to register: to and from.
pub(super) fn copy(instruction: &Instruction) -> Option<(Register, Register)> {
    between_registers(instruction, [Code::Mov_r64_rm64, Code::Mov_rm64_r64])
}

/// A move of 32 bits from register to register, which clears the upper half: to and from.
pub(super) fn copy_of_half(instruction: &Instruction) -> Option<(Register, Register)> {
    between_registers(instruction, [Code::Mov_r32_rm32, Code::Mov_rm32_r32])
}

fn between_registers(instruction: &Instruction, codes: [Code; 2]) -> Option<(Register, Register)> {
    let moves = codes.contains(&instruction.code())
        && instruction.op0_kind() == OpKind::Register
        && instruction.op1_kind() == OpKind::Register;
    moves.then(|| (instruction.op0_register(), instruction.op1_register()))
}
