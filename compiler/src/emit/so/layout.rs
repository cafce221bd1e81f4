//! Phase 6: the sections, and where each goes in the file and in memory.
//!
//! ```text
//! R   headers, interpreter, notes, symbols, relocations, .dynamic, records   ← all that the loader reads
//!     .rodata .eh_frame_hdr .eh_frame .wasmaot.handlers .wasmaot.calls .wasmaot.traps
//! RX  .plt .text .wasmaot.start
//! RW  .tdata .tbss .data.rel.ro .got .got.plt .wasmaot.funcrefs ← RELRO
//! RW  .data .bss
//!     linear memory image
//!     maps, symbols and names for tools                          ← not loaded
//! ```
//!
//! Every segment starts on pages of its own, in the file as in memory. `.tbss` takes
//! no room in one: a thread's storage is elsewhere, and `.tdata` its initial image.

use wasmaot_abi::object::{
    PT_WASMAOT_MEMORY, SEC_CALLS, SEC_DEBUG, SEC_ELEMENTS, SEC_FUNCREFS, SEC_FUNCTIONS,
    SEC_HANDLERS, SEC_IMPORTS, SEC_INFO, SEC_LINES, SEC_MEMORY, SEC_MEMORY_BSS, SEC_MODULE,
    SEC_NOTE, SEC_PRELINK, SEC_RELA, SEC_SOURCE, SEC_START, SEC_SYMBOLS, SEC_TRAPS,
};

use super::elf::*;
use super::memory::Image;
use crate::error::{Error, Result};

/// Which segment a section belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Group {
    /// Interpreted by the loader.
    Loaded,
    Constant,
    Code,
    Relro,
    Data,
    /// Not loaded.
    File,
}

/// Permissions of the segments. The first two groups share one.
const SEGMENTS: [(&[Group], u32); 4] = [
    (&[Group::Loaded, Group::Constant], PF_R),
    (&[Group::Code], PF_R | PF_X),
    (&[Group::Relro], PF_R | PF_W),
    (&[Group::Data], PF_R | PF_W),
];

const A: u64 = SHF_ALLOC;
const AW: u64 = SHF_ALLOC | SHF_WRITE;
const AX: u64 = SHF_ALLOC | SHF_EXECINSTR;
const AWT: u64 = SHF_ALLOC | SHF_WRITE | SHF_TLS;
const AI: u64 = SHF_ALLOC | SHF_INFO_LINK;

macro_rules! sections {
    ($($id:ident = $group:ident $name:expr, $kind:ident, $flags:expr, $align:literal, $entsize:expr, $link:expr;)*) => {
        /// A section, but for those of the memory image. The order is that of
        /// the file.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub(super) enum Section { $($id),* }

        struct Spec {
            id: Section,
            group: Group,
            name: &'static str,
            kind: u32,
            flags: u64,
            align: u64,
            entsize: u64,
            link: Option<Section>,
        }

        const SPECS: &[Spec] = {
            use Section::*;
            &[$(Spec {
                id: $id,
                group: Group::$group,
                name: $name,
                kind: $kind,
                flags: $flags,
                align: $align,
                entsize: $entsize,
                link: $link,
            }),*]
        };
    };
}

