//! Constant expressions: reading them, and what they are worth before the
//! module is loaded.

use wasmaot_abi::types::ValType;
use wasmaot_dylink::ImportRole;
use wasmparser::{AbstractHeapType, HeapType, Operator};

use crate::module::{ConstExpr, ConstOp, GlobalInit, GlobalStorage, Module};

/// Reads an expression that the validator has passed. `None` for an operator
/// that the supported features do not have.
pub(super) fn read(
    expr: &wasmparser::ConstExpr<'_>,
) -> Result<Option<ConstExpr>, wasmparser::Error> {
    let mut ops = Vec::new();
    for op in expr.get_operators_reader() {
        ops.push(match op? {
            Operator::I32Const { value } => ConstOp::I32(value),
            Operator::I64Const { value } => ConstOp::I64(value),
            Operator::F32Const { value } => ConstOp::F32(value.bits()),
            Operator::F64Const { value } => ConstOp::F64(value.bits()),
            Operator::V128Const { value } => ConstOp::V128(*value.bytes()),
            Operator::GlobalGet { global_index } => ConstOp::GlobalGet(global_index),
            Operator::RefNull { hty } => ConstOp::RefNull(reference(hty)),
            Operator::RefFunc { function_index } => ConstOp::RefFunc(function_index),
            Operator::I32Add => ConstOp::I32Add,
            Operator::I32Sub => ConstOp::I32Sub,
            Operator::I32Mul => ConstOp::I32Mul,
            Operator::I64Add => ConstOp::I64Add,
            Operator::I64Sub => ConstOp::I64Sub,
            Operator::I64Mul => ConstOp::I64Mul,
            Operator::End => continue,
            _ => return Ok(None),
        });
    }
    Ok(Some(ops))
}

/// The reference type of a heap type; with the features we accept it is one
/// of three.
pub(super) fn reference(heap: HeapType) -> ValType {
    match heap {
        HeapType::EXTERN => ValType::ExternRef,
        HeapType::Abstract {
            ty: AbstractHeapType::Exn,
            ..
        } => ValType::EXN_REF,
        _ => ValType::FuncRef,
    }
}

/// What an expression is worth before loading.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Known {
    I32(i32),
    I64(i64),
    /// A floating point or vector constant, or a null reference.
    Bytes([u8; 16]),
    RefFunc(u32),
    /// The module's memory base and an addend.
    MemoryBase(i32),
    /// The module's table base and an addend.
    TableBase(i32),
}

impl Known {
    /// As the initial value of a global.
    pub fn into_init(self) -> Option<GlobalInit> {
        match self {
            Self::I32(value) => Some(GlobalInit::Const(padded(&value.to_le_bytes()))),
            Self::I64(value) => Some(GlobalInit::Const(padded(&value.to_le_bytes()))),
            Self::Bytes(bytes) => Some(GlobalInit::Const(bytes)),
            Self::RefFunc(func) => Some(GlobalInit::RefFunc(func)),
            Self::MemoryBase(_) | Self::TableBase(_) => None,
        }
    }
}

fn padded(bytes: &[u8]) -> [u8; 16] {
    let mut out = [0; 16];
    out[..bytes.len()].copy_from_slice(bytes);
    out
}

/// Evaluates as far as can be done before loading. The globals that the
/// expression reads must have been placed already.
pub(super) fn evaluate(expr: &[ConstOp], module: &Module<'_>) -> Option<Known> {
    let mut stack = Vec::new();
    for op in expr {
        let value = match *op {
            ConstOp::I32(value) => Known::I32(value),
            ConstOp::I64(value) => Known::I64(value),
            ConstOp::F32(bits) => Known::Bytes(padded(&bits.to_le_bytes())),
            ConstOp::F64(bits) => Known::Bytes(padded(&bits.to_le_bytes())),
            ConstOp::V128(bytes) => Known::Bytes(bytes),
            ConstOp::RefNull(_) => Known::Bytes([0; 16]),
            ConstOp::RefFunc(func) => Known::RefFunc(func),
            ConstOp::GlobalGet(global) => global_value(global, module)?,
            _ => {
                let right = stack.pop()?;
                let left = stack.pop()?;
                binary(*op, left, right)?
            }
        };
        stack.push(value);
    }
    stack.pop()
}

fn binary(op: ConstOp, left: Known, right: Known) -> Option<Known> {
    use Known::{I32, I64, MemoryBase, TableBase};
    Some(match (op, left, right) {
        (ConstOp::I32Add, I32(a), I32(b)) => I32(a.wrapping_add(b)),
        (ConstOp::I32Sub, I32(a), I32(b)) => I32(a.wrapping_sub(b)),
        (ConstOp::I32Mul, I32(a), I32(b)) => I32(a.wrapping_mul(b)),
        (ConstOp::I64Add, I64(a), I64(b)) => I64(a.wrapping_add(b)),
        (ConstOp::I64Sub, I64(a), I64(b)) => I64(a.wrapping_sub(b)),
        (ConstOp::I64Mul, I64(a), I64(b)) => I64(a.wrapping_mul(b)),
        (ConstOp::I32Add, MemoryBase(a), I32(b)) | (ConstOp::I32Add, I32(b), MemoryBase(a)) => {
            MemoryBase(a.wrapping_add(b))
        }
        (ConstOp::I32Add, TableBase(a), I32(b)) | (ConstOp::I32Add, I32(b), TableBase(a)) => {
            TableBase(a.wrapping_add(b))
        }
        _ => return None,
    })
}

fn global_value(global: u32, module: &Module<'_>) -> Option<Known> {
    let global = &module.globals[global as usize];
    match &global.storage {
        GlobalStorage::Own(init) if !global.ty.mutable => match init {
            GlobalInit::Const(bytes) => Some(constant(global.ty.val, *bytes)),
            GlobalInit::RefFunc(func) => Some(Known::RefFunc(*func)),
            GlobalInit::Computed(_) => None,
        },
        GlobalStorage::Loader(import) => match module.imports[*import as usize].role {
            ImportRole::MemoryBase => Some(Known::MemoryBase(0)),
            ImportRole::TableBase => Some(Known::TableBase(0)),
            _ => None,
        },
        _ => None,
    }
}

fn constant(ty: ValType, bytes: [u8; 16]) -> Known {
    let low = u64::from_le_bytes(std::array::from_fn(|i| bytes[i]));
    match ty {
        ValType::I32 => Known::I32(low as i32),
        ValType::I64 => Known::I64(low as i64),
        _ => Known::Bytes(bytes),
    }
}
