//! What an object says of itself, for people.

use super::{MemoryRun, Object};

/// A run of the initial memory image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ImageRun {
    /// Linear address, relative to the memory base of a relocatable module.
    pub linear: u64,
    /// Bytes in linear memory.
    pub memory_size: u64,
    /// Bytes in the file; the rest is zero.
    pub file_size: u64,
    /// Where they begin in the file.
    pub file_offset: u64,
}

/// A relocation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Relocation<'a> {
    /// Address of the slot in the object.
    pub offset: u64,
    /// Name of its kind.
    pub kind: &'static str,
    /// Name of its symbol, or empty.
    pub symbol: &'a str,
    /// Its addend.
    pub addend: i64,
}

impl Object {
    /// The GNU build id: hash of input, options and compiler version.
    pub fn build_id(&self) -> &[u8] {
        /// Bytes before the id: three words and the owner's name.
        const HEADER: usize = 16;
        let note = self.section(".note.gnu.build-id").unwrap_or_default();
        note.get(HEADER..).unwrap_or_default()
    }

    /// Text of a type by its identity: of a function or a global.
    pub fn type_text(&self, id: u32) -> Option<String> {
        let function = self.type_of(id).map(ToString::to_string);
        function.or_else(|| Some(self.global_type(id)?.to_string()))
    }

    /// Runs of the initial memory image.
    pub fn image_runs(&self) -> impl Iterator<Item = ImageRun> {
        self.layout.memory.iter().map(|run: &MemoryRun| ImageRun {
            linear: run.linear,
            memory_size: run.memsz,
            file_size: run.filesz,
            file_offset: run.offset,
        })
    }

    /// All relocations, the standard ones first.
    pub fn relocations(&self) -> impl Iterator<Item = Relocation<'_>> {
        let name = |symbol: u32| match self.symbols().get(symbol as usize) {
            Some(found) if symbol != 0 => self.symbol_name(found),
            _ => "",
        };
        let standard = self.relocs.iter().map(move |r| Relocation {
            offset: r.offset,
            kind: r.kind.name(),
            symbol: name(r.symbol),
            addend: r.addend,
        });
        let ours = self.slots.iter().map(move |r| Relocation {
            offset: r.offset,
            kind: r.kind.name(),
            symbol: name(r.symbol),
            addend: r.addend,
        });
        standard.chain(ours)
    }
}
