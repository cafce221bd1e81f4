//! What loops and joins carry from block to block.
//!
//! - An index that is carried in 32 bits is extended at every access. Where an access
//!   does not do that itself, it is carried in 64 bits and extended where it is
//!   computed, which is free: instructions of 32 bits clear the upper half.
//! - A loop that compares a counter before it counts keeps both values. The next
//!   one tells as well whether the last one was equal to a constant, and then
//!   one register does.

use std::collections::{HashMap, HashSet};

use cranelift_codegen::Context;
use cranelift_codegen::cursor::{Cursor, FuncCursor};
use cranelift_codegen::flowgraph::ControlFlowGraph;
use cranelift_codegen::ir::{
    Block, BlockArg, Function, Inst, InstBuilder, InstructionData, Opcode, Value, ValueDef,
    condcodes::IntCC, types,
};

use super::address::constant;

/// Rewrites what a function carries.
pub(super) fn improve(context: &mut Context, accesses_extend: bool) {
    let func = &mut context.func;
    compare_next(func);
    if accesses_extend {
        return;
    }
    let extensions = extensions(func);
    if !extensions.is_empty() {
        context.compute_cfg();
        widen(&mut context.func, &context.cfg, extensions);
    }
}

/// Parameters of blocks of 32 bits, each with the instructions that extend it.
fn extensions(func: &Function) -> Vec<(Value, Vec<Inst>)> {
    let entry = func.layout.entry_block();
    let mut found: Vec<(Value, Vec<Inst>)> = Vec::new();
    let mut numbers: HashMap<Value, usize> = HashMap::new();
    let insts = func
        .layout
        .blocks()
        .flat_map(|b| func.layout.block_insts(b));
    for inst in insts {
        let InstructionData::Unary {
            opcode: Opcode::Uextend,
            arg,
        } = func.dfg.insts[inst]
        else {
            continue;
        };
        let arg = func.dfg.resolve_aliases(arg);
        let ValueDef::Param(block, _) = func.dfg.value_def(arg) else {
            continue;
        };
        let wide = func.dfg.value_type(func.dfg.first_result(inst)) == types::I64;
        if wide && Some(block) != entry && func.dfg.value_type(arg) == types::I32 {
            let number = *numbers.entry(arg).or_insert_with(|| {
                found.push((arg, Vec::new()));
                found.len() - 1
            });
            found[number].1.push(inst);
        }
    }
    found
}

/// Carries parameters in 64 bits.
fn widen(func: &mut Function, cfg: &ControlFlowGraph, extensions: Vec<(Value, Vec<Inst>)>) {
    let places = extensions
        .into_iter()
        .filter_map(|(param, insts)| Some((place(func, cfg, param)?, param, insts)));
    let places = with_sources(func, cfg, places.collect());
    let mut wide: HashMap<Value, Value> = HashMap::new();
    for ((block, _), param, insts) in &places {
        let new = func.dfg.replace_block_param(*param, types::I64);
        let mut cursor = FuncCursor::new(func).at_first_insertion_point(*block);
        let narrow = cursor.ins().ireduce(types::I32, new);
        func.dfg.change_to_alias(*param, narrow);
        wide.insert(narrow, new);
        for &inst in insts {
            let extended = func.dfg.first_result(inst);
            func.layout.remove_inst(inst);
            func.dfg.detach_inst_results(inst);
            func.dfg.change_to_alias(extended, new);
        }
    }
    let mut numbers: HashMap<Block, Vec<usize>> = HashMap::new();
    for ((block, number), ..) in &places {
        numbers.entry(*block).or_default().push(*number);
    }
    let blocks: HashSet<Block> = numbers.keys().copied().collect();
    let order: Vec<Block> = func
        .layout
        .blocks()
        .filter(|b| blocks.contains(b))
        .collect();
    for block in order {
        // A branch may lead to a block in two ways.
        let mut done = HashSet::new();
        for pred in cfg.pred_iter(block).filter(|pred| done.insert(pred.inst)) {
            pass_wide(func, pred.inst, block, &numbers[&block], &wide);
        }
    }
}

/// A parameter: its block, and its number there.
type Place = (Block, usize);

/// Where a parameter is that branches pass plain values for; none for another value.
fn place(func: &Function, cfg: &ControlFlowGraph, value: Value) -> Option<Place> {
    match func.dfg.value_def(value) {
        ValueDef::Param(block, number) => {
            let is_carried = func.layout.entry_block() != Some(block)
                && carries_values(func, cfg, block, number);
            is_carried.then_some((block, number))
        }
        _ => None,
    }
}

