//! What a process may keep in memory for its program, all kinds of it together.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The budget of a process. Who takes from it is named by an address that
/// belongs to nobody else meanwhile: that of a memory, a table, an image.
#[derive(Debug)]
pub(crate) struct Budget {
    limit: u64,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    used: u64,
    owners: HashMap<u64, u64>,
}

impl Budget {
    /// A budget of so many bytes.
    pub fn new(limit: u64) -> Self {
        Self {
            limit,
            state: Mutex::default(),
        }
    }

    /// Bytes of the whole.
    pub const fn limit(&self) -> u64 {
        self.limit
    }

    /// Bytes that are taken.
    pub fn used(&self) -> u64 {
        self.state().used
    }

    /// Whether so many bytes could be taken.
    pub fn fits(&self, bytes: u64) -> bool {
        bytes <= self.limit - self.used()
    }

    /// Takes bytes for an owner, beside those that it has; false, and none is
    /// taken, if there are not as many.
    pub fn take(&self, owner: u64, bytes: u64) -> bool {
        let mut state = self.state();
        if bytes > self.limit - state.used {
            return false;
        }
        if bytes > 0 {
            state.used += bytes;
            *state.owners.entry(owner).or_default() += bytes;
        }
        true
    }

    /// Gives back some bytes of an owner: at most what it has.
    pub fn give_back(&self, owner: u64, bytes: u64) {
        let mut state = self.state();
        if let Some(own) = state.owners.get_mut(&owner) {
            let bytes = bytes.min(*own);
            *own -= bytes;
            state.used -= bytes;
        }
    }

    /// Gives back all that an owner has.
    pub fn release(&self, owner: u64) {
        let mut state = self.state();
        if let Some(bytes) = state.owners.remove(&owner) {
            state.used -= bytes;
        }
    }

    /// Whatever a panic has left behind is whole: nothing here panics half-way.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn owners_share_one_limit() {
        let budget = Budget::new(100);
        assert!(budget.take(1, 60) && budget.take(2, 30) && budget.take(1, 10));
        assert!(!budget.take(3, 1) && !budget.take(3, u64::MAX) && budget.take(3, 0));
        budget.give_back(1, 5);
        assert!(budget.fits(5) && !budget.fits(6));
        budget.release(1);
        budget.release(4);
        assert_eq!(budget.used(), 30);
        assert!(budget.take(3, 70) && !budget.fits(1));
    }
}
