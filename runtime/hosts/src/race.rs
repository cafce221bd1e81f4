//! Calls whose arguments another thread changes, for the tests of the hosts.

use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};

use wasmaot_runtime::{Caller, GuestMemory};

/// Runs `check` while another thread makes a change to the memory, over and over.
pub(crate) fn while_changing(
    memory: &[AtomicU8],
    mut change: impl FnMut(&GuestMemory<'_>) + Send,
    check: impl FnOnce(),
) {
    /// Lets the other thread end, also where a check fails.
    struct Stop<'a>(&'a AtomicBool);

    impl Drop for Stop<'_> {
        fn drop(&mut self) {
            self.0.store(true, Ordering::Relaxed);
        }
    }

    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut caller = Caller::of_shared_memory(memory);
            let view = caller.view();
            while !done.load(Ordering::Relaxed) {
                change(&view);
            }
        });
        let _stop = Stop(&done);
        check();
    });
}

/// A change: one word is stored, then the other.
pub(crate) fn in_turn(at: u64, words: [u32; 2]) -> impl FnMut(&GuestMemory<'_>) + Send {
    move |view| {
        for word in words {
            view.store_u32(at, word).unwrap();
            std::thread::yield_now();
        }
    }
}

/// A change: one of the pieces is stored at one of the words from an address on.
pub(crate) fn at_random<const N: usize>(
    place: u64,
    pieces: [&[u8; 4]; N],
) -> impl FnMut(&GuestMemory<'_>) + Send {
    let mut numbers = Numbers(1);
    move |view| {
        let at = numbers.word(place);
        let piece = pieces[numbers.below(N)];
        view.store_u32(at, u32::from_le_bytes(*piece)).unwrap();
    }
}

/// Numbers that look random, the same for each seed.
pub(crate) struct Numbers(pub u64);

impl Numbers {
    pub fn below(&mut self, most: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (self.0 >> 33) as usize % most
    }

    /// The address of one of the words that change.
    pub fn word(&mut self, place: u64) -> u64 {
        place + 4 * self.below(32) as u64
    }
}
