//! The objects that the front end adds to a link: room for copies, functions
//! that forward, and the sections that describe both.

use wasmaot_dylink::data_symbols::{DataSymbol, SECTION_COPY, SECTION_DATA, leb};
use wasmaot_dylink::forward::{SECTION_FORWARD, encode_forward};

use super::copies::Copies;
use super::encode::{custom, section, text};
use super::forwards::Forward;

/// `WASM_SYM_EXPORTED` and `WASM_SYM_NO_STRIP`.
const SYMBOL_FLAGS: u32 = 0x20 | 0x80;
/// `WASM_SYM_VISIBILITY_HIDDEN`.
const HIDDEN: u32 = 4;
/// `WASM_SYM_UNDEFINED` and `WASM_SYM_EXPLICIT_NAME`.
const IMPORTED: u32 = 0x10 | 0x40;
const SYMBOL_FUNCTION: u32 = 0;
const SYMBOL_DATA: u32 = 1;
const LINKING_VERSION: u8 = 2;
const SEGMENT_INFO: u8 = 5;
const SYMBOL_TABLE: u8 = 8;

const SECTION_TYPE: u8 = 1;
const SECTION_IMPORT: u8 = 2;
const SECTION_FUNCTION: u8 = 3;
const SECTION_CODE: u8 = 10;
/// Number of the code section among those of [`with_forwards`].
const CODE_NUMBER: u32 = 3;
/// `R_WASM_FUNCTION_INDEX_LEB`.
const FUNCTION_INDEX_LEB: u32 = 0;
/// Bytes of a number that the linker fills in.
const PADDED: usize = 5;
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

/// An object with functions that only forward, and the list of their names.
/// Number `i` is of type `i` and calls import `i`; symbols `2 * i` and
/// `2 * i + 1` are the two.
pub fn with_forwards(forwards: &[Forward]) -> Vec<u8> {
    let count = forwards.len() as u32;
    let (mut types, mut imports, mut funcs) = (counted(count), counted(count), counted(count));
    let (mut code, mut relocs) = (counted(count), Vec::new());
    let (mut symbols, mut names) = (counted(2 * count), Vec::new());
    for (i, forward) in (0..).zip(forwards) {
        types.push(0x60);
        for list in [&forward.params, &forward.results] {
            leb(&mut types, list.len() as u32);
            types.extend(list);
        }
        text(&mut imports, "env");
        text(&mut imports, &forward.name);
        imports.push(0);
        leb(&mut imports, i);
        leb(&mut funcs, i);

        let call = forwarding(&mut code, forward, i);
        for number in [FUNCTION_INDEX_LEB, call as u32, 2 * i + 1] {
            leb(&mut relocs, number);
        }
        symbol(&mut symbols, HIDDEN, count + i, &forward.name);
        symbol(&mut symbols, IMPORTED, i, &format!("{}@plt", forward.name));
        encode_forward(&mut names, &forward.name);
    }
    let mut linking = vec![LINKING_VERSION];
    section(&mut linking, SYMBOL_TABLE, &symbols);
    let mut reloc = counted(CODE_NUMBER);
    leb(&mut reloc, count);
    reloc.extend(relocs);

    let mut out = header();
    section(&mut out, SECTION_TYPE, &types);
    section(&mut out, SECTION_IMPORT, &imports);
    section(&mut out, SECTION_FUNCTION, &funcs);
    section(&mut out, SECTION_CODE, &code);
    custom(&mut out, "linking", &linking);
    custom(&mut out, "reloc.CODE", &reloc);
    custom(&mut out, SECTION_FORWARD, &names);
    out
}

/// Appends the code of a function that forwards to an import; where in `code`
/// the import's number is.
fn forwarding(code: &mut Vec<u8>, forward: &Forward, import: u32) -> usize {
    let mut body = vec![0];
    for param in 0..forward.params.len() as u32 {
        body.push(0x20);
        leb(&mut body, param);
    }
    body.push(0x10);
    let call = body.len();
    for byte in 0..PADDED {
        let more = if byte + 1 < PADDED { 0x80 } else { 0 };
        body.push((import >> (7 * byte)) as u8 & 0x7f | more);
    }
    body.push(0x0b);
    leb(code, body.len() as u32);
    let start = code.len();
    code.extend(body);
    start + call
}

fn symbol(out: &mut Vec<u8>, flags: u32, func: u32, name: &str) {
    for number in [SYMBOL_FUNCTION, flags, func] {
        leb(out, number);
    }
    text(out, name);
}

/// The content of a section, which begins with a number.
fn counted(count: u32) -> Vec<u8> {
    let mut out = Vec::new();
    leb(&mut out, count);
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
    use wasmparser::{KnownCustom, Parser, Payload};

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

    #[test]
    fn functions_forward() {
        // More than one byte holds the number of.
        let forwards: Vec<_> = (0..200)
            .map(|i| Forward {
                name: format!("f{i}"),
                params: [0x7f, 0x7c, 0x7b].iter().cycle().take(i).copied().collect(),
                results: if i % 2 == 0 { vec![] } else { vec![0x7f] },
            })
            .collect();
        let bytes = with_forwards(&forwards[1..2]);
        let object = Object::read("extra", &bytes).unwrap();
        let kinds: Vec<_> = object.symbols.iter().map(|s| (&*s.name, s.kind)).collect();
        assert_eq!(kinds, [("f1", Kind::Defined), ("f1@plt", Kind::Undefined)]);
        wasmparser::validate(&bytes).unwrap();

        let bytes = with_forwards(&forwards);
        let object = Object::read("extra", &bytes).unwrap();
        assert_eq!(object.symbols.len(), 400);
        let relocs = relocations(&bytes);
        assert_eq!(relocs.len(), 200);
        for (i, (at, symbol)) in (0..).zip(relocs) {
            assert_eq!(symbol, 2 * i + 1);
            let place = &bytes[at - 1..at + 6];
            let low = [0x80 | (i & 0x7f) as u8, 0x80 | (i >> 7) as u8];
            let expected = [0x10, low[0], low[1], 0x80, 0x80, 0, 0x0b];
            assert_eq!(place, expected, "{i}");
        }
    }

    /// Places of the calls in the object, and the symbols that they name.
    fn relocations(bytes: &[u8]) -> Vec<(usize, u32)> {
        let (mut code, mut found) = (0, Vec::new());
        for payload in Parser::new(0).parse_all(bytes) {
            match payload.unwrap() {
                Payload::CodeSectionStart {
                    unchecked_range, ..
                } => {
                    code = unchecked_range.start as usize;
                }
                Payload::CustomSection(section) => {
                    if let KnownCustom::Reloc(relocs) = section.as_known() {
                        assert_eq!(relocs.section_index(), CODE_NUMBER);
                        let entries = relocs.entries().into_iter().map(Result::unwrap);
                        found.extend(entries.map(|e| (code + e.offset as usize, e.index)));
                    }
                }
                _ => {}
            }
        }
        found
    }
}
