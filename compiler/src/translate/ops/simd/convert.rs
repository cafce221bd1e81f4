//! Operations that change the width or kind of lanes.

use cranelift_codegen::ir::{InstBuilder, Type, Value, types};
use types::{F32X4, F64X2, I8X16, I16X8, I32X4, I64X2};
use wasmparser::Operator;

use super::{binary, unary};
use crate::translate::body::Body;

/// Which half of a vector to widen, and how.
#[derive(Clone, Copy)]
enum Half {
    LowSigned,
    HighSigned,
    LowUnsigned,
    HighUnsigned,
}

impl Body<'_, '_> {
    /// Translates such an operation; false if `op` is none.
    pub(super) fn vector_convert(&mut self, op: &Operator<'_>) -> bool {
        use Operator as O;
        match op {
            O::I8x16NarrowI16x8S => binary!(self, I16X8, snarrow),
            O::I8x16NarrowI16x8U => binary!(self, I16X8, unarrow),
            O::I16x8NarrowI32x4S => binary!(self, I32X4, snarrow),
            O::I16x8NarrowI32x4U => binary!(self, I32X4, unarrow),
            O::I32x4DotI16x8S => self.dot(I16X8),
            O::I32x4TruncSatF32x4S => unary!(self, F32X4, fcvt_to_sint_sat, I32X4),
            O::I32x4TruncSatF32x4U => unary!(self, F32X4, fcvt_to_uint_sat, I32X4),
            O::I32x4TruncSatF64x2SZero => self.truncate_doubles(true),
            O::I32x4TruncSatF64x2UZero => self.truncate_doubles(false),
            O::F32x4ConvertI32x4S => unary!(self, I32X4, fcvt_from_sint, F32X4),
            O::F32x4ConvertI32x4U => unary!(self, I32X4, fcvt_from_uint, F32X4),
            O::F64x2ConvertLowI32x4S => {
                let value = self.pop_half(I32X4, Half::LowSigned);
                let value = self.b.ins().fcvt_from_sint(F64X2, value);
                self.push_vector(value);
            }
            O::F64x2ConvertLowI32x4U => {
                let value = self.pop_half(I32X4, Half::LowUnsigned);
                let value = self.b.ins().fcvt_from_uint(F64X2, value);
                self.push_vector(value);
            }
            O::F32x4DemoteF64x2Zero => unary!(self, F64X2, fvdemote),
            O::F64x2PromoteLowF32x4 => unary!(self, F32X4, fvpromote_low),
            _ => return self.vector_widen(op),
        }
        true
    }

