//! What an operator costs, as far as it can be said before it is translated:
//! about how many instructions it becomes, and whether one of them is a call.

use crate::operator::Operator;

/// The weight up to which a loop is one in which calls matter.
const SMALL_LOOP: u32 = 100;
/// What a call weighs, with each parameter and result one more.
pub(crate) const CALL: u32 = 2;
/// Bytes of the longest copy or fill that is made without a call: as many as
/// fit half of the vector registers.
pub(crate) const INLINED_BULK: u64 = 128;

/// Whether a range of a constant length is copied or filled without a call.
pub(crate) fn is_inlined_bulk(len: i64) -> bool {
    u64::try_from(len).is_ok_and(|len| len <= INLINED_BULK)
}

/// Whether a loop of a weight is one in which calls matter.
pub(crate) fn is_small_loop(weight: u32) -> bool {
    weight <= SMALL_LOOP
}

/// About how many instructions an operator becomes, calls aside.
pub(crate) fn weight(op: &Operator<'_>) -> u32 {
    match op {
        Operator::LocalGet { .. }
        | Operator::LocalSet { .. }
        | Operator::LocalTee { .. }
        | Operator::I32Const { .. }
        | Operator::I64Const { .. }
        | Operator::F32Const { .. }
        | Operator::F64Const { .. }
        | Operator::Block { .. }
        | Operator::Loop { .. }
        | Operator::End
        | Operator::Delegate { .. }
        | Operator::Nop
        | Operator::Drop
        | Operator::Return => 0,
        // By their callees.
        Operator::Call { .. } => 0,
        Operator::ReturnCall { .. } => 2 * CALL,
        Operator::CallIndirect { .. } | Operator::ReturnCallIndirect { .. } => 2 * CALL,
        Operator::BrTable { targets } => 4 + targets.len(),
        _ if calls(op, None, |_| true) => 2 * CALL,
        _ => 1,
    }
}

/// Whether an operator becomes a call after which the function goes on;
/// `constant`: its last operand, if it is one.
pub(crate) fn calls(
    op: &Operator<'_>,
    constant: Option<i64>,
    makes_call: impl Fn(u32) -> bool,
) -> bool {
    if let Operator::Call { function_index } = op {
        return makes_call(*function_index);
    }
    if let Operator::MemoryFill { .. } | Operator::MemoryCopy { .. } = op {
        return !constant.is_some_and(is_inlined_bulk);
    }
    matches!(
        op,
        Operator::Throw { .. }
            | Operator::ThrowRef
            | Operator::Rethrow { .. }
            | Operator::CallIndirect { .. }
            | Operator::CallRef { .. }
            | Operator::MemoryGrow { .. }
            | Operator::MemoryInit { .. }
            | Operator::MemoryAtomicWait32 { .. }
            | Operator::MemoryAtomicWait64 { .. }
            | Operator::TableGrow { .. }
            | Operator::TableFill { .. }
            | Operator::TableCopy { .. }
            | Operator::TableInit { .. }
    )
}
