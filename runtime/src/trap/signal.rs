//! Signal handlers and signal stacks.
//!
//! The handlers are installed once in an OS process and stay. They take the
//! faults of wasm code and leave every other to whoever was there before.

use std::cell::{Cell, OnceCell};
use std::ffi::{c_int, c_void};
use std::io;
use std::mem::{self, MaybeUninit};
use std::ptr;
use std::sync::OnceLock;

use super::current;
use crate::arch::Fault;
use crate::sys::{PAGE, barrier, interrupt};

/// The signals of faults, and what handled them before us.
static HANDLED: [Handled; 4] = [
    Handled::new(libc::SIGSEGV),
    Handled::new(libc::SIGBUS),
    Handled::new(libc::SIGILL),
    Handled::new(libc::SIGFPE),
];

struct Handled {
    signal: c_int,
    previous: OnceLock<libc::sigaction>,
}

/// Bytes of a signal stack: enough for the widest register state and for a
/// handler that was there before.
const STACK_BYTES: usize = 64 << 10;
const GUARD_BYTES: usize = PAGE as usize;

thread_local! {
    /// The kernel's number of this thread, once it is prepared; else 0. Of a type
    /// without destructor, so that it can be read until the thread is gone.
    static PREPARED: Cell<i32> = const { Cell::new(0) };
    static STACK: OnceCell<Option<SignalStack>> = const { OnceCell::new() };
}

/// Makes faults of wasm code on this thread come back to `call`: the kernel's number of
/// the thread.
///
/// # Errors
/// What the system refused, as text.
#[inline]
pub(super) fn prepare_thread() -> Result<i32, String> {
    match PREPARED.get() {
        0 => prepare(),
        number => Ok(number),
    }
}

#[cold]
fn prepare() -> Result<i32, String> {
    static INSTALLED: OnceLock<Result<(), String>> = OnceLock::new();
    let install = || {
        barrier::prepare();
        // SAFETY: the function may be called at any time, in a thread of a
        // process that has just been forked too.
        if unsafe { libc::pthread_atfork(None, None, Some(forked)) } != 0 {
            return Err("cannot be told of a fork; wasm code needs it to be stopped".to_owned());
        }
        HANDLED.iter().try_for_each(Handled::install)?;
        handle_by(interrupt::signal())
    };
    INSTALLED.get_or_init(install).clone()?;
    STACK.with(|stack| {
        if stack.get().is_none() {
            // Only this thread can have set it since: it has not.
            let _ = stack.set(SignalStack::install()?);
            unblock(interrupt::signal())?;
        }
        Ok::<_, String>(())
    })?;
    let number = rustix::thread::gettid().as_raw_nonzero().get();
    PREPARED.set(number);
    Ok(number)
}

/// In the child of a fork, whose only thread has another number than its parent's.
extern "C" fn forked() {
    PREPARED.set(0);
}

impl Handled {
    const fn new(signal: c_int) -> Self {
        Self {
            signal,
            previous: OnceLock::new(),
        }
    }

    fn install(&self) -> Result<(), String> {
        let mut previous = MaybeUninit::<libc::sigaction>::uninit();
        // SAFETY: sigaction fills `previous` if it succeeds.
        let previous = unsafe {
            if libc::sigaction(self.signal, ptr::null(), previous.as_mut_ptr()) != 0 {
                return Err(system_error("read the signal handlers"));
            }
            previous.assume_init()
        };
        // Before ours is in place, for it may run at once.
        self.previous.get_or_init(|| previous);
        handle_by(self.signal)
    }
}

/// Lets a signal of ours reach this thread, whatever it had blocked before.
fn unblock(signal: c_int) -> Result<(), String> {
    let mut set = MaybeUninit::<libc::sigset_t>::uninit();
    // SAFETY: the set is filled by `sigemptyset` before it is used.
    let failed = unsafe {
        libc::sigemptyset(set.as_mut_ptr());
        libc::sigaddset(set.as_mut_ptr(), signal);
        libc::pthread_sigmask(libc::SIG_UNBLOCK, set.as_ptr(), ptr::null_mut()) != 0
    };
    match failed {
        true => Err("cannot unblock a signal; wasm code needs it to be stopped".to_owned()),
        false => Ok(()),
    }
}

/// Puts the handler in place for a signal.
fn handle_by(signal: c_int) -> Result<(), String> {
    // SAFETY: all zeros are a valid value: no flags, the mask empty.
    let mut ours: libc::sigaction = unsafe { mem::zeroed() };
    ours.sa_sigaction = handle as *const () as usize;
    // Without SA_NODEFER: a fault in the handler ends the process.
    ours.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK;
    // SAFETY: `handle` has the signature that SA_SIGINFO asks for and is
    // async-signal-safe.
    if unsafe { libc::sigaction(signal, &ours, ptr::null_mut()) } != 0 {
        return Err(system_error("install the signal handlers"));
    }
    Ok(())
}

