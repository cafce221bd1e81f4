//! The built-in functions that compiled code calls (`abi::builtin`).
//!
//! They take what they need as arguments, from code that wasmaot has compiled
//! and that upholds the contract of [`live`](crate::sys::live): descriptors are
//! those of the calling object's own memories and tables, ranges of host
//! memory have been checked. They do not unwind: nothing in them panics.

use std::ptr;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use wasmaot_abi::builtin::Builtin;
use wasmaot_abi::context::TableDesc;

use crate::arch;
use crate::process::park::{self, Parked};
use crate::sys::live;
use crate::trap;

/// Address of a built-in function, and whether it has to run on the host's
/// stack: what enters the kernel or changes descriptors must not be left
/// half-way by an overflow of the wasm stack.
///
/// Not inlined: each place that takes a small function's address may otherwise
/// have a copy of it, and the check of relocated slots compares addresses.
#[inline(never)]
pub(crate) fn address(builtin: Builtin) -> (u64, bool) {
    let (function, on_host_stack) = match builtin {
        Builtin::Memmove => (memmove as *const (), false),
        Builtin::Memset => (memset as *const (), false),
        Builtin::MemoryGrow => (memory_grow as *const (), true),
        Builtin::MemoryWait => (memory_wait as *const (), true),
        Builtin::MemoryNotify => (memory_notify as *const (), true),
        Builtin::TableGrow => (table_grow as *const (), true),
        Builtin::TableFill => (table_fill as *const (), true),
        Builtin::TableCopy => (table_copy as *const (), true),
        Builtin::TableInit => (table_init as *const (), true),
        Builtin::ExceptionNew => (trap::exception_new as *const (), true),
        // Changes stacks by itself.
        Builtin::Throw => (arch::throw as *const (), false),
    };
    (function.expose_provenance() as u64, on_host_stack)
}

unsafe extern "C" fn memmove(to: u64, from: u64, bytes: u64) {
    let from = ptr::with_exposed_provenance::<u8>(from as usize);
    let to = ptr::with_exposed_provenance_mut::<u8>(to as usize);
    // SAFETY: compiled code has checked that both ranges lie within memories
    // or a data segment.
    unsafe { ptr::copy(from, to, bytes as usize) }
}

unsafe extern "C" fn memset(to: u64, byte: u32, bytes: u64) {
    let to = ptr::with_exposed_provenance_mut::<u8>(to as usize);
    // SAFETY: compiled code has checked that the range lies within a memory.
    unsafe { ptr::write_bytes(to, byte as u8, bytes as usize) }
}

unsafe extern "C" fn memory_grow(_base: u64, desc: u64, delta: u64, page_log2: u32) -> u64 {
    let Some(bytes) = delta.checked_mul(1 << page_log2) else {
        return u64::MAX;
    };
    // SAFETY: the calling object's own memory.
    let old = unsafe { live::memory_grow(desc, bytes) };
    old.map_or(u64::MAX, |old| old >> page_log2)
}

/// A negative timeout is none.
unsafe extern "C" fn memory_wait(at: u64, expected: u64, bytes: u32, timeout: u64) -> u32 {
    let differs = || {
        // SAFETY: compiled code has checked that the word lies within a memory, and is
        // aligned.
        let found = unsafe {
            match bytes {
                4 => live::atomic_u32(at).load(Ordering::SeqCst).into(),
                _ => live::atomic_u64(at).load(Ordering::SeqCst),
            }
        };
        found != expected
    };
    let time = i64::try_from(timeout).ok();
    let deadline = time.and_then(|_| Instant::now().checked_add(Duration::from_nanos(timeout)));
    loop {
        match park::park(at, park::ANY, deadline, differs, &trap::interrupt_requested) {
            Parked::Woken => return 0,
            Parked::Differs => return 1,
            Parked::TimedOut => return 2,
            // SAFETY: compiled code has called this function, by a stub.
            Parked::Stopped => unsafe { trap::leave_if_interrupted() },
        }
    }
}

