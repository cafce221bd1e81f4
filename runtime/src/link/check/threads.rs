//! Whether offsets from the thread pointer are right: computed from names and the
//! places that instances say they have, with nothing of what took the places.

use std::ops::Range;

use wasmaot_abi::context::{WINDOW_TLS, WINDOW_TLS_SIZE, thread_block};
use wasmaot_abi::object::SymbolRecord;

use super::{Checker, Meaning};
use crate::object::Object;

impl Checker<'_> {
    /// Whether a slot may hold this as the offset of a thread-local global, or, for
    /// symbol 0, of the instance's own storage.
    pub(super) fn is_thread_offset(&self, id: usize, symbol: u32, slot: u64) -> bool {
        let instances = &self.view.state.instances;
        if symbol == 0 {
            return instances[id].locals == Some(slot);
        }
        let Meaning::Definition(definer, symbol) = self.meaning(id, symbol) else {
            return false;
        };
        let definer = &instances[definer];
        let found = definer.object.symbol(symbol as u32);
        if found.record.flags & SymbolRecord::STACK_POINTER != 0 {
            return slot == thread_block::STACK_POINTER as u64;
        }
        let start = definer.locals.filter(|_| found.thread_local);
        start.is_some_and(|start| slot == start + found.value)
    }

    /// Parts of thread-local storage that others have too, or that are nowhere.
    pub(super) fn thread_storage(&self, id: usize) -> Vec<String> {
        let part = |at: Option<u64>, object: &Object| -> Range<u64> {
            let bytes = object.layout().threads.as_ref().map_or(0, |own| own.memsz);
            at.map_or(0..0, |at| at..at + bytes)
        };
        let instance = &self.view.state.instances[id];
        let own = part(instance.locals, &instance.object);
        let Some(storage) = &instance.object.layout().threads else {
            return Vec::new();
        };
        let area = WINDOW_TLS..WINDOW_TLS + WINDOW_TLS_SIZE;
        let placed = area.contains(&own.start)
            && own.end <= area.end
            && own.start.is_multiple_of(storage.align);
        let mut wrong = Vec::new();
        if !placed {
            wrong.push(format!("thread-local storage at {own:x?}"));
        }
        let loaded = self.view.state.instances.iter();
        let loaded = loaded.filter(|&(other, _)| other != id);
        let loaded = loaded.map(|(_, other)| (other.locals, &other.object));
        let retired = self.view.state.retired.iter();
        let retired = retired.map(|other| (other.locals, &other.object));
        let others = loaded
            .chain(retired)
            .map(|(at, object)| (part(at, object), object));
        let over = others.filter(|(other, _)| own.start.max(other.start) < own.end.min(other.end));
        wrong.extend(
            over.map(|(_, object)| {
                format!("thread-local storage overlaps that of {}", object.name())
            }),
        );
        wrong
    }
}
