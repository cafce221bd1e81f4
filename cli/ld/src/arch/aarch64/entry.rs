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
// is changed in that vector alone; x0 and the stack pointer are as they were. The
// pages that are touched are the loader's own data, from the linker's first symbol of
// them to its last.
#[unsafe(no_mangle)]
#[unsafe(naked)]
unsafe extern "C" fn wasmaot_ld_start() {
    naked_asm!(
        "ldr x1, [sp]",
        "add x1, sp, x1, lsl 3",
        "add x1, x1, 16", // the environment
        "2:",
        "ldr x2, [x1], 8",
        "cbnz x2, 2b",
        "mov x2, x1", // the auxiliary vector
        "3:",
        "ldr x3, [x2], 16",
        "cbz x3, 9f",
        "cmp x3, 7", // AT_BASE
        "b.ne 3b",
        "ldr x4, [x2, -8]", // the loader's header, if any
        "cbz x4, 9f",
        "str xzr, [x2, -8]",
        "adrp x5, {program}",
        "add x5, x5, :lo12:{program}",
        "4:",
        "ldp x3, x2, [x1]",
        "cbz x3, 9f",
        "cmp x3, 3", // AT_PHDR
        "b.ne 5f",
        "str x2, [x5]",
        "ldr x2, [x4, 32]", // e_phoff
        "add x2, x2, x4",
        "5:",
        "cmp x3, 5", // AT_PHNUM
        "b.ne 6f",
        "str x2, [x5, 8]",
        "ldrh w2, [x4, 56]", // e_phnum
        "6:",
        "cmp x3, 9", // AT_ENTRY
        "b.ne 7f",
        "ldr x2, [x4, 24]", // e_entry
        "add x2, x2, x4",
        "7:",
        "str x2, [x1, 8]",
        "add x1, x1, 16",
        "b 4b",
        "9:",
        // Have the kernel give the pages that are relocated next at once, not by a
        // fault for each; one that does not know how, or has larger pages, says so.
        "mov x9, x0",
        "adrp x0, __init_array_start",
        "adrp x1, _edata",
        "add x1, x1, :lo12:_edata",
        "sub x1, x1, x0",
        "mov x2, 23",  // MADV_POPULATE_WRITE
        "mov x8, 233", // madvise
        "svc 0",
        "mov x0, x9",
        "b _start",
        program = sym PROGRAM,
    )
}
