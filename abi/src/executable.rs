//! What an executable holds beside the loader that it begins with: the objects of
//! a program, and the options that it is started with.
//!
//! They are its last loaded segment: a [`Record`], after [`MAGIC`], its length and its
//! checksum; then the objects, each from a page on.

use serde::{Deserialize, Serialize};

use crate::checksum::checksum;

/// The section with record and objects.
pub const SECTION: &str = ".wasmaot.objects";
/// The loader's section with the version of the ABI that it loads, 4 bytes, by which
/// it is known.
pub const LOADER: &str = ".wasmaot.loader";
/// What the segment begins with.
pub const MAGIC: [u8; 16] = *b"\x7fwasmaot objects";

/// What is known of the objects before they are opened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// Words of options, as on a command line.
    pub options: Vec<Vec<u8>>,
    /// The objects, main first.
    pub members: Vec<Member>,
}

/// An object of an executable.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Member {
    /// What it is called in messages.
    pub name: String,
    /// The names by which it is needed or opened.
    pub stands_for: Vec<String>,
    /// When it is loaded.
    pub role: Role,
    /// Bytes from the segment's start, whole pages.
    pub offset: u64,
    /// Bytes of the object.
    pub size: u64,
    /// The hash of the object, from its note.
    pub hash: [u8; 32],
}

/// When an object of an executable is loaded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Role {
    /// When its name is needed or opened. The first is the program.
    Named,
    /// With the program, as if that needed it; a plain module is known by this
    /// name.
    Beside(String),
}

/// Bytes before a record: magic, how long it is, and its checksum.
pub const HEAD: usize = MAGIC.len() + 16;

impl Record {
    /// The bytes with which the segment begins.
    ///
    /// # Panics
    /// If memory is exhausted.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let record = postcard::to_stdvec(self).expect("a vector takes everything");
        let mut bytes = MAGIC.to_vec();
        bytes.extend((record.len() as u64).to_le_bytes());
        bytes.extend(checksum(&[&record]).to_le_bytes());
        bytes.extend(record);
        bytes
    }

    /// Bytes of the record with what is before it, from the first bytes of a
    /// segment; `None`: there is none.
    #[must_use]
    pub fn size(start: &[u8; HEAD]) -> Option<u64> {
        let word = std::array::from_fn(|i| start[MAGIC.len() + i]);
        let len = u64::from_le_bytes(word);
        start
            .starts_with(&MAGIC)
            .then_some(len.checked_add(HEAD as u64)?)
    }

    /// Reads the record at the start of a segment of so many bytes.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn decode(segment: &[u8], size: u64) -> Result<Self, &'static str> {
        const SHORT: &str = "its record of objects is cut short";
        const DAMAGED: &str = "its record of objects is damaged";
        let (head, rest) = segment.split_at_checked(HEAD).ok_or(SHORT)?;
        let word = |at: usize| u64::from_le_bytes(std::array::from_fn(|i| head[at + i]));
        let len = usize::try_from(word(MAGIC.len())).map_err(|_| SHORT)?;
        let record = rest.get(..len).ok_or(SHORT)?;
        if !head.starts_with(&MAGIC) || checksum(&[record]) != word(MAGIC.len() + 8) {
            return Err(DAMAGED);
        }
        let record: Self = postcard::from_bytes(record).map_err(|_| DAMAGED)?;
        let inside = |member: &Member| {
            let end = member.offset.checked_add(member.size);
            end.is_some_and(|end| end <= size)
        };
        let whole = !record.members.is_empty() && record.members.iter().all(inside);
        whole.then_some(record).ok_or(DAMAGED)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_comes_back_or_is_refused() {
        let record = Record {
            options: vec![b"--dir".to_vec(), b".\xff".to_vec()],
            members: vec![Member {
                name: "main.wasm".into(),
                stands_for: vec!["main".into()],
                role: Role::Named,
                offset: 4,
                size: 4,
                hash: [3; 32],
            }],
        };
        let bytes = record.encode();
        let size = bytes.len() as u64;
        assert_eq!(bytes.first_chunk().and_then(Record::size), Some(size));
        assert_eq!(Record::decode(&bytes, size), Ok(record));
        assert!(Record::decode(&bytes, 7).is_err());
        for cut in 0..bytes.len() {
            assert!(Record::decode(&bytes[..cut], size).is_err());
        }
        for at in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[at] ^= 1;
            assert!(Record::decode(&changed, size).is_err(), "{at}");
        }
    }
}
