//! Functions by handle.

use std::fmt;
use std::marker::PhantomData;

use wasmaot_abi::object::SymbolKind;
use wasmaot_abi::types::{FuncType, ValType};

use super::{AsProcess, Calls, Entering, Export, Token};
use crate::error::{CallError, HandleError};
use crate::host::{WasmParams, WasmResults};
use crate::link::InstanceId;
use crate::process::Process;
use crate::trap::{self, Area, ArgWriter, Regs, ResultReader, Shape};
use crate::value::Val;

/// An exported function of a process, to be called from the host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Func {
    export: Export,
    /// Address of the code.
    code: u64,
    /// The base of the domain that it runs in, which stays where it is.
    base: u64,
}

impl Func {
    /// An exported function, as [`Process::func`], also from a host function.
    ///
    /// # Errors
    /// As there.
    pub fn find(
        process: &mut impl AsProcess,
        id: InstanceId,
        name: &str,
    ) -> Result<Self, CallError> {
        process.as_process_mut(Token(()))?.func(id, name)
    }

    /// The function's type.
    ///
    /// # Errors
    /// [`HandleError`].
    pub fn ty<'p>(&self, process: &'p impl AsProcess) -> Result<&'p FuncType, HandleError> {
        let process = process.as_process(Token(()))?;
        self.export.check(process)?;
        process
            .view()
            .type_of(self.export.target)
            .ok_or(HandleError::Unloaded)
    }

    /// Calls the function with values of its type.
    ///
    /// # Errors
    /// [`CallError`]; nothing has run if the values are of other types.
    pub fn call(&self, process: &mut impl Calls, args: &[Val]) -> Result<Vec<Val>, CallError> {
        process.entering(Token(()), |entering| self.call_in(entering, args))?
    }

    fn call_in(&self, entering: Entering<'_>, args: &[Val]) -> Result<Vec<Val>, CallError> {
        let Entering { process, space } = entering;
        let ty = self.ty(process)?.clone();
        let fit = |(arg, &ty): (&Val, &ValType)| process.is_of(*arg, ty);
        if args.len() != ty.params.len() || !args.iter().zip(&ty.params).all(fit) {
            let given: Vec<_> = args.iter().map(|v| v.ty().to_string()).collect();
            return Err(CallError::Arguments {
                name: process.view().name_of(self.export.target),
                ty: Box::new(ty),
                given: given.join(", "),
            });
        }
        // SAFETY: what exports the function is still loaded, so its code is there,
        // and its domain; the type is that of its symbol.
        let called = unsafe {
            process.enter_on(space, self.base, self.code, |callee| {
                trap::call(callee, &ty, args)
            })
        };
        Ok(called?)
    }

    /// The function by Rust types, if it is of these.
    ///
    /// # Errors
    /// [`CallError::Type`], [`HandleError`].
    pub fn typed<P: WasmParams, R: WasmResults>(
        &self,
        process: &impl AsProcess,
    ) -> Result<TypedFunc<P, R>, CallError> {
        let process = process.as_process(Token(()))?;
        let ty = self.ty(process)?;
        let wanted = FuncType::new(P::TYPES, R::TYPES);
        if *ty != wanted {
            return Err(CallError::Type {
                name: process.view().name_of(self.export.target),
                ty: Box::new(ty.clone()),
                wanted: Box::new(wanted),
            });
        }
        Ok(TypedFunc {
            func: *self,
            ty: PhantomData,
        })
    }
}

/// A [`Func`] of known types.
pub struct TypedFunc<P, R> {
    func: Func,
    ty: PhantomData<fn(P) -> R>,
}

impl<P, R> Clone for TypedFunc<P, R> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<P, R> Copy for TypedFunc<P, R> {}

impl<P, R> fmt::Debug for TypedFunc<P, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("TypedFunc").field(&self.func).finish()
    }
}

impl<P: WasmParams, R: WasmResults> TypedFunc<P, R> {
    /// An exported function, as [`Process::typed_func`], also from a host
    /// function.
    ///
    /// # Errors
    /// As there.
    pub fn find(
        process: &mut impl AsProcess,
        id: InstanceId,
        name: &str,
    ) -> Result<Self, CallError> {
        process.as_process_mut(Token(()))?.typed_func(id, name)
    }

