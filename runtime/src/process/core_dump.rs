//! Core dumps: what debuggers need of a process whose program has stopped, as an ELF
//! core file.
//!
//! In it are the registers and the stacks of its threads, the one that stopped first, the
//! images of the loaded objects, the program's memories and tables, and what debuggers are told
//! of the objects. Of the host's process there is nothing else: neither its heap nor its stack.

use std::fs::File;
use std::io::{self, Seek as _, SeekFrom, Write as _};
use std::ops::Range;

use wasmaot_abi::context::{FuncRef, TABLE_ENTRY_SIZE, TableDesc};

use super::Process;
use super::threads::MAIN;
use crate::arch;
use crate::config::Debugger;
use crate::space::Domain;
use crate::sys::{PAGE, debugger_parts};
use crate::trap::{Site, Stopped, Trap};

/// Bytes of an ELF header, of a program header.
const HEADER: u64 = 64;
const SEGMENT: u64 = 56;
const PT_LOAD: u32 = 1;
const PT_NOTE: u32 = 4;
const R: u32 = 4;
const RW: u32 = 6;
const ET_CORE: u16 = 4;
/// Segments that an ELF header can count.
const MAX_SEGMENTS: u64 = 0xfffe;
/// Bytes that are read at a time.
const PIECE: u64 = 16 * PAGE;

/// A stretch of memory, and where its bytes come from.
struct Stretch<'p> {
    at: Range<u64>,
    flags: u32,
    bytes: Content<'p>,
}

/// Reads so many bytes from an offset in a stretch.
type Content<'p> = Box<dyn Fn(u64, u64) -> Option<Vec<u8>> + 'p>;

impl Process {
    /// Writes an ELF core file of the process as a trap has left it, for debuggers
    /// that have the program which this runs in. Pages of zeros are holes of the file.
    ///
    /// # Errors
    /// Those of the file. [`io::ErrorKind::Unsupported`]: the trap does not say where the thread
    /// was; [`Config::core_dumps`](crate::Config::core_dumps) was not set, or no code ran.
    pub fn write_core_dump(&mut self, trap: &Trap, file: &mut File) -> io::Result<()> {
        let stopped = Stopped::of(trap).ok_or(io::ErrorKind::Unsupported)?;
        self.config.debugger = Debugger::Always;
        let numbers: Vec<usize> = self.link.instances.iter().map(|(n, _)| n).collect();
        self.show_to_debuggers(numbers);
        let note = notes(stopped, trap);
        let stretches = self.stretches(stopped);
        let segments = stretches.len() as u64 + 1;
        if segments > MAX_SEGMENTS {
            let text = format!(
                "it would have {segments} segments, more than an ELF file's {MAX_SEGMENTS}: too \
                 many objects and threads; write a wasm core dump"
            );
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, text));
        }
        let notes_at = HEADER + SEGMENT * segments;
        let mut headers = elf_header(segments as u16);
        headers.extend(segment(PT_NOTE, 0, notes_at, 0..note.len() as u64, 1));
        let mut at = (notes_at + note.len() as u64).next_multiple_of(PAGE);
        let mut places = Vec::with_capacity(stretches.len());
        for stretch in &stretches {
            let range = stretch.at.clone();
            headers.extend(segment(PT_LOAD, stretch.flags, at, range.clone(), PAGE));
            places.push(at);
            at = (at + (range.end - range.start)).next_multiple_of(PAGE);
        }
        headers.extend(&note);
        file.write_all(&headers)?;
        for (stretch, place) in stretches.iter().zip(places) {
            write(file, place, stretch)?;
        }
        file.set_len(at)
    }

    fn stretches(&self, stopped: &Stopped) -> Vec<Stretch<'_>> {
        let mut all = Vec::new();
        for site in stopped.sites() {
            let stack = site.stack.iter().flat_map(|w| w.to_le_bytes()).collect();
            all.push(known(site.stack_start, stack));
        }
        all.extend(
            debugger_parts()
                .into_iter()
                .map(|(at, bytes)| known(at, bytes)),
        );
        for instance in self.link.instances.values() {
            let image = &instance.image;
            for range in image.readable() {
                let at = image.start() + range.start..image.start() + range.end;
                all.push(Stretch {
                    at,
                    flags: R,
                    bytes: Box::new(move |offset, bytes| {
                        image.read_vec(range.start + offset, bytes).ok()
                    }),
                });
            }
        }
        for domain in &self.space.domains {
            let base = domain.base();
            all.push(Stretch {
                at: base..base + domain.view().len(),
                flags: RW,
                bytes: Box::new(|offset, bytes| domain.view().read_vec(offset, bytes).ok()),
            });
            all.extend(table(domain));
        }
        all.retain(|stretch| !stretch.at.is_empty());
        all
    }
}

