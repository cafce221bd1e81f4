//! A host function, and the same by other types.

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use wasmaot_abi::types::{FuncType, ValType};

use super::dispatch::{self, Entries};
use super::typed::{Args, IntoHostFunc, WasmResults, other_types};
use super::{Caller, HostError};
use crate::value::Val;

/// Body of a host function: parameters in, results out. The results are
/// preset with zeros of the right types; what is left in them counts.
pub type HostBody =
    dyn Fn(&mut Caller<'_>, &[Val], &mut [Val]) -> Result<(), HostError> + Send + Sync;

/// What a host function does.
pub(crate) trait HostCode: Send + Sync {
    /// Calls it with wasm values.
    fn call(
        &self,
        caller: &mut Caller<'_>,
        args: &[Val],
        results: &mut [Val],
    ) -> Result<(), HostError>;

    /// What carries out calls by wasm code.
    fn entries(&self) -> Entries;
}

/// A function on [`Val`]s.
struct Untyped<F>(F);

impl<F> HostCode for Untyped<F>
where
    F: Fn(&mut Caller<'_>, &[Val], &mut [Val]) -> Result<(), HostError> + Send + Sync,
{
    fn call(
        &self,
        caller: &mut Caller<'_>,
        args: &[Val],
        results: &mut [Val],
    ) -> Result<(), HostError> {
        self.0(caller, args, results)
    }

    fn entries(&self) -> Entries {
        Entries::untyped()
    }
}

/// A Rust function of the parameters `P`: nothing but the function, by whose
/// address it is called.
#[repr(transparent)]
struct Typed<F, P>(F, PhantomData<fn(P)>);

impl<P: 'static, F: IntoHostFunc<P>> HostCode for Typed<F, P> {
    fn call(
        &self,
        caller: &mut Caller<'_>,
        args: &[Val],
        results: &mut [Val],
    ) -> Result<(), HostError> {
        let values = self.0.call(caller, &mut Args::of_values(args))?;
        values.put(results).ok_or_else(other_types)
    }

    fn entries(&self) -> Entries {
        dispatch::typed::<F, P>()
    }
}

/// A host function: a symbol of a built-in object.
#[derive(Clone)]
pub struct HostFunction {
    /// Import module that it stands in.
    pub module: String,
    /// Name.
    pub name: String,
    /// That of the code: it is called by this type without another look.
    ty: FuncType,
    /// What it does.
    code: Arc<dyn HostCode>,
    /// Whether an import may take it for one of other integers.
    any_integers: bool,
}

impl HostFunction {
    /// Makes a host function of a type that is known at run time.
    pub fn new(
        module: impl Into<String>,
        name: impl Into<String>,
        ty: FuncType,
        body: impl Fn(&mut Caller<'_>, &[Val], &mut [Val]) -> Result<(), HostError>
        + Send
        + Sync
        + 'static,
    ) -> Self {
        Self {
            module: module.into(),
            name: name.into(),
            ty,
            code: Arc::new(Untyped(body)),
            any_integers: false,
        }
    }

    /// Makes a host function of a Rust function, whose type says the wasm type.
    pub fn wrap<P: 'static, F: IntoHostFunc<P>>(
        module: impl Into<String>,
        name: impl Into<String>,
        function: F,
    ) -> Self {
        Self {
            module: module.into(),
            name: name.into(),
            ty: F::ty(),
            code: Arc::new(Typed(function, PhantomData)),
            any_integers: false,
        }
    }

    /// The wasm type that a host function made of a Rust function has.
    pub fn type_of<P, F: IntoHostFunc<P>>(_: &F) -> FuncType {
        F::ty()
    }

    /// Its type.
    pub const fn ty(&self) -> &FuncType {
        &self.ty
    }

    /// What carries out calls by wasm code.
    pub(super) fn entries(&self) -> Entries {
        self.code.entries()
    }

    /// Address of the Rust function that it was made of.
    pub(super) fn body(&self) -> *const () {
        Arc::as_ptr(&self.code).cast()
    }

    /// Calls it: to try it out, or from another host function.
    ///
    /// # Errors
    /// The function's own. Of arguments and results that are not of its type, a
    /// function that was made by [`HostFunction::wrap`] says so; what others
    /// make of them is theirs to say.
    pub fn call(
        &self,
        caller: &mut Caller<'_>,
        args: &[Val],
        results: &mut [Val],
    ) -> Result<(), HostError> {
        self.code.call(caller, args, results)
    }

    /// The same for imports of any integer type: with fewer parameters, which
    /// are 0 then, with numbers of 32 bits for 64 or the other way round
    /// (sign-extended, cut), with or without a result.
    #[must_use]
    pub fn of_any_integers(mut self) -> Self {
        self.any_integers = true;
        self
    }
}

/// Halves of a legalized 64-bit parameter: the low one first.
const HALVES: [ValType; 2] = [ValType::I32; 2];

impl HostFunction {
    /// The type with every `i64` parameter as two `i32`, as modules made for
    /// JavaScript (Emscripten's "legalized" ones) import it.
    pub(crate) fn legalized_type(&self) -> FuncType {
        let split = |&ty: &ValType| {
            if ty == ValType::I64 {
                HALVES.to_vec()
            } else {
                vec![ty]
            }
        };
        let params: Vec<_> = self.ty.params.iter().flat_map(split).collect();
        FuncType::new(params, self.ty.results.clone())
    }

    /// The function for an import of another type, if it can be had so.
    pub(crate) fn adapted(&self, wanted: &FuncType) -> Option<Self> {
        if *wanted == self.ty {
            None
        } else if *wanted == self.legalized_type() {
            Some(self.legalized())
        } else if self.any_integers {
            self.with_integers(wanted)
        } else {
            None
        }
    }

    /// The function by another type of integers.
    fn with_integers(&self, wanted: &FuncType) -> Option<Self> {
        let integer = |ty: &ValType| matches!(ty, ValType::I32 | ValType::I64);
        let fits = wanted.params.len() <= self.ty.params.len()
            && wanted.results.len() <= self.ty.results.len();
        if !fits || !wanted.params.iter().chain(&wanted.results).all(integer) {
            return None;
        }
        let (own, code) = (self.ty.clone(), Arc::clone(&self.code));
        let converted = move |caller: &mut Caller<'_>, args: &[Val], results: &mut [Val]| {
            let mut given = args.iter().copied();
            let mut next = |&ty: &ValType| convert(given.next().unwrap_or(Val::I32(0)), ty);
            let args: Vec<Val> = own.params.iter().map(&mut next).collect();
            let zero = |&ty: &ValType| Val::from_bits(ty, 0);
            let mut answer: Vec<Val> = own.results.iter().map(zero).collect();
            code.call(caller, &args, &mut answer)?;
            for (result, value) in results.iter_mut().zip(answer) {
                *result = convert(value, result.ty());
            }
            Ok(())
        };
        let adapter = Self::new(&*self.module, &*self.name, wanted.clone(), converted);
        Some(adapter)
    }

    /// The function by its legalized type.
    pub(crate) fn legalized(&self) -> Self {
        let (wide, code) = (self.ty.params.clone(), Arc::clone(&self.code));
        let joined = move |caller: &mut Caller<'_>, args: &[Val], results: &mut [Val]| {
            let mut rest = args.iter().copied();
            let mut next = || rest.next().map_or(0, Val::bits);
            let args: Vec<Val> = wide
                .iter()
                .map(|&ty| match ty {
                    ValType::I64 => Val::from_bits(ty, next() | next() << 32),
                    ty => Val::from_bits(ty, next()),
                })
                .collect();
            code.call(caller, &args, results)
        };
        Self::new(&*self.module, &*self.name, self.legalized_type(), joined)
    }
}

/// An integer as one of another width.
const fn convert(value: Val, ty: ValType) -> Val {
    match (value, ty) {
        (Val::I32(value), ValType::I64) => Val::I64(value as i64),
        (value, ty) => Val::from_bits(ty, value.bits()),
    }
}

impl fmt::Debug for HostFunction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}: {}", self.module, self.name, self.ty)
    }
}
