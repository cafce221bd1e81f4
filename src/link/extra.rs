//! The object that the front end adds to a link: room for copies, and the
//! sections that describe data.

use wasmaot_abi::linking::data::{DataSymbol, SECTION_COPY, SECTION_DATA, leb};

use super::copies::Copies;

/// `WASM_SYM_EXPORTED` and `WASM_SYM_NO_STRIP`.
const SYMBOL_FLAGS: u32 = 0x20 | 0x80;
const SYMBOL_DATA: u32 = 1;
const LINKING_VERSION: u8 = 2;
const SEGMENT_INFO: u8 = 5;
const SYMBOL_TABLE: u8 = 8;

const SECTION_CUSTOM: u8 = 0;
const SECTION_IMPORT: u8 = 2;
const SECTION_DATA_SEGMENTS: u8 = 11;

/// An object with room for copies and the list of them.
pub fn with_copies(copies: &Copies) -> Vec<u8> {
    let mut out = header();
    section(&mut out, SECTION_IMPORT, &memory());
    section(&mut out, SECTION_DATA_SEGMENTS, &segments(copies));
    custom(&mut out, "linking", &linking(copies));
    custom(&mut out, SECTION_COPY, &entries(&copies.list));
    out
}

/// An object that only says how large data symbols are.
pub fn with_sizes(symbols: &[DataSymbol]) -> Vec<u8> {
    let mut out = header();
    custom(&mut out, "linking", &[LINKING_VERSION]);
    custom(&mut out, SECTION_DATA, &entries(symbols));
    out
}

fn header() -> Vec<u8> {
    b"\0asm\x01\0\0\0".to_vec()
}

fn entries(symbols: &[DataSymbol]) -> Vec<u8> {
    let mut out = Vec::new();
    symbols.iter().for_each(|symbol| symbol.encode(&mut out));
    out
}

/// `env.__linear_memory`, as objects import it.
fn memory() -> Vec<u8> {
    let mut out = vec![1];
    text(&mut out, "env");
    text(&mut out, "__linear_memory");
    out.extend([2, 0, 0]);
    out
}

/// A segment of zeros for each block, one after the other.
fn segments(copies: &Copies) -> Vec<u8> {
    let mut out = Vec::new();
    leb(&mut out, copies.blocks.len() as u32);
    let mut at: i64 = 0;
    for block in &copies.blocks {
        out.extend([0, 0x41]);
        signed(&mut out, at);
        out.push(0x0b);
        leb(&mut out, block.size);
        out.resize(out.len() + block.size as usize, 0);
        at += i64::from(block.size);
    }
    out
}

fn linking(copies: &Copies) -> Vec<u8> {
    let mut names = Vec::new();
    leb(&mut names, copies.blocks.len() as u32);
    for block in &copies.blocks {
        let first = block.names.first().map_or("", |(name, ..)| name);
        text(&mut names, &format!(".bss.{first}"));
        leb(&mut names, block.align);
        leb(&mut names, 0);
    }
    let symbols = copies.blocks.iter().map(|block| block.names.len());
    let mut table = Vec::new();
    leb(&mut table, symbols.sum::<usize>() as u32);
    for (segment, block) in (0..).zip(&copies.blocks) {
        for (name, offset, size) in &block.names {
            leb(&mut table, SYMBOL_DATA);
            leb(&mut table, SYMBOL_FLAGS);
            text(&mut table, name);
            for number in [segment, *offset, *size] {
                leb(&mut table, number);
            }
        }
    }
    let mut out = vec![LINKING_VERSION];
    for (id, content) in [(SEGMENT_INFO, names), (SYMBOL_TABLE, table)] {
        section(&mut out, id, &content);
    }
    out
}

fn section(out: &mut Vec<u8>, id: u8, content: &[u8]) {
    out.push(id);
    leb(out, content.len() as u32);
    out.extend(content);
}

fn custom(out: &mut Vec<u8>, name: &str, content: &[u8]) {
    let mut named = Vec::new();
    text(&mut named, name);
    named.extend(content);
    section(out, SECTION_CUSTOM, &named);
}

fn text(out: &mut Vec<u8>, text: &str) {
    leb(out, text.len() as u32);
    out.extend(text.as_bytes());
}

/// Appends a number as a signed LEB128.
fn signed(out: &mut Vec<u8>, mut number: i64) {
    loop {
        let byte = number as u8 & 0x7f;
        number >>= 7;
        if (number == 0 && byte & 0x40 == 0) || (number == -1 && byte & 0x40 != 0) {
            out.push(byte);
            return;
        }
        out.push(byte | 0x80);
    }
}

#[cfg(test)]
mod tests {
    use super::super::copies::Block;
    use super::super::object::{Kind, Object};
    use super::*;

    #[test]
    fn objects_read_as_objects() {
        let copies = Copies {
            blocks: vec![
                Block {
                    size: 200,
                    align: 4,
                    names: vec![("a".into(), 0, 200), ("b".into(), 8, 4)],
                },
                Block {
                    size: 1,
                    align: 0,
                    names: vec![("c".into(), 0, 1)],
                },
            ],
            ..Copies::default()
        };
        let object = Object::read("extra", &with_copies(&copies)).unwrap();
        let kinds: Vec<_> = object.symbols.iter().map(|s| (&*s.name, s.kind)).collect();
        let data = |size, align| Kind::Data { size, align };
        assert_eq!(
            kinds,
            [("a", data(200, 4)), ("b", data(4, 3)), ("c", data(1, 0))]
        );
        assert!(Object::read("sizes", &with_sizes(&copies.list)).is_ok());
    }
}
