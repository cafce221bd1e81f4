//! Values in registers and in the memory areas of a call.

use std::mem::MaybeUninit;

use wasmaot_abi::callconv::{Assigner, Loc};
use wasmaot_abi::types::{FuncType, ValType};

use crate::arch::{HOST, Vectors};

pub(crate) use crate::arch::Regs;

/// Stack arguments or a return area, in units of its alignment.
pub(crate) type Area = [u128];

/// The bits of a value at a location.
///
/// # Safety
/// The registers must hold values of a type that has one there.
#[inline]
pub(crate) unsafe fn read(at: Loc, regs: &Regs, area: &Area) -> u128 {
    match at {
        Loc::Int(n) => u128::from(regs.int[usize::from(n)]),
        // SAFETY: by this function's contract.
        Loc::Vec(n) => unsafe { regs.vec[usize::from(n)].assume_init() },
        Loc::Stack(offset) => area[offset as usize / 16] >> (8 * (offset % 16)),
    }
}

/// Puts the bits of a value at a location. The area's words are to be zero
/// before.
#[inline]
pub(crate) fn write(bits: u128, at: Loc, regs: &mut Regs, area: &mut Area) {
    match at {
        Loc::Int(n) => regs.int[usize::from(n)] = bits as u64,
        Loc::Vec(n) => regs.vec[usize::from(n)] = MaybeUninit::new(bits),
        Loc::Stack(offset) => area[offset as usize / 16] |= bits << (8 * (offset % 16)),
    }
}

/// A zeroed area of so many bytes, a multiple of 16.
pub(crate) fn area(bytes: u32) -> Vec<u128> {
    vec![0; bytes as usize / 16]
}

/// What of the vector registers values of these types need.
pub(crate) const fn vectors(types: &[ValType]) -> Vectors {
    let mut all = Vectors::None;
    let mut i = 0;
    while i < types.len() {
        match types[i] {
            ValType::V128 => return Vectors::Whole,
            ty if ty.is_vector_class() => all = Vectors::Scalars,
            _ => {}
        }
        i += 1;
    }
    all
}

/// What a call by a type needs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shape {
    /// What of the vector registers holds arguments.
    pub vec_args: Vectors,
    /// What of them holds results.
    pub vec_results: Vectors,
}

impl Shape {
    /// That of a type.
    pub const fn of(params: &[ValType], results: &[ValType]) -> Self {
        Self {
            vec_args: vectors(params),
            vec_results: vectors(results),
        }
    }

    /// The same of a type at run time.
    pub fn of_type(ty: &FuncType) -> Self {
        Self::of(&ty.params, &ty.results)
    }
}

/// Puts the arguments of a call from the host where they travel.
#[derive(Debug)]
pub struct ArgWriter<'a> {
    regs: &'a mut Regs,
    area: &'a mut Area,
    places: Assigner,
}

impl<'a> ArgWriter<'a> {
    /// For a function without a return area. `area`: zeros.
    #[inline]
    pub(crate) const fn new(regs: &'a mut Regs, area: &'a mut Area) -> Self {
        Self {
            regs,
            area,
            places: Assigner::params(&HOST.calls, 0),
        }
    }

    /// The bits of the next one.
    #[inline]
    pub(crate) fn put(&mut self, ty: ValType, bits: u128) {
        write(bits, self.places.place(ty), self.regs, self.area);
    }
}

/// Puts the results of a host function where they travel.
#[derive(Debug)]
pub struct ResultWriter<'a> {
    regs: &'a mut Regs,
    places: Assigner,
}

impl<'a> ResultWriter<'a> {
    /// For a function without a return area.
    #[inline]
    pub(crate) const fn new(regs: &'a mut Regs) -> Self {
        Self {
            regs,
            places: Assigner::results(&HOST.calls),
        }
    }

    /// The bits of the next one.
    #[inline]
    pub(crate) fn put(&mut self, ty: ValType, bits: u128) {
        write(bits, self.places.place(ty), self.regs, &mut []);
    }
}

/// Takes the results of a call from the host from where they travel.
#[derive(Debug)]
pub struct ResultReader<'a> {
    regs: &'a Regs,
    places: Assigner,
}

impl<'a> ResultReader<'a> {
    /// For a function without a return area.
    ///
    /// # Safety
    /// The registers must hold results of the types that are taken.
    #[inline]
    pub(crate) const unsafe fn new(regs: &'a Regs) -> Self {
        Self {
            regs,
            places: Assigner::results(&HOST.calls),
        }
    }

    /// The bits of the next one.
    #[inline]
    pub(crate) fn take(&mut self, ty: ValType) -> u128 {
        // SAFETY: by `new`'s contract.
        unsafe { read(self.places.place(ty), self.regs, &[]) }
    }
}
