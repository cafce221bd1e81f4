//! The native address space around a linear memory, and the records there that
//! compiled code, the loader's stubs and the runtime share.
//!
//! ```text
//!  code area (2 GiB) │ primary table, growing down (64 GiB) │ context │ memory 4 GiB │ guard
//!                                                                    r15
//! ```
//!
//! The pinned register (x86-64: r15) holds the address of byte 0 of linear
//! memory. wasm code reaches only addresses from there up: `r15 + a + o` with
//! a 32-bit address and a 32-bit offset. Everything at negative offsets is out
//! of its reach: the context page right below, the primary table below that.

/// Bytes of the context area; the primary table ends where it begins.
pub const CONTEXT_SIZE: u64 = 4096;
/// Bytes of a wasm page.
pub const WASM_PAGE: u64 = 65536;
/// Bytes from host address 0 on where nothing is ever mapped, so that an access
/// to a null reference faults.
pub const NULL_PAGE: u64 = 4096;
/// Bytes reserved from the start of a 32-bit linear memory: every address.
pub const MEMORY_RESERVE: u64 = 1 << 32;
/// Bytes of guard after it: every 32-bit offset, and the widest access.
pub const MEMORY_GUARD: u64 = (1 << 32) + WASM_PAGE;
/// Bytes at the end of all 32-bit addresses where no memory is: what is added
/// to the address of something in memory, and is no more, does not wrap.
pub const HEADROOM: u64 = 16 << 20;
/// Bytes of the largest memory with guards.
pub const MEMORY_LIMIT: u64 = MEMORY_RESERVE - HEADROOM;
/// Bytes reserved for the primary table: every 32-bit index.
pub const TABLE_RESERVE: u64 = TABLE_ENTRY_SIZE << 32;
/// Bytes of one table entry, a [`FuncRef`] or an `externref` word.
pub const TABLE_ENTRY_SIZE: u64 = 16;
/// Bytes of a thread's window, and its alignment: the stack pointer of wasm code
/// with the bits below cleared is the address of the thread's [`ThreadBlock`]. Fits
/// into the immediate operand of an `and`.
pub const WINDOW: u64 = 1 << 30;
/// Where a window's thread-local storage begins: the *thread pointer* is the
/// window's own address, and offsets from it are positive.
pub const WINDOW_TLS: u64 = 4096;
/// Bytes reserved there for thread-local storage, of all objects that a process
/// may have at a time. The stack is at the window's end, a guard below it.
pub const WINDOW_TLS_SIZE: u64 = 16 << 20;
/// Bytes reserved for objects and stubs of a process. Where a direct call
/// ([`Branch`](crate::machine::Branch)) reaches less, those beyond stay with the PLT.
pub const CODE_RESERVE: u64 = 2 << 30;

