//! What an object says of itself, for people.

use wasmaot_abi::object::{SymbolKind, SymbolRecord};

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

/// A function whose calls are prelinked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PrelinkedCall<'a> {
    /// Its symbol.
    pub symbol: &'a str,
    /// Number of the member of the set that defines it.
    pub member: u32,
    /// Its address there.
    pub address: u32,
}

impl Object {
    /// The functions whose calls are prelinked.
    pub fn prelinked_calls(&self) -> impl Iterator<Item = PrelinkedCall<'_>> {
        let calls = self.prelink().map_or(&[][..], |record| &record.calls);
        let calls = calls.iter().zip(self.plt_slots());
        calls.filter_map(|(call, slot)| {
            let (to, symbol) = (call.to?, self.symbol(slot.symbol));
            Some(PrelinkedCall {
                symbol: self.symbol_name(&symbol),
                member: to.member,
                address: to.address,
            })
        })
    }

    /// The GNU build id: hash of input, options and compiler version.
    pub fn build_id(&self) -> &[u8] {
        self.map.get(self.build_id.clone()).unwrap_or_default()
    }

    /// The functions that contain code of other objects, and the symbols of the
    /// functions whose code that is.
    pub fn prelinked_bodies(&self) -> impl Iterator<Item = (String, Vec<&str>)> {
        let bodies = self.prelink().map_or(&[][..], |record| &record.bodies);
        let slots: Vec<_> = self.plt_slots().collect();
        bodies.iter().map(move |body| {
            let symbols = body.needs.iter().filter_map(|&need| {
                let slot = slots.get(need as usize)?;
                Some(self.symbol_name(&self.symbol(slot.symbol)))
            });
            let name = self.symbol_at(body.code.into());
            let name = name.unwrap_or_else(|| format!("{:#x}", body.code));
            (name, symbols.collect())
        })
    }

    /// Text of the type that a symbol's record says; `None` for what has none.
    pub fn type_text(&self, record: SymbolRecord) -> Option<String> {
        let number = record.ty as usize;
        match record.kind {
            SymbolKind::Function | SymbolKind::Tag => Some(self.func_type(record)?.to_string()),
            SymbolKind::Global => Some(self.global_type(record)?.to_string()),
            SymbolKind::Memory => Some(self.info.memories.get(number)?.ty.to_string()),
            SymbolKind::Table => Some(self.info.tables.get(number)?.ty.to_string()),
            SymbolKind::None | SymbolKind::Data | SymbolKind::Builtin => None,
        }
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
        let name = |symbol: u32| self.symbol_name(&self.symbol(symbol));
        let standard = self.relocs().map(move |r| Relocation {
            offset: r.offset,
            kind: self.machine.relocation(r.kind).name,
            symbol: name(r.symbol),
            addend: r.addend,
        });
        let ours = self.slots().map(move |r| Relocation {
            offset: r.offset,
            kind: r.kind.name(),
            symbol: name(r.symbol),
            addend: r.addend,
        });
        standard.chain(ours)
    }
}
