//! The source map: from an offset in the wasm module to files, lines and
//! columns, through calls that the module's own compiler inlined.
//!
//! All words are `u32`. First the number of rows, of places and of texts. Then
//! per row, by ascending offset, the offset in the module from which it holds
//! and the number of its place, [`NONE`] where nothing is known. Then per place:
//! the text of the inlined function's name ([`NONE`] for the wasm function
//! itself), the text of the file's path, the line (0: code that no line stands
//! for), the column (0: not known), and the place of the call that is inlined,
//! an earlier one ([`NONE`] in the wasm function itself). Then per text where it
//! ends, and the texts, UTF-8, one after the other.

use super::{search, u32_at};

/// No place, no text.
pub const NONE: u32 = u32::MAX;
/// Calls that are inlined in one another at most: what is deeper is left out.
pub const MAX_INLINED: usize = 64;

/// Bytes of the map's head.
const HEAD: usize = 12;
/// Bytes of a row.
const ROW: usize = 8;
/// Bytes of a place.
const PLACE: usize = 20;

/// A place as it is written; names and paths are numbers of texts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PlaceRecord {
    /// Name of the inlined function, or [`NONE`].
    pub function: u32,
    /// Path of the file.
    pub file: u32,
    /// Line, from 1; 0 for none.
    pub line: u32,
    /// Column, from 1; 0 for none.
    pub column: u32,
    /// Number of the place of the call, or [`NONE`].
    pub caller: u32,
}

/// Writes a source map. `rows` are (offset in the module, number of a place or
/// [`NONE`]) in ascending order.
pub fn encode_source(rows: &[(u32, u32)], places: &[PlaceRecord], texts: &[&str]) -> Vec<u8> {
    let length: usize = texts.iter().map(|text| text.len()).sum();
    let tables = HEAD + ROW * rows.len() + PLACE * places.len() + 4 * texts.len();
    let mut out = Vec::with_capacity(tables + length);
    let mut words = |words: &[u32]| words.iter().for_each(|w| out.extend(w.to_le_bytes()));
    words(&[rows.len() as u32, places.len() as u32, texts.len() as u32]);
    rows.iter()
        .for_each(|&(offset, place)| words(&[offset, place]));
    for p in places {
        words(&[p.function, p.file, p.line, p.column, p.caller]);
    }
    let mut end = 0;
    for text in texts {
        end += text.len() as u32;
        words(&[end]);
    }
    texts.iter().for_each(|text| out.extend(text.bytes()));
    out
}

/// A place in a source file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SourcePlace<'a> {
    /// The inlined function, `None` for the wasm function itself.
    pub function: Option<&'a str>,
    /// Path of the file.
    pub file: &'a str,
    /// Line, from 1; 0 for none.
    pub line: u32,
    /// Column, from 1; 0 for none.
    pub column: u32,
}

/// A source map. A damaged one has less in it.
#[derive(Clone, Copy, Debug)]
pub struct SourceMap<'a> {
    bytes: &'a [u8],
    rows: usize,
    /// Where the places begin.
    places: usize,
    /// Where the ends of the texts begin.
    ends: usize,
    /// Where the texts begin.
    texts: usize,
}

impl<'a> SourceMap<'a> {
    /// The map that [`encode_source`] has written.
    pub fn new(bytes: &'a [u8]) -> Option<Self> {
        let count = |at| Some(u32_at(bytes, at)? as usize);
        let (rows, places, texts) = (count(0)?, count(4)?, count(8)?);
        let places_at = HEAD.checked_add(rows.checked_mul(ROW)?)?;
        let ends = places_at.checked_add(places.checked_mul(PLACE)?)?;
        let texts = ends.checked_add(texts.checked_mul(4)?)?;
        (texts <= bytes.len()).then_some(Self {
            bytes,
            rows,
            places: places_at,
            ends,
            texts,
        })
    }

