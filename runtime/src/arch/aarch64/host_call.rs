//! From wasm code to a host function.
//!
//! A host function is a C function: where all arguments are in registers, which leaves
//! two for the base and the slot, the stub moves them to the registers that C has for
//! them ([`host_call_direct`]). All other functions take the arguments from memory
//! ([`host_call`]); [`spill`] puts them there for those that could have had them
//! directly.
//!
//! While the host runs, what wasm code keeps in the registers that the
//! convention preserves is on its stack: the words that may name code in use are
//! found there (`wasm_low`).

use std::arch::naked_asm;
use std::mem::offset_of;

use wasmaot_abi::context::thread_block::{HOST_SP, WASM_LOW, WASM_SP};
use wasmaot_abi::types::FuncType;

use super::BLOCK_MASK;
use super::enter::{RETURN_AREA, Regs, VEC, frame_of_enter, leave};
use crate::arch::records::{self, HostEntries};

/// Number of general parameters of a function whose host function takes the
/// arguments as they are; `None` if it takes them from memory.
pub(crate) fn direct_ints(ty: &FuncType) -> Option<usize> {
    /// Two of eight are for base and slot.
    const INTS: usize = 6;
    records::direct_ints(ty, INTS)
}

/// Where [`host_call`] keeps its return address and the registers that the convention
/// preserves, above [`Regs`].
const PRESERVED: usize = size_of::<Regs>();
/// Bytes of all that.
const REGS_FRAME: usize = PRESERVED + 10 * 8;
/// Bytes below a frame record in which [`host_call_direct`] keeps the registers.
const DIRECT_FRAME: usize = 10 * 8;

/// What the stub of a function jumps to that takes its arguments as they are,
/// the stub's frame record at x29, with x17 the slot and the arguments where C has
/// them: calls the function on the host stack, undoes the frame and returns.
///
/// # Safety
/// To be jumped to by the code of [`super::host_stub`] alone.
#[unsafe(naked)]
pub(super) unsafe extern "C" fn host_call_direct() {
    naked_asm!(
        ".cfi_startproc",
        ".cfi_def_cfa x29, 16",
        ".cfi_offset x29, -16",
        ".cfi_offset x30, -8",
        "stp x19, x20, [sp, -{frame}]!",
        "stp x22, x23, [sp, 16]",
        "stp x24, x25, [sp, 32]",
        "stp x26, x27, [sp, 48]",
        "str x28, [sp, 64]",
        "mov x9, sp",
        "and x16, x9, {window}",
        "str x29, [x16, {wasm_sp}]",
        "str x9, [x16, {wasm_low}]",
        "ldr x9, [x16, {host_sp}]",
        "mov sp, x9",
        // From here a native backtrace goes on with `enter`'s caller: a panic
        // in a host function then shows who called wasm.
        ".cfi_remember_state",
        frame_of_enter!(),
        // What the slot holds is there before it is found in it.
        "add x16, x17, {direct}",
        "ldar x16, [x16]",
        "blr x16",
        ".cfi_restore_state",
        // The function has preserved what it had to.
        "mov x2, x0",
        "mov sp, x29",
        "ldp x29, x30, [sp], 16",
        "ret",
        ".cfi_endproc",
        frame = const DIRECT_FRAME,
        window = const BLOCK_MASK,
        wasm_sp = const WASM_SP,
        wasm_low = const WASM_LOW,
        host_sp = const HOST_SP,
        direct = const offset_of!(HostEntries, direct),
    )
}

