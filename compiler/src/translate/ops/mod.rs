//! Operators → CLIF, a file for each family.

mod atomic;
mod bulk;
mod bulk_inline;
mod call;
pub(super) mod control;
pub(super) mod exception;
mod global;
mod memory;
mod numeric;
mod simd;
mod table;
