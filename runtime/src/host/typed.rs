//! Rust types for wasm values, so that signatures of host functions and calls
//! follow from Rust code.

use std::slice;

use wasmaot_abi::callconv::Assigner;
use wasmaot_abi::types::ValType;

use super::HostError;
use super::dispatch::TypedFunc;
use crate::arch::{HOST, Regs};
use crate::trap::values::{self, Area, ArgWriter, ResultReader, ResultWriter};
use crate::value::Val;

mod sealed {
    pub trait Sealed {}
}

/// Gives a macro the names of the parameters of functions: none, one, up to the
/// eight that a host function may have.
#[doc(hidden)]
#[macro_export]
macro_rules! each_arity {
    ($of:ident) => {
        $of!();
        $of!(A);
        $of!(A B);
        $of!(A B C);
        $of!(A B C D);
        $of!(A B C D E);
        $of!(A B C D E F);
        $of!(A B C D E F G);
        $of!(A B C D E F G H);
    };
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
    /// Of the low bits of a register.
    #[doc(hidden)]
    fn of_bits(bits: u128) -> Self;
    /// What a System V function takes in the same register; `()` where it would
    /// be another one.
    #[doc(hidden)]
    type Register: DirectTy;
    #[doc(hidden)]
    fn from_register(value: Self::Register) -> Self;
    #[doc(hidden)]
    fn into_register(self) -> Self::Register;
}

/// A type that a System V function takes and gives in the register that the value has in
/// wasm code too. `()`: none.
pub trait DirectTy: Copy + sealed::Sealed {
    /// Its wasm type.
    const TYPE: Option<ValType>;
}

impl DirectTy for () {
    const TYPE: Option<ValType> = None;
}

macro_rules! wasm_ty {
    ($($rust:ty: $wasm:ident of $bits:ty, $register:tt, $from:expr, $into:expr;)*) => {$(
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

            #[inline]
            fn of_bits(bits: u128) -> Self {
                $from(bits as $bits)
            }

            wasm_ty!(@register $register);
        }
    )*};
    (@register ()) => {
        type Register = ();

        fn from_register((): ()) -> Self {
            unreachable!("a vector is not passed so")
        }

        fn into_register(self) {
            unreachable!("a vector is not passed so")
        }
    };
    (@register $rust:ty) => {
        type Register = Self;

        #[inline]
        fn from_register(value: Self) -> Self {
            value
        }

        #[inline]
        fn into_register(self) -> Self {
            self
        }
    };
}

wasm_ty! {
    i32: I32 of i32, i32, |v| v, |v| v;
    u32: I32 of i32, u32, i32::cast_unsigned, u32::cast_signed;
    i64: I64 of i64, i64, |v| v, |v| v;
    u64: I64 of i64, u64, i64::cast_unsigned, u64::cast_signed;
    f32: F32 of u32, f32, f32::from_bits, f32::to_bits;
    f64: F64 of u64, f64, f64::from_bits, f64::to_bits;
    u128: V128 of u128, (), |v| v, |v| v;
}

macro_rules! direct_ty {
    ($($rust:ty)*) => {$(
        impl DirectTy for $rust {
            const TYPE: Option<ValType> = Some(<$rust as WasmTy>::TYPE);
        }
    )*};
}

direct_ty!(i32 u32 i64 u64 f32 f64);

/// The arguments of a call of a host function, one after the other.
#[derive(Debug)]
pub struct Args<'a>(Source<'a>);

#[derive(Debug)]
enum Source<'a> {
    Values(slice::Iter<'a, Val>),
    Spilled {
        regs: &'a Regs,
        stack: &'a Area,
        places: Assigner,
    },
}

impl<'a> Args<'a> {
    pub(super) fn of_values(values: &'a [Val]) -> Self {
        Self(Source::Values(values.iter()))
    }

    /// Arguments as a stub has saved them.
    ///
    /// # Safety
    /// All registers that have arguments must be saved.
    #[inline]
    pub(super) const unsafe fn spilled(regs: &'a Regs, stack: &'a Area) -> Self {
        Self(Source::Spilled {
            regs,
            stack,
            places: Assigner::params(&HOST.calls, 0),
        })
    }

    /// The next one, if it is of the type.
    #[inline]
    pub fn take<T: WasmTy>(&mut self) -> Option<T> {
        match &mut self.0 {
            Source::Values(values) => T::from_val(*values.next()?),
            Source::Spilled {
                regs,
                stack,
                places,
            } => {
                let at = places.place(T::TYPE);
                // SAFETY: by the contract of `spilled`.
                Some(T::of_bits(unsafe { values::read(at, regs, stack) }))
            }
        }
    }

    /// Nothing is left.
    #[inline]
    pub(super) fn end(&self) -> Result<(), HostError> {
        match &self.0 {
            Source::Values(values) if values.len() > 0 => Err(other_types()),
            _ => Ok(()),
        }
    }
}

/// A parameter of a host function: a [`WasmTy`], or several that belong
/// together, as [`wasm_param!`](crate::wasm_param) makes one.
pub trait WasmParam: Sized + 'static {
    /// Adds the wasm types.
    fn types(list: &mut Vec<ValType>);
    /// Takes the value, if the arguments are of the types.
    fn take(args: &mut Args<'_>) -> Option<Self>;
    /// What it is in a register; `()` where it is not in one.
    #[doc(hidden)]
    type Direct: DirectTy;
    /// Of what is in the register.
    #[doc(hidden)]
    fn from_direct(value: Self::Direct) -> Self;
}