/// The primary table of a domain, by which debuggers' scripts name function pointers; none
/// where it has other references.
fn table(domain: &Domain) -> Option<Stretch<'_>> {
    let TableDesc { base, len, .. } = domain.context().table;
    let is_of_functions = domain.table.is_some_and(|ty| ty.elem.is_function_ref());
    // Entry 0 is the last in memory.
    let entry = move |n: u64| domain.entry(len - 1 - n).unwrap_or_default();
    is_of_functions.then(|| Stretch {
        at: base - TABLE_ENTRY_SIZE * len..base,
        flags: RW,
        bytes: Box::new(move |offset, bytes| {
            let entries = offset / TABLE_ENTRY_SIZE..(offset + bytes) / TABLE_ENTRY_SIZE;
            let mut content = Vec::with_capacity(bytes as usize);
            for FuncRef {
                code,
                type_id,
                record,
            } in entries.map(entry)
            {
                content.extend(code.to_le_bytes());
                content.extend(type_id.to_le_bytes());
                content.extend(record.to_le_bytes());
            }
            Some(content)
        }),
    })
}

/// The threads' registers. Debuggers want numbers by which to tell the threads apart: the
/// first one's is the process's, as in the system.
fn notes(stopped: &Stopped, trap: &Trap) -> Vec<u8> {
    let process = std::process::id();
    let number = |thread: u32| process.wrapping_add(thread - MAIN);
    let note = |thread, site: &Site| {
        let vectors = site.vectors.as_ref();
        arch::core_notes(&site.registers, vectors, stopped.signal, number(thread))
    };
    let mut all = Vec::new();
    // Where it stopped; what called that is on its stack.
    if let Some(innermost) = stopped.entries.first() {
        all.extend(note(trap.thread.unwrap_or(MAIN), innermost));
    }
    for (thread, site) in &stopped.others {
        all.extend(note(*thread, site));
    }
    // Without that file of the system's, debuggers do without.
    if let Ok(auxv) = std::fs::read("/proc/self/auxv") {
        all.extend(arch::core_auxv(&auxv));
    }
    all
}

fn known<'p>(at: u64, content: Vec<u8>) -> Stretch<'p> {
    Stretch {
        at: at..at + content.len() as u64,
        flags: RW,
        bytes: Box::new(move |offset, bytes| {
            let (from, to) = (offset as usize, (offset + bytes) as usize);
            content.get(from..to).map(<[u8]>::to_vec)
        }),
    }
}

/// Writes what is not zero of a stretch. What cannot be read is left out.
fn write(file: &mut File, place: u64, stretch: &Stretch<'_>) -> io::Result<()> {
    let size = stretch.at.end - stretch.at.start;
    for offset in (0..size).step_by(PIECE as usize) {
        let bytes = PIECE.min(size - offset);
        let Some(content) = (stretch.bytes)(offset, bytes) else {
            continue;
        };
        for (number, page) in (0u64..).zip(content.chunks(PAGE as usize)) {
            if page.iter().any(|&byte| byte != 0) {
                file.seek(SeekFrom::Start(place + offset + number * PAGE))?;
                file.write_all(page)?;
            }
        }
    }
    Ok(())
}

fn elf_header(segments: u16) -> Vec<u8> {
    let mut out = b"\x7fELF\x02\x01\x01".to_vec();
    out.resize(16, 0);
    out.extend(ET_CORE.to_le_bytes());
    out.extend(arch::HOST.elf_number.to_le_bytes());
    out.extend(1u32.to_le_bytes());
    out.extend(0u64.to_le_bytes());
    out.extend(HEADER.to_le_bytes());
    out.extend(0u64.to_le_bytes());
    out.extend(0u32.to_le_bytes());
    for word in [HEADER as u16, SEGMENT as u16, segments, 64, 0, 0] {
        out.extend(word.to_le_bytes());
    }
    out
}

fn segment(kind: u32, flags: u32, offset: u64, at: Range<u64>, align: u64) -> Vec<u8> {
    let mut out = Vec::with_capacity(SEGMENT as usize);
    out.extend(kind.to_le_bytes());
    out.extend(flags.to_le_bytes());
    let size = at.end - at.start;
    // A note has no address.
    let memory = if kind == PT_LOAD { size } else { 0 };
    for word in [offset, at.start, 0, size, memory, align] {
        out.extend(word.to_le_bytes());
    }
    out
}
