//! Custom section of our own linker front end: the functions that main only
//! forwards to, because it takes their address.
//!
//! A sequence of names up to the section's end, without a count, so that the
//! linker, which joins the sections of its inputs, makes a valid one.

use wasmparser::BinaryReader;

use crate::data_symbols::leb;
use crate::error::LinkingError;

/// Section of the imported functions of `env` in whose place the module has
/// functions of its own that only forward to them.
pub const SECTION_FORWARD: &str = "wasmaot.forward";

/// Appends an entry.
pub fn encode_forward(out: &mut Vec<u8>, name: &str) {
    leb(out, name.len() as u32);
    out.extend(name.as_bytes());
}

/// Reads the section; `offset` is where `data` begins in the module.
///
/// # Errors
/// [`LinkingError`] where it is malformed.
pub fn read_forwards(data: &[u8], offset: usize) -> Result<Vec<&str>, LinkingError> {
    let mut reader = BinaryReader::new(data, offset as u64);
    let mut names = Vec::new();
    while !reader.eof() {
        let name = reader.read_unlimited_string();
        names.push(name.map_err(|e| LinkingError {
            section: SECTION_FORWARD,
            offset: e.offset() as usize,
            reason: e.message().to_owned(),
        })?);
    }
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_round_trip_and_truncations_are_refused() {
        let names = ["f", "a longer name"];
        let mut data = Vec::new();
        names
            .iter()
            .for_each(|name| encode_forward(&mut data, name));
        assert_eq!(read_forwards(&data, 9).unwrap(), names);
        for len in 0..data.len() {
            let read = read_forwards(&data[..len], 9);
            assert_eq!(read.is_ok(), [0, 2].contains(&len), "{len}");
        }
        let error = read_forwards(&[1, 0xff], 9).unwrap_err().to_string();
        assert!(error.contains(SECTION_FORWARD), "{error}");
    }
}
