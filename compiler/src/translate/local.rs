//! How the locals of a function are kept.
//!
//! One that is never written is a value. Others are variables, of which the code
//! generator makes values; or slots of the frame, where time to compile matters more
//! than fast code. Register allocation in a single pass keeps in the frame whatever
//! lives past the end of a block, and copies from slot to slot whatever a join
//! carries, on every way to it. Locals with a slot from the start are never carried.

use cranelift_codegen::ir::{self, Type, Value, types};
use cranelift_frontend::Variable;

/// A local of an open function.
#[derive(Clone, Copy)]
pub(super) enum Local {
    /// Never written.
    Value(Value),
    Variable(Variable, Type),
    FrameSlot(FrameSlot),
}

/// A slot of the frame.
#[derive(Clone, Copy)]
pub(super) struct FrameSlot {
    pub offset: i32,
    pub ty: Type,
    /// The value in it, valid as long as the point is the same.
    pub known: Option<(Point, Value)>,
}

/// Variables that no open function has any more, by their types.
#[derive(Default)]
pub(super) struct Spare([Vec<Variable>; TYPES.len()]);

/// The types of variables.
const TYPES: [Type; 5] = [types::I32, types::I64, types::F32, types::F64, types::I8X16];

impl Spare {
    pub fn clear(&mut self) {
        self.0.iter_mut().for_each(Vec::clear);
    }

    pub fn of(&mut self, ty: Type) -> Option<&mut Vec<Variable>> {
        let at = TYPES.iter().position(|&t| t == ty)?;
        Some(&mut self.0[at])
    }
}

/// A stretch of a block without calls: so long, values stay in registers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Point {
    pub block: Option<ir::Block>,
    pub calls: usize,
}
