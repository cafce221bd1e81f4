//! Phase 4: the object's own data: read-only bytes, arrays of references,
//! globals, lengths and descriptors. Only what code or a symbol refers to gets
//! a place.

use std::collections::{BTreeMap, BTreeSet};

use wasmaot_abi::context::{memory_desc, table_desc};

use super::layout::Section;
use super::symbols::{Definition, Symbols};
use super::text::Text;
use crate::code::Target;
use crate::module::{GlobalInit, GlobalStorage, Items, Memory, Module};

/// The data.
#[derive(Default)]
pub(super) struct Data {
    /// Bytes of `.rodata`.
    pub rodata: Vec<u8>,
    /// Bytes of `.tdata`.
    pub thread: Vec<u8>,
    /// Bytes of `.data.rel.ro`.
    pub relro: Vec<u8>,
    /// Bytes of `.data`.
    pub data: Vec<u8>,
    /// Size of `.bss`.
    pub bss: u64,
    /// 64-bit places of function reference records' addresses.
    pub records: Vec<RecordAddress>,
    offsets: BTreeMap<Target, SectionOffset>,
}

/// An offset in a section.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct SectionOffset {
    pub section: Section,
    pub offset: u64,
}

/// A word that holds the address of a function's record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct RecordAddress {
    pub at: SectionOffset,
    pub func: u32,
}

impl Data {
    /// Where the object's own data for a target is.
    pub fn offset_of(&self, target: Target) -> Option<SectionOffset> {
        self.offsets.get(&target).copied()
    }

    fn constant(&mut self, bytes: &[u8]) -> SectionOffset {
        append(Section::Rodata, &mut self.rodata, bytes, 16)
    }

    fn variable(&mut self, bytes: &[u8], align: u64) -> SectionOffset {
        append(Section::Data, &mut self.data, bytes, align)
    }

    /// An array that the init function fills.
    fn computed(&mut self, items: u64) -> SectionOffset {
        let offset = self.bss;
        self.bss += 8 * items;
        SectionOffset {
            section: Section::Bss,
            offset,
        }
    }

    /// The initial image of thread-local storage, whose layout is the module's.
    fn arrange_thread_storage(&mut self, module: &Module<'_>) {
        let storage = &module.thread_storage;
        self.thread.resize(storage.initialized as usize, 0);
        for (global, offset) in storage.globals().filter(|g| g.1 < storage.initialized) {
            let global = &module.globals[global as usize];
            match &global.storage {
                GlobalStorage::Own(GlobalInit::Const(bytes)) => {
                    let bytes = &bytes[..global.ty.val.bytes() as usize];
                    self.thread[offset as usize..][..bytes.len()].copy_from_slice(bytes);
                }
                &GlobalStorage::Own(GlobalInit::RefFunc(func)) => {
                    let section = Section::Tdata;
                    let at = SectionOffset { section, offset };
                    self.records.push(RecordAddress { at, func });
                }
                _ => {}
            }
        }
    }

    /// An array of record addresses in `into`; null entries stay zero.
    fn records(&mut self, section: Section, funcs: &[Option<u32>]) -> SectionOffset {
        let into = match section {
            Section::DataRelRo => &mut self.relro,
            _ => &mut self.data,
        };
        let start = append(section, into, &vec![0; 8 * funcs.len()], 8);
        for (i, func) in (0..).zip(funcs) {
            if let &Some(func) = func {
                let offset = start.offset + 8 * i;
                let at = SectionOffset { section, offset };
                self.records.push(RecordAddress { at, func });
            }
        }
        start
    }
}

fn append(section: Section, to: &mut Vec<u8>, bytes: &[u8], align: u64) -> SectionOffset {
    to.resize(to.len().next_multiple_of(align as usize), 0);
    let offset = to.len() as u64;
    to.extend(bytes);
    SectionOffset { section, offset }
}

/// Places the data.
pub(super) fn arrange(module: &Module<'_>, text: &Text, symbols: &Symbols) -> Data {
    let mut data = Data::default();
    data.arrange_thread_storage(module);
    for target in wanted(module, text, symbols) {
        if let Some(offset) = arrange_one(module, &mut data, target) {
            data.offsets.insert(target, offset);
        }
    }
    data
}

/// What needs a place if it is the module's own: what code refers to, what is
/// exported, and what the loader fills.
fn wanted(module: &Module<'_>, text: &Text, symbols: &Symbols) -> BTreeSet<Target> {
    let mut wanted = text.targets.clone();
    wanted.extend(symbols.list.iter().filter_map(|s| match s.definition {
        Definition::Global(g) => Some(Target::Global(g)),
        Definition::Tag(t) => Some(Target::Tag(t)),
        _ => None,
    }));
    wanted.extend((0..module.tables.len() as u32).map(Target::Table));
    wanted.extend((0..module.memories.len() as u32).map(Target::Memory));
    wanted
}

fn arrange_one(module: &Module<'_>, data: &mut Data, target: Target) -> Option<SectionOffset> {
    match target {
        Target::Global(g) if module.is_thread_local(g) => None,
        Target::Global(g) => {
            let global = module.globals.get(g as usize)?;
            let size = global.ty.val.bytes();
            match &global.storage {
                GlobalStorage::Own(GlobalInit::Const(bytes)) => {
                    Some(data.variable(&bytes[..size as usize], size.into()))
                }
                GlobalStorage::Own(GlobalInit::Computed(_)) => {
                    Some(data.variable(&[0; 16][..size as usize], size.into()))
                }
                &GlobalStorage::Own(GlobalInit::RefFunc(f)) => {
                    Some(data.records(Section::Data, &[Some(f)]))
                }
                _ => None,
            }
        }
        Target::Memory(m) => {
            let own = module.memories.get(m as usize)?.import.is_none();
            (own && !Memory::is_primary(m))
                .then(|| data.variable(&[0; memory_desc::SIZE as usize], 8))
        }
        Target::Table(t) => {
            let table = module.tables.get(t as usize)?;
            let own = table.import.is_none() && !table.primary;
            own.then(|| data.variable(&[0; table_desc::SIZE as usize], 8))
        }
        // Its address is what counts.
        Target::Tag(t) => {
            let own = module.tags.get(t as usize)?.import.is_none();
            own.then(|| data.constant(&[0; 8]))
        }
        // A segment without bytes or values of its own is as long as a
        // dropped one.
        Target::Data(d) => {
            let segment = module.data.get(d as usize)?;
            let bytes = if segment.has_bytes() {
                segment.bytes
            } else {
                &[]
            };
            Some(data.constant(bytes))
        }
        Target::DataLen(d) => {
            let segment = module.data.get(d as usize)?;
            let len = if segment.has_bytes() {
                segment.bytes.len() as u64
            } else {
                0
            };
            Some(data.variable(&len.to_le_bytes(), 8))
        }
        Target::Elem(e) => {
            let segment = module.elements.get(e as usize)?;
            match &segment.items {
                _ if !segment.has_values() => Some(data.computed(0)),
                Items::Funcs(funcs) => Some(data.records(Section::DataRelRo, funcs)),
                Items::Exprs(exprs) => Some(data.computed(exprs.len() as u64)),
            }
        }
        Target::ElemLen(e) => {
            let segment = module.elements.get(e as usize)?;
            let len = match &segment.items {
                _ if !segment.has_values() => 0,
                Items::Funcs(funcs) => funcs.len() as u64,
                Items::Exprs(exprs) => exprs.len() as u64,
            };
            Some(data.variable(&len.to_le_bytes(), 8))
        }
        _ => None,
    }
}
