//! Calls and jumps of x86-64, `call rel32` and `jmp rel32`.

use wasmaot_abi::machine::x86_64::MACHINE;

/// Bytes of a call or jump: an opcode and a 32-bit displacement.
const BRANCH_SIZE: usize = MACHINE.branch.size as usize;
/// Bytes of the instruction that a PLT entry begins with.
const PLT_JUMP_SIZE: usize = 6;

/// Where `call rel32` or `jmp rel32` at an address leads; `None` for any
/// other instruction.
pub(crate) fn branch_target(instruction: [u8; BRANCH_SIZE], at: u64) -> Option<u64> {
    let [0xe8 | 0xe9, displacement @ ..] = instruction else {
        return None;
    };
    Some(relative(at, BRANCH_SIZE, displacement))
}

/// Where the call or jump begins whose displacement is at `place`, after an
/// opcode of one byte.
pub(crate) fn branch_at(place: u64) -> Option<u64> {
    place.checked_sub(1)
}

/// The slot that a PLT entry at an address jumps through: `jmp *slot(%rip)`.
pub(crate) fn plt_slot(entry: [u8; PLT_JUMP_SIZE], at: u64) -> Option<u64> {
    let [0xff, 0x25, displacement @ ..] = entry else {
        return None;
    };
    Some(relative(at, PLT_JUMP_SIZE, displacement))
}

/// What an instruction's displacement refers to.
fn relative(at: u64, size: usize, displacement: [u8; 4]) -> u64 {
    let displacement = i32::from_le_bytes(displacement);
    (at.wrapping_add(size as u64)).wrapping_add_signed(displacement.into())
}

/// The field at `place`, the last four bytes of a call or jump whatever they are, by
/// which it leads to a target; `None` if that is out of reach.
pub(crate) fn branch_field(_: [u8; 4], place: u64, target: u64) -> Option<[u8; 4]> {
    let distance = target.wrapping_sub(place.wrapping_add(4)) as i64;
    i32::try_from(distance).ok().map(i32::to_le_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn displacements_lead_to_their_targets() {
        for (at, target) in [(0x1000, 0x5000), (0x8000_0000, 0x10), (7, 7)] {
            let displacement = branch_field([0; 4], at + 1, target).unwrap();
            let [a, b, c, d] = displacement;
            for opcode in [0xe8, 0xe9] {
                assert_eq!(branch_target([opcode, a, b, c, d], at), Some(target));
            }
            assert_eq!(branch_target([0xeb, a, b, c, d], at), None);
            let jump = [0xff, 0x25, a, b, c, d];
            assert_eq!(plt_slot(jump, at), Some(target + 1));
            assert_eq!(plt_slot([0xff, 0x15, a, b, c, d], at), None);
        }
        assert_eq!(branch_field([0; 4], 0, 1 << 32), None);
    }
}
