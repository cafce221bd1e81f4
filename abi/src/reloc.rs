//! Relocations: generic kinds, to which each machine gives numbers of its own.
//!
//! `.rela.dyn` and `.rela.plt` hold the machine's standard types ([`Standard`],
//! numbered by [`Machine::relocation`](crate::machine::Machine::relocation)), so
//! that every ELF tool understands them. What has no ELF meaning, a target in
//! linear memory or in a table, stands in
//! [`SEC_RELA`](crate::object::SEC_RELA) with the kinds of [`Kind`]. What link
//! edit fills in code is [`CodeReloc`], and is in no object.
//!
//! In the formulas, S is the symbol's value, A the addend, B the object's load
//! address, G the address of the symbol's GOT slot, P that of the field, M the
//! object's memory base, T its table base, H the host address of byte 0 of its
//! domain's memory.

use crate::object::SymbolKind;

macro_rules! generic {
    ($(#[$enum:meta])* $ty:ident { $($(#[$doc:meta])* $name:ident,)* }) => {
        $(#[$enum])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum $ty { $($(#[$doc])* $name,)* }

        impl $ty {
            /// Every kind.
            pub const ALL: &[Self] = &[$(Self::$name),*];
        }
    };
}

generic! {
    /// A relocation that every ELF machine has under a name and number of its
    /// own. All but copies fill a 64-bit slot.
    Standard {
        /// S + A.
        Absolute,
        /// The bytes of another object's definition of S, as many as S has, to S:
        /// after all other relocations, before any constructor.
        Copy,
        /// S: the address of a datum.
        GlobDat,
        /// S: the code that a PLT entry jumps to.
        JumpSlot,
        /// B + A.
        Relative,
        /// The offset from the thread pointer of a thread-local global: of S, or
        /// without a symbol of the object's own thread-local storage; + A.
        ThreadOffset,
    }
}

generic! {
    /// A field of compiled code.
    CodeReloc {
        /// S + A: not position-independent, so no shared object has it.
        Absolute,
        /// S + A - P, of a call, a jump, or an address that is computed.
        PcRelative,
        /// G + A - P, of a load from the GOT.
        GotPcRelative,
        /// Page(S + A) - Page(P), of the first of two instructions that compute an
        /// address. A page has 4 KiB here, whatever the kernel's has.
        PcRelativePage,
        /// S + A in its page, of the second.
        PageOffset,
        /// Page(G + A) - Page(P), of the first of two instructions that load from the
        /// GOT.
        GotPage,
        /// G + A in its page, of the second.
        GotPageOffset,
    }
}

impl Standard {
    /// What its symbol may be; nothing, if the formula has no S.
    pub const fn symbols(self) -> &'static [SymbolKind] {
        use SymbolKind::{Builtin, Data, Function, Global, Tag};
        match self {
            Self::Relative => &[],
            Self::Copy => &[Data],
            Self::JumpSlot => &[Function, Builtin],
            Self::Absolute | Self::GlobDat => &[Function, Global, Tag],
            Self::ThreadOffset => &[Global],
        }
    }
}

macro_rules! kinds {
    ($($(#[$doc:meta])* $name:ident = $code:literal, $text:literal, [$($symbol:ident),*];)*) => {
        /// A relocation that ELF has no word for. Every one fills a 64-bit
        /// slot, with a zero-extended value or a host address.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr(u32)]
        pub enum Kind { $($(#[$doc])* $name = $code,)* }

        impl Kind {
            /// Every kind.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            /// The kind of a number in a file.
            pub const fn from_number(n: u32) -> Option<Self> {
                match n { $($code => Some(Self::$name),)* _ => None }
            }

            /// Name in listings.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }

            /// What its symbol may be; nothing, if the formula has no S.
            pub const fn symbols(self) -> &'static [SymbolKind] {
                match self { $(Self::$name => &[$(SymbolKind::$symbol),*],)* }
            }

            /// Whether the formula has an S.
            pub const fn takes_symbol(self) -> bool {
                !self.symbols().is_empty()
            }
        }
    };
}

kinds! {
    /// Linear address of a data symbol: S + A, 32 bits; 0 for an undefined
    /// weak symbol.
    Mem32 = 1, "MEM32", [Data];
    /// Table index of a function symbol, the same from every object: 32 bits;
    /// 0 for an undefined weak symbol.
    Func32 = 2, "FUNC32", [Function];
    /// The object's memory base: M + A.
    MemoryBase = 3, "MEMORY_BASE", [];
    /// The object's table base: T + A.
    TableBase = 4, "TABLE_BASE", [];
    /// Host address of a memory's descriptor
    /// ([`MemoryDesc`](crate::context::MemoryDesc)).
    MemoryDesc = 5, "MEMORY_DESC", [Memory];
    /// Host address of a table's descriptor
    /// ([`TableDesc`](crate::context::TableDesc)).
    TableDesc = 6, "TABLE_DESC", [Table];
    /// Where the object's part of the code-address space begins, + A.
    CodeBase = 7, "CODE_BASE", [];
    /// Host address of the object's memory base: H + M. The loader sees to it
    /// that [`HEADROOM`](crate::context::HEADROOM) bytes follow the object's
    /// memory below 2^32, so that no address up to there wraps.
    HostBase = 8, "HOST_BASE", [];
    /// Host address of a data symbol: H + what [`Kind::Mem32`] is. The loader
    /// sees to it that as many bytes follow it below 2^32.
    HostData = 9, "HOST_DATA", [Data];
    /// Memory base of the object that defines a symbol.
    BaseOf = 10, "BASE_OF", [Function, Data];
    /// Host address of the memory base of the object that defines a symbol: H +
    /// what [`Kind::BaseOf`] is. The loader sees to it that
    /// [`HEADROOM`](crate::context::HEADROOM) bytes follow it below 2^32.
    HostBaseOf = 11, "HOST_BASE_OF", [Function, Data];
}

/// An entry of [`SEC_RELA`](crate::object::SEC_RELA): 24 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rela {
    /// Address of the 64-bit slot in the object (`p_vaddr` space).
    pub offset: u64,
    /// What to compute.
    pub kind: Kind,
    /// `.dynsym` index; 0 where the kind takes no symbol.
    pub symbol: u32,
    /// A.
    pub addend: i64,
}

impl Rela {
    /// Bytes of an entry.
    pub const SIZE: usize = 24;

    /// The entry's bytes: offset, kind, symbol, addend.
    pub fn encode(&self) -> [u8; Self::SIZE] {
        let mut out = [0; Self::SIZE];
        out[0..8].copy_from_slice(&self.offset.to_le_bytes());
        out[8..12].copy_from_slice(&(self.kind as u32).to_le_bytes());
        out[12..16].copy_from_slice(&self.symbol.to_le_bytes());
        out[16..24].copy_from_slice(&self.addend.to_le_bytes());
        out
    }

    /// Reads an entry; `Err` holds the number of an unknown kind.
    pub fn decode(bytes: [u8; Self::SIZE]) -> Result<Self, u32> {
        let word = |at: usize| u64::from_le_bytes(std::array::from_fn(|i| bytes[at + i]));
        let number = word(8) as u32;
        Ok(Self {
            offset: word(0),
            kind: Kind::from_number(number).ok_or(number)?,
            symbol: (word(8) >> 32) as u32,
            addend: word(16) as i64,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_round_trip() {
        for &kind in Kind::ALL {
            let rela = Rela {
                offset: 0x1_0000_0008,
                kind,
                symbol: 77,
                addend: -4,
            };
            assert_eq!(Rela::decode(rela.encode()), Ok(rela));
        }
        assert_eq!(Rela::decode([0xff; 24]), Err(u32::MAX));
    }
}
