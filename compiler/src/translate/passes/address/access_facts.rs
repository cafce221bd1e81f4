//! What an access tells of the addresses near its own.
//!
//! An access at `x` that does not trap tells that `x` is below the end of
//! memory, which is never within [`HEADROOM`] of 2^32. So `x + 4` does not
//! wrap, and is `x` with a displacement:
//!
//! - wherever the access at `x` comes first on every way;
//! - and before it, where the access at `x + 4` is a load, and nothing but
//!   loads lies between: if the sum did wrap, the access at `x` would trap, of
//!   the same cause, and nobody could tell that the load had not.

use std::collections::HashMap;

use cranelift_codegen::cursor::{Cursor, FuncCursor};
use cranelift_codegen::dominator_tree::DominatorTree;
use cranelift_codegen::ir::{
    self, Block, Function, Inst, InstBuilder, InstructionData, Opcode, Value, types,
};
use wasmaot_abi::context::HEADROOM;

use super::access::{Address, redirect};
use super::bounds::constant;

/// How many accesses are looked at together.
const MOST: usize = 128;
/// How many additions are followed back from an address.
const STEPS: usize = 32;

/// An access to guarded memory.
struct Access {
    inst: Inst,
    base: Value,
    /// Its index is this and the constant, modulo 2^32.
    root: Value,
    constant: u32,
}

/// A step of the way through the tree of dominators.
enum Step {
    Enter(Block),
    /// What was known before a block is known after it: so many anchors.
    Leave(usize),
}

/// A pass over a function.
pub(super) struct AccessFacts<'a> {
    /// The addresses that are computed, by the value.
    addresses: &'a HashMap<Value, Address>,
    /// Accesses since something else happened than loads.
    quiet: Vec<Access>,
    /// What is accessed for sure at the current place: constants by root.
    sure: HashMap<Value, Vec<u32>>,
    /// The roots, in the order in which that became known.
    order: Vec<Value>,
}

impl<'a> AccessFacts<'a> {
    pub fn new(addresses: &'a HashMap<Value, Address>) -> Self {
        Self {
            addresses,
            quiet: Vec::new(),
            sure: HashMap::new(),
            order: Vec::new(),
        }
    }

    /// Goes through a function, a block after those that dominate it.
    pub fn run(mut self, func: &mut Function, dominators: &DominatorTree) {
        let entry = func.layout.entry_block();
        let mut steps: Vec<Step> = entry.into_iter().map(Step::Enter).collect();
        while let Some(step) = steps.pop() {
            match step {
                Step::Enter(block) => {
                    steps.push(Step::Leave(self.order.len()));
                    self.block(func, block);
                    steps.extend(dominators.children(block).map(Step::Enter));
                }
                Step::Leave(before) => {
                    for root in self.order.drain(before..) {
                        self.sure.get_mut(&root).and_then(Vec::pop);
                    }
                }
            }
        }
    }

    fn block(&mut self, func: &mut Function, block: Block) {
        let mut next = func.layout.first_inst(block);
        while let Some(inst) = next {
            next = func.layout.next_inst(inst);
            let access = self.access(func, inst);
            self.quiet.extend(access);
            if !is_quiet(func, inst) || self.quiet.len() >= MOST {
                self.settle(func);
            }
        }
        self.settle(func);
    }

    /// The access that an instruction is, if its address is computed as wasm
    /// does.
    fn access(&self, func: &Function, inst: Inst) -> Option<Access> {
        let address = match func.dfg.insts[inst] {
            InstructionData::Load { arg, .. } => arg,
            InstructionData::Store { args, .. } => args[1],
            _ => return None,
        };
        let address = func.dfg.resolve_aliases(address);
        let &Address { base, index, .. } = self.addresses.get(&address)?;
        let (root, constant) = root(func, index);
        Some(Access {
            inst,
            base,
            root,
            constant,
        })
    }

    /// Has the accesses so far made at as few addresses as can be.
    fn settle(&mut self, func: &mut Function) {
        let mut accesses = std::mem::take(&mut self.quiet);
        for access in &accesses {
            let known = self.sure.get(&access.root).into_iter().flatten().copied();
            let group = accesses.iter().filter(|other| other.root == access.root);
            let anchors = known.chain(group.map(|other| other.constant));
            let distances = anchors.filter_map(|anchor| distance(anchor, access.constant));
            if let Some(distance) = distances.max().filter(|&d| d > 0) {
                access.make_at(func, distance);
            }
        }
        // The lowest first: it is enough to know of that.
        accesses.sort_by_key(|access| access.constant as i32);
        for Access { root, constant, .. } in accesses {
            let known = self.sure.entry(root).or_default();
            if !known.iter().any(|&k| distance(k, constant).is_some()) {
                known.push(constant);
                self.order.push(root);
            }
        }
    }
}

/// How far an address is above another of the same root; `None`: not so far
/// that one tells anything of the other.
fn distance(anchor: u32, address: u32) -> Option<u32> {
    let distance = address.wrapping_sub(anchor);
    (u64::from(distance) < HEADROOM).then_some(distance)
}

impl Access {
    /// Makes the access by a displacement from an address before it.
    fn make_at(&self, func: &mut Function, distance: u32) {
        let location = func.srcloc(self.inst);
        let mut cursor = FuncCursor::new(func)
            .at_inst(self.inst)
            .with_srcloc(location);
        let mut index = self.root;
        let anchor = self.constant.wrapping_sub(distance) as i32;
        if anchor != 0 {
            index = cursor.ins().iadd_imm_s(index, i64::from(anchor));
        }
        let wide = cursor.ins().uextend(types::I64, index);
        let place = cursor.ins().iadd(self.base, wide);
        redirect(func, self.inst, place, distance.into());
    }
}

/// A value without the constants that are added to it, and their sum.
fn root(func: &Function, value: Value) -> (Value, u32) {
    let mut root = func.dfg.resolve_aliases(value);
    let mut sum = 0_u32;
    for _ in 0..STEPS {
        let Some(inst) = func.dfg.value_def(root).inst() else {
            break;
        };
        let InstructionData::Binary {
            opcode: Opcode::Iadd,
            args: [a, b],
        } = func.dfg.insts[inst]
        else {
            break;
        };
        let (rest, added) = match (constant(func, a), constant(func, b)) {
            (_, Some(added)) => (a, added),
            (Some(added), None) => (b, added),
            (None, None) => break,
        };
        sum = sum.wrapping_add(added as u32);
        root = func.dfg.resolve_aliases(rest);
    }
    (root, sum)
}

/// Whether an instruction does nothing but compute and load, and traps of
/// nothing but an address.
fn is_quiet(func: &Function, inst: Inst) -> bool {
    let data = &func.dfg.insts[inst];
    let opcode = data.opcode();
    let out_of_bounds = Some(ir::TrapCode::HEAP_OUT_OF_BOUNDS);
    match data {
        InstructionData::Load { .. } => {
            let trap = data.memflags_trap_code(&func.dfg);
            trap.is_none() || trap == out_of_bounds
        }
        _ => {
            opcode == Opcode::GetPinnedReg
                || !(opcode.can_trap()
                    || opcode.can_load()
                    || opcode.can_store()
                    || opcode.is_call()
                    || opcode.is_terminator()
                    || opcode.other_side_effects())
        }
    }
}
