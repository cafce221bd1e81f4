//! Room of opened objects in the program's memory, table and code addresses.

use std::ops::Range;

/// Room of an opened object.
#[derive(Clone, Debug)]
pub(crate) struct Room {
    pub memory: Option<Block>,
    pub table: Range<u64>,
    /// Of the code-address space.
    pub codes: Range<u64>,
}

/// Bytes of linear memory.
#[derive(Clone, Debug)]
pub(crate) struct Block {
    /// Linear address.
    pub at: u64,
    pub bytes: u64,
    /// Number of the domain whose memory it is in.
    pub domain: usize,
    /// What `free` is given; `None`: the block is not of the program's allocator.
    pub pointer: Option<u32>,
}

impl Block {
    /// Memory that the program has given itself, and frees itself.
    pub const fn of_program(at: u64) -> Self {
        Self {
            at,
            bytes: 0,
            domain: 0,
            pointer: None,
        }
    }

    /// Whether it is such memory.
    pub const fn is_of_program(&self) -> bool {
        self.bytes == 0
    }
}
