//! Into wasm code, out of it, and from it to a host function.

use std::arch::naked_asm;
use std::mem::{MaybeUninit, offset_of};

use wasmaot_abi::context::thread_block::HOST_SP;
use wasmaot_abi::machine::x86_64::MACHINE;

use crate::arch::records;

/// The registers that arguments and results travel in, numbered as in
/// [`Layout`](wasmaot_abi::callconv::Layout): for arguments rdi, rsi, rdx, rcx,
/// r8, r9; for results rax, rcx, rdx, rsi, rdi, r8, r9, r10.
///
/// What of the vector registers is there, the type of the function says.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub(crate) struct Regs {
    /// General registers.
    pub int: [u64; MACHINE.calls.int_results.len()],
    /// Vector registers, all 16 bytes.
    pub vec: [MaybeUninit<u128>; MACHINE.calls.vec_results.len()],
}

/// An entry into wasm code: what [`enter`] is given and gives back.
pub(crate) type Entry = records::Entry<Regs>;

impl Default for Regs {
    #[inline]
    fn default() -> Self {
        Self {
            int: Default::default(),
            vec: [MaybeUninit::uninit(); MACHINE.calls.vec_results.len()],
        }
    }
}

impl Regs {
    /// Address of the return area, for a function that has one: the hidden first
    /// argument.
    #[inline]
    pub const fn return_area(&self) -> u64 {
        self.int[0]
    }

    /// Says where it is.
    pub const fn set_return_area(&mut self, at: u64) {
        self.int[0] = at;
    }
}

const VEC: usize = offset_of!(Regs, vec);
/// The unwind rules of code on the host stack that [`enter`] has left in `host_sp`:
/// what its frame is, seen from there.
macro_rules! frame_of_enter {
    () => {
        concat!(
            ".cfi_def_cfa rsp, 64\n",
            ".cfi_offset rbp, -16\n",
            ".cfi_offset rbx, -24\n",
            ".cfi_offset r12, -32\n",
            ".cfi_offset r13, -40\n",
            ".cfi_offset r14, -48\n",
            ".cfi_offset r15, -56\n",
        )
    };
}
pub(super) use frame_of_enter;

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
        // The order is that of `leave` and of the unwind rules of `frame_of_enter`.
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
        "cmp qword ptr [rbx + {vec_args}], 0",
        "jne 4f",
        "2:",
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
        "cmp qword ptr [rbx + {vec_results}], 0",
        "jne 6f",
        "3:",
        "mov rsp, [rbx + {host_sp}]",
        "xor eax, eax",
        "add rsp, 8",
        "pop r15",
        "pop r14",
        "pop r13",
        "pop r12",
        "pop rbx",
        "pop rbp",
        "ret",
        // Out of the way of those that have none.
        "4: cmp qword ptr [rbx + {vec_args}], 1",
        "jne 5f",
        ".irp n, 0, 1, 2, 3, 4, 5, 6, 7",
        "movsd xmm\\n, [rbx + {vec} + 16*\\n]",
        ".endr",
        "jmp 2b",
        "5:",
        ".irp n, 0, 1, 2, 3, 4, 5, 6, 7",
        "movaps xmm\\n, [rbx + {vec} + 16*\\n]",
        ".endr",
        "jmp 2b",
        "6:",
        ".irp n, 0, 1, 2, 3, 4, 5, 6, 7",
        "movaps [rbx + {vec} + 16*\\n], xmm\\n",
        ".endr",
        "jmp 3b",
        head = const offset_of!(Entry, head),
        head_host_sp = const HOST_SP,
        host_sp = const offset_of!(Entry, host_sp),
        base = const offset_of!(Entry, base),
        wasm_sp = const offset_of!(Entry, wasm_sp),
        stack_words = const offset_of!(Entry, stack_words),
        stack_args = const offset_of!(Entry, stack_args),
        code = const offset_of!(Entry, code),
        vec = const VEC,
        vec_args = const offset_of!(Entry, vec_args),
        vec_results = const offset_of!(Entry, vec_results),
    )
}

/// The way out of [`enter`] for code that does not return: with rsp the entry's `host_sp` and rax the answer,
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