sections! {
    Interp = Loaded ".interp", SHT_PROGBITS, A, 1, 0, None;
    BuildId = Loaded ".note.gnu.build-id", SHT_NOTE, A, 4, 0, None;
    Note = Loaded SEC_NOTE, SHT_NOTE, A, 4, 0, None;
    GnuHash = Loaded ".gnu.hash", SHT_GNU_HASH, A, 8, 0, Some(Dynsym);
    Dynsym = Loaded ".dynsym", SHT_DYNSYM, A, 8, SYM_SIZE, Some(Dynstr);
    Dynstr = Loaded ".dynstr", SHT_STRTAB, A, 1, 0, None;
    RelaDyn = Loaded ".rela.dyn", SHT_RELA, A, 8, RELA_SIZE, Some(Dynsym);
    RelaPlt = Loaded ".rela.plt", SHT_RELA, AI, 8, RELA_SIZE, Some(Dynsym);
    Dynamic = Loaded ".dynamic", SHT_DYNAMIC, A, 8, DYN_SIZE, Some(Dynstr);
    Info = Loaded SEC_INFO, SHT_PROGBITS, A, 1, 0, None;
    Imports = Loaded SEC_IMPORTS, SHT_PROGBITS, A, 4, 24, None;
    Symbols = Loaded SEC_SYMBOLS, SHT_PROGBITS, A, 8, 8, None;
    Rela = Loaded SEC_RELA, SHT_PROGBITS, A, 8, 24, None;
    Functions = Loaded SEC_FUNCTIONS, SHT_PROGBITS, A, 8, 8, None;
    Elements = Loaded SEC_ELEMENTS, SHT_PROGBITS, A, 4, 4, None;
    Prelink = Loaded SEC_PRELINK, SHT_PROGBITS, A, 4, 0, None;
    Rodata = Constant ".rodata", SHT_PROGBITS, A, 16, 0, None;
    EhFrameHdr = Constant ".eh_frame_hdr", SHT_PROGBITS, A, 4, 0, None;
    EhFrame = Constant ".eh_frame", SHT_PROGBITS, A, 8, 0, None;
    Handlers = Constant SEC_HANDLERS, SHT_PROGBITS, A, 4, 0, None;
    Calls = Constant SEC_CALLS, SHT_PROGBITS, A, 4, 8, None;
    Traps = Constant SEC_TRAPS, SHT_PROGBITS, A, 4, 0, None;
    Plt = Code ".plt", SHT_PROGBITS, AX, 16, 16, None;
    Text = Code ".text", SHT_PROGBITS, AX, 16, 0, None;
    Start = Code SEC_START, SHT_PROGBITS, AX, 16, 0, None;
    Tdata = Relro ".tdata", SHT_PROGBITS, AWT, 16, 0, None;
    Tbss = Relro ".tbss", SHT_NOBITS, AWT, 16, 0, None;
    DataRelRo = Relro ".data.rel.ro", SHT_PROGBITS, AW, 8, 0, None;
    Got = Relro ".got", SHT_PROGBITS, AW, 8, 8, None;
    GotPlt = Relro ".got.plt", SHT_PROGBITS, AW, 8, 8, None;
    Funcrefs = Relro SEC_FUNCREFS, SHT_NOBITS, AW, 16, 0, None;
    Data = Data ".data", SHT_PROGBITS, AW, 16, 0, None;
    Bss = Data ".bss", SHT_NOBITS, AW, 16, 0, None;
    Lines = File SEC_LINES, SHT_PROGBITS, 0, 4, 0, None;
    Module = File SEC_MODULE, SHT_PROGBITS, 0, 1, 0, None;
    Source = File SEC_SOURCE, SHT_PROGBITS, 0, 4, 0, None;
    DebugAbbrev = File ".debug_abbrev", SHT_PROGBITS, 0, 1, 0, None;
    DebugAranges = File ".debug_aranges", SHT_PROGBITS, 0, 1, 0, None;
    DebugInfo = File ".debug_info", SHT_PROGBITS, 0, 1, 0, None;
    DebugLine = File ".debug_line", SHT_PROGBITS, 0, 1, 0, None;
    DebugLoc = File ".debug_loc", SHT_PROGBITS, 0, 1, 0, None;
    DebugRanges = File ".debug_ranges", SHT_PROGBITS, 0, 1, 0, None;
    DebugStr = File ".debug_str", SHT_PROGBITS, 0, 1, 0, None;
    Addresses = File SEC_DEBUG, SHT_PROGBITS, 0, 1, 0, None;
    Symtab = File ".symtab", SHT_SYMTAB, 0, 8, SYM_SIZE, Some(Strtab);
    Strtab = File ".strtab", SHT_STRTAB, 0, 1, 0, None;
    Shstrtab = File ".shstrtab", SHT_STRTAB, 0, 1, 0, None;
}

/// Sizes of the sections, before they have addresses.
pub(super) struct Sizes {
    sizes: [u64; SPECS.len()],
    /// Alignment of `.text`.
    text_align: u64,
}

impl Sizes {
    pub fn new(text_align: u64) -> Self {
        Self {
            sizes: [0; SPECS.len()],
            text_align,
        }
    }

    pub fn set(&mut self, section: Section, size: u64) {
        self.sizes[section as usize] = size;
    }

    fn get(&self, section: Section) -> u64 {
        self.sizes[section as usize]
    }

    /// Bytes of some groups' sections, as far as they have room there.
    fn of(&self, groups: &[Group]) -> u64 {
        let specs = SPECS.iter().filter(|s| groups.contains(&s.group));
        let specs = specs.filter(|s| s.id != Section::Tbss);
        specs.map(|s| self.get(s.id)).sum()
    }

    /// Bytes of thread-local storage.
    fn thread_local(&self) -> u64 {
        self.get(Section::Tdata) + self.get(Section::Tbss)
    }
}

/// The names of all sections, whether there or not.
fn section_names() -> Strings {
    let mut names = Strings::new();
    for spec in SPECS {
        names.add(spec.name);
    }
    names.add(SEC_MEMORY);
    names.add(SEC_MEMORY_BSS);
    names
}

