//! Thread-local storage: which part of it each object has, what that is at
//! first, and the windows of the threads, in each of which an object's part has the
//! same offset.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use wasmaot_abi::context::{ThreadBlock, WINDOW_TLS, WINDOW_TLS_SIZE};

use crate::ranges::Ranges;
use crate::sys::{Budget, SystemError, Window, live};

const WORD: u64 = size_of::<u64>() as u64;
/// Parts begin at multiples of it at least, as values of the widest type do.
const ALIGN: u64 = 16;

/// The thread-local storage of a process's threads.
#[derive(Debug)]
pub(crate) struct ThreadLocals {
    /// Offsets from the thread pointer that no object has.
    free: Ranges,
    /// What each part is in a new thread, by the part's offset.
    templates: BTreeMap<u64, Box<[u64]>>,
    /// Of all threads that may run code of the process, by the address of their block.
    windows: BTreeMap<u64, Arc<Window>>,
    /// What the parts count against, for each thread.
    budget: Arc<Budget>,
    /// The block of the thread that uses the process now.
    current: u64,
    /// What the first thread's `env.__stack_pointer` was at first, where a module's
    /// stack pointer is in the threads' blocks.
    first_stack_pointer: Option<u64>,
}

impl ThreadLocals {
    /// That of a process with one thread, in which nothing is loaded.
    pub fn new(first: Arc<Window>, budget: Arc<Budget>) -> Self {
        Self {
            budget,
            free: Ranges::from_range(WINDOW_TLS..WINDOW_TLS + WINDOW_TLS_SIZE),
            templates: BTreeMap::new(),
            current: first.block(),
            windows: BTreeMap::from([(first.block(), first)]),
            first_stack_pointer: None,
        }
    }

    /// Takes a part of so many bytes, zero at first: its offset from the thread
    /// pointer. None if there is no such room, or it is more than the process may use.
    pub fn take(&mut self, bytes: u64, align: u64) -> Option<u64> {
        let len = bytes.checked_next_multiple_of(WORD)?;
        let at = self.free.take(len, align.max(ALIGN))?;
        let mut charged = self.windows.keys();
        if let Some(&refused) = charged.find(|&&block| !self.budget.take(block, len)) {
            let before = self.windows.keys().take_while(|&&block| block != refused);
            before.for_each(|&block| self.budget.give_back(block, len));
            self.free.insert(at..at + len);
            return None;
        }
        let words = vec![0; (len / WORD) as usize];
        self.templates.insert(at, words.into());
        Some(at)
    }

    /// Gives a part back. No code may be left that uses it.
    pub fn release(&mut self, at: u64) {
        if let Some(words) = self.templates.remove(&at) {
            let range = range(at, &words);
            let len = range.end - range.start;
            let all = self.windows.keys();
            all.for_each(|&block| self.budget.give_back(block, len));
            self.free.insert(range);
        }
    }

    /// Bytes that no object has.
    pub fn spare(&self) -> u64 {
        self.free.iter().map(|free| free.end - free.start).sum()
    }

    /// Makes a part accessible in every thread, with these bytes at its start and
    /// zeros behind them.
    pub fn fill(&mut self, at: u64, image: &[u8]) -> Result<(), SystemError> {
        let Some(words) = self.templates.get_mut(&at) else {
            return Ok(());
        };
        words.fill(0);
        for (word, bytes) in words.iter_mut().zip(image.chunks(WORD as usize)) {
            let mut whole = [0; WORD as usize];
            whole[..bytes.len()].copy_from_slice(bytes);
            *word = u64::from_le_bytes(whole);
        }
        let words = &*words;
        let mut windows = self.windows.values();
        windows.try_for_each(|window| write(window, at, words))
    }

