//! Copies of values that arrive in the registers of a call.
//!
//! The register allocator would have a parameter stay in the register in which it
//! arrives, and a call's result in that of results. Both are lost in the next call, so
//! such a value is moved there and back in each round of a loop with calls. And a
//! result that is a loop's variable in the next round is moved on the way back, which makes
//! a block of that way: the loop then ends in a branch out and a jump. Copies have no register
//! that they would be in.
//!
//! This comes after Cranelift's own optimisation, to which a copy is nothing, and which
//! orders operands as it likes. Copies of what a function returns were tried too: they do
//! for the register of results what these do for the others, but cost regular
//! expressions an eighth of their time.

use std::collections::HashSet;

use cranelift_codegen::Context;
use cranelift_codegen::cursor::{Cursor as _, FuncCursor};
use cranelift_codegen::ir::{
    Block, BlockCall, Function, Inst, InstBuilder as _, Opcode, Value, ValueDef, types,
};
use cranelift_codegen::loop_analysis::{Loop, LoopAnalysis};

/// In how many loops code may be that is looked at: others are no programmer's, and to
/// look at all loops around each use would take the square of their number.
const LOOPS: usize = 16;

/// Whether a function may have any use for it: it has calls, and branches back to blocks
/// that stand before them.
pub(super) fn is_of_use(func: &Function) -> bool {
    let (mut calls, mut loops) = (false, false);
    let mut seen = HashSet::new();
    for block in func.layout.blocks() {
        seen.insert(block);
        calls |= func
            .layout
            .block_insts(block)
            .any(|inst| is_call(func, inst));
        let last = func.layout.last_inst(block);
        let mut to = last.into_iter().flat_map(|last| branches(func, last));
        loops |= to.any(|call| seen.contains(&call.block(&func.dfg.value_lists)));
        if calls && loops {
            return true;
        }
    }
    false
}

/// Makes the copies.
pub(super) fn copy(context: &mut Context) {
    context.func.dfg.resolve_all_aliases();
    let mut loops = LoopAnalysis::new();
    loops.compute(&context.func, &context.cfg, &context.domtree);
    let calling = calling_loops(&context.func, &loops);
    if calling.is_empty() {
        return;
    }
    let blocks: Vec<Block> = context.func.layout.blocks().collect();
    let back = back_edges(context, &blocks, &loops);
    add_in_place(&mut context.func, &back);
    copy_variables(&mut context.func, &back);
    copy_arrivals(&mut context.func, &blocks, &loops, &calling);
}

fn is_call(func: &Function, inst: Inst) -> bool {
    func.dfg.insts[inst].opcode().is_call()
}

/// The loops in which there are calls.
fn calling_loops(func: &Function, loops: &LoopAnalysis) -> HashSet<Loop> {
    let mut calling = HashSet::new();
    for block in func.layout.blocks() {
        if func
            .layout
            .block_insts(block)
            .any(|inst| is_call(func, inst))
        {
            // Those around a loop that is known are known.
            around(block, loops)
                .take_while(|&at| calling.insert(at))
                .for_each(drop);
        }
    }
    calling
}

/// The loops that a block is in, from the innermost on.
fn around(block: Block, loops: &LoopAnalysis) -> impl Iterator<Item = Loop> {
    std::iter::successors(loops.innermost_loop(block), |&at| loops.loop_parent(at))
}

/// What a branch back to the head of a loop hands on.
struct Carried {
    branch: Inst,
    /// What the head calls it.
    variable: Value,
    next: Value,
}

/// All that loops hand on to their next rounds.
fn back_edges(context: &Context, blocks: &[Block], loops: &LoopAnalysis) -> Vec<Carried> {
    let (func, tree) = (&context.func, &context.domtree);
    let mut found = Vec::new();
    for &block in blocks {
        let last = func.layout.last_inst(block);
        let Some(last) = last.filter(|_| loops.innermost_loop(block).is_some()) else {
            continue;
        };
        for call in branches(func, last) {
            let head = call.block(&func.dfg.value_lists);
            if !tree.block_dominates(head, block) {
                continue;
            }
            let variables = func.dfg.block_params(head).iter();
            for (&variable, next) in variables.zip(call.args(&func.dfg.value_lists)) {
                let next = next.as_value().filter(|&next| is_copied(func, next));
                found.extend(next.map(|next| Carried {
                    branch: last,
                    variable,
                    next,
                }));
            }
        }
    }
    found
}

fn branches(func: &Function, inst: Inst) -> &[BlockCall] {
    let (tables, exceptions) = (&func.dfg.jump_tables, &func.dfg.exception_tables);
    func.dfg.insts[inst].branch_destination(tables, exceptions)
}

