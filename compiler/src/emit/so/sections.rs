//! The sections' contents: sizes first, bytes once there are addresses.

use std::iter;

use cranelift_codegen::isa::TargetIsa;
use wasmaot_abi::context::TABLE_ENTRY_SIZE;
use wasmaot_abi::info::ModuleInfo;
use wasmaot_abi::object::{FunctionRecord, NOTE_NAME, NT_WASMAOT, Note, SymbolRecord};
use wasmaot_abi::reloc;

use super::debug::{self, Debug};
use super::dwarf::Source;
use super::dynamic::{self, Dynamic};
use super::elf::{self, Strings};
use super::frames::{self, Frames};
use super::info::Record;
use super::layout::{Layout, Section, Sizes};
use super::plan::Plan;
use super::prelink::Membership;
use super::symtab::Symtab;
use super::write::Contents;
use super::{calls, handlers, maps, prelink, source};
use crate::error::Result;
use crate::machine::GOT_PLT_RESERVED;
use crate::options::Options;

/// Owner of the build id's note.
const GNU: &str = "GNU";

/// What has a size, but no address yet.
pub(super) struct Sections<'a> {
    /// The interpreter's path, of a program that has one.
    interp: Vec<u8>,
    build_id: Vec<u8>,
    cpu: u64,
    membership: Option<Membership<'a>>,
    info: ModuleInfo,
    imports: Vec<u8>,
    elements: Vec<u8>,
    dynamic: Dynamic,
    dynstr: Vec<u8>,
    /// Names of the dynamic symbols.
    names: Vec<u32>,
    frames: Frames,
    traps: Vec<u8>,
    lines: Vec<u8>,
    module: Vec<u8>,
    source: Vec<u8>,
    debug: Debug,
    addresses: Vec<u8>,
    pub symtab: Symtab,
    strtab: Vec<u8>,
}

impl<'a> Sections<'a> {
    /// Makes all that does not depend on addresses.
    pub fn prepare(
        plan: &Plan<'_>,
        isa: &dyn TargetIsa,
        options: &Options,
        build_id: &[u8],
        membership: Option<Membership<'a>>,
        record: Record,
    ) -> Result<Self> {
        let source = Source::read(plan.module);
        let debug = debug::build(plan, source.as_ref());
        let mut dynstr = Strings::new();
        let names = plan.symbols.list.iter().map(|s| dynstr.add(&s.name));
        let names = names.collect();
        let mut strtab = Strings::new();
        let plt_size = plan.backend.plt_size(plan.slots.plt.len() as u64);
        let interpreter = options.interpreter.as_deref();
        let interpreter = interpreter.filter(|_| plan.module.is_program());
        Ok(Self {
            interp: interpreter.map_or_else(Vec::new, terminated),
            build_id: elf::note(GNU, elf::NT_GNU_BUILD_ID, build_id),
            cpu: options.cpu,
            membership,
            info: record.info,
            imports: dynamic::imports(plan, &record.imports, &mut dynstr),
            elements: record
                .elements
                .into_iter()
                .flat_map(u32::to_le_bytes)
                .collect(),
            dynamic: Dynamic::new(plan, membership.is_some(), &mut dynstr),
            dynstr: dynstr.into_bytes(),
            names,
            frames: frames::build(plan.module, plan.code, isa, plan.backend, plt_size)?,
            traps: maps::traps(plan),
            lines: maps::lines(plan),
            module: maps::module(plan),
            source: source::build(plan.module, source.as_ref()),
            addresses: debug.addresses(),
            debug,
            symtab: Symtab::new(plan, &mut strtab),
            strtab: strtab.into_bytes(),
        })
    }

    /// Sizes of all sections.
    pub fn sizes(&self, plan: &Plan<'_>) -> Sizes {
        let symbols = plan.symbols.list.len() as u64 + 1;
        let plt = plan.slots.plt.len() as u64;
        let funcrefs = plan.funcrefs.list.len() as u64;
        let len = |bytes: &[u8]| bytes.len() as u64;
        // Where there is nothing to call, its head gives the function
        // references' segment something to be in the file for.
        let got_plt = if plt + funcrefs == 0 {
            0
        } else {
            8 * (GOT_PLT_RESERVED + plt)
        };
        let mut sizes = Sizes::new(plan.text.align);
        for (section, size) in [
            (Section::Interp, len(&self.interp)),
            (Section::BuildId, len(&self.build_id)),
            (Section::Note, len(&self.note(plan, 0))),
            (Section::GnuHash, len(plan.symbols.hash.bytes())),
            (Section::Dynsym, elf::SYM_SIZE * symbols),
            (Section::Dynstr, len(&self.dynstr)),
            (Section::RelaDyn, elf::RELA_SIZE * dynamic::rela_count(plan)),
            (Section::RelaPlt, elf::RELA_SIZE * plt),
            (Section::Dynamic, self.dynamic.size()),
            // Addresses are numbers of variable length: the longest, for now.
            (
                Section::Info,
                len(&described(&self.info, iter::repeat(u64::MAX)).encode()),
            ),
            (Section::Imports, len(&self.imports)),
            (Section::Symbols, SymbolRecord::SIZE as u64 * symbols),
            (
                Section::Rela,
                reloc::Rela::SIZE as u64 * dynamic::wasm_rela_count(plan),
            ),
            (Section::Functions, FunctionRecord::SIZE as u64 * funcrefs),
            (Section::Elements, len(&self.elements)),
            (Section::Prelink, prelink::size(plan, self.membership)),
            (Section::Rodata, len(&plan.data.rodata)),
            (Section::EhFrameHdr, self.frames.hdr_size()),
            (Section::EhFrame, len(&self.frames.bytes)),
            (Section::Handlers, handlers::size(plan)),
            (Section::Calls, calls::size(plan)),
            (Section::Plt, plan.backend.plt_size(plt)),
            (Section::Text, plan.text.size),
            (Section::Start, len(&start(plan))),
            (Section::Tdata, len(&plan.data.thread)),
            (Section::Tbss, plan.module.thread_storage.zeros()),
            (Section::DataRelRo, len(&plan.data.relro)),
            (Section::Got, 8 * plan.slots.got.len() as u64),
            (Section::GotPlt, got_plt),
            (Section::Funcrefs, TABLE_ENTRY_SIZE * funcrefs),
            (Section::Data, len(&plan.data.data)),
            (Section::Bss, plan.data.bss),
            (Section::Traps, len(&self.traps)),
            (Section::Lines, len(&self.lines)),
            (Section::Module, len(&self.module)),
            (Section::Source, len(&self.source)),
            (Section::Symtab, self.symtab.size()),
            (Section::Strtab, len(&self.strtab)),
        ] {
            sizes.set(section, size);
        }
        for (id, section) in debug::SECTIONS {
            sizes.set(section, self.debug.size(id));
        }
        sizes.set(Section::Addresses, len(&self.addresses));
        sizes
    }