    /// Has every other thread begin with what a part is in the current one.
    pub fn spread(&mut self, at: u64) -> Result<(), SystemError> {
        let Some(words) = self.templates.get_mut(&at) else {
            return Ok(());
        };
        let Some(current) = self.windows.get(&self.current) else {
            return Ok(());
        };
        let now = current.tls(range(at, words)).unwrap_or_default();
        for (word, now) in words.iter_mut().zip(now) {
            *word = now.load(Ordering::Relaxed);
        }
        let words = &*words;
        let others = self.windows.iter();
        let mut others = others.filter(|&(&block, _)| block != self.current);
        others.try_for_each(|(_, window)| write(window, at, words))
    }

    /// Adds the window of a thread that has not run anything yet: all parts are as
    /// their templates.
    pub fn add(&mut self, window: Arc<Window>) -> Result<(), SystemError> {
        let words = self.templates.values().map(|words| words.len() as u64);
        let bytes = words.sum::<u64>() * WORD;
        if !self.budget.take(window.block(), bytes) {
            return Err(SystemError::new(
                format!(
                    "give a thread {bytes} bytes of thread-local storage, beside what the process uses"
                ),
                rustix::io::Errno::NOMEM,
            ));
        }
        let mut parts = self.templates.iter();
        let written = parts.try_for_each(|(&at, words)| write(&window, at, words));
        if written.is_err() {
            self.budget.release(window.block());
        }
        written?;
        self.windows.insert(window.block(), window);
        Ok(())
    }

    /// Forgets the window of a thread that runs nothing any more.
    pub fn remove(&mut self, window: &Window) {
        self.windows.remove(&window.block());
        self.budget.release(window.block());
    }

    /// The thread of this block uses the process from now on.
    pub const fn set_current(&mut self, block: u64) {
        self.current = block;
    }

    /// The blocks of all other threads.
    pub fn others(&self) -> impl Iterator<Item = u64> {
        let all = self.windows.keys().copied();
        all.filter(|&block| block != self.current)
    }

    /// Whether there is a thread with this block.
    pub fn has(&self, block: u64) -> bool {
        self.windows.contains_key(&block)
    }

    /// Every word of a part, in all threads.
    pub fn words(&self, at: u64, f: &mut dyn FnMut(u64)) {
        let words = self.templates.get(&at).map(|words| range(at, words));
        let Some(part) = words else {
            return;
        };
        for window in self.windows.values() {
            let words = window.tls(part.clone()).unwrap_or_default().iter();
            words.for_each(|word| f(word.load(Ordering::Relaxed)));
        }
    }

    /// The value of so many bytes, of a multiple of that, at an offset in the current
    /// thread.
    pub fn read(&self, at: u64, bytes: u32) -> Option<u128> {
        let (first, words) = words_of(self.windows.get(&self.current)?, at, bytes)?;
        let words = words.iter().rev();
        let all = words.fold(0, |all, word| {
            all << u64::BITS | u128::from(word.load(Ordering::Relaxed))
        });
        Some(all >> first & mask(bytes))
    }

    /// Sets such a value.
    pub fn write(&mut self, at: u64, bytes: u32, value: u128) -> Option<()> {
        self.write_of(self.current, at, bytes, value)
    }

    /// Sets such a value in the thread of a block, which may run meanwhile.
    pub fn write_of(&mut self, block: u64, at: u64, bytes: u32, value: u128) -> Option<()> {
        let (first, words) = words_of(self.windows.get(&block)?, at, bytes)?;
        let (value, mask) = ((value & mask(bytes)) << first, mask(bytes) << first);
        for (n, word) in words.iter().enumerate() {
            let part = |bits: u128| (bits >> (64 * n)) as u64;
            let set = |old: u64| Some(old & !part(mask) | part(value));
            let _ = word.fetch_update(Ordering::Relaxed, Ordering::Relaxed, set);
        }
        Some(())
    }

    /// Whether the threads have a stack pointer, and what it is in the current one.
    pub fn stack_pointer_if_any(&self) -> Option<u64> {
        self.first_stack_pointer.map(|_| self.stack_pointer())
    }

