//! What link edit does to code.

use wasmaot_abi::reloc::CodeReloc;

use crate::code::{Reloc, Target};
use crate::machine::x86_64::X86_64;
use crate::machine::{Backend as _, Location};

fn reloc(kind: CodeReloc, offset: u32) -> Reloc {
    Reloc {
        offset,
        kind,
        target: Target::Func(0),
        addend: -4,
    }
}

#[test]
fn calls_and_jumps_are_told_from_loads_of_an_address() {
    let code = [0xe8, 0, 0, 0, 0, 0xe9, 0, 0, 0, 0, 0x48, 0x8d, 0x05];
    let at = |offset| reloc(CodeReloc::PcRelative, offset);
    let branches = [0, 1, 6, 13, 99].map(|offset| X86_64.is_branch(&code, &at(offset)));
    assert_eq!(branches, [false, true, true, false, false]);
}

#[test]
fn own_addresses_need_no_load() {
    let mut code = vec![0x4c, 0x8b, 0x15, 0, 0, 0, 0];
    let fill = |code: &mut [u8], offset, target| {
        X86_64.apply(
            code,
            0x1000,
            &reloc(CodeReloc::GotPcRelative, offset),
            target,
        )
    };
    fill(&mut code, 3, Location::Got(0x3000)).unwrap();
    assert_eq!(code, [0x4c, 0x8b, 0x15, 0xf9, 0x1f, 0, 0]);
    fill(&mut code, 3, Location::Here(0x3000)).unwrap();
    assert_eq!(code, [0x4c, 0x8d, 0x15, 0xf9, 0x1f, 0, 0]);
    assert!(fill(&mut code, 3, Location::Here(0x3000)).is_err());
    assert!(fill(&mut code, 2, Location::Here(0x3000)).is_err());
    assert!(fill(&mut code, 5, Location::Got(0x3000)).is_err());
    assert!(fill(&mut code, 3, Location::Got(1 << 40)).is_err());
}
