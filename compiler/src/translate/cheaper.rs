//! Instructions in the place of costlier ones.
//!
//! - A product by 3, 5 or 9, times a power of two, is an addition to a multiple,
//!   which the machine makes at once, and a shift, which an address may absorb.
//! - A table of few targets is asked for one after the other: that takes fewer
//!   instructions than a jump through it, and is foreseen better.

use cranelift_codegen::cursor::{Cursor, FuncCursor};
use cranelift_codegen::ir::{
    Block, BlockArg, BlockCall, Function, Inst, InstBuilder, InstructionData, Opcode, Value,
    condcodes::IntCC,
};

use super::address::constant;

/// So many values lead elsewhere than others in a table that is asked for.
const FEW: usize = 4;

/// Rewrites a function.
pub(super) fn improve(func: &mut Function) {
    let mut next_block = func.layout.entry_block();
    while let Some(block) = next_block {
        next_block = func.layout.next_block(block);
        let mut next = func.layout.first_inst(block);
        while let Some(inst) = next {
            next = func.layout.next_inst(inst);
            multiply(func, inst);
        }
        if let Some(inst) = func.layout.last_inst(block) {
            choose(func, block, inst);
        }
    }
}

/// Makes a product by a suitable constant of sums and shifts.
fn multiply(func: &mut Function, inst: Inst) {
    let Some((value, log2, shift)) = factors(func, inst) else {
        return;
    };
    let location = func.srcloc(inst);
    let mut cursor = FuncCursor::new(func).at_inst(inst).with_srcloc(location);
    let multiple = cursor.ins().ishl_imm_u(value, log2);
    let mut product = cursor.ins().iadd(value, multiple);
    if shift > 0 {
        product = cursor.ins().ishl_imm_u(product, shift);
    }
    let old = func.dfg.first_result(inst);
    func.layout.remove_inst(inst);
    func.dfg.detach_inst_results(inst);
    func.dfg.change_to_alias(old, product);
}

/// The value whose product by `(1 + 2^a) 2^b` an instruction is, and a and b.
fn factors(func: &Function, inst: Inst) -> Option<(Value, i64, i64)> {
    let InstructionData::Binary {
        opcode: Opcode::Imul,
        args: [a, b],
    } = func.dfg.insts[inst]
    else {
        return None;
    };
    func.dfg.value_type(a).is_int().then_some(())?;
    let (value, factor) = match (constant(func, a), constant(func, b)) {
        (None, Some(factor)) => (a, factor),
        (Some(factor), None) => (b, factor),
        _ => return None,
    };
    let shift = factor.checked_ilog2().map(|_| factor.trailing_zeros())?;
    let log2 = match factor >> shift {
        3 => 1,
        5 => 2,
        9 => 3,
        _ => return None,
    };
    Some((value, log2, shift.into()))
}

/// Where a table leads, with what.
type Target = (Block, Vec<BlockArg>);

/// Makes comparisons of a jump through a table of few targets.
fn choose(func: &mut Function, block: Block, inst: Inst) {
    let Some((value, others, default)) = choices(func, inst) else {
        return;
    };
    let location = func.srcloc(inst);
    func.layout.remove_inst(inst);
    let mut cursor = FuncCursor::new(func).at_bottom(block).with_srcloc(location);
    let mut last = block;
    for (number, (target, args)) in others {
        let next = cursor.func.dfg.make_block();
        cursor.func.layout.insert_block_after(next, last);
        let is_it = cursor.ins().icmp_imm_s(IntCC::Equal, value, number);
        cursor.ins().brif(is_it, target, &args, next, &[]);
        cursor.goto_bottom(next);
        last = next;
    }
    let (target, args) = default;
    cursor.ins().jump(target, &args);
}

/// The value that chooses, the few that lead elsewhere than all others, and
/// where those lead.
type Choices = (Value, Vec<(i64, Target)>, Target);

/// The choices of a jump through a table, if they are few.
fn choices(func: &Function, inst: Inst) -> Option<Choices> {
    let InstructionData::BranchTable { arg, table, .. } = func.dfg.insts[inst] else {
        return None;
    };
    let pool = &func.dfg.value_lists;
    let table = &func.dfg.jump_tables[table];
    let target = |call: &BlockCall| (call.block(pool), call.args(pool).collect());
    let default: Target = target(&table.default_block());
    let targets = table.as_slice().iter().map(target);
    let others = (0..).zip(targets).filter(|(_, target)| *target != default);
    let others: Vec<_> = others.take(FEW + 1).collect();
    (others.len() <= FEW).then_some((arg, others, default))
}