    /// Gives the current thread a stack pointer, or takes it away.
    pub fn give_stack_pointer(&mut self, value: Option<u64>) {
        self.first_stack_pointer = value;
        if let Some(value) = value {
            self.set_stack_pointer(value);
        }
    }

    /// What the first thread's `env.__stack_pointer` was at first.
    pub const fn first_stack_pointer(&self) -> Option<u64> {
        self.first_stack_pointer
    }

    /// `env.__stack_pointer` of the current thread.
    pub fn stack_pointer(&self) -> u64 {
        self.block().stack_pointer
    }

    /// Sets it.
    pub fn set_stack_pointer(&mut self, value: u64) {
        let block = ThreadBlock {
            stack_pointer: value,
            ..self.block()
        };
        if let Some(window) = self.windows.get(&self.current) {
            // SAFETY: a window begins with the block, which is writable; no wasm code
            // of the current thread runs while the process is used, and other threads
            // do not use its block.
            unsafe { live::store(window.block(), block) };
        }
    }

    fn block(&self) -> ThreadBlock {
        match self.windows.get(&self.current) {
            // SAFETY: a window begins with the block, which is readable and plain data.
            Some(window) => unsafe { live::load(window.block()) },
            None => ThreadBlock::default(),
        }
    }
}

/// The words that a value of so many bytes at an offset lies in, and its first bit
/// there.
fn words_of(
    window: &Window,
    at: u64,
    bytes: u32,
) -> Option<(u64, &[std::sync::atomic::AtomicU64])> {
    let start = at - at % WORD;
    let end = at
        .checked_add(bytes.into())?
        .checked_next_multiple_of(WORD)?;
    let words = window.tls(start..end).filter(|words| words.len() <= 2)?;
    Some((8 * (at - start), words))
}

/// The bits of so many bytes.
const fn mask(bytes: u32) -> u128 {
    u128::MAX >> (128 - 8 * bytes)
}

/// The offsets of a part.
const fn range(at: u64, words: &[u64]) -> Range<u64> {
    at..at + WORD * words.len() as u64
}

