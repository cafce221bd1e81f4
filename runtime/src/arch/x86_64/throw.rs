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
        "push rbp",
        "mov rbp, rsp",
        "mov rax, rsp",
        "and rax, {window}",
        "mov rdx, rbp",
        // What is below is not in use while another thread looks.
        "mov [rax + {wasm_low}], rbp",
        "mov rsp, [rax + {host_sp}]",
        "sub rsp, {resume}",
        "mov rcx, rsp",
        "call [rax + {unwind}]",
        "test eax, eax",
        "jnz 2f",
        "mov rax, [rsp + {exception}]",
        "mov rbp, [rsp + {bp}]",
        "mov r15, [rsp + {base}]",
        "mov rcx, [rsp + {code}]",
        "mov rsp, [rsp + {sp}]",
        "jmp rcx",
        // rsp becomes what `enter` left in `host_sp`.
        "2: add rsp, {resume}",
        "mov eax, 1",
        "jmp {leave}",
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
