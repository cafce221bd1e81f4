//! The module map: where functions' bodies begin in the module, and where its
//! globals are. With it, what is known of native code is told in the module's own
//! terms.
//!
//! First the number of imported functions; the number of bodies, and for each, in
//! the module's order, the distance of its start in the module from the one before
//! (the first from 0); the number of globals, and for each, in the module's order,
//! a byte, its type; a byte, what kind of place it is in; and what that kind says.
//! Numbers are ULEB128. A body begins with the number of its declarations of locals.
//!
//! Types are numbered as in modules; all references to functions are `funcref`.

use super::{read_uleb, uleb};
use crate::types::{HeapType, ValType};

/// A module map.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ModuleMap {
    /// Number of imported functions, which come first in the index space.
    pub imported: u32,
    /// Offset in the module of each body, ascending.
    pub bodies: Vec<u32>,
    /// Imported globals, then the module's own.
    pub globals: Vec<(ValType, GlobalPlace)>,
}

/// Where a global is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GlobalPlace {
    /// Nowhere: nothing uses it.
    Unknown,
    /// At an offset in `.data`.
    Data(u64),
    /// The value is in the GOT, at an offset in `.got`.
    Got(u64),
    /// At an offset in the object's thread-local storage.
    ThreadLocal(u64),
    /// Where the dynamic symbol of this number is bound to.
    Symbol(u32),
    /// It is the stack pointer.
    StackPointer,
    /// It has this value always; as many bytes as the type's.
    Constant(u128),
}

/// Types, by their bytes in modules.
const TYPES: [(u8, ValType); 8] = [
    (0x7f, ValType::I32),
    (0x7e, ValType::I64),
    (0x7d, ValType::F32),
    (0x7c, ValType::F64),
    (0x7b, ValType::V128),
    (0x70, ValType::FuncRef),
    (0x6f, ValType::ExternRef),
    (0x69, ValType::EXN_REF),
];

impl ModuleMap {
    /// Writes it.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(8 + 2 * self.bodies.len() + 4 * self.globals.len());
        uleb(&mut out, self.imported.into());
        uleb(&mut out, self.bodies.len() as u64);
        let mut last = 0;
        for &body in &self.bodies {
            uleb(&mut out, u64::from(body - last));
            last = body;
        }
        uleb(&mut out, self.globals.len() as u64);
        for &(ty, place) in &self.globals {
            out.push(type_byte(ty));
            match place {
                GlobalPlace::Unknown => out.push(0),
                GlobalPlace::Data(at) => number(&mut out, 1, at),
                GlobalPlace::Got(at) => number(&mut out, 2, at),
                GlobalPlace::ThreadLocal(at) => number(&mut out, 3, at),
                GlobalPlace::Symbol(symbol) => number(&mut out, 4, symbol.into()),
                GlobalPlace::StackPointer => out.push(5),
                GlobalPlace::Constant(bits) => {
                    out.push(6);
                    out.extend(&bits.to_le_bytes()[..ty.bytes() as usize]);
                }
            }
        }
        out
    }

    /// Reads it; `None` where it is damaged.
    pub fn decode(mut map: &[u8]) -> Option<Self> {
        let map = &mut map;
        let mut all = Self {
            imported: u32::try_from(read_uleb(map)?).ok()?,
            ..Self::default()
        };
        let mut last = 0u32;
        for _ in 0..read_uleb(map)? {
            last = last.checked_add(u32::try_from(read_uleb(map)?).ok()?)?;
            all.bodies.push(last);
        }
        for _ in 0..read_uleb(map)? {
            let ([ty, kind], rest) = map.split_first_chunk()?;
            *map = rest;
            let (_, ty) = *TYPES.iter().find(|(byte, _)| byte == ty)?;
            let place = match kind {
                0 => GlobalPlace::Unknown,
                1 => GlobalPlace::Data(read_uleb(map)?),
                2 => GlobalPlace::Got(read_uleb(map)?),
                3 => GlobalPlace::ThreadLocal(read_uleb(map)?),
                4 => GlobalPlace::Symbol(u32::try_from(read_uleb(map)?).ok()?),
                5 => GlobalPlace::StackPointer,
                6 => {
                    let (bytes, rest) = map.split_at_checked(ty.bytes() as usize)?;
                    *map = rest;
                    let mut value = [0; 16];
                    value[..bytes.len()].copy_from_slice(bytes);
                    GlobalPlace::Constant(u128::from_le_bytes(value))
                }
                _ => return None,
            };
            all.globals.push((ty, place));
        }
        Some(all)
    }

    /// Where the body of a function begins, by its number in the function index
    /// space.
    pub fn body(&self, function: u32) -> Option<u32> {
        let own = function.checked_sub(self.imported)?;
        self.bodies.get(own as usize).copied()
    }
}

fn number(out: &mut Vec<u8>, kind: u8, number: u64) {
    out.push(kind);
    uleb(out, number);
}

/// The byte of a type, or of the widest one that its values are of.
fn type_byte(ty: ValType) -> u8 {
    let wide = match ty {
        ValType::Ref(ty) => match ty.heap {
            HeapType::Func | HeapType::Type(_) => ValType::FuncRef,
            HeapType::Extern => ValType::ExternRef,
            HeapType::Exn => ValType::EXN_REF,
        },
        ty => ty,
    };
    let found = TYPES.iter().find(|&&(_, known)| known == wide);
    found.map_or(0, |&(byte, _)| byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map() -> ModuleMap {
        ModuleMap {
            imported: 2,
            bodies: vec![70, 300, 70_000],
            globals: vec![
                (ValType::I32, GlobalPlace::StackPointer),
                (ValType::I32, GlobalPlace::Got(8)),
                (ValType::I64, GlobalPlace::Symbol(300)),
                (ValType::F64, GlobalPlace::Data(200)),
                (ValType::F32, GlobalPlace::ThreadLocal(4)),
                (ValType::V128, GlobalPlace::Constant(u128::MAX - 7)),
                (ValType::FuncRef, GlobalPlace::Unknown),
                (ValType::EXN_REF, GlobalPlace::Unknown),
            ],
        }
    }

    #[test]
    fn a_map_is_read_as_it_was_written() {
        let map = map();
        assert_eq!(ModuleMap::decode(&map.encode()), Some(map.clone()));
        let bodies = [1, 2, 3, 4, 5].map(|function| map.body(function));
        assert_eq!(bodies, [None, Some(70), Some(300), Some(70_000), None]);
    }

    #[test]
    fn damage_is_noticed_or_another_map_and_no_panic() {
        let bytes = map().encode();
        for at in 0..bytes.len() {
            assert_eq!(ModuleMap::decode(&bytes[..at]), None);
            for byte in [0, 1, 0x7f, 0xff] {
                let mut bad = bytes.clone();
                bad[at] = byte;
                ModuleMap::decode(&bad);
            }
        }
        // A count alone takes no room.
        assert_eq!(ModuleMap::decode(&[0, 0xff, 0xff, 0xff, 0x7f]), None);
    }
}
