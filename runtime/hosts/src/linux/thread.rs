//! Threads: how one is made, what the kernel keeps of each, and how it ends.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::sync_channel;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use wasmaot_runtime::{
    Caller, GuestMemory, HostError, SpawnError, ThreadEntry, ThreadSignal, ThreadStart, wasm_param,
};

use super::call::{Call, DONE};
use super::error::{Error, Result};
use super::{Program, futex};
use crate::lock::lock;
use crate::wait::Cancellation;

/// Number of the first thread, and of the process.
pub(super) const MAIN: u32 = 1;

/// Flags of `clone` that a thread has.
mod flag {
    const VM: u32 = 0x100;
    const FS: u32 = 0x200;
    const FILES: u32 = 0x400;
    const SIGHAND: u32 = 0x800;
    const THREAD: u32 = 0x1_0000;
    const SYSVSEM: u32 = 0x4_0000;
    const SETTLS: u32 = 0x8_0000;
    pub const PARENT_SETTID: u32 = 0x10_0000;
    pub const CHILD_CLEARTID: u32 = 0x20_0000;
    /// Without a meaning to the kernel.
    const DETACHED: u32 = 0x40_0000;

    /// Those that make a thread rather than a process.
    pub const NEEDED: u32 = VM | FS | FILES | SIGHAND | THREAD | SYSVSEM;
    /// Those that it may have besides.
    pub const ALLOWED: u32 = NEEDED | SETTLS | PARENT_SETTID | CHILD_CLEARTID | DETACHED;
}

/// What the kernel keeps of a thread.
#[derive(Default)]
pub(super) struct Thread {
    /// Its number; 0 until that is known.
    number: AtomicU32,
    /// Where a word is to be cleared when it ends; 0 for nowhere.
    clear: AtomicU32,
    /// The list of robust locks that it holds; 0 for none.
    robust: AtomicU32,
    cancellation: Arc<Cancellation>,
    /// What ends the calls that it waits in, from its first cancellation point on.
    signal: OnceLock<ThreadSignal>,
    /// Whether its end is looked after by who has made it.
    cloned: bool,
}

/// The threads of a program by their numbers.
#[derive(Default)]
pub(super) struct Threads(Mutex<HashMap<u32, Arc<Thread>>>);

impl Threads {
    /// That of a number, if it has made itself known.
    fn find(&self, number: u32) -> Option<Arc<Thread>> {
        lock(&self.0).get(&number).map(Arc::clone)
    }

    /// That of a caller.
    fn of(&self, caller: &Caller<'_>) -> Arc<Thread> {
        let number = caller.thread_id();
        let mut all = lock(&self.0);
        let thread = all.entry(number).or_insert_with(|| {
            Arc::new(Thread {
                number: number.into(),
                ..Thread::default()
            })
        });
        Arc::clone(thread)
    }
}

/// Where a new thread's number and area are.
#[derive(Clone, Copy)]
pub(super) struct Places {
    /// Where its number is stored.
    parent_tid: u32,
    /// What it is told of its area: the function that it begins with knows it.
    _tls: u32,
    /// Where a word is cleared when it ends.
    child_tid: u32,
}

wasm_param!(Places {
    parent_tid: u32,
    _tls: u32,
    child_tid: u32
});

/// `__clone_thread`: makes a thread that calls a function of the table with an
/// argument, on a stack of its own. Its number, or an error number below zero.
pub(super) fn clone_thread(
    program: &mut Program<'_>,
    function: u32,
    stack: u32,
    flags: u32,
    arg: i32,
    places: Places,
) -> std::result::Result<i32, HostError> {
    match start(program, function, stack, flags, arg, places) {
        Ok(number) => Ok(number.cast_signed()),
        Err(Error::Number(number)) => Ok(-number),
        Err(Error::End(end)) => Err(end),
    }
}

fn start(
    program: &mut Program<'_>,
    function: u32,
    stack: u32,
    flags: u32,
    arg: i32,
    places: Places,
) -> Result<u32> {
    if flags & flag::NEEDED != flag::NEEDED || flags & !flag::ALLOWED != 0 {
        return Err(Error::EINVAL);
    }
    let told = flags & flag::PARENT_SETTID != 0;
    if told {
        let view = program.caller.view();
        view.check(places.parent_tid.into(), 4)
            .map_err(|_| Error::EFAULT)?;
    }
    let clear = match flags & flag::CHILD_CLEARTID {
        0 => 0,
        _ => places.child_tid,
    };
    let thread = Arc::new(Thread {
        clear: clear.into(),
        cloned: true,
        ..Thread::default()
    });
    // It goes on when its number is where others look for it.
    let (ready, wait) = sync_channel::<()>(1);
    let (threads, ended) = (Arc::clone(&program.state.threads), Arc::clone(&thread));
    let spawned = program.caller.spawn(ThreadStart {
        stack_pointer: Some(stack),
        on_start: Some(Box::new(move |_| {
            // An error says that nobody is there to make it wait.
            let _ = wait.recv();
        })),
        on_end: Some(Box::new(move |caller| ended.end(caller, &threads))),
        ..ThreadStart::new(ThreadEntry::Index {
            index: function,
            arg,
        })
    });
    let number = spawned.map_err(|error| match error {
        SpawnError::NotShared => Error::ENOSYS,
        SpawnError::Entry(_) => Error::EINVAL,
        SpawnError::Trap(trap) => Error::End(trap.into()),
        _ => Error::EAGAIN,
    })?;
    thread.number.store(number, Ordering::Relaxed);
    lock(&program.state.threads.0).insert(number, thread);
    if told {
        let view = program.caller.view();
        // It has been checked.
        let _ = view.write(places.parent_tid.into(), &number.to_le_bytes());
    }
    // The thread waits for it.
    let _ = ready.send(());
    Ok(number)
}

