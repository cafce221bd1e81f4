//! The record of addresses in debugging sections.
//!
//! A debugger that is given an object of a running process wants absolute
//! addresses. The record says which fields of the `.debug_*` sections are
//! addresses, and of what, so that they are made by additions alone, without
//! a reader of DWARF.
//!
//! It is a list of parts, each for one section: a byte, the section's number in
//! [`DEBUG_SECTIONS`]; the number of fields; and per field, in ascending order,
//! four times the distance from the field before (the first: from the section's
//! start), plus the number of its [`AddressKind`]. Numbers are ULEB128. A field is
//! eight bytes.

use super::{read_uleb, uleb};

/// The debugging sections, by number.
pub const DEBUG_SECTIONS: [&str; 7] = [
    ".debug_abbrev",
    ".debug_aranges",
    ".debug_info",
    ".debug_line",
    ".debug_loc",
    ".debug_ranges",
    ".debug_str",
];

/// What a field is the address of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum AddressKind {
    /// Something in the object: the load address is to be added.
    Object = 0,
    /// Data of the module, as a linear address that is relative to its memory
    /// base: the host's address of that base is to be added.
    Data = 1,
    /// A linear address: the host's address of memory is to be added.
    Memory = 2,
}

impl AddressKind {
    fn of(number: u64) -> Option<Self> {
        let all = [Self::Object, Self::Data, Self::Memory];
        all.into_iter().find(|&kind| kind as u64 == number)
    }
}

/// Bytes of a field.
pub const FIELD: usize = 8;

/// Adds a section's part to a record. `fields` ascend.
pub fn encode_addresses(out: &mut Vec<u8>, section: u8, fields: &[(u64, AddressKind)]) {
    if fields.is_empty() {
        return;
    }
    out.push(section);
    uleb(out, fields.len() as u64);
    let mut last = 0;
    for &(offset, kind) in fields {
        uleb(out, (offset - last) << 2 | kind as u64);
        last = offset;
    }
}

/// Goes through the fields of a record: section, offset, kind. `None` where the
/// record is damaged; what stands before that has been visited.
pub fn decode_addresses(
    mut record: &[u8],
    mut visit: impl FnMut(&'static str, u64, AddressKind) -> Option<()>,
) -> Option<()> {
    while let Some((&section, rest)) = record.split_first() {
        record = rest;
        let name = DEBUG_SECTIONS.get(usize::from(section))?;
        let mut offset = 0u64;
        for _ in 0..read_uleb(&mut record)? {
            let word = read_uleb(&mut record)?;
            offset = offset.checked_add(word >> 2)?;
            visit(name, offset, AddressKind::of(word & 3)?)?;
        }
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_read_as_it_was_written_and_damage_is_noticed() {
        let fields = [(3, AddressKind::Object), (900, AddressKind::Memory)];
        let mut record = Vec::new();
        encode_addresses(&mut record, 2, &fields);
        encode_addresses(&mut record, 3, &[]);
        encode_addresses(&mut record, 5, &[(0, AddressKind::Data)]);
        let read = |record: &[u8]| {
            let mut all = Vec::new();
            let whole = decode_addresses(record, |section, offset, kind| {
                all.push((section, offset, kind));
                Some(())
            });
            (whole, all)
        };
        let all = vec![
            (".debug_info", 3, AddressKind::Object),
            (".debug_info", 900, AddressKind::Memory),
            (".debug_ranges", 0, AddressKind::Data),
        ];
        assert_eq!(read(&record), (Some(()), all));
        assert_eq!(read(&[]), (Some(()), Vec::new()));
        for damaged in [&record[..2], &[1, 1, 3], &[7, 0], &[0, 0x80]] {
            assert_eq!(read(damaged).0, None);
        }
        let far = [
            &[1, 2][..],
            &[0xfc, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1],
        ]
        .concat();
        assert_eq!(read(&far).0, None);
    }
}
