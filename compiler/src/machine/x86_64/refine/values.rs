//! Which places hold the same value, and uses of the best of them.
//!
//! Values are numbered, as in global value numbering, but for places of the machine
//! rather than for expressions: a move gives its target the number of its source, all
//! else that is written has a new one, and where ways join, places that have
//! the same numbers on each of them have one in common. That is computed optimistically
//! until it changes no more.

use iced_x86::{
    Code, ConditionCode, Instruction, InstructionInfoFactory, Mnemonic, OpAccess, OpKind, Register,
};

use super::decode::{Function, Op, State};
use super::places::{Places, Use, copy, copy_of_half};
use super::registers::{self, BASE, RSP, bit, register};

/// Most numbers that are kept for all blocks.
const MOST_NUMBERS: usize = 1 << 21;
/// Most numbers that are compared where ways join, each time that all are.
const MOST_JOINED: usize = 1 << 21;
/// Most times that all blocks are looked at.
const MOST_SWEEPS: usize = 16;
/// Bits of a number that say of which place it was the first value.
const PLACE_BITS: u32 = 7;
/// Of numbers of values that come to be where ways join; the others are made by
/// instructions.
const OF_JOINS: u32 = 1 << 31;
/// Of numbers of what places have in common so far, while ways are joined; no block has so
/// large a number.
const OPEN: u32 = u32::MAX << PLACE_BITS;
/// Most instructions, and blocks, that have numbers.
const MOST: usize = 1 << (31 - PLACE_BITS);

/// What the places hold.
#[derive(Clone, Default, PartialEq, Eq)]
struct Held {
    /// Number of the value in each place.
    values: Vec<u32>,
    /// Places whose upper 32 bits are zero.
    short: u128,
    /// Places whose value was copied from a register.
    copied: u128,
}

/// What is held at as many points as there are blocks.
struct All {
    places: usize,
    values: Vec<u32>,
    /// `short` and `copied` of each; `None` where nothing is known yet.
    rest: Vec<Option<(u128, u128)>>,
}

/// Uses registers in place of slots and copies that hold the same. `before`: the blocks
/// before each.
pub(super) fn reuse(function: &mut Function, before: &[Vec<usize>], places: &Places) {
    let none = Places::registers();
    let places = match affordable(function, places.count()) {
        true => places,
        false if affordable(function, none.count()) => &none,
        false => return,
    };
    let Some(starts) = follow(function, before, places) else {
        return;
    };
    let mut info = InstructionInfoFactory::new();
    let mut held = Held::default();
    for (number, block) in function.blocks.iter().enumerate() {
        if !starts.get(number, &mut held) {
            continue;
        }
        for number in block.ops.clone() {
            let op = &mut function.ops[number];
            if !op.is_fixed {
                improve(op, &held, places, &mut info);
            }
            step(op, number, &mut held, places);
        }
    }
}

fn affordable(function: &Function, places: usize) -> bool {
    let joined: usize = function.blocks.iter().map(|block| block.next.len()).sum();
    function.blocks.len().saturating_mul(places) <= MOST_NUMBERS
        && joined.saturating_mul(places) <= MOST_JOINED
        && function.ops.len() < MOST
}

/// What is held at the start of each block that can be reached.
fn follow(function: &Function, before: &[Vec<usize>], places: &Places) -> Option<All> {
    let order = order(function);
    let count = function.blocks.len();
    let (mut starts, mut ends) = (All::new(count, places), All::new(count, places));
    let mut changed = vec![true; count];
    let (mut held, mut pairs) = (Held::default(), Vec::new());
    for _ in 0..MOST_SWEEPS {
        let mut is_done = true;
        for &block in &order {
            if !std::mem::replace(&mut changed[block], false) {
                continue;
            }
            let is_entered = block == 0 || function.blocks[block].is_handler;
            let ways = if is_entered { &[][..] } else { &before[block] };
            ends.join(block, ways, &mut held, &mut pairs);
            if !starts.set(block, &held) {
                continue;
            }
            for number in function.blocks[block].ops.clone() {
                step(&function.ops[number], number, &mut held, places);
            }
            if ends.set(block, &held) {
                is_done = false;
                for &next in &function.blocks[block].next {
                    changed[next] = true;
                }
            }
        }
        if is_done {
            return Some(starts);
        }
    }
    None
}

