//! Memories and tables as they are at run time, by the addresses of their
//! descriptors: what compiled code, the built-in functions and the loader all
//! share. Everything here works on raw addresses, since wasm code may change
//! what they hold between any two calls.
//!
//! The functions are `unsafe` with one contract: a descriptor's address must
//! be that of a live one of this process (in a context, or in an object's
//! data), which the loader has filled.
//!
//! Other threads may use memories and tables meanwhile. What changes of a descriptor
//! is a size, which is read and written as a whole and only ever grows while others use
//! it; memories and tables grow one at a time. An entry of a table consists of two words,
//! each read and written as a whole: so the code of one may meet the type of another,
//! but never a type another record. Who may have others beside it
//! goes by the record alone.

use std::marker::PhantomData;
use std::mem::offset_of;
use std::ptr;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use wasmaot_abi::context::{
    Context, FuncRef, MemoryDesc, TABLE_ENTRY_SIZE, TableDesc, ThreadBlock, memory_desc, offset,
    table_desc,
};

use super::reserve::make_writable;
use super::{Budget, GuestMemory, PAGE, page_down, page_up};
use crate::error::SharedMemory;

/// Entries of a table for which there is memory from the start: a page.
pub(crate) const FIRST_ENTRIES: u64 = PAGE / TABLE_ENTRY_SIZE;

/// Kind of a table whose entries are words: `externref`, `exnref`.
pub(crate) const EXTERN_TABLE: u64 = 1;

/// What the runtime keeps of a domain, right below its context.
#[derive(Clone, Copy, Debug, Default)]
#[repr(C)]
pub(crate) struct DomainHead {
    /// Address of the second descriptor of the same memory, in the data of the
    /// object that defines it, if it is not that object's memory 0; or 0.
    pub alias: u64,
    /// Address of the process's [`Budget`], which outlives the domain; or 0.
    pub budget: u64,
    /// Whether memory 0 is shared, so that other threads may be using it.
    pub shared: bool,
}

/// A thread block, and what only the runtime keeps with it.
#[derive(Clone, Copy, Debug, Default)]
#[repr(C)]
pub(crate) struct ThreadHead {
    /// What stubs read; it begins the thread's window.
    pub block: ThreadBlock,
    /// Address of the runtime's state of the process; 0: it has not said where
    /// it is.
    pub process: u64,
}

/// The budget of the process that a pinned register's value belongs to; none
/// in tests of a domain alone.
///
/// # Safety
/// A context must stand right below `base`, and its domain be alive for `'a`.
pub(crate) unsafe fn budget_of<'a>(base: u64) -> Option<&'a Budget> {
    // SAFETY: by this function's contract; the head stands below the context.
    unsafe {
        let head: DomainHead = load(domain_head_of(base));
        ptr::with_exposed_provenance::<Budget>(head.budget as usize).as_ref()
    }
}

/// Reads a value at an address.
///
/// # Safety
/// It must hold a live value of that type.
#[inline]
pub(crate) unsafe fn load<T: Copy>(at: u64) -> T {
    // SAFETY: by this function's contract.
    unsafe { ptr::read_unaligned(ptr::with_exposed_provenance::<T>(at as usize)) }
}

/// Writes a value at an address.
///
/// # Safety
/// It must be writable and hold a value of that type, or nothing.
pub(crate) unsafe fn store<T: Copy>(at: u64, value: T) {
    // SAFETY: by this function's contract.
    unsafe { ptr::write_unaligned(ptr::with_exposed_provenance_mut::<T>(at as usize), value) }
}

/// A word that other threads may use meanwhile.
///
/// # Safety
/// The address must be a multiple of 8, and be writable for `'a`.
#[inline]
pub(crate) unsafe fn atomic_u64<'a>(at: u64) -> &'a AtomicU64 {
    // SAFETY: by this function's contract; whoever else of Rust uses it does so
    // atomically, and wasm code is not Rust's.
    unsafe { AtomicU64::from_ptr(ptr::with_exposed_provenance_mut(at as usize)) }
}

/// The same of 32 bits.
///
/// # Safety
/// The address must be a multiple of 4, and be writable for `'a`.
pub(crate) unsafe fn atomic_u32<'a>(at: u64) -> &'a AtomicU32 {
    // SAFETY: as above.
    unsafe { AtomicU32::from_ptr(ptr::with_exposed_provenance_mut(at as usize)) }
}

