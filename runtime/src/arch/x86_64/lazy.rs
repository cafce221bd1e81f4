//! Binding of a function at its first call.
//!
//! A slot of `.got.plt` that is not bound holds the address of a stub of its
//! own ([`lazy_stub`]), which knows the number of the slot. The process's
//! `bind` answers where the function is; the call then goes on there as if
//! nothing had been in between.

use std::arch::naked_asm;

use wasmaot_abi::context::thread_block::{BIND, HOST_SP, WASM_LOW, WASM_SP};

use super::BLOCK_MASK;
use super::enter::{frame_of_enter, leave};

/// General registers that are kept: the parameters', rax, those that the
/// convention preserves (for whoever looks what is in use), and one to align.
const GENERAL: usize = 12 * 8;
/// All vector registers.
const VECTOR: usize = 16 * 16;
/// Bytes of the registers kept, a multiple of 16.
const SAVED: usize = GENERAL + VECTOR;

/// Code that the slot of this number leads to until it is bound; the same
/// wherever it stands.
///
/// The frame record comes first, so that a backtrace passes the stub wherever
/// it stops.
pub(crate) fn lazy_stub(number: u32) -> Vec<u8> {
    let mut code = vec![
        0x55, // push rbp
        0x48, 0x89, 0xe5, // mov rbp, rsp
        0x41, 0xbb, // mov r11d, number
    ];
    code.extend(number.to_le_bytes());
    code.extend([0x49, 0xba]); // mov r10, bind
    code.extend((bind as *const () as u64).to_le_bytes());
    code.extend([0x41, 0xff, 0xe2]); // jmp r10
    code
}

/// What the stubs jump to, a stub's frame record at rbp, with r11 the slot's
/// number: has the process's `bind` answer, on the host stack,
/// where the function is, undoes the frame and jumps there; or leaves wasm
/// code if the answer is 0.
///
/// Every register but r10 and r11, which the convention gives to whatever is
/// between caller and callee, is as it was; the stack arguments stay in place.
///
/// # Safety
/// To be jumped to by the code of [`lazy_stub`] alone.
#[unsafe(naked)]
unsafe extern "C" fn bind() {
    naked_asm!(
        ".cfi_startproc",
        ".cfi_def_cfa rbp, 16",
        ".cfi_offset rbp, -16",
        "sub rsp, {saved}",
        "mov [rsp], rdi",
        "mov [rsp + 8], rsi",
        "mov [rsp + 16], rdx",
        "mov [rsp + 24], rcx",
        "mov [rsp + 32], r8",
        "mov [rsp + 40], r9",
        "mov [rsp + 48], rax",
        "mov [rsp + 56], rbx",
        "mov [rsp + 64], r12",
        "mov [rsp + 72], r13",
        "mov [rsp + 80], r14",
        ".irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15",
        "movaps [rsp + {general} + 16*\\n], xmm\\n",
        ".endr",
        "mov rax, rsp",
        "and rax, {window}",
        "mov [rax + {wasm_sp}], rbp",
        "mov [rax + {wasm_low}], rsp",
        "mov rdi, r15",
        "mov esi, r11d",
        "mov rsp, [rax + {host_sp}]",
        // From here a native backtrace goes on with `enter`'s caller, as in
        // a host call.
        ".cfi_remember_state",
        frame_of_enter!(),
        "call [rax + {bind}]",
        "test rax, rax",
        "jz 2f",
        ".cfi_restore_state",
        "mov r11, rax",
        "lea rsp, [rbp - {saved}]",
        "mov rdi, [rsp]",
        "mov rsi, [rsp + 8]",
        "mov rdx, [rsp + 16]",
        "mov rcx, [rsp + 24]",
        "mov r8, [rsp + 32]",
        "mov r9, [rsp + 40]",
        "mov rax, [rsp + 48]",
        ".irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15",
        "movaps xmm\\n, [rsp + {general} + 16*\\n]",
        ".endr",
        "leave",
        "jmp r11",
        // rsp is again what `enter` left in `host_sp`.
        "2: mov eax, 1",
        "jmp {leave}",
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
