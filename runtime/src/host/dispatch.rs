//! The Rust side of a host call.
//!
//! A host stub leads to one of two functions of a [`Slot`]: *direct* takes the
//! arguments in the registers that they have in wasm code too, *spilled* takes
//! them from memory. The loader chooses by the function's type alone
//! ([`arch::direct_ints`]), so that a stub can be made before its function.
//! Both are monomorphic for a Rust function ([`typed`](super::typed)); of a
//! function on [`Val`]s, the direct one spills.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;

use wasmaot_abi::callconv::Assigner;
use wasmaot_abi::types::{FuncType, ValType};

use super::table::Slot;
use super::typed::{Args, DirectTy, HostResult, WasmParam, WasmResults};
use super::{Caller, HostError, HostFunction};
use crate::arch::{self, HOST, Regs};
use crate::error::SharedMemory;
use crate::process::Claim;
use crate::sys::live::MemoryAt;
use crate::trap::values::{self, ResultWriter};
use crate::trap::{self, panic_text};
use crate::value::Val;

/// Addresses of the functions that carry out calls of a host function.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entries {
    /// Takes the arguments as they are, then the base and the slot, where the
    /// type allows it.
    pub direct: *const (),
    /// A [`Spilled`].
    pub spilled: *const (),
}

/// Carries out a host call: 0, or 1 with the error recorded for the call that it
/// leaves. Base, slot, the registers, the stack arguments.
type Spilled = unsafe extern "C" fn(u64, *const Slot, *mut Regs, *const u128) -> u64;

impl Entries {
    /// Those of a function on [`Val`]s.
    pub fn untyped() -> Self {
        Self {
            direct: arch::spill as *const (),
            spilled: untyped as *const (),
        }
    }

    /// Those of a slot whose function has not been made.
    pub fn unmade() -> Self {
        Self {
            direct: arch::spill as *const (),
            spilled: unmade as *const (),
        }
    }
}

