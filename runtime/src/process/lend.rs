//! A process that is lent to threads of the host
//! ([`Process::scope`](crate::Process::scope)).

use std::ptr::NonNull;
use std::sync::Arc;

use wasmaot_abi::trap::TrapCode;

use super::spawn::data_error;
use super::{Process, ThreadState, heap};
use crate::host::SpawnError;
use crate::trap::{self, RawTrap, Stopped, Trap, TrapReason};

/// Alignment of a stack in linear memory.
const STACK_ALIGN: u64 = 16;

/// A thread of the program that threads of the host run.
#[derive(Debug)]
pub(crate) struct LentThread {
    pub state: ThreadState,
    /// Where its stack in linear memory begins, if it needs one.
    stack: Option<u32>,
}

impl Process {
    /// Gives the process to whoever asks for it. When it has been taken back,
    /// [`Process::end_lending`] is to be called.
    pub(crate) fn lend(&mut self) {
        self.is_lent = true;
        let process = NonNull::from(&mut *self);
        self.shared.lock.give(process);
    }

    /// The threads of the host are gone: if they have ended the program, its own end
    /// now.
    pub(crate) fn end_lending(&mut self) {
        self.is_lent = false;
        let told = self.shared.threads.take_ender();
        // What ended all and nobody has been told of yet, the next call tells.
        if told.is_some() {
            self.end_threads(false);
        }
    }

    /// Makes a thread. What that runs of the program's code, it runs on the stack of the
    /// embedder's thread, where nothing else may run.
    ///
    /// # Errors
    /// [`SpawnError`]; nothing is left of the thread.
    pub(crate) fn prepare_lent_thread(&mut self) -> Result<LentThread, SpawnError> {
        let program = self.link.program.as_ref();
        let stack = match program.is_some_and(|program| !program.stack.is_empty()) {
            true => Some(self.linear_stack()?),
            false => None,
        };
        let state = match self.prepare_thread(stack) {
            Ok(state) => state,
            Err(error) => {
                self.shared.threads.leave_stack(stack);
                return Err(error);
            }
        };
        let thread = LentThread { state, stack };
        match self.make_due_tls(thread.state.window.block()) {
            Ok(()) => Ok(thread),
            Err(error) => {
                self.finish_lent_thread(&thread);
                Err(data_error(error))
            }
        }
    }

    /// Gives back what a thread has had.
    pub(crate) fn finish_lent_thread(&mut self, thread: &LentThread) {
        let LentThread { state, stack } = thread;
        self.shared.threads.leave_stack(*stack);
        let window = Arc::clone(&state.window);
        self.forget_thread(&window);
        self.shared.threads.finish(state.space.number, Some(window));
    }

    /// A stack in the program's memory: where it begins.
    fn linear_stack(&mut self) -> Result<u32, SpawnError> {
        if let Some(stack) = self.shared.threads.take_stack() {
            return Ok(stack);
        }
        let bytes = self.config.shadow_stack;
        let bytes = bytes.checked_next_multiple_of(STACK_ALIGN).unwrap_or(bytes);
        let block = heap::allocate(self, bytes, STACK_ALIGN, "a thread's stack")?;
        // Memory ends before 2^32.
        Ok((block.at + bytes) as u32)
    }

    /// Explains what ended the call of a thread of the host's. It ends all calls of the
    /// process; if another thread has ended all, that is explained, once.
    pub(super) fn explain_end_in_scope(&mut self, raw: RawTrap, number: u32) -> Trap {
        let alone = raw.ends_thread();
        let trap = trap::explain(raw, self);
        let is_interrupted = matches!(trap.reason, TrapReason::Code(TrapCode::Interrupted));
        if is_interrupted && self.shared.interrupter.state().ends() {
            if let Some(end) = self.shared.take_end() {
                self.shared.threads.set_ender(end.thread);
                let mut trap = end.explain(self);
                Stopped::add(&mut trap, self.shared.threads.take_stopped());
                return trap;
            }
            if let Some(thread) = self.shared.threads.ender() {
                return Trap::new(TrapReason::Ended).in_thread(thread);
            }
        } else if !alone && !is_interrupted {
            self.shared.threads.set_ender(number);
            self.shared.interrupter.state().end();
        }
        trap
    }
}
