//! Starting threads, and what they run.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread;

use wasmaot_abi::object::SymbolKind;
use wasmaot_abi::types::{FuncType, ValType};

use super::c_tls::TlsInit;
use super::thread::ThreadState;
use super::{Claim, Process, Shared};
use crate::error::{Error, SystemError};
use crate::host::{Caller, SpawnError, ThreadEntry, ThreadHook, ThreadStart};
use crate::space::Domain;
use crate::sys::Window;
use crate::sys::live::MemoryAt;
use crate::trap::{self, Callee, RawTrap, panic_text};
use crate::value::Val;

/// Bytes of the host's stack of a thread: for host functions, and wasm code that they
/// call.
const HOST_STACK: usize = 2 << 20;

/// Code that a thread begins with.
struct Entry {
    base: u64,
    code: u64,
    ty: FuncType,
    args: Vec<Val>,
}

impl Process {
    /// Makes what a new thread needs, at the cost of the thread that calls this: its
    /// window, and its blocks of the libraries' data, from the program's allocator.
    /// `stack_pointer`: of its own stack in linear memory; without one, the first thread's.
    ///
    /// # Errors
    /// [`SpawnError`]; nothing is left of the thread.
    pub(crate) fn prepare_thread(
        &mut self,
        stack_pointer: Option<u32>,
    ) -> Result<ThreadState, SpawnError> {
        let threads = &self.shared.threads;
        if !self.shared.lock.is_used() {
            return Err(match self.space.domains.iter().any(Domain::is_shared) {
                true => SpawnError::TooMany(threads.max()),
                false => SpawnError::NotShared,
            });
        }
        let number = threads.begin();
        let number = number.ok_or_else(|| SpawnError::TooMany(threads.max()))?;
        let prepared = self.prepare_numbered(number, stack_pointer);
        if prepared.is_err() {
            self.shared.threads.finish(number, None);
        }
        prepared
    }

    fn prepare_numbered(
        &mut self,
        number: u32,
        stack_pointer: Option<u32>,
    ) -> Result<ThreadState, SpawnError> {
        let window = match self.shared.threads.reuse() {
            Some(window) => window,
            None => Arc::new(Window::new(self.config.stack_size)?),
        };
        let thread = window.block();
        self.space.locals.add(Arc::clone(&window))?;
        let state = ThreadState::new(window, number, &self.shared);
        let first = self.space.locals.first_stack_pointer().unwrap_or(0);
        state.set_stack_pointer(stack_pointer.map_or(first, u64::from));
        // What is loaded meanwhile is for the loading thread to make.
        // Who opens a library is waited for only if something is to be taken.
        let taken = match self.needs_tls_blocks(thread) {
            Ok(false) => Ok(Ok(())),
            _ => self.with_dl(|process| process.take_tls_blocks(thread)),
        };
        match taken {
            Ok(Ok(())) => Ok(state),
            Ok(Err(error)) | Err(error) => {
                self.forget_thread(&state.window);
                Err(data_error(error))
            }
        }
    }

    /// Forgets what a thread that runs nothing any more has had.
    pub(super) fn forget_thread(&mut self, window: &Window) {
        self.give_tls_blocks(window.block());
        self.space.locals.remove(window);
    }

    /// Starts a thread of the program; its number.
    ///
    /// # Errors
    /// [`SpawnError`]; nothing is left of the thread.
    pub(crate) fn spawn(&mut self, caller: u64, start: ThreadStart) -> Result<u32, SpawnError> {
        let mut entry = self.entry(caller, &start.entry)?;
        let state = self.prepare_thread(start.stack_pointer)?;
        let number = state.space.number;
        let window = Arc::clone(&state.window);
        if let ThreadEntry::Export { .. } = start.entry {
            entry.args.insert(0, Val::I32(number as i32));
        }
        state.space.entry.paused.begin_with(entry.code);
        let running = Running {
            shared: Arc::clone(&self.shared),
            state,
            entry,
            on_start: start.on_start,
            on_end: start.on_end,
        };
        let named = thread::Builder::new().name(format!("wasm-{number}"));
        let spawned = named.stack_size(HOST_STACK).spawn(move || running.run());
        match spawned {
            Ok(_) => Ok(number),
            Err(error) => {
                self.forget_thread(&window);
                self.shared.threads.finish(number, None);
                Err(SystemError::new("start a thread", error).into())
            }
        }
    }

    /// The code that an entry names, for a caller in the domain of a base.
    fn entry(&mut self, caller: u64, entry: &ThreadEntry) -> Result<Entry, SpawnError> {
        let mut domains = self.space.domains.iter();
        let domain = domains.position(|domain| domain.base() == caller);
        let domain = domain.ok_or_else(|| SpawnError::Entry("no such memory".to_owned()))?;
        match entry {
            ThreadEntry::Export { name, arg } => {
                let ty = FuncType::new([ValType::I32, ValType::I32], []);
                let code = self.exported(domain, name, &ty)?;
                let args = vec![Val::I32(*arg)];
                Ok(Entry {
                    base: caller,
                    code,
                    ty,
                    args,
                })
            }
            &ThreadEntry::Index { index, arg } => {
                let ty = FuncType::new([ValType::I32], [ValType::I32]);
                let function = self.table_function(domain, index);
                let function = function.filter(|f| self.link.types.is(f.type_id, &ty));
                let function = function.ok_or_else(|| {
                    SpawnError::Entry(format!(
                        "there is no function of type {ty} at index {index}"
                    ))
                })?;
                let args = vec![Val::I32(arg)];
                Ok(Entry {
                    base: caller,
                    code: function.code,
                    ty,
                    args,
                })
            }
        }
    }

