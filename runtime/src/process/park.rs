//! Threads that wait for a word of memory, and who wakes them: the instructions
//! `memory.atomic.wait` and `notify`, and the futexes of a host.
//!
//! Waiters stand in a queue for each address of the host, in the order in which they
//! came. A value is compared, and a waiter put into its queue, under the queue's
//! lock, which whoever wakes takes after it has written: so no wake is lost. The
//! kernel's own futexes compare 32 bits only, and the instructions have 64 too.
//!
//! A queue's lock is taken while no other lock is, and nothing is waited for under it.

use std::io;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use rustix::thread::futex;

/// Queues of several addresses share a lock.
const BUCKETS: usize = 64;
static QUEUES: [Mutex<Vec<Arc<Waiter>>>; BUCKETS] = [const { Mutex::new(Vec::new()) }; BUCKETS];

/// Every waiter's: any wake is meant for it.
pub(crate) const ANY: u32 = u32::MAX;

/// A thread that waits.
struct Waiter {
    /// The address; another thread may make it wait at another one.
    address: AtomicU64,
    /// What wakes are for it.
    bits: u32,
    /// 0 until it is woken; what it sleeps on.
    woken: AtomicU32,
}

/// How a wait ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Parked {
    /// Somebody woke the thread.
    Woken,
    /// The word was another already.
    Differs,
    /// The time is over.
    TimedOut,
    /// The thread is to stop.
    Stopped,
}

fn bucket(address: u64) -> usize {
    // Words of 4 bytes lie side by side.
    (address >> 2) as usize % BUCKETS
}

/// The list is whole whenever it is unlocked.
fn queues(bucket: usize) -> MutexGuard<'static, Vec<Arc<Waiter>>> {
    QUEUES[bucket]
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
}

/// Waits at an address until somebody wakes the thread, unless the word there
/// `differs` from what is expected, or the thread is to `stop`, which is asked whenever a
/// signal has ended its sleep.
pub(crate) fn park(
    address: u64,
    bits: u32,
    deadline: Option<Instant>,
    differs: impl FnOnce() -> bool,
    stop: &dyn Fn() -> bool,
) -> Parked {
    let waiter = Arc::new(Waiter {
        address: AtomicU64::new(address),
        bits,
        woken: AtomicU32::new(0),
    });
    {
        let mut queue = queues(bucket(address));
        if differs() {
            return Parked::Differs;
        }
        queue.push(Arc::clone(&waiter));
    }
    let end = sleep(&waiter, deadline, stop);
    // Whoever has taken it out of its queue meanwhile has woken it.
    match end != Parked::Woken && !leave(&waiter) {
        true => Parked::Woken,
        false => end,
    }
}

/// Sleeps until the waiter is woken, the time is over, or the thread is to stop.
fn sleep(waiter: &Waiter, deadline: Option<Instant>, stop: &dyn Fn() -> bool) -> Parked {
    while waiter.woken.load(Ordering::Acquire) == 0 {
        if stop() {
            return Parked::Stopped;
        }
        let left = deadline.map(|at| at.saturating_duration_since(Instant::now()));
        if left.is_some_and(|left| left.is_zero()) {
            return Parked::TimedOut;
        }
        // Longer than the system can count is for ever.
        let left = left.and_then(|left| futex::Timespec::try_from(left).ok());
        // However the call ends, the loop looks again. A request to stop ends it, too.
        let _ = futex::wait(&waiter.woken, futex::Flags::PRIVATE, 0, left.as_ref());
    }
    Parked::Woken
}

/// Takes a waiter out of its queue; false if it is in none any more.
fn leave(waiter: &Arc<Waiter>) -> bool {
    loop {
        let address = waiter.address.load(Ordering::Acquire);
        let mut queue = queues(bucket(address));
        if waiter.address.load(Ordering::Acquire) != address {
            // It has been moved to another queue.
            continue;
        }
        let found = queue.iter().position(|other| Arc::ptr_eq(other, waiter));
        return found.map(|at| queue.remove(at)).is_some();
    }
}

/// Wakes at most `count` threads that wait at an address, those first that have waited
/// longest, of those that have one of these bits: how many.
pub(crate) fn unpark(address: u64, bits: u32, count: u32) -> u32 {
    let woken = take(&mut queues(bucket(address)), address, bits, count);
    woken.iter().for_each(|waiter| wake(waiter));
    woken.len() as u32
}

