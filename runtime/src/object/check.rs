//! Bounds of everything in an object that the loader later uses without
//! looking again.

use std::ops::Range;

use wasmaot_abi::context::{
    MEMORY_RESERVE, TABLE_ENTRY_SIZE, WINDOW_TLS_SIZE, memory_desc, table_desc,
};
use wasmaot_abi::info::{Fixup, Import, ImportKind, LinkingAbi, ModuleInfo, NULL_ELEMENT};
use wasmaot_abi::object::{ImportRecord, PltCall, SymbolKind, SymbolRecord};
use wasmaot_abi::reloc::Standard;
use wasmaot_abi::types::ValType;

use super::{Object, Reloc, Segment, Symbol, SymbolSection};

/// Exponent of the largest alignment, as the linking sections allow.
const MAX_ALIGN: u32 = 30;
/// The largest alignment of thread-local storage, in bytes: a line of a cache.
const MAX_THREAD_ALIGN: u64 = 64;

/// Checks an object that has been read.
pub(super) fn object(object: &Object) -> Result<(), String> {
    let check = Check {
        object,
        symbols: object.symbols().len(),
        code: {
            let segments = object.layout().segments.iter();
            let code = segments.filter(|s| s.executable);
            code.map(Segment::range).collect()
        },
    };
    check.addresses()?;
    check.thread_storage()?;
    check.symbols()?;
    check.info()?;
    check.functions()
}

/// Reads the table of calls, and the code at each of their places: it must be
/// a call or jump, and lead to the PLT entry of that number, or to where the
/// prelink record has it lead instead.
pub(super) fn calls(object: &Object) -> Result<Vec<PltCall>, String> {
    let slots: Vec<u64> = object.plt_slots().map(|r| r.offset).collect();
    let bytes = object.bytes().get(object.calls.clone()).unwrap_or_default();
    let (entries, rest) = bytes.as_chunks::<{ PltCall::SIZE }>();
    if !rest.is_empty() {
        return Err("its table of calls is cut short".to_owned());
    }
    let branches = object.branches();
    let mut end = 0;
    let calls = entries.iter().map(|&entry| {
        let call = PltCall::decode(entry);
        let slot = slots.get(call.entry as usize).copied();
        let start = (branches.at)(call.place.into()).filter(|&at| at >= end);
        let right = |at: u64| match object.prelinked_target(call.entry) {
            Some(target) => target_of_call(object, at) == Some(target),
            None => slot.is_some() && slot_of_call(object, at) == slot,
        };
        match start.filter(|&at| right(at)) {
            Some(start) => {
                end = start + object.machine.branch.size;
                Ok(call)
            }
            None => Err(format!(
                "its table of calls is damaged: {:#x} is not in a call of PLT entry {}",
                call.place, call.entry
            )),
        }
    });
    calls.collect()
}

/// Where a call or jump in the object leads.
fn target_of_call(object: &Object, at: u64) -> Option<u64> {
    (object.branches().target)(object.code_from(at)?, at)
}

/// The slot by way of which a call or jump in the object goes elsewhere.
fn slot_of_call(object: &Object, at: u64) -> Option<u64> {
    let entry = target_of_call(object, at)?;
    (object.branches().slot)(object.code_from(entry)?, entry)
}

struct Check<'a> {
    object: &'a Object,
    symbols: usize,
    code: Vec<Range<u64>>,
}

