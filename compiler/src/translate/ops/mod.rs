//! Operators → CLIF, a file for each family.

mod atomic;
mod bulk;
mod bulk_inline;
mod call;
mod control;
pub(super) mod exception;
mod global;
mod locals;
mod memory;
mod numeric;
mod simd;
mod table;

use wasmparser::Operator;

use crate::translate::body::Body;

impl Body<'_, '_> {
    /// Translates an operator; false if it is not one of ours.
    pub fn operator(&mut self, op: &Operator<'_>) -> bool {
        if !self.reachable {
            return self.unreachable_operator(op);
        }
        self.control(op)
            || self.exception(op)
            || self.variable(op)
            || self.memory(op)
            || self.constant(op)
            || self.integer(op)
            || self.float(op)
            || self.conversion(op)
            || self.bulk(op)
            || self.atomic(op)
            || self.table(op)
            || self.simd(op)
    }
}
