//! Loop invariants that are kept in registers.
//!
//! The code generator computes an operation on a value and a constant, such as a
//! sum, again in every block that uses it. That is cheap, and saves a register while
//! the value itself is in one. In a loop it costs an instruction in each round. So
//! where a loop uses such a result and does not change it, it is computed before the
//! loop, and hidden from the code generator as one half of a pair, which costs no
//! instruction. Loops with calls are left alone: they keep nothing in registers.

use std::collections::{HashMap, HashSet};

use cranelift_codegen::Context;
use cranelift_codegen::cursor::{Cursor, FuncCursor};
use cranelift_codegen::ir::{
    Block, Function, Inst, InstBuilder, InstructionData, Opcode, Value, ValueDef, types,
};
use cranelift_codegen::loop_analysis::{Loop, LoopAnalysis};

use super::address::constant;

/// How many definitions are followed to see that a value stays the same.
const DEPTH: u32 = 4;
/// How many integers a loop may keep in registers, beside what it computes.
const REGISTERS: usize = 9;

/// A use, in the loop, of a value that an outer one does not change either.
struct Use {
    inst: Inst,
    inner: Loop,
    value: Value,
    outer: Loop,
}

/// Rewrites a function.
pub(super) fn improve(context: &mut Context) {
    context.compute_cfg();
    context.compute_domtree();
    context.compute_loop_analysis();
    let loops = &context.loop_analysis;
    if loops.loops().next().is_none() {
        return;
    }
    context.func.dfg.resolve_all_aliases();
    let func = &mut context.func;
    let view = View {
        func,
        loops,
        calling: calling(func, loops),
    };
    let uses = view.uses();
    if uses.is_empty() {
        return;
    }
    let mut at_hand = view.at_hand(uses.iter().map(|u| u.inner));
    let mut kept: HashMap<(Value, Loop), Value> = HashMap::new();
    for u in uses {
        let key = (u.value, u.outer);
        let new = match kept.get(&key) {
            Some(&known) => known,
            None => {
                let values = at_hand.entry(u.inner).or_default();
                // One more register, unless this one takes the place of it.
                let more = parts(func, u.value).is_some_and(|(_, v, _)| values.contains(&v));
                let before = context.domtree.idom(loops.loop_header(u.outer));
                let Some(before) = before.filter(|_| !more || values.len() < REGISTERS) else {
                    continue;
                };
                let new = keep_in_register(func, u.value, before);
                values.insert(new);
                kept.insert(key, new);
                new
            }
        };
        func.dfg
            .map_inst_values(u.inst, |arg| if arg == u.value { new } else { arg });
    }
}

/// A function and its loops.
struct View<'a> {
    func: &'a Function,
    loops: &'a LoopAnalysis,
    /// Loops with calls.
    calling: HashSet<Loop>,
}

/// The loops in which something is called.
fn calling(func: &Function, loops: &LoopAnalysis) -> HashSet<Loop> {
    let mut found = HashSet::new();
    for block in func.layout.blocks() {
        let mut insts = func.layout.block_insts(block);
        if insts.any(|inst| func.dfg.insts[inst].opcode().is_call()) {
            let mut next = loops.innermost_loop(block);
            while let Some(of) = next.filter(|&of| found.insert(of)) {
                next = loops.loop_parent(of);
            }
        }
    }
    found
}

