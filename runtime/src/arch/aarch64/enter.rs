//! Into wasm code, out of it, and from it to a host function.

use std::arch::naked_asm;
use std::mem::{MaybeUninit, offset_of};

use wasmaot_abi::context::thread_block::HOST_SP;
use wasmaot_abi::machine::aarch64::MACHINE;

use crate::arch::records;

/// The registers that arguments and results travel in, numbered as in
/// [`Layout`](wasmaot_abi::callconv::Layout): x2 to x7, for both.
///
/// What of the vector registers is there, the type of the function says.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub(crate) struct Regs {
    /// General registers.
    pub int: [u64; INTS],
    /// x8: where the return area is, if there is one.
    return_area: u64,
    /// Vector registers, all 16 bytes.
    pub vec: [MaybeUninit<u128>; MACHINE.calls.vec_results.len()],
}

const INTS: usize = MACHINE.calls.int_results.len();
const _: () = assert!(INTS == MACHINE.calls.int_args.len() && INTS == 6);

/// An entry into wasm code: what [`enter`] is given and gives back.
pub(crate) type Entry = records::Entry<Regs>;

impl Default for Regs {
    #[inline]
    fn default() -> Self {
        Self {
            int: Default::default(),
            return_area: 0,
            vec: [MaybeUninit::uninit(); MACHINE.calls.vec_results.len()],
        }
    }
}

impl Regs {
    /// Address of the return area, for a function that has one.
    #[inline]
    pub const fn return_area(&self) -> u64 {
        self.return_area
    }

    /// Says where it is.
    pub const fn set_return_area(&mut self, at: u64) {
        self.return_area = at;
    }
}

pub(super) const RETURN_AREA: usize = offset_of!(Regs, return_area);
pub(super) const VEC: usize = offset_of!(Regs, vec);

/// Bytes of the frame of [`enter`] on the host's stack: frame record, x19 to x28, and
/// the halves of v8 to v15 that C preserves.
const FRAME: usize = 160;

/// The unwind rules of code on the host stack that [`enter`] has left in `host_sp`:
/// what its frame is, seen from there.
macro_rules! frame_of_enter {
    () => {
        concat!(
            ".cfi_def_cfa sp, 160\n",
            ".cfi_offset x29, -160\n",
            ".cfi_offset x30, -152\n",
            ".cfi_offset x19, -144\n",
            ".cfi_offset x20, -136\n",
            ".cfi_offset x21, -128\n",
            ".cfi_offset x22, -120\n",
            ".cfi_offset x23, -112\n",
            ".cfi_offset x24, -104\n",
            ".cfi_offset x25, -96\n",
            ".cfi_offset x26, -88\n",
            ".cfi_offset x27, -80\n",
            ".cfi_offset x28, -72\n",
            ".cfi_offset d8, -64\n",
            ".cfi_offset d9, -56\n",
            ".cfi_offset d10, -48\n",
            ".cfi_offset d11, -40\n",
            ".cfi_offset d12, -32\n",
            ".cfi_offset d13, -24\n",
            ".cfi_offset d14, -16\n",
            ".cfi_offset d15, -8\n",
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
        // The order is that of `leave` and of the unwind rules of `frame_of_enter`.
        "stp x29, x30, [sp, -{frame}]!",
        "stp x19, x20, [sp, 16]",
        "stp x21, x22, [sp, 32]",
        "stp x23, x24, [sp, 48]",
        "stp x25, x26, [sp, 64]",
        "stp x27, x28, [sp, 80]",
        "stp d8, d9, [sp, 96]",
        "stp d10, d11, [sp, 112]",
        "stp d12, d13, [sp, 128]",
        "stp d14, d15, [sp, 144]",
        "mov x19, x0",
        "ldr x9, [x19, {head}]",
        "mov x10, sp",
        "str x10, [x9, {head_host_sp}]",
        "str x10, [x19, {host_sp}]",
        "ldr x21, [x19, {base}]",
        "ldr x10, [x19, {wasm_sp}]",
        // A function without a frame finds its thread by the stack pointer, which has to
        // be below the window's end for that: a call puts no return address there.
        "sub sp, x10, 16",
        // The stack arguments, the last two words first.
        "ldr x9, [x19, {stack_words}]",
        "ldr x10, [x19, {stack_args}]",
        "2: cbz x9, 3f",
        "sub x9, x9, 2",
        "add x11, x10, x9, lsl 3",
        "ldp x12, x13, [x11]",
        "stp x12, x13, [sp, -16]!",
        "b 2b",
        "3:",
        "ldp x2, x3, [x19]",
        "ldp x4, x5, [x19, 16]",
        "ldp x6, x7, [x19, 32]",
        "ldr x8, [x19, {return_area}]",
        "ldr x9, [x19, {vec_args}]",
        "cbnz x9, 4f",
        "2:",
        // A chain of frame records ends here.
        "mov x29, xzr",
        "ldr x16, [x19, {code}]",
        "blr x16",
        // x19 is preserved; the callee has popped its arguments.
        "stp x2, x3, [x19]",
        "stp x4, x5, [x19, 16]",
        "stp x6, x7, [x19, 32]",
        "ldr x9, [x19, {vec_results}]",
        "cbnz x9, 5f",
        "3:",
        "ldr x9, [x19, {host_sp}]",
        "mov sp, x9",
        "mov x0, xzr",
        "b {leave}",
        // Out of the way of those that have none.
        "4:",
        "ldp q0, q1, [x19, {vec}]",
        "ldp q2, q3, [x19, {vec} + 32]",
        "ldp q4, q5, [x19, {vec} + 64]",
        "ldp q6, q7, [x19, {vec} + 96]",
        "b 2b",
        "5:",
        "stp q0, q1, [x19, {vec}]",
        "stp q2, q3, [x19, {vec} + 32]",
        "stp q4, q5, [x19, {vec} + 64]",
        "stp q6, q7, [x19, {vec} + 96]",
        "b 3b",
        frame = const FRAME,
        head = const offset_of!(Entry, head),
        head_host_sp = const HOST_SP,
        host_sp = const offset_of!(Entry, host_sp),
        base = const offset_of!(Entry, base),
        wasm_sp = const offset_of!(Entry, wasm_sp),
        stack_words = const offset_of!(Entry, stack_words),
        stack_args = const offset_of!(Entry, stack_args),
        return_area = const RETURN_AREA,
        code = const offset_of!(Entry, code),
        vec = const VEC,
        vec_args = const offset_of!(Entry, vec_args),
        vec_results = const offset_of!(Entry, vec_results),
        leave = sym leave,
    )
}

/// The end of [`enter`], and the way out of it for code that does not return: with sp the
/// entry's `host_sp` and x0 the answer, returns to `enter`'s caller. Jumped to, never called.
///
/// # Safety
/// Abandons all frames since that `enter`: none of them may be a Rust function
/// that has something to undo.
#[unsafe(naked)]
pub(crate) unsafe extern "C" fn leave() {
    naked_asm!(
        "ldp x19, x20, [sp, 16]",
        "ldp x21, x22, [sp, 32]",
        "ldp x23, x24, [sp, 48]",
        "ldp x25, x26, [sp, 64]",
        "ldp x27, x28, [sp, 80]",
        "ldp d8, d9, [sp, 96]",
        "ldp d10, d11, [sp, 112]",
        "ldp d12, d13, [sp, 128]",
        "ldp d14, d15, [sp, 144]",
        "ldp x29, x30, [sp], {frame}",
        "ret",
        frame = const FRAME,
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
        "mov sp, x0",
        "mov x0, 1",
        "b {leave}",
        leave = sym leave,
    )
}
