//! Functions that use a thread's own state, for each place where that could be. They are what the compiler emits for
//! one thread, instruction for instruction, but for how the state is reached.

use std::arch::global_asm;
use std::sync::atomic::AtomicU64;

/// Where the state is, from its anchor: the stack pointer, and where thread-local globals begin.
pub const STACK_POINTER: u64 = 40;
/// As [`STACK_POINTER`].
pub const GLOBALS: u64 = 4096;
/// The size and alignment of a window.
pub const WINDOW: u64 = 1 << 30;
/// Bytes before a memory view in which its thread's state is.
pub const BEFORE: u64 = 8192;

/// The slots of the offset table that thread-local globals are reached by: from the anchor, and from the memory.
#[unsafe(no_mangle)]
static WASMAOT_THREADS_OFFSET: AtomicU64 = AtomicU64::new(GLOBALS);
#[unsafe(no_mangle)]
static WASMAOT_THREADS_OFFSET_VIEW: AtomicU64 = AtomicU64::new((GLOBALS).wrapping_sub(BEFORE));
/// The global of a process with one thread.
#[unsafe(no_mangle)]
static WASMAOT_THREADS_GLOBAL: AtomicU64 = AtomicU64::new(0);

/// The functions of one place. `anchor` leaves an address in `%rsi`, the stack pointer is at the operand `sp` then;
/// `memory` leaves the memory's address in the register `base`; `global` leaves the address of a thread-local global
/// in `%rsi` and whatever else the operand `at` takes.
macro_rules! kernels {
    (
        $place:literal: anchor $anchor:literal, sp $sp:literal, memory $memory:literal, base $base:literal,
        global $global:literal, at $at:literal
    ) => {
        global_asm!(
            ".pushsection .text",
            concat!(".globl wasmaot_threads_loop_frame_", $place),
            concat!(".globl wasmaot_threads_loop_frame_call_", $place),
            concat!(".globl wasmaot_threads_loop_leaf_", $place),
            concat!(".globl wasmaot_threads_loop_global_", $place),
            // The shadow stack pointer is moved, a word is stored below and read: the load is folded.
            ".p2align 5",
            concat!("wasmaot_threads_frame_", $place, ":"),
            $anchor,
            concat!("mov ", $sp, ", %r8d"),
            "mov %r8, %r9",
            "sub $0x10, %r9d",
            concat!("mov %r9d, ", $sp),
            $memory,
            concat!("mov %edi, 0xc(", $base, ", %r9)"),
            concat!("mov %r8d, ", $sp),
            "lea 1(%rdi), %eax",
            "ret",
            // Called with the address of a word.
            ".p2align 5",
            concat!("wasmaot_threads_escape_", $place, ":"),
            "mov %r15, %rsi",
            "mov %edi, %edi",
            "addl $1, (%rsi, %rdi)",
            "ret",
            // A frame of which another function has the address of a word.
            ".p2align 5",
            concat!("wasmaot_threads_frame_call_", $place, ":"),
            "push %rbp",
            "mov %rsp, %rbp",
            "sub $0x10, %rsp",
            "mov %r12, (%rsp)",
            "mov %r13, 8(%rsp)",
            $anchor,
            concat!("mov ", $sp, ", %r12d"),
            "mov %r12, %r13",
            "sub $0x10, %r13d",
            concat!("mov %r13d, ", $sp),
            $memory,
            concat!("mov %edi, 0xc(", $base, ", %r13)"),
            "lea -4(%r12), %edi",
            concat!("call wasmaot_threads_escape_", $place),
            $anchor,
            $memory,
            concat!("mov 0xc(", $base, ", %r13), %eax"),
            concat!("mov %r12d, ", $sp),
            "mov (%rsp), %r12",
            "mov 8(%rsp), %r13",
            "add $0x10, %rsp",
            "mov %rbp, %rsp",
            "pop %rbp",
            "ret",
            // Reads a global.
            ".p2align 5",
            concat!("wasmaot_threads_leaf_", $place, ":"),
            $global,
            concat!("mov ", $at, ", %eax"),
            "ret",
            // Calls a function with a frame.
            ".p2align 5",
            concat!("wasmaot_threads_loop_frame_", $place, ":"),
            "push %rbp",
            "mov %rsp, %rbp",
            "sub $0x10, %rsp",
            "mov %r12, (%rsp)",
            "mov %rdi, %r12",
            "xor %edi, %edi",
            ".p2align 5",
            concat!("2: call wasmaot_threads_frame_", $place),
            "mov %r12, %rdi",
            "sub $1, %edi",
            "test %edi, %edi",
            "je 3f",
            "mov %rdi, %r12",
            "mov %rax, %rdi",
            "jmp 2b",
            "3: mov (%rsp), %r12",
            "add $0x10, %rsp",
            "mov %rbp, %rsp",
            "pop %rbp",
            "ret",
            ".p2align 5",
            concat!("wasmaot_threads_loop_frame_call_", $place, ":"),
            "push %rbp",
            "mov %rsp, %rbp",
            "sub $0x10, %rsp",
            "mov %r12, (%rsp)",
            "mov %rdi, %r12",
            "xor %edi, %edi",
            ".p2align 5",
            concat!("2: call wasmaot_threads_frame_call_", $place),
            "mov %r12, %rdi",
            "sub $1, %edi",
            "test %edi, %edi",
            "je 3f",
            "mov %rdi, %r12",
            "mov %rax, %rdi",
            "jmp 2b",
            "3: mov (%rsp), %r12",
            "add $0x10, %rsp",
            "mov %rbp, %rsp",
            "pop %rbp",
            "ret",
            // Calls a leaf that reads a global.
            ".p2align 5",
            concat!("wasmaot_threads_loop_leaf_", $place, ":"),
            "push %rbp",
            "mov %rsp, %rbp",
            "sub $0x10, %rsp",
            "mov %r12, (%rsp)",
            "mov %r13, 8(%rsp)",
            "mov %rdi, %r12",
            "xor %eax, %eax",
            "mov %rax, %r13",
            ".p2align 5",
            concat!("2: call wasmaot_threads_leaf_", $place),
            "mov %r12, %rdi",
            "sub $1, %edi",
            "mov %r13, %rcx",
            "add %eax, %ecx",
            "mov %rcx, %r13",
            "test %edi, %edi",
            "je 3f",
            "mov %rdi, %r12",
            "jmp 2b",
            "3: mov %r13, %rax",
            "mov (%rsp), %r12",
            "mov 8(%rsp), %r13",
            "add $0x10, %rsp",
            "mov %rbp, %rsp",
            "pop %rbp",
            "ret",
            // Sets a global to nothing and changes it in each round; its address is hoisted.
            ".p2align 5",
            concat!("wasmaot_threads_loop_global_", $place, ":"),
            $global,
            concat!("movl $0, ", $at),
            ".p2align 5",
            concat!("2: mov ", $at, ", %r8d"),
            "lea (%r8, %rdi), %eax",
            concat!("mov %eax, ", $at),
            "sub $1, %edi",
            "test %edi, %edi",
            "jne 2b",
            "ret",
            ".popsection",
            options(att_syntax)
        );
    };
}