/// A section with its place.
pub(super) struct PlacedSection {
    /// `None` for the memory image's.
    pub id: Option<Section>,
    /// `link` and `info` are left to the writer.
    pub header: Shdr,
    pub link: Option<Section>,
}

/// The layout.
pub(super) struct Layout {
    /// Non-empty sections in the order of the file.
    pub sections: Vec<PlacedSection>,
    pub segments: Vec<Phdr>,
    /// Bytes from the start of the file that the loader interprets.
    pub loaded_size: u64,
    /// Of the section headers.
    pub section_headers: u64,
    /// Address of linear address 0 (of a relocatable module: of its memory base).
    pub memory: u64,
    /// File offsets of the memory image's pieces.
    pub pieces: Vec<u64>,
    /// Bytes of `.shstrtab`.
    pub names: Vec<u8>,
    /// Of every section, empty or not.
    headers: [Shdr; SPECS.len()],
}

impl Layout {
    /// Address of a section; of an empty one, where it would be.
    pub fn addr(&self, section: Section) -> u64 {
        self.headers[section as usize].addr
    }

    pub fn size(&self, section: Section) -> u64 {
        self.headers[section as usize].size
    }

    pub fn offset(&self, section: Section) -> u64 {
        self.headers[section as usize].offset
    }

    /// Number of a section in the section table; 0 if it is empty.
    pub fn index(&self, section: Section) -> u16 {
        let at = self.sections.iter().position(|s| s.id == Some(section));
        at.map_or(0, |i| i as u16 + 1)
    }

    /// Makes a section smaller than it was laid out, but not empty.
    pub fn shrink(&mut self, section: Section, size: u64) {
        self.headers[section as usize].size = size;
        for placed in &mut self.sections {
            if placed.id == Some(section) {
                placed.header.size = size;
            }
        }
    }

    /// Value and section of a data symbol.
    pub fn data_symbol(&self, linear: u32, relocatable: bool) -> (u64, u16) {
        let addr = self.memory + u64::from(linear);
        let image = (1..).zip(&self.sections).filter(|(_, s)| s.id.is_none());
        let mut last = None;
        for (index, PlacedSection { header, .. }) in image {
            if (header.addr..header.addr + header.size).contains(&addr) {
                return (addr, index);
            }
            last = Some(index);
        }
        match last {
            // The end of a relocatable module's room moves with it.
            Some(index) if relocatable => (addr, index),
            _ => (u64::from(linear), SHN_ABS),
        }
    }
}

/// Lays out the sections.
pub(super) fn lay_out(source: &str, mut sizes: Sizes, image: &Image) -> Result<Layout> {
    let names = section_names();
    sizes.set(Section::Shstrtab, names.len());
    let headers = EHDR_SIZE + PHDR_SIZE * segment_count(&sizes, image);
    let mut cursor = Cursor::new(headers, names, image.align);
    for (groups, flags) in SEGMENTS {
        cursor.segment(groups, flags, &sizes);
    }
    if cursor.addr >= MAX_SPAN || sizes.sizes.iter().any(|&size| size >= MAX_SPAN) {
        return Err(Error::TooLarge {
            file: source.to_owned(),
            what: format!("an object of {} bytes of code and data", cursor.addr),
            limit: "2 GiB".into(),
        });
    }
    let memory = cursor.memory(image);
    for spec in SPECS.iter().filter(|s| s.group == Group::File) {
        cursor.file_section(spec, sizes.get(spec.id));
    }
    let mut layout = cursor.finish();
    let views = layout.views();
    layout.segments.extend(views);
    // It has to precede what is loaded.
    let interpreter = layout.interpreter();
    layout.segments.splice(0..0, interpreter);
    layout.segments.extend(memory);
    debug_assert_eq!(layout.segments.len() as u64, segment_count(&sizes, image));
    Ok(layout)
}

/// Number of program headers: those of [`SEGMENTS`] and the memory image, and
/// dynamic, note, stack; interpreter, frame table, thread-local storage and RELRO if
/// there are any.
fn segment_count(sizes: &Sizes, image: &Image) -> u64 {
    let loads = SEGMENTS.iter().filter(|(g, _)| sizes.of(g) > 0);
    let frames = u64::from(sizes.get(Section::EhFrameHdr) > 0);
    let relro = u64::from(sizes.of(&[Group::Relro]) > 0);
    let threads = u64::from(sizes.thread_local() > 0);
    let interpreter = u64::from(sizes.get(Section::Interp) > 0);
    loads.count() as u64 + 3 + interpreter + frames + threads + relro + image.pieces.len() as u64
}

