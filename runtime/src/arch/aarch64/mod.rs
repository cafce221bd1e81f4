//! AArch64, Linux.
//!
//! Three stacks meet here, as in the model of the other machines: the host's, on which
//! Rust runs; the wasm stack of the process; the signal stack. [`enter`] goes from the
//! host's to the wasm stack, host calls ([`host_stub`]) and the binding of functions
//! ([`lazy_stub`]) go back below what [`enter`] left there, and a fault or a failed
//! host call abandons the wasm stack through [`leave`](enter::leave). Whatever runs on
//! the wasm stack finds the block of its thread, and in it where the host's stack is,
//! by the stack pointer ([`BLOCK_MASK`]).
//!
//! The `tail` convention has its arguments in other registers than C: the pieces of
//! code here move them. x16 and x17 are those that may change between a caller and a
//! callee; x18 is the platform's, and is not touched.

use wasmaot_abi::context::WINDOW;

mod branch;
mod code;
mod core_note;
mod cpu;
mod enter;
mod flush;
mod host_call;
mod lazy;
mod registers;
mod stubs;
mod throw;

pub(crate) use branch::{BRANCH_SIZE, jump};
pub(crate) use core_note::core_notes;
pub use cpu::host_cpu;
pub(crate) use cpu::missing_cpu;
pub(crate) use enter::{Entry, Regs, abandon, enter};
pub(crate) use flush::{flush_code, publish_code};
pub(crate) use host_call::{direct_ints, spill};
pub(crate) use lazy::lazy_stub;
pub(crate) use registers::{
    DWARF_REGISTERS, Fault, FloatState, Opcode, RETURN_ADDRESS, Registers, unwind_frameless,
    unwind_stub,
};
pub(crate) use stubs::{THUNK_SAVED_BASE, builtin_stub, domain_thunk, host_stub};
pub(crate) use throw::throw;

pub(crate) use super::branches::aarch64::{branch_at, branch_field, branch_target, plt_slot};

/// The instruction that debuggers put where a program is to stop: `brk #0`.
pub(crate) const BREAKPOINT: [u8; 4] = [0x00, 0x00, 0x20, 0xd4];

/// What of an address in a thread's window is the address of its block: an immediate
/// operand of `and`.
const BLOCK_MASK: i64 = -(WINDOW as i64);
