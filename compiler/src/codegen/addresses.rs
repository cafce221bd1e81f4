//! Addresses of a function's frame in linear memory, computed once.
//!
//! An access by base and index reads what was just stored some cycles later than one by
//! a register alone, which processors take from where the store left it; and functions
//! read and write their frames more than anything. So the address of a frame is made a
//! value of its own, which the code generator does not take apart again for each access.
//! For all other addresses it was tried, too: an access by base and index is no slower
//! there, and a register less in use.

use std::collections::BTreeMap;

use cranelift_codegen::cursor::{Cursor as _, FuncCursor};
use cranelift_codegen::ir::{
    Function, Inst, InstBuilder as _, MemFlagsData, Opcode, Value, ValueDef, types,
};

use crate::translate::{GLOBALS, STACK_POINTER};

/// Least number of accesses for which an address is computed.
const LEAST: usize = 2;
/// Of so many instructions of a function, one at least has to be such an access: in larger
/// functions a register is worth more.
const SHARE: usize = 1000;
/// Most steps from the stack pointer to an address of the frame.
const STEPS: usize = 6;

/// Whether a function may have any use for it: it reads the stack pointer.
pub(super) fn is_of_use(func: &Function) -> bool {
    let mut blocks = func.layout.blocks();
    blocks.any(|block| {
        let mut insts = func.layout.block_insts(block);
        insts.any(|inst| reads_stack_pointer(func, inst))
    })
}

/// Makes them, after Cranelift's own optimisation.
pub(super) fn compute(func: &mut Function) {
    func.dfg.resolve_all_aliases();
    let insts = func.dfg.num_insts();
    let mut accesses: BTreeMap<Value, Vec<Inst>> = BTreeMap::new();
    for block in func.layout.blocks() {
        for inst in func.layout.block_insts(block) {
            if let Some(address) = address(func, inst) {
                accesses.entry(address).or_default().push(inst);
            }
        }
    }
    for (address, accesses) in accesses {
        let ValueDef::Result(def, _) = func.dfg.value_def(address) else {
            continue;
        };
        let is_sum = func.dfg.insts[def].opcode() == Opcode::Iadd;
        let least = LEAST.max(insts.div_ceil(SHARE));
        if accesses.len() < least || !is_sum || !is_of_frame(func, address, STEPS) {
            continue;
        }
        let location = func.srcloc(def);
        let mut cursor = FuncCursor::new(func).after_inst(def).with_srcloc(location);
        // No instruction, but a value of which nothing is known.
        let whole = cursor
            .ins()
            .bitcast(types::I64, MemFlagsData::new(), address);
        for inst in accesses {
            let other = |used: Value| if used == address { whole } else { used };
            func.dfg.map_inst_values(inst, other);
        }
    }
}

/// The address that a load or a store of a scalar has, without its offset.
fn address(func: &Function, inst: Inst) -> Option<Value> {
    use Opcode::{
        Istore8, Istore16, Istore32, Load, Sload8, Sload16, Sload32, Store, Uload8, Uload16,
        Uload32,
    };
    let args = func.dfg.inst_args(inst);
    match func.dfg.insts[inst].opcode() {
        Load | Uload8 | Uload16 | Uload32 | Sload8 | Sload16 | Sload32 => args.first().copied(),
        Store | Istore8 | Istore16 | Istore32 => args.get(1).copied(),
        _ => None,
    }
}

/// Whether a value is a sum of the stack pointer and something else.
fn is_of_frame(func: &Function, value: Value, steps: usize) -> bool {
    let ValueDef::Result(inst, _) = func.dfg.value_def(value) else {
        return false;
    };
    let mut args = func.dfg.inst_args(inst).iter();
    match func.dfg.insts[inst].opcode() {
        Opcode::Uextend | Opcode::Iadd | Opcode::Isub => {
            steps > 0 && args.any(|&arg| is_of_frame(func, arg, steps - 1))
        }
        _ => reads_stack_pointer(func, inst),
    }
}

/// Whether it reads the stack pointer; in a module that is linked to nothing that is any
/// global that changes.
fn reads_stack_pointer(func: &Function, inst: Inst) -> bool {
    let data = &func.dfg.insts[inst];
    let is_load = data.opcode() == Opcode::Load && func.dfg.ctrl_typevar(inst) == types::I32;
    let Some(flags) = data.memflags().filter(|_| is_load) else {
        return false;
    };
    let flags = func.dfg.mem_flags[flags];
    let region = flags.alias_region();
    let region = region.map(|region| func.dfg.alias_regions[region].user_id);
    match region {
        Some(STACK_POINTER) => true,
        Some(GLOBALS) => !flags.readonly(),
        _ => false,
    }
}
