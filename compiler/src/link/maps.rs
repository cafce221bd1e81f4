//! Phase 8: the trap map and the address map.

use wasmaot_abi::maps::{self, FunctionLines};
use wasmaot_abi::trap::TrapCode;

use super::Plan;

/// Function number of code that no wasm function stands for.
const NO_FUNCTION: u32 = u32::MAX;

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
    let imported = plan.module.imported_funcs();
    let count = plan.module.funcs.len() as u32;
    let functions = plan.text.offsets.iter().zip(&plan.code.functions);
    let functions: Vec<FunctionLines> = (imported..)
        .zip(functions)
        .map(|(number, (&text_offset, function))| FunctionLines {
            text_offset,
            size: function.bytes.len() as u32,
            function: if number < count { number } else { NO_FUNCTION },
            lines: function.lines.clone(),
        })
        .collect();
    maps::encode_lines(&functions)
}