/// The handler. Async-signal-safe: it reads and writes memory that exists.
extern "C" fn handle(signal: c_int, info: *mut libc::siginfo_t, context: *mut c_void) {
    // SAFETY: the kernel passes valid pointers, as SA_SIGINFO promises, to
    // what this handler alone accesses.
    let (code, address, fault) = unsafe {
        let address = (*info).si_addr() as u64;
        ((*info).si_code, address, Fault::new(&mut *context.cast()))
    };
    if signal == interrupt::signal() {
        if current::interrupt_requested()
            && let Some(host_sp) = current::record_fault(signal, 0, &fault)
        {
            fault.leave_at(host_sp);
        } else {
            current::halt(&fault);
        }
        return;
    }
    // Only the kernel's own, not one that a process has sent.
    if code > 0
        && let Some(host_sp) = current::record_fault(signal, address, &fault)
    {
        fault.leave_at(host_sp);
        return;
    }
    pass_on(signal, info, context);
}

/// Does what would have been done without us.
fn pass_on(signal: c_int, info: *mut libc::siginfo_t, context: *mut c_void) {
    let previous = HANDLED
        .iter()
        .find(|handled| handled.signal == signal)
        .and_then(|handled| handled.previous.get());
    // SAFETY: `info` is the kernel's.
    let sent = unsafe { (*info).si_code } <= 0;
    match previous {
        Some(p) if p.sa_sigaction == libc::SIG_IGN && sent => {}
        Some(p) if p.sa_sigaction != libc::SIG_DFL && p.sa_sigaction != libc::SIG_IGN => {
            // SAFETY: whoever installed the handler promised this signature
            // by the flags.
            unsafe {
                if p.sa_flags & libc::SA_SIGINFO != 0 {
                    type Action = extern "C" fn(c_int, *mut libc::siginfo_t, *mut c_void);
                    mem::transmute::<usize, Action>(p.sa_sigaction)(signal, info, context);
                } else {
                    type Plain = extern "C" fn(c_int);
                    mem::transmute::<usize, Plain>(p.sa_sigaction)(signal);
                }
            }
        }
        _ => {
            // The default action. A fault happens again on return; a signal
            // that was sent is sent again. It is blocked until then.
            // SAFETY: both calls are async-signal-safe.
            unsafe {
                libc::signal(signal, libc::SIG_DFL);
                if sent {
                    libc::raise(signal);
                }
            }
        }
    }
}

/// A thread's signal stack, with a guard page below.
struct SignalStack {
    mapping: *mut c_void,
    previous: libc::stack_t,
}

impl SignalStack {
    /// Gives the thread a signal stack; `None` if it has a large enough one.
    fn install() -> Result<Option<Self>, String> {
        let previous = current_stack()?;
        if previous.ss_flags & libc::SS_DISABLE == 0 && previous.ss_size >= STACK_BYTES {
            return Ok(None);
        }
        // SAFETY: a new mapping, wherever the kernel likes.
        let mapping = unsafe {
            libc::mmap(
                ptr::null_mut(),
                GUARD_BYTES + STACK_BYTES,
                libc::PROT_NONE,
                libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE,
                -1,
                0,
            )
        };
        if mapping == libc::MAP_FAILED {
            return Err(system_error("allocate a signal stack"));
        }
        let stack = Self { mapping, previous };
        let ours = libc::stack_t {
            ss_sp: stack.start(),
            ss_flags: 0,
            ss_size: STACK_BYTES,
        };
        // SAFETY: the range is ours; it stays mapped until the stack is
        // dropped, which takes it out of use before.
        let failed = unsafe {
            libc::mprotect(ours.ss_sp, STACK_BYTES, libc::PROT_READ | libc::PROT_WRITE) != 0
                || libc::sigaltstack(&ours, ptr::null_mut()) != 0
        };
        if failed {
            return Err(system_error("set a signal stack"));
        }
        Ok(Some(stack))
    }

    fn start(&self) -> *mut c_void {
        self.mapping.wrapping_byte_add(GUARD_BYTES)
    }
}

impl Drop for SignalStack {
    fn drop(&mut self) {
        PREPARED.set(0);
        // Rust takes a thread's signal stack away before this runs, whosever
        // it is, and has unmapped its own then: restore that one only where
        // ours is still in use.
        let in_use = current_stack().is_ok_and(|current| {
            current.ss_flags & libc::SS_DISABLE == 0 && current.ss_sp == self.start()
        });
        // SAFETY: the mapping is ours, and unmapped only if it is not the
        // thread's signal stack any more.
        unsafe {
            if !in_use || libc::sigaltstack(&self.previous, ptr::null_mut()) == 0 {
                libc::munmap(self.mapping, GUARD_BYTES + STACK_BYTES);
            }
        }
    }
}

fn current_stack() -> Result<libc::stack_t, String> {
    let mut current = MaybeUninit::<libc::stack_t>::uninit();
    // SAFETY: sigaltstack fills `current` if it succeeds.
    unsafe {
        if libc::sigaltstack(ptr::null(), current.as_mut_ptr()) != 0 {
            return Err(system_error("read the signal stack"));
        }
        Ok(current.assume_init())
    }
}

fn system_error(what: &str) -> String {
    let error = io::Error::last_os_error();
    format!("cannot {what}: {error}; wasm code needs it to report its traps")
}
