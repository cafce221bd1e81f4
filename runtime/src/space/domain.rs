//! A domain: the reservation around one linear memory and one primary table,
//! with the context between them (`abi::context`); and tables beside it.

use std::ops::Range;
use std::ptr;
use std::sync::Arc;

use wasmaot_abi::context::{
    CONTEXT_SIZE, Context, FuncRef, MEMORY_GUARD, MEMORY_RESERVE, MemoryDesc, TABLE_ENTRY_SIZE,
    TABLE_RESERVE, TableDesc, offset,
};
use wasmaot_abi::types::{MemoryType, TableType};

use crate::ranges::Ranges;
use crate::sys::live::{self, DomainHead, EXTERN_TABLE};
use crate::sys::{Access, Budget, GuestMemory, PAGE, Reservation, SystemError, page_down, page_up};

/// What a domain has room for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct DomainLayout {
    pub table: bool,
    /// Bytes that the memory may come to, where there is one.
    pub memory: Option<u64>,
}

/// A domain.
#[derive(Debug)]
pub(crate) struct Domain {
    pages: Reservation,
    base: u64,
    layout: DomainLayout,
    /// What memory and table count against.
    budget: Arc<Budget>,
    /// The type of the memory as its module declares it, once there is one.
    pub memory: Option<MemoryType>,
    /// The primary table, once there is one.
    pub table: Option<TableType>,
    /// Whether a module's stack pointer is in the context.
    pub has_stack_pointer: bool,
    /// Linear memory of the loader's own that nobody uses.
    pub spare: Ranges,
}

// SAFETY: memory, table, context and head are the value's own. Compiled code,
// the only other user, runs only while its process is borrowed exclusively.
unsafe impl Send for Domain {}

/// Bytes of the pages that a context ends in: memory begins with a page.
const CONTEXT_PAGES: u64 = CONTEXT_SIZE.next_multiple_of(PAGE);

impl Domain {
    /// Reserves the address space; memory and table are empty. `code_base`: what
    /// `FuncRef.record` is relative to.
    pub fn new(
        layout: DomainLayout,
        code_base: u64,
        budget: Arc<Budget>,
    ) -> Result<Self, SystemError> {
        let table = if layout.table { TABLE_RESERVE } else { 0 };
        // Checked or not, every memory has what 32-bit addresses reach around it.
        let room = |bytes: u64| bytes.max(MEMORY_RESERVE).saturating_add(MEMORY_GUARD);
        let memory = layout.memory.map_or(0, room);
        let bytes = memory.saturating_add(table + CONTEXT_PAGES);
        let pages = Reservation::new(bytes, "memory and table")?;
        pages.leave_out_of_dumps(pages.start()..pages.end());
        let base = pages.start() + table + CONTEXT_PAGES;
        let first = table.min(live::FIRST_ENTRIES * TABLE_ENTRY_SIZE);
        let first = page_down(base - CONTEXT_SIZE - first);
        pages.protect(first..base, Access::ReadWrite)?;
        let head = DomainHead {
            alias: 0,
            budget: Arc::as_ptr(&budget).expose_provenance() as u64,
            shared: false,
        };
        // SAFETY: the context area, which has just become writable, has room
        // for the head below the context.
        unsafe { live::store(live::domain_head_of(base), head) };
        let domain = Self {
            pages,
            base,
            layout,
            budget,
            memory: None,
            table: None,
            has_stack_pointer: false,
            spare: Ranges::default(),
        };
        domain.update(|context| {
            *context = Context {
                code_base,
                table: TableDesc {
                    base: base - CONTEXT_SIZE,
                    ..TableDesc::default()
                },
                memory: MemoryDesc {
                    base,
                    ..MemoryDesc::default()
                },
                ..Context::default()
            };
        });
        Ok(domain)
    }

    /// The pinned register's value.
    pub const fn base(&self) -> u64 {
        self.base
    }

    /// The context's content now.
    pub fn context(&self) -> Context {
        // SAFETY: the context's page is mapped since `new`.
        unsafe { live::load(live::context_of(self.base)) }
    }

    /// Changes the context: of its words, those alone that are different then, since
    /// other threads may make memory and table grow.
    pub fn update(&self, change: impl FnOnce(&mut Context)) {
        let before = self.context();
        let mut after = before;
        change(&mut after);
        let at = live::context_of(self.base);
        // SAFETY: as above; the context consists of aligned words.
        unsafe { live::store_changed(at, &before, &after) }
    }

    /// Address of a field of the context.
    pub const fn field(&self, displacement: i32) -> u64 {
        self.base.wrapping_add_signed(displacement as i64)
    }

    /// Address of the memory's descriptor.
    pub const fn memory_desc(&self) -> u64 {
        self.field(offset::MEMORY)
    }

