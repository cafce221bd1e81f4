//! Comparison, bit operations, arithmetic of vectors.

use cranelift_codegen::ir::condcodes::{FloatCC, IntCC};
use cranelift_codegen::ir::{InstBuilder, Type, types};
use types::{F32X4, F64X2, I8X16, I16X8, I32, I32X4, I64X2};
use wasmparser::Operator;

use super::{binary, unary};
use crate::translate::body::Body;

impl Body<'_, '_> {
    /// Translates a lane-wise comparison; false if `op` is none.
    pub(super) fn vector_compare(&mut self, op: &Operator<'_>) -> bool {
        use IntCC::{
            Equal, NotEqual, SignedGreaterThan, SignedGreaterThanOrEqual, SignedLessThan,
            SignedLessThanOrEqual, UnsignedGreaterThan, UnsignedGreaterThanOrEqual,
            UnsignedLessThan, UnsignedLessThanOrEqual,
        };
        use Operator as O;
        let (shape, condition) = match op {
            O::I8x16Eq => (I8X16, Equal),
            O::I8x16Ne => (I8X16, NotEqual),
            O::I8x16LtS => (I8X16, SignedLessThan),
            O::I8x16LtU => (I8X16, UnsignedLessThan),
            O::I8x16GtS => (I8X16, SignedGreaterThan),
            O::I8x16GtU => (I8X16, UnsignedGreaterThan),
            O::I8x16LeS => (I8X16, SignedLessThanOrEqual),
            O::I8x16LeU => (I8X16, UnsignedLessThanOrEqual),
            O::I8x16GeS => (I8X16, SignedGreaterThanOrEqual),
            O::I8x16GeU => (I8X16, UnsignedGreaterThanOrEqual),
            O::I16x8Eq => (I16X8, Equal),
            O::I16x8Ne => (I16X8, NotEqual),
            O::I16x8LtS => (I16X8, SignedLessThan),
            O::I16x8LtU => (I16X8, UnsignedLessThan),
            O::I16x8GtS => (I16X8, SignedGreaterThan),
            O::I16x8GtU => (I16X8, UnsignedGreaterThan),
            O::I16x8LeS => (I16X8, SignedLessThanOrEqual),
            O::I16x8LeU => (I16X8, UnsignedLessThanOrEqual),
            O::I16x8GeS => (I16X8, SignedGreaterThanOrEqual),
            O::I16x8GeU => (I16X8, UnsignedGreaterThanOrEqual),
            O::I32x4Eq => (I32X4, Equal),
            O::I32x4Ne => (I32X4, NotEqual),
            O::I32x4LtS => (I32X4, SignedLessThan),
            O::I32x4LtU => (I32X4, UnsignedLessThan),
            O::I32x4GtS => (I32X4, SignedGreaterThan),
            O::I32x4GtU => (I32X4, UnsignedGreaterThan),
            O::I32x4LeS => (I32X4, SignedLessThanOrEqual),
            O::I32x4LeU => (I32X4, UnsignedLessThanOrEqual),
            O::I32x4GeS => (I32X4, SignedGreaterThanOrEqual),
            O::I32x4GeU => (I32X4, UnsignedGreaterThanOrEqual),
            O::I64x2Eq => (I64X2, Equal),
            O::I64x2Ne => (I64X2, NotEqual),
            O::I64x2LtS => (I64X2, SignedLessThan),
            O::I64x2GtS => (I64X2, SignedGreaterThan),
            O::I64x2LeS => (I64X2, SignedLessThanOrEqual),
            O::I64x2GeS => (I64X2, SignedGreaterThanOrEqual),
            _ => return self.vector_compare_floats(op),
        };
        binary!(self, shape, icmp, condition);
        true
    }

    fn vector_compare_floats(&mut self, op: &Operator<'_>) -> bool {
        use FloatCC::{
            Equal, GreaterThan, GreaterThanOrEqual, LessThan, LessThanOrEqual, NotEqual,
        };
        use Operator as O;
        let (shape, condition) = match op {
            O::F32x4Eq => (F32X4, Equal),
            O::F32x4Ne => (F32X4, NotEqual),
            O::F32x4Lt => (F32X4, LessThan),
            O::F32x4Gt => (F32X4, GreaterThan),
            O::F32x4Le => (F32X4, LessThanOrEqual),
            O::F32x4Ge => (F32X4, GreaterThanOrEqual),
            O::F64x2Eq => (F64X2, Equal),
            O::F64x2Ne => (F64X2, NotEqual),
            O::F64x2Lt => (F64X2, LessThan),
            O::F64x2Gt => (F64X2, GreaterThan),
            O::F64x2Le => (F64X2, LessThanOrEqual),
            O::F64x2Ge => (F64X2, GreaterThanOrEqual),
            _ => return false,
        };
        binary!(self, shape, fcmp, condition);
        true
    }

