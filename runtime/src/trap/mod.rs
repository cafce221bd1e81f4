//! Traps: from the hardware's fault to a named trap with a wasm backtrace.
//!
//! `call` runs wasm code until it returns or stops. A stop is recorded raw, by the
//! signal handler (`signal`) or by what carries out host calls, and takes the thread
//! back to `call` (`RawTrap`). Only then, on the host's stack and with the wasm
//! stack's content at hand, are the frames found (`unwind`) and named (`explain`).

mod call;
mod current;
mod exception;
mod explain;
mod lazy;
mod signal;
mod stopped;
#[cfg(test)]
mod tests;
mod unwind;
pub(crate) mod values;

pub use crate::backtrace::{Frame, HostCause, Source, Trap, TrapReason};
pub use crate::sys::interrupt::Interrupter;

pub(crate) use call::{Callee, RawReason, RawTrap, Site, ThreadSpace, call, enter};
pub(crate) use current::{
    current_space, give_if_for_threads, interrupt_requested, interrupted, leave_if_interrupted,
    leave_with, record_host_error, space_in,
};
pub(crate) use exception::{Exceptions, HeldExceptions, exception_new, unwind_address};
pub(crate) use explain::{CodeImage, CodeMap, explain};
pub(crate) use lazy::{bind_address, panic_text};
pub(crate) use stopped::Stopped;
pub(crate) use unwind::addresses;
pub(crate) use values::{Area, ArgWriter, Regs, ResultReader, Shape};
