//! Calls and jumps in compiled code, as far as it has to be read and changed where the
//! loader binds them. What links objects of another machine ([`Branches::of`]) reads those
//! of any.

use wasmaot_abi::machine::{self, Machine};

pub(crate) mod aarch64;
pub(crate) mod x86_64;

/// Calls and jumps of a machine.
#[derive(Debug)]
pub(crate) struct Branches {
    /// Where the call or jump begins whose field is at a place.
    pub at: fn(u64) -> Option<u64>,
    /// Where the call or jump that code at an address begins with leads; `None` for any
    /// other instruction.
    pub target: fn(&[u8], u64) -> Option<u64>,
    /// The field, at a place, by which a call or jump leads to a target, made of what
    /// it is; `None` if that is out of reach.
    pub field: fn([u8; 4], u64, u64) -> Option<[u8; 4]>,
    /// The slot through which an entry of the PLT, at an address, jumps.
    pub slot: fn(&[u8], u64) -> Option<u64>,
}

/// The functions of a machine's file, which have the same names in each.
macro_rules! branches {
    ($machine:ident) => {
        Branches {
            at: $machine::branch_at,
            target: |code, at| $machine::branch_target(*code.first_chunk()?, at),
            field: $machine::branch_field,
            slot: |code, at| $machine::plt_slot(*code.first_chunk()?, at),
        }
    };
}

impl Branches {
    /// Those of a machine.
    ///
    /// # Panics
    /// Never: a test sees to it that every machine has some.
    pub fn of(machine: &Machine) -> &'static Self {
        const ALL: [(u16, &Branches); 2] = [
            (machine::aarch64::MACHINE.elf_number, &branches!(aarch64)),
            (machine::x86_64::MACHINE.elf_number, &branches!(x86_64)),
        ];
        let found = ALL.iter().find(|(of, _)| *of == machine.elf_number);
        found.expect("every machine has branches").1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_machine_has_its_own() {
        for machine in Machine::ALL {
            let branches = Branches::of(machine);
            let place = (branches.at)(0x40).map(|at| (0x40 - at) as usize);
            assert!(place.is_some_and(|place| place + 4 == machine.branch.size as usize));
        }
    }
}
