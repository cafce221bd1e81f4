//! Bytes → [`Object`]: ELF headers, the note with its hashes, the dynamic
//! section and what it points to. All that the loader interprets is read from
//! the part of the file that the note's hash covers.

use std::collections::HashMap;
use std::ops::Range;
use std::path::Path;
use std::sync::OnceLock;

use object::LittleEndian as LE;
use object::elf::{self, Dyn64, FileHeader64, ProgramHeader64, SectionHeader64};
use object::pod::{self, Pod};
use wasmaot_abi::ABI_VERSION;
use wasmaot_abi::info::ModuleInfo;
use wasmaot_abi::machine::Machine;
use wasmaot_abi::object::{self as abi, Note};
use wasmaot_abi::prelink::Prelink;
use wasmaot_abi::reloc::Rela;

use super::symbols::{Symbols, text};
use super::{
    Layout, MemoryRun, Object, Reloc, Section, Segment, ThreadStorage, bad, check, prelink_record,
};
use crate::arch::{self, HOST};
use crate::error::{Error, Result};
use crate::sys::{FileMap, page_down, page_up};

/// Owner of the build id's note.
const GNU: &str = "GNU";
/// Largest object image: half of what a process has for code.
const MAX_IMAGE: u64 = wasmaot_abi::context::CODE_RESERVE / 2;

/// An object for this machine.
pub(super) fn object(path: &Path, map: FileMap, verify: bool) -> Result<Object> {
    let object = any(path, map, verify)?;
    runs_here(&object)?;
    Ok(object)
}

/// Refuses an object whose code cannot run here.
pub(super) fn runs_here(object: &Object) -> Result<()> {
    if object.runs_here {
        return Ok(());
    }
    let shown = || object.path.display().to_string();
    if object.machine.elf_number != HOST.elf_number {
        let [its, ours] = [object.machine, HOST].map(|machine| machine.name.replace('_', "-"));
        let reason = format!("is for {its}, not for this machine ({ours})");
        return Err(bad(shown(), reason));
    }
    let missing = arch::missing_cpu(object.note.cpu);
    Err(Error::Cpu {
        file: shown(),
        missing: if HOST.cpu.unknown(missing) == 0 {
            HOST.cpu.names(missing)
        } else {
            vec!["of a later version of wasmaot"]
        },
    })
}