impl All {
    fn new(blocks: usize, places: &Places) -> Self {
        Self {
            places: places.count(),
            values: vec![0; blocks * places.count()],
            rest: vec![None; blocks],
        }
    }

    fn values(&self, block: usize) -> &[u32] {
        &self.values[block * self.places..(block + 1) * self.places]
    }

    /// What is known of a block; whether it is.
    fn get(&self, block: usize, held: &mut Held) -> bool {
        let Some((short, copied)) = self.rest[block] else {
            return false;
        };
        held.values.clear();
        held.values.extend_from_slice(self.values(block));
        (held.short, held.copied) = (short, copied);
        true
    }

    /// Whether that is something else than before.
    fn set(&mut self, block: usize, held: &Held) -> bool {
        let rest = Some((held.short, held.copied));
        if self.rest[block] == rest && self.values(block) == held.values {
            return false;
        }
        self.rest[block] = rest;
        let range = block * self.places..(block + 1) * self.places;
        self.values[range].copy_from_slice(&held.values);
        true
    }

    /// What is held where a block begins, after these blocks; those of which nothing is
    /// known yet are expected to agree. `pairs` is working memory.
    fn join(
        &self,
        block: usize,
        ways: &[usize],
        held: &mut Held,
        pairs: &mut Vec<(u32, u32, u32)>,
    ) {
        let of_join = |place: u32| OF_JOINS | (block as u32) << PLACE_BITS | place;
        let mut is_first = true;
        for &way in ways {
            if is_first {
                is_first = !self.get(way, held);
                continue;
            }
            let Some((short, copied)) = self.rest[way] else {
                continue;
            };
            held.short &= short;
            held.copied |= copied;
            pairs.clear();
            for (place, &other) in self.values(way).iter().enumerate() {
                let value = held.values[place];
                if value == other {
                    continue;
                }
                // Not a number of the join yet: a later way may tell the places
                // apart, and some of them may have such a number on a way back.
                let known = pairs.iter().find(|pair| (pair.0, pair.1) == (value, other));
                held.values[place] = match known {
                    Some(pair) => pair.2,
                    None => {
                        let open = OPEN | place as u32;
                        pairs.push((value, other, open));
                        open
                    }
                };
            }
        }
        for value in &mut held.values {
            if *value >= OPEN {
                *value = of_join(*value - OPEN);
            }
        }
        if is_first {
            held.values.clear();
            held.values.extend((0..self.places as u32).map(of_join));
            (held.short, held.copied) = (0, 0);
        }
    }
}

/// Blocks that can be reached, each before those that follow it but for ways back.
fn order(function: &Function) -> Vec<usize> {
    let mut seen = vec![false; function.blocks.len()];
    let mut order = Vec::with_capacity(function.blocks.len());
    let handlers = (0..function.blocks.len()).filter(|&b| function.blocks[b].is_handler);
    for root in handlers.chain([0]) {
        if std::mem::replace(&mut seen[root], true) {
            continue;
        }
        let mut way = vec![(root, 0)];
        while let Some((block, visited)) = way.last_mut() {
            match function.blocks[*block].next.get(*visited) {
                Some(&next) => {
                    *visited += 1;
                    if !std::mem::replace(&mut seen[next], true) {
                        way.push((next, 0));
                    }
                }
                None => {
                    order.push(*block);
                    way.pop();
                }
            }
        }
    }
    order.reverse();
    order
}

