//! Into wasm code, out of it, and from it to a host function.

use std::arch::naked_asm;
use std::mem::offset_of;

use wasmaot_abi::context::offset;
use wasmaot_abi::context::thread_block::{DISPATCH, HOST_SP, WASM_SP};
use wasmaot_abi::machine::x86_64::MACHINE;

/// The registers that arguments and results travel in, numbered as in
/// [`Layout`](wasmaot_abi::callconv::Layout): for arguments rdi, rsi, rdx, rcx,
/// r8, r9; for results rax, rcx, rdx, rsi, rdi, r8, r9, r10.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Regs {
    /// General registers.
    pub int: [u64; MACHINE.calls.int_results.len()],
    /// Vector registers, all 16 bytes.
    pub vec: [u128; MACHINE.calls.vec_results.len()],
}

/// An entry into wasm code: what [`enter`] is given and gives back.
#[repr(C)]
#[derive(Debug)]
pub(crate) struct Entry {
    /// Arguments, then results.
    pub regs: Regs,
    /// Address of the function.
    pub code: u64,
    /// Value of the pinned register.
    pub base: u64,
    /// Top of the wasm stack to use, a multiple of 16.
    pub wasm_sp: u64,
    /// The stack arguments' words.
    pub stack_args: *const u64,
    /// Number of them, even.
    pub stack_words: u64,
    /// Address of the process's head, whose `host_sp` is set.
    pub head: u64,
    /// Set by [`enter`]: the host stack pointer that [`leave`] starts from.
    pub host_sp: u64,
}

const VEC: usize = offset_of!(Regs, vec);
/// Where a host call keeps the registers that the convention preserves, above
/// [`Regs`]: what they refer to can be found there while the host runs.
const PRESERVED: usize = size_of::<Regs>();
/// Bytes of both and what aligns them below a return address.
const REGS_FRAME: usize = PRESERVED + 4 * 8 + 8;
/// Bytes below the frame record of a host stub that a host call uses.
pub(super) const BELOW_RECORD: u64 = REGS_FRAME as u64 + 8;

/// Calls a wasm function. 0: it returned and the results stand in the entry;
/// else it was abandoned by way of [`leave`].
///
/// # Safety
/// The entry must describe code that keeps to the tail convention, a mapped
/// stack that nobody else uses, and a valid process head.
#[unsafe(naked)]
pub(crate) unsafe extern "C" fn enter(entry: *mut Entry) -> u64 {
    naked_asm!(
        "push rbp",
        "mov rbp, rsp",
        // The order is that of `leave` and of the unwind rules in `host_call`.
        "push rbx",
        "push r12",
        "push r13",
        "push r14",
        "push r15",
        "sub rsp, 8",
        "mov rbx, rdi",
        "mov rax, [rbx + {head}]",
        "mov [rax + {head_host_sp}], rsp",
        "mov [rbx + {host_sp}], rsp",
        "mov r15, [rbx + {base}]",
        "mov rsp, [rbx + {wasm_sp}]",
        // The stack arguments, last word first.
        "mov rcx, [rbx + {stack_words}]",
        "mov rsi, [rbx + {stack_args}]",
        "2: test rcx, rcx",
        "jz 3f",
        "push qword ptr [rsi + 8*rcx - 8]",
        "dec rcx",
        "jmp 2b",
        "3:",
        "mov rdi, [rbx]",
        "mov rsi, [rbx + 8]",
        "mov rdx, [rbx + 16]",
        "mov rcx, [rbx + 24]",
        "mov r8, [rbx + 32]",
        "mov r9, [rbx + 40]",
        "movaps xmm0, [rbx + {vec}]",
        "movaps xmm1, [rbx + {vec} + 16]",
        "movaps xmm2, [rbx + {vec} + 32]",
        "movaps xmm3, [rbx + {vec} + 48]",
        "movaps xmm4, [rbx + {vec} + 64]",
        "movaps xmm5, [rbx + {vec} + 80]",
        "movaps xmm6, [rbx + {vec} + 96]",
        "movaps xmm7, [rbx + {vec} + 112]",
        // A chain of frame records ends here.
        "xor ebp, ebp",
        "call [rbx + {code}]",
        // rbx is preserved; the callee has popped its arguments.
        "mov [rbx], rax",
        "mov [rbx + 8], rcx",
        "mov [rbx + 16], rdx",
        "mov [rbx + 24], rsi",
        "mov [rbx + 32], rdi",
        "mov [rbx + 40], r8",
        "mov [rbx + 48], r9",
        "mov [rbx + 56], r10",
        "movaps [rbx + {vec}], xmm0",
        "movaps [rbx + {vec} + 16], xmm1",
        "movaps [rbx + {vec} + 32], xmm2",
        "movaps [rbx + {vec} + 48], xmm3",
        "movaps [rbx + {vec} + 64], xmm4",
        "movaps [rbx + {vec} + 80], xmm5",
        "movaps [rbx + {vec} + 96], xmm6",
        "movaps [rbx + {vec} + 112], xmm7",
        "mov rsp, [rbx + {host_sp}]",
        "xor eax, eax",
        "jmp {leave}",
        head = const offset_of!(Entry, head),
        head_host_sp = const HOST_SP,
        host_sp = const offset_of!(Entry, host_sp),
        base = const offset_of!(Entry, base),
        wasm_sp = const offset_of!(Entry, wasm_sp),
        stack_words = const offset_of!(Entry, stack_words),
        stack_args = const offset_of!(Entry, stack_args),
        code = const offset_of!(Entry, code),
        vec = const VEC,
        leave = sym leave,
    )
}

