//! Relaxed vector operations. Of the results that the specification allows
//! each gives one, the same on every machine: that of the strict operation
//! where there is one, products and sums each rounded, signed dot products.

use cranelift_codegen::ir::{InstBuilder, Type, types};
use types::{I8X16, I16X8, I32X4};

use crate::translate::body::Body;

impl Body<'_, '_> {
    pub fn multiply_add(&mut self, shape: Type, negate: bool) {
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

    pub fn dot_bytes_add(&mut self) {
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
