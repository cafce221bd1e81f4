//! The address map: from a native code address to the wasm function and the
//! offset in the module that it comes from, through inlined calls.
//!
//! All words are `u32`. First the number of functions, the number of names, and
//! where the code section's content begins in the module, from which DWARF counts;
//! then per function in ascending order its offset in `.text`, its size, its
//! wasm function number and where its stream is; then per name the number of
//! the function, and where its text begins and ends; then what the last words
//! of both count from: the streams and the texts. Names are those of functions
//! that are inlined wherever they are called, and so have no code. The name of a
//! function of another module, of a prelinked set, is its object's soname, NUL,
//! and its own; wasm offsets in it are in that module.
//!
//! A stream is the number of inlined calls; per inlined call the callee, the
//! inlined call around it (its number and one more; 0: the function itself) and
//! the call's offset; the number of lines; per line twice the distance in code
//! from the line before, plus one if the inlined call is another than before,
//! then the distance in the module, then that inlined call, numbered as above,
//! if it is another. Numbers are ULEB128, distances in the module SLEB128, from
//! the line or inlined call before, the first from 0. A wasm offset counts from
//! the start of the module.

use super::{read_sleb, read_uleb, search, sleb, u32_at, uleb};

/// Function number of code that no wasm function stands for.
pub const NO_FUNCTION: u32 = u32::MAX;

/// Bytes of the map's head.
const HEAD: usize = 12;
/// Bytes of a function's entry.
const FUNCTION: usize = 16;
/// Bytes of a name's entry.
const NAME: usize = 12;

/// Where a stretch of code comes from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Line {
    /// Where it begins, from the function's start.
    pub code: u32,
    /// Offset in the wasm module.
    pub wasm: u32,
    /// The inlined call whose callee it is of: one more than its number; 0 for
    /// the function itself.
    pub site: u32,
}

/// A call in whose place stands the callee's body.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Inlined {
    /// The callee.
    pub function: u32,
    /// The inlined call that it stands in, as [`Line::site`]: an earlier one.
    pub caller: u32,
    /// Offset of the call in the wasm module.
    pub offset: u32,
}

/// Writes a function's stream. `lines` ascend.
pub fn encode_stream(lines: &[Line], inlined: &[Inlined]) -> Vec<u8> {
    let mut out = Vec::with_capacity(3 + 3 * lines.len() + 5 * inlined.len());
    uleb(&mut out, inlined.len() as u64);
    let mut last = 0;
    for call in inlined {
        uleb(&mut out, call.function.into());
        uleb(&mut out, call.caller.into());
        sleb(&mut out, i64::from(call.offset) - i64::from(last));
        last = call.offset;
    }
    uleb(&mut out, lines.len() as u64);
    let mut last = Line::default();
    for &line in lines {
        let moved = line.site != last.site;
        let distance = u64::from(line.code - last.code);
        uleb(&mut out, distance << 1 | u64::from(moved));
        sleb(&mut out, i64::from(line.wasm) - i64::from(last.wasm));
        if moved {
            uleb(&mut out, line.site.into());
        }
        last = line;
    }
    out
}

/// The inlined calls of a stream, and its lines.
pub fn decode_stream(mut stream: &[u8]) -> Option<(Vec<Inlined>, Lines<'_>)> {
    let count = read_uleb(&mut stream)?;
    let mut inlined = Vec::new();
    let mut offset = 0u32;
    for _ in 0..count {
        let function = u32::try_from(read_uleb(&mut stream)?).ok()?;
        let caller = u32::try_from(read_uleb(&mut stream)?).ok()?;
        if caller as usize > inlined.len() {
            return None;
        }
        offset = moved(offset, read_sleb(&mut stream)?)?;
        inlined.push(Inlined {
            function,
            caller,
            offset,
        });
    }
    let left = read_uleb(&mut stream)?;
    let lines = Lines {
        stream,
        left,
        last: Line::default(),
    };
    Some((inlined, lines))
}

/// The lines of a stream. Damage is the end.
#[derive(Clone, Debug)]
pub struct Lines<'a> {
    stream: &'a [u8],
    left: u64,
    last: Line,
}

impl Iterator for Lines<'_> {
    type Item = Line;

    fn next(&mut self) -> Option<Line> {
        self.left = self.left.checked_sub(1)?;
        let code = read_uleb(&mut self.stream)?;
        let distance = u32::try_from(code >> 1).ok()?;
        let wasm = read_sleb(&mut self.stream)?;
        self.last.code = self.last.code.checked_add(distance)?;
        self.last.wasm = moved(self.last.wasm, wasm)?;
        if code & 1 == 1 {
            self.last.site = u32::try_from(read_uleb(&mut self.stream)?).ok()?;
        }
        Some(self.last)
    }
}

