//! Thread-local data of C, in linear memory.
//!
//! An object of the dynamic-linking conventions that has such data exports
//! `__wasm_init_tls`, which makes a block of memory a thread's copy and sets
//! `__tls_base`, a global of the thread's own, to its address; and `__tls_size` and
//! `__tls_align`, which say what block that takes. The thread that loads the object has
//! its copy by the object's start function. A thread that is made later runs
//! `__wasm_init_tls` of every object before anything else; for those that are there
//! already, the loading thread runs it in their place. Blocks come from
//! the program's allocator, and of a thread that has ended others get them.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use wasmaot_abi::info::LinkingAbi;
use wasmaot_abi::object::SymbolKind;
use wasmaot_abi::types::{FuncType, ValType};

use super::{Process, heap, init};
use crate::error::Result;
use crate::link::Block;
use crate::object::{Object, SymbolSection, bad};
use crate::value::Val;

/// Makes a thread's copy of the data in a block, and relocates them.
pub(super) const INIT: &str = "__wasm_init_tls";
/// The address of the thread's copy.
pub(crate) const BASE: &str = "__tls_base";
const SIZE: &str = "__tls_size";
const ALIGN: &str = "__tls_align";
/// Exponent of the largest alignment that counts as one.
const MAX_ALIGN: u32 = 30;

/// The blocks of a process's threads. A thread is known by the address of its block, an
/// object by its serial number.
#[derive(Debug, Default)]
pub(crate) struct TlsBlocks {
    /// In use, by thread and object.
    held: BTreeMap<(u64, u64), Block>,
    /// Those of them that the thread itself is to fill before it begins.
    due: BTreeSet<(u64, u64)>,
    /// Of threads that have ended, by object.
    pool: BTreeMap<u64, Vec<Block>>,
}

/// A call that a thread makes before it begins.
#[derive(Clone, Copy, Debug)]
pub(super) struct TlsInit {
    /// Base of the domain.
    pub base: u64,
    pub code: u64,
    /// The block, which the function takes.
    pub at: u32,
}

impl TlsInit {
    /// The function's type.
    pub fn ty() -> FuncType {
        FuncType::new([ValType::I32], [])
    }
}

/// An object with thread-local data.
struct Owner {
    number: usize,
    serial: u64,
    bytes: u64,
    align: u64,
}

impl Process {
    /// Takes blocks for a thread that has not begun, of every object with such data;
    /// runs the program's allocator.
    pub(super) fn take_tls_blocks(&mut self, thread: u64) -> Result<()> {
        while let Some(owner) = self.next_owner(thread)? {
            let block = self.tls_block(&owner)?;
            // The allocator's code, or another thread meanwhile, may have closed the
            // object, or opened it for this thread too.
            let key = (thread, owner.serial);
            match self.link.instances.of_serial(owner.serial) {
                Some(number) if !self.tls.held.contains_key(&key) => {
                    self.link.instances[number].refs.threads += 1;
                    self.tls.held.insert(key, block);
                    self.tls.due.insert(key);
                }
                _ => self.put_aside(owner.serial, block),
            }
        }
        Ok(())
    }

    /// Whether a thread lacks a block of some object's data.
    pub(super) fn needs_tls_blocks(&self, thread: u64) -> Result<bool> {
        Ok(self.next_owner(thread)?.is_some())
    }

    /// An object of whose data a thread has no block.
    fn next_owner(&self, thread: u64) -> Result<Option<Owner>> {
        for (number, instance) in self.link.instances.iter() {
            if !self.tls.held.contains_key(&(thread, instance.serial))
                && let Some(owner) = self.tls_owner(number)?
            {
                return Ok(Some(owner));
            }
        }
        Ok(None)
    }

