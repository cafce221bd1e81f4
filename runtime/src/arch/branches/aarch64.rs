//! Calls and jumps of AArch64, `bl` and `b`.

use wasmaot_abi::machine::aarch64::MACHINE;

/// Bytes of a call or jump.
const BRANCH_SIZE: usize = MACHINE.branch.size as usize;

/// What of an instruction says that it is `b` or `bl`, and those two.
const OPCODE: u32 = 0xfc00_0000;
pub(in crate::arch) const B: u32 = 0x1400_0000;
pub(in crate::arch) const BL: u32 = 0x9400_0000;

/// Where `bl` or `b` at an address leads; `None` for any other instruction.
pub(crate) fn branch_target(instruction: [u8; BRANCH_SIZE], at: u64) -> Option<u64> {
    let word = u32::from_le_bytes(instruction);
    if !matches!(word & OPCODE, B | BL) {
        return None;
    }
    // 26 bits with a sign, in instructions.
    let distance = ((word << 6) as i32 >> 6) * 4;
    Some(at.wrapping_add_signed(distance.into()))
}

/// Where the call or jump begins whose field is at `place`: it is the instruction.
pub(crate) const fn branch_at(place: u64) -> Option<u64> {
    Some(place)
}

/// The field at `place` of a call or jump by which it leads to a target, made of what
/// it is; `None` if that is out of reach.
pub(crate) fn branch_field(field: [u8; 4], place: u64, target: u64) -> Option<[u8; 4]> {
    let distance = target.wrapping_sub(place) as i64;
    let reach = MACHINE.branch.reach as i64;
    let reached = (-reach..reach).contains(&distance) && distance % BRANCH_SIZE as i64 == 0;
    let instructions = (distance / 4) as u32 & !OPCODE;
    let word = u32::from_le_bytes(field) & OPCODE | instructions;
    reached.then_some(word.to_le_bytes())
}

/// The slot that a PLT entry at an address jumps through:
/// `adrp x16, slot; ldr x17, [x16, lower bits]`.
pub(crate) fn plt_slot(entry: [u8; 8], at: u64) -> Option<u64> {
    const ADRP_X16: u32 = 0x9000_0010;
    const LDR_X17_X16: u32 = 0xf940_0211;
    let [a, b, c, d, rest @ ..] = entry;
    let [adrp, ldr] = [[a, b, c, d], rest].map(u32::from_le_bytes);
    if adrp & 0x9f00_001f != ADRP_X16 || ldr & 0xffc0_03ff != LDR_X17_X16 {
        return None;
    }
    // 21 bits with a sign, in pages of 4 KiB; two of them are in a field of their own.
    let pages = (adrp >> 5 & 0x7_ffff) << 2 | adrp >> 29 & 3;
    let pages = i64::from((pages << 11) as i32 >> 11);
    let page = (at & !0xfff).wrapping_add_signed(pages << 12);
    Some(page.wrapping_add(u64::from(ldr >> 10 & 0xfff) * 8))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn branches_lead_to_their_targets() {
        for (at, target) in [(0x1000, 0x5000), (0x800_0000, 0x10), (8, 8)] {
            for opcode in [B, BL] {
                // Whatever it led to before.
                let before = (opcode | 0x123).to_le_bytes();
                let field = branch_field(before, at, target).unwrap();
                assert_eq!(u32::from_le_bytes(field) & OPCODE, opcode);
                assert_eq!(branch_target(field, at), Some(target));
            }
            assert_eq!(branch_target(0xd65f_03c0_u32.to_le_bytes(), at), None);
        }
        let (b, reach) = (B.to_le_bytes(), MACHINE.branch.reach);
        assert!(branch_field(b, 0, reach - 4).is_some() && branch_field(b, reach, 0).is_some());
        assert_eq!(branch_field(b, 0, reach), None);
        assert_eq!(branch_field(b, reach + 4, 0), None);
        assert_eq!(branch_field(b, 0, 6), None);
    }

    #[test]
    fn a_plt_entry_names_its_slot() {
        // adrp x16, +0x1f000; ldr x17, [x16, 0x18], as GNU's assembler has them.
        let entry = |adrp: u32, ldr: u32| {
            let bytes = [adrp.to_le_bytes(), ldr.to_le_bytes()].concat();
            <[u8; 8]>::try_from(bytes).unwrap()
        };
        let (adrp, ldr) = (0xf000_00f0, 0xf940_0e11);
        assert_eq!(plt_slot(entry(adrp, ldr), 0x1010), Some(0x2_0018));
        // adrp x16, -0x1000
        assert_eq!(plt_slot(entry(0xf0ff_fff0, ldr), 0x5010), Some(0x4018));
        assert_eq!(plt_slot(entry(ldr, adrp), 0x1010), None);
    }
}
