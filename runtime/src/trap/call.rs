//! Calls of wasm code from the host, nested ones included, and what is left of
//! one that stopped.

use std::cell::Cell;
use std::ops::Range;
use std::ptr::{self, NonNull};
use std::sync::Arc;

use wasmaot_abi::callconv::Layout;
use wasmaot_abi::context::ThreadBlock;
use wasmaot_abi::trap::TrapCode;
use wasmaot_abi::types::{FuncType, ValType};

use super::signal;
use super::values::{self, Area, Shape};
use crate::arch::{self, Entry, FloatState, Opcode, Registers, Regs};
use crate::host::HostError;
use crate::process::{Process, Shared};
use crate::sys::live::{self, ThreadHead};
use crate::sys::{host_stack, interrupt};
use crate::value::Val;

/// Where code and stack of a thread are.
#[derive(Clone, Debug)]
pub(crate) struct ThreadSpace {
    /// What it shares with the other threads of its process.
    pub shared: Arc<Shared>,
    /// Its number among them.
    pub number: u32,
    /// Address of its [`ThreadHead`].
    pub head: u64,
    /// The wasm stack: readable and writable, both ends multiples of 16.
    pub stack: Range<u64>,
    /// What a stack overflow hits: inaccessible, right below the stack, at
    /// least 4096 bytes.
    pub stack_guard: Range<u64>,
    /// Where requests to stop the process are made.
    pub interrupt: Arc<interrupt::State>,
    /// Where it notes that it runs wasm code.
    pub entry: Arc<interrupt::Entry>,
}

impl ThreadSpace {
    /// The thread's head.
    #[inline]
    pub const fn head(&self) -> *mut ThreadHead {
        ptr::with_exposed_provenance_mut(self.head as usize)
    }

    /// What the thread block says now. Of another thread that runs, nothing that can be
    /// relied on.
    pub fn block(&self) -> ThreadBlock {
        // SAFETY: the head lives as long as the thread, whose number and stack this is.
        unsafe { live::load(self.head) }
    }

    /// The 64-bit words of the stack from an address up.
    pub fn stack_words(&self, from: u64) -> impl Iterator<Item = u64> {
        let from = from.max(self.stack.start).next_multiple_of(8);
        (from..self.stack.end).step_by(8).map(|at| {
            // SAFETY: the word is in the stack, which is readable; the wasm code that
            // uses it does not run.
            unsafe { live::load(at) }
        })
    }
}

/// Why wasm code stopped, not yet explained.
#[derive(Debug)]
pub(crate) enum RawReason {
    /// A fault of wasm code.
    Signal {
        /// Number of the signal.
        signal: i32,
        /// The address that could not be accessed, or the instruction's.
        fault_addr: u64,
    },
    /// A host function's error, or one before anything was called.
    Host(HostError),
    /// An exception that nothing caught.
    Uncaught {
        /// Its tag's identity.
        tag: u64,
    },
}

/// A stop of wasm code, not yet explained.
#[derive(Debug)]
pub(crate) struct RawTrap {
    /// Why.
    pub reason: RawReason,
    /// Where: the address of the instruction, or the return address of a host
    /// call; 0 if no wasm code was running.
    pub pc: u64,
    /// What a backtrace needs; none where it would tell nothing.
    pub(super) site: Option<Box<Site>>,
}

/// The state of wasm code where it stopped, as far as a backtrace and a core dump
/// need it.
#[derive(Debug)]
pub(crate) struct Site {
    pub registers: Registers,
    /// What the vector registers were at a fault.
    pub vectors: Option<FloatState>,
    /// Whether the program counter is an instruction that faulted, and not a
    /// return address.
    pub(super) exact: bool,
    /// Whether the fault was an overflow of the stack.
    pub(super) overflow: bool,
    /// That instruction's, if it is one of the process's code.
    pub(super) opcode: Option<Opcode>,
    pub(super) code: Range<u64>,
    /// Address of `stack[0]`.
    pub stack_start: u64,
    /// A copy of the stack that the entry used, from the stack pointer up.
    pub stack: Vec<u64>,
}

/// No more of a stack is copied: frames above are not shown.
const MAX_STACK_COPY: u64 = 16 << 20;
/// Free room between the frame of a host call and a nested entry's stack.
const NESTED_GAP: u64 = 128;

/// An entry into wasm code that has not ended yet. Lives in [`enter`]'s frame.
pub(super) struct Activation {
    pub(super) entry: Entry,
    /// The thread's own.
    pub(super) space: *const ThreadSpace,
    /// The innermost activation of another process further out, or null.
    pub(super) host_process: *const Activation,
    /// Whether the process has been given away for the time of the entry
    /// (`process::lock`).
    pub(super) given: Cell<bool>,
    pub(super) stop: Option<Stop>,
}