    /// Code of an export of the program's main object, or of a module of the caller's
    /// domain.
    fn exported(&mut self, domain: usize, name: &str, ty: &FuncType) -> Result<u64, SpawnError> {
        let missing = || SpawnError::Entry(format!("the program exports no function `{name}`"));
        let target = {
            let main = self.link.program.as_ref().map(|program| program.main);
            let own = self.link.instances.iter();
            let own = own.filter(|(_, instance)| instance.domain == domain);
            let mut all = main.into_iter().chain(own.map(|(number, _)| number));
            all.find_map(|n| self.view().export(n, name, SymbolKind::Function))
        };
        let target = target.ok_or_else(missing)?;
        let found = self.view().type_of(target).ok_or_else(missing)?.clone();
        if found != *ty {
            return Err(SpawnError::Entry(format!(
                "the program exports `{name}` of type {found}, where a thread begins with {ty}"
            )));
        }
        let function = self.linker().function(target).ok().flatten();
        let function = function.filter(|f| f.domain.is_none_or(|of| of == domain));
        Ok(function.ok_or_else(missing)?.code)
    }
}

/// A thread, as it runs.
struct Running {
    shared: Arc<Shared>,
    state: ThreadState,
    entry: Entry,
    on_start: Option<ThreadHook>,
    on_end: Option<ThreadHook>,
}

impl Running {
    fn run(mut self) {
        let number = self.state.space.number;
        let ended = catch_unwind(AssertUnwindSafe(|| self.run_code()));
        let stop = match ended {
            Ok(Ok(())) => None,
            Ok(Err(raw)) if raw.ends_thread() => None,
            Ok(Err(raw)) => Some(raw),
            Err(panic) => Some(RawTrap::before(format!(
                "a hook of a thread panicked: {}",
                panic_text(&*panic)
            ))),
        };
        match stop {
            Some(raw) => self.shared.end_by(number, raw),
            None => {
                let hook = self.on_end.take();
                let _ = catch_unwind(AssertUnwindSafe(|| self.hook(hook)));
            }
        }
        let Self { shared, state, .. } = self;
        let window = Arc::clone(&state.window);
        // SAFETY: the state outlives the claim.
        let claim = unsafe { Claim::of_thread(&state.space) };
        forget(claim.patient(), &window);
        drop(state);
        shared.threads.finish(number, Some(window));
    }

    fn run_code(&mut self) -> Result<(), RawTrap> {
        let hook = self.on_start.take();
        self.hook(hook);
        self.make_data()?;
        let callee = self.callee(self.entry.base, self.entry.code);
        // SAFETY: the window is the thread's own and runs nothing yet; base and code are
        // those of a function of this type, which stays as long as the process, and that
        // waits for its threads; its lock is used.
        unsafe { trap::call(callee, &self.entry.ty, &self.entry.args) }.map(drop)
    }

    /// Makes the thread's copies of data of C.
    fn make_data(&self) -> Result<(), RawTrap> {
        let thread = self.state.window.block();
        let inits = self.change(|process| process.tls_inits(thread));
        for TlsInit { base, code, at } in inits.unwrap_or_default() {
            let callee = self.callee(base, code);
            let address = Val::I32(at as i32);
            // SAFETY: as below; the object of the function stays until the thread is
            // ready.
            unsafe { trap::call(callee, &TlsInit::ty(), &[address]) }?;
        }
        self.change(|process| process.tls_is_ready(thread));
        Ok(())
    }

    /// Changes the process, which the thread holds meanwhile.
    fn change<R>(&self, change: impl FnOnce(&mut Process) -> R) -> Option<R> {
        // SAFETY: the state is this value's.
        let mut claim = unsafe { Claim::of_thread(&self.state.space) };
        claim.change(change)
    }

    fn callee(&self, base: u64, code: u64) -> Callee<'_> {
        Callee {
            space: &self.state.space,
            process: None,
            base,
            code,
        }
    }

    /// Runs a hook with the program's memory.
    fn hook(&self, hook: Option<ThreadHook>) {
        let Some(hook) = hook else {
            return;
        };
        // SAFETY: the state is this value's.
        let mut claim = unsafe { Claim::of_thread(&self.state.space) };
        // SAFETY: the base is that of a domain, which the process keeps until its
        // threads have ended.
        let memory = unsafe { MemoryAt::new(self.entry.base) };
        hook(&mut Caller::in_process(memory, &mut claim));
    }
}

/// Why a thread's data cannot be made.
pub(super) fn data_error(error: Error) -> SpawnError {
    match error {
        Error::Init { trap, .. } => SpawnError::Trap(*trap),
        error => error.into(),
    }
}

/// Has a process forget a thread that has ended.
fn forget(mut claim: Claim, window: &Window) {
    let _ = claim.change(|process| process.forget_thread(window));
}
