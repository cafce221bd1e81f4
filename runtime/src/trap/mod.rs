//! Traps: from the hardware's fault to a named trap with a wasm backtrace.

use std::fmt;

use wasmaot_abi::trap::TrapCode;

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
            write!(f, "\n  {i:>2}: {}!{}", frame.object, frame.function)?;
            if let Some(offset) = frame.wasm_offset {
                write!(f, " at {offset:#x}")?;
            }
        }
        Ok(())
    }
}

impl std::error::Error for Trap {}
