//! wasm values on the host's side.

use wasmaot_abi::types::{HeapType, RefType, ValType};

/// A wasm value. Floats are kept as bits, so that NaNs survive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Val {
    /// 32-bit integer.
    I32(i32),
    /// 64-bit integer.
    I64(i64),
    /// Bits of an `f32`.
    F32(u32),
    /// Bits of an `f64`.
    F64(u64),
    /// 128-bit vector, lane 0 first, little-endian.
    V128(u128),
    /// Address of a function reference record, or 0.
    FuncRef(u64),
    /// A host value's word, or 0.
    ExternRef(u64),
    /// Address of an exception of the process, or 0.
    ExnRef(u64),
}

impl Val {
    /// The value's type.
    pub const fn ty(self) -> ValType {
        match self {
            Self::I32(_) => ValType::I32,
            Self::I64(_) => ValType::I64,
            Self::F32(_) => ValType::F32,
            Self::F64(_) => ValType::F64,
            Self::V128(_) => ValType::V128,
            Self::FuncRef(_) => ValType::FuncRef,
            Self::ExternRef(_) => ValType::ExternRef,
            Self::ExnRef(_) => ValType::EXN_REF,
        }
    }

    /// Whether it is a value of a type. That a function is of the type that a
    /// reference names is not looked at.
    pub fn is_of(self, ty: ValType) -> bool {
        match (ty, self) {
            (ValType::Ref(wanted), _) if wanted.heap == HeapType::Exn => {
                matches!(self, Self::ExnRef(word) if wanted.nullable || word != 0)
            }
            (ValType::Ref(wanted), Self::FuncRef(word) | Self::ExternRef(word)) => {
                (wanted.nullable || word != 0)
                    && ty.is_function_ref() == self.ty().is_function_ref()
            }
            _ => self.ty() == ty,
        }
    }

    /// The value as a register or memory holds it, zero-extended.
    pub const fn bits(self) -> u128 {
        match self {
            Self::I32(v) => v as u32 as u128,
            Self::I64(v) => v as u64 as u128,
            Self::F32(v) => v as u128,
            Self::F64(v) | Self::FuncRef(v) | Self::ExternRef(v) | Self::ExnRef(v) => v as u128,
            Self::V128(v) => v,
        }
    }

    /// The value of a type from the low bits of a register.
    pub const fn from_bits(ty: ValType, bits: u128) -> Self {
        match ty {
            ValType::I32 => Self::I32(bits as i32),
            ValType::I64 => Self::I64(bits as i64),
            ValType::F32 => Self::F32(bits as u32),
            ValType::F64 => Self::F64(bits as u64),
            ValType::V128 => Self::V128(bits),
            ValType::FuncRef => Self::FuncRef(bits as u64),
            ValType::ExternRef => Self::ExternRef(bits as u64),
            ValType::Ref(RefType {
                heap: HeapType::Extern,
                ..
            }) => Self::ExternRef(bits as u64),
            ValType::Ref(RefType {
                heap: HeapType::Exn,
                ..
            }) => Self::ExnRef(bits as u64),
            ValType::Ref(_) => Self::FuncRef(bits as u64),
        }
    }
}
