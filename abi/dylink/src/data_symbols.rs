//! Custom sections of our own linker front end: sizes of data symbols, and
//! the symbols of which main holds a copy.
//!
//! Both are a sequence of entries up to the section's end, without a count, so
//! that the linker, which joins the sections of its inputs, makes a valid one.

use wasmparser::{BinaryReader, BinaryReaderError};

use crate::error::LinkingError;

/// Section of the data symbols that main holds a copy of.
pub const SECTION_COPY: &str = "wasmaot.copy";
/// Section of the sizes of the data symbols that a module defines.
pub const SECTION_DATA: &str = "wasmaot.data";

/// Exponent of the largest alignment, as for the room of a module.
const MAX_ALIGN: u32 = 30;

/// An entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DataSymbol {
    /// Name of the symbol.
    pub name: String,
    /// Its size in bytes.
    pub size: u32,
    /// Its alignment, a power of two of this exponent.
    pub align: u32,
    /// Whether the size is only an upper bound.
    pub bound: bool,
}

const BOUND: u32 = 1;

impl DataSymbol {
    /// Appends the entry: name, size, alignment, flags, each number a LEB128.
    pub fn encode(&self, out: &mut Vec<u8>) {
        leb(out, self.name.len() as u32);
        out.extend(self.name.as_bytes());
        for number in [self.size, self.align, u32::from(self.bound) * BOUND] {
            leb(out, number);
        }
    }

    fn read(reader: &mut BinaryReader<'_>) -> Result<Self, BinaryReaderError> {
        Ok(Self {
            name: reader.read_unlimited_string()?.to_owned(),
            size: reader.read_var_u32()?,
            align: reader.read_var_u32()?,
            bound: reader.read_var_u32()? & BOUND != 0,
        })
    }
}

/// Reads one of the sections; `offset` is where `data` begins in the module.
///
/// # Errors
/// [`LinkingError`] where it is malformed.
pub fn read_data_symbols(
    section: &'static str,
    data: &[u8],
    offset: usize,
) -> Result<Vec<DataSymbol>, LinkingError> {
    let fail = |offset, reason| LinkingError {
        section,
        offset,
        reason,
    };
    let mut reader = BinaryReader::new(data, offset as u64);
    let mut symbols = Vec::new();
    while !reader.eof() {
        let at = reader.original_position() as usize;
        let symbol = DataSymbol::read(&mut reader)
            .map_err(|e| fail(e.offset() as usize, e.message().to_owned()))?;
        if symbol.align > MAX_ALIGN {
            let reason = format!("alignment 2^{} exceeds 2^{MAX_ALIGN}", symbol.align);
            return Err(fail(at, reason));
        }
        symbols.push(symbol);
    }
    Ok(symbols)
}

/// Appends a number as an unsigned LEB128.
pub fn leb(out: &mut Vec<u8>, mut number: u32) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_round_trip_and_truncations_are_refused() {
        let symbols = [
            ("a", 4, 2, false),
            ("long name", 70_000, 16, true),
            ("b", 0x80, 0, false),
            ("c", u32::MAX, 30, true),
        ];
        let symbols = symbols.map(|(name, size, align, bound)| DataSymbol {
            name: name.to_owned(),
            size,
            align,
            bound,
        });
        let mut data = Vec::new();
        let mut ends = vec![0];
        for symbol in &symbols {
            symbol.encode(&mut data);
            ends.push(data.len());
        }
        assert_eq!(read_data_symbols(SECTION_COPY, &data, 9).unwrap(), symbols);
        for len in 0..data.len() {
            let read = read_data_symbols(SECTION_COPY, &data[..len], 9);
            assert_eq!(read.is_ok(), ends.contains(&len), "{len}");
        }
        let absurd = [1, b'x', 4, 31, 0];
        let error = read_data_symbols(SECTION_DATA, &absurd, 0).unwrap_err();
        assert!(error.to_string().contains("wasmaot.data"), "{error}");
    }
}