/// Where the next section goes.
struct Cursor {
    layout: Layout,
    names: Strings,
    offset: u64,
    addr: u64,
    /// Alignment of segments.
    align: u64,
}

impl Cursor {
    fn new(headers: u64, names: Strings, align: u64) -> Self {
        Self {
            layout: Layout {
                sections: Vec::new(),
                segments: Vec::new(),
                loaded_size: 0,
                section_headers: 0,
                memory: 0,
                pieces: Vec::new(),
                names: Vec::new(),
                headers: [Shdr::default(); SPECS.len()],
            },
            names,
            offset: headers,
            addr: headers,
            align,
        }
    }

    fn finish(mut self) -> Layout {
        self.layout.section_headers = self.offset.next_multiple_of(8);
        self.layout.names = self.names.into_bytes();
        self.layout
    }

    /// Places the sections of a segment, and makes its program header unless
    /// it is empty. The first segment includes the headers.
    fn segment(&mut self, groups: &[Group], flags: u32, sizes: &Sizes) {
        let (mut offset, mut addr) = (0, 0);
        if groups[0] != Group::Loaded {
            self.offset = self.offset.next_multiple_of(self.align);
            self.addr = self.addr.next_multiple_of(self.align);
            (offset, addr) = (self.offset, self.addr);
        }
        for spec in SPECS.iter().filter(|s| groups.contains(&s.group)) {
            self.section(spec, sizes);
            if spec.group == Group::Loaded {
                self.layout.loaded_size = self.offset;
            }
        }
        if sizes.of(groups) == 0 {
            return;
        }
        self.layout.segments.push(Phdr {
            kind: PT_LOAD,
            flags,
            offset,
            vaddr: addr,
            paddr: addr,
            filesz: self.offset - offset,
            memsz: self.addr - addr,
            align: self.align,
        });
    }

    fn section(&mut self, spec: &Spec, sizes: &Sizes) {
        let size = sizes.get(spec.id);
        let align = match spec.id {
            Section::Text => spec.align.max(sizes.text_align),
            _ => spec.align,
        };
        if size == 0 {
            // It is left out of the file. A segment that was longer for its
            // alignment than its sections are would be cut by `strip`.
            let addr = self.addr.next_multiple_of(align);
            return self.place(spec, addr, size, align);
        }
        let pad = self.addr.next_multiple_of(align) - self.addr;
        if spec.id == Section::Tbss {
            let at = (self.addr + pad, self.offset + pad);
            return self.place_at(spec, at, size, align);
        }
        self.addr += pad;
        let stored = spec.kind != SHT_NOBITS;
        if stored {
            self.offset += pad;
        }
        self.place(spec, self.addr, size, align);
        self.addr += size;
        if stored {
            self.offset += size;
        }
    }

    fn file_section(&mut self, spec: &Spec, size: u64) {
        self.offset = self.offset.next_multiple_of(spec.align);
        self.place(spec, 0, size, spec.align);
        self.offset += size;
    }

    fn place(&mut self, spec: &Spec, addr: u64, size: u64, align: u64) {
        self.place_at(spec, (addr, self.offset), size, align);
    }

    /// Places a section at an address and an offset in the file.
    fn place_at(&mut self, spec: &Spec, (addr, offset): (u64, u64), size: u64, align: u64) {
        let header = Shdr {
            name: self.names.add(spec.name),
            kind: spec.kind,
            flags: spec.flags,
            addr,
            offset,
            size,
            align,
            entsize: spec.entsize,
            ..Shdr::default()
        };
        self.layout.headers[spec.id as usize] = header;
        if size > 0 {
            self.layout.sections.push(PlacedSection {
                id: Some(spec.id),
                header,
                link: spec.link,
            });
        }
    }

    /// Places the memory image after all that is loaded; returns its segments.
    fn memory(&mut self, image: &Image) -> Vec<Phdr> {
        let base = self.addr.next_multiple_of(self.align);
        self.layout.memory = base;
        let mut segments = Vec::with_capacity(image.pieces.len());
        for piece in &image.pieces {
            let filesz = piece.bytes.len() as u64;
            self.offset = self.offset.next_multiple_of(self.align);
            let segment = Phdr {
                kind: PT_WASMAOT_MEMORY,
                flags: PF_R | PF_W,
                // Where nothing is in the file, tools that strip it write 0.
                offset: if filesz > 0 { self.offset } else { 0 },
                vaddr: base + piece.start,
                paddr: piece.start,
                filesz,
                memsz: piece.size,
                align: self.align,
            };
            self.memory_sections(&segment);
            self.layout.pieces.push(segment.offset);
            segments.push(segment);
            // The page's rest is zero in the file, so that it can be mapped.
            self.offset += filesz.next_multiple_of(self.align);
        }
        segments
    }

