//! Pieces of code that the loader places between wasm functions and others.
//!
//! Each has a frame record (saved rbp, return address) while it calls, so that
//! a backtrace passes it without unwind tables; `registers::stub_frame` knows
//! the first and last instructions of [`host_stub`] and [`domain_thunk`].

use wasmaot_abi::callconv::Layout;
use wasmaot_abi::context::thread_block::{HOST_SP, WASM_LOW, WASM_SP};
use wasmaot_abi::machine::x86_64::MACHINE;
use wasmaot_abi::types::FuncType;

use super::BLOCK_MASK;
use super::host_call::{direct_ints, host_call, host_call_direct};

// The displacements below are 8 bits wide.
const _: () = assert!(HOST_SP < 128 && WASM_LOW < 128 && WASM_SP < 128);

/// Code of a wasm function that calls a host function of a type.
///
/// `slot` is the address of the [`HostEntries`](super::HostEntries) that its slot begins with, which
/// must outlive the code. The code is the same wherever it stands.
pub(crate) fn host_stub(slot: u64, ty: &FuncType) -> Vec<u8> {
    let direct = direct_ints(ty);
    let host_call = match direct {
        Some(_) => host_call_direct as *const () as u64,
        None => host_call as *const () as u64,
    };
    let mut code = Code::with_frame_record();
    code.put(&[0x49, 0xbb]); // mov r11, slot
    code.put(&slot.to_le_bytes());
    code.put(&[0x49, 0xba]); // mov r10, host_call
    code.put(&host_call.to_le_bytes());
    match direct {
        Some(ints) => {
            code.put(FROM_R15[ints]);
            code.put(FROM_R11[ints + 1]);
            code.put(&[0x41, 0xff, 0xe2]); // jmp r10
        }
        None => {
            code.put(&[0x41, 0xff, 0xd2]); // call r10
            code.end(Layout::stack_args(&MACHINE.calls, ty));
        }
    }
    code.bytes
}

/// mov of r15 to each general argument register.
const FROM_R15: [&[u8]; 6] = [
    &[0x4c, 0x89, 0xff], // rdi
    &[0x4c, 0x89, 0xfe], // rsi
    &[0x4c, 0x89, 0xfa], // rdx
    &[0x4c, 0x89, 0xf9], // rcx
    &[0x4d, 0x89, 0xf8], // r8
    &[0x4d, 0x89, 0xf9], // r9
];

/// The same of r11.
const FROM_R11: [&[u8]; 6] = [
    &[0x4c, 0x89, 0xdf], // rdi
    &[0x4c, 0x89, 0xde], // rsi
    &[0x4c, 0x89, 0xda], // rdx
    &[0x4c, 0x89, 0xd9], // rcx
    &[0x4d, 0x89, 0xd8], // r8
    &[0x4d, 0x89, 0xd9], // r9
];

/// Displacement from a thunk's frame pointer of the pinned register that it
/// restores.
pub(crate) const THUNK_SAVED_BASE: i64 = -8;

/// Code of a wasm function that calls the one at `target` with `base` in the
/// pinned register. `at` is where the code will stand, `stack_args` the bytes
/// of stack arguments.
///
/// Where that is the base already it is no more than a jump: so a tail call
/// within a domain, through a table that others share, needs no stack.
pub(crate) fn domain_thunk(at: u64, target: u64, base: u64, stack_args: u32) -> Vec<u8> {
    let mut code = Code::new();
    code.put(&[0x49, 0xbb]); // mov r11, base
    code.put(&base.to_le_bytes());
    code.put(&[0x4d, 0x39, 0xdf]); // cmp r15, r11
    let jump = Code::jump(at + code.bytes.len() as u64 + 2, target);
    code.put(&[0x75, jump.len() as u8]); // jne past the jump
    code.put(&jump);
    code.put(FRAME_RECORD);
    code.put(&[0x41, 0x57]); // push r15
    code.put(&[0x6a, 0x00]); // push 0, to align
    for word in (0..stack_args / 8).rev() {
        code.put(&[0xff, 0xb5]); // push qword [rbp + 16 + 8 * word]
        code.put(&(16 + 8 * word).to_le_bytes());
    }
    code.put(&[0x4d, 0x89, 0xdf]); // mov r15, r11
    code.call(at, target);
    code.put(&[0x4c, 0x8b, 0x7d, 0xf8]); // mov r15, [rbp - 8]
    code.end(stack_args);
    code.bytes
}

