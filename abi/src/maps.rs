//! The trap map, the address map and the source map: what explains a native
//! code address.
//!
//! Offsets are relative to the start of `.text`. The trap map is `u32 count`,
//! `u32 offset[count]` ascending, `u8 code[count]`. The address map is described
//! in [`lines`], the source map in [`source`], the module map in [`module`].

pub mod debug;
pub mod lines;
pub mod module;
pub mod source;

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
        assert_eq!(find_trap(&encode_traps(&[]), 0), None);
    }

    #[test]
    fn numbers_are_as_long_as_they_have_to_be() {
        for (value, bytes) in [(0, 1), (0x7f, 1), (0x80, 2), (0x3fff, 2), (0x4000, 3)] {
            let mut out = Vec::new();
            uleb(&mut out, value);
            assert_eq!((out.len(), read_uleb(&mut &out[..])), (bytes, Some(value)));
        }
        for (value, bytes) in [
            (0, 1),
            (0x3f, 1),
            (0x40, 2),
            (-0x40, 1),
            (-0x41, 2),
            (0x2000, 3),
        ] {
            let mut out = Vec::new();
            sleb(&mut out, value);
            assert_eq!((out.len(), read_sleb(&mut &out[..])), (bytes, Some(value)));
        }
        for value in [i64::MIN, i64::MAX, -1, 1 << 40] {
            let mut out = Vec::new();
            sleb(&mut out, value);
            assert_eq!(read_sleb(&mut &out[..]), Some(value));
        }
        assert_eq!(
            read_uleb(&mut &[0x80; 11][..]),
            None,
            "no number is that long"
        );
        assert_eq!(read_sleb(&mut &[0x80][..]), None);
    }
}
