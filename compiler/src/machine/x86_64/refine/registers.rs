//! What instructions read and write of the sixteen general registers.

use iced_x86::{FlowControl, Instruction, InstructionInfoFactory, OpAccess, Register};
use wasmaot_abi::machine::x86_64::MACHINE;
use wasmaot_abi::machine::{self, Registers as Roles};

/// Registers, a bit each by their number.
pub(super) type Set = u16;

/// Number of general registers.
pub(super) const COUNT: usize = 16;

/// What an instruction does to registers.
#[derive(Clone, Copy, Default, Debug)]
pub(super) struct Uses {
    pub reads: Set,
    /// All 64 bits are written.
    pub writes: Set,
}

const ROLES: &Roles = &MACHINE.registers;
/// The stack pointer.
pub(super) const RSP: Set = 1 << number(ROLES.stack);
/// The base of memory: no instruction of a function changes it.
pub(super) const BASE: usize = number(ROLES.pinned);
/// The registers that a call leaves as they were, those with a role of their own among
/// them.
pub(super) const PRESERVED: Set = set(MACHINE.calls.preserved) | RSP | 1 << BASE;
/// Those of them that no callee looks at.
const UNSEEN: Set = set(MACHINE.calls.preserved) & !(1 << number(ROLES.frame));

/// The registers in which a function returns so many integers.
pub(super) fn results(count: usize) -> Set {
    let all = MACHINE.calls.int_results;
    set(&all[..count.min(all.len())])
}

/// Registers of the machine's description.
const fn set(registers: &[machine::Register]) -> Set {
    let (mut set, mut at) = (0, 0);
    while at < registers.len() {
        set |= 1 << number(registers[at]);
        at += 1;
    }
    set
}

/// The number in instructions of a register of the machine's description.
const fn number(register: machine::Register) -> usize {
    OF_DWARF[register.dwarf as usize] as usize
}

/// DWARF's number of a register.
pub(super) fn of_dwarf(number: usize) -> u16 {
    let at = OF_DWARF.iter().position(|&n| usize::from(n) == number);
    at.unwrap_or(number) as u16
}

/// The numbers of registers in instructions, by DWARF's (psABI, figure 3.36).
const OF_DWARF: [u8; COUNT] = [0, 2, 1, 3, 6, 7, 5, 4, 8, 9, 10, 11, 12, 13, 14, 15];

/// The general register that a register is a part of.
pub(super) fn bit(register: Register) -> Set {
    match register.is_gpr() {
        true => 1 << register.full_register().number(),
        false => 0,
    }
}

/// The 64-bit register of a number.
pub(super) fn register(number: usize) -> Register {
    Register::RAX + number as u32
}

/// What an instruction does; `relocated`: its field is filled by link edit.
pub(super) fn uses(
    info: &mut InstructionInfoFactory,
    instruction: &Instruction,
    relocated: bool,
) -> Uses {
    match instruction.flow_control() {
        FlowControl::Call | FlowControl::IndirectCall => {
            let operands = [
                instruction.op0_register(),
                instruction.memory_base(),
                instruction.memory_index(),
            ];
            let operands = operands.iter().fold(0, |set, &r| set | bit(r));
            return Uses {
                reads: !UNSEEN | operands,
                writes: !PRESERVED,
            };
        }
        // A call in tail position, unless it is found to be a jump of this function.
        FlowControl::UnconditionalBranch if relocated => return leaves(!0),
        FlowControl::IndirectBranch => return leaves(!0),
        FlowControl::Return => return leaves(PRESERVED),
        _ => {}
    }
    let mut uses = Uses::default();
    for used in info.info(instruction).used_registers() {
        let (bit, whole) = (bit(used.register()), used.register().size() >= 4);
        match used.access() {
            OpAccess::Read | OpAccess::CondRead => uses.reads |= bit,
            // The upper half of a register is cleared where the lower is written.
            OpAccess::Write if whole => uses.writes |= bit,
            OpAccess::None | OpAccess::NoMemAccess => {}
            _ => {
                uses.reads |= bit;
                uses.writes |= bit;
            }
        }
    }
    uses
}

fn leaves(reads: Set) -> Uses {
    Uses { reads, writes: 0 }
}
