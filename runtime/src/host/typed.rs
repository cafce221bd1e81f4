//! Rust types for wasm values, so that signatures of host functions and calls
//! follow from Rust code.

use std::slice;

use wasmaot_abi::types::{FuncType, ValType};

use super::{Caller, HostError, HostFunction};
use crate::value::Val;

mod sealed {
    pub trait Sealed {}
}

/// A Rust type of the values of a wasm type: the integers of 32 and 64 bits,
/// signed and unsigned, `f32`, `f64`, and `u128` for vectors.
pub trait WasmTy: Copy + Send + Sync + sealed::Sealed + 'static {
    /// The wasm type.
    const TYPE: ValType;
    /// As a wasm value.
    fn into_val(self) -> Val;
    /// Of a wasm value, if it is of the type.
    fn from_val(val: Val) -> Option<Self>;
}

macro_rules! wasm_ty {
    ($($rust:ty: $wasm:ident, $from:expr, $into:expr;)*) => {$(
        impl sealed::Sealed for $rust {}

        impl WasmTy for $rust {
            const TYPE: ValType = ValType::$wasm;

            #[inline]
            fn into_val(self) -> Val {
                Val::$wasm($into(self))
            }

            #[inline]
            fn from_val(val: Val) -> Option<Self> {
                match val {
                    Val::$wasm(value) => Some($from(value)),
                    _ => None,
                }
            }
        }
    )*};
}

wasm_ty! {
    i32: I32, |v| v, |v| v;
    u32: I32, i32::cast_unsigned, u32::cast_signed;
    i64: I64, |v| v, |v| v;
    u64: I64, i64::cast_unsigned, u64::cast_signed;
    f32: F32, f32::from_bits, f32::to_bits;
    f64: F64, f64::from_bits, f64::to_bits;
    u128: V128, |v| v, |v| v;
}

/// The arguments of a call of a host function, one after the other.
#[derive(Debug)]
pub struct Args<'a>(slice::Iter<'a, Val>);

impl Args<'_> {
    /// The next one, if it is of the type.
    #[inline]
    pub fn next<T: WasmTy>(&mut self) -> Option<T> {
        self.0.next().and_then(|&val| T::from_val(val))
    }
}

/// A parameter of a host function: a [`WasmTy`], or several that belong
/// together, as [`wasm_param!`](crate::wasm_param) makes one.
pub trait WasmParam: Sized {
    /// Adds the wasm types.
    fn types(list: &mut Vec<ValType>);
    /// Takes the value, if the arguments are of the types.
    fn take(args: &mut Args<'_>) -> Option<Self>;
}

impl<T: WasmTy> WasmParam for T {
    fn types(list: &mut Vec<ValType>) {
        list.push(T::TYPE);
    }

    #[inline]
    fn take(args: &mut Args<'_>) -> Option<Self> {
        args.next()
    }
}

/// As many parameters in a row.
impl<T: WasmTy, const N: usize> WasmParam for [T; N] {
    fn types(list: &mut Vec<ValType>) {
        list.extend([T::TYPE; N]);
    }

    fn take(args: &mut Args<'_>) -> Option<Self> {
        let mut all = [None; N];
        for arg in &mut all {
            *arg = args.next();
        }
        all.iter()
            .all(Option::is_some)
            .then(|| all.map(|arg| arg.expect("all are there")))
    }
}

/// Makes a struct a [`WasmParam`]: its fields are parameters in that order.
///
/// ```
/// use wasmaot_runtime::wasm_param;
///
/// /// Bytes of the program's memory.
/// struct Span {
///     at: u32,
///     len: u32,
/// }
///
/// wasm_param!(Span { at: u32, len: u32 });
/// ```
#[macro_export]
macro_rules! wasm_param {
    ($name:ident { $($field:ident: $ty:ty),* $(,)? }) => {
        impl $crate::WasmParam for $name {
            fn types(list: &mut ::std::vec::Vec<$crate::ValType>) {
                $(<$ty as $crate::WasmParam>::types(list);)*
            }

            #[inline]
            fn take(args: &mut $crate::Args<'_>) -> ::std::option::Option<Self> {
                ::std::option::Option::Some(Self {
                    $($field: <$ty as $crate::WasmParam>::take(args)?),*
                })
            }
        }
    };
}

/// The parameters of a call from the host: `()`, one [`WasmTy`], or a tuple of
/// up to eight.
pub trait WasmParams: sealed::Sealed {
    /// The wasm types in order.
    fn types() -> Vec<ValType>;
    /// As wasm values.
    #[doc(hidden)]
    fn into_vals(self) -> Vec<Val>;
}

/// The results of a call in either direction: `()`, one [`WasmTy`], or a tuple
/// of up to eight.
pub trait WasmResults: Sized + sealed::Sealed {
    /// The wasm types in order.
    fn types() -> Vec<ValType>;
    /// Of wasm values, if they are as many and of the types.
    #[doc(hidden)]
    fn from_vals(vals: &[Val]) -> Option<Self>;
    /// As wasm values, if there is room for as many.
    #[doc(hidden)]
    fn put(self, vals: &mut [Val]) -> Option<()>;
}

impl<T: WasmTy> WasmParams for T {
    fn types() -> Vec<ValType> {
        vec![T::TYPE]
    }

