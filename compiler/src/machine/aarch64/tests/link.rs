//! What link edit does to code.

use wasmaot_abi::machine::aarch64::MACHINE;
use wasmaot_abi::reloc::CodeReloc;

use crate::code::{Reloc, Target};
use crate::machine::aarch64::Aarch64;
use crate::machine::{Backend as _, Location};

/// Fills the field of one instruction, which is at 0x1_0000.
fn fill(instruction: u32, kind: CodeReloc, target: Location) -> Result<u32, &'static str> {
    filled_at(0x1_0000, instruction, kind, target)
}

fn filled_at(
    at: u64,
    instruction: u32,
    kind: CodeReloc,
    target: Location,
) -> Result<u32, &'static str> {
    let reloc = Reloc {
        offset: 4,
        kind,
        target: Target::Func(0),
        addend: 0,
    };
    let mut code = [0, instruction].map(u32::to_le_bytes).concat();
    Aarch64.apply(&mut code, at - 4, &reloc, target)?;
    let (head, rest) = code.split_first_chunk().unwrap();
    assert_eq!(u32::from_le_bytes(*head), 0);
    Ok(u32::from_le_bytes(rest.try_into().unwrap()))
}

const BL: u32 = 0x9400_0000;
const B: u32 = 0x1400_0000;
/// `adrp x5, .`
const ADRP_X5: u32 = 0x9000_0005;
/// `add x5, x6, #0`
const ADD_X5_X6: u32 = 0x9100_00c5;
/// `ldr x5, [x6]`
const LDR_X5_X6: u32 = 0xf940_00c5;

#[test]
fn calls_and_jumps_reach_as_far_as_their_field() {
    let at = 1 << 32;
    let reach = MACHINE.branch.reach;
    let to = |instruction, target| {
        filled_at(
            at,
            instruction,
            CodeReloc::PcRelative,
            Location::Here(target),
        )
    };
    assert_eq!(to(BL, at + 8), Ok(0x9400_0002));
    assert_eq!(to(B, at - 4), Ok(0x17ff_ffff));
    assert_eq!(to(BL, at + reach - 4), Ok(0x95ff_ffff));
    assert_eq!(to(BL, at - reach), Ok(0x9600_0000));
    assert_eq!(to(BL, at + reach), Err("it is out of reach"));
    assert_eq!(to(B, at - reach - 4), Err("it is out of reach"));
    assert!(to(BL, at + 2).is_err());
    assert!(to(ADRP_X5, at + 8).is_err());
    let slot = Location::Got(at + 8);
    assert!(filled_at(at, BL, CodeReloc::PcRelative, slot).is_err());
}

#[test]
fn addresses_are_pages_and_places_in_them() {
    let page = |target| fill(ADRP_X5, CodeReloc::PcRelativePage, Location::Here(target));
    assert_eq!(page(0x1_0fff), Ok(ADRP_X5));
    assert_eq!(page(0x1_1000), Ok(ADRP_X5 | 1 << 29));
    assert_eq!(page(0x0_fff8), Ok(0xf0ff_ffe5));
    assert_eq!(page(0x1_0000 + (5 << 12)), Ok(ADRP_X5 | 1 << 29 | 1 << 5));
    // 33 bits, signed.
    assert_eq!(page(0x1_0000 + (1 << 32) - 1), Ok(0xf07f_ffe5));
    assert_eq!(page(0x1_0000 + (1 << 32)), Err("it is out of reach"));
    let offset = |target| fill(ADD_X5_X6, CodeReloc::PageOffset, Location::Here(target));
    assert_eq!(offset(0x7_7abc), Ok(ADD_X5_X6 | 0xabc << 10));
    // What is filled already, or is another instruction.
    assert!(
        fill(
            page(0x1_1000).unwrap(),
            CodeReloc::PcRelativePage,
            Location::Here(0)
        )
        .is_err()
    );
    assert!(fill(BL, CodeReloc::PcRelativePage, Location::Here(0)).is_err());
    assert!(fill(LDR_X5_X6, CodeReloc::PageOffset, Location::Here(0)).is_err());
}

#[test]
fn own_addresses_need_no_load() {
    let slot = Location::Got(0x3_0ff8);
    assert_eq!(
        fill(ADRP_X5, CodeReloc::GotPage, slot),
        Ok(ADRP_X5 | 8 << 5)
    );
    let load = |target| fill(LDR_X5_X6, CodeReloc::GotPageOffset, target);
    assert_eq!(load(slot), Ok(LDR_X5_X6 | 0x1ff << 10));
    assert_eq!(
        load(Location::Got(0x3_0ffc)),
        Err("its slot is not aligned")
    );
    // Of any alignment.
    let own = Location::Here(0x3_0fff);
    assert_eq!(fill(ADRP_X5, CodeReloc::GotPage, own), Ok(ADRP_X5 | 8 << 5));
    assert_eq!(load(own), Ok(ADD_X5_X6 | 0xfff << 10));
    assert!(fill(ADD_X5_X6, CodeReloc::GotPageOffset, own).is_err());
    assert!(fill(ADD_X5_X6, CodeReloc::GotPageOffset, slot).is_err());
    let far = Location::Got(1 << 40);
    assert_eq!(
        fill(ADRP_X5, CodeReloc::GotPage, far),
        Err("it is out of reach")
    );
}

#[test]
fn what_is_not_of_this_machine_is_refused() {
    let here = Location::Here(0x1_0000);
    assert!(fill(BL, CodeReloc::GotPcRelative, here).is_err());
    assert!(fill(0, CodeReloc::Absolute, here).is_err());
    for &kind in CodeReloc::ALL {
        let ours = MACHINE.code_relocation(kind).is_some();
        assert_eq!(
            Aarch64.object_reloc(kind, false).is_some(),
            ours,
            "{kind:?}"
        );
        let known = Aarch64.object_reloc(kind, false);
        assert!(known.is_none_or(|known| Aarch64.code_reloc(known) == Some(kind)));
        let outside = Reloc {
            offset: 2,
            kind,
            target: Target::Func(0),
            addend: 0,
        };
        assert!(Aarch64.apply(&mut [0; 4], 0, &outside, here).is_err());
    }
}

#[test]
fn the_plt_jumps_through_its_slots() {
    assert!(Aarch64.plt(0x1_0000, 0x2_0000, 0).is_empty());
    let plt = Aarch64.plt(0x1_0000, 0x2_0008, 2);
    assert_eq!(plt.len() as u64, MACHINE.plt.size(2));
    let words = plt.as_chunks().0.iter();
    let words: Vec<u32> = words.map(|bytes| u32::from_le_bytes(*bytes)).collect();
    let nop = 0xd503_201f;
    // As GNU ld writes it for the same addresses.
    let expected = [
        [0xa9bf_7bf0, 0x9000_0090, 0xf940_0e11, 0x9100_6210],
        [0xd61f_0220, nop, nop, nop],
        [0x9000_0090, 0xf940_1211, 0x9100_8210, 0xd61f_0220],
        [0x9000_0090, 0xf940_1611, 0x9100_a210, 0xd61f_0220],
    ];
    assert_eq!(words, expected.concat());
    assert_eq!(Aarch64.unbound(0x1_0000, 1), 0x1_0000);
}
