//! An object as debuggers want it: an ELF file of names and debugging sections
//! with the addresses that they have in this process.
//!
//! What is mapped is in memory already, so sections of code and data have
//! addresses here and no bytes; but for `.eh_frame`, by which debuggers unwind.

use object::LittleEndian as LE;
use object::elf::{self, ProgramHeader64, SectionHeader64, Sym64};
use object::pod::{self, bytes_of, slice_from_bytes_mut};
use object::{U16, U32, U64};
use wasmaot_abi::maps::debug::{AddressKind, FIELD, decode_addresses};
use wasmaot_abi::object::{PT_WASMAOT_MEMORY, SEC_DEBUG, SEC_MEMORY, SEC_MEMORY_BSS};

use super::Object;

/// Where an object is in a process.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Loaded {
    /// Load address.
    pub image: u64,
    /// Host address of memory.
    pub memory: u64,
    /// Linear address of the module's data.
    pub memory_base: u64,
}

/// Bytes of the parts of an ELF file.
const HEADER: usize = 64;
const SECTION: usize = 64;

/// Makes the file; `None` for an object whose headers or records are damaged.
pub(crate) fn debug_image(object: &Object, at: Loaded) -> Option<Vec<u8>> {
    let file = object.bytes();
    let header = pod::from_bytes::<elf::FileHeader64<LE>>(file).ok()?.0;
    let headers = file.get(usize::try_from(header.e_shoff.get(LE)).ok()?..)?;
    let count = usize::from(header.e_shnum.get(LE));
    let headers = pod::slice_from_bytes::<SectionHeader64<LE>>(headers, count)
        .ok()?
        .0;
    let texts = headers.get(usize::from(header.e_shstrndx.get(LE)))?;
    let texts = content(file, texts)?;
    let mut image = vec![0; HEADER];
    let mut sections = Vec::with_capacity(count);
    for section in headers {
        let name = texts.get(section.sh_name.get(LE) as usize..)?;
        let name = std::str::from_utf8(name.split(|&b| b == 0).next()?).ok()?;
        let mut section = *section;
        let kept = is_kept(name) && section.sh_type.get(LE) != elf::SHT_NOBITS;
        let bytes = if kept { content(file, &section)? } else { &[] };
        if section.sh_flags.get(LE) & u64::from(elf::SHF_ALLOC) != 0 {
            let moved = moved(object, at, name, section.sh_addr.get(LE));
            section.sh_addr = U64::new(LE, moved);
            if !kept {
                section.sh_type = U32::new(LE, elf::SHT_NOBITS);
            }
        } else if !kept {
            section.sh_size = U64::new(LE, 0);
        }
        image.resize(image.len().next_multiple_of(16), 0);
        section.sh_offset = U64::new(LE, image.len() as u64);
        image.extend_from_slice(bytes);
        sections.push((name, section));
    }
    let range = |name: &str| {
        let (_, section) = sections.iter().find(|(n, _)| *n == name)?;
        let start = section.sh_offset.get(LE) as usize;
        Some(start..start + section.sh_size.get(LE) as usize)
    };
    if let Some(symbols) = range(".symtab") {
        let symbols = image.get_mut(symbols)?;
        let number = symbols.len() / size_of::<Sym64<LE>>();
        let symbols = slice_from_bytes_mut::<Sym64<LE>>(symbols, number).ok()?.0;
        for symbol in symbols {
            place(object, at, &sections, symbol);
        }
    }
    let record = object.section(SEC_DEBUG).unwrap_or_default();
    decode_addresses(record, |name, offset, kind| {
        // A section that was stripped has no fields.
        let Some(section) = range(name) else {
            return Some(());
        };
        let section = image.get_mut(section)?;
        let start = usize::try_from(offset).ok()?;
        let field = section.get_mut(start..start.checked_add(FIELD)?)?;
        let value = u64::from_le_bytes(field.try_into().ok()?);
        let moved = value.wrapping_add(base(at, kind));
        field.copy_from_slice(&moved.to_le_bytes());
        Some(())
    })?;
    image.resize(image.len().next_multiple_of(16), 0);
    let mut header = *header;
    // Where memory is, for a debugger's scripts.
    let memory = ProgramHeader64 {
        p_type: U32::new(LE, PT_WASMAOT_MEMORY),
        p_flags: U32::new(LE, 0),
        p_offset: U64::new(LE, 0),
        p_vaddr: U64::new(LE, at.memory),
        p_paddr: U64::new(LE, 0),
        p_filesz: U64::new(LE, 0),
        p_memsz: U64::new(LE, 0),
        p_align: U64::new(LE, 0),
    };
    header.e_phoff = U64::new(LE, image.len() as u64);
    header.e_phnum = U16::new(LE, 1);
    image.extend_from_slice(bytes_of(&memory));
    image.resize(image.len().next_multiple_of(16), 0);
    header.e_shoff = U64::new(LE, image.len() as u64);
    image.reserve_exact(SECTION * count);
    for (_, section) in &sections {
        image.extend_from_slice(bytes_of(section));
    }
    image[..HEADER].copy_from_slice(bytes_of(&header));
    Some(image)
}

/// Whether debuggers need what is in a section.
fn is_kept(name: &str) -> bool {
    let names = [".eh_frame", ".symtab", ".strtab", ".shstrtab"];
    names.contains(&name) || name.starts_with(".debug_")
}

fn content<'a>(file: &'a [u8], section: &SectionHeader64<LE>) -> Option<&'a [u8]> {
    let start = usize::try_from(section.sh_offset.get(LE)).ok()?;
    let len = usize::try_from(section.sh_size.get(LE)).ok()?;
    file.get(start..start.checked_add(len)?)
}

/// The address in the process of what has this one in the file.
fn moved(object: &Object, at: Loaded, section: &str, address: u64) -> u64 {
    let kind = match section {
        SEC_MEMORY | SEC_MEMORY_BSS => AddressKind::Data,
        _ => return address.wrapping_add(at.image),
    };
    let linear = address.wrapping_sub(object.layout().memory_bias);
    linear.wrapping_add(base(at, kind))
}

/// What is to be added to an address.
fn base(at: Loaded, kind: AddressKind) -> u64 {
    match kind {
        AddressKind::Object => at.image,
        AddressKind::Data => at.memory.wrapping_add(at.memory_base),
        AddressKind::Memory => at.memory,
    }
}

/// Gives a symbol its address.
fn place(
    object: &Object,
    at: Loaded,
    sections: &[(&str, SectionHeader64<LE>)],
    symbol: &mut Sym64<LE>,
) {
    let number = symbol.st_shndx.get(LE);
    let is_thread_local = symbol.st_info & 0xf == elf::STT_TLS;
    if number == elf::SHN_UNDEF || number >= elf::SHN_LORESERVE || is_thread_local {
        return;
    }
    if let Some((name, _)) = sections.get(usize::from(number)) {
        let address = moved(object, at, name, symbol.st_value.get(LE));
        symbol.st_value = U64::new(LE, address);
    }
}
