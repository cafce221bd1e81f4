//! Rust types for wasm values, so that signatures of host functions and calls
//! follow from Rust code.

use wasmaot_abi::types::{FuncType, ValType};

use crate::error::CallError;
use crate::host::{Caller, HostError, HostFunction};
use crate::link::InstanceId;
use crate::process::Process;
use crate::value::Val;

mod sealed {
    pub trait Sealed {}
}

/// A Rust type of the values of a wasm type: the integers of 32 and 64 bits,
/// signed and unsigned, `f32`, `f64`, and `u128` for vectors.
pub trait Native: Copy + sealed::Sealed {
    /// The wasm type.
    const TYPE: ValType;
    /// As a wasm value.
    fn into_val(self) -> Val;
    /// Of a wasm value, if it is of the type.
    fn from_val(val: Val) -> Option<Self>;
}

macro_rules! native {
    ($($rust:ty: $wasm:ident, $from:expr, $into:expr;)*) => {$(
        impl sealed::Sealed for $rust {}

        impl Native for $rust {
            const TYPE: ValType = ValType::$wasm;

            fn into_val(self) -> Val {
                Val::$wasm($into(self))
            }

            fn from_val(val: Val) -> Option<Self> {
                match val {
                    Val::$wasm(value) => Some($from(value)),
                    _ => None,
                }
            }
        }
    )*};
}

native! {
    i32: I32, |v| v, |v| v;
    u32: I32, i32::cast_unsigned, u32::cast_signed;
    i64: I64, |v| v, |v| v;
    u64: I64, i64::cast_unsigned, u64::cast_signed;
    f32: F32, f32::from_bits, f32::to_bits;
    f64: F64, f64::from_bits, f64::to_bits;
    u128: V128, |v| v, |v| v;
}

/// A list of values: `()`, one [`Native`], or a tuple of up to eight.
pub trait Natives: Sized + sealed::Sealed {
    /// The wasm types in order.
    fn types() -> Vec<ValType>;
    /// As wasm values.
    fn into_vals(self) -> Vec<Val>;
    /// Of wasm values, if they are as many and of the types.
    fn from_vals(vals: &[Val]) -> Option<Self>;
}

impl<T: Native> Natives for T {
    fn types() -> Vec<ValType> {
        vec![T::TYPE]
    }

    fn into_vals(self) -> Vec<Val> {
        vec![self.into_val()]
    }

    fn from_vals(vals: &[Val]) -> Option<Self> {
        match vals {
            &[val] => T::from_val(val),
            _ => None,
        }
    }
}

/// A Rust function that can be a host function: of the caller and [`Native`]
/// parameters, up to eight, with [`Natives`] results, which may come in a
/// `Result` with [`HostError`].
pub trait Wrap<P>: Send + Sync + 'static {
    /// Its wasm type.
    fn ty() -> FuncType;
    /// Calls it.
    ///
    /// # Errors
    /// The function's own; values of other types than [`Wrap::ty`] says.
    fn run(
        &self,
        caller: &mut Caller<'_>,
        args: &[Val],
        results: &mut [Val],
    ) -> Result<(), HostError>;
}

/// What a wrapped function answers.
pub trait Answer {
    /// Its values.
    type Values: Natives;
    /// The values, or why there are none.
    ///
    /// # Errors
    /// The function's own.
    fn values(self) -> Result<Self::Values, HostError>;
}

impl<T: Natives> Answer for T {
    type Values = T;

    fn values(self) -> Result<T, HostError> {
        Ok(self)
    }
}

impl<T: Natives> Answer for Result<T, HostError> {
    type Values = T;

    fn values(self) -> Self {
        self
    }
}

macro_rules! tuples {
    ($($name:ident)*) => {
        impl<$($name: Native),*> sealed::Sealed for ($($name,)*) {}

        #[allow(non_snake_case, reason = "a type's name names its value")]
        impl<$($name: Native),*> Natives for ($($name,)*) {
            fn types() -> Vec<ValType> {
                vec![$($name::TYPE),*]
            }

            fn into_vals(self) -> Vec<Val> {
                let ($($name,)*) = self;
                vec![$($name.into_val()),*]
            }

            fn from_vals(vals: &[Val]) -> Option<Self> {
                let &[$($name),*] = vals else { return None };
                Some(($($name::from_val($name)?,)*))
            }
        }

        #[allow(non_snake_case, reason = "a type's name names its value")]
        impl<Body, R, $($name),*> Wrap<(R, $($name,)*)> for Body
        where
            Body: Fn(&mut Caller<'_>, $($name),*) -> R + Send + Sync + 'static,
            R: Answer,
            $($name: Native,)*
        {
            fn ty() -> FuncType {
                FuncType::new([$($name::TYPE),*], R::Values::types())
            }

            fn run(
                &self,
                caller: &mut Caller<'_>,
                args: &[Val],
                results: &mut [Val],
            ) -> Result<(), HostError> {
                let other = || HostError::Message("called with values of other types".to_owned());
                let Some(($($name,)*)) = Natives::from_vals(args) else {
                    return Err(other());
                };
                let values = self(caller, $($name),*).values()?.into_vals();
                if values.len() != results.len() {
                    return Err(other());
                }
                results.copy_from_slice(&values);
                Ok(())
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

/// The wasm type of a Rust function.
pub(crate) fn type_of<P, F: Wrap<P>>(_: &F) -> FuncType {
    F::ty()
}

impl HostFunction {
    /// Makes a host function of a Rust function, whose type says the wasm type.
    pub fn wrap<P, F: Wrap<P>>(
        module: impl Into<String>,
        name: impl Into<String>,
        function: F,
    ) -> Self {
        let body = move |caller: &mut Caller<'_>, args: &[Val], results: &mut [Val]| {
            function.run(caller, args, results)
        };
        Self::new(module, name, F::ty(), body)
    }
}

impl Process {
    /// Calls an exported function with Rust values.
    ///
    /// # Errors
    /// [`CallError`]; nothing has run if the function is of another type.
    pub fn call<P: Natives, R: Natives>(
        &mut self,
        id: InstanceId,
        name: &str,
        params: P,
    ) -> Result<R, CallError> {
        let wanted = FuncType::new(P::types(), R::types());
        if let Some(ty) = self.func_type(id, name)
            && *ty != wanted
        {
            return Err(CallError::Type {
                name: name.to_owned(),
                ty: Box::new(ty.clone()),
                wanted: Box::new(wanted),
            });
        }
        let results = self.invoke(id, name, &params.into_vals())?;
        Ok(R::from_vals(&results).expect("the function is of that type"))
    }
}