/// Has a variable of a loop to which something is added be the first operand: the
/// result takes that one's register, which is the variable's then.
fn add_in_place(func: &mut Function, back: &[Carried]) {
    for &Carried { variable, next, .. } in back {
        let ValueDef::Result(inst, _) = func.dfg.value_def(next) else {
            continue;
        };
        let commutes = matches!(
            func.dfg.insts[inst].opcode(),
            Opcode::Iadd | Opcode::Imul | Opcode::Band | Opcode::Bor | Opcode::Bxor
        );
        if let &mut [first, second] = func.dfg.inst_args_mut(inst)
            && commutes
            && second == variable
            && first != variable
        {
            func.dfg.inst_args_mut(inst).swap(0, 1);
        }
    }
}

/// Copies results of calls that a loop hands on by a conditional branch.
fn copy_variables(func: &mut Function, back: &[Carried]) {
    for &Carried { branch, next, .. } in back {
        if func.dfg.insts[branch].opcode() == Opcode::Brif && is_result(func, next) {
            replace(func, next, branch, &[branch]);
        }
    }
}

/// Copies parameters, and results of calls, that loops with calls use in which they are
/// not made.
fn copy_arrivals(
    func: &mut Function,
    blocks: &[Block],
    loops: &LoopAnalysis,
    calling: &HashSet<Loop>,
) {
    let mut uses: Vec<(Value, Inst, Block)> = Vec::new();
    for &block in blocks {
        for inst in func.layout.block_insts(block) {
            let values = func
                .dfg
                .inst_values(inst)
                .filter(|&value| is_copied(func, value));
            uses.extend(values.map(|value| (value, inst, block)));
            // What a loop begins with is used there.
            for call in branches(func, inst) {
                let to = call.block(&func.dfg.value_lists);
                let args = call.args(&func.dfg.value_lists);
                let values = args.filter_map(|arg| arg.as_value());
                let values = values.filter(|&value| is_copied(func, value));
                uses.extend(values.map(|value| (value, inst, to)));
            }
        }
    }
    uses.sort_unstable_by_key(|&(value, ..)| value);
    for uses in uses.chunk_by(|a, b| a.0 == b.0) {
        let value = uses[0].0;
        let arrival = arrival(func, value);
        let Some((made, at)) =
            arrival.filter(|&(made, _)| around(made, loops).nth(LOOPS).is_none())
        else {
            continue;
        };
        let is_away = |block: Block| {
            let mut around = around(block, loops).take(LOOPS);
            around.any(|at| calling.contains(&at) && !loops.is_in_loop(made, at))
        };
        if uses.iter().any(|&(.., block)| is_away(block)) {
            let uses: Vec<Inst> = uses.iter().map(|&(_, inst, _)| inst).collect();
            replace(func, value, at, &uses);
        }
    }
}

/// Where a value has just arrived in the register of a call: the block, and the
/// instruction that follows.
fn arrival(func: &Function, value: Value) -> Option<(Block, Inst)> {
    let entry = func.layout.entry_block()?;
    match func.dfg.value_def(value) {
        ValueDef::Param(block, _) if block == entry => {
            Some((entry, func.layout.first_inst(entry)?))
        }
        // What a call that may throw gives is a parameter of the block that follows.
        ValueDef::Result(inst, _) if is_call(func, inst) => {
            Some((func.layout.inst_block(inst)?, func.layout.next_inst(inst)?))
        }
        _ => None,
    }
}

fn is_result(func: &Function, value: Value) -> bool {
    matches!(func.dfg.value_def(value), ValueDef::Result(inst, _) if is_call(func, inst))
}

/// Numbers of 32 bits: those are a program's addresses and most of its others.
fn is_copied(func: &Function, value: Value) -> bool {
    func.dfg.value_type(value) == types::I32
}

/// Puts a copy of a value before an instruction, and has these use it.
fn replace(func: &mut Function, value: Value, before: Inst, uses: &[Inst]) {
    let location = func.srcloc(before);
    let mut cursor = FuncCursor::new(func).at_inst(before).with_srcloc(location);
    // The code generator makes one instruction of the first and none of the second.
    let wide = cursor.ins().uextend(types::I64, value);
    let copy = cursor.ins().ireduce(types::I32, wide);
    for &inst in uses {
        let other = |used: Value| if used == value { copy } else { used };
        func.dfg.map_inst_values(inst, other);
    }
    // For debuggers, it is the same.
    if let Some(labels) = &mut func.dfg.values_labels
        && let Some(label) = labels.get(&value).cloned()
    {
        labels.insert(copy, label);
    }
}