/// What [`Activation::stop`] records.
pub(super) enum Stop {
    Fault {
        signal: i32,
        address: u64,
        registers: Registers,
        overflow: bool,
    },
    Host {
        error: HostError,
        /// Address of the host stub's frame record.
        record: u64,
    },
    Uncaught {
        tag: u64,
        /// Address of the throwing built-in function's frame record.
        record: u64,
    },
}

thread_local! {
    /// The thread's innermost activation. Of a type without destructor and
    /// initialised in place, so that a signal handler may read it.
    pub(super) static CURRENT: Cell<*mut Activation> = const { Cell::new(ptr::null_mut()) };

    /// The vector registers at the thread's last fault of wasm code. Beside the
    /// activation, whose every use would pay for their size.
    pub(super) static VECTORS: Cell<FloatState> = const { Cell::new(FloatState::NONE) };
}

/// Code to be called, and where.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Callee<'a> {
    /// Where code and stack of the thread are.
    pub space: &'a ThreadSpace,
    /// The process, if the caller holds it.
    pub process: Option<NonNull<Process>>,
    /// The base of the domain that it runs in.
    pub base: u64,
    /// Address of the function.
    pub code: u64,
}

/// Calls a wasm function with values of its type.
///
/// # Safety
/// As [`enter`]; `ty` must be the function's type.
pub(crate) unsafe fn call(
    callee: Callee<'_>,
    ty: &FuncType,
    args: &[Val],
) -> Result<Vec<Val>, RawTrap> {
    let fit = |(arg, &ty): (&Val, &ValType)| arg.is_of(ty);
    if args.len() != ty.params.len() || !args.iter().zip(&ty.params).all(fit) {
        let given: Vec<_> = args.iter().map(|v| v.ty()).collect();
        let given = FuncType::new(given, []).to_string();
        let given = given.trim_end_matches(" -> ()");
        return Err(RawTrap::before(format!(
            "a function of type {ty} was called with {given}; give what its type says"
        )));
    }
    let layout = Layout::of(&arch::HOST.calls, ty);
    let mut results = values::area(layout.return_area);
    let mut stack_args = values::area(layout.stack_args);
    let returned = (layout.return_area != 0).then_some(results.as_mut_ptr());
    let write = |regs: &mut Regs, stack_args: &mut Area| {
        if let Some(area) = returned {
            regs.set_return_area(area.expose_provenance() as u64);
        }
        for (arg, &at) in args.iter().zip(&layout.params) {
            values::write(arg.bits(), at, regs, stack_args);
        }
    };
    let shape = Shape::of_type(ty);
    // SAFETY: the caller vouches for the callee. Arguments are where the type's
    // layout says, and results have the area that it asks for.
    let regs = unsafe { enter(callee, shape, &mut stack_args, write, |regs| *regs) }?;
    let result = |(&ty, &at): (&ValType, _)| {
        // SAFETY: the function has returned values of its type.
        Val::from_bits(ty, unsafe { values::read(at, &regs, &results) })
    };
    Ok(ty.results.iter().zip(&layout.results).map(result).collect())
}

/// Enters wasm code: `write` puts the arguments into registers and the area of
/// stack arguments, `read` takes the results.
///
/// A trap or a host function's error ends this call alone: an outer one, whose
/// host function has called here, goes on.
///
/// # Safety
/// Code area, stack, guard and head must be as `space` says, and `host_sp` of the
/// head 0 before the first call. The base must be that of
/// one of the process's domains; the code a function that
/// keeps to the tail convention, and takes and gives what is written and read,
/// `shape` being that of its type. No other thread may run on the stack, and on this
/// one, if wasm code of the process is running, it must be in a host call. Another
/// thread may be in wasm code of the process, or change it, only where its lock is
/// used; `process` must not be used until the call has ended.
#[inline]
pub(crate) unsafe fn enter<R>(
    callee: Callee<'_>,
    shape: Shape,
    stack_args: &mut Area,
    write: impl FnOnce(&mut Regs, &mut Area),
    read: impl FnOnce(&Regs) -> R,
) -> Result<R, RawTrap> {
    let Callee {
        space,
        process,
        base,
        code,
    } = callee;
    let thread = space.head();
    let number = match signal::prepare_thread() {
        Ok(number) => number,
        Err(error) => return Err(RawTrap::before(error)),
    };
    // SAFETY: the caller vouches for the head.
    let outermost = unsafe { (*thread).block.host_sp } == 0;
    let mut activation = Activation {
        entry: Entry {
            regs: Regs::default(),
            code,
            base,
            // SAFETY: as above.
            wasm_sp: unsafe { stack_top(thread, space) },
            stack_args: ptr::null(),
            stack_words: 2 * stack_args.len() as u64,
            head: thread.expose_provenance() as u64,
            host_sp: 0,
            vec_args: shape.vec_args,
            vec_results: shape.vec_results,
        },
        space,
        host_process: host_process(space),
        given: Cell::new(false),
        stop: None,
    };
    write(&mut activation.entry.regs, stack_args);
    activation.entry.stack_args = stack_args.as_ptr().cast();
    if outermost {
        space.entry.enter(number);
        while space.interrupt.pause.is_wanted() {
            space.entry.leave();
            space.interrupt.pause.wait_to_enter();
            space.entry.enter(number);
        }
    }
    let refusal = activation.refusal();
    let returned = match refusal {
        Some(_) => false,
        None => {
            activation.give(process);
            // SAFETY: the caller vouches for the code, the stack below what it is
            // used for by outer activations is free, and the areas outlive the call.
            unsafe { activation.run(thread) }
        }
    };
    if outermost {
        space.entry.leave();
    }
    if activation.given.get() {
        space.shared.lock.take_back(space.head);
    }
    match returned {
        true => Ok(read(&activation.entry.regs)),
        // SAFETY: if the activation has run, it has just stopped: its stack is
        // as it left it.
        false => Err(unsafe { activation.stopped(refusal) }),
    }
}

