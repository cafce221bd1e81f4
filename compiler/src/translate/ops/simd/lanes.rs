//! Vectors and memory, constants, lanes, shuffles.

use cranelift_codegen::ir::{ConstantData, InstBuilder, Type, types};
use types::{F32, F32X4, F64, F64X2, I8, I8X16, I16, I16X8, I32, I32X4, I64, I64X2};
use wasmparser::{MemArg, Operator};

use super::binary;
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

impl Body<'_, '_> {
    /// Translates a vector load or store; false if `op` is none.
    pub(super) fn vector_memory(&mut self, op: &Operator<'_>) -> bool {
        use Operator as O;
        match *op {
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
            _ => return false,
        }
        true
    }

    fn load_splat(&mut self, arg: MemArg, lane: Type, shape: Type) {
        let value = self.load_value(arg, lane);
        let value = self.b.ins().splat(shape, value);
        self.push_vector(value);
    }

    fn load_zero(&mut self, arg: MemArg, lane: Type, shape: Type) {
        let value = self.load_value(arg, lane);
        let value = self.b.ins().scalar_to_vector(shape, value);
        self.push_vector(value);
    }

    fn load_lane(&mut self, arg: MemArg, lane: u8, ty: Type, shape: Type) {
        let vector = self.pop_vector(shape);
        let value = self.load_value(arg, ty);
        let value = self.b.ins().insertlane(vector, value, lane);
        self.push_vector(value);
    }

    fn store_lane(&mut self, arg: MemArg, lane: u8, ty: Type, shape: Type) {
        let vector = self.pop_vector(shape);
        let value = self.b.ins().extractlane(vector, lane);
        self.store_value(arg, ty, value);
    }

    /// Translates a constant or an operation on lanes; false if `op` is none.
    pub(super) fn vector_lanes(&mut self, op: &Operator<'_>) -> bool {
        use Operator as O;
        match *op {
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
            _ => return false,
        }
        true
    }

    fn shuffle(&mut self, lanes: &[u8; 16]) {
        let (left, right) = self.pop_vectors(I8X16);
        let mask = ConstantData::from(&lanes[..]);
        let mask = self.b.func.dfg.immediates.push(mask);
        let value = self.b.ins().shuffle(left, right, mask);
        self.push(value);
    }

    /// `narrow`: the lane's type where the operand is wider.
    fn splat(&mut self, narrow: Option<Type>, shape: Type) {
        let mut value = self.pop();
        if let Some(ty) = narrow {
            value = self.b.ins().ireduce(ty, value);
        }
        let value = self.b.ins().splat(shape, value);
        self.push_vector(value);
    }

    /// `signed`: how to extend a lane that is narrower than the result.
    fn extract(&mut self, lane: u8, shape: Type, signed: Option<bool>) {
        let vector = self.pop_vector(shape);
        let value = self.b.ins().extractlane(vector, lane);
        let value = match signed {
            Some(true) => self.b.ins().sextend(I32, value),
            Some(false) => self.b.ins().uextend(I32, value),
            None => value,
        };
        self.push(value);
    }

    fn replace(&mut self, lane: u8, ty: Type, shape: Type) {
        let mut value = self.pop();
        if ty.bits() < 32 {
            value = self.b.ins().ireduce(ty, value);
        }
        let vector = self.pop_vector(shape);
        let value = self.b.ins().insertlane(vector, value, lane);
        self.push_vector(value);
    }
}