/// Reads an entry of a table.
///
/// # Safety
/// The address must be that of an entry that is accessible.
pub(crate) unsafe fn load_entry(at: u64) -> FuncRef {
    // SAFETY: by this function's contract; entries are aligned to 16 bytes.
    let (code, record) = unsafe { (atomic_u64(at), atomic_u64(at + 8)) };
    let record = record.load(Ordering::Relaxed);
    FuncRef {
        code: code.load(Ordering::Relaxed),
        type_id: record as u32,
        record: (record >> u32::BITS) as u32,
    }
}

/// Writes an entry of a table.
///
/// # Safety
/// As [`load_entry`].
pub(crate) unsafe fn store_entry(at: u64, entry: FuncRef) {
    let record = u64::from(entry.record) << u32::BITS | u64::from(entry.type_id);
    // SAFETY: as above.
    let (code, rest) = unsafe { (atomic_u64(at), atomic_u64(at + 8)) };
    code.store(entry.code, Ordering::Relaxed);
    // What a function is made of is there before anybody finds it.
    rest.store(record, Ordering::Release);
}

/// Held while a memory or a table changes its size. Taken last of all.
fn growth() -> MutexGuard<'static, ()> {
    static GROWTH: Mutex<()> = Mutex::new(());
    GROWTH.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Writes those words of a value that differ from what they were, each as a whole.
///
/// # Safety
/// The address must be a multiple of 8 and that of a live value, which consists of
/// words.
pub(crate) unsafe fn store_changed<T: Copy>(at: u64, before: &T, after: &T) {
    const { assert!(align_of::<T>() == 8 && size_of::<T>().is_multiple_of(8)) };
    let word = |value: &T, offset: usize| {
        // SAFETY: the offset is within the value, which consists of words.
        unsafe { ptr::from_ref(value).byte_add(offset).cast::<u64>().read() }
    };
    for offset in (0..size_of::<T>()).step_by(8) {
        let value = word(after, offset);
        if value != word(before, offset) {
            // SAFETY: by this function's contract.
            let live = unsafe { atomic_u64(at + offset as u64) };
            live.store(value, Ordering::Release);
        }
    }
}

/// Address of the context below a memory.
pub(crate) const fn context_of(base: u64) -> u64 {
    base - size_of::<Context>() as u64
}

/// Address of the [`DomainHead`] below the context of a memory.
pub(crate) const fn domain_head_of(base: u64) -> u64 {
    context_of(base) - size_of::<DomainHead>() as u64
}

/// A live memory 0, by its base, as an exclusive borrow of it.
#[derive(Debug)]
pub(crate) struct MemoryAt<'a>(u64, PhantomData<&'a mut [u8]>);

impl MemoryAt<'_> {
    /// Of a domain.
    ///
    /// # Safety
    /// A context stands right below `base` for as long as the value lives, and
    /// this thread does not use the memory meanwhile but through functions that
    /// take an exclusive borrow of what the value stands in. Other threads do
    /// not use it at all, unless the domain's head says that it is shared.
    pub const unsafe fn new(base: u64) -> Self {
        Self(base, PhantomData)
    }

    /// The same memory for a shorter time.
    pub const fn reborrow(&mut self) -> MemoryAt<'_> {
        MemoryAt(self.0, PhantomData)
    }

    /// The base.
    pub const fn base(&self) -> u64 {
        self.0
    }

    /// Makes it larger by so many bytes; the old size in bytes.
    pub fn grow(&mut self, bytes: u64) -> Option<u64> {
        let desc = self.0.wrapping_add_signed(offset::MEMORY.into());
        // SAFETY: the context's descriptor, by `new`'s contract; `self` is
        // borrowed exclusively, so no slice of the memory is alive.
        unsafe { memory_grow(desc, bytes) }
    }

    /// How many bytes there are now.
    #[inline]
    fn size(&self) -> u64 {
        // SAFETY: a context stands there, by `new`'s contract.
        unsafe { memory_size(self.0) }
    }

    /// Whether other threads may be using it.
    #[inline]
    pub fn is_shared(&self) -> bool {
        // SAFETY: a head stands below the context, by `new`'s contract.
        unsafe { is_shared(self.0) }
    }

    /// As the host's functions see it, as many bytes as there are now.
    #[inline]
    pub fn view(&mut self) -> GuestMemory<'_> {
        let start = ptr::with_exposed_provenance_mut(self.0 as usize);
        // SAFETY: that many bytes from the base are mapped, and stay so. `self`
        // is borrowed exclusively, so this thread has no reference to them, and
        // other threads' are of memories alone that are not shared.
        unsafe { GuestMemory::new(start, self.size() as usize, self.is_shared()) }
    }

    /// The bytes of a memory that is not shared, as many as there are now.
    #[inline]
    pub fn bytes(&self) -> Result<&[u8], SharedMemory> {
        if self.is_shared() {
            return Err(SharedMemory);
        }
        let at = ptr::with_exposed_provenance(self.0 as usize);
        Ok(match self.size() {
            0 => &[],
            // SAFETY: that many bytes from the base are readable; nobody
            // changes them while `self` is borrowed, by `new`'s contract, and
            // no other thread has them.
            bytes => unsafe { std::slice::from_raw_parts(at, bytes as usize) },
        })
    }

    /// The same, to change.
    #[inline]
    pub fn bytes_mut(&mut self) -> Result<&mut [u8], SharedMemory> {
        if self.is_shared() {
            return Err(SharedMemory);
        }
        let at = ptr::with_exposed_provenance_mut(self.0 as usize);
        Ok(match self.size() {
            0 => &mut [],
            // SAFETY: as above, writable, and `self` is borrowed exclusively.
            bytes => unsafe { std::slice::from_raw_parts_mut(at, bytes as usize) },
        })
    }
}

