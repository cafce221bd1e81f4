//! The native address space around a linear memory, and the context page.
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
/// Granule of mappings and of memory image placement, in bytes.
pub const HOST_PAGE: u64 = 4096;
/// Bytes reserved from the start of a 32-bit linear memory: every address.
pub const MEMORY_RESERVE: u64 = 1 << 32;
/// Bytes of guard after it: every 32-bit offset, and the widest access.
pub const MEMORY_GUARD: u64 = (1 << 32) + HOST_PAGE;
/// Bytes at the end of all 32-bit addresses where no memory is: what is added
/// to the address of something in memory, and is no more, does not wrap.
pub const HEADROOM: u64 = 16 << 20;
/// Bytes of the largest memory with guards.
pub const MEMORY_LIMIT: u64 = MEMORY_RESERVE - HEADROOM;
/// Bytes reserved for the primary table: every 32-bit index.
pub const TABLE_RESERVE: u64 = TABLE_ENTRY_SIZE << 32;
/// Bytes of one table entry, a [`FuncRef`] or an `externref` word.
pub const TABLE_ENTRY_SIZE: u64 = 16;
/// Bytes reserved for objects and stubs of a process, so that any call
/// between them fits `call rel32`.
pub const CODE_RESERVE: u64 = 2 << 30;

/// A function reference record, and a table entry of `funcref` type.
///
/// A `funcref` *value* is the host address of such a record in an object's
/// function reference table (or null); a table *entry* is a copy of the
/// record, so that `call_indirect` needs one load less.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FuncRef {
    /// Address of the code; 0 in an empty entry.
    pub code: u64,
    /// [`FuncType::id`](crate::types::FuncType::id); 0 in an empty entry.
    pub type_id: u32,
    /// Offset of the canonical record from [`Context::code_base`]; in the
    /// canonical record itself too. 0 in an empty entry. What `table.get`
    /// turns back into a `funcref` value.
    pub record: u32,
}

/// Byte offsets of the fields of [`FuncRef`].
pub mod funcref {
    /// `FuncRef::code`.
    pub const CODE: i32 = 0;
    /// `FuncRef::type_id`.
    pub const TYPE_ID: i32 = 8;
    /// `FuncRef::record`.
    pub const RECORD: i32 = 12;
}

/// Describes a table. Entry `i` is at `base - 16 * (i + 1)`. The primary
/// table's descriptor stands in the context; every other one in the data of
/// the object that defines the table.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TableDesc {
    /// Address just past entry 0.
    pub base: u64,
    /// Current length in entries.
    pub len: u64,
    /// Largest length in entries.
    pub max: u64,
    /// 0: `funcref` entries; 1: `externref` entries, the word first.
    pub kind: u64,
}

/// Byte offsets of the fields of [`TableDesc`].
pub mod table_desc {
    /// `TableDesc::base`.
    pub const BASE: i32 = 0;
    /// `TableDesc::len`.
    pub const LEN: i32 = 8;
    /// `TableDesc::max`.
    pub const MAX: i32 = 16;
    /// Bytes of a descriptor.
    pub const SIZE: u64 = 32;
}

/// Describes a linear memory. Memory 0's stands in the context; every other
/// one in the data of the object that defines it.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MemoryDesc {
    /// Address of byte 0. Never changes.
    pub base: u64,
    /// Current size in bytes.
    pub bytes: u64,
    /// Largest size in bytes.
    pub max_bytes: u64,
}

/// Byte offsets of the fields of [`MemoryDesc`].
pub mod memory_desc {
    /// `MemoryDesc::base`.
    pub const BASE: i32 = 0;
    /// `MemoryDesc::bytes`.
    pub const BYTES: i32 = 8;
    /// `MemoryDesc::max_bytes`.
    pub const MAX_BYTES: i32 = 16;
    /// Bytes of a descriptor.
    pub const SIZE: u64 = 24;
}