kernels! {
    "context": anchor "mov %r15, %rsi", sp "-8(%rsi)", memory "", base "%rsi",
    global "lea WASMAOT_THREADS_GLOBAL(%rip), %rsi", at "(%rsi)"
}
kernels! {
    "window": anchor "mov %rsp, %rsi\nand $-0x40000000, %rsi", sp "40(%rsi)",
    memory "mov %r15, %r10", base "%r10",
    global "mov %rsp, %rsi\nand $-0x40000000, %rsi\nmov WASMAOT_THREADS_OFFSET(%rip), %rcx\nor %rcx, %rsi", at "(%rsi)"
}
kernels! {
    "indexed": anchor "mov %rsp, %rsi\nand $-0x40000000, %rsi", sp "40(%rsi)",
    memory "mov %r15, %r10", base "%r10",
    global "mov %rsp, %rsi\nand $-0x40000000, %rsi\nmov WASMAOT_THREADS_OFFSET(%rip), %rcx", at "(%rsi, %rcx)"
}
kernels! {
    "segment": anchor "", sp "%gs:40", memory "mov %r15, %r10", base "%r10",
    global "mov WASMAOT_THREADS_OFFSET(%rip), %rcx", at "%gs:(%rcx)"
}
kernels! {
    "view": anchor "mov %r15, %rsi", sp "40-8192(%rsi)", memory "", base "%rsi",
    global "mov %r15, %rsi\nmov WASMAOT_THREADS_OFFSET_VIEW(%rip), %rcx", at "(%rsi, %rcx)"
}

