//! Rows of a table of host functions: import module, name, Rust function.
//!
//! The wasm type follows from the Rust function. What the functions of a table
//! share, and how they see it, is a [`HostState`]; a table with one is a
//! [`HostLibrary`](super::HostLibrary).

use std::fmt;
use std::sync::Arc;

use wasmaot_abi::types::FuncType;

use super::{Caller, HostError, HostFunction, HostResult, WasmParam, WasmResults};

/// What the functions of a table share. Several threads may call them at once.
pub trait HostState: Send + Sync + 'static {
    /// What a function works on: its first parameter, by `&mut`.
    type Context<'a>;
    /// Makes it for one call.
    fn context<'a>(&'a self, caller: &'a mut Caller<'_>) -> Self::Context<'a>;
}

/// Nothing: the functions work on their caller.
impl HostState for () {
    type Context<'a> = Caller<'a>;

    fn context<'a>(&'a self, caller: &'a mut Caller<'_>) -> Caller<'a> {
        caller.reborrow()
    }
}

/// What a function of a table with the state `S` answers. A host says so of its
/// own types; of functions that share nothing it is any [`HostResult`].
pub trait HostAnswer<S> {
    /// The values.
    type Values: WasmResults;
    /// The values, or why there are none.
    ///
    /// # Errors
    /// The function's own.
    fn into_result(self) -> Result<Self::Values, HostError>;
}

impl<R: HostResult> HostAnswer<()> for R {
    type Values = R::Values;

    fn into_result(self) -> Result<Self::Values, HostError> {
        HostResult::into_result(self)
    }
}

/// A Rust function that can be in a table with the state `S`: of
/// [`HostState::Context`] and [`WasmParam`]s, up to eight, with a [`HostAnswer`].
pub trait HostTableFunc<S: HostState, P>: Copy + Send + Sync + 'static {
    /// Its wasm type.
    fn ty(self) -> FuncType;
    /// Makes the host function of a row.
    fn bind(self, state: &Arc<S>, entry: &HostEntry<S>) -> HostFunction;
}

macro_rules! table_func {
    ($($name:ident)*) => {
        #[allow(non_snake_case, reason = "a type's name names its value")]
        impl<S, Body, R, $($name),*> HostTableFunc<S, (R, $($name,)*)> for Body
        where
            S: HostState,
            Body: for<'a> Fn(&mut S::Context<'a>, $($name),*) -> R + Copy + Send + Sync + 'static,
            R: HostAnswer<S>,
            $($name: WasmParam,)*
        {
            fn ty(self) -> FuncType {
                #[allow(unused_mut, reason = "a function without parameters")]
                let mut params = Vec::new();
                $($name::types(&mut params);)*
                FuncType::new(params, R::Values::TYPES)
            }

            fn bind(self, state: &Arc<S>, entry: &HostEntry<S>) -> HostFunction {
                let state = Arc::clone(state);
                let function = move |caller: &mut Caller<'_>, $($name: $name),*| {
                    self(&mut state.context(caller), $($name),*).into_result()
                };
                HostFunction::wrap(entry.module, entry.name, function)
            }
        }
    };
}

crate::each_arity!(table_func);

/// A row of a table, as [`host_entry!`](crate::host_entry) makes it.
pub struct HostEntry<S> {
    pub(super) module: &'static str,
    pub(super) name: &'static str,
    ty: fn() -> FuncType,
    bind: fn(&Arc<S>, &Self) -> HostFunction,
    any_integers: bool,
}

impl<S: HostState> HostEntry<S> {
    /// A row of an import module, a name, and what says and makes the function.
    #[doc(hidden)]
    pub const fn new(
        module: &'static str,
        name: &'static str,
        ty: fn() -> FuncType,
        bind: fn(&Arc<S>, &Self) -> HostFunction,
    ) -> Self {
        Self {
            module,
            name,
            ty,
            bind,
            any_integers: false,
        }
    }

    /// As [`HostFunction::of_any_integers`].
    #[must_use]
    pub const fn of_any_integers(mut self) -> Self {
        self.any_integers = true;
        self
    }

    /// The function's type.
    pub(super) fn ty(&self) -> FuncType {
        (self.ty)()
    }

    /// The function.
    pub(super) fn make(&self, state: &Arc<S>) -> HostFunction {
        let function = (self.bind)(state, self);
        match self.any_integers {
            true => function.of_any_integers(),
            false => function,
        }
    }
}

impl<S> fmt::Debug for HostEntry<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HostEntry({}.{})", self.module, self.name)
    }
}

/// A row of a table: the type of the state, import module, name, function.
///
/// ```
/// use std::sync::atomic::{AtomicU32, Ordering};
/// use wasmaot_runtime::{
///     Caller, HostAnswer, HostEntry, HostError, HostLibrary, HostState, host_entry,
/// };
///
/// /// How often it was called.
/// struct Count(AtomicU32);
///
/// struct Call<'a> {
///     count: &'a Count,
///     memory: &'a mut [u8],
/// }
///
/// impl HostState for Count {
///     type Context<'a> = Call<'a>;
///
///     fn context<'a>(&'a self, caller: &'a mut Caller<'_>) -> Call<'a> {
///         Call { count: self, memory: caller.memory_mut() }
///     }
/// }
///
/// impl HostAnswer<Count> for Option<u8> {
///     type Values = u32;
///
///     fn into_result(self) -> Result<u32, HostError> {
///         Ok(self.map_or(u32::MAX, u32::from))
///     }
/// }
///
/// /// The byte at an address.
/// fn peek(call: &mut Call<'_>, at: u32) -> Option<u8> {
///     call.count.0.fetch_add(1, Ordering::Relaxed);
///     call.memory.get(at as usize).copied()
/// }
///
/// const TABLE: &[HostEntry<Count>] = &[host_entry!(Count, "env", "peek", peek)];
///
/// let library = HostLibrary::new(TABLE, || Count(AtomicU32::new(0)));
/// let function = library.iter().next().unwrap();
/// assert_eq!(function.ty().to_string(), "(i32) -> (i32)");
/// ```
#[macro_export]
macro_rules! host_entry {
    ($state:ty, $module:expr, $name:expr, $function:expr $(,)?) => {
        $crate::HostEntry::<$state>::new(
            $module,
            $name,
            || $crate::HostTableFunc::<$state, _>::ty($function),
            |state, entry| $crate::HostTableFunc::<$state, _>::bind($function, state, entry),
        )
    };
}

pub(crate) use host_entry;