macro_rules! context {
    ($($(#[$doc:meta])* $field:ident : $ty:ty, $name:ident),* $(,)?) => {
        /// The context of a domain: the last bytes below linear memory.
        ///
        /// The most used fields come last, where an 8-bit displacement from
        /// the pinned register reaches them.
        #[repr(C)]
        #[derive(Clone, Copy, Debug, Default)]
        pub struct Context { $($(#[$doc])* pub $field: $ty,)* }

        /// Displacements of the context's fields from the pinned register.
        pub mod offset {
            use super::Context;
            use std::mem::{offset_of, size_of};
            $($(#[$doc])*
            pub const $name: i32 =
                offset_of!(Context, $field) as i32 - size_of::<Context>() as i32;)*
        }
    };
}

context! {
    /// Host pointer of the domain's owner, for the runtime's use.
    domain: u64, DOMAIN,
    /// Address of the process's `ProcessHead`.
    process: u64, PROCESS,
    /// Lowest address of the native stack that wasm code may use.
    stack_limit: u64, STACK_LIMIT,
    /// Address that `FuncRef::record` is relative to.
    code_base: u64, CODE_BASE,
    /// Thread-local storage base of the wasm program.
    tls_base: u64, TLS_BASE,
    /// The primary table.
    table: TableDesc, TABLE,
    /// Memory 0.
    memory: MemoryDesc, MEMORY,
    /// `env.__stack_pointer`: the shadow stack's top, a linear address.
    stack_pointer: u64, STACK_POINTER,
}

/// The part of a process that native stubs read, by these offsets alone.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct ProcessHead {
    /// Stack pointer to switch to when a host function is called: that of the
    /// innermost entry into wasm code.
    pub host_sp: u64,
    /// Stack pointer of wasm code at the last call of a host function: where
    /// its frame record (saved rbp, return address) begins. What a nested
    /// entry continues below, and a backtrace starts from.
    pub wasm_sp: u64,
    /// Address of the Rust function that carries out a host call.
    pub dispatch: u64,
    /// Address of the runtime's state of the process.
    pub owner: u64,
    /// Address of the Rust function that finds the handler of an exception.
    pub unwind: u64,
    /// Address of what that function works on.
    pub exceptions: u64,
    /// Address of the Rust function that binds a function at its first call.
    pub bind: u64,
}

/// Byte offsets of the fields of [`ProcessHead`].
pub mod process_head {
    /// `ProcessHead::host_sp`.
    pub const HOST_SP: i32 = 0;
    /// `ProcessHead::wasm_sp`.
    pub const WASM_SP: i32 = 8;
    /// `ProcessHead::dispatch`.
    pub const DISPATCH: i32 = 16;
    /// `ProcessHead::unwind`.
    pub const UNWIND: i32 = 32;
    /// `ProcessHead::bind`.
    pub const BIND: i32 = 48;
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::mem::{offset_of, size_of};

    #[test]
    fn layouts() {
        assert_eq!(offset::STACK_POINTER, -8);
        assert_eq!(offset::MEMORY, -32);
        assert_eq!(offset::TABLE, -64);
        const { assert!(offset::DOMAIN >= -128, "beyond an 8-bit displacement") };
        assert_eq!(size_of::<FuncRef>() as u64, TABLE_ENTRY_SIZE);
        assert_eq!(offset_of!(FuncRef, type_id) as i32, funcref::TYPE_ID);
        assert_eq!(offset_of!(FuncRef, record) as i32, funcref::RECORD);
        assert_eq!(offset_of!(TableDesc, len) as i32, table_desc::LEN);
        assert_eq!(offset_of!(TableDesc, max) as i32, table_desc::MAX);
        assert_eq!(size_of::<TableDesc>() as u64, table_desc::SIZE);
        assert_eq!(offset_of!(MemoryDesc, bytes) as i32, memory_desc::BYTES);
        assert_eq!(
            offset_of!(MemoryDesc, max_bytes) as i32,
            memory_desc::MAX_BYTES
        );
        assert_eq!(size_of::<MemoryDesc>() as u64, memory_desc::SIZE);
        assert_eq!(
            offset_of!(ProcessHead, wasm_sp) as i32,
            process_head::WASM_SP
        );
        assert_eq!(
            offset_of!(ProcessHead, dispatch) as i32,
            process_head::DISPATCH
        );
        assert_eq!(offset_of!(ProcessHead, unwind) as i32, process_head::UNWIND);
        assert_eq!(offset_of!(ProcessHead, bind) as i32, process_head::BIND);
    }
}
