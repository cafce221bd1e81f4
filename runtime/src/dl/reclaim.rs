//! Giving back the images of unloaded objects.
//!
//! Code of an object that was unloaded may still be in use: on a stack, in registers, by
//! references in globals of other objects, which nobody can count. So its image is retired
//! first, and given back when no word that could name it does. To see that, all other
//! threads halt for a moment: what one of them passes on, another may have by then. So
//! with other threads this is done for several images at once.
//!
//! While threads are halted, this takes no lock and allocates nothing: they may be in
//! the middle of either.

use std::ops::Range;
use std::sync::Arc;

use crate::link::Retired;
use crate::process::Process;
use crate::trap::HeldExceptions;

/// With other threads, that many images are given back at once, or so many bytes of them.
const IMAGES: usize = 32;
const BYTES: u64 = 16 << 20;

/// Which retired images words name.
struct Marks {
    ranges: Vec<Range<u64>>,
    /// Around all of them.
    bounds: Range<u64>,
    /// Start of the code area.
    area: u64,
    kept: Vec<bool>,
    /// Images whose own words have not been looked at: there is room for all.
    news: Vec<usize>,
}

impl Marks {
    fn new(retired: &[Retired], area: u64) -> Self {
        let ranges: Vec<_> = retired.iter().map(|r| r.image.range()).collect();
        let start = ranges.iter().map(|range| range.start).min();
        let end = ranges.iter().map(|range| range.end).max();
        Self {
            bounds: start.unwrap_or(0)..end.unwrap_or(0),
            area,
            kept: vec![false; ranges.len()],
            news: Vec::with_capacity(ranges.len()),
            ranges,
        }
    }

    /// The image that holds an address.
    fn at(&self, address: u64) -> Option<usize> {
        if !self.bounds.contains(&address) {
            return None;
        }
        self.ranges.iter().position(|r| r.contains(&address))
    }

    /// A word that may be an address.
    fn word(&mut self, word: u64) {
        if let Some(at) = self.at(word)
            && !std::mem::replace(&mut self.kept[at], true)
        {
            self.news.push(at);
        }
    }

    /// Whether an address is in an image that no word names.
    fn is_unused(&self, address: u64) -> bool {
        self.at(address).is_some_and(|at| !self.kept[at])
    }

    /// A word of a stack or register. A table entry names its function by half an address,
    /// which code may keep as it is until it needs the whole.
    fn loose_word(&mut self, word: u64) {
        self.word(word);
        self.word(self.area + (word & u64::from(u32::MAX)));
        self.word(self.area + (word >> u32::BITS));
    }
}

impl Process {
    /// Gives back the images that nothing points into any more.
    pub(crate) fn reclaim(&mut self) {
        let bytes = self.link.retired.iter().map(|retired| retired.image.len());
        let few = self.link.retired.len() < IMAGES && bytes.sum::<u64>() < BYTES;
        let others = self.has_other_threads();
        if self.link.retired.is_empty() || others && few {
            return;
        }
        let area = self.space.code.range().start;
        let mut marks = Marks::new(&self.link.retired, area);
        let shared = Arc::clone(&self.shared);
        let held = shared.exceptions.hold();
        let done = if others {
            self.with_others_halted(&mut marks, Marks::loose_word, |marks| {
                self.mark(&held, marks)
            })
        } else {
            self.mark(&held, &mut marks);
            true
        };
        drop(held);
        if done {
            self.give_back_all_but(&marks.kept);
        }
    }

    /// Marks what is in use beside other threads' stacks, and clears table entries that name
    /// what is not: a reference may have been put there since the object was unloaded.
    fn mark(&self, held: &HeldExceptions<'_>, marks: &mut Marks) {
        self.stack_words(&mut |word| marks.loose_word(word));
        for instance in self.link.instances.values() {
            // Its GOT names loaded objects alone.
            instance.image.words(None, &mut |word| marks.word(word));
            self.words_of_threads(instance.locals, &mut |word| marks.word(word));
        }
        held.words(&mut |word| marks.word(word));
        while let Some(at) = marks.news.pop() {
            let retired = &self.link.retired[at];
            let relro = &retired.object.layout().relro;
            retired
                .image
                .words(Some(relro), &mut |word| marks.word(word));
            self.words_of_threads(retired.locals, &mut |word| marks.word(word));
        }
        if marks.kept.contains(&false) {
            self.space.clear_tables(|address| marks.is_unused(address));
        }
    }

    fn give_back_all_but(&mut self, kept: &[bool]) {
        let retired = std::mem::take(&mut self.link.retired);
        for (retired, &kept) in retired.into_iter().zip(kept) {
            if kept {
                self.link.retired.push(retired);
                continue;
            }
            self.shared.exceptions.remove(&retired.image.range());
            self.linker().give_back(retired.image, retired.locals);
        }
    }

    /// Every word of an object's thread-local storage, in all threads.
    fn words_of_threads(&self, locals: Option<u64>, f: &mut dyn FnMut(u64)) {
        if let Some(at) = locals {
            self.space.locals.words(at, f);
        }
    }
}