/// Bytes of memory 0, as they are now: another thread may be adding some.
///
/// # Safety
/// A context must stand right below `base`.
#[inline]
pub(crate) unsafe fn memory_size(base: u64) -> u64 {
    let desc = base.wrapping_add_signed(offset::MEMORY.into());
    let at = desc.wrapping_add_signed(memory_desc::BYTES.into());
    // SAFETY: by this function's contract; the context consists of aligned words.
    unsafe { atomic_u64(at) }.load(Ordering::Acquire)
}

/// Whether memory 0 is shared.
///
/// # Safety
/// A [`DomainHead`] must stand below the context of `base`. It does not change
/// once wasm code may run.
#[inline]
pub(crate) unsafe fn is_shared(base: u64) -> bool {
    let at = domain_head_of(base) + offset_of!(DomainHead, shared) as u64;
    // SAFETY: by this function's contract.
    unsafe { load::<bool>(at) }
}

/// Grows a memory by so many bytes; the old size in bytes.
///
/// # Safety
/// See the module.
pub(crate) unsafe fn memory_grow(desc: u64, delta: u64) -> Option<u64> {
    // SAFETY: `desc` is a live memory's descriptor; below every memory's base
    // is a context, and below that a head. Pages from the old to the new end
    // belong to that memory's reservation, which `max_bytes` does not exceed.
    let _growing = growth();
    // SAFETY: as above.
    unsafe {
        let memory: MemoryDesc = load(desc);
        let old = memory.bytes;
        let bytes = old.checked_add(delta)?;
        if bytes > memory.max_bytes {
            return None;
        }
        let budget = budget_of(memory.base);
        if budget.is_some_and(|budget| !budget.take(memory.base, delta)) {
            return None;
        }
        // A memory of small pages may end within a page of the system.
        let edge = |bytes: u64| page_up(memory.base + bytes).unwrap_or(u64::MAX);
        if !make_writable(edge(old)..edge(bytes)) {
            budget.inspect(|budget| budget.give_back(memory.base, delta));
            return None;
        }
        let own = memory.base.wrapping_add_signed(offset::MEMORY.into());
        let head: DomainHead = load(domain_head_of(memory.base));
        let memory = MemoryDesc { bytes, ..memory };
        for desc in [own, head.alias].into_iter().filter(|&desc| desc != 0) {
            // The second one is filled when the memory gets its first size.
            store_changed(desc, &load(desc), &memory);
        }
        Some(old)
    }
}

/// Grows a table by null entries; the old length. The first page of a table is
/// there from the start and free.
///
/// # Safety
/// See the module.
pub(crate) unsafe fn table_grow(desc: u64, delta: u64, budget: Option<&Budget>) -> Option<u64> {
    let _growing = growth();
    // SAFETY: `desc` is a live table's descriptor. Its reservation holds `max`
    // entries below `base`.
    unsafe {
        let table: TableDesc = load(desc);
        let old = table.len;
        let len = old.checked_add(delta)?;
        if len > table.max {
            return None;
        }
        let edge = |len: u64| page_down(table.base - len.max(FIRST_ENTRIES) * TABLE_ENTRY_SIZE);
        let size = |len: u64| len.max(FIRST_ENTRIES) * TABLE_ENTRY_SIZE;
        let bytes = size(len) - size(old);
        if budget.is_some_and(|budget| !budget.take(table.base, bytes)) {
            return None;
        }
        if !make_writable(edge(len)..edge(old)) {
            budget.inspect(|budget| budget.give_back(table.base, bytes));
            return None;
        }
        set_table_len(desc, len);
        // Entries that were never in use are zero.
        Some(old)
    }
}

