//! Scalar arithmetic: constants, integers, floats, conversions.

use cranelift_codegen::ir::condcodes::{FloatCC, IntCC};
use cranelift_codegen::ir::immediates::{Ieee32, Ieee64};
use cranelift_codegen::ir::{InstBuilder, Opcode, Type, Value, types};

use crate::translate::body::Body;

impl Body<'_, '_> {
    /// Pushes the outcome of a comparison as an `i32`.
    pub fn push_bool(&mut self, value: Value) {
        let value = self.b.ins().uextend(types::I32, value);
        self.push(value);
    }

    /// Pops a number of 128 bits, its low half below its high one.
    fn pop_wide(&mut self) -> Value {
        let (low, high) = self.pop2();
        self.b.ins().iconcat(low, high)
    }

    pub fn compare(&mut self, condition: IntCC) {
        let (left, right) = self.pop2();
        let value = self.b.ins().icmp(condition, left, right);
        self.push_bool(value);
    }

    pub fn compare_floats(&mut self, condition: FloatCC) {
        let (left, right) = self.pop2();
        let value = self.b.ins().fcmp(condition, left, right);
        self.push_bool(value);
    }

    pub fn sign_extend(&mut self, from: Type, to: Type) {
        let value = self.pop();
        let value = self.b.ins().ireduce(from, value);
        let value = self.b.ins().sextend(to, value);
        self.push(value);
    }

    /// CLIF constants are zero-extended.
    pub fn i32_constant(&mut self, value: i32) {
        let value = i64::from(value.cast_unsigned());
        let value = self.b.ins().iconst(types::I32, value);
        self.push(value);
    }

    pub fn i64_constant(&mut self, value: i64) {
        let value = self.i64(value);
        self.push(value);
    }

    pub fn f32_constant(&mut self, bits: u32) {
        let value = self.b.ins().f32const(Ieee32::with_bits(bits));
        self.push(value);
    }

    pub fn f64_constant(&mut self, bits: u64) {
        let value = self.b.ins().f64const(Ieee64::with_bits(bits));
        self.push(value);
    }

    pub fn is_zero(&mut self) {
        let value = self.pop();
        let zero = self.b.ins().icmp_imm_u(IntCC::Equal, value, 0);
        self.push_bool(zero);
    }

    /// Sum or difference of two numbers of 128 bits.
    pub fn wide_sum(&mut self, opcode: Opcode) {
        let (right, left) = (self.pop_wide(), self.pop_wide());
        let (inst, dfg) = self.b.ins().Binary(opcode, types::I128, left, right);
        let value = dfg.first_result(inst);
        let (low, high) = self.b.ins().isplit(value);
        self.stack.extend([low, high]);
    }

    /// Product of 128 bits, the high half of which an operation of its own gives.
    pub fn wide_product(&mut self, high: Opcode) {
        let (left, right) = self.pop2();
        let low = self.b.ins().imul(left, right);
        let (inst, dfg) = self.b.ins().Binary(high, types::I64, left, right);
        let high = dfg.first_result(inst);
        self.stack.extend([low, high]);
    }
}
