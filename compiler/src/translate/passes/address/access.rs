//! The addresses that accesses are made at, as translation computes them.

use cranelift_codegen::ir::{Function, Inst, InstructionData, Opcode, Value, types};

/// The sum of memory's address and an index.
#[derive(Clone, Copy)]
pub(super) struct Address {
    pub inst: Inst,
    pub base: Value,
    /// Of 32 bits.
    pub index: Value,
}

/// The addresses in memory that a function computes.
pub(super) fn addresses(func: &Function) -> Vec<Address> {
    let insts = func
        .layout
        .blocks()
        .flat_map(|b| func.layout.block_insts(b));
    insts.filter_map(|inst| address(func, inst)).collect()
}

fn address(func: &Function, inst: Inst) -> Option<Address> {
    let InstructionData::Binary {
        opcode: Opcode::Iadd,
        args: [base, wide],
    } = func.dfg.insts[inst]
    else {
        return None;
    };
    let def = |value| {
        let inst = func.dfg.value_def(func.dfg.resolve_aliases(value)).inst()?;
        Some(func.dfg.insts[inst])
    };
    let InstructionData::NullAry {
        opcode: Opcode::GetPinnedReg,
    } = def(base)?
    else {
        return None;
    };
    let InstructionData::Unary {
        opcode: Opcode::Uextend,
        arg: index,
    } = def(wide)?
    else {
        return None;
    };
    let narrow = func.dfg.value_type(index) == types::I32;
    narrow.then_some(Address { inst, base, index })
}

/// Gives a load or store another address, with a displacement beside its own;
/// leaves it alone where the two are too much.
pub(super) fn redirect(func: &mut Function, inst: Inst, place: Value, displacement: u64) {
    let (InstructionData::Load {
        arg: address,
        offset,
        ..
    }
    | InstructionData::Store {
        args: [_, address],
        offset,
        ..
    }) = &mut func.dfg.insts[inst]
    else {
        return;
    };
    let sum = i64::from(i32::from(*offset)).checked_add_unsigned(displacement);
    if let Some(sum) = sum.and_then(|sum| i32::try_from(sum).ok()) {
        (*address, *offset) = (place, sum.into());
    }
}