/// What is held after an instruction.
fn step(op: &Op, number: usize, held: &mut Held, places: &Places) {
    if op.is_left_out() {
        return;
    }
    let instruction = &op.instruction;
    let made = |place: usize| (number as u32) << PLACE_BITS | place as u32;
    if op.is_call() || op.uses.writes & RSP != 0 {
        for place in registers::COUNT..places.count() {
            held.values[place] = made(place);
            held.short &= !(1 << place);
        }
    }
    let slot = places.slot(instruction);
    if let Some((slot, Use::Store)) = slot {
        let from = instruction.op1_register().number();
        held.set(slot, from, false);
        return;
    }
    let copied = match copy(instruction) {
        Some(copy) => Some(copy),
        None => copy_of_half(instruction).filter(|(_, from)| held.is_short(from.number())),
    };
    if let Some((to, from)) = copied {
        held.set(to.number(), from.number(), true);
        return;
    }
    if let Some((slot, Use::Load)) = slot {
        held.set(instruction.op0_register().number(), slot, false);
        return;
    }
    let target = instruction.op0_register();
    let extends = matches!(
        instruction.code(),
        Code::Movzx_r64_rm8 | Code::Movzx_r64_rm16
    );
    // Of zero, the first two leave something or other in the upper half.
    let is_vague = matches!(instruction.mnemonic(), Mnemonic::Bsf | Mnemonic::Bsr);
    let is_short = !op.is_call() && !is_vague && (target.is_gpr32() || extends);
    held.copied &= !u128::from(op.uses.writes);
    held.short &= !u128::from(op.uses.writes);
    if is_short {
        held.short |= u128::from(op.uses.writes & bit(target));
    }
    let mut writes = op.uses.writes;
    while writes != 0 {
        let place = writes.trailing_zeros() as usize;
        held.values[place] = made(place);
        writes &= writes - 1;
    }
}

impl Held {
    /// A place has what another has.
    fn set(&mut self, to: usize, from: usize, copied: bool) {
        let (is_short, was_copied) = (self.is_short(from), self.copied >> from & 1 == 1);
        self.values[to] = self.values[from];
        self.short = self.short & !(1 << to) | u128::from(is_short) << to;
        if to != from {
            let copied = copied || was_copied && to >= registers::COUNT;
            self.copied = self.copied & !(1 << to) | u128::from(copied) << to;
        }
    }

    fn is_short(&self, place: usize) -> bool {
        self.short >> place & 1 == 1
    }

    /// The register that is best read for the value of a place.
    fn best(&self, place: usize) -> Option<usize> {
        let value = self.values[place];
        if self.values[BASE] == value {
            return Some(BASE);
        }
        let has = |&register: &usize| self.values[register] == value && 1 << register != RSP;
        let first = |&register: &usize| self.copied >> register & 1 == 0;
        let all = || (0..registers::COUNT).filter(has);
        if place < registers::COUNT && first(&place) {
            return Some(place);
        }
        all()
            .find(first)
            .or_else(|| match place < registers::COUNT {
                true => Some(place),
                false => all().next(),
            })
    }
}

/// Has an instruction read the best of the places that hold what it reads.
fn improve(op: &mut Op, held: &Held, places: &Places, info: &mut InstructionInfoFactory) {
    let before = op.instruction;
    let instruction = &mut op.instruction;
    if instruction.is_ip_rel_memory_operand() || op.to.is_some() {
        return;
    }
    if let Some((slot, how)) = places.slot(instruction) {
        if how == Use::Load {
            let to = instruction.op0_register();
            if held.values[to.number()] == held.values[slot] {
                op.state = State::Repeated;
                return;
            }
            if let Some(best) = held.best(slot) {
                // Both operands are registers: it is the form that the code generator uses.
                let copy = Instruction::with2(Code::Mov_rm64_r64, to, register(best));
                *instruction = copy.unwrap_or(*instruction);
            }
        } else if how == Use::Read {
            read_register(instruction, slot, held, info);
        }
    }
    let copied = copy(instruction).or_else(|| copy_of_half(instruction));
    if let Some((to, from)) = copied {
        let is_whole = to.is_gpr64() || held.is_short(from.number());
        if is_whole && held.values[to.number()] == held.values[from.number()] {
            op.state = State::Repeated;
            return;
        }
    }
    read_best(instruction, held, info);
    if *instruction != before {
        op.state = State::Changed;
        op.uses = registers::uses(info, instruction, false);
    }
}