fn moved(from: u32, distance: i64) -> Option<u32> {
    u32::try_from(i64::from(from).checked_add(distance)?).ok()
}

/// A function in the address map.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FunctionLines<'a> {
    /// Offset of its code in `.text`.
    pub text_offset: u32,
    /// Bytes of its code.
    pub size: u32,
    /// Its number in the module's function index space, or [`NO_FUNCTION`].
    pub function: u32,
    /// By [`encode_stream`].
    pub stream: &'a [u8],
}

/// Writes an address map of functions in ascending order, with names by
/// function number, for a module whose code section's content begins at
/// `code_start`.
pub fn encode_lines(
    functions: &[FunctionLines<'_>],
    names: &[(u32, &str)],
    code_start: u32,
) -> Vec<u8> {
    let streams: usize = functions.iter().map(|f| f.stream.len()).sum();
    let texts: usize = names.iter().map(|(_, name)| name.len()).sum();
    let tables = HEAD + FUNCTION * functions.len() + NAME * names.len();
    let mut out = Vec::with_capacity(tables + streams + texts);
    let mut words = |words: &[u32]| words.iter().for_each(|w| out.extend(w.to_le_bytes()));
    words(&[functions.len() as u32, names.len() as u32, code_start]);
    let mut at = 0;
    for f in functions {
        words(&[f.text_offset, f.size, f.function, at]);
        at += f.stream.len() as u32;
    }
    for (function, name) in names {
        let end = at + name.len() as u32;
        words(&[*function, at, end]);
        at = end;
    }
    functions.iter().for_each(|f| out.extend(f.stream));
    names.iter().for_each(|(_, name)| out.extend(name.bytes()));
    out
}

/// What the address map says of a code address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Position {
    /// Offset of the function's code in `.text`.
    pub function_start: u32,
    /// The functions that the code is of: the innermost inlined one first, last
    /// the one whose code it is in.
    pub frames: Vec<InlineFrame>,
}

/// A wasm function that is entered, in code or inlined into code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InlineFrame {
    /// Number of the wasm function, or [`NO_FUNCTION`].
    pub function: u32,
    /// Offset in the wasm module, where one is known.
    pub wasm_offset: Option<u32>,
}

/// An address map. A damaged one has less in it.
#[derive(Clone, Copy, Debug)]
pub struct AddressMap<'a> {
    bytes: &'a [u8],
    functions: usize,
    names: usize,
    code_start: u32,
}

impl<'a> AddressMap<'a> {
    /// The map that [`encode_lines`] has written.
    pub fn new(bytes: &'a [u8]) -> Option<Self> {
        Some(Self {
            bytes,
            functions: u32_at(bytes, 0)? as usize,
            names: u32_at(bytes, 4)? as usize,
            code_start: u32_at(bytes, 8)?,
        })
    }

    /// Where the code section's content begins in the module.
    pub fn code_start(&self) -> u32 {
        self.code_start
    }

    /// The position of a text offset.
    pub fn position(&self, text_offset: u32) -> Option<Position> {
        let at = |index| self.function(index).map(|words| words[0]);
        let index = search(self.functions, at, text_offset)?;
        let [start, size, function, stream] = self.function(index)?;
        let within = text_offset - start;
        (within < size).then_some(())?;
        let frames = self.pool(stream, None).and_then(|s| frames(s, within));
        let mut frames = frames.unwrap_or_default();
        // The last is the function itself, which the stream does not name.
        match frames.last_mut() {
            Some(last) => last.function = function,
            None => frames.push(InlineFrame {
                function,
                wasm_offset: None,
            }),
        }
        Some(Position {
            function_start: start,
            frames,
        })
    }

    /// Where a function's code is in `.text`, if it has any.
    pub fn start(&self, function: u32) -> Option<u32> {
        let functions = (0..self.functions).map_while(|i| self.function(i));
        functions
            .into_iter()
            .find(|f| f[2] == function)
            .map(|f| f[0])
    }

