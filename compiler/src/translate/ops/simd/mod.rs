//! The 128-bit vector operations.
//!
//! On the operand stack every vector is `I8X16`; an operation takes and leaves
//! it in the shape it works on by a `bitcast`, which costs no instruction.

mod arithmetic;
mod convert;
mod lanes;
mod relaxed;

use cranelift_codegen::ir::condcodes::{FloatCC, IntCC};
use cranelift_codegen::ir::{Endianness, InstBuilder, MemFlagsData, Type, Value, types};
use types::{F32, F32X4, F64, F64X2, I8, I8X16, I16, I16X8, I32, I32X4, I64, I64X2};

use crate::operator::SimdOperator;
use crate::translate::body::Body;

/// Loads of half a vector, each lane extended to twice its width.
macro_rules! load_wide {
    ($self:ident, $arg:expr, $inst:ident) => {{
        let from = $self.access($arg, 8);
        let value = $self
            .b
            .ins()
            .$inst(from.flags, from.address, from.displacement);
        $self.push_vector(value);
    }};
}

/// Applies a CLIF instruction of one operand to vectors of a shape.
macro_rules! unary {
    ($self:ident, $shape:expr, $inst:ident $(, $ty:expr)?) => {{
        let value = $self.pop_vector($shape);
        let value = $self.b.ins().$inst($($ty,)? value);
        $self.push_vector(value);
    }};
}

/// Applies a CLIF instruction of two operands to vectors of a shape.
macro_rules! binary {
    ($self:ident, $shape:expr, $inst:ident $(, $condition:expr)?) => {{
        let (left, right) = $self.pop_vectors($shape);
        let value = $self.b.ins().$inst($($condition,)? left, right);
        $self.push_vector(value);
    }};
}

use self::arithmetic::Shift;
use self::convert::Half;

