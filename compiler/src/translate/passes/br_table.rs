//! Jumps through tables of few targets.
//!
//! Such a table is asked for one value after the other: that takes fewer
//! instructions than a jump through it, and is foreseen better.

use cranelift_codegen::cursor::{Cursor, FuncCursor};
use cranelift_codegen::ir::{
    Block, BlockArg, BlockCall, Function, Inst, InstBuilder, InstructionData, Value,
    condcodes::IntCC,
};

/// So many values lead elsewhere than others in a table that is asked for.
const FEW: usize = 4;

/// Rewrites a function.
pub(super) fn improve(func: &mut Function) {
    let mut next = func.layout.entry_block();
    while let Some(block) = next {
        next = func.layout.next_block(block);
        if let Some(inst) = func.layout.last_inst(block) {
            choose(func, block, inst);
        }
    }
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
