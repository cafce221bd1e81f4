//! wasm values in C.

use wasmaot::{Val, ValType};

use crate::border::Text;

/// `wasmaot_value`.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct wasmaot_value {
    /// Number of the type, in [`TYPES`].
    ty: u32,
    of: Bits,
}

/// The union of it: its bytes. As long and as aligned as the union in C, whose
/// members begin at its first byte.
#[repr(C, align(8))]
#[derive(Clone, Copy)]
struct Bits([u8; 16]);

/// The types by `enum wasmaot_type`, with their letters.
const TYPES: [(ValType, char); 5] = [
    (ValType::I32, 'i'),
    (ValType::I64, 'I'),
    (ValType::F32, 'f'),
    (ValType::F64, 'F'),
    (ValType::V128, 'V'),
];

impl wasmaot_value {
    /// The value in Rust.
    pub fn to_val(self) -> Result<Val, Text> {
        let ty = TYPES.get(self.ty as usize);
        let &(ty, _) = ty.ok_or_else(|| format!("{} is no type of a value", self.ty))?;
        let bits = u128::from_le_bytes(self.of.0);
        let bytes = ty.bytes();
        // What C has not written of a smaller value is not looked at.
        let mask = u128::MAX >> (128 - 8 * bytes);
        Ok(Val::from_bits(ty, bits & mask))
    }

    /// The value in C.
    pub fn of(val: Val) -> Result<Self, Text> {
        let number = TYPES.iter().position(|&(ty, _)| ty == val.ty());
        let number = number.ok_or_else(|| format!("a {} has no value in C", val.ty()))?;
        Ok(Self {
            ty: number as u32,
            of: Bits(val.bits().to_le_bytes()),
        })
    }
}

/// All values in Rust.
pub(crate) fn to_vals(values: &[wasmaot_value]) -> Result<Vec<Val>, Text> {
    values.iter().map(|value| value.to_val()).collect()
}

/// All values in C.
pub(crate) fn of_vals(vals: &[Val]) -> Result<Vec<wasmaot_value>, Text> {
    vals.iter().map(|&val| wasmaot_value::of(val)).collect()
}

/// Writes results, of which there have to be so many.
pub(crate) fn put(results: &mut [wasmaot_value], vals: &[Val]) -> Result<(), Text> {
    if results.len() != vals.len() {
        let (there, room) = (vals.len(), results.len());
        return Err(format!(
            "it has {there} results, and there is room for {room}"
        ));
    }
    results.copy_from_slice(&of_vals(vals)?);
    Ok(())
}

/// The types that letters stand for.
pub(crate) fn types(letters: &str) -> Result<Vec<ValType>, Text> {
    let ty = |letter| {
        let found = TYPES.iter().find(|(_, known)| *known == letter);
        found.map(|&(ty, _)| ty)
    };
    let types = letters.chars().map(|letter| ty(letter).ok_or(letter));
    let types: Result<_, char> = types.collect();
    types.map_err(|letter| format!("`{letter}` is the letter of no type: it is one of iIfFV"))
}
