//! x86-64, System V.
//!
//! Three stacks meet here: the host's, on which Rust runs; the wasm stack of
//! the process; the signal stack. [`enter`] goes from the host's to the wasm
//! stack, host calls ([`host_stub`]) and the binding of functions
//! ([`lazy_stub`]) go back above what [`enter`] left there, and a fault or a failed
//! host call abandons the wasm stack through [`leave`](enter::leave). Whatever runs on
//! the wasm stack finds the block of its thread, and
//! in it where the host's stack is, by the stack pointer ([`BLOCK_MASK`]).

use std::ops::Range;

use wasmaot_abi::context::WINDOW;

mod branch;
mod core_note;
mod cpu;
mod enter;
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
pub(crate) use host_call::{direct_ints, spill};
pub(crate) use lazy::lazy_stub;
pub(crate) use registers::{
    DWARF_REGISTERS, Fault, FloatState, Opcode, RETURN_ADDRESS, Registers, unwind_frameless,
    unwind_stub,
};
pub(crate) use stubs::{THUNK_SAVED_BASE, builtin_stub, domain_thunk, host_stub};
pub(crate) use throw::throw;

pub(crate) use super::branches::x86_64::{branch_at, branch_field, branch_target, plt_slot};

/// The instruction that debuggers put where a program is to stop: `int3`.
pub(crate) const BREAKPOINT: [u8; 1] = [0xcc];

/// What has been written is what is executed, on this machine.
#[inline]
pub(crate) const fn flush_code(_: Range<u64>) {}

/// Whoever finds code finds what was written before that, on this machine.
#[inline]
pub(crate) const fn publish_code() {}

/// What of an address in a thread's window is the address of its block: an
/// immediate operand, which is extended by its sign.
const BLOCK_MASK: i32 = -(WINDOW as i32);
