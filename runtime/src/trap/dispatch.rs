//! The Rust side of a host call.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;

use wasmaot_abi::callconv::Assigner;
use wasmaot_abi::types::{FuncType, ValType};

use super::{call, values};
use crate::arch::{HOST, Regs};
use crate::host::Slot;
use crate::host::{Caller, HostError, HostFunction};
use crate::process::Process;
use crate::sys::live::{self, MemoryAt};
use crate::value::Val;

/// Address of the function that carries out a host call, for
/// [`ThreadBlock::dispatch`](wasmaot_abi::context::ThreadBlock).
pub(crate) fn dispatch_address() -> u64 {
    dispatch as *const () as u64
}

/// Carries out a host call: 0, or 1 with the error recorded for `call`. Called
/// by `arch`'s host stubs on the host stack.
///
/// # Safety
/// `base` must be the caller's pinned register, `function` the slot of the
/// stub's function; `regs` and `stack_args` must hold arguments as the layout of its type
/// says.
unsafe extern "C" fn dispatch(
    base: u64,
    function: *const Slot,
    regs: *mut Regs,
    stack_args: *const u128,
) -> u64 {
    // SAFETY: the loader keeps a function as long as its stub; `regs` is the
    // stub's own array on the wasm stack, which nobody else knows of.
    let (function, regs) = unsafe { (&*function, &mut *regs) };
    // SAFETY: by this function's contract.
    match unsafe { carry_out(base, function.function(), regs, stack_args) } {
        Ok(()) => 0,
        Err(error) => {
            call::record_host_error(error);
            1
        }
    }
}

/// # Safety
/// As [`dispatch`].
unsafe fn carry_out(
    base: u64,
    function: &HostFunction,
    regs: &mut Regs,
    stack_args: *const u128,
) -> Result<(), HostError> {
    // A host call happens often: nothing is allocated for a few values.
    let FuncType { params, results } = &function.ty;
    let area_of = |mut all: Assigner, types: &[ValType]| {
        types.iter().for_each(|&ty| _ = all.place(ty));
        all.bytes()
    };
    let return_area = area_of(Assigner::results(&HOST.calls), results);
    let stack_bytes = area_of(Assigner::params(&HOST.calls, return_area), params);
    // SAFETY: the layout gives the size of the caller's stack arguments, which
    // begin at a multiple of 16.
    let stack_args = unsafe { std::slice::from_raw_parts(stack_args, stack_bytes as usize / 16) };
    // SAFETY: base is that of a domain, whose context stands right below; the
    // caller is used by the body alone, which ends before wasm code goes on,
    // or enters it through an exclusive borrow of the caller.
    let mut caller = unsafe { Caller::in_process(MemoryAt::new(base), process(base)) };
    with_values(params, |args| {
        let mut places = Assigner::params(&HOST.calls, return_area);
        for (arg, &ty) in args.iter_mut().zip(params) {
            *arg = values::read(ty, places.place(ty), regs, stack_args);
        }
        with_values(results, |values| {
            run_body(function, &mut caller, args, values)?;
            // The hidden first argument.
            let target = regs.int[0] as *mut u8;
            let mut area = values::area(return_area);
            let mut places = Assigner::results(&HOST.calls);
            for (&value, &ty) in values.iter().zip(results) {
                values::write(value, places.place(ty), regs, &mut area);
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

/// Runs the function itself; a panic in it becomes an error.
fn run_body(
    function: &HostFunction,
    caller: &mut Caller<'_>,
    args: &[Val],
    results: &mut [Val],
) -> Result<(), HostError> {
    let name = || format!("{}.{}", function.module, function.name);
    // Whatever the body leaves behind half-done is not looked at: the call
    // into wasm code ends.
    let body = AssertUnwindSafe(|| function.call(caller, args, results));
    catch_unwind(body).unwrap_or_else(|panic| {
        let text = panic_text(&*panic);
        Err(HostError::Message(format!(
            "host function {} panicked: {text}",
            name()
        )))
    })?;
    let wrong = results
        .iter()
        .zip(&function.ty.results)
        .position(|(&result, &ty)| !is_of(caller, result, ty));
    match wrong {
        None if call::interrupt_requested() => Err(call::interrupted()),
        None => Ok(()),
        Some(i) => Err(HostError::Message(format!(
            "host function {} set result {i} to {}, but its type is {}",
            name(),
            results[i].ty(),
            function.ty
        ))),
    }
}

/// Whether a value may be given to wasm code as one of a type.
fn is_of(caller: &Caller<'_>, value: Val, ty: ValType) -> bool {
    match caller.process() {
        Ok(process) => process.is_of(value, ty),
        Err(_) => value.is_of(ty),
    }
}

/// The process whose domain's base this is, if it has said where it is.
///
/// # Safety
/// A context must stand right below `base`, whose head is that of a process in
/// a call of [`Process::call_code`], which nobody uses until the call goes on.
pub(super) unsafe fn process<'a>(base: u64) -> Option<&'a mut Process> {
    // SAFETY: by this function's contract.
    unsafe {
        let thread = live::thread_of(base);
        ptr::with_exposed_provenance_mut::<Process>(thread.process as usize).as_mut()
    }
}

pub(super) fn panic_text(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no message")
}