// `enter(function, n, memory, stack)` calls a kernel on a stack.
global_asm!(
    ".pushsection .text",
    ".globl wasmaot_threads_enter",
    "wasmaot_threads_enter:",
    "push %rbx",
    "push %rbp",
    "push %r12",
    "push %r13",
    "push %r14",
    "push %r15",
    "mov %rsp, %rbx",
    "mov %rdx, %r15",
    "mov %rcx, %rsp",
    "mov %rdi, %rax",
    "mov %esi, %edi",
    "call *%rax",
    "mov %rbx, %rsp",
    "pop %r15",
    "pop %r14",
    "pop %r13",
    "pop %r12",
    "pop %rbp",
    "pop %rbx",
    "ret",
    ".popsection",
    options(att_syntax)
);

/// A kernel: so many rounds, and what they came to.
pub type Kernel = unsafe extern "C" fn();

macro_rules! declare {
    ($($place:ident: $frame:literal $frame_call:literal $leaf:literal $global:literal;)*) => {
        $(mod $place {
            unsafe extern "C" {
                #[link_name = $frame]
                pub(super) fn frame();
                #[link_name = $frame_call]
                pub(super) fn frame_call();
                #[link_name = $leaf]
                pub(super) fn leaf();
                #[link_name = $global]
                pub(super) fn global();
            }
        })*
        /// The kernels of each place, in the order of [`WHAT`].
        pub const PLACES: &[[Kernel; 4]] =
            &[$([$place::frame, $place::frame_call, $place::leaf, $place::global]),*];
    };
}

declare! {
    context: "wasmaot_threads_loop_frame_context" "wasmaot_threads_loop_frame_call_context"
        "wasmaot_threads_loop_leaf_context" "wasmaot_threads_loop_global_context";
    window: "wasmaot_threads_loop_frame_window" "wasmaot_threads_loop_frame_call_window"
        "wasmaot_threads_loop_leaf_window" "wasmaot_threads_loop_global_window";
    indexed: "wasmaot_threads_loop_frame_indexed" "wasmaot_threads_loop_frame_call_indexed"
        "wasmaot_threads_loop_leaf_indexed" "wasmaot_threads_loop_global_indexed";
    segment: "wasmaot_threads_loop_frame_segment" "wasmaot_threads_loop_frame_call_segment"
        "wasmaot_threads_loop_leaf_segment" "wasmaot_threads_loop_global_segment";
    view: "wasmaot_threads_loop_frame_view" "wasmaot_threads_loop_frame_call_view"
        "wasmaot_threads_loop_leaf_view" "wasmaot_threads_loop_global_view";
}

/// What the kernels do.
pub const WHAT: [&str; 4] = [
    "function with a frame, called in a loop",
    "the same, its word changed by a function that it calls",
    "leaf that reads a global, called in a loop",
    "loop that changes a global each round",
];

unsafe extern "C" {
    /// Calls a kernel on a stack.
    ///
    /// # Safety
    ///
    /// The kernel must be of a place whose state `memory`, `stack` and `%gs` lead to, the stack writable below
    /// `stack`, and the memory have the page that the shadow stack pointer is in.
    #[link_name = "wasmaot_threads_enter"]
    pub fn enter(kernel: Kernel, n: u32, memory: *mut u8, stack: *mut u8) -> u32;
}
