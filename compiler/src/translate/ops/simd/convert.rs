//! Operations that change the width or kind of lanes.

use cranelift_codegen::ir::{InstBuilder, Type, Value, types};
use types::{F64X2, I64X2};

use crate::translate::body::Body;

/// Which half of a vector to widen, and how.
#[derive(Clone, Copy)]
pub(in crate::translate) enum Half {
    LowSigned,
    HighSigned,
    LowUnsigned,
    HighUnsigned,
}

impl Body<'_, '_> {
    fn widen_half(&mut self, value: Value, half: Half) -> Value {
        match half {
            Half::LowSigned => self.b.ins().swiden_low(value),
            Half::HighSigned => self.b.ins().swiden_high(value),
            Half::LowUnsigned => self.b.ins().uwiden_low(value),
            Half::HighUnsigned => self.b.ins().uwiden_high(value),
        }
    }

    pub fn pop_half(&mut self, shape: Type, half: Half) -> Value {
        let value = self.pop_vector(shape);
        self.widen_half(value, half)
    }

    pub fn extend(&mut self, shape: Type, half: Half) {
        let value = self.pop_half(shape, half);
        self.push_vector(value);
    }

    pub fn multiply(&mut self, shape: Type, half: Half) {
        let right = self.pop_half(shape, half);
        let left = self.pop_half(shape, half);
        let value = self.b.ins().imul(left, right);
        self.push_vector(value);
    }

    pub fn add_pairs(&mut self, shape: Type, low: Half, high: Half) {
        let value = self.pop_vector(shape);
        let low = self.widen_half(value, low);
        let high = self.widen_half(value, high);
        let value = self.b.ins().iadd_pairwise(low, high);
        self.push_vector(value);
    }

    /// Saturated, in the low lanes; the high ones are zero.
    pub fn truncate_doubles(&mut self, signed: bool) {
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
    pub fn dot(&mut self, shape: Type) {
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