impl Thread {
    /// What the kernel does when a thread ends, in this order: locks that it holds
    /// are marked, the word is cleared, who waits for either is woken.
    fn end(&self, caller: &mut Caller<'_>, threads: &Threads) {
        let number = self.number.load(Ordering::Relaxed);
        let head = self.robust.swap(0, Ordering::Relaxed);
        if head != 0 {
            // The list is the program's: it ends where it leads out of memory.
            let _ = release(caller, head, number);
        }
        let clear = self.clear.swap(0, Ordering::Relaxed);
        if clear != 0 && caller.view().write(clear.into(), &[0; 4]).is_ok() {
            caller.unpark(clear, futex::ANY, 1);
        }
        lock(&threads.0).remove(&number);
    }

    /// Has the thread told that it is cancelled, if it waits at a cancellation
    /// point or comes to one.
    fn cancel(&self, caller: &Caller<'_>) {
        /// Pause between two signals: one that is sent right before the thread
        /// blocks is lost.
        const PAUSE: Duration = Duration::from_micros(200);
        let mut waits = self.cancellation.ask();
        while waits && !caller.interrupted() {
            if let Some(signal) = self.signal.get() {
                signal.send();
            }
            std::thread::sleep(PAUSE);
            waits = self.cancellation.is_unnoticed();
        }
    }
}

/// Marks the locks of a list that a thread holds as those of an owner that has
/// died. The list's head: the first entry, what leads from an entry to its lock,
/// and the entry that was being added or taken out.
fn release(caller: &mut Caller<'_>, head: u32, number: u32) -> Option<()> {
    /// Most entries of a list, which may be a circle.
    const MOST: usize = 2048;
    let word = |view: &GuestMemory<'_>, at: u32| {
        let bytes = view.read_array(at.into()).ok()?;
        Some(u32::from_le_bytes(bytes))
    };
    let view = caller.view();
    let offset = word(&view, head.checked_add(4)?)?;
    let pending = word(&view, head.checked_add(8)?)?;
    // The lowest bit says that the lock inherits priorities.
    let lock_of = |entry: u32| ((entry & !1).wrapping_add(offset), entry & 1 != 0);
    let mut entry = word(&view, head)?;
    for _ in 0..MOST {
        let place = entry & !1;
        if place == head {
            break;
        }
        let next = word(&caller.view(), place);
        if place != pending & !1 {
            let (at, inherits) = lock_of(entry);
            mark(caller, at, inherits, number, false)?;
        }
        entry = next?;
    }
    if pending & !1 != 0 {
        let (at, inherits) = lock_of(pending);
        mark(caller, at, inherits, number, true)?;
    }
    Some(())
}

/// Marks one lock, if the thread holds it, and wakes one that waits for it.
fn mark(
    caller: &mut Caller<'_>,
    at: u32,
    inherits: bool,
    number: u32,
    pending: bool,
) -> Option<()> {
    const WAITERS: u32 = 0x8000_0000;
    const OWNER_DIED: u32 = 0x4000_0000;
    const OWNER: u32 = 0x3fff_ffff;
    let view = caller.view();
    let mut found = view.load_u32(at.into()).ok()?;
    if pending && !inherits && found == 0 {
        // It was given back, and the one to be woken is not yet.
        caller.unpark(at, futex::ANY, 1);
        return Some(());
    }
    loop {
        if found & OWNER != number {
            return Some(());
        }
        let value = found & WAITERS | OWNER_DIED;
        match view.compare_exchange_u32(at.into(), found, value).ok()? {
            Ok(_) => break,
            Err(other) => found = other,
        }
    }
    if !inherits && found & WAITERS != 0 {
        caller.unpark(at, futex::ANY, 1);
    }
    Some(())
}

impl Program<'_> {
    /// What the kernel keeps of the calling thread, for a call that is a
    /// cancellation point.
    pub(super) fn cancellation(&mut self) -> Arc<Cancellation> {
        let thread = self.state.threads.of(&self.caller);
        if thread.signal.get().is_none()
            && let Some(signal) = self.caller.thread_signal()
        {
            // Nobody else sets it: it is the thread's own.
            let _ = thread.signal.set(signal);
        }
        Arc::clone(&thread.cancellation)
    }
}

