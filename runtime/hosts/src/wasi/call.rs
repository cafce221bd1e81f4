//! What a WASI function is given and what it answers, beyond numbers: the wasm
//! type of a function follows from these.

use wasmaot_runtime::{Caller, HostAnswer, HostError, HostState, wasm_param};

use super::state::State;
use crate::errno::Errno;
use crate::memory::{Memory, Span};

/// What a function works on.
pub(super) struct Call<'a> {
    pub(super) state: &'a State,
    pub(super) caller: Caller<'a>,
}

impl Call<'_> {
    /// The program's memory.
    pub(super) fn memory(&mut self) -> Memory<'_> {
        Memory(self.caller.view())
    }
}

impl HostState for State {
    type Context<'a> = Call<'a>;

    fn context<'a>(&'a self, caller: &'a mut Caller<'_>) -> Call<'a> {
        Call {
            state: self,
            caller: caller.reborrow(),
        }
    }
}

/// A path under a directory, a link at its end being what is meant.
#[derive(Clone, Copy)]
pub(super) struct PathArg {
    pub(super) fd: u32,
    pub(super) path: Span,
}

/// A path under a directory, with `lookupflags` for a link at its end.
#[derive(Clone, Copy)]
pub(super) struct LookupArg {
    pub(super) fd: u32,
    pub(super) flags: u32,
    pub(super) path: Span,
}

/// Rights of a descriptor, and of what is opened through it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Rights {
    pub(super) base: u64,
    pub(super) inheriting: u64,
}

/// Times to set, as `fstflags` say.
#[derive(Clone, Copy)]
pub(super) struct Times {
    pub(super) access: u64,
    pub(super) modification: u64,
    pub(super) flags: u32,
}

wasm_param!(PathArg {
    fd: u32,
    path: Span
});
wasm_param!(LookupArg {
    fd: u32,
    flags: u32,
    path: Span
});
wasm_param!(Rights {
    base: u64,
    inheriting: u64
});
wasm_param!(Times {
    access: u64,
    modification: u64,
    flags: u32
});

/// An error number or success: nearly every function.
impl HostAnswer<State> for Result<(), Errno> {
    type Values = u32;

    fn into_result(self) -> Result<u32, HostError> {
        let Errno(number) = self.err().unwrap_or(Errno::SUCCESS);
        Ok(number.into())
    }
}

/// A function that may end the program instead of answering.
impl HostAnswer<State> for Result<Result<(), Errno>, HostError> {
    type Values = u32;

    fn into_result(self) -> Result<u32, HostError> {
        self?.into_result()
    }
}

/// A function that never returns.
impl HostAnswer<State> for HostError {
    type Values = ();

    fn into_result(self) -> Result<(), HostError> {
        Err(self)
    }
}

/// A function that answers a number, or ends the program.
impl HostAnswer<State> for Result<i32, HostError> {
    type Values = i32;

    fn into_result(self) -> Self {
        self
    }
}
