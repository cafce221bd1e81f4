//! Relaxed vector operations. Of the results that the specification allows
//! each gives one, the same on every machine: that of the strict operation
//! where there is one, products and sums each rounded, signed dot products.

use cranelift_codegen::ir::{InstBuilder, Type, types};
use types::{F32X4, F64X2, I8X16, I16X8, I32X4};
use wasmparser::Operator;

use super::{binary, unary};
use crate::translate::body::Body;

impl Body<'_, '_> {
    /// Translates a relaxed operation; false if `op` is none.
    pub(super) fn vector_relaxed(&mut self, op: &Operator<'_>) -> bool {
        use Operator as O;
        match op {
            O::I8x16RelaxedSwizzle => binary!(self, I8X16, swizzle),
            O::I32x4RelaxedTruncF32x4S => unary!(self, F32X4, fcvt_to_sint_sat, I32X4),
            O::I32x4RelaxedTruncF32x4U => unary!(self, F32X4, fcvt_to_uint_sat, I32X4),
            O::I32x4RelaxedTruncF64x2SZero => self.truncate_doubles(true),
            O::I32x4RelaxedTruncF64x2UZero => self.truncate_doubles(false),
            O::F32x4RelaxedMadd => self.multiply_add(F32X4, false),
            O::F32x4RelaxedNmadd => self.multiply_add(F32X4, true),
            O::F64x2RelaxedMadd => self.multiply_add(F64X2, false),
            O::F64x2RelaxedNmadd => self.multiply_add(F64X2, true),
            O::I8x16RelaxedLaneselect
            | O::I16x8RelaxedLaneselect
            | O::I32x4RelaxedLaneselect
            | O::I64x2RelaxedLaneselect => self.bitselect(),
            O::F32x4RelaxedMin => binary!(self, F32X4, fmin),
            O::F32x4RelaxedMax => binary!(self, F32X4, fmax),
            O::F64x2RelaxedMin => binary!(self, F64X2, fmin),
            O::F64x2RelaxedMax => binary!(self, F64X2, fmax),
            O::I16x8RelaxedQ15mulrS => binary!(self, I16X8, sqmul_round_sat),
            O::I16x8RelaxedDotI8x16I7x16S => self.dot(I8X16),
            O::I32x4RelaxedDotI8x16I7x16AddS => self.dot_bytes_add(),
            _ => return false,
        }
        true
    }

    fn multiply_add(&mut self, shape: Type, negate: bool) {
        let addend = self.pop_vector(shape);
        let (left, right) = self.pop_vectors(shape);
        let product = self.b.ins().fmul(left, right);
        let value = if negate {
            self.b.ins().fsub(addend, product)
        } else {
            self.b.ins().fadd(addend, product)
        };
        self.push_vector(value);
    }

    fn dot_bytes_add(&mut self) {
        let addend = self.pop_vector(I32X4);
        self.dot(I8X16);
        let pairs = self.pop_vector(I16X8);
        let low = self.b.ins().swiden_low(pairs);
        let high = self.b.ins().swiden_high(pairs);
        let sums = self.b.ins().iadd_pairwise(low, high);
        let value = self.b.ins().iadd(sums, addend);
        self.push_vector(value);
    }
}
