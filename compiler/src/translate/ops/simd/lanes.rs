//! Vectors and memory, constants, lanes, shuffles.

use cranelift_codegen::ir::{ConstantData, InstBuilder, Type, types};
use types::{I8X16, I32};
use wasmparser::MemArg;

use crate::translate::body::Body;

impl Body<'_, '_> {
    pub fn load_splat(&mut self, arg: MemArg, lane: Type, shape: Type) {
        let value = self.load_value(arg, lane);
        let value = self.b.ins().splat(shape, value);
        self.push_vector(value);
    }

    pub fn load_zero(&mut self, arg: MemArg, lane: Type, shape: Type) {
        let value = self.load_value(arg, lane);
        let value = self.b.ins().scalar_to_vector(shape, value);
        self.push_vector(value);
    }

    pub fn load_lane(&mut self, arg: MemArg, lane: u8, ty: Type, shape: Type) {
        let vector = self.pop_vector(shape);
        let value = self.load_value(arg, ty);
        let value = self.b.ins().insertlane(vector, value, lane);
        self.push_vector(value);
    }

    pub fn store_lane(&mut self, arg: MemArg, lane: u8, ty: Type, shape: Type) {
        let vector = self.pop_vector(shape);
        let value = self.b.ins().extractlane(vector, lane);
        self.store_value(arg, ty, value);
    }

    pub fn shuffle(&mut self, lanes: &[u8; 16]) {
        let (left, right) = self.pop_vectors(I8X16);
        let mask = ConstantData::from(&lanes[..]);
        let mask = self.b.func.dfg.immediates.push(mask);
        let value = self.b.ins().shuffle(left, right, mask);
        self.push(value);
    }

    /// `narrow`: the lane's type where the operand is wider.
    pub fn splat(&mut self, narrow: Option<Type>, shape: Type) {
        let mut value = self.pop();
        if let Some(ty) = narrow {
            value = self.b.ins().ireduce(ty, value);
        }
        let value = self.b.ins().splat(shape, value);
        self.push_vector(value);
    }

    /// `signed`: how to extend a lane that is narrower than the result.
    pub fn extract(&mut self, lane: u8, shape: Type, signed: Option<bool>) {
        let vector = self.pop_vector(shape);
        let value = self.b.ins().extractlane(vector, lane);
        let value = match signed {
            Some(true) => self.b.ins().sextend(I32, value),
            Some(false) => self.b.ins().uextend(I32, value),
            None => value,
        };
        self.push(value);
    }

    pub fn replace(&mut self, lane: u8, ty: Type, shape: Type) {
        let mut value = self.pop();
        if ty.bits() < 32 {
            value = self.b.ins().ireduce(ty, value);
        }
        let vector = self.pop_vector(shape);
        let value = self.b.ins().insertlane(vector, value, lane);
        self.push_vector(value);
    }
}
