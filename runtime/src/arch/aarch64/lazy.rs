//! Binding of a function at its first call.
//!
//! A slot of `.got.plt` that is not bound holds the address of a stub of its
//! own ([`lazy_stub`]), which knows the number of the slot. The process's
//! `bind` answers where the function is; the call then goes on there as if
//! nothing had been in between.

use std::arch::naked_asm;

use wasmaot_abi::context::thread_block::{BIND, HOST_SP, WASM_LOW, WASM_SP};

use super::BLOCK_MASK;
use super::code::{Code, X16, X17};
use super::enter::{frame_of_enter, leave};

/// General registers that are kept: x0 to x8, the parameters' among them, and those that
/// the convention preserves (for whoever looks what is in use).
const GENERAL: usize = 18 * 8;
/// Vector registers of parameters.
const VECTOR: usize = 8 * 16;
/// Bytes of the registers kept, a multiple of 16.
const SAVED: usize = GENERAL + VECTOR;

/// Code that the slot of this number leads to until it is bound; the same
/// wherever it stands.
///
/// The frame record comes first, so that a backtrace passes the stub wherever
/// it stops.
pub(crate) fn lazy_stub(number: u32) -> Vec<u8> {
    let mut code = Code::with_frame_record();
    code.load(X17, number.into());
    code.load(X16, bind as *const () as u64);
    code.br(X16);
    code.into_bytes()
}

/// What the stubs jump to, a stub's frame record at x29, with x17 the slot's
/// number: has the process's `bind` answer, on the host stack,
/// where the function is, undoes the frame and jumps there; or leaves wasm
/// code if the answer is 0.
///
/// Every register that the callee may rely on is as it was: all but x16 and x17 of
/// those of parameters and those that the convention preserves. The stack arguments
/// stay in place.
///
/// # Safety
/// To be jumped to by the code of [`lazy_stub`] alone.
#[unsafe(naked)]
unsafe extern "C" fn bind() {
    naked_asm!(
        ".cfi_startproc",
        ".cfi_def_cfa x29, 16",
        ".cfi_offset x29, -16",
        ".cfi_offset x30, -8",
        "sub sp, sp, {saved}",
        "stp x0, x1, [sp]",
        "stp x2, x3, [sp, 16]",
        "stp x4, x5, [sp, 32]",
        "stp x6, x7, [sp, 48]",
        "stp x8, x19, [sp, 64]",
        "stp x20, x22, [sp, 80]",
        "stp x23, x24, [sp, 96]",
        "stp x25, x26, [sp, 112]",
        "stp x27, x28, [sp, 128]",
        "stp q0, q1, [sp, {general}]",
        "stp q2, q3, [sp, {general} + 32]",
        "stp q4, q5, [sp, {general} + 64]",
        "stp q6, q7, [sp, {general} + 96]",
        "mov x9, sp",
        "and x16, x9, {window}",
        "str x29, [x16, {wasm_sp}]",
        "str x9, [x16, {wasm_low}]",
        "mov x0, x21",
        "mov w1, w17",
        "ldr x9, [x16, {host_sp}]",
        "mov sp, x9",
        // From here a native backtrace goes on with `enter`'s caller, as in
        // a host call.
        ".cfi_remember_state",
        frame_of_enter!(),
        "ldr x9, [x16, {bind}]",
        "blr x9",
        "cbz x0, 2f",
        ".cfi_restore_state",
        "mov x16, x0",
        "sub sp, x29, {saved}",
        "ldp x0, x1, [sp]",
        "ldp x2, x3, [sp, 16]",
        "ldp x4, x5, [sp, 32]",
        "ldp x6, x7, [sp, 48]",
        "ldr x8, [sp, 64]",
        "ldp q0, q1, [sp, {general}]",
        "ldp q2, q3, [sp, {general} + 32]",
        "ldp q4, q5, [sp, {general} + 64]",
        "ldp q6, q7, [sp, {general} + 96]",
        "mov sp, x29",
        "ldp x29, x30, [sp], 16",
        "br x16",
        // sp is again what `enter` left in `host_sp`.
        "2: mov x0, 1",
        "b {leave}",
        ".cfi_endproc",
        saved = const SAVED,
        general = const GENERAL,
        window = const BLOCK_MASK,
        wasm_sp = const WASM_SP,
        wasm_low = const WASM_LOW,
        host_sp = const HOST_SP,
        bind = const BIND,
        leave = sym leave,
    )
}
