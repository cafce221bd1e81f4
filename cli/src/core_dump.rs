//! `wasmaot run --coredump`.

use std::path::Path;

use anyhow::Error;
use wasmaot_launch::report::warn;
use wasmaot_runtime::trap::TrapReason;
use wasmaot_runtime::{CallError, Process};

use crate::output;

/// Writes a core dump if the program has trapped. That it cannot is told, and does not
/// change how the program ended.
pub(crate) fn write(process: &mut Process, error: &Error, path: &Path) {
    let Some(CallError::Trap(trap)) = error.downcast_ref() else {
        return;
    };
    if !matches!(trap.reason, TrapReason::Code(_)) {
        return;
    }
    let written = output::write_private(path, |file| process.write_core_dump(trap, file));
    if let Err(error) = written {
        warn(format_args!("no core dump: {error:#}"));
    }
}
