//! The 128-bit vector operations.
//!
//! On the operand stack every vector is `I8X16`; an operation takes and leaves
//! it in the shape it works on by a `bitcast`, which costs no instruction.

mod arithmetic;
mod convert;
mod lanes;
mod relaxed;

use cranelift_codegen::ir::{Endianness, InstBuilder, MemFlagsData, Type, Value, types};
use wasmparser::Operator;

use crate::translate::body::Body;

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

use {binary, unary};

impl Body<'_, '_> {
    /// Translates a vector operation; false if `op` is none.
    pub fn simd(&mut self, op: &Operator<'_>) -> bool {
        self.vector_memory(op)
            || self.vector_lanes(op)
            || self.vector_compare(op)
            || self.vector_bits(op)
            || self.vector_integer(op)
            || self.vector_float(op)
            || self.vector_convert(op)
            || self.vector_relaxed(op)
    }

    /// A value's bits in another shape.
    fn reshape(&mut self, value: Value, shape: Type) -> Value {
        if self.b.func.dfg.value_type(value) == shape {
            return value;
        }
        let flags = MemFlagsData::new().with_endianness(Endianness::Little);
        self.b.ins().bitcast(shape, flags, value)
    }

    fn pop_vector(&mut self, shape: Type) -> Value {
        let value = self.pop();
        self.reshape(value, shape)
    }

    /// Pops two vectors; the one below first.
    fn pop_vectors(&mut self, shape: Type) -> (Value, Value) {
        let second = self.pop_vector(shape);
        (self.pop_vector(shape), second)
    }

    fn push_vector(&mut self, value: Value) {
        let value = self.reshape(value, types::I8X16);
        self.push(value);
    }
}
