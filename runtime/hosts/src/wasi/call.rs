//! From a Rust function to a host function: its wasm type follows from the
//! types of its parameters, so that table and code cannot disagree.

use std::sync::Arc;

use wasmaot_abi::types::{FuncType, ValType};

use super::state::State;
use crate::errno::Errno;
use crate::memory::{Memory, Span};
use wasmaot_runtime::Val;
use wasmaot_runtime::{Caller, HostError, HostFunction};

/// Import module of all functions.
pub(super) const MODULE: &str = "wasi_snapshot_preview1";

/// What a function works on.
pub(super) struct Call<'a> {
    pub(super) state: &'a State,
    pub(super) memory: Memory<'a>,
}

/// A parameter: one wasm value, or several that belong together.
pub(super) trait Param: Sized {
    /// Adds the wasm types.
    fn types(list: &mut Vec<ValType>);
    /// Takes the value, unless the arguments have other types.
    fn take(args: &mut std::slice::Iter<'_, Val>) -> Option<Self>;
}

impl Param for u32 {
    fn types(list: &mut Vec<ValType>) {
        list.push(ValType::I32);
    }

    fn take(args: &mut std::slice::Iter<'_, Val>) -> Option<Self> {
        match args.next() {
            Some(Val::I32(value)) => Some(value.cast_unsigned()),
            _ => None,
        }
    }
}

impl Param for u64 {
    fn types(list: &mut Vec<ValType>) {
        list.push(ValType::I64);
    }

    fn take(args: &mut std::slice::Iter<'_, Val>) -> Option<Self> {
        match args.next() {
            Some(Val::I64(value)) => Some(value.cast_unsigned()),
            _ => None,
        }
    }
}

/// Several parameters as one: fields in the order of the arguments.
macro_rules! param {
    ($name:ident { $($field:ident: $ty:ty),* }) => {
        impl Param for $name {
            fn types(list: &mut Vec<ValType>) {
                $(<$ty>::types(list);)*
            }

            fn take(args: &mut std::slice::Iter<'_, Val>) -> Option<Self> {
                Some(Self { $($field: <$ty>::take(args)?),* })
            }
        }
    };
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

param!(Span { ptr: u32, len: u32 });
param!(PathArg {
    fd: u32,
    path: Span
});
param!(LookupArg {
    fd: u32,
    flags: u32,
    path: Span
});
param!(Rights {
    base: u64,
    inheriting: u64
});
param!(Times {
    access: u64,
    modification: u64,
    flags: u32
});

/// What a function answers.
pub(super) trait Outcome {
    /// The wasm results.
    const RESULTS: &'static [ValType];
    /// Hands the answer over.
    fn finish(self, results: &mut [Val]) -> Result<(), HostError>;
}

/// An error number or success: nearly every function.
impl Outcome for Result<(), Errno> {
    const RESULTS: &'static [ValType] = &[ValType::I32];

    fn finish(self, results: &mut [Val]) -> Result<(), HostError> {
        let Errno(number) = self.err().unwrap_or(Errno::SUCCESS);
        let [result] = results else {
            return Err(mismatch());
        };
        *result = Val::I32(number.into());
        Ok(())
    }
}

/// A function that may end the program instead of answering.
impl Outcome for Result<Result<(), Errno>, HostError> {
    const RESULTS: &'static [ValType] = &[ValType::I32];

    fn finish(self, results: &mut [Val]) -> Result<(), HostError> {
        self?.finish(results)
    }
}

/// A function that never returns.
impl Outcome for HostError {
    const RESULTS: &'static [ValType] = &[];

    fn finish(self, _: &mut [Val]) -> Result<(), HostError> {
        Err(self)
    }
}

/// A Rust function with parameters `P`.
pub(super) trait Handler<P>: Send + Sync + 'static {
    /// Its wasm type.
    fn ty() -> FuncType;
    /// Calls it.
    fn call(&self, cx: &mut Call<'_>, args: &[Val], results: &mut [Val]) -> Result<(), HostError>;
}

macro_rules! handler {
    ($($name:ident: $param:ident),*) => {
        impl<F, R, $($param),*> Handler<(R, $($param),*)> for F
        where
            F: Fn(&mut Call<'_>, $($param),*) -> R + Send + Sync + 'static,
            R: Outcome,
            $($param: Param,)*
        {
            fn ty() -> FuncType {
                #[allow(unused_mut, reason = "a function without parameters")]
                let mut params = Vec::new();
                $($param::types(&mut params);)*
                FuncType::new(params, R::RESULTS)
            }

            fn call(
                &self,
                cx: &mut Call<'_>,
                args: &[Val],
                results: &mut [Val],
            ) -> Result<(), HostError> {
                let mut args = args.iter();
                $(let $name = $param::take(&mut args).ok_or_else(mismatch)?;)*
                if args.next().is_some() {
                    return Err(mismatch());
                }
                self(cx, $($name),*).finish(results)
            }
        }
    };
}

handler!();
handler!(a: A);
handler!(a: A, b: B);
handler!(a: A, b: B, c: C);
handler!(a: A, b: B, c: C, d: D);
handler!(a: A, b: B, c: C, d: D, e: E);

fn mismatch() -> HostError {
    HostError::Message(format!(
        "{MODULE}: called with values of other types than the function's; recompile the module"
    ))
}

/// The wasm type of a Rust function.
pub(super) fn type_of<P, F: Handler<P>>(_: &F) -> FuncType {
    F::ty()
}

/// Makes a host function of a Rust function.
pub(super) fn host<P, F: Handler<P>>(state: &Arc<State>, name: &str, handler: F) -> HostFunction {
    let state = Arc::clone(state);
    let body = move |caller: &mut Caller<'_>, args: &[Val], results: &mut [Val]| {
        let mut cx = Call {
            state: &state,
            memory: Memory(caller.memory_mut()),
        };
        handler.call(&mut cx, args, results)
    };
    HostFunction::new(MODULE, name, F::ty(), body)
}
