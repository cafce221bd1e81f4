//! What is stored: an object after a head, which says whose it is, and before a
//! keyed hash over all of it.
//!
//! ```text
//! "wasmaot" version (1 byte) │ build id (20) │ length (8, little-endian) │ object │ hash (32)
//! ```
//!
//! What is before the object has a fixed size, so no two entries have the same
//! bytes under the hash. The build id is itself a hash over the compiler's version
//! and sources, its options, the module's name and the module: an entry that was
//! stored for one of these is none of another.

use wasmaot_abi::prelink::BuildId;

use super::key::SharedKey;

/// What every entry begins with; the last byte is the format's version.
const MAGIC: &[u8; 8] = b"wasmaot\x01";

/// Bytes before the object.
const HEAD: usize = MAGIC.len() + size_of::<BuildId>() + size_of::<u64>();

/// Bytes of the hash.
const HASH: usize = blake3::OUT_LEN;

/// Bytes of all but the object.
pub(super) const AROUND: u64 = (HEAD + HASH) as u64;

/// Makes an entry.
pub(super) fn seal(key: &SharedKey, id: &BuildId, object: &[u8]) -> Vec<u8> {
    let length = (object.len() as u64).to_le_bytes();
    let mut entry = Vec::with_capacity(object.len() + HEAD + HASH);
    for part in [MAGIC, &id[..], &length, object] {
        entry.extend_from_slice(part);
    }
    entry.extend_from_slice(key.hash(&entry).as_bytes());
    entry
}

/// The object of an entry, if who made it had the key and meant this build id.
pub(super) fn open(key: &SharedKey, id: &BuildId, mut entry: Vec<u8>) -> Option<Vec<u8>> {
    let (rest, hash) = entry.split_last_chunk::<HASH>()?;
    // `Hash`es are compared in constant time.
    if key.hash(rest) != blake3::Hash::from_bytes(*hash) {
        return None;
    }
    let length = rest.len().checked_sub(HEAD)? as u64;
    let head = [MAGIC, &id[..], &length.to_le_bytes()].concat();
    if !rest.starts_with(&head) {
        return None;
    }
    entry.truncate(entry.len() - HASH);
    entry.drain(..HEAD);
    Some(entry)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_opens_as_it_was_made_and_in_no_other_way() {
        let (key, id, other) = (SharedKey::of(1), [1; 20], [2; 20]);
        let open = |key: &_, id: &_, entry: &[u8]| open(key, id, entry.to_vec());
        for object in [&b""[..], b"x", &[7; 1000]] {
            let entry = seal(&key, &id, object);
            assert_eq!(entry.len() as u64, object.len() as u64 + AROUND);
            assert_eq!(open(&key, &id, &entry).as_deref(), Some(object));
            assert_eq!(open(&key, &other, &entry), None);
            assert_eq!(open(&SharedKey::of(2), &id, &entry), None);
            for at in 0..entry.len() {
                let mut changed = entry.clone();
                changed[at] ^= 1;
                assert_eq!(open(&key, &id, &changed), None, "byte {at}");
                assert_eq!(open(&key, &id, &entry[..at]), None);
                assert_eq!(open(&key, &id, &entry[at + 1..]), None);
            }
            let longer = [&entry[..], b"\0"].concat();
            assert_eq!(open(&key, &id, &longer), None);
        }
    }

    /// What is under the hash says of itself what it is: an entry whose hash is right
    /// and whose head is another's is not taken.
    #[test]
    fn an_entry_is_of_one_build_id_and_one_format() {
        let (key, id) = (SharedKey::of(1), [1; 20]);
        let entry = seal(&key, &id, b"object");
        for at in 0..HEAD {
            let mut rest = entry[..entry.len() - HASH].to_vec();
            rest[at] ^= 1;
            let hash = key.hash(&rest);
            rest.extend_from_slice(hash.as_bytes());
            assert_eq!(open(&key, &id, rest), None, "byte {at}");
        }
    }
}
