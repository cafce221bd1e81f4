//! `wasmaot run --coredump`.

use std::path::Path;

use anyhow::Error;
use wasmaot_launch::report::warn;
use wasmaot_runtime::trap::{Trap, TrapReason};
use wasmaot_runtime::{CallError, Process};

use crate::output;

/// Writes a core dump if the program has trapped, in a constructor or start function too: one
/// of the format of WebAssembly if the file's name ends as a module's does, else an ELF file.
/// That it cannot is told, and does not change how the program ended.
pub(crate) fn write(process: &mut Process, error: &Error, path: &Path) {
    let Some(trap) = trap(error).filter(|trap| matches!(trap.reason, TrapReason::Code(_))) else {
        return;
    };
    let is_wasm = path.extension().is_some_and(|ending| ending == "wasm");
    let written = output::write_private(path, |file| match is_wasm {
        true => process.write_wasm_core_dump(trap, file),
        false => process.write_core_dump(trap, file),
    });
    if let Err(error) = written {
        warn(format_args!("no core dump: {error:#}"));
    }
}

/// The trap that ended the program, or that kept it from being loaded.
fn trap(error: &Error) -> Option<&Trap> {
    if let Some(CallError::Trap(trap)) = error.downcast_ref() {
        return Some(trap);
    }
    match error.downcast_ref() {
        Some(wasmaot_runtime::Error::Init { trap, .. }) => Some(trap),
        _ => None,
    }
}