/// An object for any machine.
pub(super) fn any(path: &Path, map: FileMap, verify: bool) -> Result<Object> {
    let fail = |reason: String| bad(path.display().to_string(), reason);
    let header = header(&map).map_err(fail)?;
    let machine = machine(header).map_err(fail)?;
    let programs = programs(&map, header).map_err(fail)?;
    let (note, at) = note(&map, programs).map_err(fail)?;
    check_note(path, &map, &note, at, verify)?;
    if note.machine != u32::from(machine.elf_number) {
        return Err(fail("its code is for another machine".to_owned()));
    }
    let mut layout = layout(&map, programs, machine).map_err(fail)?;
    let covered = &map[..note.loaded_size as usize];
    let dynamic = Covered {
        file: covered,
        layout: &layout,
    };
    let dynamic = Dynamic::read(&dynamic, programs).map_err(fail)?;
    let memory = dynamic.get(abi::DT_WASMAOT_MEMORY);
    layout.place_memory(memory).map_err(fail)?;
    let file = Covered {
        file: covered,
        layout: &layout,
    };
    let parts = Parts::read(&file, &dynamic, map.len(), machine).map_err(fail)?;
    let prelink = prelinked(&file, &dynamic, &parts.relocs, machine).map_err(fail)?;
    let name = path
        .file_name()
        .unwrap_or(path.as_os_str())
        .to_string_lossy()
        .into_owned();
    let is_host = machine.elf_number == HOST.elf_number;
    let runs_here = is_host && arch::missing_cpu(note.cpu) == 0;
    let object = Object {
        name,
        path: path.to_owned(),
        id: map.id(),
        origins: vec![path.parent().unwrap_or(Path::new("")).to_owned()],
        note,
        sections: OnceLock::new(),
        symbols: parts.symbols,
        versions: OnceLock::new(),
        needed: dynamic.strings(&file, elf::DT_NEEDED).map_err(fail)?,
        soname: dynamic.strings(&file, elf::DT_SONAME).map_err(fail)?.pop(),
        runpath: dynamic
            .strings(&file, elf::DT_RUNPATH)
            .map_err(fail)?
            .iter()
            .flat_map(|list| list.split(':').filter(|dir| !dir.is_empty()))
            .map(str::to_owned)
            .collect(),
        init: dynamic.get(elf::DT_INIT as u64),
        info: parts.info,
        imports: parts.imports,
        by_symbol: OnceLock::new(),
        copied: OnceLock::new(),
        relocs: parts.relocs,
        slots: parts.slots,
        functions: parts.functions,
        elements: parts.elements,
        handlers: beside_code(
            &map,
            &layout,
            &dynamic,
            (abi::DT_WASMAOT_HANDLERS, abi::DT_WASMAOT_HANDLERSSZ),
        )
        .map_err(fail)?,
        calls: beside_code(
            &map,
            &layout,
            &dynamic,
            (abi::DT_WASMAOT_CALLS, abi::DT_WASMAOT_CALLSSZ),
        )
        .map_err(fail)?,
        handlers_sound: OnceLock::new(),
        funcrefs: dynamic.get(abi::DT_WASMAOT_FUNCREFS).unwrap_or(0),
        build_id: find_note(file.file, programs, GNU, elf::NT_GNU_BUILD_ID).unwrap_or(0..0),
        prelink,
        layout,
        map,
        machine,
        runs_here,
        native: OnceLock::new(),
    };
    check::object(&object).map_err(fail)?;
    Ok(object)
}

fn header(file: &[u8]) -> Result<&FileHeader64<LE>, String> {
    if !Object::is_object(file) {
        return Err("not an ELF file".to_owned());
    }
    let (header, _) = pod::from_bytes::<FileHeader64<LE>>(file)
        .map_err(|()| "the ELF header is cut short".to_owned())?;
    let ident = &header.e_ident;
    let what = [
        (ident.class != elf::ELFCLASS64, "not a 64-bit ELF file"),
        (
            ident.data != elf::ELFDATA2LSB,
            "not a little-endian ELF file",
        ),
        (
            header.e_type.get(LE) != elf::ET_DYN,
            "not a shared object (ET_DYN)",
        ),
    ];
    if let Some((_, reason)) = what.iter().find(|(wrong, _)| *wrong) {
        return Err((*reason).to_owned());
    }
    Ok(header)
}

fn machine(header: &FileHeader64<LE>) -> Result<&'static Machine, String> {
    let number = header.e_machine.get(LE);
    Machine::of_elf_number(number.into()).ok_or_else(|| {
        format!("for a machine that this version does not know (e_machine {number})")
    })
}

fn programs<'a>(
    file: &'a [u8],
    header: &FileHeader64<LE>,
) -> Result<&'a [ProgramHeader64<LE>], String> {
    let size = size_of::<ProgramHeader64<LE>>();
    if header.e_phentsize.get(LE) as usize != size {
        return Err("program headers of an unknown size".to_owned());
    }
    let at = usize::try_from(header.e_phoff.get(LE)).ok();
    at.and_then(|at| file.get(at..))
        .and_then(|rest| pod::slice_from_bytes(rest, header.e_phnum.get(LE) as usize).ok())
        .map(|(programs, _)| programs)
        .ok_or_else(|| "the program headers are cut short".to_owned())
}

