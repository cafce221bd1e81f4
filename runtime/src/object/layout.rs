//! What of an object's file is mapped, and where.

use std::ops::Range;

/// Where the file's parts go.
#[derive(Debug, Default)]
pub(crate) struct Layout {
    /// `PT_LOAD`, ascending, not sharing pages; addresses as in the file.
    pub segments: Vec<Segment>,
    /// Address past the last, in whole pages.
    pub end: u64,
    /// What becomes read-only after relocation; whole pages.
    pub relro: Range<u64>,
    /// Runs of the linear memory image.
    pub memory: Vec<MemoryRun>,
    /// A data symbol's value less its linear offset.
    pub memory_bias: u64,
    /// Thread-local storage, where there is any.
    pub threads: Option<ThreadStorage>,
}

/// The `PT_TLS` segment: what each thread has of its own.
#[derive(Clone, Debug)]
pub(crate) struct ThreadStorage {
    /// Where the initial image is.
    pub vaddr: u64,
    /// Bytes of it.
    pub filesz: u64,
    /// Bytes of all; behind the image are zeros.
    pub memsz: u64,
    pub align: u64,
}

/// A `PT_LOAD` segment.
#[derive(Clone, Debug)]
pub(crate) struct Segment {
    pub offset: u64,
    pub vaddr: u64,
    pub filesz: u64,
    pub memsz: u64,
    pub writable: bool,
    pub executable: bool,
}

impl Segment {
    /// Addresses of the segment.
    pub const fn range(&self) -> Range<u64> {
        self.vaddr..self.vaddr + self.memsz
    }
}

/// A run of the linear memory image.
#[derive(Clone, Debug)]
pub(crate) struct MemoryRun {
    pub offset: u64,
    /// Linear address, relative to the memory base of a relocatable module.
    pub linear: u64,
    pub filesz: u64,
    pub memsz: u64,
}