/// The `direct` of a function that takes its arguments from memory: puts them
/// there and calls its `spilled`.
///
/// # Safety
/// To be called by [`host_call_direct`] alone.
#[unsafe(naked)]
pub(crate) unsafe extern "C" fn spill() {
    naked_asm!(
        ".cfi_startproc",
        "stp x29, x30, [sp, -16]!",
        ".cfi_def_cfa_offset 16",
        ".cfi_offset x29, -16",
        ".cfi_offset x30, -8",
        "mov x29, sp",
        ".cfi_def_cfa_register x29",
        "sub sp, sp, {frame}",
        "stp x0, x1, [sp]",
        "stp x2, x3, [sp, 16]",
        "stp x4, x5, [sp, 32]",
        "stp q0, q1, [sp, {vec}]",
        "stp q2, q3, [sp, {vec} + 32]",
        "stp q4, q5, [sp, {vec} + 64]",
        "stp q6, q7, [sp, {vec} + 96]",
        "mov x0, x21",
        "mov x1, x17",
        "mov x2, sp",
        // There are no stack arguments; this is where none begin.
        "mov x3, sp",
        "add x16, x17, {spilled}",
        "ldar x16, [x16]",
        "blr x16",
        "cbnz w0, 2f",
        "ldr x0, [sp]",
        "ldr q0, [sp, {vec}]",
        "mov sp, x29",
        ".cfi_remember_state",
        ".cfi_def_cfa sp, 16",
        "ldp x29, x30, [sp], 16",
        ".cfi_def_cfa_offset 0",
        ".cfi_restore x29",
        ".cfi_restore x30",
        "ret",
        ".cfi_restore_state",
        // The frame record of the stub is in the thread's window.
        "2: ldr x9, [x29]",
        "and x16, x9, {window}",
        "ldr x9, [x16, {host_sp}]",
        "mov sp, x9",
        "mov x0, 1",
        "b {leave}",
        ".cfi_endproc",
        frame = const size_of::<Regs>(),
        vec = const VEC,
        spilled = const offset_of!(HostEntries, spilled),
        window = const BLOCK_MASK,
        host_sp = const HOST_SP,
        leave = sym leave,
    )
}

/// What all other host stubs call, the stub's frame record at x29, with x17 the
/// slot: carries out the call on the host stack by way of its `spilled`, and
/// returns with the results in their registers, or leaves wasm code if the answer is other
/// than 0.
///
/// # Safety
/// To be called by the code of [`super::host_stub`] alone.
#[unsafe(naked)]
pub(super) unsafe extern "C" fn host_call() {
    naked_asm!(
        ".cfi_startproc",
        ".cfi_def_cfa x29, 0",
        "sub sp, sp, {frame}",
        "stp x2, x3, [sp]",
        "stp x4, x5, [sp, 16]",
        "stp x6, x7, [sp, 32]",
        "str x8, [sp, {return_area}]",
        "stp q0, q1, [sp, {vec}]",
        "stp q2, q3, [sp, {vec} + 32]",
        "stp q4, q5, [sp, {vec} + 64]",
        "stp q6, q7, [sp, {vec} + 96]",
        "stp x30, x19, [sp, {preserved}]",
        "stp x20, x22, [sp, {preserved} + 16]",
        "stp x23, x24, [sp, {preserved} + 32]",
        "stp x25, x26, [sp, {preserved} + 48]",
        "stp x27, x28, [sp, {preserved} + 64]",
        "mov x2, sp",
        "and x16, x2, {window}",
        "str x29, [x16, {wasm_sp}]",
        "str x2, [x16, {wasm_low}]",
        "mov x0, x21",
        "mov x1, x17",
        "add x3, x29, 16",
        "ldr x9, [x16, {host_sp}]",
        "mov sp, x9",
        // As in `host_call_direct`.
        ".cfi_remember_state",
        frame_of_enter!(),
        "add x16, x17, {spilled}",
        "ldar x16, [x16]",
        "blr x16",
        "cbnz w0, 2f",
        ".cfi_restore_state",
        // x29 has been preserved.
        "sub sp, x29, {frame}",
        "ldp x2, x3, [sp]",
        "ldp x4, x5, [sp, 16]",
        "ldp x6, x7, [sp, 32]",
        "ldp q0, q1, [sp, {vec}]",
        "ldp q2, q3, [sp, {vec} + 32]",
        "ldp q4, q5, [sp, {vec} + 64]",
        "ldp q6, q7, [sp, {vec} + 96]",
        "ldr x30, [sp, {preserved}]",
        "add sp, sp, {frame}",
        "ret",
        // sp is again what `enter` left in `host_sp`.
        "2: mov x0, 1",
        "b {leave}",
        ".cfi_endproc",
        frame = const REGS_FRAME,
        return_area = const RETURN_AREA,
        vec = const VEC,
        preserved = const PRESERVED,
        window = const BLOCK_MASK,
        wasm_sp = const WASM_SP,
        wasm_low = const WASM_LOW,
        host_sp = const HOST_SP,
        spilled = const offset_of!(HostEntries, spilled),
        leave = sym leave,
    )
}
