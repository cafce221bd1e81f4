//! What runs on this thread: the innermost entry into wasm code, for what wasm code has
//! called of the host and for the signal handler.

use std::ptr::NonNull;
use std::sync::Arc;

use super::call::{Activation, CURRENT, Stop, ThreadSpace, VECTORS};
use crate::arch::{self, Fault};
use crate::host::HostError;
use crate::process::{Process, Shared};
use crate::sys::interrupt;
use crate::sys::live::ThreadHead;
use wasmaot_abi::trap::TrapCode;

/// Records a host function's error in the thread's innermost activation, which
/// is to be left next.
pub(crate) fn record_host_error(error: HostError) {
    let current = CURRENT.get();
    if current.is_null() {
        // A host stub ran without `call`: there is nowhere to go back to.
        std::process::abort();
    }
    // SAFETY: a current activation is alive, in the frame of an `enter` further
    // out on this thread, and its head too.
    unsafe {
        let head = (*current).entry.head as *const ThreadHead;
        let record = (*head).block.wasm_sp;
        (*current).stop = Some(Stop::Host { error, record });
    }
}

/// As [`record_host_error`], of a built-in function, which keeps no note of
/// where wasm code stood: `record` is the address of its frame record.
pub(super) fn record_error_at(error: HostError, record: u64) {
    let current = CURRENT.get();
    if current.is_null() {
        std::process::abort();
    }
    // SAFETY: as above.
    unsafe { (*current).stop = Some(Stop::Host { error, record }) };
}

/// Records an exception that nothing caught, likewise. `record` is the address
/// of the frame record of the function that threw it.
pub(super) fn record_uncaught(tag: u64, record: u64) {
    let current = CURRENT.get();
    if current.is_null() {
        std::process::abort();
    }
    // SAFETY: as above.
    unsafe { (*current).stop = Some(Stop::Uncaught { tag, record }) };
}

/// If a fault on this thread is one of the wasm code that runs on it, records
/// it and returns the host stack pointer to leave with. For the signal
/// handler: neither allocates nor locks.
pub(super) fn record_fault(signal: i32, address: u64, fault: &Fault<'_>) -> Option<u64> {
    let registers = fault.registers();
    let current = CURRENT.get();
    if current.is_null() {
        return None;
    }
    // SAFETY: as above. The code that the signal interrupted has no reference
    // to the activation: `enter` holds none while wasm code runs.
    unsafe {
        let space = (*current).space();
        let in_code = space.shared.code.contains(&registers.pc());
        let on_stack = (space.stack_guard.start..=space.stack.end).contains(&registers.sp());
        let overflow = space.stack_guard.contains(&address) && (in_code || on_stack);
        // What runs on the stack of wasm code can be left anywhere: the ways
        // between the stacks, and built-in functions that copy or fill memory.
        let interrupted = signal == interrupt::signal() && on_stack;
        if !in_code && !overflow && !interrupted {
            return None;
        }
        VECTORS.set(fault.vectors());
        // `stop` is None: there is nothing to drop.
        (*current).stop = Some(Stop::Fault {
            signal,
            address,
            registers,
            overflow,
        });
        Some((*current).entry.host_sp)
    }
}

/// Halts this thread if a process wants that whose code runs on it.
/// Async-signal-safe.
pub(super) fn halt(fault: &Fault<'_>) {
    let mut next = CURRENT.get().cast_const();
    let innermost = next;
    let sp = fault.registers().sp();
    // SAFETY: a current activation, and those further out, are alive, in frames of
    // `enter` on this thread, which holds no exclusive borrow while wasm code runs.
    while let Some(activation) = unsafe { next.as_ref() } {
        let space = activation.space();
        let pause = &space.shared.interrupter.state().pause;
        if pause.is_wanted() {
            let block = space.block();
            let on_stack = (space.stack.start..=space.stack.end).contains(&sp);
            // Code may use some bytes below its stack pointer.
            let low = match on_stack {
                true => (sp - 128).max(space.stack.start),
                // Before the first call of the host there is nothing on it.
                false if block.host_sp == 0 || !space.stack.contains(&block.wasm_low) => {
                    space.stack.end
                }
                false => block.wasm_low,
            };
            let stack = (low, space.stack.end);
            // The host's part ends with the activation, in which the arguments are.
            let end = next.addr() as u64 + size_of::<Activation>() as u64;
            let host = match on_stack || !std::ptr::eq(innermost, next) {
                true => (0, 0),
                false => (sp, end),
            };
            pause.halt(&space.entry, fault.words(), stack, host);
        }
        next = activation.host_process;
    }
}

/// Whether the wasm code of this thread has been asked to stop.
/// Async-signal-safe.
#[inline]
pub(crate) fn interrupt_requested() -> bool {
    let current = CURRENT.get();
    // SAFETY: a current activation is alive, in the frame of an `enter` further
    // out on this thread, which holds no exclusive borrow while wasm code runs.
    unsafe { current.as_ref() }.is_some_and(Activation::interrupt_requested)
}

/// Where code and stack of the thread are whose wasm code has called what runs now on
/// the host's stack; none where none has.
#[inline]
pub(crate) fn current_space<'a>() -> Option<&'a ThreadSpace> {
    let current = CURRENT.get();
    // SAFETY: a current activation is alive, in the frame of an `enter` further out on
    // this thread, and what it was given lives longer: longer than what runs now.
    unsafe { current.as_ref().map(|activation| &*activation.space) }
}

/// The same of the innermost wasm code of a process on this thread.
pub(crate) fn space_in<'a>(shared: &Arc<Shared>) -> Option<&'a ThreadSpace> {
    let mut next = CURRENT.get().cast_const();
    // SAFETY: as above; outer activations are alive as long.
    while let Some(activation) = unsafe { next.as_ref() } {
        if activation.is_of(shared) {
            // SAFETY: as above.
            return Some(unsafe { &*activation.space });
        }
        next = activation.host_process;
    }
    None
}

/// Gives a process away if it has come to be for threads in the host call that ends
/// now, which held it.
#[inline]
pub(crate) fn give_if_for_threads(process: NonNull<Process>) {
    let current = CURRENT.get();
    // SAFETY: as above.
    if let Some(activation) = unsafe { current.as_ref() }
        && activation.space().shared.lock.is_used()
        && !activation.given.get()
    {
        activation.give(Some(process));
    }
}

/// The end of a host function whose process is to stop.
pub(crate) fn interrupted() -> HostError {
    HostError::of(TrapCode::Interrupted)
}

/// Leaves wasm code if it has been asked to stop.
///
/// # Safety
/// To be called by a built-in function that runs on the host's stack, with
/// nothing to undo in it.
pub(crate) unsafe fn leave_if_interrupted() {
    if interrupt_requested() {
        // SAFETY: by this function's contract.
        unsafe { leave_with(interrupted()) }
    }
}

/// Leaves wasm code with an error.
///
/// # Safety
/// As [`leave_if_interrupted`].
pub(crate) unsafe fn leave_with(error: HostError) -> ! {
    record_host_error(error);
    let current = CURRENT.get();
    // SAFETY: there is one, or recording would have ended the process; between
    // this function and its `enter` are the built-in function, which has
    // nothing to undo, and wasm code.
    unsafe { arch::abandon((*current).entry.host_sp) }
}
