//! Pieces of code that the loader places between wasm functions and others.
//!
//! Each has a frame record (saved x29, return address) while it calls, so that
//! a backtrace passes it without unwind tables; `registers::unwind_stub` knows
//! the first and last instructions of [`host_stub`] and [`domain_thunk`].

use wasmaot_abi::builtin::Builtin;
use wasmaot_abi::callconv::Layout;
use wasmaot_abi::context::WINDOW;
use wasmaot_abi::context::thread_block::{HOST_SP, WASM_LOW, WASM_SP};
use wasmaot_abi::machine::aarch64::MACHINE;
use wasmaot_abi::types::FuncType;

use super::code::{Code, X16, X17, X21};
use super::host_call::{direct_ints, host_call, host_call_direct};

/// Code of a wasm function that calls a host function of a type.
///
/// `slot` is the address of the [`HostEntries`](super::HostEntries) that its slot begins with, which
/// must outlive the code. The code is the same wherever it stands.
pub(crate) fn host_stub(slot: u64, ty: &FuncType) -> Vec<u8> {
    let mut code = Code::with_frame_record();
    code.load(X17, slot);
    match direct_ints(ty) {
        Some(ints) => {
            let ints = ints as u32;
            // From x2 up, in the order in which none is overwritten too early.
            (0..ints).for_each(|n| code.mov(n, n + 2));
            code.mov(ints, X21);
            code.mov(ints + 1, X17);
            code.load(X16, host_call_direct as *const () as u64);
            code.br(X16);
        }
        None => {
            code.load(X16, host_call as *const () as u64);
            code.blr(X16);
            code.end(Layout::stack_args(&MACHINE.calls, ty));
        }
    }
    code.into_bytes()
}

/// Displacement from a thunk's frame pointer of the pinned register that it
/// restores.
pub(crate) const THUNK_SAVED_BASE: i64 = -16;

/// Code of a wasm function that calls the one at `target` with `base` in the
/// pinned register. `at` is where the code will stand, `stack_args` the bytes
/// of stack arguments.
///
/// Where that is the base already it is no more than a jump: so a tail call
/// within a domain, through a table that others share, needs no stack.
pub(crate) fn domain_thunk(at: u64, target: u64, base: u64, stack_args: u32) -> Vec<u8> {
    let mut code = Code::new();
    code.load(X17, base);
    code.put(0xeb11_02bf); // cmp x21, x17
    let mut jump = Code::new();
    jump.jump(at + code.len() + 4, target);
    let past = (4 + jump.len() as u32) / 4;
    code.put(0x5400_0001 | past << 5); // b.ne past the jump
    code.append(jump);
    code.frame_record();
    code.put(0xf81f_0ff5); // str x21, [sp, -16]!
    for at in (0..stack_args).step_by(16).rev() {
        copy_argument(&mut code, at);
    }
    code.mov(X21, X17);
    code.call(at, target);
    code.put(0xf85f_03b5); // ldur x21, [x29, -16]
    code.end(stack_args);
    code.into_bytes()
}

/// Pushes the 16 bytes of stack arguments at an offset, by way of a vector register
/// that no argument is in.
fn copy_argument(code: &mut Code, offset: u32) {
    let from_frame = 16 + offset;
    match from_frame / 16 {
        n @ 0..0x1000 => code.put(0x3dc0_03b0 | n << 10), // ldr q16, [x29, from_frame]
        _ => {
            code.load(X16, from_frame.into());
            code.put(0x3cf0_6bb0); // ldr q16, [x29, x16]
        }
    }
    code.put(0x3c9f_0ff0); // str q16, [sp, -16]!
}