    /// Translates an operation on bits, or a reduction; false if `op` is none.
    pub(super) fn vector_bits(&mut self, op: &Operator<'_>) -> bool {
        use Operator as O;
        match op {
            O::V128Not => unary!(self, I8X16, bnot),
            O::V128And => binary!(self, I8X16, band),
            O::V128AndNot => binary!(self, I8X16, band_not),
            O::V128Or => binary!(self, I8X16, bor),
            O::V128Xor => binary!(self, I8X16, bxor),
            O::V128Bitselect => self.bitselect(),
            O::V128AnyTrue => {
                let value = self.pop();
                let any = self.b.ins().vany_true(value);
                self.push_bool(any);
            }
            O::I8x16AllTrue => self.all_true(I8X16),
            O::I16x8AllTrue => self.all_true(I16X8),
            O::I32x4AllTrue => self.all_true(I32X4),
            O::I64x2AllTrue => self.all_true(I64X2),
            O::I8x16Bitmask => self.bitmask(I8X16),
            O::I16x8Bitmask => self.bitmask(I16X8),
            O::I32x4Bitmask => self.bitmask(I32X4),
            O::I64x2Bitmask => self.bitmask(I64X2),
            O::I8x16Shl => self.shift(I8X16, Shift::Left),
            O::I16x8Shl => self.shift(I16X8, Shift::Left),
            O::I32x4Shl => self.shift(I32X4, Shift::Left),
            O::I64x2Shl => self.shift(I64X2, Shift::Left),
            O::I8x16ShrS => self.shift(I8X16, Shift::RightSigned),
            O::I16x8ShrS => self.shift(I16X8, Shift::RightSigned),
            O::I32x4ShrS => self.shift(I32X4, Shift::RightSigned),
            O::I64x2ShrS => self.shift(I64X2, Shift::RightSigned),
            O::I8x16ShrU => self.shift(I8X16, Shift::RightUnsigned),
            O::I16x8ShrU => self.shift(I16X8, Shift::RightUnsigned),
            O::I32x4ShrU => self.shift(I32X4, Shift::RightUnsigned),
            O::I64x2ShrU => self.shift(I64X2, Shift::RightUnsigned),
            _ => return false,
        }
        true
    }

    pub(super) fn bitselect(&mut self) {
        let (ones, zeros, mask) = self.pop3();
        let value = self.b.ins().bitselect(mask, ones, zeros);
        self.push(value);
    }

    fn all_true(&mut self, shape: Type) {
        let value = self.pop_vector(shape);
        let all = self.b.ins().vall_true(value);
        self.push_bool(all);
    }

    fn bitmask(&mut self, shape: Type) {
        let value = self.pop_vector(shape);
        let bits = self.b.ins().vhigh_bits(I32, value);
        self.push(bits);
    }

    fn shift(&mut self, shape: Type, shift: Shift) {
        let by = self.pop();
        let value = self.pop_vector(shape);
        let value = match shift {
            Shift::Left => self.b.ins().ishl(value, by),
            Shift::RightSigned => self.b.ins().sshr(value, by),
            Shift::RightUnsigned => self.b.ins().ushr(value, by),
        };
        self.push_vector(value);
    }