/// Our note, and the offset of its descriptor in the file.
fn note(file: &[u8], programs: &[ProgramHeader64<LE>]) -> Result<(Note, usize), String> {
    let desc = find_note(file, programs, abi::NOTE_NAME, abi::NT_WASMAOT)
        .ok_or("no wasmaot note: not an object of wasmaot")?;
    let note = Note::decode(&file[desc.clone()])
        .ok_or_else(|| "its wasmaot note is of another version".to_owned())?;
    Ok((note, desc.start))
}

/// Place in the file of the descriptor of a note.
fn find_note(
    file: &[u8],
    programs: &[ProgramHeader64<LE>],
    owner: &str,
    wanted: u32,
) -> Option<Range<usize>> {
    let notes = programs.iter().filter(|p| p.p_type.get(LE) == elf::PT_NOTE);
    for program in notes {
        let range = range(program.p_offset.get(LE), program.p_filesz.get(LE))?;
        let mut at = range.start;
        while at + 12 <= range.end.min(file.len()) {
            let word = |n: usize| -> [u8; 4] { std::array::from_fn(|i| file[at + 4 * n + i]) };
            let [names, descs, kind] = [0, 1, 2].map(|n| u32::from_le_bytes(word(n)));
            let name = at + 12;
            let desc = name + (names as usize).next_multiple_of(4);
            let matches = kind == wanted
                && file.get(name..name + names as usize)
                    == Some([owner.as_bytes(), b"\0"].concat().as_slice());
            if matches {
                let desc = desc..desc + descs as usize;
                return (desc.end <= file.len()).then_some(desc);
            }
            at = desc + (descs as usize).next_multiple_of(4);
        }
    }
    None
}

/// Where the descriptor of an object's note is.
pub(super) fn note_at(file: &[u8]) -> Option<usize> {
    let programs = programs(file, header(file).ok()?).ok()?;
    note(file, programs).ok().map(|(_, at)| at)
}

fn check_note(path: &Path, file: &[u8], note: &Note, at: usize, verify: bool) -> Result<()> {
    let shown = || path.display().to_string();
    if note.abi_version != ABI_VERSION {
        let reason = format!(
            "built for ABI version {}, this is version {ABI_VERSION}",
            note.abi_version
        );
        return Err(bad(shown(), reason));
    }
    let size = usize::try_from(note.loaded_size).unwrap_or(usize::MAX);
    if size > file.len() || at + Note::SIZE > size {
        return Err(bad(shown(), "the file is cut short"));
    }
    let damaged = |what| {
        let reason = format!("damaged: the hash of {what} differs from the one recorded");
        Err(bad(shown(), reason))
    };
    if Note::checksum(&file[..size], at) != note.loaded_sum {
        return damaged("its headers and symbols");
    }
    if verify && Note::hash(file, at) != note.file_hash {
        return damaged("its content, which `strip` changes too,");
    }
    Ok(())
}

fn layout(
    file: &[u8],
    programs: &[ProgramHeader64<LE>],
    machine: &Machine,
) -> Result<Layout, String> {
    let mut layout = Layout::default();
    for p in programs {
        let [offset, vaddr] = [&p.p_offset, &p.p_vaddr].map(|w| w.get(LE));
        let (filesz, memsz, flags) = (p.p_filesz.get(LE), p.p_memsz.get(LE), p.p_flags.get(LE));
        let kind = p.p_type.get(LE);
        if kind == elf::PT_LOAD || kind == abi::PT_WASMAOT_MEMORY {
            let inside = range(offset, filesz).is_some_and(|r| r.end <= file.len());
            if !inside || filesz > memsz || vaddr.checked_add(memsz).is_none() {
                return Err(format!("the segment at {vaddr:#x} exceeds the file"));
            }
        }
        match kind {
            elf::PT_LOAD if memsz > 0 => {
                let segment = Segment {
                    offset,
                    vaddr,
                    filesz,
                    memsz,
                    writable: flags & elf::PF_W != 0,
                    executable: flags & elf::PF_X != 0,
                };
                layout.push(segment, machine)?;
            }
            elf::PT_GNU_RELRO => {
                // Sealed by whole pages: none is shared with another segment.
                let end = page_up(vaddr.saturating_add(memsz)).unwrap_or(vaddr);
                layout.relro = page_down(vaddr)..end;
            }
            elf::PT_TLS if memsz > 0 => {
                let storage = ThreadStorage {
                    vaddr,
                    filesz,
                    memsz,
                    align: p.p_align.get(LE).max(1),
                };
                if layout.threads.replace(storage).is_some() {
                    return Err("a second segment of thread-local storage".to_owned());
                }
            }
            abi::PT_WASMAOT_MEMORY => {
                layout.memory.push(MemoryRun {
                    offset,
                    // Until the address of linear address 0 is known.
                    linear: vaddr,
                    filesz,
                    memsz,
                });
            }
            _ => {}
        }
    }
    Ok(layout)
}

