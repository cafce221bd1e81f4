//! A model of the machine, for the few instructions that the tests write.

use iced_x86::{Decoder, DecoderOptions, Instruction, Mnemonic, OpKind, Register};

use super::super::registers::{PRESERVED, bit, results};

/// Slots of the frame.
pub(super) const SLOTS: usize = 6;
/// Registers that a callee looks at: those of parameters, and what else may be passed.
const SEEN: u16 = 0b1111_1100_0111 & !(1 << 3);
/// Most instructions that are run, if it is to end in time.
pub(super) const STEPS: usize = 2000;

/// What can be seen of a function from outside.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Seen {
    /// What callees were passed, in registers and slots.
    pub calls: Vec<Vec<u64>>,
    /// What was returned; `None` if it did not end in time.
    pub result: Option<Vec<u64>>,
}

struct Machine {
    registers: [u64; 16],
    slots: [u64; SLOTS],
    is_zero: bool,
}

/// Runs a function for so many steps.
pub(super) fn run(bytes: &[u8], registers: [u64; 16], steps: usize) -> Seen {
    let mut machine = Machine {
        registers,
        slots: std::array::from_fn(|slot| 0x5107_0000_0000 + slot as u64),
        is_zero: false,
    };
    let mut calls = Vec::new();
    let mut decoder = Decoder::with_ip(64, bytes, 0, DecoderOptions::NONE);
    for _ in 0..steps {
        let instruction = decoder.decode();
        let jumps = match instruction.mnemonic() {
            Mnemonic::Ret => {
                let result = Some(machine.of(PRESERVED | results(1)));
                return Seen { calls, result };
            }
            Mnemonic::Call => {
                let mut seen = machine.of(SEEN);
                seen.extend(machine.slots);
                calls.push(seen);
                machine.after_call(calls.len() as u64);
                false
            }
            Mnemonic::Jmp => true,
            Mnemonic::Je => machine.is_zero,
            Mnemonic::Jne => !machine.is_zero,
            _ => {
                machine.step(&instruction);
                false
            }
        };
        if jumps {
            let target = instruction.near_branch_target();
            decoder.set_position(target as usize).unwrap();
            decoder.set_ip(target);
        }
    }
    Seen {
        calls,
        result: None,
    }
}

impl Machine {
    fn of(&self, set: u16) -> Vec<u64> {
        let all = self.registers.iter().enumerate();
        let chosen = all.filter(|(number, _)| set >> number & 1 == 1);
        chosen.map(|(_, &value)| value).collect()
    }

    /// A callee leaves other values where it may: two slots are those of its parameters.
    fn after_call(&mut self, call: u64) {
        for (number, register) in self.registers.iter_mut().enumerate() {
            if PRESERVED >> number & 1 == 0 {
                *register = call << 16 | number as u64;
            }
        }
        self.slots[0] = call << 32;
        self.slots[1] = call << 33;
    }

    fn get(&self, instruction: &Instruction, operand: u32) -> u64 {
        match instruction.op_kind(operand) {
            OpKind::Register => {
                let register = instruction.op_register(operand);
                let value = self.registers[register.full_register().number()];
                match register.is_gpr32() {
                    true => value & 0xffff_ffff,
                    false => value,
                }
            }
            OpKind::Memory => {
                let value = self.slots[slot(instruction)];
                match instruction.memory_size().size() {
                    4 => value & 0xffff_ffff,
                    _ => value,
                }
            }
            other => panic!("{other:?} of {instruction}"),
        }
    }

    fn step(&mut self, instruction: &Instruction) {
        let from = self.get(instruction, 1);
        let value = match instruction.mnemonic() {
            Mnemonic::Mov => from,
            Mnemonic::Add => {
                let sum = self.get(instruction, 0).wrapping_add(from);
                let is_half = instruction.op0_register().is_gpr32();
                let sum = if is_half { sum & 0xffff_ffff } else { sum };
                self.is_zero = sum == 0;
                sum
            }
            other => panic!("{other:?}"),
        };
        match instruction.op0_kind() {
            OpKind::Memory => self.slots[slot(instruction)] = value,
            _ => {
                let register = instruction.op0_register();
                assert!(bit(register) != 0, "{instruction}");
                self.registers[register.full_register().number()] = value;
            }
        }
    }
}

fn slot(instruction: &Instruction) -> usize {
    assert_eq!(instruction.memory_base(), Register::RSP);
    instruction.memory_displacement64() as usize / 8
}
