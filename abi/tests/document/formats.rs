//! The checksum and the maps, computed and read by what records.md says.

use wasmaot_abi::checksum::checksum;
use wasmaot_abi::maps::lines::{
    FunctionLines, Inlined, Line, NO_FUNCTION, encode_lines, encode_stream,
};
use wasmaot_abi::maps::source::{NONE, PlaceRecord, encode_source};
use wasmaot_abi::maps::{encode_traps, find_trap};
use wasmaot_abi::object::Note;
use wasmaot_abi::trap::TrapCode;

use crate::document;

fn fold(a: u64, b: u64) -> u64 {
    let product = u128::from(a) * u128::from(b);
    product as u64 ^ (product >> 64) as u64
}

/// As records.md has it, word by word.
fn described(parts: &[&[u8]]) -> u64 {
    let text = document("records.md");
    let line = text.lines().find_map(|line| line.strip_prefix("M = "));
    let words = line.expect("the constants").split(' ').take(4);
    let m: Vec<u64> = words.map(|w| u64::from_str_radix(w, 16).unwrap()).collect();
    let mut sum = m[0];
    for part in parts {
        let mut lane = [0, 1, 2, 3].map(|i| m[i] ^ sum);
        let whole = part.len() / 64;
        let mut padded = part.to_vec();
        padded.resize((whole + 1) * 64, 0);
        for block in padded.chunks(64) {
            let w: Vec<u64> = block
                .chunks(8)
                .map(|bytes| u64::from_le_bytes(bytes.try_into().unwrap()))
                .collect();
            for i in 0..4 {
                let (a, b) = (w[2 * i], w[2 * i + 1]);
                let mixed = a.rotate_left(32) ^ lane[i];
                lane[i] = fold(lane[i] ^ a, b ^ m[i]).wrapping_add(mixed);
            }
        }
        let [a, b, c, d] = lane;
        let length = part.len() as u64;
        sum = fold(fold(a ^ length, b ^ m[1]) ^ c, fold(c ^ m[2], d) ^ b);
    }
    sum
}

#[test]
fn checksums() {
    let bytes: Vec<u8> = (0..1000u32).map(|i| (i * 31 + i / 7) as u8).collect();
    for len in [0, 1, 63, 64, 65, 128, 1000] {
        let (a, b) = bytes[..len].split_at(len / 3);
        assert_eq!(checksum(&[a, b]), described(&[a, b]), "{len}");
        assert_eq!(checksum(&[&bytes[..len]]), described(&[&bytes[..len]]));
    }
    assert_eq!(checksum(&[]), described(&[]));
}

/// What the note says of which bytes its checksum is.
#[test]
fn checksums_of_files() {
    let segments = 2;
    let mut file: Vec<u8> = (0..900u32).map(|i| (i * 7 + 3) as u8).collect();
    file[0x38..0x3a].copy_from_slice(&[segments as u8, 0]);
    let note = 300;
    let mut headers = file[..64 + 56 * segments].to_vec();
    // e_shoff, e_shnum and e_shstrndx; each p_paddr.
    headers[0x28..0x30].fill(0);
    headers[0x3c..0x40].fill(0);
    for segment in 0..segments {
        headers[64 + 56 * segment..][24..32].fill(0);
    }
    let parts = [
        &headers,
        &file[headers.len()..note + 24],
        &file[note + 64..],
    ];
    assert_eq!(Note::checksum(&file, note), described(&parts));
    let hash = blake3::hash(&[&file[..note + 24], &file[note + 64..]].concat());
    assert_eq!(Note::hash(&file, note), *hash.as_bytes());
}

fn words(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_le_bytes()).collect()
}

#[test]
fn trap_maps() {
    let sites = [(5, TrapCode::Unreachable), (300, TrapCode::StackOverflow)];
    let written = [&words(&[2, 5, 300])[..], &[1, 10]].concat();
    assert_eq!(encode_traps(&sites), written);
    assert_eq!(find_trap(&written, 300), Some(TrapCode::StackOverflow));
}

#[test]
fn address_maps() {
    let line = |code, wasm, site| Line { code, wasm, site };
    let inlined = |function, caller, offset| Inlined {
        function,
        caller,
        offset,
    };
    let stream = encode_stream(
        &[line(0, 1000, 0), line(5, 300, 2), line(9, 301, 2)],
        &[inlined(200, 0, 1002), inlined(7, 1, 940)],
    );
    #[rustfmt::skip]
    let written = [
        2, // calls that were inlined
        0xc8, 1, 0, 0xea, 7, // of 200, in none, 1002 from 0
        7, 1, 0x42, // of 7, in the first, 940 - 1002 = -62
        3, // lines
        0, 0xe8, 7, // twice 0, of the function itself; 1000
        0x0b, 0xc4, 0x7a, 2, // twice 5 and another; 300 - 1000 = -700; the second
        8, 1, // twice 4, the same; 1
    ];
    assert_eq!(stream, written);

    let function = |text_offset, size, function, stream| FunctionLines {
        text_offset,
        size,
        function,
        stream,
    };
    let none = encode_stream(&[], &[]);
    let functions = [
        function(16, 20, 3, &stream),
        function(48, 4, NO_FUNCTION, &none),
    ];
    let map = encode_lines(&functions, &[(7, "seven"), (200, "lib.so\0f")], 60);
    let (first, second) = (stream.len() as u32, none.len() as u32);
    let texts = first + second;
    let head = words(&[2, 2, 60]);
    let entries = words(&[16, 20, 3, 0, 48, 4, u32::MAX, first]);
    let names = words(&[7, texts, texts + 5, 200, texts + 5, texts + 13]);
    let pool = [&stream[..], &none, b"seven", b"lib.so\0f"].concat();
    assert_eq!(map, [head, entries, names, pool].concat());
}

#[test]
fn source_maps() {
    let place = |function, line, caller| PlaceRecord {
        function,
        file: 0,
        line,
        column: 4,
        caller,
    };
    let places = [place(NONE, 12, NONE), place(1, 2, 0)];
    let map = encode_source(&[(70, 0), (75, 1), (90, NONE)], &places, &["/a.c", "f"]);
    let head = words(&[3, 2, 2]);
    let rows = words(&[70, 0, 75, 1, 90, u32::MAX]);
    let places = words(&[u32::MAX, 0, 12, 4, u32::MAX, 1, 0, 2, 4, 0]);
    let texts = [&words(&[4, 5])[..], b"/a.cf"].concat();
    assert_eq!(map, [head, rows, places, texts].concat());
}