    /// Bytes of all sections that have any, but of the text, which is large and
    /// comes last.
    pub fn contents(self, plan: &Plan<'_>, layout: &mut Layout) -> Contents {
        let addresses = plan
            .descriptors()
            .filter_map(|t| plan.own_address(layout, t));
        let info = described(&self.info, addresses).encode();
        layout.shrink(Section::Info, info.len() as u64);
        let note = self.note(plan, layout.loaded_size);
        let (dynsym, symbols) = dynamic::symbols(plan, layout, &self.names);
        let (rela, wasm_rela) = dynamic::relocations(plan, layout);
        let (rela_plt, got_plt) = dynamic::plt(plan, layout);
        let (eh_frame, eh_frame_hdr) = self.frames.place(&plan.text, layout);
        let text = layout.addr(Section::Text);
        let debug = debug::SECTIONS.map(|(id, section)| (section, self.debug.place(id, text)));
        let (plt, slots) = (layout.addr(Section::Plt), layout.addr(Section::GotPlt));
        let mut contents = vec![
            (Section::Interp, self.interp),
            (Section::BuildId, self.build_id),
            (Section::Note, note),
            (Section::GnuHash, plan.symbols.hash.bytes().to_vec()),
            (Section::Dynsym, dynsym),
            (Section::Dynstr, self.dynstr),
            (Section::RelaDyn, rela),
            (Section::RelaPlt, rela_plt),
            (Section::Dynamic, self.dynamic.bytes(plan, layout)),
            (Section::Info, info),
            (Section::Imports, self.imports),
            (Section::Symbols, symbols),
            (Section::Rela, wasm_rela),
            (Section::Functions, dynamic::functions(plan, layout)),
            (Section::Elements, self.elements),
            (
                Section::Prelink,
                prelink::bytes(plan, layout, self.membership),
            ),
            (Section::Rodata, plan.data.rodata.clone()),
            (Section::EhFrameHdr, eh_frame_hdr),
            (Section::EhFrame, eh_frame),
            (Section::Handlers, handlers::bytes(plan, layout)),
            (Section::Calls, calls::bytes(plan, layout)),
            (
                Section::Plt,
                plan.backend.plt(plt, slots, plan.slots.plt.len() as u64),
            ),
            (Section::Start, start(plan)),
            (Section::Tdata, plan.data.thread.clone()),
            (Section::DataRelRo, plan.data.relro.clone()),
            (Section::GotPlt, got_plt),
            (Section::Data, plan.data.data.clone()),
            (Section::Traps, self.traps),
            (Section::Lines, self.lines),
            (Section::Module, self.module),
            (Section::Source, self.source),
            (Section::Addresses, self.addresses),
            (Section::Symtab, self.symtab.bytes(plan, layout)),
            (Section::Strtab, self.strtab),
            (Section::Shstrtab, layout.names.clone()),
        ];
        contents.extend(debug.into_iter().filter(|(_, bytes)| !bytes.is_empty()));
        contents
    }

    fn note(&self, plan: &Plan<'_>, loaded_size: u64) -> Vec<u8> {
        let machine = plan.backend.description();
        let note = Note::new(machine.elf_number.into(), self.cpu, loaded_size);
        elf::note(NOTE_NAME, NT_WASMAOT, &note.encode())
    }
}

/// What an object says that the system starts, since nobody has loaded it.
const NOT_LOADED: &str = "error: this file is a WebAssembly module that was built by wasmaot, \
    and needs a loader: start it with `wasmaot run FILE`, or build it with --interp or --exe\n";

/// Code for an object that the system starts without a loader.
fn start(plan: &Plan<'_>) -> Vec<u8> {
    plan.backend.complain(NOT_LOADED)
}

/// A text as C has it.
fn terminated(text: &str) -> Vec<u8> {
    [text.as_bytes(), b"\0"].concat()
}

/// The record with addresses for its descriptors: the memories', then the
/// tables', each in order.
fn described(info: &ModuleInfo, addresses: impl Iterator<Item = u64>) -> ModuleInfo {
    let mut info = info.clone();
    let memories = info.memories.iter_mut().map(|m| &mut m.desc);
    let tables = info.tables.iter_mut().map(|t| &mut t.desc);
    for (desc, address) in memories.chain(tables).flatten().zip(addresses) {
        *desc = address;
    }
    info
}