/// Code of a System V function that calls another one, at `target`, on the
/// host stack: for what must not run out of stack half-way. `params` is the
/// number of general parameters. Neither may enter wasm code.
pub(crate) fn builtin_stub(target: u64, params: u32) -> Vec<u8> {
    let mut code = Code::with_frame_record();
    code.put(&[0x48, 0x89, 0xe0]); // mov rax, rsp
    code.put(&[0x48, 0x25]); // and rax, BLOCK_MASK
    code.put(&BLOCK_MASK.to_le_bytes());
    // Where a backtrace begins if the function leaves wasm code.
    code.put(&[0x48, 0x89, 0x68, WASM_SP as u8]); // mov [rax + WASM_SP], rbp
    // What is below is not in use while another thread looks.
    code.put(&[0x48, 0x89, 0x68, WASM_LOW as u8]); // mov [rax + WASM_LOW], rbp
    code.put(&[0x48, 0x8b, 0x60, HOST_SP as u8]); // mov rsp, [rax + HOST_SP]
    let on_stack = params.saturating_sub(6);
    if on_stack % 2 == 1 {
        code.put(&[0x6a, 0x00]); // push 0, to align
    }
    for word in (0..on_stack).rev() {
        code.put(&[0xff, 0xb5]); // push qword [rbp + 16 + 8 * word]
        code.put(&(16 + 8 * word).to_le_bytes());
    }
    code.put(&[0x49, 0xbb]); // mov r11, target
    code.put(&target.to_le_bytes());
    code.put(&[0x41, 0xff, 0xd3]); // call r11
    code.end(0);
    code.bytes
}

struct Code {
    bytes: Vec<u8>,
}

/// push rbp; mov rbp, rsp
const FRAME_RECORD: &[u8] = &[0x55, 0x48, 0x89, 0xe5];

impl Code {
    fn new() -> Self {
        /// More than most pieces have.
        const USUAL: usize = 64;
        Self {
            bytes: Vec::with_capacity(USUAL),
        }
    }

    fn with_frame_record() -> Self {
        let mut code = Self::new();
        code.put(FRAME_RECORD);
        code
    }

    fn put(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// A call, relative where the distance allows. `at` is where the whole
    /// piece of code will stand.
    fn call(&mut self, at: u64, target: u64) {
        let next = at.wrapping_add(self.bytes.len() as u64 + 5);
        if let Ok(distance) = i32::try_from(target.wrapping_sub(next) as i64) {
            self.put(&[0xe8]); // call target
            self.put(&distance.to_le_bytes());
        } else {
            self.put(&[0x49, 0xbb]); // mov r11, target
            self.put(&target.to_le_bytes());
            self.put(&[0x41, 0xff, 0xd3]); // call r11
        }
    }

    /// A jump as it reads at an address.
    fn jump(at: u64, target: u64) -> Vec<u8> {
        let next = at.wrapping_add(5);
        match i32::try_from(target.wrapping_sub(next) as i64) {
            Ok(distance) => [&[0xe9], &distance.to_le_bytes()[..]].concat(), // jmp target
            // mov r11, target; jmp r11
            Err(_) => [
                &[0x49, 0xbb],
                &target.to_le_bytes()[..],
                &[0x41, 0xff, 0xe3],
            ]
            .concat(),
        }
    }

    /// Undoes the frame and returns, popping the stack arguments.
    fn end(&mut self, stack_args: u32) {
        self.put(&[0xc9]); // leave
        match u16::try_from(stack_args) {
            Ok(0) => self.put(&[0xc3]), // ret
            Ok(bytes) => {
                self.put(&[0xc2]); // ret bytes
                self.put(&bytes.to_le_bytes());
            }
            // No wasm function has as many; a host function's type may.
            Err(_) => {
                self.put(&[0x41, 0x5b]); // pop r11
                self.put(&[0x48, 0x81, 0xc4]); // add rsp, bytes
                self.put(&stack_args.to_le_bytes());
                self.put(&[0x41, 0xff, 0xe3]); // jmp r11
            }
        }
    }
}
