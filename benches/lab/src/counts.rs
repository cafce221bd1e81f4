//! What can be counted: of a process as it is after it has run, and of a
//! native program's files. Counts do not depend on the machine's mood.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;

use anyhow::{Context as _, Result};
use object::elf;
use object::read::elf::ElfFile64;
use object::{
    Endianness, Object as _, ObjectSection as _, ObjectSegment as _, ObjectSymbol as _,
    RelocationFlags,
};
use wasmaot_abi::info::Fixup;
use wasmaot_abi::machine::Relocation;
use wasmaot_abi::machine::x86_64::MACHINE;
use wasmaot_abi::object::{PltCall, SEC_CALLS};
use wasmaot_abi::reloc::Standard;

use crate::machine::{self, Listing, listing};
use crate::program::Loaded;
use crate::variant::Binding;

const JUMP_SLOT: &Relocation<Standard> = MACHINE.relocation(Standard::JumpSlot);

/// Counts by name.
pub type Counts = BTreeMap<String, f64>;

/// A count: its name, a title for a column, and what it is.
pub const COUNTS: &[(&str, &str, &str)] = &[
    (
        "instructions",
        "instr.",
        "instructions in the hot loop, with what it calls",
    ),
    (
        "relocations",
        "relocs",
        "relocations done before the program runs",
    ),
    ("patched", "patched", "calls in code that were changed"),
    (
        "text_pages",
        "text pages",
        "pages of code that are no longer shared with other processes",
    ),
    (
        "data_pages",
        "data pages",
        "pages of the objects' data, GOT included, that the process has written",
    ),
    ("text_bytes", "text", "bytes of machine code, PLT included"),
];

/// What was found out about a contestant beside its times.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// The counts.
    pub counts: Counts,
    /// The hot loop, where there is one.
    pub listing: Option<Listing>,
}

/// Counts of ABIs beside these: the sections that linking needs.
pub const PLT_BYTES: &str = "plt_bytes";
/// See [`PLT_BYTES`].
pub const GOT_BYTES: &str = "got_bytes";
/// What the counts of relocations by kind begin with; the kind follows.
pub const RELOCATION: &str = "relocation ";

/// Sections of code.
const TEXT: [&str; 4] = [".text", ".plt", ".plt.sec", ".plt.got"];
/// Those of them that code goes through to other objects.
const PLT: [&str; 3] = [".plt", ".plt.sec", ".plt.got"];
/// Sections of addresses that the loader fills.
const GOT: [&str; 2] = [".got", ".got.plt"];

/// Of a program that has run.
///
/// # Errors
/// This process cannot look at its own memory.
pub fn of_process(loaded: &Loaded, binding: Binding) -> Result<Facts> {
    let live = loaded.live();
    let files = live
        .built
        .iter()
        .map(|b| (b.name.clone(), b.file.as_slice()));
    let files: Vec<(String, &[u8])> = files.collect();
    let code = machine::Live::new(&live.process, live.main, &files)?;
    let mut counts = Counts::new();
    let mut entry = None;
    let pages = Pages::read()?;
    for loaded_object in live.process.link_map() {
        let Some((_, bytes)) = files.iter().find(|(name, _)| name == loaded_object.name) else {
            continue;
        };
        let file = ElfFile64::<Endianness>::parse(*bytes)?;
        let base = loaded_object.load_address;
        if loaded_object.id == live.main {
            let mut exported = file.dynamic_symbols();
            let found = exported.find(|s| s.name() == Ok(loaded.entry()));
            entry = found.map(|s| base + s.address());
        }
        let lazy = binding == Binding::Lazy;
        let relocations = loaded_object.object.relocations().map(|r| r.kind);
        let fixups = loaded_object.object.info().fixups.list.iter().map(fixup);
        let kinds: Vec<&str> = relocations.chain(fixups).collect();
        let now = kinds
            .iter()
            .filter(|&&kind| !lazy || kind != JUMP_SLOT.name);
        let now = now.count();
        for kind in kinds {
            *counts.entry(format!("{RELOCATION}{kind}")).or_default() += 1.0;
        }
        let end = file.segments().map(|s| s.address() + s.size()).max();
        let (text, data) = pages.copied(base..base + end.unwrap_or(0));
        for (name, number) in [
            ("relocations", now),
            ("patched", patched(&code, base, &file)),
            ("text_pages", text),
            ("data_pages", data),
            ("text_bytes", bytes_of(&file, &TEXT)),
            (PLT_BYTES, bytes_of(&file, &PLT)),
            (GOT_BYTES, bytes_of(&file, &GOT)),
        ] {
            *counts.entry(name.to_owned()).or_default() += number as f64;
        }
    }
    let listing = entry.and_then(|entry| listing(&code, entry).ok());
    Ok(Facts {
        counts: with(counts, listing.as_ref()),
        listing,
    })
}

