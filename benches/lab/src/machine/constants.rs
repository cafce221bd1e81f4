//! What registers hold for sure, wherever in a function: as far as it follows
//! from the pinned register and from slots that the loader has filled. Enough
//! to see where a call through the GOT or the table leads.

use std::collections::BTreeMap;

use iced_x86::{
    FlowControl, Instruction, InstructionInfoFactory, Mnemonic, OpAccess, OpKind, Register,
};

use super::code::Code;
use super::flow::Flow;

/// Registers whose content is known.
type Known = BTreeMap<Register, u64>;

/// The general registers that a call of either convention may change.
const CHANGED_BY_CALLS: [Register; 9] = [
    Register::RAX,
    Register::RCX,
    Register::RDX,
    Register::RSI,
    Register::RDI,
    Register::R8,
    Register::R9,
    Register::R10,
    Register::R11,
];

/// What is known before each block of a function.
pub(super) struct Constants<'c> {
    code: &'c dyn Code,
    before: BTreeMap<u64, Known>,
}

impl<'c> Constants<'c> {
    /// Works it out.
    pub fn of(code: &'c dyn Code, flow: &Flow, entry: u64) -> Self {
        let pinned = code.base().map(|base| (Register::R15, base));
        let mut this = Self {
            code,
            before: BTreeMap::from([(entry, pinned.into_iter().collect())]),
        };
        let mut todo = vec![entry];
        let mut info = InstructionInfoFactory::new();
        while let Some(at) = todo.pop() {
            let Some(mut known) = this.before.get(&at).cloned() else {
                continue;
            };
            for instruction in flow.of_blocks([at].iter()) {
                step(this.code, &mut info, &mut known, instruction);
            }
            for &next in flow.blocks.get(&at).into_iter().flat_map(|b| &b.next) {
                if this.meet(next, &known) {
                    todo.push(next);
                }
            }
        }
        this
    }

    /// Takes in what is known on one way to a block; whether that changes what
    /// is known there.
    fn meet(&mut self, block: u64, known: &Known) -> bool {
        match self.before.get_mut(&block) {
            None => {
                self.before.insert(block, known.clone());
                true
            }
            Some(before) => {
                let count = before.len();
                before.retain(|register, value| known.get(register) == Some(value));
                before.len() != count
            }
        }
    }

    /// Where a call or a jump that is not direct leads.
    pub fn target(&self, flow: &Flow, instruction: &Instruction) -> Option<u64> {
        let block = flow.blocks.range(..=instruction.ip()).next_back()?;
        let mut known = self.before.get(block.0)?.clone();
        let mut info = InstructionInfoFactory::new();
        for earlier in flow.of_blocks([*block.0].iter()) {
            if earlier.ip() == instruction.ip() {
                break;
            }
            step(self.code, &mut info, &mut known, earlier);
        }
        operand(self.code, &known, instruction, 0)
    }
}

/// An operand's value.
fn operand(code: &dyn Code, known: &Known, instruction: &Instruction, n: u32) -> Option<u64> {
    match instruction.op_kind(n) {
        OpKind::Register => {
            let register = instruction.op_register(n);
            let value = *known.get(&register.full_register())?;
            match register.size() {
                8 => Some(value),
                4 => Some(u64::from(value as u32)),
                _ => None,
            }
        }
        OpKind::Memory => {
            let word = code.word(address(known, instruction)?)?;
            match instruction.memory_size().size() {
                8 => Some(word),
                4 => Some(u64::from(word as u32)),
                _ => None,
            }
        }
        _ => instruction.try_immediate(n).ok(),
    }
}

/// The address of the memory operand.
fn address(known: &Known, instruction: &Instruction) -> Option<u64> {
    if instruction.is_ip_rel_memory_operand() {
        return Some(instruction.ip_rel_memory_address());
    }
    let value = |register: Register| match register {
        Register::None => Some(0),
        register => known.get(&register).copied(),
    };
    let index = value(instruction.memory_index())?;
    let scaled = index.wrapping_mul(instruction.memory_index_scale().into());
    let base = value(instruction.memory_base())?;
    let sum = base.wrapping_add(scaled);
    Some(sum.wrapping_add(instruction.memory_displacement64()))
}

/// What is known after an instruction.
fn step(
    code: &dyn Code,
    info: &mut InstructionInfoFactory,
    known: &mut Known,
    instruction: &Instruction,
) {
    let result = result(code, known, instruction);
    if matches!(
        instruction.flow_control(),
        FlowControl::Call | FlowControl::IndirectCall
    ) {
        known.retain(|register, _| !CHANGED_BY_CALLS.contains(register));
        return;
    }
    let used = info.info(instruction).used_registers();
    let written = used.iter().filter(|used| {
        !matches!(
            used.access(),
            OpAccess::Read | OpAccess::CondRead | OpAccess::None
        )
    });
    for register in written {
        known.remove(&register.register().full_register());
    }
    if let Some(value) = result {
        known.insert(instruction.op0_register().full_register(), value);
    }
}

/// The value that an instruction leaves in the register that it names first.
fn result(code: &dyn Code, known: &Known, instruction: &Instruction) -> Option<u64> {
    if instruction.op_count() == 0 || instruction.op0_kind() != OpKind::Register {
        return None;
    }
    let wide = match instruction.op0_register().size() {
        8 => u64::MAX,
        4 => u64::from(u32::MAX),
        _ => return None,
    };
    let value = |n| operand(code, known, instruction, n);
    let result = match instruction.mnemonic() {
        Mnemonic::Mov => value(1)?,
        Mnemonic::Lea => address(known, instruction)?,
        Mnemonic::Add => value(0)?.wrapping_add(value(1)?),
        Mnemonic::Sub => value(0)?.wrapping_sub(value(1)?),
        Mnemonic::Neg => value(0)?.wrapping_neg(),
        Mnemonic::Shl => value(0)?.checked_shl(value(1)? as u32)?,
        _ => return None,
    };
    Some(result & wide)
}