/// The way out of [`enter`]: with rsp the entry's `host_sp` and rax the answer,
/// returns to `enter`'s caller. Jumped to, never called.
///
/// # Safety
/// Abandons all frames since that `enter`: none of them may be a Rust function
/// that has something to undo.
#[unsafe(naked)]
pub(crate) unsafe extern "C" fn leave() {
    naked_asm!(
        // What is abandoned may have been copying from the end.
        "cld",
        "add rsp, 8",
        "pop r15",
        "pop r14",
        "pop r13",
        "pop r12",
        "pop rbx",
        "pop rbp",
        "ret",
    )
}

/// Leaves wasm code by way of [`leave`], from a function on the host's stack
/// that compiled code has called, with what its [`enter`] has recorded.
///
/// # Safety
/// As for [`leave`]; `host_sp` must be the innermost entry's.
#[unsafe(naked)]
pub(crate) unsafe extern "C" fn abandon(host_sp: u64) -> ! {
    naked_asm!(
        "mov rsp, rdi",
        "mov eax, 1",
        "jmp {leave}",
        leave = sym leave,
    )
}

/// What every host stub calls, its own frame record at rbp, with r11 the host
/// function: carries out the call on the host stack by way of the process's
/// `dispatch`, and returns with the results in their registers, or leaves wasm
/// code if `dispatch` answers other than 0.
///
/// # Safety
/// To be called by the code of [`super::host_stub`] alone.
#[unsafe(naked)]
pub(crate) unsafe extern "C" fn host_call() {
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
        "movaps [rsp + {vec}], xmm0",
        "movaps [rsp + {vec} + 16], xmm1",
        "movaps [rsp + {vec} + 32], xmm2",
        "movaps [rsp + {vec} + 48], xmm3",
        "movaps [rsp + {vec} + 64], xmm4",
        "movaps [rsp + {vec} + 80], xmm5",
        "movaps [rsp + {vec} + 96], xmm6",
        "movaps [rsp + {vec} + 112], xmm7",
        "mov [rsp + {preserved}], rbx",
        "mov [rsp + {preserved} + 8], r12",
        "mov [rsp + {preserved} + 16], r13",
        "mov [rsp + {preserved} + 24], r14",
        "mov rax, [r15 + {thread}]",
        "mov [rax + {wasm_sp}], rbp",
        "mov rdi, r15",
        "mov rsi, r11",
        "mov rdx, rsp",
        "lea rcx, [rbp + 16]",
        "mov rsp, [rax + {host_sp}]",
        // From here a native backtrace goes on with `enter`'s caller: a panic
        // in a host function then shows who called wasm.
        ".cfi_remember_state",
        ".cfi_def_cfa rsp, 64",
        ".cfi_offset rbp, -16",
        ".cfi_offset rbx, -24",
        ".cfi_offset r12, -32",
        ".cfi_offset r13, -40",
        ".cfi_offset r14, -48",
        ".cfi_offset r15, -56",
        "call [rax + {dispatch}]",
        "test eax, eax",
        "jnz 2f",
        ".cfi_restore_state",
        // dispatch has preserved rbp.
        "lea rsp, [rbp - {below}]",
        "mov rax, [rsp]",
        "mov rcx, [rsp + 8]",
        "mov rdx, [rsp + 16]",
        "mov rsi, [rsp + 24]",
        "mov rdi, [rsp + 32]",
        "mov r8, [rsp + 40]",
        "mov r9, [rsp + 48]",
        "mov r10, [rsp + 56]",
        "movaps xmm0, [rsp + {vec}]",
        "movaps xmm1, [rsp + {vec} + 16]",
        "movaps xmm2, [rsp + {vec} + 32]",
        "movaps xmm3, [rsp + {vec} + 48]",
        "movaps xmm4, [rsp + {vec} + 64]",
        "movaps xmm5, [rsp + {vec} + 80]",
        "movaps xmm6, [rsp + {vec} + 96]",
        "movaps xmm7, [rsp + {vec} + 112]",
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
        thread = const offset::THREAD,
        wasm_sp = const WASM_SP,
        host_sp = const HOST_SP,
        dispatch = const DISPATCH,
        leave = sym leave,
    )
}