/// Of a native program, with its library beside it if there is one: by the
/// files alone.
///
/// # Errors
/// They cannot be read.
pub fn of_native(program: &Path, library: Option<&Path>) -> Result<Facts> {
    let code = machine::Native::open(program, library)?;
    let mut counts = Counts::new();
    let mut entry = None;
    for path in std::iter::once(program).chain(library) {
        let bytes =
            std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
        let file = ElfFile64::<Endianness>::parse(&*bytes)?;
        let relocations = || file.dynamic_relocations().into_iter().flatten();
        for (_, relocation) in relocations() {
            let kind = format!("{RELOCATION}{}", kind_name(relocation.flags()));
            *counts.entry(kind).or_default() += 1.0;
        }
        let lazy = is_lazy(&file);
        let jump_slot = RelocationFlags::Elf {
            r_type: JUMP_SLOT.number,
        };
        let now = relocations().filter(|(_, r)| !(lazy && r.flags() == jump_slot));
        *counts.entry("relocations".to_owned()).or_default() += now.count() as f64;
        // A static program has all of its C library in it.
        if library.is_some() {
            for (name, sections) in [
                ("text_bytes", &TEXT[..]),
                (PLT_BYTES, &PLT),
                (GOT_BYTES, &GOT),
            ] {
                *counts.entry(name.to_owned()).or_default() += bytes_of(&file, sections) as f64;
            }
        }
    }
    // A program's addresses are those of its file, or as `Native` puts it.
    let bytes =
        std::fs::read(program).with_context(|| format!("cannot read {}", program.display()))?;
    let file = ElfFile64::<Endianness>::parse(&*bytes)?;
    if let Some(run) = file.symbols().find(|s| s.name() == Ok("run")) {
        entry = Some(code.address(run.address()));
    }
    let listing = entry.and_then(|entry| listing(&code, entry).ok());
    Ok(Facts {
        counts: with(counts, listing.as_ref()),
        listing,
    })
}

fn with(mut counts: Counts, listing: Option<&Listing>) -> Counts {
    let number = listing.map(|l| ("instructions".to_owned(), l.instructions as f64));
    counts.extend(number);
    counts
}

fn bytes_of(file: &ElfFile64<'_, Endianness>, names: &[&str]) -> usize {
    let sections = file
        .sections()
        .filter(|s| s.name().is_ok_and(|n| names.contains(&n)));
    sections.map(|s| s.size() as usize).sum()
}

/// What the system's headers call a kind of relocation.
fn kind_name(flags: RelocationFlags) -> String {
    let RelocationFlags::Elf { r_type } = flags else {
        return "unknown".to_owned();
    };
    let mut standard = Standard::ALL.iter().map(|&kind| MACHINE.relocation(kind));
    let known = standard.find(|relocation| relocation.number == r_type);
    let known = known.map(|relocation| relocation.name);
    let native = || NATIVE.iter().find(|(number, _)| *number == r_type);
    let name = known.or_else(|| native().map(|(_, name)| *name));
    name.map_or_else(|| format!("type {r_type}"), str::to_owned)
}

/// Those of thread-local variables in native programs, which objects of ours do without.
const NATIVE: [(u32, &str); 3] = [
    (elf::R_X86_64_DTPMOD64, "R_X86_64_DTPMOD64"),
    (elf::R_X86_64_DTPOFF64, "R_X86_64_DTPOFF64"),
    (elf::R_X86_64_TLSDESC, "R_X86_64_TLSDESC"),
];

/// The key of section `dyninfo` that has the loader do it.
fn fixup(fixup: &Fixup) -> &'static str {
    match fixup {
        Fixup::Address { .. } => "dyninfo fixup",
        Fixup::Index { .. } => "dyninfo fixupfun",
        Fixup::Symbol { .. } => "dyninfo ref",
        Fixup::Entry { .. } => "dyninfo refun",
        Fixup::Lazy { .. } => "dyninfo lazy",
    }
}

/// Whether a native file's PLT is bound at first calls.
fn is_lazy(file: &ElfFile64<'_, Endianness>) -> bool {
    let table = file.elf_dynamic_table().ok();
    let Some(table) = table else { return false };
    !table.iter().any(|entry| {
        let value = entry.val;
        match entry.tag {
            elf::DT_BIND_NOW => true,
            elf::DT_FLAGS => value & u64::from(elf::DF_BIND_NOW) != 0,
            elf::DT_FLAGS_1 => value & u64::from(elf::DF_1_NOW) != 0,
            _ => false,
        }
    })
}

/// Calls that do not stand in memory as in the file.
fn patched(code: &machine::Live, base: u64, file: &ElfFile64<'_, Endianness>) -> usize {
    use crate::machine::Code as _;
    let Some(calls) = file.section_by_name(SEC_CALLS).and_then(|s| s.data().ok()) else {
        return 0;
    };
    let Some(text) = file.section_by_name(".text") else {
        return 0;
    };
    let bytes = text.data().unwrap_or_default();
    let (calls, _) = calls.as_chunks();
    let changed = calls.iter().filter(|&&call| {
        let place = u64::from(PltCall::decode(call).place);
        let at = place.wrapping_sub(text.address()) as usize;
        bytes
            .get(at..at + 4)
            .is_some_and(|bytes| code.bytes(base + place, 4) != bytes)
    });
    changed.count()
}

/// The pages of this process that are its own, though of mapped files.
struct Pages(Vec<(Range<u64>, bool, usize)>);

impl Pages {
    fn read() -> Result<Self> {
        let text =
            std::fs::read_to_string("/proc/self/smaps").context("cannot read /proc/self/smaps")?;
        let mut found = Vec::new();
        let mut area = None;
        for line in text.lines() {
            let mut words = line.split_ascii_whitespace();
            let (Some(first), Some(second)) = (words.next(), words.next()) else {
                continue;
            };
            if let Some((start, end)) = first.split_once('-') {
                let number = |text| u64::from_str_radix(text, 16).unwrap_or_default();
                area = Some((number(start)..number(end), second.contains('x')));
            } else if first == "Anonymous:"
                && let Some((range, code)) = area.take()
            {
                let kib: usize = second.parse().unwrap_or_default();
                found.push((range, code, kib / 4));
            }
        }
        Ok(Self(found))
    }

    /// Of a range: pages of code, and others.
    fn copied(&self, range: Range<u64>) -> (usize, usize) {
        let inside = self
            .0
            .iter()
            .filter(|(area, ..)| area.start < range.end && range.start < area.end);
        inside.fold((0, 0), |(text, data), &(_, code, pages)| match code {
            true => (text + pages, data),
            false => (text, data + pages),
        })
    }
}