    /// What a thread calls before it begins. The objects stay until
    /// [`Process::tls_is_ready`].
    pub(super) fn tls_inits(&self, thread: u64) -> Vec<TlsInit> {
        let due = self.tls.due.range((thread, 0)..=(thread, u64::MAX));
        let inits = due.filter_map(|key| {
            let instance = &self.link.instances[self.link.instances.of_serial(key.1)?];
            let symbol = instance.object.symbol(instance.object.find(INIT)?);
            Some(TlsInit {
                base: self.space.domains[instance.domain].base(),
                code: instance.address(symbol.value),
                at: self.tls.held.get(key)?.at as u32,
            })
        });
        inits.collect()
    }

    /// A thread has made the calls.
    pub(super) fn tls_is_ready(&mut self, thread: u64) {
        let of_thread = (thread, 0)..=(thread, u64::MAX);
        let due: Vec<_> = self.tls.due.range(of_thread).copied().collect();
        for key in due {
            self.tls.due.remove(&key);
            if let Some(number) = self.link.instances.of_serial(key.1) {
                let threads = &mut self.link.instances[number].refs.threads;
                *threads = threads.saturating_sub(1);
            }
        }
    }

    /// A thread has ended: others get its blocks.
    pub(super) fn give_tls_blocks(&mut self, thread: u64) {
        self.tls_is_ready(thread);
        let mut rest = self.tls.held.split_off(&(thread, 0));
        let mut others = rest.split_off(&(thread, u64::MAX));
        self.tls.held.append(&mut others);
        for ((_, serial), block) in rest {
            self.tls.pool.entry(serial).or_default().push(block);
        }
    }

    /// Forgets an object that is gone: its blocks, to be given back.
    pub(crate) fn forget_tls(&mut self, serial: u64) -> Vec<Block> {
        let mut blocks = self.tls.pool.remove(&serial).unwrap_or_default();
        let all: Vec<_> = self.tls.held.keys().copied().collect();
        for key in all.into_iter().filter(|key| key.1 == serial) {
            self.tls.due.remove(&key);
            blocks.extend(self.tls.held.remove(&key));
        }
        blocks
    }

    /// Makes the copies of the threads that are there already, of instances that the
    /// current one loads.
    pub(super) fn make_tls_of_others(&mut self, numbers: Range<usize>) -> Result<()> {
        for number in numbers {
            while let Some((thread, owner)) = self.other_without(number)? {
                self.make_tls_of(thread, &owner)?;
            }
        }
        Ok(())
    }

    /// Another thread than the current one that has no block of an instance.
    fn other_without(&self, number: usize) -> Result<Option<(u64, Owner)>> {
        let mut others = self.space.locals.others().peekable();
        if others.peek().is_none() {
            return Ok(None);
        }
        let Some(owner) = self.tls_owner(number)? else {
            return Ok(None);
        };
        let held = &self.tls.held;
        let thread = others.find(|&thread| !held.contains_key(&(thread, owner.serial)));
        Ok(thread.map(|thread| (thread, owner)))
    }

    /// Makes the copy of another thread that is there already.
    fn make_tls_of(&mut self, thread: u64, owner: &Owner) -> Result<()> {
        let block = self.tls_block(owner)?;
        let base = self.fill_tls(owner.number, block.at as u32);
        let key = (thread, owner.serial);
        // It may have ended meanwhile, or have been given a block by who makes it.
        let lacks = !self.tls.held.contains_key(&key) && self.space.locals.has(thread);
        match base {
            Ok(base) if lacks => {
                self.set_tls_base(thread, owner.number, base);
                self.tls.held.insert(key, block);
                Ok(())
            }
            other => {
                self.put_aside(owner.serial, block);
                other.map(drop)
            }
        }
    }

    /// Makes the copies of a thread that does not do so itself before it begins.
    pub(super) fn make_due_tls(&mut self, thread: u64) -> Result<()> {
        let due = self.tls.due.range((thread, 0)..=(thread, u64::MAX));
        let due: Vec<_> = due.copied().collect();
        for key in due {
            let block = self.tls.held.get(&key).map(|block| block.at as u32);
            if let (Some(number), Some(block)) = (self.link.instances.of_serial(key.1), block) {
                let base = self.fill_tls(number, block)?;
                self.set_tls_base(thread, number, base);
            }
        }
        self.tls_is_ready(thread);
        Ok(())
    }

