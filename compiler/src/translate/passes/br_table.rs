//! `br_table` with few targets.
//!
//! A jump through such a table becomes a row of comparisons, which are fewer
//! instructions and are predicted better.

use cranelift_codegen::cursor::{Cursor, FuncCursor};
use cranelift_codegen::ir::{
    Block, BlockArg, BlockCall, Function, Inst, InstBuilder, InstructionData, Value,
    condcodes::IntCC,
};

/// A table becomes comparisons if at most so many of its values lead elsewhere than
/// the default.
const FEW: usize = 4;

/// Rewrites a function.
pub(super) fn improve(func: &mut Function) {
    let mut next = func.layout.entry_block();
    while let Some(block) = next {
        next = func.layout.next_block(block);
        if let Some(inst) = func.layout.last_inst(block) {
            compare_instead(func, block, inst);
        }
    }
}

/// A target of a table: the block, and what the branch passes to it.
type Target = (Block, Vec<BlockArg>);

/// Makes comparisons of a jump through a table, if that has few targets.
fn compare_instead(func: &mut Function, block: Block, inst: Inst) {
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

/// The index; the values of it that do not lead to the default, with their targets;
/// the default.
type Choices = (Value, Vec<(i64, Target)>, Target);

/// What a jump through a table chooses between, if that is little.
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
