//! Calls of functions by the host, and what host functions ask of their caller.

use std::ptr::NonNull;
use std::sync::Arc;

use wasmaot_abi::context::{FuncRef, TABLE_ENTRY_SIZE};
use wasmaot_abi::trap::TrapCode;
use wasmaot_abi::types::{FuncType, HeapType, ValType};

use super::Process;
use super::threads::End;
use crate::link::Target;
use crate::sys::live;
use crate::trap::{self, Callee, RawTrap, Stopped, ThreadSpace, Trap, TrapReason};
use crate::value::Val;

impl Process {
    /// Whether a value is one of a type in this process: functions and
    /// exceptions must be its own, so that no host can make one up.
    pub(crate) fn is_of(&self, value: Val, ty: ValType) -> bool {
        let right = match (ty.as_ref_type().map(|ty| ty.heap), value) {
            (Some(heap), Val::FuncRef(at)) if at != 0 => match (self.record_type(at), heap) {
                (Some(id), HeapType::Type(wanted)) => self.link.types.get(id) == Some(wanted),
                (found, _) => found.is_some(),
            },
            (Some(HeapType::Exn), Val::ExnRef(at)) if at != 0 => self.shared.exceptions.is_kept(at),
            _ => true,
        };
        right && value.is_of(ty)
    }

    /// The type of the function whose record is at an address, if one is.
    fn record_type(&self, at: u64) -> Option<u32> {
        let instance = &self.link.instances[self.link.instances.at(at)?];
        let vaddr = at - instance.image.start();
        let offset = vaddr.checked_sub(instance.object.funcrefs())?;
        let number = u32::try_from(offset / TABLE_ENTRY_SIZE).ok()?;
        let record = instance.object.function(number)?;
        (offset % TABLE_ENTRY_SIZE == 0).then_some(record.type_id)
    }

    /// Calls code of a domain. The type must be the code's own: it comes from
    /// the record of its symbol.
    pub(crate) fn call_code(
        &mut self,
        domain: usize,
        code: u64,
        ty: &FuncType,
        args: &[Val],
    ) -> Result<Vec<Val>, Trap> {
        let base = self.space.domains[domain].base();
        // SAFETY: the base is that of a domain, and the code a function of that
        // domain and type, in a sealed object.
        unsafe { self.enter(base, code, |callee| trap::call(callee, ty, args)) }
    }