    /// The name of a function that has no code.
    pub fn name(&self, function: u32) -> Option<&'a str> {
        let word = |index: usize, n: usize| {
            let table = HEAD.checked_add(self.functions.checked_mul(FUNCTION)?)?;
            u32_at(
                self.bytes,
                table
                    .checked_add(index.checked_mul(NAME)?)?
                    .checked_add(4 * n)?,
            )
        };
        let index = search(self.names, |index| word(index, 0), function)?;
        (word(index, 0)? == function).then_some(())?;
        std::str::from_utf8(self.pool(word(index, 1)?, Some(word(index, 2)?))?).ok()
    }

    /// The words of a function's entry.
    fn function(&self, index: usize) -> Option<[u32; 4]> {
        let at = HEAD.checked_add(index.checked_mul(FUNCTION)?)?;
        let mut words = [0; 4];
        for (n, word) in words.iter_mut().enumerate() {
            *word = u32_at(self.bytes, at.checked_add(4 * n)?)?;
        }
        Some(words)
    }

    /// A part of the streams and texts.
    fn pool(&self, from: u32, to: Option<u32>) -> Option<&'a [u8]> {
        let tables = self.functions.checked_mul(FUNCTION)?;
        let tables = tables.checked_add(self.names.checked_mul(NAME)?)?;
        let pool = self.bytes.get(HEAD.checked_add(tables)?..)?;
        match to {
            Some(to) => pool.get(from as usize..to as usize),
            None => pool.get(from as usize..),
        }
    }
}

/// The frames of code at a distance from its function's start; the last one's
/// function is left open.
fn frames(stream: &[u8], within: u32) -> Option<Vec<InlineFrame>> {
    let (inlined, lines) = decode_stream(stream)?;
    let line = lines.take_while(|line| line.code <= within).last()?;
    let mut frames = Vec::new();
    let (mut site, mut offset) = (line.site, line.wasm);
    // Each is an earlier one than that before: this comes to an end.
    while let Some(call) = (site as usize).checked_sub(1).and_then(|n| inlined.get(n)) {
        frames.push(InlineFrame {
            function: call.function,
            wasm_offset: Some(offset),
        });
        (site, offset) = (call.caller, call.offset);
    }
    frames.push(InlineFrame {
        function: NO_FUNCTION,
        wasm_offset: Some(offset),
    });
    Some(frames)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(code: u32, wasm: u32, site: u32) -> Line {
        Line { code, wasm, site }
    }

    /// A function whose code has parts of two inlined ones, one in the other,
    /// and one without lines.
    fn map() -> Vec<u8> {
        let inlined = |function, caller, offset| Inlined {
            function,
            caller,
            offset,
        };
        let stream = encode_stream(
            &[line(0, 1000, 0), line(5, 300, 2), line(9, 70000, 0)],
            &[inlined(8, 0, 1002), inlined(7, 1, 500)],
        );
        let function = |text_offset, function, stream| FunctionLines {
            text_offset,
            size: 16,
            function,
            stream,
        };
        let none = encode_stream(&[], &[]);
        encode_lines(
            &[function(0, 3, &stream), function(32, 4, &none)],
            &[(7, "seven"), (8, "eight")],
            60,
        )
    }

    #[test]
    fn positions() {
        let map = map();
        let map = AddressMap::new(&map).unwrap();
        assert_eq!(map.code_start(), 60);
        let at = |offset| {
            let frames = map.position(offset)?.frames;
            let frames = frames.into_iter().map(|f| (f.function, f.wasm_offset));
            Some(frames.collect::<Vec<_>>())
        };
        assert_eq!(at(4).unwrap(), [(3, Some(1000))]);
        let within = [(7, Some(300)), (8, Some(500)), (3, Some(1002))];
        assert_eq!(at(5).unwrap(), within);
        assert_eq!(at(15).unwrap(), [(3, Some(70000))]);
        assert_eq!(at(16), None, "between two functions");
        assert_eq!(at(40).unwrap(), [(4, None)]);
        assert_eq!(map.position(40).unwrap().function_start, 32);
    }

    #[test]
    fn functions_have_code_or_a_name() {
        let map = map();
        let map = AddressMap::new(&map).unwrap();
        assert_eq!(
            [map.start(3), map.start(4), map.start(7)],
            [Some(0), Some(32), None]
        );
        assert_eq!([map.name(7), map.name(8)], [Some("seven"), Some("eight")]);
        assert_eq!([map.name(3), map.name(9)], [None, None]);
    }

    #[test]
    fn an_inlined_call_stands_in_an_earlier_one() {
        for (caller, is_read) in [(0, true), (1, false), (2, false)] {
            let call = Inlined {
                caller,
                ..Inlined::default()
            };
            let stream = encode_stream(&[line(0, 0, 1)], &[call]);
            assert_eq!(decode_stream(&stream).is_some(), is_read, "{caller}");
        }
    }

    #[test]
    fn damage_is_no_panic() {
        let map = map();
        for at in 0..map.len() {
            for byte in [0, 1, 0x7f, 0xff] {
                let mut bad = map.clone();
                bad[at] = byte;
                for bytes in [&bad[..], &map[..at]] {
                    let Some(map) = AddressMap::new(bytes) else {
                        continue;
                    };
                    for text_offset in 0..50 {
                        map.position(text_offset);
                    }
                    map.name(7);
                    map.start(7);
                }
            }
        }
    }
}