impl Layout {
    /// Has the runs of the memory image count from the address of linear
    /// address 0.
    fn place_memory(&mut self, zero: Option<u64>) -> Result<(), String> {
        let zero = zero.ok_or("no address of its memory image")?;
        if self.memory.is_empty() {
            return Ok(());
        }
        self.memory_bias = zero;
        for run in &mut self.memory {
            let linear = run.linear.checked_sub(self.memory_bias);
            let end = linear.and_then(|linear| linear.checked_add(run.memsz));
            run.linear = match (linear, end) {
                (Some(linear), Some(end)) if end <= 1 << 32 => linear,
                _ => return Err("the memory image exceeds 4 GiB".to_owned()),
            };
        }
        Ok(())
    }

    fn push(&mut self, segment: Segment, machine: &Machine) -> Result<(), String> {
        let at = segment.vaddr;
        let fail = |what: &str| Err(format!("the segment at {at:#x} {what}"));
        if segment.vaddr % machine.image_align != segment.offset % machine.image_align {
            return fail("is not congruent with its place in the file");
        }
        if segment.writable && segment.executable {
            return fail("is writable and executable");
        }
        if !segment.writable && segment.filesz != segment.memsz {
            return fail("has zeros but is not writable");
        }
        if page_down(at) < self.end {
            return fail("shares a page with the one before");
        }
        match page_up(segment.range().end) {
            Some(end) if end <= MAX_IMAGE => self.end = end,
            _ => return fail("is too large"),
        }
        self.segments.push(segment);
        Ok(())
    }
}

/// The part of the file that the loader interprets.
pub(super) struct Covered<'a> {
    file: &'a [u8],
    layout: &'a Layout,
}

impl<'a> Covered<'a> {
    /// Place in the file of `len` bytes at an address.
    fn locate(&self, vaddr: u64, len: u64) -> Result<Range<usize>, String> {
        let segments = &self.layout.segments;
        segments
            .iter()
            .find(|s| s.vaddr <= vaddr && vaddr - s.vaddr <= s.filesz)
            .and_then(|s| {
                let at = vaddr - s.vaddr;
                (len <= s.filesz - at).then_some(())?;
                range(s.offset + at, len)
            })
            .filter(|r| r.end <= self.file.len())
            .ok_or_else(|| format!("the dynamic section points outside the file ({vaddr:#x})"))
    }

    fn bytes(&self, vaddr: u64, len: u64) -> Result<&'a [u8], String> {
        Ok(&self.file[self.locate(vaddr, len)?])
    }

    fn entries<T: Pod>(&self, vaddr: u64, len: u64) -> Result<&'a [T], String> {
        let bytes = self.bytes(vaddr, len)?;
        let count = bytes.len() / size_of::<T>();
        pod::slice_from_bytes(bytes, count)
            .map(|(entries, _)| entries)
            .map_err(|()| "a table of the dynamic section is malformed".to_owned())
    }

    /// Everything from an address to the segment's end.
    fn from(&self, vaddr: u64) -> Result<Range<usize>, String> {
        let start = self.locate(vaddr, 0)?.start;
        let segment = self
            .layout
            .segments
            .iter()
            .find(|s| s.range().contains(&vaddr));
        let end = segment.map_or(start, |s| (s.offset + s.filesz) as usize);
        Ok(start..end.min(self.file.len()).max(start))
    }
}

