//! How far counters of loops come.

use std::collections::HashMap;

use cranelift_codegen::flowgraph::ControlFlowGraph;
use cranelift_codegen::ir::{
    Block, BlockArg, BlockCall, Function, InstructionData, Opcode, Value, types,
};

use cranelift_codegen::ir::condcodes::{CondCode as _, IntCC};

use super::bounds::constant;

/// The largest values of the counters of a function: parameters of blocks that
/// begin with constants and go up by constants, as long as a comparison with a
/// constant says so.
pub(super) fn counters(func: &Function, cfg: &ControlFlowGraph) -> HashMap<Value, u64> {
    let mut found = HashMap::new();
    for block in func.layout.blocks() {
        for (number, &param) in func.dfg.block_params(block).iter().enumerate() {
            if func.dfg.value_type(param) == types::I32
                && let Some(max) = largest(func, cfg, block, number, param)
            {
                found.insert(param, max);
            }
        }
    }
    found
}

/// A way into a block.
struct Way<'a> {
    func: &'a Function,
    /// What it passes for the counter.
    passed: Value,
    /// Where it branches by a condition: that, and whether it has to hold.
    condition: Option<(Value, bool)>,
}

/// Numbers and steps of counters are below this: no sum of two has the sign bit.
const SMALL: u64 = 1 << 30;

/// The largest value of a parameter, if it is a counter.
fn largest(
    func: &Function,
    cfg: &ControlFlowGraph,
    block: Block,
    number: usize,
    param: Value,
) -> Option<u64> {
    let ways = ways(func, cfg, block, number)?;
    let (first, next): (Vec<_>, Vec<_>) = ways
        .iter()
        .partition(|way| constant(func, way.passed).is_some());
    let first: Vec<u64> = first
        .iter()
        .filter_map(|way| constant(func, way.passed))
        .collect();
    let mut max = first.iter().copied().max()?;
    (max < SMALL && !next.is_empty()).then_some(())?;
    for way in &next {
        let (condition, step, bound) = way.limit(param)?;
        let limit = match condition {
            // With other steps, it might go past.
            IntCC::NotEqual => {
                let meets = |&first: &u64| first < bound && (bound - first).is_multiple_of(step);
                let only = next.len() == 1 && first.iter().all(meets);
                only.then(|| bound - step)?
            }
            IntCC::UnsignedLessThan | IntCC::SignedLessThan => bound.checked_sub(1)?,
            IntCC::UnsignedLessThanOrEqual | IntCC::SignedLessThanOrEqual => bound,
            _ => return None,
        };
        max = max.max(limit);
    }
    Some(max)
}

/// All ways into a block; `None` where one passes what is no plain value.
fn ways<'a>(
    func: &'a Function,
    cfg: &ControlFlowGraph,
    block: Block,
    number: usize,
) -> Option<Vec<Way<'a>>> {
    let pool = &func.dfg.value_lists;
    let mut ways = Vec::new();
    let passed = |call: &BlockCall| match call.args(pool).nth(number)? {
        BlockArg::Value(value) => Some(func.dfg.resolve_aliases(value)),
        _ => None,
    };
    for pred in cfg.pred_iter(block) {
        let data = &func.dfg.insts[pred.inst];
        let calls = data.branch_destination(&func.dfg.jump_tables, &func.dfg.exception_tables);
        for (index, call) in calls.iter().enumerate() {
            if call.block(pool) != block {
                continue;
            }
            let condition = match *data {
                InstructionData::Brif { arg, .. } => Some((arg, index == 0)),
                _ => None,
            };
            let passed = passed(call)?;
            ways.push(Way {
                func,
                passed,
                condition,
            });
        }
    }
    Some(ways)
}

impl Way<'_> {
    /// What the way adds to a counter, and the comparison that then holds.
    fn limit(&self, counter: Value) -> Option<(IntCC, u64, u64)> {
        let step = self.step(counter)?;
        let (condition, compared, bound) = self.comparison()?;
        let small = step > 0 && step < SMALL && bound < SMALL;
        (small && compared == self.passed).then_some((condition, step, bound))
    }

    /// What the way adds to a counter.
    fn step(&self, counter: Value) -> Option<u64> {
        let func = self.func;
        let inst = func.dfg.value_def(self.passed).inst()?;
        let InstructionData::Binary {
            opcode: Opcode::Iadd,
            args: [last, step],
        } = func.dfg.insts[inst]
        else {
            return None;
        };
        (func.dfg.resolve_aliases(last) == counter).then_some(())?;
        constant(func, step)
    }

    /// What holds on the way, of a value and a number.
    fn comparison(&self) -> Option<(IntCC, Value, u64)> {
        let func = self.func;
        let def = |value: Value| {
            let inst = func.dfg.value_def(func.dfg.resolve_aliases(value)).inst()?;
            Some(func.dfg.insts[inst])
        };
        let (condition, holds) = self.condition?;
        let mut data = def(condition)?;
        if let InstructionData::Unary {
            opcode: Opcode::Uextend,
            arg,
        } = data
        {
            data = def(arg)?;
        }
        let InstructionData::IntCompare { cond, args, .. } = data else {
            return None;
        };
        let [a, b] = args.map(|arg| func.dfg.resolve_aliases(arg));
        let (cond, value, bound) = match (constant(func, a), constant(func, b)) {
            (None, Some(bound)) => (cond, a, bound),
            (Some(bound), None) => (cond.swap_args(), b, bound),
            _ => return None,
        };
        let cond = if holds { cond } else { cond.complement() };
        Some((cond, value, bound))
    }
}