macro_rules! shared {
    (
        $(#[$doc:meta])*
        struct $record:ident, at $module:ident from $origin:expr;
        $($(#[$field_doc:meta])* $field:ident: $ty:ty, $name:ident;)*
    ) => {
        $(#[$doc])*
        #[repr(C)]
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub struct $record { $($(#[$field_doc])* pub $field: $ty,)* }

        #[doc = concat!("Byte offsets of the fields of [`", stringify!($record), "`].")]
        pub mod $module {
            use super::$record;
            use std::mem::{offset_of, size_of};

            /// Bytes of the record.
            pub const SIZE: u64 = size_of::<$record>() as u64;
            /// Every field with its offset.
            pub const FIELDS: &[(&str, i32)] = &[$((stringify!($field), $name)),*];
            $(#[doc = concat!("Offset of [`", stringify!($record), "::", stringify!($field), "`].")]
            pub const $name: i32 = offset_of!($record, $field) as i32 - $origin as i32;)*
        }
    };
}

shared! {
    /// A function reference record, and a table entry of `funcref` type.
    ///
    /// A `funcref` *value* is the host address of such a record in an object's
    /// function reference table (or null); a table *entry* is a copy of the
    /// record, so that `call_indirect` needs one load less.
    struct FuncRef, at funcref from 0;
    /// Address of the code; 0 in an empty entry.
    code: u64, CODE;
    /// [`FuncType::id`](crate::types::FuncType::id); 0 in an empty entry.
    type_id: u32, TYPE_ID;
    /// Offset of the canonical record from [`Context::code_base`]; in the
    /// canonical record itself too. 0 in an empty entry. What `table.get`
    /// turns back into a `funcref` value.
    record: u32, RECORD;
}

shared! {
    /// Describes a table. Entry `i` is at `base - 16 * (i + 1)`. The primary
    /// table's descriptor stands in the context; every other one in the data of
    /// the object that defines the table.
    struct TableDesc, at table_desc from 0;
    /// Address just past entry 0.
    base: u64, BASE;
    /// Current length in entries.
    len: u64, LEN;
    /// Largest length in entries.
    max: u64, MAX;
    /// 0: `funcref` entries; 1: `externref` entries, the word first.
    kind: u64, KIND;
}

shared! {
    /// Describes a linear memory. Memory 0's stands in the context; every other
    /// one in the data of the object that defines it.
    struct MemoryDesc, at memory_desc from 0;
    /// Address of byte 0. Never changes.
    base: u64, BASE;
    /// Current size in bytes.
    bytes: u64, BYTES;
    /// Largest size in bytes.
    max_bytes: u64, MAX_BYTES;
}

shared! {
    /// The context of a domain: the last bytes below linear memory, at these
    /// displacements from the pinned register. What is below it in the context
    /// area is the runtime's own.
    ///
    /// The most used fields come last, where an 8-bit displacement reaches them.
    struct Context, at offset from size_of::<Context>();
    /// Address that [`FuncRef::record`] is relative to.
    code_base: u64, CODE_BASE;
    /// The primary table.
    table: TableDesc, TABLE;
    /// Memory 0.
    memory: MemoryDesc, MEMORY;
    /// `env.__stack_pointer`: the shadow stack's top, a linear address.
    stack_pointer: u64, STACK_POINTER;
}

shared! {
    /// A thread's own state, as the loader's stubs read it. What follows it is
    /// the runtime's own.
    struct ThreadBlock, at thread_block from 0;
    /// Stack pointer to switch to when a host function is called: that of the
    /// innermost entry into wasm code. 0 while no wasm code runs.
    host_sp: u64, HOST_SP;
    /// Stack pointer of wasm code at the last call of a host function: where
    /// its frame record begins, which a backtrace starts from.
    wasm_sp: u64, WASM_SP;
    /// Lowest address of the stack that wasm code and that call use: what a
    /// nested entry continues below.
    wasm_low: u64, WASM_LOW;
    /// Address of the function that finds the handler of an exception.
    unwind: u64, UNWIND;
    /// Address of the function that binds a function at its first call.
    bind: u64, BIND;
    /// `env.__stack_pointer` of modules with a shared memory, of which each
    /// thread has its own.
    stack_pointer: u64, STACK_POINTER;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_access_of_a_guarded_memory_stays_in_its_reservation() {
        const WIDEST: u64 = 16;
        let (address, offset) = (u64::from(u32::MAX), u64::from(u32::MAX));
        let end = address + offset + WIDEST;
        assert!((end..end + WASM_PAGE).contains(&(MEMORY_RESERVE + MEMORY_GUARD)));
        assert_eq!(MEMORY_LIMIT + HEADROOM, 1 << 32);
        assert!(HEADROOM.is_multiple_of(WASM_PAGE));
        assert_eq!(TABLE_RESERVE, (address + 1) * TABLE_ENTRY_SIZE);
    }

    #[test]
    fn records_have_no_gaps() {
        for (size, fields, origin) in [
            (funcref::SIZE, funcref::FIELDS, 0),
            (table_desc::SIZE, table_desc::FIELDS, 0),
            (memory_desc::SIZE, memory_desc::FIELDS, 0),
            (offset::SIZE, offset::FIELDS, -(offset::SIZE as i32)),
            (thread_block::SIZE, thread_block::FIELDS, 0),
        ] {
            assert_eq!(fields[0].1, origin, "{fields:?}");
            assert!(fields.is_sorted_by_key(|field| field.1) && size % 8 == 0);
        }
        assert_eq!(funcref::SIZE, TABLE_ENTRY_SIZE);
        // Both ends of the context are where compiled code expects them.
        assert_eq!(offset::STACK_POINTER, -8);
        assert_eq!(
            offset::MEMORY,
            offset::STACK_POINTER - memory_desc::SIZE as i32
        );
        assert_eq!(offset::TABLE, offset::MEMORY - table_desc::SIZE as i32);
        const { assert!(offset::CODE_BASE >= -128, "beyond an 8-bit displacement") };
        const { assert!(offset::SIZE < CONTEXT_SIZE) };
    }
}
