//! A host function, and the same by other types.

use std::fmt;
use std::sync::Arc;

use wasmaot_abi::types::{FuncType, ValType};

use super::{Caller, HostError};
use crate::value::Val;

/// Body of a host function: parameters in, results out. The results are
/// preset with zeros of the right types; what is left in them counts.
pub type HostBody =
    dyn Fn(&mut Caller<'_>, &[Val], &mut [Val]) -> Result<(), HostError> + Send + Sync;

/// A host function: a symbol of a built-in object.
#[derive(Clone)]
pub struct HostFunction {
    /// Import module that it stands in.
    pub module: String,
    /// Name.
    pub name: String,
    /// Type.
    pub ty: FuncType,
    /// What it does.
    body: Arc<HostBody>,
    /// Whether an import may take it for one of other integers.
    any_integers: bool,
}

impl HostFunction {
    /// Makes a host function.
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
            body: Arc::new(body),
            any_integers: false,
        }
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
        (self.body)(caller, args, results)
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
        let (own, body) = (self.ty.clone(), Arc::clone(&self.body));
        let converted = move |caller: &mut Caller<'_>, args: &[Val], results: &mut [Val]| {
            let mut given = args.iter().copied();
            let mut next = |&ty: &ValType| convert(given.next().unwrap_or(Val::I32(0)), ty);
            let args: Vec<Val> = own.params.iter().map(&mut next).collect();
            let zero = |&ty: &ValType| Val::from_bits(ty, 0);
            let mut answer: Vec<Val> = own.results.iter().map(zero).collect();
            body(caller, &args, &mut answer)?;
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
        let (wide, body) = (self.ty.params.clone(), Arc::clone(&self.body));
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
            body(caller, &args, results)
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
