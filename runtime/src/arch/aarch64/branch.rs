//! Calls and jumps that are made.

use wasmaot_abi::machine::aarch64::MACHINE;

use crate::arch::branches::aarch64::{B, BL, branch_field};

/// Bytes of a call or jump, `bl` or `b`.
pub(crate) const BRANCH_SIZE: usize = MACHINE.branch.size as usize;

/// A jump at `at` to a target; `None` if that is out of reach.
pub(crate) fn jump(at: u64, target: u64) -> Option<[u8; BRANCH_SIZE]> {
    branch_field(B.to_le_bytes(), at, target)
}

/// A call at `at` of a target; `None` if that is out of reach.
pub(super) fn call(at: u64, target: u64) -> Option<[u8; BRANCH_SIZE]> {
    branch_field(BL.to_le_bytes(), at, target)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arch::branch_target;

    #[test]
    fn calls_and_jumps_lead_to_their_targets() {
        for (at, target) in [(0x1000, 0x5000), (0x800_0000, 0x10), (8, 8)] {
            for made in [call(at, target), jump(at, target)] {
                assert_eq!(made.map(|made| branch_target(made, at)), Some(Some(target)));
            }
        }
        let reach = MACHINE.branch.reach;
        assert!(call(0, reach).is_none() && jump(0, reach).is_none());
    }
}
