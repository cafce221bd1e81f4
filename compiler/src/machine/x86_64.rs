//! What link edit knows of the machine: the bytes of the PLT, places in code,
//! and relocation numbers.

use wasmaot_abi::machine::x86_64::MACHINE;
use wasmaot_abi::reloc::Standard;

use crate::code::RelocKind;

/// Relocation of data that main holds a copy of.
pub(crate) const COPY: u32 = MACHINE.relocation(Standard::Copy).number;
/// Relocation of a GOT slot that holds a symbol's address.
pub(crate) const GLOB_DAT: u32 = MACHINE.relocation(Standard::GlobDat).number;
/// Relocation of a word of `.got.plt`.
pub(crate) const JUMP_SLOT: u32 = MACHINE.relocation(Standard::JumpSlot).number;
/// Relocation of a word that holds an address in the object.
pub(crate) const RELATIVE: u32 = MACHINE.relocation(Standard::Relative).number;

/// Words of `.got.plt` before the first function's: the dynamic section's
/// address and two for the loader.
pub(crate) const RESERVED: u64 = 3;
/// Bytes of an entry of the PLT, of the first one too.
pub(crate) const PLT_ENTRY: u64 = 16;
/// What fills the gaps between functions: `int3`.
pub(crate) const FILL: u8 = 0xcc;

/// Size of a PLT for as many functions.
pub(crate) fn plt_size(functions: u64) -> u64 {
    match functions {
        0 => 0,
        n => (n + 1) * PLT_ENTRY,
    }
}

/// Where a word of `.got.plt` points until it is bound: behind its entry's
/// jump.
pub(crate) fn unbound(plt: u64, entry: u64) -> u64 {
    plt + (entry + 1) * PLT_ENTRY + 6
}

/// Address of the word of `.got.plt` of an entry.
pub(crate) fn plt_slot(got_plt: u64, entry: u64) -> u64 {
    got_plt + 8 * (RESERVED + entry)
}

/// Address of an entry.
pub(crate) fn plt_entry(plt: u64, entry: u64) -> u64 {
    plt + (entry + 1) * PLT_ENTRY
}

/// The PLT's bytes, in the form that tools recognise.
pub(crate) fn plt(plt: u64, got_plt: u64, functions: u64) -> Vec<u8> {
    let mut out = Vec::with_capacity(plt_size(functions) as usize);
    let rel32 = |from: u64, to: u64| (to.wrapping_sub(from) as u32).to_le_bytes();
    if functions == 0 {
        return out;
    }
    out.extend([0xff, 0x35]); // push got_plt[1](%rip)
    out.extend(rel32(plt + 6, got_plt + 8));
    out.extend([0xff, 0x25]); // jmp *got_plt[2](%rip)
    out.extend(rel32(plt + 12, got_plt + 16));
    out.extend([0x0f, 0x1f, 0x40, 0x00]); // nopl 0(%rax)
    for entry in 0..functions {
        let at = plt_entry(plt, entry);
        out.extend([0xff, 0x25]); // jmp *got_plt[3 + entry](%rip)
        out.extend(rel32(at + 6, plt_slot(got_plt, entry)));
        out.push(0x68); // push $entry
        out.extend((entry as u32).to_le_bytes());
        out.push(0xe9); // jmp plt
        out.extend(rel32(at + 16, plt));
    }
    out
}

/// Whether the place at `offset` of `code` is the displacement of a call or a
/// jump, and not of a `lea`.
pub(crate) fn is_branch(code: &[u8], offset: u32) -> bool {
    let opcode = (offset as usize).checked_sub(1).and_then(|at| code.get(at));
    // call rel32, jmp rel32. A RIP-relative operand has a ModRM byte of
    // 00 reg 101 there, which is neither.
    matches!(opcode, Some(0xe8 | 0xe9))
}

/// Where a target is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Address {
    /// At an address in the object.
    Here(u64),
    /// Known from a GOT slot at this address.
    Got(u64),
}

/// Fills a place at `offset` of `code`, which is at `address`. `Err` says what
/// is wrong with the request.
pub(crate) fn apply(
    code: &mut [u8],
    address: u64,
    offset: u32,
    kind: RelocKind,
    target: Address,
    addend: i64,
) -> Result<(), &'static str> {
    let at = offset as usize;
    let place = address + u64::from(offset);
    let target = match (kind, target) {
        (RelocKind::PcRel4, Address::Here(target)) => target,
        (RelocKind::PcRel4, Address::Got(_)) => return Err("it is not in this object"),
        (RelocKind::GotPcRel4, Address::Got(slot)) => slot,
        (RelocKind::GotPcRel4, Address::Here(target)) => {
            relax(code, at)?;
            target
        }
        (RelocKind::Abs8, _) => return Err("an absolute address cannot be position-independent"),
    };
    let distance = target.wrapping_add_signed(addend).wrapping_sub(place) as i64;
    let distance = i32::try_from(distance).map_err(|_| "it is out of reach")?;
    code.get_mut(at..)
        .and_then(|code| code.first_chunk_mut())
        .map(|place| *place = distance.to_le_bytes())
        .ok_or("the place is outside of the code")
}

/// `mov slot(%rip), reg` → `lea target(%rip), reg`.
fn relax(code: &mut [u8], at: usize) -> Result<(), &'static str> {
    const NOT_A_LOAD: &str = "the instruction is not a load from the GOT";
    let instruction = at
        .checked_sub(3)
        .and_then(|start| code.get_mut(start..at))
        .ok_or(NOT_A_LOAD)?;
    match instruction {
        // REX.W with R or not; mov r64, r/m64; RIP-relative.
        [0x48 | 0x4c, opcode @ 0x8b, modrm] if *modrm & 0xc7 == 0x05 => {
            *opcode = 0x8d;
            Ok(())
        }
        _ => Err(NOT_A_LOAD),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_and_jumps_are_told_from_loads_of_an_address() {
        let code = [0xe8, 0, 0, 0, 0, 0xe9, 0, 0, 0, 0, 0x48, 0x8d, 0x05];
        let branches = [0, 1, 6, 13, 99].map(|offset| is_branch(&code, offset));
        assert_eq!(branches, [false, true, true, false, false]);
    }

    #[test]
    fn own_addresses_need_no_load() {
        let mut code = vec![0x4c, 0x8b, 0x15, 0, 0, 0, 0];
        let fill = |code: &mut [u8], offset, target| {
            apply(code, 0x1000, offset, RelocKind::GotPcRel4, target, -4)
        };
        fill(&mut code, 3, Address::Got(0x3000)).unwrap();
        assert_eq!(code, [0x4c, 0x8b, 0x15, 0xf9, 0x1f, 0, 0]);
        fill(&mut code, 3, Address::Here(0x3000)).unwrap();
        assert_eq!(code, [0x4c, 0x8d, 0x15, 0xf9, 0x1f, 0, 0]);
        assert!(fill(&mut code, 3, Address::Here(0x3000)).is_err());
        assert!(fill(&mut code, 2, Address::Here(0x3000)).is_err());
        assert!(fill(&mut code, 5, Address::Got(0x3000)).is_err());
        assert!(fill(&mut code, 3, Address::Got(1 << 40)).is_err());
    }
}