    /// Translates integer arithmetic; false if `op` is none.
    pub(super) fn vector_integer(&mut self, op: &Operator<'_>) -> bool {
        use Operator as O;
        match op {
            O::I8x16Abs => unary!(self, I8X16, iabs),
            O::I16x8Abs => unary!(self, I16X8, iabs),
            O::I32x4Abs => unary!(self, I32X4, iabs),
            O::I64x2Abs => unary!(self, I64X2, iabs),
            O::I8x16Neg => unary!(self, I8X16, ineg),
            O::I16x8Neg => unary!(self, I16X8, ineg),
            O::I32x4Neg => unary!(self, I32X4, ineg),
            O::I64x2Neg => unary!(self, I64X2, ineg),
            O::I8x16Popcnt => unary!(self, I8X16, popcnt),
            O::I8x16Add => binary!(self, I8X16, iadd),
            O::I16x8Add => binary!(self, I16X8, iadd),
            O::I32x4Add => binary!(self, I32X4, iadd),
            O::I64x2Add => binary!(self, I64X2, iadd),
            O::I8x16Sub => binary!(self, I8X16, isub),
            O::I16x8Sub => binary!(self, I16X8, isub),
            O::I32x4Sub => binary!(self, I32X4, isub),
            O::I64x2Sub => binary!(self, I64X2, isub),
            O::I16x8Mul => binary!(self, I16X8, imul),
            O::I32x4Mul => binary!(self, I32X4, imul),
            O::I64x2Mul => binary!(self, I64X2, imul),
            O::I8x16AddSatS => binary!(self, I8X16, sadd_sat),
            O::I8x16AddSatU => binary!(self, I8X16, uadd_sat),
            O::I16x8AddSatS => binary!(self, I16X8, sadd_sat),
            O::I16x8AddSatU => binary!(self, I16X8, uadd_sat),
            O::I8x16SubSatS => binary!(self, I8X16, ssub_sat),
            O::I8x16SubSatU => binary!(self, I8X16, usub_sat),
            O::I16x8SubSatS => binary!(self, I16X8, ssub_sat),
            O::I16x8SubSatU => binary!(self, I16X8, usub_sat),
            O::I8x16MinS => binary!(self, I8X16, smin),
            O::I8x16MinU => binary!(self, I8X16, umin),
            O::I8x16MaxS => binary!(self, I8X16, smax),
            O::I8x16MaxU => binary!(self, I8X16, umax),
            O::I16x8MinS => binary!(self, I16X8, smin),
            O::I16x8MinU => binary!(self, I16X8, umin),
            O::I16x8MaxS => binary!(self, I16X8, smax),
            O::I16x8MaxU => binary!(self, I16X8, umax),
            O::I32x4MinS => binary!(self, I32X4, smin),
            O::I32x4MinU => binary!(self, I32X4, umin),
            O::I32x4MaxS => binary!(self, I32X4, smax),
            O::I32x4MaxU => binary!(self, I32X4, umax),
            O::I8x16AvgrU => binary!(self, I8X16, avg_round),
            O::I16x8AvgrU => binary!(self, I16X8, avg_round),
            O::I16x8Q15MulrSatS => binary!(self, I16X8, sqmul_round_sat),
            _ => return false,
        }
        true
    }

    /// Translates floating point arithmetic; false if `op` is none.
    pub(super) fn vector_float(&mut self, op: &Operator<'_>) -> bool {
        use Operator as O;
        match op {
            O::F32x4Ceil => unary!(self, F32X4, ceil),
            O::F32x4Floor => unary!(self, F32X4, floor),
            O::F32x4Trunc => unary!(self, F32X4, trunc),
            O::F32x4Nearest => unary!(self, F32X4, nearest),
            O::F32x4Abs => unary!(self, F32X4, fabs),
            O::F32x4Neg => unary!(self, F32X4, fneg),
            O::F32x4Sqrt => unary!(self, F32X4, sqrt),
            O::F32x4Add => binary!(self, F32X4, fadd),
            O::F32x4Sub => binary!(self, F32X4, fsub),
            O::F32x4Mul => binary!(self, F32X4, fmul),
            O::F32x4Div => binary!(self, F32X4, fdiv),
            O::F32x4Min => binary!(self, F32X4, fmin),
            O::F32x4Max => binary!(self, F32X4, fmax),
            O::F32x4PMin => self.pseudo(F32X4, FloatCC::GreaterThan),
            O::F32x4PMax => self.pseudo(F32X4, FloatCC::LessThan),
            O::F64x2Ceil => unary!(self, F64X2, ceil),
            O::F64x2Floor => unary!(self, F64X2, floor),
            O::F64x2Trunc => unary!(self, F64X2, trunc),
            O::F64x2Nearest => unary!(self, F64X2, nearest),
            O::F64x2Abs => unary!(self, F64X2, fabs),
            O::F64x2Neg => unary!(self, F64X2, fneg),
            O::F64x2Sqrt => unary!(self, F64X2, sqrt),
            O::F64x2Add => binary!(self, F64X2, fadd),
            O::F64x2Sub => binary!(self, F64X2, fsub),
            O::F64x2Mul => binary!(self, F64X2, fmul),
            O::F64x2Div => binary!(self, F64X2, fdiv),
            O::F64x2Min => binary!(self, F64X2, fmin),
            O::F64x2Max => binary!(self, F64X2, fmax),
            O::F64x2PMin => self.pseudo(F64X2, FloatCC::GreaterThan),
            O::F64x2PMax => self.pseudo(F64X2, FloatCC::LessThan),
            _ => return false,
        }
        true
    }

    /// `pmin` and `pmax`: the right operand where the left one compares so
    /// with it, else the left one.
    fn pseudo(&mut self, shape: Type, condition: FloatCC) {
        let (left, right) = self.pop_vectors(shape);
        let mask = self.b.ins().fcmp(condition, left, right);
        let mask = self.reshape(mask, shape);
        let value = self.b.ins().bitselect(mask, right, left);
        self.push_vector(value);
    }
}

enum Shift {
    Left,
    RightSigned,
    RightUnsigned,
}
