//! Phase 8: the trap map, the address map and the module map.

use wasmaot_abi::maps;
use wasmaot_abi::maps::lines::{FunctionLines, NO_FUNCTION, encode_lines};
use wasmaot_abi::maps::module::{GlobalPlace, ModuleMap};
use wasmaot_abi::trap::TrapCode;

use super::plan::Plan;
use crate::code::Target;
use crate::module::{GlobalInit, GlobalStorage};

/// The trap map.
pub(super) fn traps(plan: &Plan<'_>) -> Vec<u8> {
    let functions = plan.text.offsets.iter().zip(&plan.code.functions);
    let sites: Vec<(u32, TrapCode)> = functions
        .flat_map(|(&start, f)| f.traps.iter().map(move |&(at, trap)| (start + at, trap)))
        .collect();
    maps::encode_traps(&sites)
}

/// The address map.
pub(super) fn lines(plan: &Plan<'_>) -> Vec<u8> {
    let (module, imported) = (plan.module, plan.imported_funcs);
    let count = module.funcs.len() as u32;
    let code = plan.text.offsets.iter().zip(&plan.code.functions);
    let (mut functions, mut names) = (Vec::new(), Vec::new());
    for (at, (&text_offset, function)) in code.enumerate() {
        let number = imported + plan.code.function_of(at) as u32;
        if function.is_left_out() {
            // NUL parts an object's name from a function's.
            let name = module.names.get(&number);
            names.extend(name.map(|name| (number, name.replace('\0', "?"))));
            continue;
        }
        functions.push(FunctionLines {
            text_offset,
            size: function.bytes.len() as u32,
            function: if number < count { number } else { NO_FUNCTION },
            stream: &function.lines,
        });
    }
    names.extend(plan.code.cross_module.iter().cloned());
    let names: Vec<_> = names.iter().map(|(n, name)| (*n, &**name)).collect();
    encode_lines(&functions, &names, module.code_start as u32)
}

/// The module map.
pub(super) fn module(plan: &Plan<'_>) -> Vec<u8> {
    let module = plan.module;
    let bodies = module.bodies.iter();
    let globals = (0..).zip(&module.globals);
    ModuleMap {
        imported: plan.imported_funcs,
        bodies: bodies.map(|body| body.range.start as u32).collect(),
        globals: globals
            .map(|(number, global)| (global.ty.val, place(plan, number, &global.storage)))
            .collect(),
    }
    .encode()
}

/// Where a global is.
fn place(plan: &Plan<'_>, number: u32, storage: &GlobalStorage) -> GlobalPlace {
    match *storage {
        GlobalStorage::StackPointer { .. } => GlobalPlace::StackPointer,
        GlobalStorage::Import(import) => GlobalPlace::Symbol(plan.symbols.of_import(import)),
        GlobalStorage::Loader(_) | GlobalStorage::BaseOf(_) => {
            let slot = plan.slots.got_of(Target::LoaderValue(number));
            slot.map_or(GlobalPlace::Unknown, |slot| GlobalPlace::Got(8 * slot))
        }
        GlobalStorage::ThreadData { .. } => GlobalPlace::Unknown,
        GlobalStorage::Own(ref init) => {
            if let Some(offset) = plan.module.thread_storage.offset(number) {
                return GlobalPlace::ThreadLocal(offset);
            }
            match (plan.data.offset_of(Target::Global(number)), init) {
                (Some(place), _) => GlobalPlace::Data(place.offset),
                // No code refers to it, or it is immutable: it is as it was.
                (None, GlobalInit::Const(bytes)) => {
                    GlobalPlace::Constant(u128::from_le_bytes(*bytes))
                }
                (None, _) => GlobalPlace::Unknown,
            }
        }
    }
}