    /// Calls the function.
    ///
    /// # Errors
    /// [`HandleError`] as [`CallError::Handle`]; [`CallError::Trap`].
    #[inline]
    pub fn call(&self, process: &mut impl Calls, params: P) -> Result<R, CallError> {
        process.entering(Token(()), |entering| self.call_in(entering, params))?
    }

    #[inline]
    fn call_in(&self, entering: Entering<'_>, params: P) -> Result<R, CallError> {
        let Entering { process, space } = entering;
        let Func { export, base, code } = &self.func;
        export.check(process)?;
        // Parameters beyond those in registers. Results all have registers.
        let mut stack_args = P::Stack::default();
        let shape = const { Shape::of(P::TYPES, R::TYPES) };
        let write = |regs: &mut Regs, stack_args: &mut Area| {
            params.put(&mut ArgWriter::new(regs, stack_args));
        };
        // SAFETY: what exports the function is still loaded, so its code is there,
        // and its domain. Its type is the one that its arguments are written and its
        // results read by: that has been compared when this handle was made.
        let called = unsafe {
            process.enter_on(space, *base, *code, |callee| {
                let read = |regs: &Regs| R::take(&mut ResultReader::new(regs));
                trap::enter(callee, shape, stack_args.as_mut(), write, read)
            })
        };
        Ok(called?)
    }

    /// The function by wasm types.
    pub const fn func(&self) -> Func {
        self.func
    }
}

impl Process {
    /// An exported function.
    ///
    /// # Errors
    /// [`CallError::NoExport`], [`HandleError::Unloaded`].
    pub fn func(&mut self, id: InstanceId, name: &str) -> Result<Func, CallError> {
        let number = self
            .link
            .instances
            .number(id)
            .ok_or(HandleError::Unloaded)?;
        let no_export = |process: &Self| CallError::NoExport {
            object: process.link.instances[number].object.name().to_owned(),
            name: name.to_owned(),
            kind: "function",
        };
        let export = Export::find(self, id, name, SymbolKind::Function);
        let export = export.ok_or_else(|| no_export(self))?;
        let function = self.linker().function(export.target).ok().flatten();
        let typed = self.view().type_of(export.target).is_some();
        let function = function.filter(|_| typed).ok_or_else(|| no_export(self))?;
        // Stubs made just now have to be executable.
        if self.space.stubs.seal().is_err() {
            return Err(no_export(self));
        }
        let domain = function
            .domain
            .unwrap_or(self.link.instances[number].domain);
        Ok(Func {
            export,
            code: function.code,
            base: self.space.domains[domain].base(),
        })
    }

    /// An exported function of Rust types.
    ///
    /// # Errors
    /// [`CallError`].
    pub fn typed_func<P: WasmParams, R: WasmResults>(
        &mut self,
        id: InstanceId,
        name: &str,
    ) -> Result<TypedFunc<P, R>, CallError> {
        self.func(id, name)?.typed(self).map_err(|e| named(e, name))
    }

    /// The type of an exported function.
    pub fn func_type(&self, id: InstanceId, name: &str) -> Option<&FuncType> {
        let number = self.link.instances.number(id)?;
        let target = self.view().export(number, name, SymbolKind::Function)?;
        self.view().type_of(target)
    }

    /// Calls an exported function by its name. To call one often, look it up
    /// once: [`Process::func`].
    ///
    /// # Errors
    /// [`CallError`].
    pub fn invoke(
        &mut self,
        id: InstanceId,
        name: &str,
        args: &[Val],
    ) -> Result<Vec<Val>, CallError> {
        let func = self.func(id, name)?;
        func.call(self, args).map_err(|error| named(error, name))
    }

    /// Calls an exported function by its name with Rust values. To call one
    /// often, look it up once: [`Process::typed_func`].
    ///
    /// # Errors
    /// [`CallError`]; nothing has run if the function is of another type.
    pub fn call<P: WasmParams, R: WasmResults>(
        &mut self,
        id: InstanceId,
        name: &str,
        params: P,
    ) -> Result<R, CallError> {
        self.typed_func(id, name)?.call(self, params)
    }
}

/// An error with the name that the function was asked for by.
fn named(mut error: CallError, asked: &str) -> CallError {
    if let CallError::Arguments { name, .. } | CallError::Type { name, .. } = &mut error {
        asked.clone_into(name);
    }
    error
}