/// Instructions whose operands that are read may be any registers.
fn takes_any_register(instruction: &Instruction) -> bool {
    use Mnemonic::{Add, And, Cmp, Imul, Mov, Movsx, Movsxd, Movzx, Or, Sub, Test, Xor};
    matches!(
        instruction.mnemonic(),
        Add | And | Cmp | Imul | Mov | Movsx | Movsxd | Movzx | Or | Sub | Test | Xor
    ) || instruction.condition_code() != ConditionCode::None
}

/// Reads a register in place of a slot.
fn read_register(
    instruction: &mut Instruction,
    slot: usize,
    held: &Held,
    info: &mut InstructionInfoFactory,
) {
    let size = instruction.memory_size().size();
    if !takes_any_register(instruction) || !matches!(size, 4 | 8) {
        return;
    }
    let accesses = accesses(instruction, info);
    let operand = (0..instruction.op_count()).find(|&n| instruction.op_kind(n) == OpKind::Memory);
    let (Some(operand), Some(best)) = (operand, held.best(slot)) else {
        return;
    };
    // Codes of two operands of which either may be memory.
    let takes_both = instruction.op_count() == 2
        && accesses[operand as usize] == OpAccess::Read
        && !matches!(
            instruction.mnemonic(),
            Mnemonic::Mov | Mnemonic::Movzx | Mnemonic::Movsx
        );
    if takes_both {
        instruction.set_op_kind(operand, OpKind::Register);
        instruction.set_op_register(operand, sized(best, size));
        instruction.set_memory_base(Register::None);
        instruction.set_memory_displacement64(0);
        instruction.set_memory_displ_size(0);
    }
}

fn accesses(instruction: &Instruction, info: &mut InstructionInfoFactory) -> [OpAccess; 3] {
    let info = info.info(instruction);
    [info.op0_access(), info.op1_access(), info.op2_access()]
}

/// Reads the best registers.
fn read_best(instruction: &mut Instruction, held: &Held, info: &mut InstructionInfoFactory) {
    let best = |register: Register| match register.is_gpr64() && bit(register) != RSP {
        true => held.best(register.number()).unwrap_or(register.number()),
        false => usize::MAX,
    };
    let (base, index) = (instruction.memory_base(), instruction.memory_index());
    let found = best(base);
    if found != usize::MAX && register(found) != base {
        instruction.set_memory_base(register(found));
    }
    let found = best(index);
    if found != usize::MAX && register(found) != index {
        instruction.set_memory_index(register(found));
    }
    if !takes_any_register(instruction) {
        return;
    }
    for operand in 0..instruction.op_count().min(3) {
        let old = instruction.op_register(operand);
        let is_high = matches!(
            old,
            Register::AH | Register::BH | Register::CH | Register::DH
        );
        let is_register = instruction.op_kind(operand) == OpKind::Register && old.is_gpr();
        if !is_register || is_high || bit(old) == RSP {
            continue;
        }
        let number = old.full_register().number();
        match held.best(number) {
            Some(best)
                if best != number
                    && accesses(instruction, info)[operand as usize] == OpAccess::Read =>
            {
                instruction.set_op_register(operand, sized(best, old.size()));
            }
            _ => {}
        }
    }
}

/// The part of a register that has so many bytes.
fn sized(number: usize, size: usize) -> Register {
    let number = number as u32;
    match size {
        8 => Register::RAX + number,
        4 => Register::EAX + number,
        2 => Register::AX + number,
        _ if number < 4 => Register::AL + number,
        _ => Register::SPL + (number - 4),
    }
}