/// Wakes at most `count` threads that wait at an address, and has at most `more` others
/// wait at another one; how many of either. None, and nothing is done, where the word
/// `differs` from what is expected.
pub(crate) fn requeue(
    from: u64,
    to: u64,
    (count, more): (u32, u32),
    differs: impl FnOnce() -> bool,
) -> Option<(u32, u32)> {
    let (source, target) = (bucket(from), bucket(to));
    // In the order of their numbers, so that no two threads wait for each other.
    let (mut low, mut high) = match source.cmp(&target) {
        std::cmp::Ordering::Less => (queues(source), Some(queues(target))),
        std::cmp::Ordering::Equal => (queues(source), None),
        std::cmp::Ordering::Greater => {
            let target = queues(target);
            (queues(source), Some(target))
        }
    };
    if differs() {
        return None;
    }
    let woken = take(&mut low, from, ANY, count);
    let moved = match from == to {
        true => Vec::new(),
        false => take(&mut low, from, ANY, more),
    };
    for waiter in &moved {
        waiter.address.store(to, Ordering::Release);
    }
    let counts = (woken.len() as u32, moved.len() as u32);
    high.as_mut().unwrap_or(&mut low).extend(moved);
    drop((low, high));
    woken.iter().for_each(|waiter| wake(waiter));
    Some(counts)
}

/// Takes waiters out of a queue.
fn take(queue: &mut Vec<Arc<Waiter>>, address: u64, bits: u32, count: u32) -> Vec<Arc<Waiter>> {
    let mut left = count;
    let is_meant = |waiter: &mut Arc<Waiter>| {
        let is = left > 0
            && waiter.address.load(Ordering::Relaxed) == address
            && waiter.bits & bits != 0;
        left -= u32::from(is);
        is
    };
    queue.extract_if(.., is_meant).collect()
}

/// Wakes one that is in no queue any more.
fn wake(waiter: &Waiter) {
    waiter.woken.store(1, Ordering::Release);
    let result: io::Result<usize> =
        futex::wake(&waiter.woken, futex::Flags::PRIVATE, 1).map_err(Into::into);
    debug_assert!(result.is_ok(), "a word of this process: {result:?}");
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::thread;
    use std::time::Duration;

    fn soon() -> Option<Instant> {
        Some(Instant::now() + Duration::from_millis(5))
    }

    /// Waits until as many stand in the queue of an address.
    fn wait_for(address: u64, count: usize) {
        let stands = |waiter: &&Arc<Waiter>| waiter.address.load(Ordering::Relaxed) == address;
        while queues(bucket(address)).iter().filter(stands).count() < count {
            thread::yield_now();
        }
    }

    #[test]
    fn waits_end_by_themselves() {
        let word = AtomicU32::new(7);
        let at = (&raw const word).addr() as u64;
        assert_eq!(park(at, ANY, None, || true, &|| false), Parked::Differs);
        assert_eq!(park(at, ANY, soon(), || false, &|| false), Parked::TimedOut);
        assert_eq!(
            park(at, ANY, Some(Instant::now()), || false, &|| false),
            Parked::TimedOut
        );
        assert_eq!(unpark(at, ANY, 1), 0);
    }

    #[test]
    fn those_that_came_first_are_woken_first_and_only_those_that_are_meant() {
        let word = AtomicU32::new(0);
        let at = (&raw const word).addr() as u64;
        thread::scope(|scope| {
            let waiters: Vec<_> = [1, 2, 3, 1]
                .into_iter()
                .enumerate()
                .map(|(number, bits)| {
                    let waiter = scope.spawn(move || park(at, bits, None, || false, &|| false));
                    wait_for(at, number + 1);
                    waiter
                })
                .collect();
            assert_eq!(unpark(at, 4, 9), 0);
            assert_eq!(unpark(at, 2, 1), 1);
            while !waiters[1].is_finished() {
                thread::yield_now();
            }
            assert!(!waiters[2].is_finished());
            assert_eq!(unpark(at, ANY, 2), 2);
            assert_eq!(unpark(at, ANY, u32::MAX), 1);
            for waiter in waiters {
                assert_eq!(waiter.join().unwrap(), Parked::Woken);
            }
        });
    }

    #[test]
    fn waiters_go_to_another_queue() {
        let words = [const { AtomicU32::new(0) }; 2];
        let [from, to] = [&words[0], &words[1]].map(|word| std::ptr::from_ref(word).addr() as u64);
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(move || {
                    assert_eq!(park(from, ANY, None, || false, &|| false), Parked::Woken)
                });
            }
            wait_for(from, 4);
            assert_eq!(requeue(from, to, (1, 2), || true), None);
            assert_eq!(requeue(from, to, (1, 2), || false), Some((1, 2)));
            wait_for(to, 2);
            assert_eq!(unpark(to, ANY, u32::MAX), 2);
            assert_eq!(unpark(from, ANY, u32::MAX), 1);
        });
    }
}