impl View<'_> {
    /// The uses in loops of what would be computed again there.
    fn uses(&self) -> Vec<Use> {
        let mut uses = Vec::new();
        for block in self.func.layout.blocks() {
            let Some(inner) = self.loops.innermost_loop(block) else {
                continue;
            };
            for inst in self.func.layout.block_insts(block) {
                let mut known = HashSet::new();
                for value in self.func.dfg.inst_values(inst) {
                    if self.is_recomputed(value)
                        && known.insert(value)
                        && !self.moves(inst, inner)
                        && let Some(outer) = self.outermost(value, inner)
                    {
                        uses.push(Use {
                            inst,
                            inner,
                            value,
                            outer,
                        });
                    }
                }
            }
        }
        uses
    }

    /// Whether the code generator computes a value in each block that uses it.
    fn is_recomputed(&self, value: Value) -> bool {
        let ty = self.func.dfg.value_type(value);
        let known = parts(self.func, value);
        (ty == types::I32 || ty == types::I64) && known.is_some()
    }

    /// Whether an instruction leaves a loop with all that it takes.
    fn moves(&self, inst: Inst, inner: Loop) -> bool {
        let results = self.func.dfg.inst_results(inst);
        results.len() == 1 && self.stays(results[0], inner, DEPTH)
    }

    /// Whether a value is the same in every round of a loop.
    fn stays(&self, value: Value, of: Loop, depth: u32) -> bool {
        match self.func.dfg.value_def(value) {
            ValueDef::Param(block, _) => !self.loops.is_in_loop(block, of),
            ValueDef::Result(inst, _) => {
                let Some(block) = self.func.layout.inst_block(inst) else {
                    return false;
                };
                if !self.loops.is_in_loop(block, of) {
                    return true;
                }
                let opcode = self.func.dfg.insts[inst].opcode();
                let pure = !(opcode.can_load()
                    || opcode.can_store()
                    || opcode.can_trap()
                    || opcode.is_call()
                    || opcode.other_side_effects()
                    || opcode.is_terminator());
                let mut args = self.func.dfg.inst_values(inst);
                depth > 0 && pure && args.all(|arg| self.stays(arg, of, depth - 1))
            }
            ValueDef::Union(..) => false,
        }
    }

    /// The outermost loop around one in which a value stays the same, if it can
    /// be computed before that.
    fn outermost(&self, value: Value, inner: Loop) -> Option<Loop> {
        let (_, source, _) = parts(self.func, value)?;
        let block = match self.func.dfg.value_def(source) {
            ValueDef::Param(block, _) => block,
            ValueDef::Result(inst, _) => self.func.layout.inst_block(inst)?,
            ValueDef::Union(..) => return None,
        };
        let mut found = None;
        let mut next = Some(inner);
        let stays = |of: &Loop| !self.calling.contains(of) && !self.loops.is_in_loop(block, *of);
        while let Some(of) = next.filter(stays) {
            found = Some(of);
            next = self.loops.loop_parent(of);
        }
        found
    }

    /// The integers that loops keep in registers: those that they carry, and those
    /// that they use and do not change.
    fn at_hand(&self, of: impl Iterator<Item = Loop>) -> HashMap<Loop, HashSet<Value>> {
        let mut found: HashMap<Loop, HashSet<Value>> = of.map(|l| (l, HashSet::new())).collect();
        let is_int = |value: &Value| self.func.dfg.value_type(*value).is_int();
        for block in self.func.layout.blocks() {
            let inner = self.loops.innermost_loop(block);
            let Some((inner, values)) = inner.and_then(|l| Some((l, found.get_mut(&l)?))) else {
                continue;
            };
            if self.loops.loop_header(inner) == block {
                let params = self.func.dfg.block_params(block).iter().copied();
                values.extend(params.filter(is_int));
            }
            let insts = self.func.layout.block_insts(block);
            for inst in insts.filter(|&inst| !self.moves(inst, inner)) {
                let args = self.func.dfg.inst_values(inst).filter(is_int);
                let args = args.filter(|&arg| constant(self.func, arg).is_none());
                values.extend(args.filter(|&arg| self.stays(arg, inner, DEPTH)));
            }
        }
        found
    }
}

/// The operation of a value and a constant that a value is.
fn parts(func: &Function, value: Value) -> Option<(Opcode, Value, i64)> {
    let inst = func.dfg.value_def(value).inst()?;
    let InstructionData::Binary { opcode, args } = func.dfg.insts[inst] else {
        return None;
    };
    let known = matches!(
        opcode,
        Opcode::Iadd | Opcode::Isub | Opcode::Band | Opcode::Bor | Opcode::Bxor
    );
    let second = constant(func, args[1]).filter(|_| known)?;
    Some((opcode, args[0], second as i64))
}

/// Computes a value at the end of a block, for the code generator to keep.
fn keep_in_register(func: &mut Function, value: Value, block: Block) -> Value {
    let Some((opcode, source, second)) = parts(func, value) else {
        return value;
    };
    let ty = func.dfg.value_type(value);
    let Some(last) = func.layout.last_inst(block) else {
        return value;
    };
    let location = func.srcloc(last);
    let mut cursor = FuncCursor::new(func).at_inst(last).with_srcloc(location);
    let second = cursor.ins().iconst(ty, second);
    let (inst, dfg) = cursor.ins().Binary(opcode, ty, source, second);
    let mut whole = dfg.first_result(inst);
    if ty != types::I64 {
        whole = cursor.ins().uextend(types::I64, whole);
    }
    let pair = cursor.ins().iconcat(whole, whole);
    let (half, _) = cursor.ins().isplit(pair);
    match ty {
        types::I64 => half,
        _ => cursor.ins().ireduce(ty, half),
    }
}