    /// Address of the primary table's descriptor.
    pub const fn table_desc(&self) -> u64 {
        self.field(offset::TABLE)
    }

    /// Names the memory's second descriptor.
    pub fn set_alias(&self, desc: u64) {
        self.update_head(|head| head.alias = desc);
    }

    /// Changes what the runtime keeps below the context.
    fn update_head(&self, change: impl FnOnce(&mut DomainHead)) {
        let at = live::domain_head_of(self.base);
        // SAFETY: `new` has put the head there; wasm code, through the built-in
        // functions, is the only other reader and does not run.
        unsafe {
            let mut head: DomainHead = live::load(at);
            change(&mut head);
            live::store(at, head);
        }
    }

    /// Gives the memory its first size, and its limit in bytes. False if the
    /// system has not as much.
    pub fn create_memory(&mut self, ty: MemoryType, max_bytes: u64) -> bool {
        self.memory = Some(ty);
        self.update_head(|head| head.shared = ty.shared);
        self.update(|c| c.memory.max_bytes = max_bytes);
        let bytes = ty.min_bytes();
        // SAFETY: the descriptor is this domain's.
        self.layout.memory.is_some()
            && unsafe { live::memory_grow(self.memory_desc(), bytes) }.is_some()
    }

    /// Adds bytes to the memory; the old size.
    pub fn grow_memory(&self, delta: u64) -> Option<u64> {
        // SAFETY: the descriptor is this domain's, and no wasm code runs.
        unsafe { live::memory_grow(self.memory_desc(), delta) }
    }

    /// Gives the primary table its first length and its limit. False as above.
    pub fn create_table(&mut self, ty: TableType, len: u64, max: u64) -> bool {
        self.table = Some(ty);
        self.update(|c| c.table.max = max.max(len));
        self.grow_table(len, FuncRef::default()).is_some()
    }

    /// Adds entries to the primary table; the old length.
    pub fn grow_table(&self, delta: u64, entry: FuncRef) -> Option<u64> {
        if !self.layout.table {
            return None;
        }
        // SAFETY: the descriptor is this domain's.
        let old = unsafe { live::table_grow(self.table_desc(), delta, Some(&self.budget)) }?;
        if entry != FuncRef::default() {
            // SAFETY: as above; the table's kind is `funcref`.
            unsafe { live::table_fill(self.table_desc(), old, entry, delta) };
        }
        Some(old)
    }

    /// Cuts the primary table back to a length it had before.
    pub fn shrink_table(&self, len: u64) {
        let table = self.context().table;
        // SAFETY: the descriptor is this domain's.
        unsafe { live::table_shrink(self.table_desc(), table.len, len, &self.budget) }
    }

    /// An entry of the primary table; `None` if out of bounds.
    pub fn entry(&self, index: u64) -> Option<FuncRef> {
        let table = self.context().table;
        // SAFETY: entries below the table's length are mapped.
        (index < table.len).then(|| unsafe { live::load_entry(live::entry_at(&table, index)) })
    }

    /// Sets an entry of the primary table; false if out of bounds.
    pub fn set_entry(&self, index: u64, entry: FuncRef) -> bool {
        // SAFETY: the descriptor is this domain's, the table's kind `funcref`.
        unsafe { live::table_fill(self.table_desc(), index, entry, 1) }
    }

    /// Sets entries of the primary table in a row; false if they are out of
    /// bounds.
    pub fn set_entries<E>(
        &self,
        first: u64,
        count: u64,
        entries: impl Iterator<Item = Result<FuncRef, E>>,
    ) -> Result<bool, E> {
        let table = self.context().table;
        if !live::fits(first, count, table.len) {
            return Ok(false);
        }
        for (index, entry) in (first..first + count).zip(entries) {
            // SAFETY: entries below the table's length are mapped.
            unsafe { live::store_entry(live::entry_at(&table, index), entry?) }
        }
        Ok(true)
    }

    /// Whether `range` lies within the memory.
    fn in_memory(&self, range: &Range<u64>) -> bool {
        range.start <= range.end && range.end <= self.context().memory.bytes
    }

    /// Maps whole pages of a file over the memory, copy-on-write. False if
    /// they are out of bounds.
    pub fn map_memory(
        &self,
        at: u64,
        len: u64,
        file: &std::fs::File,
        offset: u64,
    ) -> Result<bool, SystemError> {
        if !self.in_memory(&(at..at.saturating_add(len))) {
            return Ok(false);
        }
        let at = self.base + at;
        self.pages
            .map_file(at..at + len, file, offset, Access::ReadWrite)?;
        self.pages.leave_out_of_dumps(at..at + len);
        Ok(true)
    }