fn range(start: u64, len: u64) -> Option<Range<usize>> {
    let end = start.checked_add(len)?;
    Some(usize::try_from(start).ok()?..usize::try_from(end).ok()?)
}

/// The dynamic section.
pub(super) struct Dynamic {
    entries: Vec<(u64, u64)>,
    strings: Range<usize>,
}

impl Dynamic {
    fn read(file: &Covered<'_>, programs: &[ProgramHeader64<LE>]) -> Result<Self, String> {
        let program = programs
            .iter()
            .find(|p| p.p_type.get(LE) == elf::PT_DYNAMIC)
            .ok_or("no dynamic section")?;
        let raw = file.entries::<Dyn64<LE>>(program.p_vaddr.get(LE), program.p_filesz.get(LE))?;
        let entries = raw
            .iter()
            .map(|d| (d.d_tag.get(LE) as u64, d.d_val.get(LE)))
            .take_while(|&(tag, _)| tag != elf::DT_NULL as u64)
            .collect();
        let mut dynamic = Self {
            entries,
            strings: 0..0,
        };
        dynamic.strings = dynamic
            .part(file, elf::DT_STRTAB as u64, elf::DT_STRSZ as u64)?
            .ok_or("no string table in the dynamic section")?;
        Ok(dynamic)
    }

    fn get(&self, tag: u64) -> Option<u64> {
        let entry = self.entries.iter().find(|(t, _)| *t == tag);
        entry.map(|&(_, value)| value)
    }

    /// Place in the file of what a pair of tags describes.
    fn part(
        &self,
        file: &Covered<'_>,
        tag: u64,
        size: u64,
    ) -> Result<Option<Range<usize>>, String> {
        match (self.get(tag), self.get(size)) {
            (Some(vaddr), Some(len)) => file.locate(vaddr, len).map(Some),
            (None, None) => Ok(None),
            _ => Err(format!(
                "the dynamic section has only one of the tags {tag:#x} and {size:#x}"
            )),
        }
    }

    fn strings(&self, file: &Covered<'_>, tag: i64) -> Result<Vec<String>, String> {
        let table = &file.file[self.strings.clone()];
        let values = self.entries.iter().filter(|(t, _)| *t == tag as u64);
        values
            .map(|&(_, at)| {
                let text = u32::try_from(at).ok().and_then(|at| text(table, at));
                text.map(str::to_owned)
                    .ok_or_else(|| "a name in the dynamic section is not text".to_owned())
            })
            .collect()
    }
}

/// What the dynamic section points to.
struct Parts {
    symbols: Symbols,
    info: ModuleInfo,
    imports: Range<usize>,
    relocs: [Range<usize>; 2],
    slots: Range<usize>,
    functions: Range<usize>,
    elements: Range<usize>,
}