/// Where an entry's stack begins: at the top, or below the innermost host call.
///
/// # Safety
/// The head must be alive.
#[inline]
unsafe fn stack_top(thread: *const ThreadHead, space: &ThreadSpace) -> u64 {
    // SAFETY: by this function's contract.
    let (host_sp, low) = unsafe { ((*thread).block.host_sp, (*thread).block.wasm_low) };
    match host_sp {
        0 => space.stack.end,
        _ => (low - NESTED_GAP) & !15,
    }
}

/// What [`Activation::host_process`] is for a new activation.
#[inline]
fn host_process(space: &ThreadSpace) -> *const Activation {
    let current = CURRENT.get();
    // SAFETY: a current activation is alive, in the frame of an `enter` further
    // out on this thread, and wasm code does not run now.
    match unsafe { current.as_ref() } {
        Some(outer) if outer.is_of(&space.shared) => outer.host_process,
        _ => current,
    }
}

impl Activation {
    /// Where code and stack of the thread are.
    #[inline]
    pub(super) const fn space(&self) -> &ThreadSpace {
        // SAFETY: `enter`, in whose frame the activation is, was given it.
        unsafe { &*self.space }
    }

    /// Whether it is one of a process.
    #[inline]
    pub(super) fn is_of(&self, shared: &Arc<Shared>) -> bool {
        Arc::ptr_eq(&self.space().shared, shared)
    }

    /// Lets host functions get at the process, which the entry's caller has held.
    #[inline]
    pub(super) fn give(&self, process: Option<NonNull<Process>>) {
        let Some(process) = process else {
            return;
        };
        let space = self.space();
        if space.shared.lock.is_used() {
            space.shared.lock.give(process);
            self.given.set(true);
        } else {
            // SAFETY: the head is the thread's own, and alive.
            unsafe { (*space.head()).process = process.as_ptr().expose_provenance() as u64 };
        }
    }

    /// Whether the process, or one whose host functions have called it, is to
    /// stop. Async-signal-safe.
    #[inline]
    pub(super) fn interrupt_requested(&self) -> bool {
        let mut next = Some(self);
        while let Some(activation) = next {
            if activation.space().interrupt.requested() {
                return true;
            }
            // SAFETY: it is alive, in the frame of an `enter` further out, which
            // changes nothing but `stop` until it goes on.
            next = unsafe { activation.host_process.as_ref() };
        }
        false
    }

    /// Why the call is not to be made, if it is not.
    #[inline]
    fn refusal(&self) -> Option<TrapCode> {
        if self.interrupt_requested() {
            return Some(TrapCode::Interrupted);
        }
        // Wasm code and what it calls of the host may call each other without
        // end, and each time it takes a part of the host's stack too.
        let is_nested = !CURRENT.get().is_null();
        (is_nested && host_stack::is_low()).then_some(TrapCode::StackOverflow)
    }

    /// Enters wasm code, this being the current activation meanwhile. Whether
    /// the code returned.
    ///
    /// # Safety
    /// As [`enter`]; the entry's arguments must be those of the function.
    #[inline]
    unsafe fn run(&mut self, thread: *mut ThreadHead) -> bool {
        let this = ptr::from_mut(self);
        let outer = CURRENT.replace(this);
        // SAFETY: by this function's contract. While wasm code runs, the
        // activation is accessed through `this` alone.
        unsafe {
            let block = &raw mut (*thread).block;
            let before = *block;
            let answer = arch::enter(&raw mut (*this).entry);
            (*block).host_sp = before.host_sp;
            (*block).wasm_sp = before.wasm_sp;
            (*block).wasm_low = before.wasm_low;
            CURRENT.set(outer);
            debug_assert_eq!((*this).stop.is_some(), answer != 0);
            answer == 0
        }
    }

