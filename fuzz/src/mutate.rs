//! Damage to bytes and to modules.

use crate::Random;

/// Does some damage to bytes; `other` is where splices come from.
pub fn bytes(random: &mut Random, bytes: &mut Vec<u8>, other: &[u8]) {
    let at = random.below(bytes.len());
    let most = 1 << random.below(8);
    let len = 1 + random.below(most);
    let end = (at + len).min(bytes.len());
    match random.below(8) {
        0 | 1 if !bytes.is_empty() => bytes[at] ^= 1 << random.below(8),
        2 if !bytes.is_empty() => bytes[at] = random.bits() as u8,
        3 => number(random, bytes, at),
        4 => drop(bytes.drain(at..end)),
        5 => {
            let copy = bytes[at..end].to_vec();
            let to = random.below(bytes.len() + 1);
            bytes.splice(to..to, copy);
        }
        6 => {
            let from = random.below(other.len());
            let part = &other[from..(from + len).min(other.len())];
            for (byte, new) in bytes[at..].iter_mut().zip(part) {
                *byte = *new;
            }
        }
        _ if random.once_in(4) => bytes.truncate(at),
        _ => leb(random, bytes, at),
    }
}

/// Overwrites a little-endian number with one at which something changes.
pub fn number(random: &mut Random, bytes: &mut [u8], at: usize) {
    const NUMBERS: &[u64] = &[
        0,
        1,
        8,
        24,
        0x7f,
        0x80,
        0xfff,
        0x1000,
        0x1001,
        0x7fff_ffff,
        0x8000_0000,
        0xffff_ffff,
        0x1_0000_0000,
        0x7fff_ffff_ffff_ffff,
        0x8000_0000_0000_0000,
        0xffff_ffff_ffff_f000,
        u64::MAX,
    ];
    let size = *random.pick(&[1, 2, 4, 8usize]);
    let at = at / size * size;
    let now = bytes[at..].iter().take(8).rev();
    let now = now.fold(0u64, |n, &byte| n << 8 | u64::from(byte));
    let new = match random.below(4) {
        0 => now.wrapping_add(1 << random.below(20)),
        1 => now.wrapping_sub(1 << random.below(20)),
        _ => *random.pick(NUMBERS),
    };
    for (byte, new) in bytes[at..].iter_mut().zip(new.to_le_bytes()).take(size) {
        *byte = new;
    }
}

/// Overwrites some bytes with a LEB128 number.
fn leb(random: &mut Random, bytes: &mut [u8], at: usize) {
    const NUMBERS: &[&[u8]] = &[
        b"\x00",
        b"\x01",
        b"\x7f",
        b"\x80\x80\x04",
        b"\xff\xff\xff\xff\x07",
        b"\xff\xff\xff\xff\x0f",
        b"\x80\x80\x80\x80\x08",
        b"\x80\x80\x80\x80\x00",
        b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
    ];
    for (byte, new) in bytes[at..].iter_mut().zip(*random.pick(NUMBERS)) {
        *byte = *new;
    }
}

/// Does some damage to a module, most of which leaves its outline intact.
pub fn module(random: &mut Random, wasm: &mut Vec<u8>, other: &[u8]) {
    let Some(mut sections) = sections(wasm).filter(|s| !s.is_empty()) else {
        return bytes(random, wasm, other);
    };
    let at = random.below(sections.len());
    match random.below(12) {
        0 => return bytes(random, wasm, other),
        1 => drop(sections.remove(at)),
        2 => sections.insert(at, sections[random.below(sections.len())].clone()),
        3 => {
            let to = random.below(sections.len());
            sections.swap(at, to);
        }
        4 => sections.insert(at, custom(random, other)),
        5 => {
            let theirs = self::sections(other).unwrap_or_default();
            let same = theirs.iter().find(|s| s.id == sections[at].id);
            sections.extend(same.cloned());
        }
        // Custom sections are where no validator has been.
        6 | 7 => {
            let all = sections.iter_mut().filter(|s| s.id == 0);
            let mut all: Vec<_> = all.collect();
            let count = all.len();
            if count > 0 {
                let section = &mut all[random.below(count)];
                bytes(random, &mut section.content, other);
            }
        }
        _ => bytes(random, &mut sections[at].content, other),
    }
    *wasm = b"\0asm\x01\0\0\0".to_vec();
    for section in &sections {
        wasm.push(section.id);
        write_leb(wasm, section.content.len());
        wasm.extend_from_slice(&section.content);
    }
}

#[derive(Clone, Debug)]
struct Section {
    id: u8,
    content: Vec<u8>,
}

/// The sections of a module, if that is what it is.
fn sections(wasm: &[u8]) -> Option<Vec<Section>> {
    let mut rest = wasm.strip_prefix(b"\0asm\x01\0\0\0")?;
    let mut sections = Vec::new();
    while let Some((&id, tail)) = rest.split_first() {
        let (len, tail) = read_leb(tail)?;
        let content = tail.get(..len)?.to_vec();
        rest = &tail[len..];
        sections.push(Section { id, content });
    }
    Some(sections)
}

/// A custom section of a name that means something, with any content.
fn custom(random: &mut Random, other: &[u8]) -> Section {
    const NAMES: &[&str] = &[
        "dylink.0",
        "dylink",
        "name",
        "linking",
        "reloc.CODE",
        "producers",
        "target_features",
        ".debug_info",
        ".debug_line",
        ".debug_abbrev",
        ".debug_str",
        ".debug_ranges",
    ];
    let name = random.pick(NAMES);
    let mut content = Vec::new();
    write_leb(&mut content, name.len());
    content.extend_from_slice(name.as_bytes());
    let len = random.below(64);
    if random.once_in(2) {
        let from = random.below(other.len());
        content.extend(other[from..].iter().take(len));
    } else {
        // Small numbers: of subsections, counts and lengths.
        content.extend(random.bytes(len).iter().map(|byte| byte % 9));
    }
    Section { id: 0, content }
}

fn read_leb(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let mut value = 0;
    for (i, &byte) in bytes.iter().enumerate().take(5) {
        value |= usize::from(byte & 0x7f) << (7 * i);
        if byte & 0x80 == 0 {
            return Some((value, &bytes[i + 1..]));
        }
    }
    None
}

fn write_leb(bytes: &mut Vec<u8>, mut value: usize) {
    while value >= 0x80 {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
}