/// `exit`: of the calling thread alone, and of the program if there is no other.
pub(super) fn exit(call: &mut Call<'_>) -> Result {
    let number = call.caller.thread_id();
    if number == MAIN && !call.caller.has_threads() {
        return Err(Error::End(HostError::Exit(call.int(0))));
    }
    let thread = call.state.threads.of(&call.caller);
    if !thread.cloned {
        thread.end(&mut call.caller, &call.state.threads);
    }
    Err(Error::End(HostError::EndThread))
}

/// `gettid`
pub(super) fn gettid(call: &mut Call<'_>) -> Result {
    Ok(call.caller.thread_id().into())
}

/// `set_tid_address`
pub(super) fn set_tid_address(call: &mut Call<'_>) -> Result {
    let thread = call.state.threads.of(&call.caller);
    thread.clear.store(call.uint(0), Ordering::Relaxed);
    gettid(call)
}

/// Bytes of the head of a list of robust locks.
const ROBUST_HEAD: u32 = 12;

/// `set_robust_list`
pub(super) fn set_robust_list(call: &mut Call<'_>) -> Result {
    if call.uint(1) != ROBUST_HEAD {
        return Err(Error::EINVAL);
    }
    let thread = call.state.threads.of(&call.caller);
    thread.robust.store(call.uint(0), Ordering::Relaxed);
    DONE
}

/// `get_robust_list`
pub(super) fn get_robust_list(call: &mut Call<'_>) -> Result {
    let number = match call.uint(0) {
        0 => call.caller.thread_id(),
        number => existing(call, number.cast_signed())?,
    };
    let thread = call.state.threads.find(number);
    let head = thread.map_or(0, |thread| thread.robust.load(Ordering::Relaxed));
    call.write(call.uint(2), &ROBUST_HEAD.to_le_bytes())?;
    call.write(call.uint(1), &head.to_le_bytes())?;
    DONE
}

/// The number of a thread that there is.
fn existing(call: &Call<'_>, number: i32) -> Result<u32> {
    match u32::try_from(number) {
        Ok(0) | Err(_) => Err(Error::EINVAL),
        Ok(number) if call.caller.has_thread(number) => Ok(number),
        Ok(_) => Err(Error::ESRCH),
    }
}

/// `tkill`
pub(super) fn tkill(call: &mut Call<'_>) -> Result {
    send(call, call.int(0), call.int(1))
}

/// `tgkill`
pub(super) fn tgkill(call: &mut Call<'_>) -> Result {
    if call.uint(0) != MAIN {
        return Err(Error::ESRCH);
    }
    send(call, call.int(1), call.int(2))
}

/// Sends a signal to a thread. That of cancellation is told where the thread waits at
/// a cancellation point; any other does what it does to the process.
fn send(call: &Call<'_>, to: i32, signal: i32) -> Result {
    /// What musl sends to a thread that is to be cancelled.
    const SIGCANCEL: i32 = 33;
    let number = existing(call, to)?;
    match signal {
        SIGCANCEL => {
            // One that is not known has waited nowhere.
            if let Some(thread) = call.state.threads.find(number) {
                thread.cancel(&call.caller);
            }
            DONE
        }
        _ => super::process::raise(signal),
    }
}

/// `sched_yield`
pub(super) fn sched_yield(_: &mut Call<'_>) -> Result {
    std::thread::yield_now();
    DONE
}

/// `sched_getaffinity`: the processors that the host may use.
pub(super) fn sched_getaffinity(call: &mut Call<'_>) -> Result {
    const WORD: usize = 8;
    if call.uint(0) != 0 {
        existing(call, call.int(0))?;
    }
    let set = rustix::thread::sched_getaffinity(None)?;
    let last = (0..rustix::thread::CpuSet::MAX_CPU).rfind(|&cpu| set.is_set(cpu));
    let mut mask = vec![0_u8; (last.unwrap_or(0) / 8 + 1).next_multiple_of(WORD)];
    for cpu in (0..8 * mask.len()).filter(|&cpu| set.is_set(cpu)) {
        mask[cpu / 8] |= 1 << (cpu % 8);
    }
    let room = call.uint(1) as usize;
    if room < mask.len() || !room.is_multiple_of(4) {
        return Err(Error::EINVAL);
    }
    call.write(call.uint(2), &mask)?;
    Ok(mask.len() as u64)
}

/// `membarrier`: among the threads of the process.
pub(super) fn membarrier(call: &mut Call<'_>) -> Result {
    use rustix::thread::{MembarrierCommand, membarrier};
    const QUERY: u32 = 0;
    const PRIVATE_EXPEDITED: u32 = 1 << 3;
    const REGISTER_PRIVATE_EXPEDITED: u32 = 1 << 4;
    if call.uint(1) != 0 {
        return Err(Error::EINVAL);
    }
    match call.uint(0) {
        QUERY => return Ok((PRIVATE_EXPEDITED | REGISTER_PRIVATE_EXPEDITED).into()),
        PRIVATE_EXPEDITED => membarrier(MembarrierCommand::PrivateExpedited)?,
        REGISTER_PRIVATE_EXPEDITED => membarrier(MembarrierCommand::RegisterPrivateExpedited)?,
        _ => return Err(Error::EINVAL),
    }
    DONE
}
