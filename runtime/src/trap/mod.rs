//! Traps: from the hardware's fault to a named trap with a wasm backtrace.
//!
//! [`call`] runs wasm code until it returns or stops. A stop is recorded raw,
//! by the signal handler (`signal`) or by the dispatch of a host call
//! (`dispatch`), and takes the thread back to `call` ([`RawTrap`]). Only then,
//! on the host's stack and with the wasm stack's content at hand, does
//! [`explain`] unwind (`unwind`) and name things (`explain`).

mod call;
mod dispatch;
mod exception;
mod explain;
mod interrupt;
mod lazy;
mod signal;
#[cfg(test)]
mod tests;
mod unwind;
mod values;

use std::fmt;

use wasmaot_abi::trap::TrapCode;

pub use interrupt::Interrupter;

pub(crate) use call::{
    RawReason, RawTrap, Space, call, interrupt_requested, interrupted, leave_if_interrupted,
};
pub(crate) use dispatch::dispatch_address;
pub(crate) use exception::{Exceptions, exception_new, unwind_address};
pub(crate) use explain::{CodeImage, CodeMap, explain};
pub(crate) use lazy::bind_address;

/// Why wasm code stopped.
#[derive(Clone, Debug)]
pub enum TrapReason {
    /// One of WebAssembly's own.
    Code(TrapCode),
    /// A host function's message.
    Host(String),
    /// The program ended itself with this code; not an error.
    Exit(i32),
}

/// A stop of wasm code, with where it was.
#[derive(Clone, Debug)]
pub struct Trap {
    /// Why.
    pub reason: TrapReason,
    /// What explains it further: the fault's address, the symbol.
    pub detail: Option<String>,
    /// Innermost frame first.
    pub frames: Vec<Frame>,
    /// How many frames are left out after the first [`Trap::KEPT`].
    pub omitted: usize,
}

/// A frame of a wasm backtrace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// Name of the object.
    pub object: String,
    /// Name of the function.
    pub function: String,
    /// Offset in the wasm module in bytes, where one is known.
    pub wasm_offset: Option<u32>,
}

impl Trap {
    /// As many of the innermost frames are kept, and of the outermost.
    pub const KEPT: usize = 50;

    /// A trap without detail and frames.
    pub const fn new(reason: TrapReason) -> Self {
        Self {
            reason,
            detail: None,
            frames: Vec::new(),
            omitted: 0,
        }
    }

    /// Adds frames that called the ones so far.
    pub(crate) fn append(&mut self, frames: Vec<Frame>, omitted: usize) {
        self.frames.extend(frames);
        self.omitted += omitted;
        let surplus = self.frames.len().saturating_sub(2 * Self::KEPT);
        if surplus > 0 {
            self.frames.drain(Self::KEPT..Self::KEPT + surplus);
            self.omitted += surplus;
        }
    }
}

impl fmt::Display for Trap {
    /// The name, the detail, then one line for each frame.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.reason {
            TrapReason::Code(code) => write!(f, "wasm trap: {}", code.name())?,
            TrapReason::Host(message) => f.write_str(message)?,
            TrapReason::Exit(code) => write!(f, "exit with code {code}")?,
        }
        if let Some(detail) = &self.detail {
            write!(f, " ({detail})")?;
        }
        for (i, frame) in self.frames.iter().enumerate() {
            let mut number = i;
            if self.omitted > 0 && i >= Self::KEPT {
                if i == Self::KEPT {
                    write!(f, "\n   … {} more frames …", self.omitted)?;
                }
                number += self.omitted;
            }
            write!(f, "\n  {number:>2}: {}!{}", frame.object, frame.function)?;
            if let Some(offset) = frame.wasm_offset {
                write!(f, " at {offset:#x}")?;
            }
        }
        Ok(())
    }
}

impl std::error::Error for Trap {}