unsafe extern "C" fn memory_notify(at: u64, count: u32) -> u32 {
    park::unpark(at, park::ANY, count)
}

/// Entries of a table that are written before the next look at whether the
/// process is to stop: 1 MiB.
const PIECE: u64 = 1 << 16;

/// Cuts entries from `first` on, `count` of them, into pieces, and does `each`
/// (where it begins, how many) of them; from the end if `backwards`. Leaves
/// wasm code between two if the process is to stop.
///
/// # Safety
/// To be called by a built-in function that runs on the host's stack, with
/// nothing to undo in it or in `each`.
unsafe fn in_pieces(first: u64, count: u64, backwards: bool, mut each: impl FnMut(u64, u64)) {
    let mut done = 0;
    while done < count {
        // SAFETY: by this function's contract.
        unsafe { trap::leave_if_interrupted() };
        let piece = PIECE.min(count - done);
        let offset = match backwards {
            true => count - done - piece,
            false => done,
        };
        each(first + offset, piece);
        done += piece;
    }
}

unsafe extern "C" fn table_grow(base: u64, desc: u64, delta: u64, value: u64) -> u64 {
    // SAFETY: compiled code's pinned register; the calling object's own table,
    // and a reference of its type.
    let old = unsafe { live::table_grow(desc, delta, live::budget_of(base)) };
    let Some(old) = old else {
        return u64::MAX;
    };
    // Entries that were never in use are zero.
    if value != 0 {
        // SAFETY: as above; the new entries are within the table.
        unsafe { fill(desc, old, value, delta) };
    }
    old
}

/// Sets entries of a table, which are within it.
///
/// # Safety
/// As [`in_pieces`]; the table and the value must fit.
unsafe fn fill(desc: u64, start: u64, value: u64, count: u64) {
    // SAFETY: by this function's contract.
    unsafe {
        let entry = live::entry_of(&live::load::<TableDesc>(desc), value);
        in_pieces(start, count, false, |at, n| {
            live::table_fill(desc, at, entry, n);
        });
    }
}

unsafe extern "C" fn table_fill(_base: u64, desc: u64, start: u64, value: u64, count: u64) -> u32 {
    // SAFETY: as in `table_grow`.
    unsafe {
        let table: TableDesc = live::load(desc);
        if !live::fits(start, count, table.len) {
            return 0;
        }
        fill(desc, start, value, count);
    }
    1
}

unsafe extern "C" fn table_copy(
    _base: u64,
    to: u64,
    from: u64,
    dst: u64,
    src: u64,
    count: u64,
) -> u32 {
    // SAFETY: the calling object's own tables, of the same type.
    unsafe {
        let (target, source): (TableDesc, TableDesc) = (live::load(to), live::load(from));
        if !live::fits(dst, count, target.len) || !live::fits(src, count, source.len) {
            return 0;
        }
        // What is read next must not have been overwritten.
        in_pieces(0, count, dst > src, |at, n| {
            live::table_copy(to, from, dst + at, src + at, n);
        });
    }
    1
}

unsafe extern "C" fn table_init(
    _base: u64,
    desc: u64,
    values: u64,
    values_count: u64,
    dst: u64,
    src: u64,
    count: u64,
) -> u32 {
    // SAFETY: the calling object's own table and an array of references of its
    // type, `values_count` of them.
    unsafe {
        let table: TableDesc = live::load(desc);
        if !live::fits(dst, count, table.len) || !live::fits(src, count, values_count) {
            return 0;
        }
        in_pieces(0, count, false, |first, n| {
            for i in first..first + n {
                let value = live::load::<u64>(values + 8 * (src + i));
                let entry = live::entry_of(&table, value);
                live::store_entry(live::entry_at(&table, dst + i), entry);
            }
        });
    }
    1
}
