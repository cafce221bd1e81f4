//! How wasm code stopped, and where: what a user of the runtime is told.

mod fold;

use std::any::Any;
use std::error::Error;
use std::fmt;
use std::sync::Arc;

use wasmaot_abi::trap::TrapCode;

pub(crate) use fold::CYCLE;
use fold::Line;

/// Why wasm code stopped.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum TrapReason {
    /// One of WebAssembly's own.
    Code(TrapCode),
    /// A host function's message.
    Host(String),
    /// A host function's error.
    Error(HostCause),
    /// The program ended itself with this code; not an error.
    Exit(i32),
    /// Another thread ([`Trap::thread`]) has ended the program, with a trap or an exit
    /// that its own call has told.
    Ended,
    /// The thread ended itself, alone.
    ThreadEnded,
}

/// The error that a host function has returned
/// ([`HostError::Other`](crate::HostError::Other)).
#[derive(Clone)]
pub struct HostCause(Arc<BoxedError>);

type BoxedError = Box<dyn Error + Send + Sync>;

impl HostCause {
    pub(crate) fn new(error: BoxedError) -> Self {
        Self(Arc::new(error))
    }

    /// The error.
    pub fn error(&self) -> &(dyn Error + Send + Sync + 'static) {
        &**self.0
    }
}

impl fmt::Debug for HostCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
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
    /// Whether those are all of functions that are among the last before them.
    pub omitted_repeat: bool,
    /// The number of the thread that stopped, where it is another than the one that
    /// made the call.
    pub thread: Option<u32>,
    /// What a core dump needs of the thread, if that is kept.
    pub(crate) stopped: Option<Arc<dyn Any + Send + Sync>>,
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
    /// The same from the start of the code section's content: what DWARF, and
    /// tools that read it, take for an address.
    pub code_offset: Option<u32>,
    /// The place in the source, where the module carried DWARF.
    pub source: Option<Source>,
}

/// A place in a source file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// Path of the file, as the module's compiler had it.
    pub file: String,
    /// Line, from 1; 0 for code that no line stands for.
    pub line: u32,
    /// Column, from 1; 0 where it is not known.
    pub column: u32,
}

impl fmt::Display for Source {
    /// `file:line:column`, without what is not known.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        let numbers = [self.line, self.column];
        let mut known = numbers.iter().take_while(|&&number| number != 0);
        known.try_for_each(|number| write!(f, ":{number}"))
    }
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
            omitted_repeat: true,
            thread: None,
            stopped: None,
        }
    }

    /// The same stop, of another thread than the one that made the call.
    pub(crate) const fn in_thread(mut self, number: u32) -> Self {
        self.thread = Some(number);
        self
    }

    /// The error that a host function returned, if that is the reason.
    pub fn host_error(&self) -> Option<&(dyn Error + Send + Sync + 'static)> {
        match &self.reason {
            TrapReason::Error(cause) => Some(cause.error()),
            _ => None,
        }
    }

    /// The error that a host function returned, by value.
    ///
    /// # Errors
    /// This trap, if there is none of that type, or if a copy of the trap is
    /// somewhere else.
    pub fn downcast<E: Error + 'static>(mut self) -> Result<E, Self> {
        let cause = match &self.reason {
            TrapReason::Error(cause) if cause.error().is::<E>() => cause.clone(),
            _ => return Err(self),
        };
        // The other reference is `cause`'s.
        self.reason = TrapReason::Exit(0);
        let boxed = Arc::try_unwrap(cause.0).map_err(|shared| {
            self.reason = TrapReason::Error(HostCause(shared));
            self
        })?;
        match boxed.downcast() {
            Ok(error) => Ok(*error),
            Err(_) => unreachable!("the type has been looked at"),
        }
    }

    /// Adds frames that called the ones so far; `repeat` says of what is left
    /// out of them what [`Trap::omitted_repeat`] does.
    pub(crate) fn append(&mut self, frames: Vec<Frame>, omitted: usize, repeat: bool) {
        self.frames.extend(frames);
        self.omitted += omitted;
        self.omitted_repeat &= repeat;
        let surplus = self.frames.len().saturating_sub(2 * Self::KEPT);
        if surplus > 0 {
            let surplus: Vec<_> = self
                .frames
                .drain(Self::KEPT..Self::KEPT + surplus)
                .collect();
            let before = &self.frames[Self::KEPT - fold::CYCLE..Self::KEPT];
            let repeats = |frame: &Frame| before.iter().any(|b| fold::is_same(b, frame));
            self.omitted_repeat &= surplus.iter().all(repeats);
            self.omitted += surplus.len();
        }
    }
}

impl fmt::Display for Trap {
    /// The name, the detail, then one line for each frame: its number, object,
    /// function, offset from the start of the code section's content, and place in
    /// the source. What recursion repeats is one line.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.reason {
            TrapReason::Code(code) => write!(f, "wasm trap: {}", code.name())?,
            TrapReason::Host(message) => f.write_str(message)?,
            TrapReason::Error(cause) => write!(f, "{}", cause.error())?,
            TrapReason::Exit(code) => write!(f, "exit with code {code}")?,
            TrapReason::ThreadEnded => f.write_str("the thread has ended")?,
            TrapReason::Ended => f.write_str("the program has ended")?,
        }
        if let Some(detail) = &self.detail {
            write!(f, " ({detail})")?;
        }
        if let Some(number) = self.thread {
            write!(f, " in thread {number}")?;
        }
        for line in fold::lines(self) {
            match line {
                Line::Frame(number, frame) => write!(f, "\n  {number:>2}: {frame}")?,
                Line::More(count, cycle) if cycle.is_empty() => {
                    write!(f, "\n   … {count} more frames …")?;
                }
                Line::More(count, cycle) => {
                    let names: Vec<&str> = cycle.iter().map(|f| &*f.function).collect();
                    write!(f, "\n   … {count} more frames of {} …", names.join(", "))?;
                }
            }
        }
        Ok(())
    }
}

impl fmt::Display for Frame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}!{}", self.object, self.function)?;
        if let Some(offset) = self.code_offset {
            write!(f, " at {offset:#x}")?;
        }
        match &self.source {
            Some(source) => write!(f, " ({source})"),
            None => Ok(()),
        }
    }
}

impl Error for Trap {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.host_error().map(|error| error as _)
    }
}
