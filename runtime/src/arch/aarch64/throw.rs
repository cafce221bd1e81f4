//! Out of a throw and into the code that catches.

use std::arch::naked_asm;
use std::mem::offset_of;

use wasmaot_abi::context::thread_block::{HOST_SP, UNWIND, WASM_LOW};

use super::BLOCK_MASK;
use super::enter::leave;
use crate::arch::records::Resume;

/// The built-in function `throw(base, exception)`: asks the process's `unwind`,
/// on the host stack, for the handler, and goes there; or leaves wasm code
/// where there is none.
///
/// On the way, what a frame in between had saved stays on the wasm stack: a
/// handler's code expects no register but the pinned one to be as it was, and
/// those that this function preserves where it stands in the throwing function
/// itself.
///
/// # Safety
/// To be called by compiled code alone.
#[unsafe(naked)]
pub(crate) unsafe extern "C" fn throw() {
    naked_asm!(
        "stp x29, x30, [sp, -16]!",
        "mov x29, sp",
        "mov x2, sp",
        "and x16, x2, {window}",
        // What is below is not in use while another thread looks.
        "str x29, [x16, {wasm_low}]",
        "ldr x9, [x16, {host_sp}]",
        "sub x3, x9, {resume}",
        "mov sp, x3",
        "ldr x9, [x16, {unwind}]",
        "blr x9",
        "cbnz w0, 2f",
        "ldr x0, [sp, {exception}]",
        "ldr x29, [sp, {bp}]",
        "ldr x21, [sp, {base}]",
        "ldr x16, [sp, {code}]",
        "ldr x9, [sp, {sp}]",
        "mov sp, x9",
        "br x16",
        // sp becomes what `enter` left in `host_sp`.
        "2: add sp, sp, {resume}",
        "mov x0, 1",
        "b {leave}",
        window = const BLOCK_MASK,
        host_sp = const HOST_SP,
        wasm_low = const WASM_LOW,
        unwind = const UNWIND,
        resume = const size_of::<Resume>(),
        code = const offset_of!(Resume, code),
        bp = const offset_of!(Resume, bp),
        sp = const offset_of!(Resume, sp),
        base = const offset_of!(Resume, base),
        exception = const offset_of!(Resume, exception),
        leave = sym leave,
    )
}
