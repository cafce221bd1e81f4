//! The trap map and the address map: what explains a native code address.
//!
//! Offsets are relative to the start of `.text`. The trap map is `u32 count`,
//! `u32 offset[count]` ascending, `u8 code[count]`. The address map is
//! `u32 count`, then per function in ascending order
//! `{u32 text offset, u32 size, u32 wasm function number, u32 stream offset}`,
//! then the streams: per line, ULEB128 code delta and SLEB128 wasm delta, both
//! starting from (0, 0) at the function's start, the number of lines first as
//! a ULEB128. A wasm offset counts from the start of the module.

use crate::trap::TrapCode;

/// Writes a trap map. `sites` are (text offset, trap) in ascending order.
pub fn encode_traps(sites: &[(u32, TrapCode)]) -> Vec<u8> {
    let mut out = Vec::with_capacity(4 + 5 * sites.len());
    out.extend((sites.len() as u32).to_le_bytes());
    out.extend(sites.iter().flat_map(|(offset, _)| offset.to_le_bytes()));
    out.extend(sites.iter().map(|&(_, code)| code as u8));
    out
}

/// The trap at a text offset, if the map has one. A damaged map has none.
pub fn find_trap(map: &[u8], text_offset: u32) -> Option<TrapCode> {
    let count = u32_at(map, 0)? as usize;
    let index = search(count, |i| u32_at(map, 4 + 4 * i), text_offset)?;
    (u32_at(map, 4 + 4 * index)? == text_offset).then_some(())?;
    TrapCode::from_byte(*map.get(4 + 4 * count + index)?)
}

/// A function in the address map.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FunctionLines {
    /// Offset of its code in `.text`.
    pub text_offset: u32,
    /// Bytes of its code.
    pub size: u32,
    /// Its number in the module's function index space; `u32::MAX` for code
    /// that no wasm function stands for.
    pub function: u32,
    /// (offset from the function's start, wasm offset), ascending.
    pub lines: Vec<(u32, u32)>,
}

/// Writes an address map of functions in ascending order.
pub fn encode_lines(functions: &[FunctionLines]) -> Vec<u8> {
    let mut streams = Vec::new();
    let mut out = Vec::with_capacity(4 + 16 * functions.len());
    out.extend((functions.len() as u32).to_le_bytes());
    for f in functions {
        for word in [f.text_offset, f.size, f.function, streams.len() as u32] {
            out.extend(word.to_le_bytes());
        }
        uleb(&mut streams, f.lines.len() as u64);
        let mut last = (0, 0);
        for &(code, wasm) in &f.lines {
            uleb(&mut streams, u64::from(code - last.0));
            sleb(&mut streams, i64::from(wasm) - i64::from(last.1));
            last = (code, wasm);
        }
    }
    out.extend(streams);
    out
}

/// What the address map says of a code address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    /// Number of the wasm function; `u32::MAX` for none.
    pub function: u32,
    /// Offset of the function's code in `.text`.
    pub function_start: u32,
    /// Offset in the wasm module, where one is known.
    pub wasm_offset: Option<u32>,
}

/// The position of a text offset. A damaged map has none.
pub fn find_position(map: &[u8], text_offset: u32) -> Option<Position> {
    let count = u32_at(map, 0)? as usize;
    let index = search(count, |i| u32_at(map, 4 + 16 * i), text_offset)?;
    let word = |n: usize| u32_at(map, 4 + 16 * index + 4 * n);
    let (start, size, function) = (word(0)?, word(1)?, word(2)?);
    let within = text_offset - start;
    (within < size).then_some(())?;
    let stream = map.get(4 + 16 * count + word(3)? as usize..)?;
    let wasm_offset = find_line(stream, within);
    Some(Position {
        function,
        function_start: start,
        wasm_offset,
    })
}

fn find_line(mut stream: &[u8], within: u32) -> Option<u32> {
    let lines = read_uleb(&mut stream)?;
    let (mut code, mut wasm, mut found) = (0u64, 0i64, None);
    for _ in 0..lines {
        code = code.checked_add(read_uleb(&mut stream)?)?;
        wasm = wasm.checked_add(read_sleb(&mut stream)?)?;
        if code > u64::from(within) {
            break;
        }
        found = u32::try_from(wasm).ok();
    }
    found
}

/// Index of the last of `count` ascending keys that is not above `key`.
fn search(count: usize, at: impl Fn(usize) -> Option<u32>, key: u32) -> Option<usize> {
    let (mut low, mut high) = (0, count);
    while low < high {
        let middle = low + (high - low) / 2;
        if at(middle)? <= key {
            low = middle + 1
        } else {
            high = middle
        }
    }
    low.checked_sub(1)
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(
        bytes.get(at..at.checked_add(4)?)?.try_into().ok()?,
    ))
}

fn uleb(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

fn sleb(out: &mut Vec<u8>, mut value: i64) {
    while !(-0x40..0x40).contains(&value) {
        out.push(value as u8 & 0x7f | 0x80);
        value >>= 7;
    }
    out.push(value as u8 & 0x7f);
}

fn read_uleb(stream: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let (&byte, rest) = stream.split_first()?;
        *stream = rest;
        value |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Some(value);
        }
    }
    None
}

fn read_sleb(stream: &mut &[u8]) -> Option<i64> {
    let mut value = 0i64;
    for shift in (0..64).step_by(7) {
        let (&byte, rest) = stream.split_first()?;
        *stream = rest;
        value |= i64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            let unused = 64u32.saturating_sub(shift + 7);
            return Some(value << unused >> unused);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn traps() {
        let map = encode_traps(&[(4, TrapCode::Unreachable), (9, TrapCode::IntegerOverflow)]);
        assert_eq!(find_trap(&map, 4), Some(TrapCode::Unreachable));
        assert_eq!(find_trap(&map, 9), Some(TrapCode::IntegerOverflow));
        assert_eq!(find_trap(&map, 5), None);
        assert_eq!(find_trap(&map, 0), None);
        assert_eq!(find_trap(&map[..6], 4), None, "a truncated map has nothing");
    }

    #[test]
    fn positions() {
        let function = |text_offset, function, lines| FunctionLines {
            text_offset,
            size: 16,
            function,
            lines,
        };
        let map = encode_lines(&[
            function(0, 3, vec![(0, 1000), (5, 900), (9, 70000)]),
            function(32, 4, vec![]),
        ]);
        let at = |offset| find_position(&map, offset);
        assert_eq!(at(4).unwrap().wasm_offset, Some(1000));
        assert_eq!(at(5).unwrap().wasm_offset, Some(900));
        assert_eq!(at(15).unwrap().wasm_offset, Some(70000));
        assert_eq!(at(16), None, "between two functions");
        assert_eq!(
            at(40),
            Some(Position {
                function: 4,
                function_start: 32,
                wasm_offset: None
            })
        );
    }
}
