//! Addresses of memory accesses, in the form that the machine computes.
//!
//! wasm computes an address in 32 bits, and where its memory is comes last: an
//! addition and a register that `disp(base, index, scale)` has no need of. Where
//! the sum is known not to wrap, its parts are as good:
//!
//! - a constant becomes the displacement, a multiple the scaled index;
//! - for the memory base and the data that `GOT.mem` names, slots of the GOT
//!   hold host addresses, too: the loader sees to it that what is added here
//!   stays below 2^32.
//!
//! The pass comes after translation, when all definitions are known.

mod bounds;
mod sum;

use std::collections::HashMap;

use cranelift_codegen::cursor::{Cursor, FuncCursor};
use cranelift_codegen::ir::{
    ExternalName, Function, GlobalValue, GlobalValueData, Inst, InstBuilder, InstructionData,
    Opcode, Value, types,
};

use self::bounds::Bounds;
use self::sum::{Sum, Sums};
use crate::code::Target;
use crate::module::Module;

/// Rewrites the addresses of a function's accesses to guarded memory;
/// `extended`: zero-extensions of values of 32 bits.
pub(crate) fn fold(module: &Module<'_>, extended: &HashMap<Value, Value>, func: &mut Function) {
    let addresses = addresses(func);
    if addresses.is_empty() {
        return;
    }
    let mut bounds = Bounds::default();
    let mut sums = Sums {
        module,
        bounds: &mut bounds,
    };
    let mut folder = Folder {
        extended,
        symbols: HashMap::new(),
        moved: HashMap::new(),
    };
    for address in addresses {
        let sum = sums.of(func, address.index);
        if sum.is_better() {
            folder.make(func, &address, &sum);
        }
    }
    folder.use_all(func);
}

/// The sum of memory's address and an index.
struct Address {
    inst: Inst,
    base: Value,
    /// Of 32 bits.
    index: Value,
}

/// The addresses in memory that a function computes.
fn addresses(func: &Function) -> Vec<Address> {
    let insts = func
        .layout
        .blocks()
        .flat_map(|b| func.layout.block_insts(b));
    insts.filter_map(|inst| address(func, inst)).collect()
}

fn address(func: &Function, inst: Inst) -> Option<Address> {
    let InstructionData::Binary {
        opcode: Opcode::Iadd,
        args: [base, wide],
    } = func.dfg.insts[inst]
    else {
        return None;
    };
    let def = |value| {
        let inst = func.dfg.value_def(func.dfg.resolve_aliases(value)).inst()?;
        Some(func.dfg.insts[inst])
    };
    let InstructionData::NullAry {
        opcode: Opcode::GetPinnedReg,
    } = def(base)?
    else {
        return None;
    };
    let InstructionData::Unary {
        opcode: Opcode::Uextend,
        arg: index,
    } = def(wide)?
    else {
        return None;
    };
    let narrow = func.dfg.value_type(index) == types::I32;
    narrow.then_some(Address { inst, base, index })
}

/// A pass over one function.
struct Folder<'e> {
    extended: &'e HashMap<Value, Value>,
    symbols: HashMap<Target, GlobalValue>,
    /// New addresses with their displacements, by the old ones.
    moved: HashMap<Value, (Value, u64)>,
}

impl Folder<'_> {
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
            let term_value = cursor.func.dfg.resolve_aliases(term.value);
            let mut wide = match self.extended.get(&term_value) {
                Some(&wide) => wide,
                None => cursor.ins().uextend(types::I64, term_value),
            };
            if term.shift > 0 {
                wide = cursor.ins().ishl_imm_u(wide, i64::from(term.shift));
            }
            place = cursor.ins().iadd(place, wide);
        }
        let old = func.dfg.first_result(address.inst);
        self.moved.insert(old, (place, sum.constant));
    }

    fn symbol(&mut self, func: &mut Function, target: Target) -> GlobalValue {
        *self.symbols.entry(target).or_insert_with(|| {
            let name = func.declare_imported_user_function(target.to_name());
            func.create_global_value(GlobalValueData::Symbol {
                name: ExternalName::user(name),
                offset: 0.into(),
                colocated: false,
                tls: false,
            })
        })
    }

    /// Puts the new addresses in the place of the old ones.
    fn use_all(&self, func: &mut Function) {
        let mut next_block = func.layout.entry_block();
        while let Some(block) = next_block {
            let mut next = func.layout.first_inst(block);
            while let Some(inst) = next {
                self.use_in(func, inst);
                next = func.layout.next_inst(inst);
            }
            next_block = func.layout.next_block(block);
        }
    }

    fn use_in(&self, func: &mut Function, inst: Inst) {
        let (old, displacement) = match func.dfg.insts[inst] {
            InstructionData::Load { arg, offset, .. } => (arg, offset),
            InstructionData::Store { args, offset, .. } => (args[1], offset),
            _ => return,
        };
        let Some(&(place, constant)) = self.moved.get(&func.dfg.resolve_aliases(old)) else {
            return;
        };
        let sum = i64::from(i32::from(displacement)).checked_add_unsigned(constant);
        let Some(sum) = sum.and_then(|sum| i32::try_from(sum).ok()) else {
            return;
        };
        match &mut func.dfg.insts[inst] {
            InstructionData::Load { arg, offset, .. } => (*arg, *offset) = (place, sum.into()),
            InstructionData::Store { args, offset, .. } => {
                (args[1], *offset) = (place, sum.into());
            }
            _ => {}
        }
    }
}