    /// Has `call` enter code of the process.
    ///
    /// # Safety
    /// `base` must be that of one of the process's domains, `code` a function of
    /// that domain, in a sealed object, of the type that `call` enters it by.
    #[inline]
    pub(crate) unsafe fn enter<R>(
        &mut self,
        base: u64,
        code: u64,
        call: impl FnOnce(Callee<'_>) -> Result<R, RawTrap>,
    ) -> Result<R, Trap> {
        // SAFETY: by this function's contract.
        unsafe { self.enter_on(None, base, code, call) }
    }

    /// The same on a thread of the host's; without one, on the thread whose wasm code
    /// has called the host, or else the first.
    ///
    /// # Safety
    /// As [`Process::enter`]; the thread is one of the process's, and nobody else uses
    /// its stack.
    #[inline]
    pub(crate) unsafe fn enter_on<R>(
        &mut self,
        thread: Option<&ThreadSpace>,
        base: u64,
        code: u64,
        call: impl FnOnce(Callee<'_>) -> Result<R, RawTrap>,
    ) -> Result<R, Trap> {
        let space = Arc::as_ptr(&self.thread.space);
        // Wasm code of this process that has called the host runs on another thread
        // than the embedder's, perhaps.
        let outer = trap::space_in(&self.shared);
        let process = NonNull::from(&mut *self);
        // The head, code area and stack are the thread's own. `&mut self` keeps
        // others out meanwhile; host functions get at the process by what is
        // given to the call, and nothing here uses `self` until they have ended.
        // SAFETY: the process keeps it for as long as it lives.
        let own = thread.unwrap_or_else(|| unsafe { &*space });
        let called = call(Callee {
            space: outer.unwrap_or(own),
            process: Some(process),
            base,
            code,
        });
        match called {
            Ok(result) => Ok(result),
            Err(raw) if outer.is_none() => Err(self.explain_end(raw, own.number)),
            Err(raw) => Err(trap::explain(raw, self)),
        }
    }

    /// Explains a stop that ends a call of the embedder's. It ends all threads of the
    /// process; if another thread has ended all, that is explained.
    #[cold]
    fn explain_end(&mut self, raw: RawTrap, number: u32) -> Trap {
        if self.is_lent {
            return self.explain_end_in_scope(raw, number);
        }
        let waits = raw.ends_thread();
        let end = match self.shared.lock.is_used() {
            true => self.end_threads(waits),
            false => None,
        };
        let mut trap = match end {
            Some(end) => {
                self.shared.threads.keep(number, raw);
                end.explain(self)
            }
            None if waits && self.shared.is_to_stop() => {
                Trap::new(TrapReason::Code(TrapCode::Interrupted))
            }
            // The last thread: the program has come to its end.
            None if waits => Trap::new(TrapReason::Exit(0)),
            None => trap::explain(raw, self),
        };
        Stopped::add(&mut trap, self.shared.threads.take_stopped());
        trap
    }

    /// Ends all threads but the embedder's, which runs this; or waits until they have
    /// ended by themselves. What one of them has ended all with.
    pub(crate) fn end_threads(&mut self, wait: bool) -> Option<End> {
        // They may be about to ask for the process.
        self.away(|shared| {
            if wait {
                shared.wait_for_others();
            }
            shared.end_others();
        });
        self.shared.take_end()
    }

    /// Ends all threads of a program whose first one has ended.
    ///
    /// # Errors
    /// What one of them has ended all with.
    pub(crate) fn end_program(&mut self) -> Result<(), Trap> {
        if !self.shared.lock.is_used() {
            return Ok(());
        }
        match self.end_threads(false) {
            Some(end) => {
                let mut trap = end.explain(self);
                Stopped::add(&mut trap, self.shared.threads.take_stopped());
                Err(trap)
            }
            None => Ok(()),
        }
    }

    /// Where stack and block of this thread are.
    pub(super) fn thread_space(&self) -> &ThreadSpace {
        trap::space_in(&self.shared).unwrap_or(&self.thread.space)
    }

    /// The instance whose code has called the host function that runs.
    pub(crate) fn caller(&self) -> Option<usize> {
        let thread = self.thread_space();
        let block = thread.block();
        // A frame record: the saved frame pointer, the return address.
        let mut record = thread.stack_words(block.wasm_sp);
        let pc = record.nth(1).filter(|_| block.host_sp != 0)?;
        self.link.instances.at(pc)
    }

    /// The words of the stack that wasm code uses now.
    pub(crate) fn stack_words(&self, f: &mut dyn FnMut(u64)) {
        let thread = self.thread_space();
        let block = thread.block();
        if block.host_sp != 0 {
            thread.stack_words(block.wasm_low).for_each(f);
        }
    }

    /// Calls the function of a target, in its own domain or the program's.
    pub(crate) fn call_target(
        &mut self,
        target: Target,
        ty: &FuncType,
        args: &[Val],
    ) -> Result<Vec<Val>, Trap> {
        let failed = |what: &str| Trap::new(TrapReason::Host(what.to_owned()));
        let function = self.linker().function(target).ok().flatten();
        let function = function.ok_or_else(|| failed("a call of what is no function"))?;
        let sealed = self.space.stubs.seal();
        sealed.map_err(|e| failed(&e.to_string()))?;
        let program = self.link.program.as_ref().map(|p| p.domain);
        let domain = function.domain.or(program);
        let domain = domain.ok_or_else(|| failed("a call without a program"))?;
        self.call_code(domain, function.code, ty, args)
    }

    /// Calls the function at an index of the program's table.
    pub(crate) fn call_index(
        &mut self,
        index: u32,
        ty: &FuncType,
        args: &[Val],
    ) -> Result<Vec<Val>, Trap> {
        let failed = |what: &str| Trap::new(TrapReason::Host(format!("{what} at index {index}")));
        let domain = self.link.program.as_ref().map(|p| p.domain);
        let domain = domain.ok_or_else(|| failed("no program"))?;
        let function = self.table_function(domain, index);
        let function = function.ok_or_else(|| failed("a call of no function"))?;
        if !self.link.types.is(function.type_id, ty) {
            return Err(failed("a call of a function of another type"));
        }
        self.call_code(domain, function.code, ty, args)
    }

    /// The function at an index of a domain's table, by its record: the entry may be
    /// changing.
    pub(super) fn table_function(&self, domain: usize, index: u32) -> Option<FuncRef> {
        let entry = self.space.domains[domain].entry(index.into())?;
        let record = self.space.code.range().start + u64::from(entry.record);
        // SAFETY: an entry has the number of a record, which stays where it is while the
        // process is held.
        (entry.record != 0).then(|| unsafe { live::load(record) })
    }
}