/// How many ways of branches are looked at for sources in a function: a program of
/// a hundred thousand handlers with a thousand variables is no programmer's.
const BRANCHES: usize = 1 << 20;

/// Adds the parameters that these are passed: what goes on from one to another in 64 bits, in
/// 32 and in 64 again would be extended each time, which for an interpreter's variables
/// is at the end of each of its handlers.
fn with_sources(
    func: &Function,
    cfg: &ControlFlowGraph,
    mut places: Vec<(Place, Value, Vec<Inst>)>,
) -> Vec<(Place, Value, Vec<Inst>)> {
    let pool = &func.dfg.value_lists;
    let mut known: HashSet<Value> = places.iter().map(|&(_, param, _)| param).collect();
    let (mut next, mut left) = (0, BRANCHES);
    while let Some(&((block, number), ..)) = places.get(next)
        && left > 0
    {
        next += 1;
        for pred in cfg.pred_iter(block) {
            let data = &func.dfg.insts[pred.inst];
            let calls = data.branch_destination(&func.dfg.jump_tables, &func.dfg.exception_tables);
            left = left.saturating_sub(calls.len());
            let calls = calls.iter().filter(|call| call.block(pool) == block);
            for value in calls.filter_map(|call| call.args(pool).nth(number)?.as_value()) {
                let value = func.dfg.resolve_aliases(value);
                if known.insert(value)
                    && let Some(source) = place(func, cfg, value)
                {
                    places.push((source, value, Vec::new()));
                }
            }
        }
    }
    places
}

/// Whether all branches to a block pass plain values for a parameter.
fn carries_values(func: &Function, cfg: &ControlFlowGraph, block: Block, number: usize) -> bool {
    let pool = &func.dfg.value_lists;
    cfg.pred_iter(block).all(|pred| {
        let data = &func.dfg.insts[pred.inst];
        let calls = data.branch_destination(&func.dfg.jump_tables, &func.dfg.exception_tables);
        let mut calls = calls.iter().filter(|call| call.block(pool) == block);
        calls.all(|call| matches!(call.args(pool).nth(number), Some(BlockArg::Value(_))))
    })
}

/// Has a branch pass the parameters of these numbers in 64 bits.
fn pass_wide(
    func: &mut Function,
    inst: Inst,
    block: Block,
    numbers: &[usize],
    wide: &HashMap<Value, Value>,
) {
    let dfg = &func.dfg;
    let calls = dfg.insts[inst].branch_destination(&dfg.jump_tables, &dfg.exception_tables);
    let calls = calls.iter().filter(|c| c.block(&dfg.value_lists) == block);
    let values = calls.flat_map(|call| call.args(&dfg.value_lists).enumerate());
    let passed = values.filter_map(|(number, arg)| match arg {
        BlockArg::Value(value) if numbers.contains(&number) => Some(value),
        _ => None,
    });
    let passed: HashSet<Value> = passed.collect();
    let mut extended = HashMap::new();
    let location = func.srcloc(inst);
    let mut passed: Vec<Value> = passed.into_iter().collect();
    passed.sort_unstable();
    for value in passed {
        let plain = func.dfg.resolve_aliases(value);
        let new = wide.get(&plain).copied().unwrap_or_else(|| {
            let mut cursor = FuncCursor::new(func).at_inst(inst).with_srcloc(location);
            cursor.ins().uextend(types::I64, plain)
        });
        extended.insert(value, new);
    }
    let dfg = &mut func.dfg;
    let data = &mut dfg.insts[inst];
    let calls = data.branch_destination_mut(&mut dfg.jump_tables, &mut dfg.exception_tables);
    for call in calls {
        if call.block(&dfg.value_lists) != block {
            continue;
        }
        let mut number = 0;
        call.update_args(&mut dfg.value_lists, |arg| {
            number += 1;
            match arg {
                BlockArg::Value(value) if numbers.contains(&(number - 1)) => {
                    BlockArg::Value(extended[&value])
                }
                other => other,
            }
        });
    }
}