/// Runs the body of a host function; a panic in it becomes an error.
///
/// # Safety
/// `base` must be the pinned register of the code that has called it, on this
/// thread.
#[inline]
unsafe fn guarded<V>(
    base: u64,
    slot: &Slot,
    body: impl FnOnce(&mut Caller<'_>) -> Result<V, HostError>,
) -> Result<V, HostError> {
    // SAFETY: there is no other of this call, and it is dropped at the end.
    let mut claim = unsafe { Claim::of_caller() };
    // SAFETY: base is that of a domain, whose context stands right below; the
    // caller is used by the body alone, which ends before wasm code goes on,
    // or enters it through an exclusive borrow of the caller.
    let mut caller = Caller::in_process(unsafe { MemoryAt::new(base) }, &mut claim);
    // Whatever the body leaves behind half-done is not looked at: the call
    // into wasm code ends.
    match catch_unwind(AssertUnwindSafe(|| body(&mut caller))) {
        Ok(Ok(_)) if trap::interrupt_requested() => Err(trap::interrupted()),
        Ok(outcome) => outcome,
        Err(panic) => Err(panicked(slot, &*panic)),
    }
}

#[cold]
fn panicked(slot: &Slot, panic: &(dyn Any + Send)) -> HostError {
    let HostFunction { module, name, .. } = slot.function();
    HostError::Message(match panic.downcast_ref::<SharedMemory>() {
        Some(error) => format!("host function {module}.{name}: {error}"),
        None => {
            let text = panic_text(panic);
            format!("host function {module}.{name} panicked: {text}")
        }
    })
}

/// Makes the function, then carries out the call.
///
/// # Safety
/// As [`untyped`].
unsafe extern "C" fn unmade(
    base: u64,
    slot: *const Slot,
    regs: *mut Regs,
    stack_args: *const u128,
) -> u64 {
    // SAFETY: the process keeps a slot for as long as its stub.
    let slot = unsafe { &*slot };
    if let Err(panic) = catch_unwind(AssertUnwindSafe(|| _ = slot.function())) {
        let text = panic_text(&*panic);
        trap::record_host_error(HostError::Message(format!(
            "making a host function panicked: {text}"
        )));
        return 1;
    }
    // SAFETY: a slot whose function is made has a `Spilled` there, which is not
    // this one. The rest is by this function's contract.
    unsafe {
        let spilled = std::mem::transmute::<*const (), Spilled>(slot.spilled());
        spilled(base, slot, regs, stack_args)
    }
}

/// Carries out a call of a function on [`Val`]s.
///
/// # Safety
/// `base` must be the caller's pinned register, `slot` that of the stub's
/// function; `regs` and `stack_args` must hold arguments as the layout of its
/// type says.
unsafe extern "C" fn untyped(
    base: u64,
    slot: *const Slot,
    regs: *mut Regs,
    stack_args: *const u128,
) -> u64 {
    // SAFETY: the process keeps a slot for as long as its stub; `regs` is the
    // stub's own array, which nobody else knows of.
    let (slot, regs) = unsafe { (&*slot, &mut *regs) };
    // SAFETY: by this function's contract.
    answer(unsafe { on_values(base, slot, regs, stack_args) })
}

/// What stubs are told.
#[inline]
fn answer(outcome: Result<(), HostError>) -> u64 {
    match outcome {
        Ok(()) => 0,
        Err(error) => {
            trap::record_host_error(error);
            1
        }
    }
}

/// The stack arguments of a call.
///
/// # Safety
/// As [`untyped`].
#[inline]
unsafe fn stack_slice<'a>(at: *const u128, bytes: u32) -> &'a [u128] {
    // SAFETY: the layout gives the size of the caller's stack arguments, which
    // begin at a multiple of 16.
    unsafe { std::slice::from_raw_parts(at, bytes as usize / 16) }
}

/// # Safety
/// As [`untyped`].
unsafe fn on_values(
    base: u64,
    slot: &Slot,
    regs: &mut Regs,
    stack_args: *const u128,
) -> Result<(), HostError> {
    let function = slot.function();
    // A host call happens often: nothing is allocated for a few values.
    let FuncType { params, results } = function.ty();
    let area_of = |mut all: Assigner, types: &[ValType]| {
        types.iter().for_each(|&ty| _ = all.place(ty));
        all.bytes()
    };
    let return_area = area_of(Assigner::results(&HOST.calls), results);
    let stack_bytes = area_of(Assigner::params(&HOST.calls, return_area), params);
    // SAFETY: by this function's contract.
    let stack_args = unsafe { stack_slice(stack_args, stack_bytes) };
    with_values(params, |args| {
        let mut places = Assigner::params(&HOST.calls, return_area);
        for (arg, &ty) in args.iter_mut().zip(params) {
            // SAFETY: by this function's contract.
            let bits = unsafe { values::read(places.place(ty), regs, stack_args) };
            *arg = Val::from_bits(ty, bits);
        }
        with_values(results, |values| {
            let body = |caller: &mut Caller<'_>| {
                function.call(caller, args, values)?;
                check(slot, caller, values)
            };
            // SAFETY: by this function's contract.
            unsafe { guarded(base, slot, body) }?;
            let target = regs.return_area() as *mut u8;
            let mut area = values::area(return_area);
            let mut places = Assigner::results(&HOST.calls);
            for (value, &ty) in values.iter().zip(results) {
                values::write(value.bits(), places.place(ty), regs, &mut area);
            }
            if return_area != 0 {
                let source = area.as_ptr().cast();
                // SAFETY: the caller has provided an area of that size. Copied
                // bytewise, because nothing promises its alignment.
                unsafe { ptr::copy_nonoverlapping(source, target, return_area as usize) };
            }
            Ok(())
        })
    })
}

/// Runs `f` with a zero of each type.
fn with_values<R>(types: &[ValType], f: impl FnOnce(&mut [Val]) -> R) -> R {
    const FEW: usize = 8;
    let mut few = [Val::I32(0); FEW];
    let mut many;
    let values = if types.len() <= FEW {
        &mut few[..types.len()]
    } else {
        many = vec![Val::I32(0); types.len()];
        &mut many[..]
    };
    for (value, &ty) in values.iter_mut().zip(types) {
        *value = Val::from_bits(ty, 0);
    }
    f(values)
}

/// Refuses results that are not of the function's types: functions and
/// exceptions must be the process's own.
fn check(slot: &Slot, caller: &Caller<'_>, results: &[Val]) -> Result<(), HostError> {
    let function = slot.function();
    let is_of = |value: Val, ty: ValType| match caller.process() {
        Ok(process) => process.is_of(value, ty),
        Err(_) => value.is_of(ty),
    };
    let types = &function.ty().results;
    let mut pairs = results.iter().zip(types);
    match pairs.position(|(&result, &ty)| !is_of(result, ty)) {
        None => Ok(()),
        Some(i) => Err(HostError::Message(format!(
            "host function {}.{} set result {i} to {}, but its type is {}",
            function.module,
            function.name,
            results[i].ty(),
            function.ty()
        ))),
    }
}

/// A Rust function as a host function, and what carries out its calls.
pub trait TypedFunc<P>: Send + Sync + 'static {
    /// Its wasm type.
    fn ty() -> FuncType;
    /// Calls it with arguments from wherever.
    fn call(&self, caller: &mut Caller<'_>, args: &mut Args<'_>)
    -> Result<Self::Values, HostError>;
    /// Its results.
    type Values: WasmResults;
    /// The function that takes the arguments as they are, if they can be taken
    /// so.
    fn direct() -> Option<*const ()>;
}

