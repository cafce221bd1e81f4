//! Phase 8: the trap map and the address map.

use wasmaot_abi::maps;
use wasmaot_abi::maps::lines::{FunctionLines, NO_FUNCTION, encode_lines};
use wasmaot_abi::trap::TrapCode;

use super::plan::Plan;

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
