//! Masks that take nothing away.
//!
//! C compares bytes as numbers of 32 bits, and LLVM computes with numbers of 8 and 16 bits
//! that wasm does not have: it masks what such a number is made of, and often once more
//! what a load has extended already. Cranelift knows nothing of what is loaded.

use std::collections::HashMap;

use cranelift_codegen::Context;
use cranelift_codegen::flowgraph::ControlFlowGraph;
use cranelift_codegen::ir::{Block, Function, Inst, Opcode, Value, ValueDef};

use super::address::{Bounds, constant};

/// How many ways of branches are looked at for one mask, which is worth no look at all that
/// there are.
const WAYS: usize = 64;

/// Removes such masks.
pub(super) fn remove(context: &mut Context) {
    let masks = masks(&context.func);
    if masks.is_empty() {
        return;
    }
    context.compute_cfg();
    let mut bounds = Bounds::new(HashMap::new());
    for (inst, value, mask) in masks {
        let mut bits = Bits {
            func: &context.func,
            cfg: &context.cfg,
            bounds: &mut bounds,
        };
        if bits.of(value) & !mask == 0 {
            let func = &mut context.func;
            let result = func.dfg.first_result(inst);
            func.dfg.clear_results(inst);
            func.dfg.change_to_alias(result, value);
            func.layout.remove_inst(inst);
        }
    }
}

/// Conjunctions with constants: what is masked, and the mask.
fn masks(func: &Function) -> Vec<(Inst, Value, u64)> {
    let blocks = func.layout.blocks();
    let insts = blocks.flat_map(|block| func.layout.block_insts(block));
    let masked = insts.filter_map(|inst| {
        let &[left, right] = func.dfg.inst_args(inst) else {
            return None;
        };
        let ty = func.dfg.value_type(left);
        if func.dfg.insts[inst].opcode() != Opcode::Band || !ty.is_int() || ty.bits() > 64 {
            return None;
        }
        let mask = |value| constant(func, value);
        match mask(right) {
            Some(mask) => Some((inst, left, mask)),
            None => Some((inst, right, mask(left)?)),
        }
    });
    masked.collect()
}

/// Which bits of values may be other than 0, joins looked through.
struct Bits<'a> {
    func: &'a Function,
    cfg: &'a ControlFlowGraph,
    bounds: &'a mut Bounds,
}

impl Bits<'_> {
    /// Those of a value: of all that parameters of blocks are passed from others, unchanged,
    /// until it is something else.
    fn of(&mut self, value: Value) -> u64 {
        let func = self.func;
        let mut seen = vec![func.dfg.resolve_aliases(value)];
        let (mut next, mut bits, mut left) = (0, 0, WAYS);
        while let Some(&value) = seen.get(next) {
            next += 1;
            match func.dfg.value_def(value) {
                ValueDef::Param(block, number) if func.layout.entry_block() != Some(block) => {
                    if self.passed(block, number, &mut seen, &mut left).is_none() {
                        return u64::MAX;
                    }
                }
                _ => bits |= self.bounds.of(func, value).bits,
            }
        }
        bits
    }

    /// Adds what a block may be given; nothing is answered where that
    /// is more than there is `left` to look at, or no value.
    fn passed(
        &self,
        block: Block,
        number: usize,
        seen: &mut Vec<Value>,
        left: &mut usize,
    ) -> Option<()> {
        let func = self.func;
        for pred in self.cfg.pred_iter(block) {
            let (tables, exceptions) = (&func.dfg.jump_tables, &func.dfg.exception_tables);
            let calls = func.dfg.insts[pred.inst].branch_destination(tables, exceptions);
            *left = left.checked_sub(calls.len())?;
            for call in calls {
                let lists = &func.dfg.value_lists;
                if call.block(lists) == block {
                    // What an exception or a call gives is no value yet.
                    let value = call.args(lists).nth(number)?.as_value()?;
                    let value = func.dfg.resolve_aliases(value);
                    if !seen.contains(&value) {
                        seen.push(value);
                    }
                }
            }
        }
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use crate::{Emit, Options, compile};

    /// How many conjunctions are left of a function of two numbers.
    fn conjunctions(body: &str) -> usize {
        let wat = format!(
            "(module (memory 1) (func (export \"f\") (param i32 i32) (result i32) (local i32) {body}))"
        );
        let wasm = wat::parse_str(&wat).unwrap_or_else(|error| panic!("{wat}: {error}"));
        let text = compile("test.wasm", &wasm, &Options::default(), Emit::Clif).unwrap();
        let text = String::from_utf8(text).unwrap();
        text.matches(" = band").count()
    }

    #[test]
    fn a_mask_of_what_is_small_is_gone() {
        for body in [
            "(i32.and (i32.load8_u (local.get 0)) (i32.const 255))",
            "(i32.and (i32.const 65535) (i32.load8_u (local.get 0)))",
            "(i32.and (i32.load16_u (local.get 0)) (i32.const -1))",
            "(i32.and (i32.shr_u (local.get 0) (i32.const 24)) (i32.const 255))",
            "(i32.and (i32.or (i32.load8_u (local.get 0)) (i32.const 64)) (i32.const 255))",
            "(i32.and (i32.lt_u (local.get 0) (local.get 1)) (i32.const 1))",
            "(i32.and (select (i32.const 3) (i32.load8_u (local.get 0)) (local.get 1)) (i32.const 255))",
            "(i32.and (i32.wrap_i64 (i64.load16_u (local.get 0))) (i32.const 65535))",
            "(local.set 2 (i32.load8_u (local.get 0)))
             (loop $next
               (if (i32.eqz (local.get 1)) (then (local.set 2 (i32.load8_u (local.get 1)))))
               (br_if $next (local.tee 1 (i32.sub (local.get 1) (i32.const 1)))))
             (i32.and (local.get 2) (i32.const 255))",
        ] {
            assert_eq!(conjunctions(body), 0, "{body}");
        }
    }

    #[test]
    fn a_mask_that_takes_something_away_stays() {
        for body in [
            "(i32.and (i32.load8_u (local.get 0)) (i32.const 127))",
            "(i32.and (i32.load8_s (local.get 0)) (i32.const 255))",
            "(i32.and (i32.load16_u (local.get 0)) (i32.const 255))",
            "(i32.and (i32.shr_s (local.get 0) (i32.const 24)) (i32.const 255))",
            "(i32.and (i32.shr_u (local.get 0) (i32.const 56)) (i32.const 127))",
            "(i32.and (i32.shl (i32.load8_u (local.get 0)) (i32.const 1)) (i32.const 255))",
            "(i32.and (i32.add (i32.load8_u (local.get 0)) (i32.const 1)) (i32.const 255))",
            "(i32.and (local.get 0) (i32.const 255))",
            // A number that a loop makes larger.
            "(local.set 2 (i32.const 1))
             (loop $next
               (local.set 2 (i32.or (i32.shr_u (i32.mul (local.get 2) (local.get 0)) (i32.const 1))
                 (i32.load8_u (local.get 0))))
               (br_if $next (local.tee 1 (i32.sub (local.get 1) (i32.const 1)))))
             (i32.and (local.get 2) (i32.const 255))",
        ] {
            assert_eq!(conjunctions(body), 1, "{body}");
        }
    }
}
