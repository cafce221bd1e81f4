//! Trap codes: the byte in an object's trap map, and the trap's name.

macro_rules! traps {
    ($($(#[$doc:meta])* $name:ident = $code:literal, $text:literal;)*) => {
        /// Why wasm code stopped.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr(u8)]
        pub enum TrapCode { $($(#[$doc])* $name = $code,)* }

        impl TrapCode {
            /// Every trap code.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            /// The trap a map's byte stands for.
            pub const fn from_byte(byte: u8) -> Option<Self> {
                match byte { $($code => Some(Self::$name),)* _ => None }
            }

            /// The name that the WebAssembly specification's tests use.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }
        }
    };
}

traps! {
    /// `unreachable` was executed.
    Unreachable = 1, "unreachable";
    /// A memory access, `memory.*` instruction or data segment out of bounds.
    MemoryOutOfBounds = 2, "out of bounds memory access";
    /// A `table.*` instruction or element segment out of bounds.
    TableOutOfBounds = 3, "out of bounds table access";
    /// `call_indirect` past the end of the table.
    UndefinedElement = 4, "undefined element";
    /// `call_indirect` to a null entry.
    UninitializedElement = 5, "uninitialized element";
    /// `call_indirect` to a function of another type.
    IndirectCallTypeMismatch = 6, "indirect call type mismatch";
    /// Signed division overflow.
    IntegerOverflow = 7, "integer overflow";
    /// Division or remainder by zero.
    IntegerDivideByZero = 8, "integer divide by zero";
    /// Float to integer conversion of NaN.
    InvalidConversion = 9, "invalid conversion to integer";
    /// The native stack is used up.
    StackOverflow = 10, "call stack exhausted";
    /// A call of a function that nothing defines, which was let pass.
    UnresolvedSymbol = 11, "call of an unresolved symbol";
    /// A null reference where none may be.
    NullReference = 12, "null reference";
    /// The time given to the program is over.
    Interrupted = 13, "interrupted";
    /// An atomic access that is not aligned.
    UnalignedAtomic = 14, "unaligned atomic";
    /// A null reference thrown.
    NullExceptionReference = 15, "null exception reference";
    /// A wait at an address of a memory that is not shared.
    ExpectedSharedMemory = 16, "expected shared memory";
    /// A call of a null reference.
    NullFunctionReference = 17, "null function reference";
    /// An exception that nothing caught.
    UncaughtException = 18, "uncaught exception";
    /// A fault that no instruction of compiled code should have.
    NativeFault = 19, "native fault";
    /// More than the process may use.
    OutOfMemory = 20, "out of memory";
}

#[cfg(test)]
mod tests {
    use super::TrapCode;

    #[test]
    fn bytes_round_trip() {
        for &code in TrapCode::ALL {
            assert_eq!(TrapCode::from_byte(code as u8), Some(code));
        }
        assert_eq!(TrapCode::from_byte(0), None);
        assert_eq!(TrapCode::from_byte(255), None);
    }
}