/// The entries of a Rust function.
pub(super) fn typed<F: TypedFunc<P>, P: 'static>() -> Entries {
    Entries {
        direct: F::direct().unwrap_or(arch::spill as *const ()),
        spilled: spilled::<F, P> as *const (),
    }
}

/// Carries out a call of a Rust function with arguments from memory.
///
/// # Safety
/// As [`untyped`]; the slot's function must be an `F`.
unsafe extern "C" fn spilled<F: TypedFunc<P>, P: 'static>(
    base: u64,
    slot: *const Slot,
    regs: *mut Regs,
    stack_args: *const u128,
) -> u64 {
    // SAFETY: as in `untyped`.
    let (slot, regs) = unsafe { (&*slot, &mut *regs) };
    // SAFETY: by this function's contract.
    let body: &F = unsafe { &*slot.body().cast() };
    // SAFETY: by this function's contract. Its results all have registers.
    let stack_args = unsafe { stack_slice(stack_args, slot.stack_bytes()) };
    let run = |caller: &mut Caller<'_>| {
        // SAFETY: stubs that spill save all registers.
        let mut args = unsafe { Args::spilled(regs, stack_args) };
        body.call(caller, &mut args)
    };
    // SAFETY: by this function's contract.
    let outcome = unsafe { guarded(base, slot, run) };
    answer(outcome.map(|values| values.store(&mut ResultWriter::new(regs))))
}

/// Whether a function of these types can take its arguments as they are.
fn is_direct(ty: &FuncType, params: &[Option<ValType>], result: Option<ValType>) -> bool {
    let same = |(&ty, &direct): (&ValType, &Option<ValType>)| direct == Some(ty);
    arch::direct_ints(ty).is_some()
        && ty.params.len() == params.len()
        && ty.params.iter().zip(params).all(same)
        && ty.results.first().copied() == result
}

macro_rules! typed_func {
    ($($name:ident)*) => {
        #[allow(non_snake_case, reason = "a type's name names its value")]
        impl<Body, R, $($name),*> TypedFunc<(R, $($name,)*)> for Body
        where
            Body: Fn(&mut Caller<'_>, $($name),*) -> R + Send + Sync + 'static,
            R: HostResult,
            $($name: WasmParam,)*
        {
            type Values = R::Values;

            fn ty() -> FuncType {
                #[allow(unused_mut, reason = "a function without parameters")]
                let mut params = Vec::new();
                $($name::types(&mut params);)*
                FuncType::new(params, R::Values::TYPES)
            }

            #[inline]
            fn call(
                &self,
                caller: &mut Caller<'_>,
                args: &mut Args<'_>,
            ) -> Result<Self::Values, HostError> {
                $(let $name = $name::take(args).ok_or_else(super::typed::other_types)?;)*
                args.end()?;
                self(caller, $($name),*).into_result()
            }

            fn direct() -> Option<*const ()> {
                /// # Safety
                /// To be called by a host stub alone, whose function is a
                /// `Body` of the type that these parameters say.
                unsafe extern "C" fn direct<Body, R, $($name),*>(
                    $($name: $name::Direct,)*
                    base: u64,
                    slot: *const Slot,
                ) -> <R::Values as WasmResults>::Direct
                where
                    Body: Fn(&mut Caller<'_>, $($name),*) -> R + Send + Sync + 'static,
                    R: HostResult,
                    $($name: WasmParam,)*
                {
                    // SAFETY: the process keeps a slot for as long as its stub.
                    let slot = unsafe { &*slot };
                    // SAFETY: by this function's contract.
                    let body: &Body = unsafe { &*slot.body().cast() };
                    let run = |caller: &mut Caller<'_>| {
                        body(caller, $($name::from_direct($name)),*).into_result()
                    };
                    // SAFETY: by this function's contract.
                    match unsafe { guarded(base, slot, run) } {
                        Ok(values) => values.into_direct(),
                        // SAFETY: between here and the entry into wasm code are
                        // this function, which has nothing to undo any more, and
                        // the stub.
                        Err(error) => unsafe { trap::leave_with(error) },
                    }
                }
                let params = [$($name::Direct::TYPE),*];
                let result = <R::Values as WasmResults>::Direct::TYPE;
                is_direct(&Self::ty(), &params, result)
                    .then_some(direct::<Body, R, $($name),*> as *const ())
            }
        }
    };
}

crate::each_arity!(typed_func);
