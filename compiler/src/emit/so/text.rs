//! Phase 1: where each function goes in `.text`, and what code refers to.

use std::collections::BTreeSet;

use wasmaot_abi::builtin::Builtin;
use wasmaot_abi::machine::Machine;

use super::elf::MAX_SPAN;
use crate::code::{Code, CompiledFunction, LINE, STARTS, Target};
use crate::error::{Error, Result};
use crate::module::Module;

/// Alignment of functions, at least.
const ALIGN: u64 = 16;

/// The arrangement of `.text`.
pub(super) struct Text {
    /// Offset of each of `Code::functions`, ascending.
    pub offsets: Vec<u32>,
    pub align: u64,
    pub size: u64,
    /// Everything that code and its exception handlers refer to.
    pub targets: BTreeSet<Target>,
}

/// Alignment of the section that a function needs.
fn alignment(function: &CompiledFunction) -> u64 {
    let prefers = function
        .starts
        .iter()
        .any(|&cost| cost != function.starts[0]);
    let line = if prefers { LINE.into() } else { ALIGN };
    u64::from(function.align).max(line)
}

/// The first of the best places for a function.
fn best_offset(function: &CompiledFunction, from: u64) -> u64 {
    let align = u64::from(function.align).max(ALIGN);
    let first = from.next_multiple_of(align);
    let step = u64::from(LINE) / STARTS as u64;
    let offsets = (first..first + u64::from(LINE)).step_by(align as usize);
    let cost = |at: &u64| function.starts[(at / step) as usize % STARTS];
    offsets.min_by_key(cost).unwrap_or(first)
}

/// Puts the functions one after another.
pub(super) fn arrange(module: &Module<'_>, code: &Code, machine: &Machine) -> Result<Text> {
    // A call reaches any entry of the PLT, which stands before.
    let entries = module.imported_funcs() as usize + Builtin::ALL.len();
    let limit = machine.branch.reach.min(MAX_SPAN) - machine.plt.size(entries as u64);
    let mut text = Text {
        offsets: Vec::with_capacity(code.functions.len()),
        align: ALIGN,
        size: 0,
        targets: BTreeSet::new(),
    };
    for function in &code.functions {
        if function.is_left_out() {
            text.offsets.push(text.size as u32);
            continue;
        }
        let at = best_offset(function, text.size);
        text.size = at + function.bytes.len() as u64;
        if text.size >= limit {
            return Err(Error::TooLarge {
                file: module.source.clone(),
                what: "machine code".into(),
                limit: format!("{} MiB", limit >> 20),
            });
        }
        text.align = text.align.max(alignment(function));
        text.offsets.push(at as u32);
        text.targets
            .extend(function.relocs.iter().map(|r| r.target));
        let handlers = function.try_calls.iter().flat_map(|call| &call.handlers);
        text.targets
            .extend(handlers.filter_map(|h| h.tag).map(Target::Tag));
    }
    // By their entries of the PLT the loader sees what they are bound to.
    let imports = code.uninlined.iter().flat_map(|code| &code.imports);
    text.targets.extend(imports.map(|&f| Target::Func(f)));
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The code of functions of so many bytes, for a machine.
    fn arranged(sizes: &[usize], machine: &Machine) -> Result<Text> {
        let functions = sizes.iter().map(|&size| CompiledFunction {
            bytes: vec![0; size],
            align: 1,
            ..CompiledFunction::default()
        });
        let code = Code {
            functions: functions.collect(),
            has_init: false,
            uninlined: Vec::new(),
            cross_module: Vec::new(),
        };
        arrange(&Module::empty("m.wasm"), &code, machine)
    }

    /// What is never touched takes no memory.
    #[test]
    fn code_is_as_large_as_a_call_reaches() {
        for machine in Machine::ALL {
            let half = machine.branch.reach as usize / 2;
            let builtins = machine.plt.size(Builtin::ALL.len() as u64) as usize;
            let least = arranged(&[half, half - builtins - 16], machine);
            assert_eq!(least.unwrap().offsets, [0, half as u32]);
            let error = arranged(&[half, half - builtins], machine).err();
            assert!(matches!(error, Some(Error::TooLarge { .. })), "{error:?}");
        }
    }
}
