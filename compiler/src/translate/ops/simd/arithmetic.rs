//! Comparison, bit operations, arithmetic of vectors.

use cranelift_codegen::ir::condcodes::{FloatCC, IntCC};
use cranelift_codegen::ir::{InstBuilder, Type, types};
use types::I32;

use crate::translate::body::Body;

impl Body<'_, '_> {
    pub fn bitselect(&mut self) {
        let (ones, zeros, mask) = self.pop3();
        let value = self.b.ins().bitselect(mask, ones, zeros);
        self.push(value);
    }

    pub fn all_true(&mut self, shape: Type) {
        let value = self.pop_vector(shape);
        let all = self.b.ins().vall_true(value);
        self.push_bool(all);
    }

    pub fn bitmask(&mut self, shape: Type) {
        let value = self.pop_vector(shape);
        let bits = self.b.ins().vhigh_bits(I32, value);
        self.push(bits);
    }

    pub fn shift(&mut self, shape: Type, shift: Shift) {
        let by = self.pop();
        let value = self.pop_vector(shape);
        let value = match shift {
            Shift::Left => self.b.ins().ishl(value, by),
            Shift::RightSigned => self.b.ins().sshr(value, by),
            Shift::RightUnsigned => self.b.ins().ushr(value, by),
        };
        self.push_vector(value);
    }

    /// `pmin` and `pmax`: the right operand where the left one compares so
    /// with it, else the left one.
    pub fn pseudo(&mut self, shape: Type, condition: FloatCC) {
        let (left, right) = self.pop_vectors(shape);
        let mask = self.b.ins().fcmp(condition, left, right);
        let mask = self.reshape(mask, shape);
        let value = self.b.ins().bitselect(mask, right, left);
        self.push_vector(value);
    }

    pub fn vector_compare(&mut self, shape: Type, condition: IntCC) {
        let (left, right) = self.pop_vectors(shape);
        let mask = self.b.ins().icmp(condition, left, right);
        self.push_vector(mask);
    }

    pub fn vector_compare_floats(&mut self, shape: Type, condition: FloatCC) {
        let (left, right) = self.pop_vectors(shape);
        let mask = self.b.ins().fcmp(condition, left, right);
        self.push_vector(mask);
    }
}

pub(in crate::translate) enum Shift {
    Left,
    RightSigned,
    RightUnsigned,
}