    /// Why the code did not return: it was not entered, or it stopped.
    ///
    /// # Safety
    /// As [`Activation::raw_trap`].
    #[cold]
    unsafe fn stopped(&mut self, refusal: Option<TrapCode>) -> RawTrap {
        match (refusal, self.stop.take()) {
            (Some(code), _) => RawTrap::of(code),
            // SAFETY: by this function's contract.
            (None, Some(stop)) => unsafe { self.raw_trap(stop) },
            (None, None) => unreachable!("whoever leaves wasm code has recorded why"),
        }
    }

    /// What is left of an entry that stopped.
    ///
    /// # Safety
    /// No wasm code may have run on the stack since.
    unsafe fn raw_trap(&self, stop: Stop) -> RawTrap {
        let (reason, registers, exact, overflow) = match stop {
            Stop::Fault {
                signal,
                address: fault_addr,
                registers,
                overflow,
            } => {
                let reason = RawReason::Signal { signal, fault_addr };
                (reason, registers, true, overflow)
            }
            Stop::Host { error, record } => {
                // SAFETY: a host stub has put its frame record there.
                let registers = unsafe { at_record(record) };
                (RawReason::Host(error), registers, false, false)
            }
            Stop::Uncaught { tag, record } => {
                // SAFETY: the built-in function has put its frame record there.
                let registers = unsafe { at_record(record) };
                (RawReason::Uncaught { tag }, registers, false, false)
            }
        };
        let pc = registers.pc();
        let opcode = (exact && self.space().shared.code.contains(&pc)).then(|| {
            // SAFETY: the processor was to execute the instruction, which is in the
            // process's code area, so it is mapped; and code is readable.
            unsafe { live::load::<Opcode>(pc) }
        });
        // SAFETY: nothing has run on the stack since.
        let (stack_start, stack) = unsafe { self.copy_stack(registers.sp()) };
        let site = Site {
            registers,
            // What has faulted has recorded them, and nothing has run since.
            vectors: exact.then(|| VECTORS.get()),
            exact,
            overflow,
            opcode,
            code: self.space().shared.code.clone(),
            stack_start,
            stack,
        };
        let ends = |error: &HostError| matches!(error, HostError::Exit(_) | HostError::EndThread);
        let is_exit = matches!(&reason, RawReason::Host(error) if ends(error));
        RawTrap {
            reason,
            pc: site.registers.pc(),
            site: (!is_exit).then(|| Box::new(site)),
        }
    }

    /// The part of the wasm stack that this entry used, from `sp` up, and the
    /// address where it begins.
    ///
    /// # Safety
    /// The stack must be mapped and no wasm code be running on it.
    unsafe fn copy_stack(&self, sp: u64) -> (u64, Vec<u64>) {
        let top = self.entry.wasm_sp;
        // In a damaged state, or an overflow, sp may point anywhere.
        let start = sp.max(self.space().stack.start).min(top) & !7;
        let end = top.min(start + MAX_STACK_COPY);
        let words = (end.saturating_sub(start) / 8) as usize;
        // SAFETY: start..end is within the stack, which is mapped and which
        // nobody writes to now; both are multiples of 8.
        let stack = unsafe { std::slice::from_raw_parts(start as *const u64, words) };
        (start, stack.to_vec())
    }
}

/// What a frame record says of the registers of who made the call.
///
/// # Safety
/// The saved frame pointer and the return address must stand there.
unsafe fn at_record(record: u64) -> Registers {
    // SAFETY: by this function's contract.
    let [bp, pc] = unsafe { *(record as *const [u64; 2]) };
    Registers::at_record(pc, record + 16, bp)
}

impl RawTrap {
    /// An error before any wasm code ran.
    pub fn before(message: String) -> Self {
        Self {
            reason: RawReason::Host(HostError::Message(message)),
            pc: 0,
            site: None,
        }
    }

    /// Where it was.
    pub(crate) fn into_site(self) -> Option<Box<Site>> {
        self.site
    }

    /// Whether it ends its thread alone.
    pub const fn ends_thread(&self) -> bool {
        matches!(self.reason, RawReason::Host(HostError::EndThread))
    }

    /// A trap before any wasm code ran.
    fn of(code: TrapCode) -> Self {
        Self {
            reason: RawReason::Host(HostError::of(code)),
            pc: 0,
            site: None,
        }
    }
}