impl Check<'_> {
    /// Slots that the loader writes.
    fn addresses(&self) -> Result<(), String> {
        for r in self.object.relocs() {
            match r.kind {
                Standard::Copy => self.copy(&r)?,
                Standard::Relative => {
                    self.slot(r.offset, r.symbol)?;
                    let inside = u64::try_from(r.addend).is_ok_and(|at| self.readable(at, 1));
                    if !inside {
                        return Err(format!(
                            "an address outside of the object ({:#x})",
                            r.addend
                        ));
                    }
                }
                Standard::ThreadOffset => self.thread_offset(&r)?,
                Standard::JumpSlot | Standard::GlobDat | Standard::Absolute => {
                    self.slot(r.offset, r.symbol)?;
                    self.kind(r.symbol, r.kind.symbols())?;
                    if self.object.symbol(r.symbol).thread_local {
                        return Err("an address of what each thread has of its own".to_owned());
                    }
                }
            }
        }
        for r in self.object.slots() {
            self.slot(r.offset, r.symbol)?;
            if r.kind.takes_symbol() {
                self.kind(r.symbol, r.kind.symbols())?;
            }
        }
        let relro = &self.object.layout().relro;
        let mut data = self.object.layout().segments.iter().filter(|s| s.writable);
        let covers = |s: &Segment| {
            let align = self.object.machine.image_align;
            let pages = s.range().end.checked_next_multiple_of(align);
            s.vaddr <= relro.start && pages.is_some_and(|end| relro.end <= end)
        };
        if relro.start < relro.end && !data.any(covers) {
            return Err("the RELRO part is not in a writable segment".to_owned());
        }
        if let Some(init) = self.object.init() {
            self.code(init)?;
        }
        Ok(())
    }

    /// The offset of a thread-local global of any object, or of the object's own
    /// storage.
    fn thread_offset(&self, r: &Reloc) -> Result<(), String> {
        self.slot(r.offset, r.symbol)?;
        let bytes = match r.symbol {
            0 => self.object.layout().threads.as_ref().map(|own| own.memsz),
            _ => {
                self.kind(r.symbol, r.kind.symbols())?;
                let symbol = self.object.symbol(r.symbol);
                symbol.thread_local.then_some(1)
            }
        };
        match u64::try_from(r.addend).is_ok_and(|at| bytes.is_some_and(|bytes| at < bytes)) {
            true => Ok(()),
            false => Err(format!(
                "an offset of no thread-local storage ({:#x})",
                r.offset
            )),
        }
    }

    /// The segment of thread-local storage. Its initial image is among what the
    /// loader relocates and makes read-only.
    fn thread_storage(&self) -> Result<(), String> {
        let layout = self.object.layout();
        let Some(own) = &layout.threads else {
            return Ok(());
        };
        if own.memsz > WINDOW_TLS_SIZE || own.filesz > own.memsz {
            return Err("its thread-local storage is too large".to_owned());
        }
        if !own.align.is_power_of_two()
            || own.align > MAX_THREAD_ALIGN
            || !own.vaddr.is_multiple_of(own.align)
        {
            return Err("its thread-local storage is not aligned".to_owned());
        }
        let image =
            within(&layout.relro, own.vaddr, own.filesz) && self.writable(own.vaddr, own.filesz);
        if own.filesz > 0 && !image {
            return Err("its thread-local storage is outside of constant data".to_owned());
        }
        match self.object.info().threads {
            true => Ok(()),
            false => Err("thread-local storage of a module that is not for threads".to_owned()),
        }
    }

    /// Whether a symbol is a thread's own if it has to be: mutable globals of
    /// modules for threads are, but for the stack pointer.
    fn is_local_as_declared(&self, symbol: &Symbol) -> bool {
        let (info, record) = (self.object.info(), symbol.record);
        let is_global = record.kind == SymbolKind::Global;
        let ty = info.globals.get(record.ty as usize).filter(|_| is_global);
        let in_context = record.flags & SymbolRecord::STACK_POINTER != 0;
        let variable = !in_context && ty.is_some_and(|ty| ty.mutable);
        let has_copies = record.flags & SymbolRecord::TLS != 0;
        let distance = record.kind == SymbolKind::Data && symbol.section == SymbolSection::Absolute;
        symbol.thread_local == (variable && info.threads) && (distance || !has_copies)
    }

    /// Whether a thread-local global that is defined lies in the object's storage.
    fn in_thread_storage(&self, symbol: &Symbol) -> bool {
        let bytes = self.object.global_type(symbol.record);
        let bytes = bytes.map(|ty| u64::from(ty.val.bytes()));
        let own = self.object.layout().threads.as_ref();
        let inside =
            |bytes: u64| own.is_some_and(|own| within(&(0..own.memsz), symbol.value, bytes));
        bytes.is_some_and(|bytes| symbol.value.is_multiple_of(bytes) && inside(bytes))
    }

    fn slot(&self, offset: u64, symbol: u32) -> Result<(), String> {
        if !self.writable(offset, 8) {
            return Err(format!("a relocation is outside of data ({offset:#x})"));
        }
        self.symbol(symbol)
    }

    /// That a symbol is of one of these kinds.
    fn kind(&self, symbol: u32, kinds: &[SymbolKind]) -> Result<(), String> {
        let found = self.object.symbol(symbol);
        if kinds.contains(&found.record.kind) {
            return Ok(());
        }
        let (name, kind) = (self.object.symbol_name(&found), found.record.kind.name());
        Err(format!(
            "a relocation against `{name}`, a {kind}, is of another kind"
        ))
    }

    /// Data of its own that the loader is to fill.
    fn copy(&self, reloc: &Reloc) -> Result<(), String> {
        let layout = self.object.layout();
        let symbol = Some(self.object.symbol(reloc.symbol));
        let own = symbol
            .filter(|s| s.section == SymbolSection::Here && s.record.kind == SymbolKind::Data);
        let inside = own.is_some_and(|s| {
            let linear = s.value.wrapping_sub(layout.memory_bias);
            // Each run begins where the one before ends.
            let start = layout.memory.first().map_or(0, |r| r.linear);
            let end = layout.memory.last().map_or(0, |r| r.linear + r.memsz);
            s.value == reloc.offset && within(&(start..end), linear, s.size)
        });
        let info = self.object.info();
        let fixed = info.placement.is_none() || info.abi == LinkingAbi::Dyninfo;
        match inside && fixed {
            true => Ok(()),
            false => Err(format!(
                "a copy relocation of no data at a fixed address ({:#x})",
                reloc.offset
            )),
        }
    }

    fn symbol(&self, symbol: u32) -> Result<(), String> {
        if symbol as usize >= self.symbols && symbol != 0 {
            return Err(format!("reference to symbol {symbol} of {}", self.symbols));
        }
        Ok(())
    }

    /// Whether a definition has the type that its record says, and is where that
    /// says it is.
    fn declared(&self, symbol: &Symbol) -> bool {
        let (info, record) = (self.object.info(), symbol.record);
        let number = record.ty as usize;
        let primary = record.flags & SymbolRecord::PRIMARY != 0;
        let described = |desc: Option<u64>| match desc {
            Some(at) => !primary && symbol.section == SymbolSection::Here && symbol.value == at,
            None => primary,
        };
        match record.kind {
            SymbolKind::Function | SymbolKind::Tag => number < info.types.len(),
            SymbolKind::Global => info.globals.get(number).is_some_and(|ty| {
                let context = record.flags & SymbolRecord::STACK_POINTER != 0;
                !context || ty.mutable && ty.val == ValType::I32
            }),
            SymbolKind::Memory => {
                let memory = info.memories.get(number);
                memory.is_some_and(|m| described(m.desc))
            }
            SymbolKind::Table => info.tables.get(number).is_some_and(|t| described(t.desc)),
            SymbolKind::None | SymbolKind::Data | SymbolKind::Builtin => true,
        }
    }

    fn symbols(&self) -> Result<(), String> {
        for symbol in self.object.symbols() {
            if symbol.section != SymbolSection::Undefined && !self.declared(&symbol) {
                let name = self.object.symbol_name(&symbol);
                return Err(format!("symbol `{name}` is not what its type says"));
            }
            if !self.is_local_as_declared(&symbol) {
                let name = self.object.symbol_name(&symbol);
                return Err(format!(
                    "symbol `{name}` is a thread's own, or is not and should be"
                ));
            }
            let primary = symbol.record.flags & SymbolRecord::PRIMARY != 0;
            let context = symbol.record.flags & SymbolRecord::STACK_POINTER != 0;
            if symbol.section != SymbolSection::Here {
                let in_context = match symbol.record.kind {
                    SymbolKind::Memory | SymbolKind::Table => primary,
                    SymbolKind::Global => context,
                    SymbolKind::Data | SymbolKind::None => true,
                    _ => false,
                };
                if symbol.section == SymbolSection::Absolute && !in_context {
                    return Err("an absolute symbol of a kind that has an address".to_owned());
                }
                continue;
            }
            let inside = match symbol.record.kind {
                SymbolKind::Function => {
                    self.code(symbol.value)?;
                    true
                }
                SymbolKind::Global if symbol.thread_local => self.in_thread_storage(&symbol),
                SymbolKind::Global if !context => self.readable(symbol.value, 4),
                SymbolKind::Tag => self.readable(symbol.value, 8),
                SymbolKind::Memory if !primary => self.writable(symbol.value, memory_desc::SIZE),
                SymbolKind::Table if !primary => self.writable(symbol.value, table_desc::SIZE),
                SymbolKind::Data => {
                    let linear = symbol.value.wrapping_sub(self.object.layout().memory_bias);
                    linear <= u64::from(u32::MAX)
                }
                _ => true,
            };
            if !inside {
                let name = self.object.symbol_name(&symbol);
                return Err(format!("symbol `{name}` lies outside of the object"));
            }
        }
        Ok(())
    }

    /// Whether a module is for threads if these share its memory 0, and otherwise only
    /// if there is nothing that it can write.
    fn is_for_threads_as_declared(&self) -> bool {
        let info = self.object.info();
        let writes = || {
            !info.tables.is_empty()
                || info.stack_pointer.is_some()
                || info.globals.iter().any(|ty| ty.mutable)
        };
        match self.object.memory_0() {
            Some(memory) => memory.shared == info.threads,
            None => !info.threads || !writes(),
        }
    }

    fn info(&self) -> Result<(), String> {
        let info = self.object.info();
        if !self.is_for_threads_as_declared() {
            return Err("a module for threads that is none, or another one that is".to_owned());
        }
        let (strings, records) = self.object.import_records();
        for record in records {
            let import = ImportRecord::decode(record);
            let Some(import) = import.read(strings, &info.import_kinds) else {
                return Err("an import that cannot be read".to_owned());
            };
            self.symbol(import.symbol)?;
            if !self.imported(&import) {
                return Err(format!(
                    "import `{}` is not what its symbol says",
                    import.name
                ));
            }
            if let ImportKind::Func(ty) | ImportKind::Tag(ty) = import.kind
                && info.types.id(ty).is_none()
            {
                return Err(format!("import `{}` has no type", import.name));
            }
        }
        if info.static_end.max(info.stack_pointer.unwrap_or(0)) > MEMORY_RESERVE {
            return Err("a linear address beyond 4 GiB".to_owned());
        }
        let imported = info.import_kinds.iter().filter_map(|kind| match kind {
            ImportKind::Table { ty, .. } => Some(*ty),
            _ => None,
        });
        let mut tables = imported.chain(info.tables.iter().map(|t| t.ty));
        if tables.any(|ty| ty.min > u32::MAX.into()) {
            return Err("a table beyond 2^32 entries".to_owned());
        }
        let room = info.placement.unwrap_or_default();
        if room.memory_align > MAX_ALIGN || room.table_align > MAX_ALIGN {
            return Err("an alignment that no module asks for".to_owned());
        }
        fixups(info)?;
        let reexports = info.reexports.iter();
        if reexports
            .clone()
            .any(|r| r.import as usize >= self.object.imports().len())
        {
            return Err("a re-export of no import".to_owned());
        }
        let memories = info.memories.iter().filter_map(|m| m.desc);
        let tables = info.tables.iter().filter_map(|t| t.desc);
        let descs = memories
            .map(|at| (at, memory_desc::SIZE))
            .chain(tables.map(|at| (at, table_desc::SIZE)));
        for (at, size) in descs {
            if !self.writable(at, size) {
                return Err(format!("a descriptor is outside of data ({at:#x})"));
            }
        }
        Ok(())
    }

    /// Whether the symbol of an import is of its kind and type.
    fn imported(&self, import: &Import<'_>) -> bool {
        let record = self.object.symbol(import.symbol).record;
        let is = |kind| record.kind == kind;
        match import.kind {
            ImportKind::Func(ty) => is(SymbolKind::Function) && record.ty == ty,
            ImportKind::Tag(ty) => is(SymbolKind::Tag) && record.ty == ty,
            ImportKind::Global(ty) => {
                let own = self.object.info().globals.get(record.ty as usize);
                is(SymbolKind::Global) && own == Some(&ty)
            }
            ImportKind::Memory(_) => is(SymbolKind::Memory),
            ImportKind::Table { .. } => is(SymbolKind::Table),
            ImportKind::GotMem => is(SymbolKind::Data),
            ImportKind::GotFunc => is(SymbolKind::Function),
            ImportKind::Context(ty) => import.symbol == 0 && ty.val == ValType::I32,
        }
    }

    fn functions(&self) -> Result<(), String> {
        let (info, functions) = (self.object.info(), self.object.functions());
        let (imported, count) = (info.imported_funcrefs as usize, functions.len());
        let needed = info.needed_funcrefs as usize;
        if imported > needed || needed > count {
            return Err("more function records of a kind than records".to_owned());
        }
        for import in functions.clone().take(imported) {
            self.symbol(import.value)?;
            self.kind(import.value, &[SymbolKind::Function])?;
            let record = self.object.symbol(import.value).record;
            if self.object.type_id(record) != Some(import.type_id) {
                return Err("a function record of another type than its symbol".to_owned());
            }
        }
        for own in functions.skip(imported) {
            self.code(own.value.into())?;
        }
        let bytes = count as u64 * TABLE_ENTRY_SIZE;
        if bytes > 0 && !self.writable(self.object.funcrefs(), bytes) {
            return Err("the function records are outside of data".to_owned());
        }
        let mut elements = self.object.elements();
        let items = elements.len() as u64;
        if !elements.all(|e| e == NULL_ELEMENT || (e as usize) < needed) {
            return Err("an element of no function record".to_owned());
        }
        let ends = info.elements.iter().map(|e| {
            let end = u64::from(e.first) + u64::from(e.count);
            (end, u64::from(e.offset) + u64::from(e.count))
        });
        for (end, index) in ends {
            if end > items || index > 1 << 32 {
                return Err("an element segment exceeds its section".to_owned());
            }
        }
        Ok(())
    }

    fn code(&self, vaddr: u64) -> Result<(), String> {
        match self.code.iter().any(|code| code.contains(&vaddr)) {
            true => Ok(()),
            false => Err(format!("a function lies outside of code ({vaddr:#x})")),
        }
    }

    fn writable(&self, vaddr: u64, len: u64) -> bool {
        let mut data = self.object.layout().segments.iter().filter(|s| s.writable);
        data.any(|s| within(&s.range(), vaddr, len))
    }

    fn readable(&self, vaddr: u64, len: u64) -> bool {
        let mut all = self.object.layout().segments.iter();
        all.any(|s| within(&s.range(), vaddr, len))
    }
}

/// What the loader does in the module's own memory and part of the table.
fn fixups(info: &ModuleInfo) -> Result<(), String> {
    let room = info.placement.unwrap_or_default();
    let word =
        |at: u32, bytes: u32| u64::from(at) + u64::from(bytes) <= u64::from(room.memory_size);
    let entry = |number: u32| number < room.table_size;
    let mut inside = info.fixups.list.iter().map(|fixup| match *fixup {
        Fixup::Address { at, .. } | Fixup::Symbol { at, .. } => word(at, 4),
        Fixup::Index { at, function } => word(at, 4) && entry(function),
        Fixup::Entry { function, .. } => entry(function),
        Fixup::Lazy { function, ty, .. } => {
            function > 0 && entry(function) && (ty as usize) < info.types.len()
        }
    });
    match inside.all(|inside| inside) && info.fixups.entry.is_none_or(entry) {
        true => Ok(()),
        false => Err("a fixup is outside of the module's room".to_owned()),
    }
}

fn within(range: &Range<u64>, at: u64, len: u64) -> bool {
    range.start <= at && at.checked_add(len).is_some_and(|end| end <= range.end)
}
