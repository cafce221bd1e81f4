//! Value types, function types, and the 32-bit type identity.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A WebAssembly value type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum ValType {
    /// 32-bit integer.
    I32,
    /// 64-bit integer.
    I64,
    /// IEEE 754 binary32.
    F32,
    /// IEEE 754 binary64.
    F64,
    /// 128-bit vector.
    V128,
    /// Nullable reference to a function: the host address of its
    /// [`FuncRef`](crate::context::FuncRef) record, or 0.
    FuncRef,
    /// Nullable reference to a host value: an opaque non-zero 64-bit word, or 0.
    ExternRef,
    /// Nullable reference to an exception: its host address, or 0.
    ExnRef,
}

impl ValType {
    /// Whether the value travels in a vector register (else in a general one).
    pub const fn is_vector_class(self) -> bool {
        matches!(self, Self::F32 | Self::F64 | Self::V128)
    }

    /// Size in bytes of the value in memory (a global, a table slot).
    pub const fn bytes(self) -> u32 {
        match self {
            Self::I32 | Self::F32 => 4,
            Self::I64 | Self::F64 | Self::FuncRef | Self::ExternRef | Self::ExnRef => 8,
            Self::V128 => 16,
        }
    }

    /// Whether the type is a reference type.
    pub const fn is_ref(self) -> bool {
        matches!(self, Self::FuncRef | Self::ExternRef | Self::ExnRef)
    }
}

impl fmt::Display for ValType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::I32 => "i32",
            Self::I64 => "i64",
            Self::F32 => "f32",
            Self::F64 => "f64",
            Self::V128 => "v128",
            Self::FuncRef => "funcref",
            Self::ExternRef => "externref",
            Self::ExnRef => "exnref",
        })
    }
}

/// A function type. Identity is structural: two types with the same text
/// ([`fmt::Display`]) are the same type.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct FuncType {
    /// Parameter types in order.
    pub params: Vec<ValType>,
    /// Result types in order.
    pub results: Vec<ValType>,
}

impl FuncType {
    /// Makes a function type from its two lists.
    pub fn new(params: impl Into<Vec<ValType>>, results: impl Into<Vec<ValType>>) -> Self {
        Self {
            params: params.into(),
            results: results.into(),
        }
    }

    /// The type's identity: the first four bytes (little-endian) of the BLAKE3
    /// hash of its text. Never 0, which marks a null table entry: a hash of 0
    /// counts as 1. The loader refuses to link two different types of the same
    /// identity.
    pub fn id(&self) -> u32 {
        identity(&self.to_string())
    }
}

fn identity(text: &str) -> u32 {
    let [a, b, c, d, ..] = *blake3::hash(text.as_bytes()).as_bytes();
    u32::from_le_bytes([a, b, c, d]).max(1)
}

impl fmt::Display for FuncType {
    /// `(i32, i64) -> (f32)`; the canonical text that [`FuncType::id`] hashes.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |f: &mut fmt::Formatter<'_>, types: &[ValType]| {
            f.write_str("(")?;
            for (i, ty) in types.iter().enumerate() {
                let comma = if i == 0 { "" } else { ", " };
                write!(f, "{comma}{ty}")?;
            }
            f.write_str(")")
        };
        list(f, &self.params)?;
        f.write_str(" -> ")?;
        list(f, &self.results)
    }
}

/// Type of a wasm global.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GlobalType {
    /// Type of the value.
    pub val: ValType,
    /// Whether it can be set.
    pub mutable: bool,
}

impl GlobalType {
    /// The type's identity, of its text as [`FuncType::id`] is of a function's.
    pub fn id(&self) -> u32 {
        identity(&self.to_string())
    }
}

impl fmt::Display for GlobalType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.mutable {
            write!(f, "mut {}", self.val)
        } else {
            self.val.fmt(f)
        }
    }
}

/// Type of a linear memory; sizes in wasm pages of 64 KiB.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemoryType {
    /// Smallest (initial) size in pages.
    pub min: u64,
    /// Largest size in pages, where one is given.
    pub max: Option<u64>,
}

impl fmt::Display for MemoryType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        limits(f, "memory", self.min, self.max, "pages")
    }
}

/// Type of a table; sizes in entries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableType {
    /// Type of the entries: a reference type.
    pub elem: ValType,
    /// Smallest (initial) length.
    pub min: u64,
    /// Largest length, where one is given.
    pub max: Option<u64>,
}

impl fmt::Display for TableType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        limits(f, "table of ", self.min, self.max, "")?;
        self.elem.fmt(f)
    }
}

fn limits(
    f: &mut fmt::Formatter<'_>,
    what: &str,
    min: u64,
    max: Option<u64>,
    unit: &str,
) -> fmt::Result {
    match max {
        Some(max) => write!(f, "{what} {min}..={max} {unit}"),
        None => write!(f, "{what} {min}.. {unit}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identity_is_structural_and_never_null() {
        let a = FuncType::new([ValType::I32, ValType::F64], [ValType::I64]);
        assert_eq!(a.to_string(), "(i32, f64) -> (i64)");
        assert_eq!(a.id(), a.clone().id());
        assert_ne!(a.id(), FuncType::default().id());
        assert_ne!(a.id(), 0);
        let global = |mutable| GlobalType {
            val: ValType::I32,
            mutable,
        };
        assert_ne!(global(true).id(), global(false).id());
    }
}
