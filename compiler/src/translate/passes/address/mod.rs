//! Addresses of memory accesses, in the form that the machine computes.
//!
//! wasm computes an address in 32 bits, and where its memory is comes last: an
//! addition and a register that `disp(base, index, scale)` has no need of. Where
//! the sum is known not to wrap, its parts are as good:
//!
//! - a constant becomes the displacement, a multiple the scaled index;
//! - near an address that is accessed for sure, only the displacement differs;
//! - for the memory base and the data that `GOT.mem` names, slots of the GOT
//!   hold host addresses, too: the loader sees to it that what is added here
//!   stays below 2^32.
//!
//! The pass comes after translation, when all definitions are known.

mod access;
mod access_facts;
mod bounds;
mod counters;
mod sum;

use std::collections::HashMap;

use cranelift_codegen::Context;
use cranelift_codegen::cursor::{Cursor, FuncCursor};
use cranelift_codegen::ir::{Function, GlobalValue, InstBuilder, InstructionData, Value, types};

pub(super) use self::bounds::{Bounds, constant};

use self::access::{Address, addresses, redirect};
use self::access_facts::AccessFacts;
use self::sum::{Sum, Sums};
use crate::code::Target;
use crate::module::Module;

/// New addresses with their displacements, by the old ones.
type Moved = HashMap<Value, (Value, u64)>;

/// Rewrites the addresses of a function's accesses to guarded memory.
pub(super) fn fold(module: &Module<'_>, context: &mut Context) {
    let addresses = addresses(&context.func);
    if addresses.is_empty() || !module.is_guarded(0) {
        return;
    }
    context.compute_cfg();
    context.compute_domtree();
    let counters = counters::counters(&context.func, &context.cfg);
    let moved = fold_sums(module, &mut context.func, &addresses, counters);
    use_all(&mut context.func, &moved);
    let by_value = addresses.iter().map(|address| {
        let value = context.func.dfg.first_result(address.inst);
        (value, *address)
    });
    let by_value = by_value.collect();
    AccessFacts::new(&by_value).run(&mut context.func, &context.domtree);
}

/// Makes addresses of the parts of exact sums.
fn fold_sums(
    module: &Module<'_>,
    func: &mut Function,
    addresses: &[Address],
    counters: HashMap<Value, u64>,
) -> Moved {
    let mut bounds = Bounds::new(counters);
    let mut sums = Sums {
        module,
        bounds: &mut bounds,
    };
    let mut folder = Folder::default();
    for address in addresses {
        let sum = sums.of(func, address.index);
        if sum.is_better() {
            folder.make(func, address, &sum);
        }
    }
    folder.moved
}

/// What makes addresses of sums.
#[derive(Default)]
struct Folder {
    symbols: HashMap<Target, GlobalValue>,
    moved: Moved,
}

impl Folder {
    /// Computes an address in the better way, beside the old one.
    fn make(&mut self, func: &mut Function, address: &Address, sum: &Sum) {
        let location = func.srcloc(address.inst);
        let symbol = sum.anchor.map(|anchor| self.symbol(func, anchor.host()));
        let mut cursor = FuncCursor::new(func)
            .at_inst(address.inst)
            .with_srcloc(location);
        let mut place = match symbol {
            Some(symbol) => cursor.ins().symbol_value(types::I64, symbol),
            None => address.base,
        };
        let mut terms = sum.terms;
        // The last addition is the one that becomes part of the access.
        terms.sort_by_key(|term| term.map_or(u32::MAX, |term| term.shift));
        for term in terms.into_iter().flatten() {
            let mut wide = cursor.ins().uextend(types::I64, term.value);
            if term.shift > 0 {
                wide = cursor.ins().ishl_imm_u(wide, i64::from(term.shift));
            }
            place = cursor.ins().iadd(place, wide);
        }
        let old = func.dfg.first_result(address.inst);
        self.moved.insert(old, (place, sum.constant));
    }

    fn symbol(&mut self, func: &mut Function, target: Target) -> GlobalValue {
        *self
            .symbols
            .entry(target)
            .or_insert_with(|| target.declare(func))
    }
}

/// Puts the new addresses in the place of the old ones.
fn use_all(func: &mut Function, moved: &Moved) {
    let mut next_block = func.layout.entry_block();
    while let Some(block) = next_block {
        let mut next = func.layout.first_inst(block);
        while let Some(inst) = next {
            next = func.layout.next_inst(inst);
            let old = match func.dfg.insts[inst] {
                InstructionData::Load { arg, .. } => arg,
                InstructionData::Store { args, .. } => args[1],
                _ => continue,
            };
            if let Some(&(place, constant)) = moved.get(&func.dfg.resolve_aliases(old)) {
                redirect(func, inst, place, constant);
            }
        }
        next_block = func.layout.next_block(block);
    }
}
