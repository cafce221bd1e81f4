//! A DWARF section being written, with the places where addresses will go.

use gimli::LittleEndian;
use gimli::write::{EndianVec, RelocateWriter, Relocation};

/// The section's bytes, zero where an address is missing.
#[derive(Clone)]
pub(super) struct Recorder {
    pub bytes: EndianVec<LittleEndian>,
    pub relocs: Vec<Relocation>,
}

impl Default for Recorder {
    fn default() -> Self {
        Self {
            bytes: EndianVec::new(LittleEndian),
            relocs: Vec::new(),
        }
    }
}

impl RelocateWriter for Recorder {
    type Writer = EndianVec<LittleEndian>;

    fn writer(&self) -> &Self::Writer {
        &self.bytes
    }

    fn writer_mut(&mut self) -> &mut Self::Writer {
        &mut self.bytes
    }

    fn relocate(&mut self, relocation: Relocation) {
        self.relocs.push(relocation);
    }
}