    /// Fills a block for another thread: what that thread's `__tls_base` is to be. The
    /// current one's, by which it is done, is as before.
    fn fill_tls(&mut self, number: usize, block: u32) -> Result<u128> {
        let at = self.tls_base_at(number).unwrap_or_default();
        let own = self.space.locals.read(at, BASE_BYTES);
        let made = init::call_with(self, number, INIT, &[Val::I32(block.cast_signed())]);
        let base = self.space.locals.read(at, BASE_BYTES);
        if let Some(own) = own {
            let _ = self.space.locals.write(at, BASE_BYTES, own);
        }
        made.map(|()| base.unwrap_or_default())
    }

    fn set_tls_base(&mut self, thread: u64, number: usize, base: u128) {
        if let Some(at) = self.tls_base_at(number) {
            let _ = self.space.locals.write_of(thread, at, BASE_BYTES, base);
        }
    }

    /// An instance's thread-local data, if it has some.
    fn tls_owner(&self, number: usize) -> Result<Option<Owner>> {
        let instance = &self.link.instances[number];
        let object = &instance.object;
        let init = object.find(INIT).map(|symbol| object.symbol(symbol).record);
        let program = self.link.program.as_ref().map(|program| program.domain);
        if object.info().abi == LinkingAbi::Core
            || program != Some(instance.domain)
            || init.and_then(|record| object.func_type(record)) != Some(&TlsInit::ty())
        {
            return Ok(None);
        }
        let wrong = |what: &str| {
            let reason = format!("exports `{INIT}`, but {what}");
            Err(bad(object.path().display().to_string(), reason))
        };
        let bytes = match constant(object, SIZE) {
            Some(0) => return Ok(None),
            Some(bytes) => bytes,
            None => return wrong("not `__tls_size`"),
        };
        let align = constant(object, ALIGN).unwrap_or(16);
        if !align.is_power_of_two() || align > 1 << MAX_ALIGN {
            return wrong("its `__tls_align` is no alignment");
        }
        if self.tls_base_at(number).is_none() {
            return wrong("not `__tls_base`, a mutable global");
        }
        Ok(Some(Owner {
            number,
            serial: instance.serial,
            bytes,
            align,
        }))
    }

    /// Offset from the thread pointer of an instance's `__tls_base`.
    fn tls_base_at(&self, number: usize) -> Option<u64> {
        let view = self.view();
        view.thread_offset_of(view.export(number, BASE, SymbolKind::Global)?)
    }

    /// A block for an object's data.
    fn tls_block(&mut self, owner: &Owner) -> Result<Block> {
        if let Some(block) = self.tls.pool.get_mut(&owner.serial).and_then(Vec::pop) {
            return Ok(block);
        }
        let who = &self.link.instances[owner.number].object;
        let who = who.path().display().to_string();
        heap::allocate(self, owner.bytes, owner.align, &who)
    }

    /// Keeps a block that nobody has for the object's next thread.
    fn put_aside(&mut self, serial: u64, block: Block) {
        match self.link.instances.of_serial(serial) {
            Some(_) => self.tls.pool.entry(serial).or_default().push(block),
            None => heap::release(self, block),
        }
    }
}

/// Bytes of `__tls_base`.
const BASE_BYTES: u32 = 4;

/// The value of an exported constant, which counts as an address of data.
fn constant(object: &Object, name: &str) -> Option<u64> {
    let symbol = object.symbol(object.find(name)?);
    let bias = match symbol.section {
        SymbolSection::Absolute => 0,
        _ => object.layout().memory_bias,
    };
    let value = symbol.value.wrapping_sub(bias);
    let is_number = symbol.defines(SymbolKind::Data) && value <= u32::MAX.into();
    is_number.then_some(value)
}