/// Code of a C function that calls another one, at `target`, on the
/// host stack: for what must not run out of stack half-way. `params` is the
/// number of general parameters. Neither may enter wasm code.
pub(crate) fn builtin_stub(target: u64, params: u32) -> Vec<u8> {
    debug_assert!(params <= C_REGISTERS);
    let offset = |at: i32| (at as u32 / 8) << 10;
    let mut code = Code::with_frame_record();
    code.put(0x9100_03f0); // mov x16, sp
    code.put(AND_X16_BLOCK);
    // Where a backtrace begins if the function leaves wasm code.
    code.put(0xf900_021d | offset(WASM_SP)); // str x29, [x16, WASM_SP]
    // What is below is not in use while another thread looks.
    code.put(0xf900_021d | offset(WASM_LOW)); // str x29, [x16, WASM_LOW]
    code.put(0xf940_0210 | offset(HOST_SP)); // ldr x16, [x16, HOST_SP]
    code.put(0x9100_021f); // mov sp, x16
    code.load(X16, target);
    code.blr(X16);
    code.end(0);
    code.into_bytes()
}

/// `and x16, x16, BLOCK_MASK`: ones above the bits of a window, of which there are
/// one less than the field says, rotated to where they are.
const AND_X16_BLOCK: u32 = {
    let bits = WINDOW.trailing_zeros();
    0x9240_0210 | (64 - bits) << 16 | (63 - bits) << 10
};

/// General arguments that C has in registers: no built-in function has more.
const C_REGISTERS: u32 = 8;
const _: () = {
    let mut i = 0;
    while i < Builtin::ALL.len() {
        assert!(Builtin::ALL[i].params().len() <= C_REGISTERS as usize);
        i += 1;
    }
};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arch::aarch64::BLOCK_MASK;
    use std::arch::naked_asm;

    /// Checks a piece of code against what the assembler makes of it.
    fn compare(code: Vec<u8>, assembled: unsafe extern "C" fn()) {
        // SAFETY: as many bytes of the function and its end can be read.
        let expected = unsafe {
            std::slice::from_raw_parts(assembled as *const () as *const u8, code.len() + 4)
        };
        assert_eq!(code, expected[..code.len()]);
        assert_eq!(expected[code.len()..], [0; 4]);
    }

    #[unsafe(naked)]
    unsafe extern "C" fn thunk() {
        naked_asm!(
            "movz x17, 0x1000",
            "cmp x21, x17",
            "b.ne 2f",
            "b . + 0x1000",
            "2: stp x29, x30, [sp, -16]!",
            "mov x29, sp",
            "str x21, [sp, -16]!",
            "ldr q16, [x29, 32]",
            "str q16, [sp, -16]!",
            "ldr q16, [x29, 16]",
            "str q16, [sp, -16]!",
            "mov x21, x17",
            "bl . + 0x1000 - 36",
            "ldur x21, [x29, -16]",
            "mov sp, x29",
            "ldp x29, x30, [sp], 16",
            "add sp, sp, 32",
            "ret",
            "udf 0",
        )
    }

    #[unsafe(naked)]
    unsafe extern "C" fn builtin() {
        naked_asm!(
            "stp x29, x30, [sp, -16]!",
            "mov x29, sp",
            "mov x16, sp",
            "and x16, x16, {mask}",
            "str x29, [x16, {wasm_sp}]",
            "str x29, [x16, {wasm_low}]",
            "ldr x16, [x16, {host_sp}]",
            "mov sp, x16",
            "movz x16, 0x1234",
            "blr x16",
            "mov sp, x29",
            "ldp x29, x30, [sp], 16",
            "ret",
            "udf 0",
            mask = const BLOCK_MASK,
            wasm_sp = const WASM_SP,
            wasm_low = const WASM_LOW,
            host_sp = const HOST_SP,
        )
    }

    #[unsafe(naked)]
    unsafe extern "C" fn far_argument() {
        naked_asm!(
            "movz x16, 0",
            "movk x16, 1, lsl 16",
            "ldr q16, [x29, x16]",
            "str q16, [sp, -16]!",
            "udf 0",
        )
    }

    #[test]
    fn pieces_are_those_of_the_assembler() {
        compare(domain_thunk(0x2000, 0x300c, 0x1000, 32), thunk);
        compare(builtin_stub(0x1234, 7), builtin);
        let mut code = Code::new();
        copy_argument(&mut code, 0xfff0);
        compare(code.into_bytes(), far_argument);
    }
}