    fn into_vals(self) -> Vec<Val> {
        vec![self.into_val()]
    }
}

impl<T: WasmTy> WasmResults for T {
    fn types() -> Vec<ValType> {
        vec![T::TYPE]
    }

    fn from_vals(vals: &[Val]) -> Option<Self> {
        match vals {
            &[val] => T::from_val(val),
            _ => None,
        }
    }

    fn put(self, vals: &mut [Val]) -> Option<()> {
        let [val] = vals else { return None };
        *val = self.into_val();
        Some(())
    }
}

/// What a Rust function answers that is a host function: [`WasmResults`], or a
/// `Result` of these.
pub trait HostResult {
    /// The values.
    type Values: WasmResults;
    /// The values, or why there are none.
    ///
    /// # Errors
    /// The function's own.
    fn into_result(self) -> Result<Self::Values, HostError>;
}

impl<T: WasmResults> HostResult for T {
    type Values = T;

    #[inline]
    fn into_result(self) -> Result<T, HostError> {
        Ok(self)
    }
}

impl<T: WasmResults, E: Into<HostError>> HostResult for Result<T, E> {
    type Values = T;

    #[inline]
    fn into_result(self) -> Result<T, HostError> {
        self.map_err(Into::into)
    }
}

/// A Rust function that can be a host function: of the caller and
/// [`WasmParam`]s, up to eight, with a [`HostResult`].
pub trait IntoHostFunc<P>: Send + Sync + 'static {
    /// Its wasm type.
    fn ty() -> FuncType;
    /// Calls it with wasm values.
    ///
    /// # Errors
    /// The function's own; values of other types than [`IntoHostFunc::ty`] says.
    #[doc(hidden)]
    fn call(
        &self,
        caller: &mut Caller<'_>,
        args: &[Val],
        results: &mut [Val],
    ) -> Result<(), HostError>;
}

fn other_types() -> HostError {
    HostError::Message("called with values of other types".to_owned())
}

macro_rules! tuples {
    ($($name:ident)*) => {
        impl<$($name: WasmTy),*> sealed::Sealed for ($($name,)*) {}

        #[allow(non_snake_case, reason = "a type's name names its value")]
        impl<$($name: WasmTy),*> WasmParams for ($($name,)*) {
            fn types() -> Vec<ValType> {
                vec![$($name::TYPE),*]
            }

            fn into_vals(self) -> Vec<Val> {
                let ($($name,)*) = self;
                vec![$($name.into_val()),*]
            }
        }

        #[allow(non_snake_case, reason = "a type's name names its value")]
        impl<$($name: WasmTy),*> WasmResults for ($($name,)*) {
            fn types() -> Vec<ValType> {
                vec![$($name::TYPE),*]
            }

            fn from_vals(vals: &[Val]) -> Option<Self> {
                let &[$($name),*] = vals else { return None };
                Some(($($name::from_val($name)?,)*))
            }

            fn put(self, vals: &mut [Val]) -> Option<()> {
                let ($($name,)*) = self;
                let values = [$($name.into_val()),*];
                (vals.len() == values.len()).then(|| vals.copy_from_slice(&values))
            }
        }

        #[allow(non_snake_case, reason = "a type's name names its value")]
        impl<Body, R, $($name),*> IntoHostFunc<(R, $($name,)*)> for Body
        where
            Body: Fn(&mut Caller<'_>, $($name),*) -> R + Send + Sync + 'static,
            R: HostResult,
            $($name: WasmParam,)*
        {
            fn ty() -> FuncType {
                #[allow(unused_mut, reason = "a function without parameters")]
                let mut params = Vec::new();
                $($name::types(&mut params);)*
                FuncType::new(params, R::Values::types())
            }

            fn call(
                &self,
                caller: &mut Caller<'_>,
                args: &[Val],
                results: &mut [Val],
            ) -> Result<(), HostError> {
                let mut args = Args(args.iter());
                $(let $name = $name::take(&mut args).ok_or_else(other_types)?;)*
                if args.0.next().is_some() {
                    return Err(other_types());
                }
                let values = self(caller, $($name),*).into_result()?;
                values.put(results).ok_or_else(other_types)
            }
        }
    };
}

tuples!();
tuples!(A);
tuples!(A B);
tuples!(A B C);
tuples!(A B C D);
tuples!(A B C D E);
tuples!(A B C D E F);
tuples!(A B C D E F G);
tuples!(A B C D E F G H);

impl HostFunction {
    /// Makes a host function of a Rust function, whose type says the wasm type.
    pub fn wrap<P, F: IntoHostFunc<P>>(
        module: impl Into<String>,
        name: impl Into<String>,
        function: F,
    ) -> Self {
        let body = move |caller: &mut Caller<'_>, args: &[Val], results: &mut [Val]| {
            function.call(caller, args, results)
        };
        Self::new(module, name, F::ty(), body)
    }

    /// The wasm type that a host function made of a Rust function has.
    pub fn type_of<P, F: IntoHostFunc<P>>(_: &F) -> FuncType {
        F::ty()
    }
}
