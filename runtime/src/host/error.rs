//! How a host function ends other than by returning.

use std::any::Any;
use std::error::Error as StdError;
use std::fmt;

use wasmaot_abi::trap::TrapCode;

use crate::error::{CallError, DlError, Error};
use crate::trap::{self, Trap, TrapReason};

/// How a host function ends other than by returning.
///
/// `?` in a host function makes one of any error: traps and exits of wasm code
/// that the function has called are passed on as what they are, every other
/// error as [`HostError::Other`].
#[derive(Debug)]
#[non_exhaustive]
pub enum HostError {
    /// The program asked to end with this code.
    Exit(i32),
    /// The calling thread asked to end alone. Where that is the one of the embedder's
    /// call, the call ends when all others have ended.
    EndThread,
    /// Stop with a message; the runtime adds the backtrace.
    Message(String),
    /// A trap of wasm code that the function had called.
    Trap(Box<Trap>),
    /// An error of the function's own. Whoever called the wasm code gets it
    /// back by [`CallError::downcast_ref`].
    Other(Box<dyn StdError + Send + Sync>),
}

impl HostError {
    /// An error of a host function's own.
    pub fn new(error: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self::Other(error.into())
    }

    /// The trap of a call of what has no definition, which the text explains.
    pub(crate) fn unresolved(detail: String) -> Self {
        let mut trap = Trap::new(TrapReason::Code(TrapCode::UnresolvedSymbol));
        trap.detail = Some(detail);
        Self::Trap(Box::new(trap))
    }

    /// A trap of a function that the host has called.
    pub(crate) fn of(code: TrapCode) -> Self {
        Self::Trap(Box::new(Trap::new(TrapReason::Code(code))))
    }
}

impl fmt::Display for HostError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exit(code) => write!(f, "exit with code {code}"),
            Self::EndThread => f.write_str("end of the thread"),
            Self::Message(message) => f.write_str(message),
            Self::Trap(trap) => trap.fmt(f),
            Self::Other(error) => error.fmt(f),
        }
    }
}

/// An error as a value of another type, if it is of that type.
fn cast<E: 'static, T: 'static>(error: E) -> Result<T, E> {
    let mut error = Some(error);
    let taken = (&mut error as &mut dyn Any).downcast_mut::<Option<T>>();
    match taken.and_then(Option::take) {
        Some(value) => Ok(value),
        None => Err(error.expect("it was of another type")),
    }
}

/// The errors of the runtime itself say more than that there was one.
impl<E: StdError + Send + Sync + 'static> From<E> for HostError {
    fn from(error: E) -> Self {
        let error = match cast::<E, CallError>(error) {
            Ok(error) => return of_call(error),
            Err(error) => error,
        };
        let error = match cast::<E, Trap>(error) {
            Ok(trap) => return of_call(CallError::Trap(trap)),
            Err(error) => error,
        };
        let error = match cast::<E, DlError>(error) {
            Ok(DlError::Load(error)) => return of_load(error),
            Ok(error) => return Self::Other(Box::new(error)),
            Err(error) => error,
        };
        match cast::<E, Error>(error) {
            Ok(error) => of_load(error),
            Err(error) => Self::Other(Box::new(error)),
        }
    }
}

fn of_call(error: CallError) -> HostError {
    match error {
        CallError::Trap(Trap {
            reason: TrapReason::Exit(code),
            ..
        }) => HostError::Exit(code),
        CallError::Trap(Trap {
            reason: TrapReason::ThreadEnded,
            ..
        }) => HostError::EndThread,
        CallError::Trap(trap) => HostError::Trap(Box::new(trap)),
        other => HostError::Other(Box::new(other)),
    }
}

fn of_load(error: Error) -> HostError {
    match error {
        Error::Init { trap, .. } => of_call(CallError::Trap(*trap)),
        Error::Interrupted => trap::interrupted(),
        other => HostError::Other(Box::new(other)),
    }
}
