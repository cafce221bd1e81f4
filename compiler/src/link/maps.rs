//! Phase 8: the trap map and the address map.

use wasmaot_abi::maps;
use wasmaot_abi::maps::lines::{FunctionLines, NO_FUNCTION, encode_lines};
use wasmaot_abi::trap::TrapCode;

use super::Plan;

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
    let module = plan.module;
    let count = module.funcs.len() as u32;
    let code = plan.text.offsets.iter().zip(&plan.code.functions);
    let (mut functions, mut names) = (Vec::new(), Vec::new());
    for (number, (&text_offset, function)) in (plan.imported_funcs..).zip(code) {
        if function.is_left_out() {
            let name = module.names.get(&number).map(|name| (number, &**name));
            names.extend(name);
            continue;
        }
        functions.push(FunctionLines {
            text_offset,
            size: function.bytes.len() as u32,
            function: if number < count { number } else { NO_FUNCTION },
            stream: &function.lines,
        });
    }
    encode_lines(&functions, &names)
}
