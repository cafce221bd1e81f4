//! From wasm code to a host function.
//!
//! A host function is a System V function, whose arguments in registers are
//! where wasm code has put them. So where all arguments are in registers, and
//! two general ones are left for the base and the slot, nothing is moved
//! ([`host_call_direct`]). All other functions take the arguments from memory
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
use super::enter::{Regs, frame_of_enter, leave};
use crate::arch::records::{self, HostEntries};

/// Number of general parameters of a function whose host function takes the
/// arguments as they are; `None` if it takes them from memory.
pub(crate) fn direct_ints(ty: &FuncType) -> Option<usize> {
    /// Two of six are for base and slot.
    const INTS: usize = 4;
    records::direct_ints(ty, INTS)
}

const VEC: usize = offset_of!(Regs, vec);
/// Where [`host_call`] keeps the registers that the convention preserves, above
/// [`Regs`].
const PRESERVED: usize = size_of::<Regs>();
/// Bytes of both and what aligns them below a return address.
const REGS_FRAME: usize = PRESERVED + 4 * 8 + 8;
/// Bytes below the frame record of a host stub that [`host_call`] uses.
const BELOW_RECORD: u64 = REGS_FRAME as u64 + 8;

/// What the stub of a function jumps to that takes its arguments as they are,
/// the stub's frame record at rbp, with r11 the slot: calls the function on the host
/// stack, undoes the frame and returns.
///
/// # Safety
/// To be jumped to by the code of [`super::host_stub`] alone.
#[unsafe(naked)]
pub(super) unsafe extern "C" fn host_call_direct() {
    naked_asm!(
        ".cfi_startproc",
        ".cfi_def_cfa rbp, 16",
        ".cfi_offset rbp, -16",
        "push rbx",
        "push r12",
        "push r13",
        "push r14",
        "mov rax, rsp",
        "and rax, {window}",
        "mov [rax + {wasm_sp}], rbp",
        "mov [rax + {wasm_low}], rsp",
        "mov rsp, [rax + {host_sp}]",
        // From here a native backtrace goes on with `enter`'s caller: a panic
        // in a host function then shows who called wasm.
        ".cfi_remember_state",
        frame_of_enter!(),
        "call [r11 + {direct}]",
        ".cfi_restore_state",
        // The function has preserved what it had to.
        "leave",
        "ret",
        ".cfi_endproc",
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
        "push rbp",
        ".cfi_def_cfa_offset 16",
        ".cfi_offset rbp, -16",
        "mov rbp, rsp",
        ".cfi_def_cfa_register rbp",
        "sub rsp, {frame}",
        "mov [rsp], rdi",
        "mov [rsp + 8], rsi",
        "mov [rsp + 16], rdx",
        "mov [rsp + 24], rcx",
        "mov [rsp + 32], r8",
        "mov [rsp + 40], r9",
        ".irp n, 0, 1, 2, 3, 4, 5, 6, 7",
        "movaps [rsp + {vec} + 16*\\n], xmm\\n",
        ".endr",
        "mov rdi, r15",
        "mov rsi, r11",
        "mov rdx, rsp",
        // There are no stack arguments; this is where none begin.
        "mov rcx, rsp",
        "call [r11 + {spilled}]",
        "test eax, eax",
        "jnz 2f",
        "mov rax, [rsp]",
        "movaps xmm0, [rsp + {vec}]",
        "leave",
        ".cfi_remember_state",
        ".cfi_def_cfa rsp, 8",
        "ret",
        ".cfi_restore_state",
        // The frame record of the stub is in the thread's window.
        "2: mov rax, [rbp]",
        "and rax, {window}",
        "mov rsp, [rax + {host_sp}]",
        "mov eax, 1",
        "jmp {leave}",
        ".cfi_endproc",
        frame = const size_of::<Regs>(),
        vec = const VEC,
        spilled = const offset_of!(HostEntries, spilled),
        window = const BLOCK_MASK,
        host_sp = const HOST_SP,
        leave = sym leave,
    )
}

/// What all other host stubs call, the stub's frame record at rbp, with r11 the
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
        ".cfi_def_cfa rbp, 0",
        "sub rsp, {frame}",
        "mov [rsp], rdi",
        "mov [rsp + 8], rsi",
        "mov [rsp + 16], rdx",
        "mov [rsp + 24], rcx",
        "mov [rsp + 32], r8",
        "mov [rsp + 40], r9",
        ".irp n, 0, 1, 2, 3, 4, 5, 6, 7",
        "movaps [rsp + {vec} + 16*\\n], xmm\\n",
        ".endr",
        "mov [rsp + {preserved}], rbx",
        "mov [rsp + {preserved} + 8], r12",
        "mov [rsp + {preserved} + 16], r13",
        "mov [rsp + {preserved} + 24], r14",
        "mov rax, rsp",
        "and rax, {window}",
        "mov [rax + {wasm_sp}], rbp",
        "mov [rax + {wasm_low}], rsp",
        "mov rdi, r15",
        "mov rsi, r11",
        "mov rdx, rsp",
        "lea rcx, [rbp + 16]",
        "mov rsp, [rax + {host_sp}]",
        // As in `host_call_direct`.
        ".cfi_remember_state",
        frame_of_enter!(),
        "call [r11 + {spilled}]",
        "test eax, eax",
        "jnz 2f",
        ".cfi_restore_state",
        // rbp has been preserved.
        "lea rsp, [rbp - {below}]",
        "mov rax, [rsp]",
        "mov rcx, [rsp + 8]",
        "mov rdx, [rsp + 16]",
        "mov rsi, [rsp + 24]",
        "mov rdi, [rsp + 32]",
        "mov r8, [rsp + 40]",
        "mov r9, [rsp + 48]",
        "mov r10, [rsp + 56]",
        ".irp n, 0, 1, 2, 3, 4, 5, 6, 7",
        "movaps xmm\\n, [rsp + {vec} + 16*\\n]",
        ".endr",
        "add rsp, {frame}",
        "ret",
        // rsp is again what `enter` left in `host_sp`.
        "2: mov eax, 1",
        "jmp {leave}",
        ".cfi_endproc",
        frame = const REGS_FRAME,
        below = const BELOW_RECORD,
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
