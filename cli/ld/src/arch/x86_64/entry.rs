//! Where the kernel enters the loader.

use std::arch::naked_asm;

use crate::arch::PROGRAM;

/// The entry point (`build.rs`), before the C library's own. Where the kernel says
/// at which address it has mapped an interpreter (`AT_BASE`), that is the loader,
/// and the auxiliary vector describes another program: then program headers and
/// entry become the loader's own. Nothing has been relocated yet, so no address is
/// taken from memory, which compiled code would do.
// SAFETY: the name is no other function's. The kernel leaves at the stack pointer:
// the number of arguments, so many pointers, null, the environment's, null, and the
// auxiliary vector, pairs of words up to one of 0. What the C library's entry finds
// is changed in that vector alone; `rdx` and the stack pointer are as they were. The
// pages that are touched are the loader's own data, from the linker's first symbol of
// them to its last.
#[unsafe(no_mangle)]
#[unsafe(naked)]
unsafe extern "C" fn wasmaot_ld_start() {
    naked_asm!(
        "mov rax, [rsp]",
        "lea rsi, [rsp + 8 * rax + 16]", // the environment
        "2:",
        "add rsi, 8",
        "cmp qword ptr [rsi - 8], 0",
        "jne 2b",
        "mov rdi, rsi", // the auxiliary vector
        "3:",
        "mov rax, [rdi]",
        "test rax, rax",
        "je 9f",
        "add rdi, 16",
        "cmp rax, 7", // AT_BASE
        "jne 3b",
        "mov rcx, [rdi - 8]", // the loader's header, if any
        "test rcx, rcx",
        "je 9f",
        "mov qword ptr [rdi - 8], 0",
        "4:",
        "mov rax, [rsi]",
        "mov rdi, [rsi + 8]",
        "test rax, rax",
        "je 9f",
        "cmp rax, 3", // AT_PHDR
        "jne 5f",
        "mov [rip + {program}], rdi",
        "mov rdi, [rcx + 32]", // e_phoff
        "add rdi, rcx",
        "5:",
        "cmp rax, 5", // AT_PHNUM
        "jne 6f",
        "mov [rip + {program} + 8], rdi",
        "movzx edi, word ptr [rcx + 56]", // e_phnum
        "6:",
        "cmp rax, 9", // AT_ENTRY
        "jne 7f",
        "mov rdi, [rcx + 24]", // e_entry
        "add rdi, rcx",
        "7:",
        "mov [rsi + 8], rdi",
        "add rsi, 16",
        "jmp 4b",
        "9:",
        // Have the kernel give the pages that are relocated next at once, not by a
        // fault for each; one that does not know how says so.
        "mov rbx, rdx",
        "lea rdi, [rip + __init_array_start]",
        "and rdi, -4096",
        "lea rsi, [rip + _edata]",
        "sub rsi, rdi",
        "mov edx, 23", // MADV_POPULATE_WRITE
        "mov eax, 28", // madvise
        "syscall",
        "mov rdx, rbx",
        "jmp _start",
        program = sym PROGRAM,
    )
}