/// Makes a part accessible in a window and writes it.
fn write(window: &Window, at: u64, words: &[u64]) -> Result<(), SystemError> {
    let range = range(at, words);
    window.make_tls(&range)?;
    let places = window.tls(range).unwrap_or_default();
    for (place, &word) in places.iter().zip(words) {
        place.store(word, Ordering::Relaxed);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window() -> Arc<Window> {
        Arc::new(Window::new(4096).unwrap())
    }

    fn locals() -> ThreadLocals {
        ThreadLocals::new(window(), Arc::new(Budget::new(1 << 30)))
    }

    /// The two words of a part in each thread, those of the current one last.
    fn values(locals: &ThreadLocals, at: u64) -> Vec<[u64; 2]> {
        let of = |window: &Window| {
            let words = window.tls(at..at + 16).unwrap();
            [0, 1].map(|n| words[n].load(Ordering::Relaxed))
        };
        let (current, others): (Vec<_>, Vec<_>) =
            (locals.windows.iter()).partition(|&(&block, _)| block == locals.current);
        let all = others.into_iter().chain(current);
        all.map(|(_, window)| of(window)).collect()
    }

    #[test]
    fn parts_are_given_first_fit_and_again() {
        let mut locals = locals();
        let a = locals.take(1, 1).unwrap();
        let b = locals.take(100, 64).unwrap();
        let c = locals.take(16, 16).unwrap();
        assert_eq!([a, b, c], [WINDOW_TLS, WINDOW_TLS + 64, WINDOW_TLS + 16]);
        locals.release(b);
        assert_eq!(locals.take(104, 16), Some(WINDOW_TLS + 32));
        assert_eq!(locals.take(WINDOW_TLS_SIZE, 1), None);
        assert_eq!(locals.take(u64::MAX, 1), None);
        let rest = locals.spare();
        assert!(locals.take(rest - 256, 16).is_some());
        assert!(locals.spare() <= 256);
    }

    #[test]
    fn every_thread_begins_with_the_template() {
        let mut locals = locals();
        let second = window();
        let a = locals.take(12, 16).unwrap();
        locals.fill(a, &[1, 0, 0, 0, 0, 0, 0, 0, 2]).unwrap();
        locals.add(Arc::clone(&second)).unwrap();
        assert_eq!(values(&locals, a), [[1, 2], [1, 2]]);
        // What the opener computes all others get.
        assert_eq!(locals.write(a + 4, 4, 7), Some(()));
        assert_eq!(values(&locals, a), [[1, 2], [7 << 32 | 1, 2]]);
        locals.spread(a).unwrap();
        assert_eq!(values(&locals, a), [[7 << 32 | 1, 2]; 2]);
        let mut all = Vec::new();
        locals.words(a, &mut |word| all.push(word));
        assert_eq!(all, [7 << 32 | 1, 2, 7 << 32 | 1, 2]);
        // A part that is loaded while there are threads reaches them all, and a
        // reused one has nothing of what was there.
        locals.release(a);
        let b = locals.take(16, 16).unwrap();
        assert_eq!(a, b);
        locals.fill(b, &[9]).unwrap();
        assert_eq!(values(&locals, b), [[9, 0]; 2]);
        locals.remove(&second);
        assert_eq!(values(&locals, b), [[9, 0]]);
        // So does a thread that gets the window of one that has ended.
        locals.add(Arc::clone(&second)).unwrap();
        assert_eq!(values(&locals, b), [[9, 0]; 2]);
    }

    #[test]
    fn every_threads_parts_count_against_the_budget() {
        let budget = Arc::new(Budget::new(100));
        let mut locals = ThreadLocals::new(window(), Arc::clone(&budget));
        let second = window();
        let a = locals.take(30, 16).unwrap();
        assert_eq!(budget.used(), 32);
        locals.add(Arc::clone(&second)).unwrap();
        assert_eq!(budget.used(), 64);
        assert_eq!(locals.take(32, 16), None);
        assert!(locals.add(window()).is_ok() && locals.add(window()).is_err());
        assert_eq!(budget.used(), 96);
        locals.release(a);
        assert_eq!(budget.used(), 0);
        locals.take(16, 16).unwrap();
        locals.remove(&second);
        assert_eq!(budget.used(), 32);
    }

    #[test]
    fn values_are_those_of_the_current_thread() {
        let mut locals = locals();
        let second = window();
        let at = locals.take(32, 16).unwrap();
        locals.fill(at, &[]).unwrap();
        locals.add(Arc::clone(&second)).unwrap();
        let wide = 0x0102_0304_0506_0708_090a_0b0c_0d0e_0f10;
        assert_eq!(locals.write(at + 16, 16, wide), Some(()));
        assert_eq!(locals.read(at + 16, 16), Some(wide));
        assert_eq!(locals.read(at + 20, 4), Some(0x090a_0b0c));
        assert_eq!(locals.read(at + 24, 8), Some(0x0102_0304_0506_0708));
        assert_eq!(locals.write(at + 20, 4, u128::MAX), Some(()));
        assert_eq!(locals.read(at + 16, 8), Some(0xffff_ffff_0d0e_0f10));
        locals.set_stack_pointer(77);
        locals.set_current(second.block());
        assert_eq!(locals.read(at + 16, 16), Some(0));
        assert_eq!(locals.stack_pointer(), 0);
        assert_eq!(locals.read(WINDOW_TLS + WINDOW_TLS_SIZE, 4), None);
        assert_eq!(locals.read(u64::MAX - 3, 4), None);
        assert_eq!(locals.read(0, 4), None);
    }
}
