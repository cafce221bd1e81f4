//! Phase 9: everything into one file, and its two hashes.

use wasmaot_abi::machine::Machine;
use wasmaot_abi::object::{NOTE_NAME, Note};

use super::elf::*;
use super::layout::{Layout, Section};
use super::memory::Image;

/// The contents of the sections, in any order.
pub(super) type Contents = Vec<(Section, Vec<u8>)>;

/// Writes the file, with hashes still zero, and without text.
pub(super) fn file(
    machine: &Machine,
    layout: &Layout,
    contents: Contents,
    image: &Image,
    symtab_globals: u32,
) -> Vec<u8> {
    let shnum = layout.sections.len() as u16 + 1;
    let size = layout.section_headers + SHDR_SIZE * u64::from(shnum);
    let mut file = vec![0; size as usize];
    let header = Ehdr {
        machine: machine.elf_number,
        entry: layout.addr(Section::Start),
        phnum: layout.segments.len() as u16,
        shoff: layout.section_headers,
        shnum,
        shstrndx: layout.index(Section::Shstrtab),
    };
    put(&mut file, 0, &header.encode());
    let headers: Vec<u8> = layout.segments.iter().flat_map(Phdr::encode).collect();
    put(&mut file, EHDR_SIZE, &headers);
    for (section, bytes) in contents {
        put(&mut file, layout.offset(section), &bytes);
    }
    for (piece, &offset) in image.pieces.iter().zip(&layout.pieces) {
        put(&mut file, offset, &piece.bytes);
    }
    let headers = section_headers(layout, symtab_globals);
    put(&mut file, layout.section_headers, &headers);
    file
}

fn section_headers(layout: &Layout, symtab_globals: u32) -> Vec<u8> {
    let mut out = Shdr::default().encode();
    for section in &layout.sections {
        let info = match section.id {
            Some(Section::Symtab) => symtab_globals,
            // The first symbol that is not local: all but the null symbol.
            Some(Section::Dynsym) => 1,
            Some(Section::RelaPlt) => layout.index(Section::GotPlt).into(),
            _ => 0,
        };
        let header = Shdr {
            link: section.link.map_or(0, |s| layout.index(s).into()),
            info,
            ..section.header
        };
        out.extend(header.encode());
    }
    out
}

/// A part of the file.
pub(super) fn part(file: &mut [u8], offset: u64, size: u64) -> &mut [u8] {
    &mut file[offset as usize..][..size as usize]
}

fn put(file: &mut [u8], offset: u64, bytes: &[u8]) {
    part(file, offset, bytes.len() as u64).copy_from_slice(bytes);
}

/// Writes the hashes of the note.
pub(super) fn seal(file: &mut [u8], layout: &Layout) {
    let descriptor = layout.offset(Section::Note) + note_descriptor(NOTE_NAME);
    Note::seal(file, descriptor as usize);
}
