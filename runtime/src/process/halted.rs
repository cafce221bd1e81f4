//! What the other threads of a process use, while they are halted.

use super::Process;
use crate::trap;

/// Words of a host's stack that are read at once.
const BUFFER: usize = 1024;

impl Process {
    /// Whether other threads than this one may be running code of the process.
    pub(crate) fn has_other_threads(&self) -> bool {
        self.shared.lock.is_used() && self.shared.threads.any()
    }

    /// Halts all other threads, calls `word` with every word that they have in registers
    /// and on the stacks that they use, then `look`; and has them go on. Neither may
    /// wait for anything that a thread may have: a lock, or memory. False, and `look` was not
    /// called, if a thread does not halt, or what it uses cannot be read.
    pub(crate) fn with_others_halted<C>(
        &self,
        context: &mut C,
        word: fn(&mut C, u64),
        look: impl FnOnce(&mut C),
    ) -> bool {
        let mut buffer = vec![0; BUFFER];
        let own = trap::space_in(&self.shared).map(|space| &space.entry);
        let state = self.shared.interrupter.state();
        let done = state.with_all_halted(own, |threads| {
            for thread in threads {
                thread.registers().for_each(|value| word(context, value));
                if !thread.host_words(&mut buffer, &mut |value| word(context, value)) {
                    return false;
                }
                thread.stack_words(&mut |value| word(context, value));
            }
            look(context);
            true
        });
        done == Some(true)
    }
}
