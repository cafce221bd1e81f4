//! Traps: from the hardware's fault to a named trap with a wasm backtrace.
//!
//! `call` runs wasm code until it returns or stops. A stop is recorded raw,
//! by the signal handler (`signal`) or by the dispatch of a host call
//! (`dispatch`), and takes the thread back to `call` (`RawTrap`). Only then,
//! on the host's stack and with the wasm stack's content at hand, does
//! `explain` unwind (`unwind`) and name things (`explain`).

mod call;
mod dispatch;
mod exception;
mod explain;
mod lazy;
mod signal;
#[cfg(test)]
mod tests;
mod unwind;
mod values;

pub use crate::backtrace::{Frame, HostCause, Source, Trap, TrapReason};
pub use crate::sys::interrupt::Interrupter;

pub(crate) use call::{
    RawReason, RawTrap, Space, call, interrupt_requested, interrupted, leave_if_interrupted,
};
pub(crate) use dispatch::dispatch_address;
pub(crate) use exception::{Exceptions, exception_new, unwind_address};
pub(crate) use explain::{CodeImage, CodeMap, explain};
pub(crate) use lazy::bind_address;
