//! Jumps that are made.

use wasmaot_abi::machine::x86_64::MACHINE;

use crate::arch::branches::x86_64::branch_field;

/// Bytes of a call or jump: an opcode and a 32-bit displacement.
pub(crate) const BRANCH_SIZE: usize = MACHINE.branch.size as usize;

/// A jump at `at` to a target; `None` if that is out of reach.
pub(crate) fn jump(at: u64, target: u64) -> Option<[u8; BRANCH_SIZE]> {
    let [a, b, c, d] = branch_field([0; 4], at.wrapping_add(1), target)?;
    Some([0xe9, a, b, c, d])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arch::branch_target;

    #[test]
    fn a_jump_leads_to_its_target() {
        for (at, target) in [(0x1000, 0x5000), (0x8000_0000, 0x10), (7, 7)] {
            let jump = jump(at, target).unwrap();
            assert_eq!(branch_target(jump, at), Some(target));
        }
        assert_eq!(jump(0, 1 << 32), None);
    }
}