/// Cuts a table back from a length to one that it had before, unless it has grown
/// since. Entries that were in use are cleared.
///
/// # Safety
/// See the module.
pub(crate) unsafe fn table_shrink(desc: u64, from: u64, len: u64, budget: &Budget) {
    let _growing = growth();
    // SAFETY: `desc` is a live table's descriptor; entries below its length are mapped.
    unsafe {
        let table: TableDesc = load(desc);
        if table.len != from || len >= from {
            return;
        }
        let beyond = from.saturating_sub(len.max(FIRST_ENTRIES));
        budget.give_back(table.base, beyond * TABLE_ENTRY_SIZE);
        (len..from).for_each(|i| store_entry(entry_at(&table, i), FuncRef::default()));
        set_table_len(desc, len);
    }
}

/// # Safety
/// See the module.
unsafe fn set_table_len(desc: u64, len: u64) {
    // SAFETY: by this function's contract; descriptors are aligned to 8 bytes.
    let field = unsafe { atomic_u64(desc.wrapping_add_signed(table_desc::LEN.into())) };
    field.store(len, Ordering::Release);
}

/// Index of the first entry of a table of functions that is `entry`.
///
/// # Safety
/// See the module; the table's kind must be `funcref`.
pub(crate) unsafe fn table_find(desc: u64, entry: FuncRef) -> Option<u64> {
    // SAFETY: by the module's contract; entries below the length are mapped.
    unsafe {
        let table: TableDesc = load(desc);
        (0..table.len).find(|&i| load_entry(entry_at(&table, i)) == entry)
    }
}

/// Clears the entries of a table of functions that `gone` picks.
///
/// # Safety
/// See the module; the table's kind must be `funcref`.
pub(crate) unsafe fn table_clear(desc: u64, gone: impl Fn(&FuncRef) -> bool) {
    // SAFETY: by the module's contract; entries below the length are mapped.
    unsafe {
        let table: TableDesc = load(desc);
        for i in 0..table.len {
            let at = entry_at(&table, i);
            if gone(&load_entry(at)) {
                store_entry(at, FuncRef::default());
            }
        }
    }
}

/// Sets entries; false if out of bounds.
///
/// # Safety
/// See the module; the entry must be of the table's kind.
pub(crate) unsafe fn table_fill(desc: u64, start: u64, entry: FuncRef, count: u64) -> bool {
    // SAFETY: `desc` is a live table's descriptor; the entries are below `len`.
    unsafe {
        let table: TableDesc = load(desc);
        if !fits(start, count, table.len) {
            return false;
        }
        for i in start..start + count {
            store_entry(entry_at(&table, i), entry);
        }
    }
    true
}

/// Copies entries, between tables of the same kind or within one; false if
/// out of bounds.
///
/// # Safety
/// See the module.
pub(crate) unsafe fn table_copy(to: u64, from: u64, dst: u64, src: u64, count: u64) -> bool {
    // SAFETY: both are live tables' descriptors; the entries are below their
    // lengths, and entry i of either is 16 bytes above entry i + 1.
    unsafe {
        let (to, from): (TableDesc, TableDesc) = (load(to), load(from));
        if !fits(dst, count, to.len) || !fits(src, count, from.len) {
            return false;
        }
        // What is read next must not have been overwritten.
        let entry = |n: u64| match dst > src {
            true => count - 1 - n,
            false => n,
        };
        for i in (0..count).map(entry) {
            let value = load_entry(entry_at(&from, src + i));
            store_entry(entry_at(&to, dst + i), value);
        }
    }
    true
}

/// The entry for a reference value.
///
/// # Safety
/// A value for a `funcref` table must be 0 or the address of a live record.
pub(crate) unsafe fn entry_of(table: &TableDesc, value: u64) -> FuncRef {
    match value {
        0 => FuncRef::default(),
        word if table.kind == EXTERN_TABLE => FuncRef {
            code: word,
            ..FuncRef::default()
        },
        // SAFETY: by this function's contract.
        record => unsafe { load(record) },
    }
}

/// Whether `count` items from `start` are within `len`.
pub(crate) fn fits(start: u64, count: u64, len: u64) -> bool {
    start.checked_add(count).is_some_and(|end| end <= len)
}

/// Address of an entry.
pub(crate) const fn entry_at(table: &TableDesc, index: u64) -> u64 {
    table.base - (index + 1) * TABLE_ENTRY_SIZE
}