impl Parts {
    fn read(
        file: &Covered<'_>,
        dynamic: &Dynamic,
        file_len: usize,
        machine: &Machine,
    ) -> Result<Self, String> {
        let part = |tag, size| Ok::<_, String>(dynamic.part(file, tag, size)?.unwrap_or(0..0));
        let info = part(abi::DT_WASMAOT_INFO, abi::DT_WASMAOT_INFOSZ)?;
        // A length in the record that exceeds the file would have the reader
        // allocate what it claims.
        let info = ModuleInfo::decode(&file.file[info])
            .ok()
            .filter(|info| info.types.len() <= file_len)
            .ok_or("the module record cannot be read")?;
        let imports = part(abi::DT_WASMAOT_IMPORTS, abi::DT_WASMAOT_IMPORTSSZ)?;
        let records = part(abi::DT_WASMAOT_SYMBOLS, abi::DT_WASMAOT_SYMBOLSSZ)?;
        let from = |tag: u64| dynamic.get(tag).map(|vaddr| file.from(vaddr)).transpose();
        let symbols = from(elf::DT_SYMTAB as u64)?.unwrap_or(0..0);
        let hash = from(elf::DT_GNU_HASH as u64)?;
        let symbols = Symbols::read(file.file, dynamic.strings.clone(), symbols, records, hash)?;
        let relocs = [
            part(elf::DT_RELA as u64, elf::DT_RELASZ as u64)?,
            part(elf::DT_JMPREL as u64, elf::DT_PLTRELSZ as u64)?,
        ];
        let mut entries = relocs
            .iter()
            .flat_map(|at| file.file[at.clone()].as_chunks().0);
        if let Some(number) = entries.find_map(|entry| Reloc::decode(entry, machine).err()) {
            return Err(format!("relocation type {number} is not known"));
        }
        let slots = part(abi::DT_WASMAOT_RELA, abi::DT_WASMAOT_RELASZ)?;
        let mut entries = file.file[slots.clone()].as_chunks().0.iter();
        if let Some(number) = entries.find_map(|&entry| Rela::decode(entry).err()) {
            return Err(format!("unknown relocation kind {number} of wasmaot"));
        }
        Ok(Self {
            symbols,
            info,
            imports,
            relocs,
            slots,
            functions: part(abi::DT_WASMAOT_FUNCTIONS, abi::DT_WASMAOT_FUNCTIONSSZ)?,
            elements: part(abi::DT_WASMAOT_ELEMENTS, abi::DT_WASMAOT_ELEMENTSSZ)?,
        })
    }
}

/// The prelink record, where there is one.
fn prelinked(
    file: &Covered<'_>,
    dynamic: &Dynamic,
    [_, plt]: &[Range<usize>; 2],
    machine: &Machine,
) -> Result<Option<Prelink>, String> {
    let part = dynamic.part(file, abi::DT_WASMAOT_PRELINK, abi::DT_WASMAOT_PRELINKSZ)?;
    let entries = plt.len() / Reloc::SIZE;
    part.map(|at| prelink_record::read(&file.file[at], entries, file.layout, machine))
        .transpose()
}

/// Place in the file of a table that grows with the code: like code, not in
/// the part that the note's hash covers.
fn beside_code(
    file: &[u8],
    layout: &Layout,
    dynamic: &Dynamic,
    (tag, size): (u64, u64),
) -> Result<Range<usize>, String> {
    let whole = Covered { file, layout };
    Ok(dynamic.part(&whole, tag, size)?.unwrap_or(0..0))
}

/// The section headers; only messages and tools depend on them, so what
/// cannot be read is left out.
pub(super) fn sections(file: &[u8]) -> HashMap<String, Section> {
    let read = || -> Option<HashMap<String, Section>> {
        let header = header(file).ok()?;
        let at = usize::try_from(header.e_shoff.get(LE)).ok()?;
        let count = header.e_shnum.get(LE) as usize;
        let (headers, _) =
            pod::slice_from_bytes::<SectionHeader64<LE>>(file.get(at..)?, count).ok()?;
        let bytes = |s: &SectionHeader64<LE>| {
            let len = match s.sh_type.get(LE) {
                elf::SHT_NOBITS => 0,
                _ => s.sh_size.get(LE),
            };
            range(s.sh_offset.get(LE), len).filter(|r| r.end <= file.len())
        };
        let names = headers.get(header.e_shstrndx.get(LE) as usize)?;
        let names = &file[bytes(names)?];
        let named = headers.iter().filter_map(|s| {
            let name = text(names, s.sh_name.get(LE))?;
            let section = Section {
                addr: s.sh_addr.get(LE),
                bytes: bytes(s)?,
            };
            section.addr.checked_add(section.bytes.len() as u64)?;
            Some((name.to_owned(), section))
        });
        Some(named.collect())
    };
    read().unwrap_or_default()
}