impl<T: WasmTy> WasmParam for T {
    type Direct = T::Register;

    #[inline]
    fn from_direct(value: T::Register) -> Self {
        T::from_register(value)
    }

    fn types(list: &mut Vec<ValType>) {
        list.push(T::TYPE);
    }

    #[inline]
    fn take(args: &mut Args<'_>) -> Option<Self> {
        args.take()
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
            *arg = args.take();
        }
        all.iter()
            .all(Option::is_some)
            .then(|| all.map(|arg| arg.expect("all are there")))
    }

    type Direct = ();

    fn from_direct((): ()) -> Self {
        unreachable!("several values are in no register")
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
            type Direct = ();

            fn from_direct((): ()) -> Self {
                ::std::unreachable!("several values are in no register")
            }

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
    const TYPES: &'static [ValType];
    /// Room for what has no register.
    #[doc(hidden)]
    type Stack: Default + AsMut<[u128]>;
    /// Puts the values where they travel.
    #[doc(hidden)]
    fn put(self, args: &mut ArgWriter<'_>);
}

/// The results of a call in either direction: `()`, one [`WasmTy`], or a tuple
/// of up to eight.
pub trait WasmResults: Sized + sealed::Sealed + 'static {
    /// The wasm types in order.
    const TYPES: &'static [ValType];
    /// Takes the values from where they travel.
    #[doc(hidden)]
    fn take(results: &mut ResultReader<'_>) -> Self;
    /// As wasm values, if there is room for as many.
    #[doc(hidden)]
    fn put(self, vals: &mut [Val]) -> Option<()>;
    /// Puts the values where they travel.
    #[doc(hidden)]
    fn store(self, results: &mut ResultWriter<'_>);
    /// What a System V function gives for them; `()` where that is elsewhere than
    /// in wasm code, and for none.
    #[doc(hidden)]
    type Direct: DirectTy;
    #[doc(hidden)]
    fn into_direct(self) -> Self::Direct;
}

impl<T: WasmTy> WasmParams for T {
    const TYPES: &'static [ValType] = &[T::TYPE];
    type Stack = [u128; 0];

    #[inline]
    fn put(self, args: &mut ArgWriter<'_>) {
        args.put(T::TYPE, self.into_val().bits());
    }
}

impl<T: WasmTy> WasmResults for T {
    const TYPES: &'static [ValType] = &[T::TYPE];

    #[inline]
    fn take(results: &mut ResultReader<'_>) -> Self {
        T::of_bits(results.take(T::TYPE))
    }

    #[inline]
    fn put(self, vals: &mut [Val]) -> Option<()> {
        let [val] = vals else { return None };
        *val = self.into_val();
        Some(())
    }

    #[inline]
    fn store(self, results: &mut ResultWriter<'_>) {
        results.put(T::TYPE, self.into_val().bits());
    }

    type Direct = T::Register;

    #[inline]
    fn into_direct(self) -> T::Register {
        self.into_register()
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
pub trait IntoHostFunc<P>: TypedFunc<P> {}

impl<P, F: TypedFunc<P>> IntoHostFunc<P> for F {}

#[cold]
pub(super) fn other_types() -> HostError {
    HostError::Message("called with values of other types".to_owned())
}

macro_rules! tuples {
    ($stack:literal: $($name:ident)*) => {
        impl<$($name: WasmTy),*> sealed::Sealed for ($($name,)*) {}

        #[allow(non_snake_case, reason = "a type's name names its value")]
        impl<$($name: WasmTy),*> WasmParams for ($($name,)*) {
            const TYPES: &'static [ValType] = &[$($name::TYPE),*];
            type Stack = [u128; $stack];

            #[inline]
            #[allow(unused_variables, reason = "no parameters")]
            fn put(self, args: &mut ArgWriter<'_>) {
                let ($($name,)*) = self;
                $(args.put($name::TYPE, $name.into_val().bits());)*
            }
        }

        #[allow(non_snake_case, reason = "a type's name names its value")]
        impl<$($name: WasmTy),*> WasmResults for ($($name,)*) {
            const TYPES: &'static [ValType] = &[$($name::TYPE),*];

            #[inline]
            #[allow(unused_variables, clippy::unused_unit, reason = "no results")]
            fn take(results: &mut ResultReader<'_>) -> Self {
                ($($name::of_bits(results.take($name::TYPE)),)*)
            }

            #[inline]
            fn put(self, vals: &mut [Val]) -> Option<()> {
                let ($($name,)*) = self;
                let values = [$($name.into_val()),*];
                (vals.len() == values.len()).then(|| vals.copy_from_slice(&values))
            }

            #[inline]
            #[allow(unused_variables, reason = "no results")]
            fn store(self, results: &mut ResultWriter<'_>) {
                let ($($name,)*) = self;
                $(results.put($name::TYPE, $name.into_val().bits());)*
            }

            type Direct = ();

            #[inline]
            fn into_direct(self) {}
        }
    };
}

tuples!(0: );
tuples!(0: A);
tuples!(0: A B);
tuples!(0: A B C);
tuples!(0: A B C D);
tuples!(0: A B C D E);
tuples!(0: A B C D E F);
tuples!(1: A B C D E F G);
tuples!(1: A B C D E F G H);