    /// Whether other threads may be using the memory.
    pub fn is_shared(&self) -> bool {
        self.memory.is_some_and(|ty| ty.shared)
    }

    /// Linear memory as host functions see it, which other threads may be using
    /// if it is shared.
    pub fn view(&self) -> GuestMemory<'_> {
        let start = ptr::with_exposed_provenance_mut(self.base as usize);
        // SAFETY: a context with a head below it stands below the base. That
        // many bytes from the base are mapped, for as long as the domain; this
        // thread's references to them borrow it.
        unsafe {
            let bytes = live::memory_size(self.base) as usize;
            GuestMemory::new(start, bytes, live::is_shared(self.base))
        }
    }

    /// Linear memory as bytes, which must not be shared. No wasm code runs while
    /// the borrow lasts, since running it takes the process exclusively.
    pub fn memory(&self) -> &[u8] {
        let memory = self.context().memory;
        let at = ptr::with_exposed_provenance(self.base as usize);
        // SAFETY: that many bytes from the base are mapped readable.
        unsafe { std::slice::from_raw_parts(at, memory.bytes as usize) }
    }

    /// Linear memory as bytes that can be changed.
    pub fn memory_mut(&mut self) -> &mut [u8] {
        let memory = self.context().memory;
        let at = ptr::with_exposed_provenance_mut(self.base as usize);
        // SAFETY: as above, and writable; `self` is borrowed exclusively.
        unsafe { std::slice::from_raw_parts_mut(at, memory.bytes as usize) }
    }

    /// Addresses of memory and its guard.
    pub fn memory_range(&self) -> Range<u64> {
        self.base..self.pages.end()
    }

    /// Addresses of the primary table's reservation.
    pub fn table_range(&self) -> Range<u64> {
        self.pages.start()..self.base - CONTEXT_SIZE
    }
}

impl Drop for Domain {
    fn drop(&mut self) {
        self.budget.release(self.base);
        self.budget.release(self.base - CONTEXT_SIZE);
    }
}

/// A table that is not a domain's own: its descriptor stands in the data of
/// the object that defines it.
#[derive(Debug)]
pub(crate) struct ExtraTable {
    pages: Reservation,
    /// Address of the descriptor.
    pub desc: u64,
    /// Its type as declared.
    pub ty: TableType,
    budget: Arc<Budget>,
}

impl ExtraTable {
    /// Reserves room; the descriptor to write, of length 0, for the caller to
    /// grow.
    pub fn new(
        desc: u64,
        ty: TableType,
        max: u64,
        budget: Arc<Budget>,
    ) -> Result<(Self, TableDesc), SystemError> {
        let bytes = page_up((max * TABLE_ENTRY_SIZE).max(1)).unwrap_or(u64::MAX);
        let pages = Reservation::new(bytes, "a table")?;
        pages.leave_out_of_dumps(pages.start()..pages.end());
        let first = pages.end() - live::FIRST_ENTRIES * TABLE_ENTRY_SIZE;
        pages.protect(first..pages.end(), Access::ReadWrite)?;
        let content = TableDesc {
            base: pages.end(),
            len: 0,
            max,
            kind: if ty.elem.is_function_ref() {
                0
            } else {
                EXTERN_TABLE
            },
        };
        let table = Self {
            pages,
            desc,
            ty,
            budget,
        };
        Ok((table, content))
    }

    /// Number of entries.
    pub fn size(&self) -> u64 {
        self.content().len
    }

    /// An entry; `None` if out of bounds.
    pub fn entry(&self, index: u64) -> Option<FuncRef> {
        let table = self.content();
        // SAFETY: entries below the table's length are mapped.
        (index < table.len).then(|| unsafe { live::load_entry(live::entry_at(&table, index)) })
    }

    fn content(&self) -> TableDesc {
        // SAFETY: the process forgets the table before the image that the
        // descriptor stands in is given back.
        unsafe { live::load(self.desc) }
    }

    /// Addresses of the reservation.
    pub fn range(&self) -> Range<u64> {
        self.pages.start()..self.pages.end()
    }
}

