//! Masks that take nothing away.
//!
//! C compares bytes as numbers of 32 bits, and LLVM computes with numbers of 8 and 16 bits
//! that wasm does not have: it masks what such a number is made of, and often once more
//! what a load has extended already. Cranelift knows nothing of what is loaded.

use cranelift_codegen::Context;
use cranelift_codegen::flowgraph::ControlFlowGraph;
use cranelift_codegen::ir::{Block, Function, Inst, Opcode, Type, Value, ValueDef};

use super::address::constant;

/// How many values are looked at for one mask, and ways of one branch.
const VALUES: usize = 32;

/// Removes such masks.
pub(super) fn remove(context: &mut Context) {
    let masks = masks(&context.func);
    if masks.is_empty() {
        return;
    }
    context.compute_cfg();
    for (inst, value, mask) in masks {
        let mut bits = Bits {
            func: &context.func,
            cfg: &context.cfg,
            joins: Vec::new(),
            left: VALUES,
        };
        if bits.of(value, true) & !mask == 0 {
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
        if func.dfg.insts[inst].opcode() != Opcode::Band || !func.dfg.value_type(left).is_int() {
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

/// Which bits of values may be other than 0.
struct Bits<'a> {
    func: &'a Function,
    cfg: &'a ControlFlowGraph,
    /// Parameters of blocks that are being looked at.
    joins: Vec<Value>,
    /// How many values are still looked at: of others all bits may be set.
    left: usize,
}

impl Bits<'_> {
    /// Those of a value. `carried`: it is what a parameter that is being looked at has,
    /// unchanged. Then such a parameter adds nothing to itself; changed, it may.
    fn of(&mut self, value: Value, carried: bool) -> u64 {
        let dfg = &self.func.dfg;
        let value = dfg.resolve_aliases(value);
        let all = all(dfg.value_type(value));
        if self.left == 0 || all == 0 {
            return u64::MAX;
        }
        self.left -= 1;
        if let Some(constant) = constant(self.func, value) {
            return constant & all;
        }
        let bits = match dfg.value_def(value) {
            ValueDef::Param(..) if self.joins.contains(&value) => match carried {
                true => 0,
                false => all,
            },
            ValueDef::Param(block, number) => {
                self.joins.push(value);
                let bits = self.of_join(block, number, carried);
                self.joins.pop();
                bits
            }
            ValueDef::Result(inst, 0) => self.of_result(inst),
            _ => all,
        };
        bits & all
    }

    /// Those of all that a block may be given.
    fn of_join(&mut self, block: Block, number: usize, carried: bool) -> u64 {
        let func = self.func;
        if func.layout.entry_block() == Some(block) {
            return u64::MAX;
        }
        let mut bits = 0;
        for pred in self.cfg.pred_iter(block) {
            let (tables, exceptions) = (&func.dfg.jump_tables, &func.dfg.exception_tables);
            let calls = func.dfg.insts[pred.inst].branch_destination(tables, exceptions);
            // Each mask is worth a look at a few ways, not at all that there are.
            if self.left == 0 || calls.len() > VALUES {
                return u64::MAX;
            }
            for call in calls {
                let lists = &func.dfg.value_lists;
                if call.block(lists) == block {
                    // What an exception or a call gives is no value yet.
                    let arg = call.args(lists).nth(number);
                    let Some(arg) = arg.and_then(|arg| arg.as_value()) else {
                        return u64::MAX;
                    };
                    bits |= self.of(arg, carried);
                }
            }
        }
        bits
    }

    /// Those of an instruction's result.
    fn of_result(&mut self, inst: Inst) -> u64 {
        let func = self.func;
        let args = func.dfg.inst_args(inst);
        match (func.dfg.insts[inst].opcode(), args) {
            (Opcode::Uload8, _) => 0xff,
            (Opcode::Uload16, _) => 0xffff,
            (Opcode::Uload32, _) => 0xffff_ffff,
            (Opcode::Icmp | Opcode::Fcmp, _) => 1,
            (Opcode::Uextend | Opcode::Ireduce, &[value]) => self.of(value, false),
            (Opcode::Band, &[left, right]) => self.of(left, false) & self.of(right, false),
            (Opcode::Bor | Opcode::Bxor, &[left, right]) => {
                self.of(left, false) | self.of(right, false)
            }
            (Opcode::Select, &[_, yes, no]) => self.of(yes, false) | self.of(no, false),
            (Opcode::Ushr, &[value, by]) => match constant(func, by) {
                Some(by) => {
                    let width = func.dfg.value_type(value).bits();
                    self.of(value, false) >> (by % u64::from(width))
                }
                None => u64::MAX,
            },
            _ => u64::MAX,
        }
    }
}

/// All bits of a type; none for a type that has no number of at most 64 bits.
fn all(ty: Type) -> u64 {
    match ty.bits() {
        width @ 1..=64 if ty.is_int() => u64::MAX >> (64 - width),
        _ => 0,
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