impl Body<'_, '_> {
    /// Translates a vector operator. The match has an arm for each of them, and
    /// none for all others.
    pub fn simd(&mut self, op: &SimdOperator) {
        use SimdOperator as O;
        match *op {
            // Memory.
            O::V128Load { memarg } => self.load(memarg, I8X16),
            O::V128Store { memarg } => self.store(memarg, I8X16),
            O::V128Load8x8S { memarg } => load_wide!(self, memarg, sload8x8),
            O::V128Load8x8U { memarg } => load_wide!(self, memarg, uload8x8),
            O::V128Load16x4S { memarg } => load_wide!(self, memarg, sload16x4),
            O::V128Load16x4U { memarg } => load_wide!(self, memarg, uload16x4),
            O::V128Load32x2S { memarg } => load_wide!(self, memarg, sload32x2),
            O::V128Load32x2U { memarg } => load_wide!(self, memarg, uload32x2),
            O::V128Load8Splat { memarg } => self.load_splat(memarg, I8, I8X16),
            O::V128Load16Splat { memarg } => self.load_splat(memarg, I16, I16X8),
            O::V128Load32Splat { memarg } => self.load_splat(memarg, I32, I32X4),
            O::V128Load64Splat { memarg } => self.load_splat(memarg, I64, I64X2),
            O::V128Load32Zero { memarg } => self.load_zero(memarg, I32, I32X4),
            O::V128Load64Zero { memarg } => self.load_zero(memarg, I64, I64X2),
            O::V128Load8Lane { memarg, lane } => self.load_lane(memarg, lane, I8, I8X16),
            O::V128Load16Lane { memarg, lane } => self.load_lane(memarg, lane, I16, I16X8),
            O::V128Load32Lane { memarg, lane } => self.load_lane(memarg, lane, I32, I32X4),
            O::V128Load64Lane { memarg, lane } => self.load_lane(memarg, lane, I64, I64X2),
            O::V128Store8Lane { memarg, lane } => self.store_lane(memarg, lane, I8, I8X16),
            O::V128Store16Lane { memarg, lane } => self.store_lane(memarg, lane, I16, I16X8),
            O::V128Store32Lane { memarg, lane } => self.store_lane(memarg, lane, I32, I32X4),
            O::V128Store64Lane { memarg, lane } => self.store_lane(memarg, lane, I64, I64X2),
            // Constants and lanes.
            O::V128Const { value } => {
                let value = self.vector(value.bytes());
                self.push(value);
            }
            O::I8x16Shuffle { ref lanes } => self.shuffle(lanes),
            O::I8x16Swizzle => binary!(self, I8X16, swizzle),
            O::I8x16Splat => self.splat(Some(I8), I8X16),
            O::I16x8Splat => self.splat(Some(I16), I16X8),
            O::I32x4Splat => self.splat(None, I32X4),
            O::I64x2Splat => self.splat(None, I64X2),
            O::F32x4Splat => self.splat(None, F32X4),
            O::F64x2Splat => self.splat(None, F64X2),
            O::I8x16ExtractLaneS { lane } => self.extract(lane, I8X16, Some(true)),
            O::I8x16ExtractLaneU { lane } => self.extract(lane, I8X16, Some(false)),
            O::I16x8ExtractLaneS { lane } => self.extract(lane, I16X8, Some(true)),
            O::I16x8ExtractLaneU { lane } => self.extract(lane, I16X8, Some(false)),
            O::I32x4ExtractLane { lane } => self.extract(lane, I32X4, None),
            O::I64x2ExtractLane { lane } => self.extract(lane, I64X2, None),
            O::F32x4ExtractLane { lane } => self.extract(lane, F32X4, None),
            O::F64x2ExtractLane { lane } => self.extract(lane, F64X2, None),
            O::I8x16ReplaceLane { lane } => self.replace(lane, I8, I8X16),
            O::I16x8ReplaceLane { lane } => self.replace(lane, I16, I16X8),
            O::I32x4ReplaceLane { lane } => self.replace(lane, I32, I32X4),
            O::I64x2ReplaceLane { lane } => self.replace(lane, I64, I64X2),
            O::F32x4ReplaceLane { lane } => self.replace(lane, F32, F32X4),
            O::F64x2ReplaceLane { lane } => self.replace(lane, F64, F64X2),
            // Comparisons of integers.
            O::I8x16Eq => self.vector_compare(I8X16, IntCC::Equal),
            O::I8x16Ne => self.vector_compare(I8X16, IntCC::NotEqual),
            O::I8x16LtS => self.vector_compare(I8X16, IntCC::SignedLessThan),
            O::I8x16LtU => self.vector_compare(I8X16, IntCC::UnsignedLessThan),
            O::I8x16GtS => self.vector_compare(I8X16, IntCC::SignedGreaterThan),
            O::I8x16GtU => self.vector_compare(I8X16, IntCC::UnsignedGreaterThan),
            O::I8x16LeS => self.vector_compare(I8X16, IntCC::SignedLessThanOrEqual),
            O::I8x16LeU => self.vector_compare(I8X16, IntCC::UnsignedLessThanOrEqual),
            O::I8x16GeS => self.vector_compare(I8X16, IntCC::SignedGreaterThanOrEqual),
            O::I8x16GeU => self.vector_compare(I8X16, IntCC::UnsignedGreaterThanOrEqual),
            O::I16x8Eq => self.vector_compare(I16X8, IntCC::Equal),
            O::I16x8Ne => self.vector_compare(I16X8, IntCC::NotEqual),
            O::I16x8LtS => self.vector_compare(I16X8, IntCC::SignedLessThan),
            O::I16x8LtU => self.vector_compare(I16X8, IntCC::UnsignedLessThan),
            O::I16x8GtS => self.vector_compare(I16X8, IntCC::SignedGreaterThan),
            O::I16x8GtU => self.vector_compare(I16X8, IntCC::UnsignedGreaterThan),
            O::I16x8LeS => self.vector_compare(I16X8, IntCC::SignedLessThanOrEqual),
            O::I16x8LeU => self.vector_compare(I16X8, IntCC::UnsignedLessThanOrEqual),
            O::I16x8GeS => self.vector_compare(I16X8, IntCC::SignedGreaterThanOrEqual),
            O::I16x8GeU => self.vector_compare(I16X8, IntCC::UnsignedGreaterThanOrEqual),
            O::I32x4Eq => self.vector_compare(I32X4, IntCC::Equal),
            O::I32x4Ne => self.vector_compare(I32X4, IntCC::NotEqual),
            O::I32x4LtS => self.vector_compare(I32X4, IntCC::SignedLessThan),
            O::I32x4LtU => self.vector_compare(I32X4, IntCC::UnsignedLessThan),
            O::I32x4GtS => self.vector_compare(I32X4, IntCC::SignedGreaterThan),
            O::I32x4GtU => self.vector_compare(I32X4, IntCC::UnsignedGreaterThan),
            O::I32x4LeS => self.vector_compare(I32X4, IntCC::SignedLessThanOrEqual),
            O::I32x4LeU => self.vector_compare(I32X4, IntCC::UnsignedLessThanOrEqual),
            O::I32x4GeS => self.vector_compare(I32X4, IntCC::SignedGreaterThanOrEqual),
            O::I32x4GeU => self.vector_compare(I32X4, IntCC::UnsignedGreaterThanOrEqual),
            O::I64x2Eq => self.vector_compare(I64X2, IntCC::Equal),
            O::I64x2Ne => self.vector_compare(I64X2, IntCC::NotEqual),
            O::I64x2LtS => self.vector_compare(I64X2, IntCC::SignedLessThan),
            O::I64x2GtS => self.vector_compare(I64X2, IntCC::SignedGreaterThan),
            O::I64x2LeS => self.vector_compare(I64X2, IntCC::SignedLessThanOrEqual),
            O::I64x2GeS => self.vector_compare(I64X2, IntCC::SignedGreaterThanOrEqual),
            // Comparisons of floating point.
            O::F32x4Eq => self.vector_compare_floats(F32X4, FloatCC::Equal),
            O::F32x4Ne => self.vector_compare_floats(F32X4, FloatCC::NotEqual),
            O::F32x4Lt => self.vector_compare_floats(F32X4, FloatCC::LessThan),
            O::F32x4Gt => self.vector_compare_floats(F32X4, FloatCC::GreaterThan),
            O::F32x4Le => self.vector_compare_floats(F32X4, FloatCC::LessThanOrEqual),
            O::F32x4Ge => self.vector_compare_floats(F32X4, FloatCC::GreaterThanOrEqual),
            O::F64x2Eq => self.vector_compare_floats(F64X2, FloatCC::Equal),
            O::F64x2Ne => self.vector_compare_floats(F64X2, FloatCC::NotEqual),
            O::F64x2Lt => self.vector_compare_floats(F64X2, FloatCC::LessThan),
            O::F64x2Gt => self.vector_compare_floats(F64X2, FloatCC::GreaterThan),
            O::F64x2Le => self.vector_compare_floats(F64X2, FloatCC::LessThanOrEqual),
            O::F64x2Ge => self.vector_compare_floats(F64X2, FloatCC::GreaterThanOrEqual),
            // Bits and reductions.
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
            // Integers.
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
            // Floating point.
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
            // Conversions.
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
            // Other widths of lanes.
            O::I16x8ExtendLowI8x16S => self.extend(I8X16, Half::LowSigned),
            O::I16x8ExtendHighI8x16S => self.extend(I8X16, Half::HighSigned),
            O::I16x8ExtendLowI8x16U => self.extend(I8X16, Half::LowUnsigned),
            O::I16x8ExtendHighI8x16U => self.extend(I8X16, Half::HighUnsigned),
            O::I32x4ExtendLowI16x8S => self.extend(I16X8, Half::LowSigned),
            O::I32x4ExtendHighI16x8S => self.extend(I16X8, Half::HighSigned),
            O::I32x4ExtendLowI16x8U => self.extend(I16X8, Half::LowUnsigned),
            O::I32x4ExtendHighI16x8U => self.extend(I16X8, Half::HighUnsigned),
            O::I64x2ExtendLowI32x4S => self.extend(I32X4, Half::LowSigned),
            O::I64x2ExtendHighI32x4S => self.extend(I32X4, Half::HighSigned),
            O::I64x2ExtendLowI32x4U => self.extend(I32X4, Half::LowUnsigned),
            O::I64x2ExtendHighI32x4U => self.extend(I32X4, Half::HighUnsigned),
            O::I16x8ExtMulLowI8x16S => self.multiply(I8X16, Half::LowSigned),
            O::I16x8ExtMulHighI8x16S => self.multiply(I8X16, Half::HighSigned),
            O::I16x8ExtMulLowI8x16U => self.multiply(I8X16, Half::LowUnsigned),
            O::I16x8ExtMulHighI8x16U => self.multiply(I8X16, Half::HighUnsigned),
            O::I32x4ExtMulLowI16x8S => self.multiply(I16X8, Half::LowSigned),
            O::I32x4ExtMulHighI16x8S => self.multiply(I16X8, Half::HighSigned),
            O::I32x4ExtMulLowI16x8U => self.multiply(I16X8, Half::LowUnsigned),
            O::I32x4ExtMulHighI16x8U => self.multiply(I16X8, Half::HighUnsigned),
            O::I64x2ExtMulLowI32x4S => self.multiply(I32X4, Half::LowSigned),
            O::I64x2ExtMulHighI32x4S => self.multiply(I32X4, Half::HighSigned),
            O::I64x2ExtMulLowI32x4U => self.multiply(I32X4, Half::LowUnsigned),
            O::I64x2ExtMulHighI32x4U => self.multiply(I32X4, Half::HighUnsigned),
            O::I16x8ExtAddPairwiseI8x16S => {
                self.add_pairs(I8X16, Half::LowSigned, Half::HighSigned)
            }
            O::I16x8ExtAddPairwiseI8x16U => {
                self.add_pairs(I8X16, Half::LowUnsigned, Half::HighUnsigned)
            }
            O::I32x4ExtAddPairwiseI16x8S => {
                self.add_pairs(I16X8, Half::LowSigned, Half::HighSigned)
            }
            O::I32x4ExtAddPairwiseI16x8U => {
                self.add_pairs(I16X8, Half::LowUnsigned, Half::HighUnsigned)
            }
            // Relaxed.
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
        }
    }

    /// A value's bits in another shape.
    pub fn reshape(&mut self, value: Value, shape: Type) -> Value {
        if self.b.func.dfg.value_type(value) == shape {
            return value;
        }
        let flags = MemFlagsData::new().with_endianness(Endianness::Little);
        self.b.ins().bitcast(shape, flags, value)
    }

    pub fn pop_vector(&mut self, shape: Type) -> Value {
        let value = self.pop();
        self.reshape(value, shape)
    }

    /// Pops two vectors; the one below first.
    pub fn pop_vectors(&mut self, shape: Type) -> (Value, Value) {
        let second = self.pop_vector(shape);
        (self.pop_vector(shape), second)
    }

    pub fn push_vector(&mut self, value: Value) {
        let value = self.reshape(value, types::I8X16);
        self.push(value);
    }
}