impl Drop for ExtraTable {
    fn drop(&mut self) {
        self.budget.release(self.pages.end());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wasmaot_abi::types::{IndexType, ValType};

    const CODE_BASE: u64 = 2;

    #[test]
    fn memory_grows_to_its_limit() {
        let layout = DomainLayout {
            table: false,
            memory: Some(0),
        };
        let mut domain = Domain::new(layout, CODE_BASE, Arc::new(Budget::new(1 << 20))).unwrap();
        assert!(domain.create_memory(memory(1), 131_072));
        assert_eq!(domain.memory().len(), 65536);
        domain.memory_mut()[65535] = 7;
        // SAFETY: the descriptor is the domain's.
        let grow = |n| unsafe { live::memory_grow(domain.memory_desc(), n) };
        assert_eq!(grow(65536), Some(65536));
        assert_eq!(grow(1), None);
        assert_eq!(grow(u64::MAX), None);
        assert_eq!(domain.memory()[65535..65537], [7, 0]);
        assert!(!domain.create_table(table(), 1, 1), "no room for a table");
    }

    fn memory(min: u64) -> MemoryType {
        MemoryType {
            min,
            ..MemoryType::default()
        }
    }

    #[test]
    fn a_memory_of_bytes_ends_within_a_page() {
        let layout = DomainLayout {
            table: false,
            memory: Some(0),
        };
        let mut domain = Domain::new(layout, CODE_BASE, Arc::new(Budget::new(1 << 20))).unwrap();
        let ty = MemoryType {
            page_log2: 0,
            ..memory(5)
        };
        assert!(domain.create_memory(ty, 5000));
        assert_eq!(domain.memory().len(), 5);
        // SAFETY: the descriptor is the domain's.
        let grow = |n| unsafe { live::memory_grow(domain.memory_desc(), n) };
        assert_eq!(grow(1), Some(5));
        assert_eq!(grow(4994), Some(6));
        assert_eq!(grow(1), None);
        assert_eq!(domain.memory(), [0; 5000]);
    }

    fn table() -> TableType {
        TableType {
            index: IndexType::I32,
            elem: ValType::FuncRef,
            min: 0,
            max: None,
        }
    }

    #[test]
    fn tables_grow_copy_and_shrink() {
        let layout = DomainLayout {
            table: true,
            memory: None,
        };
        let mut domain = Domain::new(layout, CODE_BASE, Arc::new(Budget::new(1 << 20))).unwrap();
        assert!(domain.create_table(table(), 3, 1000));
        let entry = |code| FuncRef {
            code,
            type_id: 1,
            record: 2,
        };
        for i in 0..3 {
            assert!(domain.set_entry(i, entry(i + 1)));
        }
        assert!(!domain.set_entry(3, entry(9)));
        assert_eq!(domain.grow_table(900, entry(5)), Some(3));
        assert_eq!(domain.grow_table(98, entry(5)), None);
        let desc = domain.table_desc();
        let code = |i| {
            let table = domain.context().table;
            // SAFETY: entries below the length are mapped.
            unsafe { live::load_entry(live::entry_at(&table, i)) }.code
        };
        // SAFETY: the descriptor is the domain's.
        unsafe {
            assert!(live::table_copy(desc, desc, 1, 0, 3));
            assert!(!live::table_copy(desc, desc, 1, 901, 3));
        }
        assert_eq!([0, 1, 2, 3, 4].map(code), [1, 1, 2, 3, 5]);
        assert_eq!(code(902), 5);
        domain.shrink_table(2);
        domain.grow_table(2, FuncRef::default());
        assert_eq!([1, 2, 3].map(code), [1, 0, 0]);
    }

    #[test]
    fn both_descriptors_of_a_memory_grow() {
        let layout = DomainLayout {
            table: false,
            memory: Some(0),
        };
        let mut domain = Domain::new(layout, CODE_BASE, Arc::new(Budget::new(1 << 20))).unwrap();
        let mut alias = MemoryDesc::default();
        domain.set_alias((&raw mut alias).expose_provenance() as u64);
        assert!(domain.create_memory(memory(2), 131_072));
        assert_eq!(alias, domain.context().memory);
        assert_eq!(alias.bytes, 131_072);
    }

    #[test]
    fn what_grows_counts_against_one_budget() {
        let budget = Arc::new(Budget::new(131_072 + 1600));
        let layout = DomainLayout {
            table: true,
            memory: Some(0),
        };
        let mut domain = Domain::new(layout, CODE_BASE, Arc::clone(&budget)).unwrap();
        assert!(domain.create_memory(memory(1), u64::MAX));
        // The first page is free.
        assert!(domain.create_table(table(), live::FIRST_ENTRIES, u64::MAX));
        assert_eq!(
            domain.grow_table(100, FuncRef::default()),
            Some(live::FIRST_ENTRIES)
        );
        assert_eq!(domain.grow_table(4097, FuncRef::default()), None);
        assert_eq!(domain.grow_memory(65536), Some(65536));
        assert_eq!(domain.grow_table(1, FuncRef::default()), None);
        assert_eq!(budget.used(), 131_072 + 1600);
        domain.shrink_table(live::FIRST_ENTRIES);
        assert_eq!(budget.used(), 131_072);
        drop(domain);
        assert_eq!(budget.used(), 0);
    }
}