    fn vector_widen(&mut self, op: &Operator<'_>) -> bool {
        use Half::{HighSigned, HighUnsigned, LowSigned, LowUnsigned};
        use Operator as O;
        match op {
            O::I16x8ExtendLowI8x16S => self.extend(I8X16, LowSigned),
            O::I16x8ExtendHighI8x16S => self.extend(I8X16, HighSigned),
            O::I16x8ExtendLowI8x16U => self.extend(I8X16, LowUnsigned),
            O::I16x8ExtendHighI8x16U => self.extend(I8X16, HighUnsigned),
            O::I32x4ExtendLowI16x8S => self.extend(I16X8, LowSigned),
            O::I32x4ExtendHighI16x8S => self.extend(I16X8, HighSigned),
            O::I32x4ExtendLowI16x8U => self.extend(I16X8, LowUnsigned),
            O::I32x4ExtendHighI16x8U => self.extend(I16X8, HighUnsigned),
            O::I64x2ExtendLowI32x4S => self.extend(I32X4, LowSigned),
            O::I64x2ExtendHighI32x4S => self.extend(I32X4, HighSigned),
            O::I64x2ExtendLowI32x4U => self.extend(I32X4, LowUnsigned),
            O::I64x2ExtendHighI32x4U => self.extend(I32X4, HighUnsigned),
            O::I16x8ExtMulLowI8x16S => self.multiply(I8X16, LowSigned),
            O::I16x8ExtMulHighI8x16S => self.multiply(I8X16, HighSigned),
            O::I16x8ExtMulLowI8x16U => self.multiply(I8X16, LowUnsigned),
            O::I16x8ExtMulHighI8x16U => self.multiply(I8X16, HighUnsigned),
            O::I32x4ExtMulLowI16x8S => self.multiply(I16X8, LowSigned),
            O::I32x4ExtMulHighI16x8S => self.multiply(I16X8, HighSigned),
            O::I32x4ExtMulLowI16x8U => self.multiply(I16X8, LowUnsigned),
            O::I32x4ExtMulHighI16x8U => self.multiply(I16X8, HighUnsigned),
            O::I64x2ExtMulLowI32x4S => self.multiply(I32X4, LowSigned),
            O::I64x2ExtMulHighI32x4S => self.multiply(I32X4, HighSigned),
            O::I64x2ExtMulLowI32x4U => self.multiply(I32X4, LowUnsigned),
            O::I64x2ExtMulHighI32x4U => self.multiply(I32X4, HighUnsigned),
            O::I16x8ExtAddPairwiseI8x16S => self.add_pairs(I8X16, LowSigned, HighSigned),
            O::I16x8ExtAddPairwiseI8x16U => self.add_pairs(I8X16, LowUnsigned, HighUnsigned),
            O::I32x4ExtAddPairwiseI16x8S => self.add_pairs(I16X8, LowSigned, HighSigned),
            O::I32x4ExtAddPairwiseI16x8U => self.add_pairs(I16X8, LowUnsigned, HighUnsigned),
            _ => return false,
        }
        true
    }

    fn widen_half(&mut self, value: Value, half: Half) -> Value {
        match half {
            Half::LowSigned => self.b.ins().swiden_low(value),
            Half::HighSigned => self.b.ins().swiden_high(value),
            Half::LowUnsigned => self.b.ins().uwiden_low(value),
            Half::HighUnsigned => self.b.ins().uwiden_high(value),
        }
    }

    fn pop_half(&mut self, shape: Type, half: Half) -> Value {
        let value = self.pop_vector(shape);
        self.widen_half(value, half)
    }

    fn extend(&mut self, shape: Type, half: Half) {
        let value = self.pop_half(shape, half);
        self.push_vector(value);
    }

    fn multiply(&mut self, shape: Type, half: Half) {
        let right = self.pop_half(shape, half);
        let left = self.pop_half(shape, half);
        let value = self.b.ins().imul(left, right);
        self.push_vector(value);
    }

    fn add_pairs(&mut self, shape: Type, low: Half, high: Half) {
        let value = self.pop_vector(shape);
        let low = self.widen_half(value, low);
        let high = self.widen_half(value, high);
        let value = self.b.ins().iadd_pairwise(low, high);
        self.push_vector(value);
    }

    /// Saturated, in the low lanes; the high ones are zero.
    pub(super) fn truncate_doubles(&mut self, signed: bool) {
        let value = self.pop_vector(F64X2);
        let zeros = self.vector_of(I64X2, &[0; 16]);
        let value = if signed {
            let value = self.b.ins().fcvt_to_sint_sat(I64X2, value);
            self.b.ins().snarrow(value, zeros)
        } else {
            let value = self.b.ins().fcvt_to_uint_sat(I64X2, value);
            self.b.ins().uunarrow(value, zeros)
        };
        self.push_vector(value);
    }

    /// Sums of the signed products of neighbouring lanes.
    pub(super) fn dot(&mut self, shape: Type) {
        let (left, right) = self.pop_vectors(shape);
        let mut product = |half| {
            let (left, right) = (self.widen_half(left, half), self.widen_half(right, half));
            self.b.ins().imul(left, right)
        };
        let (low, high) = (product(Half::LowSigned), product(Half::HighSigned));
        let value = self.b.ins().iadd_pairwise(low, high);
        self.push_vector(value);
    }
}
