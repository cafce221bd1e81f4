//! Functions of the runtime that compiled code calls, by the System V
//! convention, through the PLT under the symbol `wasmaot.NAME`.
//!
//! They run on the wasm stack, do not unwind, and take what they need as
//! arguments; `base` is the pinned register's value. A `bool` result of 0
//! means "out of bounds", upon which the calling code traps.

use crate::types::ValType::{self, I32, I64};

/// Import module name under which the built-in functions stand.
pub const MODULE: &str = "wasmaot";

macro_rules! builtins {
    ($($(#[$doc:meta])* $variant:ident = $name:literal ($($param:expr),*) -> $result:expr;)*) => {
        /// A built-in function.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[repr(u8)]
        pub enum Builtin { $($(#[$doc])* $variant,)* }

        impl Builtin {
            /// Every built-in function, in the order of their numbers.
            pub const ALL: &[Self] = &[$(Self::$variant),*];

            /// Symbol name without the module prefix.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// Parameter types; addresses are `I64`.
            pub const fn params(self) -> &'static [ValType] {
                match self { $(Self::$variant => &[$($param),*],)* }
            }

            /// Result type, if any.
            pub const fn result(self) -> Option<ValType> {
                match self { $(Self::$variant => $result,)* }
            }
        }
    };
}

builtins! {
    /// `(dst, src, bytes)`, overlapping allowed; host addresses.
    Memmove = "memmove"(I64, I64, I64) -> None;
    /// `(dst, byte, bytes)`; host address.
    Memset = "memset"(I64, I32, I64) -> None;
    /// `(base, memory descriptor, delta in pages, exponent of the page's
    /// size)`: old size in pages or -1.
    MemoryGrow = "memory_grow"(I64, I64, I64, I32) -> Some(I64);
    /// `(address, expected, bytes compared, timeout)`: 1 if it holds another
    /// value, 2 after so many nanoseconds. Host address, of a checked range.
    MemoryWait = "memory_wait"(I64, I64, I32, I64) -> Some(I32);
    /// `(address, count)`: how many of those that wait there have been woken, at
    /// most `count`. Host address, of a checked range.
    MemoryNotify = "memory_notify"(I64, I32) -> Some(I32);
    /// `(base, table descriptor, delta, value)`: old length or -1. The value
    /// is a reference value.
    TableGrow = "table_grow"(I64, I64, I64, I64) -> Some(I64);
    /// `(base, table descriptor, start, value, count)`: bool.
    TableFill = "table_fill"(I64, I64, I64, I64, I64) -> Some(I32);
    /// `(base, dst descriptor, src descriptor, dst, src, count)`: bool.
    TableCopy = "table_copy"(I64, I64, I64, I64, I64, I64) -> Some(I32);
    /// `(base, table descriptor, values, values' count, dst, src, count)`:
    /// bool. `values` is the host address of an array of reference values.
    TableInit = "table_init"(I64, I64, I64, I64, I64, I64, I64) -> Some(I32);
    /// `(base, tag's identity, bytes)`: a new exception with room for its
    /// values ([`crate::exception`]), which the caller fills.
    ExceptionNew = "exception_new"(I64, I64, I64) -> Some(I64);
    /// `(base, exception)`: goes on in the handler that the stack has for it,
    /// or ends the call from the host. Does not return.
    Throw = "throw"(I64, I64) -> None;
}
