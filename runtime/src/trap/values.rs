//! Values in registers and in the memory areas of a call.

use wasmaot_abi::callconv::Loc;
use wasmaot_abi::types::ValType;

use crate::arch::Regs;
use crate::value::Val;

/// Stack arguments or a return area, in units of its alignment.
pub(super) type Area = [u128];

/// The value of a type at a location.
#[inline]
pub(super) fn read(ty: ValType, at: Loc, regs: &Regs, area: &Area) -> Val {
    let bits = match at {
        Loc::Int(n) => u128::from(regs.int[usize::from(n)]),
        Loc::Vec(n) => regs.vec[usize::from(n)],
        Loc::Stack(offset) => area[offset as usize / 16] >> (8 * (offset % 16)),
    };
    Val::from_bits(ty, bits)
}

/// Puts a value at a location. The area's words are to be zero before.
#[inline]
pub(super) fn write(value: Val, at: Loc, regs: &mut Regs, area: &mut Area) {
    match at {
        Loc::Int(n) => regs.int[usize::from(n)] = value.bits() as u64,
        Loc::Vec(n) => regs.vec[usize::from(n)] = value.bits(),
        Loc::Stack(offset) => area[offset as usize / 16] |= value.bits() << (8 * (offset % 16)),
    }
}

/// A zeroed area of so many bytes, a multiple of 16.
pub(super) fn area(bytes: u32) -> Vec<u128> {
    vec![0; bytes as usize / 16]
}