    /// The places of an instruction: in the innermost inlined function first,
    /// in the wasm function itself last; none where nothing is known.
    pub fn at(&self, offset: u32) -> Vec<SourcePlace<'a>> {
        let mut places = Vec::new();
        let row = |index: usize, n: usize| u32_at(self.bytes, HEAD + ROW * index + 4 * n);
        let index = search(self.rows, |index| row(index, 0), offset);
        let mut next = index.and_then(|index| row(index, 1));
        while let Some((place, caller)) = next.and_then(|number| self.place(number)) {
            places.push(place);
            // An earlier one, or the map is damaged.
            next = Some(caller).filter(|&caller| Some(caller) < next);
            if places.len() > MAX_INLINED {
                break;
            }
        }
        places
    }

    /// A place, and the number of its call's.
    fn place(&self, number: u32) -> Option<(SourcePlace<'a>, u32)> {
        let at = self
            .places
            .checked_add(PLACE.checked_mul(number as usize)?)?;
        (at < self.ends).then_some(())?;
        let word = |n: usize| u32_at(self.bytes, at + 4 * n);
        let place = SourcePlace {
            function: self.text(word(0)?),
            file: self.text(word(1)?)?,
            line: word(2)?,
            column: word(3)?,
        };
        Some((place, word(4)?))
    }

    fn text(&self, number: u32) -> Option<&'a str> {
        let at = self.ends.checked_add((number as usize).checked_mul(4)?)?;
        (at < self.texts).then_some(())?;
        let start = match number {
            0 => 0,
            _ => u32_at(self.bytes, at - 4)?,
        };
        let end = u32_at(self.bytes, at)?;
        let texts = self.bytes.get(self.texts..)?;
        std::str::from_utf8(texts.get(start as usize..end as usize)?).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Code of a function, of one inlined into it, and a gap.
    fn map() -> Vec<u8> {
        let place = |function, file, line, column, caller| PlaceRecord {
            function,
            file,
            line,
            column,
            caller,
        };
        let places = [
            place(NONE, 0, 7, 3, NONE),
            place(1, 2, 40, 0, 0),
            place(NONE, 0, 0, 0, NONE),
        ];
        encode_source(
            &[(100, 0), (110, 1), (120, 2), (130, NONE)],
            &places,
            &["a.c", "inner", "b.h"],
        )
    }

    #[test]
    fn rows_hold_to_the_next() {
        let map = map();
        let map = SourceMap::new(&map).unwrap();
        let at = |offset| {
            let places = map.at(offset).into_iter();
            let places = places.map(|p| (p.function, p.file, p.line, p.column));
            places.collect::<Vec<_>>()
        };
        assert_eq!(at(99), []);
        assert_eq!(at(100), [(None, "a.c", 7, 3)]);
        let inlined = [(Some("inner"), "b.h", 40, 0), (None, "a.c", 7, 3)];
        assert_eq!(at(119), inlined);
        assert_eq!(at(125), [(None, "a.c", 0, 0)]);
        assert_eq!(at(130), []);
        assert_eq!(at(u32::MAX), []);
    }

    #[test]
    fn a_call_that_is_no_earlier_place_ends_the_list() {
        let place = |caller| PlaceRecord {
            function: NONE,
            file: 0,
            line: 1,
            column: 1,
            caller,
        };
        let of = |callers: &[u32]| {
            let places: Vec<_> = callers.iter().map(|&caller| place(caller)).collect();
            let map = encode_source(&[(0, callers.len() as u32 - 1)], &places, &["a.c"]);
            SourceMap::new(&map).unwrap().at(0).len()
        };
        assert_eq!(of(&[NONE, 0, 1]), 3);
        assert_eq!(of(&[NONE, 1]), 1);
        assert_eq!(of(&[1, 0]), 2);
        // So many in one another, and no more.
        let deep: Vec<u32> = (0..200).map(|n: u32| n.wrapping_sub(1)).collect();
        assert_eq!(of(&deep), MAX_INLINED + 1);
    }

    #[test]
    fn damage_is_no_panic() {
        let map = map();
        for at in 0..map.len() {
            for byte in [0, 1, 2, 0x7f, 0xff] {
                let mut bad = map.clone();
                bad[at] = byte;
                for bytes in [&bad[..], &map[..at]] {
                    let Some(map) = SourceMap::new(bytes) else {
                        continue;
                    };
                    for offset in 90..140 {
                        assert!(map.at(offset).len() <= MAX_INLINED + 1);
                    }
                }
            }
        }
    }
}