    fn memory_sections(&mut self, segment: &Phdr) {
        let stored = Shdr {
            name: self.names.add(SEC_MEMORY),
            kind: SHT_PROGBITS,
            flags: AW,
            addr: segment.vaddr,
            offset: self.offset,
            size: segment.filesz,
            align: self.align,
            ..Shdr::default()
        };
        let rest = Shdr {
            name: self.names.add(SEC_MEMORY_BSS),
            kind: SHT_NOBITS,
            addr: segment.vaddr + segment.filesz,
            offset: self.offset + segment.filesz,
            size: segment.memsz - segment.filesz,
            align: 1,
            ..stored
        };
        // A segment has a section even if it is empty: symbols need one.
        let present = [
            (stored, segment.filesz > 0),
            (rest, rest.size > 0 || segment.filesz == 0),
        ];
        for (header, _) in present.into_iter().filter(|&(_, present)| present) {
            self.layout.sections.push(PlacedSection {
                id: None,
                header,
                link: None,
            });
        }
    }
}

impl Layout {
    /// The program header that names the interpreter.
    fn interpreter(&self) -> Option<Phdr> {
        let path = self.headers[Section::Interp as usize];
        (path.size > 0).then(|| view(PT_INTERP, path, path))
    }

    /// The program headers that name a part of another segment.
    fn views(&self) -> Vec<Phdr> {
        let place = |section: Section| self.headers[section as usize];
        let mut views = vec![
            view(PT_DYNAMIC, place(Section::Dynamic), place(Section::Dynamic)),
            view(PT_NOTE, place(Section::BuildId), place(Section::Note)),
        ];
        if self.size(Section::EhFrameHdr) > 0 {
            let hdr = place(Section::EhFrameHdr);
            views.push(view(PT_GNU_EH_FRAME, hdr, hdr));
        }
        views.extend(self.thread_storage());
        views.push(Phdr {
            flags: PF_R | PF_W,
            align: 16,
            ..view(PT_GNU_STACK, Shdr::default(), Shdr::default())
        });
        let start = place(Section::Tdata).addr;
        let relro = SPECS
            .iter()
            .any(|s| s.group == Group::Relro && self.size(s.id) > 0);
        let load = self.segments.iter().find(|s| relro && s.vaddr == start);
        views.extend(load.map(|load| Phdr {
            kind: PT_GNU_RELRO,
            flags: PF_R,
            align: 1,
            ..*load
        }));
        views
    }
}

impl Layout {
    /// The segment of thread-local storage: the initial image, and how much of it
    /// zeros follow.
    fn thread_storage(&self) -> Option<Phdr> {
        let place = |section: Section| self.headers[section as usize];
        let (image, zeros) = (place(Section::Tdata), place(Section::Tbss));
        let first = if image.size > 0 { image } else { zeros };
        let end = if zeros.size > 0 { zeros } else { image };
        let memsz = end.addr + end.size - first.addr;
        (memsz > 0).then(|| Phdr {
            filesz: image.size,
            memsz,
            ..view(PT_TLS, first, first)
        })
    }
}

/// The read-only segment from one section to another.
fn view(kind: u32, first: Shdr, last: Shdr) -> Phdr {
    let size = last.addr + last.size - first.addr;
    Phdr {
        kind,
        flags: PF_R,
        offset: first.offset,
        vaddr: first.addr,
        paddr: first.addr,
        filesz: size,
        memsz: size,
        align: first.align,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The segments' table of ABI.md has the sections in their order.
    #[test]
    fn the_order_is_as_it_is_documented() {
        let text = include_str!("../../../../abi/ABI.md");
        let (_, table) = text.split_once("| segment | sections |").expect("a table");
        let rows = table.lines().skip(2).map_while(|row| row.strip_prefix('|'));
        let words =
            |row: &'static str| row.split(|c: char| c.is_whitespace() || "`,:;|".contains(c));
        let documented = rows.flat_map(words).filter(|word| word.starts_with('.'));
        let documented: Vec<_> = documented.collect();
        let memory = [SEC_MEMORY, SEC_MEMORY_BSS];
        let mut ours: Vec<_> = SPECS.iter().map(|spec| spec.name).collect();
        let at = SPECS.partition_point(|spec| spec.group != Group::File);
        ours.splice(at..at, memory);
        assert_eq!(documented, ours);
    }
}