/// Has branches that carry a counter's next value compare that.
fn compare_next(func: &mut Function) {
    let blocks: Vec<Block> = func.layout.blocks().collect();
    for block in blocks {
        if let Some(inst) = func.layout.last_inst(block)
            && let Some((condition, next, bound)) = comparison(func, inst)
        {
            let location = func.srcloc(inst);
            let mut cursor = FuncCursor::new(func).at_inst(inst).with_srcloc(location);
            // In 32 bits, the code generator would go back to the last value.
            let next = cursor.ins().uextend(types::I64, next);
            let new = cursor.ins().icmp_imm_s(condition, next, bound);
            if let InstructionData::Brif { arg, .. } = &mut func.dfg.insts[inst] {
                *arg = new;
            }
        }
    }
}

/// The comparison of a counter's next value that a branch is to make.
fn comparison(func: &Function, inst: Inst) -> Option<(IntCC, Value, i64)> {
    let InstructionData::Brif { arg, blocks, .. } = &func.dfg.insts[inst] else {
        return None;
    };
    let mut condition = definition(func, *arg)?;
    if let InstructionData::Unary {
        opcode: Opcode::Uextend,
        arg,
    } = condition
    {
        condition = definition(func, arg)?;
    }
    let InstructionData::IntCompare { cond, args, .. } = condition else {
        return None;
    };
    let equality = matches!(cond, IntCC::Equal | IntCC::NotEqual);
    let narrow = func.dfg.value_type(args[0]) == types::I32;
    (equality && narrow).then_some(())?;
    let (compared, bound) = match (constant(func, args[0]), constant(func, args[1])) {
        (_, Some(bound)) => (args[0], bound as u32),
        (Some(bound), None) => (args[1], bound as u32),
        (None, None) => return None,
    };
    let compared = func.dfg.resolve_aliases(compared);
    let passed = blocks.iter().flat_map(|b| b.args(&func.dfg.value_lists));
    let mut next = passed.filter_map(|arg| {
        let next = func.dfg.resolve_aliases(arg.as_value()?);
        let (last, step) = counted(func, next)?;
        match compared {
            _ if compared == next => Some((next, bound)),
            _ if compared == last => Some((next, bound.wrapping_add(step))),
            _ => None,
        }
    });
    let (next, bound) = next.next()?;
    // Others are no operands of a comparison of 64 bits.
    let bound = i32::try_from(bound).ok()?;
    Some((cond, next, bound.into()))
}

/// The value of which this one is the next, a constant more.
fn counted(func: &Function, next: Value) -> Option<(Value, u32)> {
    let InstructionData::Binary {
        opcode: Opcode::Iadd,
        args: [last, step],
    } = definition(func, next)?
    else {
        return None;
    };
    let step = constant(func, step)? as u32;
    Some((func.dfg.resolve_aliases(last), step))
}

fn definition(func: &Function, value: Value) -> Option<InstructionData> {
    let inst = func.dfg.value_def(func.dfg.resolve_aliases(value)).inst()?;
    Some(func.dfg.insts[inst])
}

#[cfg(test)]
mod tests {
    use crate::{Emit, Options, compile};

    /// An interpreter whose handlers leave an index as it is, but for one that counts; the
    /// index is carried by a block around them too.
    #[test]
    fn what_joins_pass_on_is_extended_once() {
        let wat = r#"(module (memory 1) (func (export "f") (param $at i32) (param $n i32) (result i32)
            (loop $next
              (block $join
                (block $two (block $one (block $zero
                  (br_table $zero $one $two (i32.load8_u (local.get $at))))
                  (local.set $at (i32.add (local.get $at) (i32.const 1))) (br $join))
                  (i32.store (local.get $at) (local.get $n)) (br $join))
                (local.set $n (i32.sub (local.get $n) (i32.const 1))))
              (br_if $next (local.get $n)))
            (local.get $at)))"#;
        let wasm = wat::parse_str(wat).unwrap();
        let text = compile("test.wasm", &wasm, &Options::default(), Emit::Clif).unwrap();
        let text = String::from_utf8(text).unwrap();
        // An extension is free where a number is computed, and not where it is passed on.
        let blocks = text.lines().filter(|line| line.trim().starts_with("block"));
        let joins: Vec<&str> = blocks.skip(1).collect();
        assert!(joins.iter().any(|line| line.contains(": i64")), "{text}");
        for (_, value) in text
            .match_indices("uextend.i64 ")
            .map(|(at, what)| text.split_at(at + what.len()))
        {
            let value = value.split_whitespace().next().unwrap();
            let passed = format!("{value}: i32");
            assert!(
                !joins.iter().any(|line| line.contains(&passed)),
                "{value}: {text}"
            );
        }
    }
}
