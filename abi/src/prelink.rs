//! The record of a prelinked object ([`SEC_PRELINK`](crate::object::SEC_PRELINK)):
//! the set of objects that it was linked with before, and where its calls of
//! them lead.
//!
//! ```text
//! u32 number, u32 members, u32 calls, u32 bytes of names
//! members × { u8 build_id[20], u32 offset, u32 bytes of the name }
//! calls   × { u32 plt, u32 member or u32::MAX, u32 address }
//! names
//! ```

/// Bytes of a GNU build id.
pub const BUILD_ID_SIZE: usize = 20;

/// A GNU build id.
pub type BuildId = [u8; BUILD_ID_SIZE];

/// The record.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Prelink {
    /// Which member of the set the object is.
    pub number: u32,
    /// The objects of the set, main first.
    pub members: Vec<Member>,
    /// By entry of the PLT.
    pub calls: Vec<Call>,
}

/// An object of a set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// Its soname.
    pub name: String,
    /// Its build id.
    pub build_id: BuildId,
    /// Where its image begins in the set's, in whole pages.
    pub offset: u32,
}

/// What the calls of an entry of the PLT have become.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Call {
    /// Address in the object of the entry.
    pub plt: u32,
    /// Where they lead instead; `None`: to the entry.
    pub to: Option<Place>,
}

/// Code of an object of the set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Number of the member.
    pub member: u32,
    /// Address in that object.
    pub address: u32,
}

/// Member of a call that leads to its entry.
const NONE: u32 = u32::MAX;
const HEAD: usize = 16;
const MEMBER: usize = BUILD_ID_SIZE + 8;
const CALL: usize = 12;

impl Prelink {
    /// Bytes of a record of so many calls; addresses do not change it.
    pub fn size(members: &[Member], calls: usize) -> usize {
        let names: usize = members.iter().map(|m| m.name.len()).sum();
        HEAD + MEMBER * members.len() + CALL * calls + names
    }

    /// The section's bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(Self::size(&self.members, self.calls.len()));
        let names: String = self.members.iter().map(|m| &*m.name).collect();
        let lengths = [self.members.len(), self.calls.len(), names.len()];
        let put = |out: &mut Vec<u8>, word: u32| out.extend(word.to_le_bytes());
        put(&mut out, self.number);
        lengths.iter().for_each(|&n| put(&mut out, n as u32));
        for member in &self.members {
            out.extend(member.build_id);
            put(&mut out, member.offset);
            put(&mut out, member.name.len() as u32);
        }
        for call in &self.calls {
            let (member, address) = call.to.map_or((NONE, 0), |to| (to.member, to.address));
            [call.plt, member, address]
                .iter()
                .for_each(|&n| put(&mut out, n));
        }
        out.extend(names.as_bytes());
        out
    }

    /// Reads the section; `None` for bytes that are not such a record. That
    /// numbers and addresses are in bounds is for the reader to check.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let mut rest = bytes;
        let [number, members, calls, names] = [(); 4].map(|()| word(&mut rest).unwrap_or(NONE));
        let sizes = [(members, MEMBER), (calls, CALL), (names, 1)];
        let sizes = sizes.map(|(n, size)| (n as usize).checked_mul(size));
        let [members, calls, names] = sizes;
        let (members, calls, names) = (members?, calls?, names?);
        if members.checked_add(calls)?.checked_add(names)? != rest.len() {
            return None;
        }
        let (members, rest) = rest.split_at(members);
        let (calls, names) = rest.split_at(calls);
        let mut names = std::str::from_utf8(names).ok()?;
        let members = members.as_chunks::<MEMBER>().0.iter();
        let members = members.map(|entry| member(entry, &mut names));
        let members = members.collect::<Option<_>>()?;
        let calls = calls.as_chunks::<CALL>().0.iter().map(call);
        names.is_empty().then(|| Self {
            number,
            members,
            calls: calls.collect(),
        })
    }

    /// The address in the object's own space at which a place of the set is,
    /// where both are as in the record. `None` for a member that is none.
    pub fn address(&self, place: Place) -> Option<u64> {
        let offset = |number: u32| Some(u64::from(self.members.get(number as usize)?.offset));
        let distance = offset(place.member)?.wrapping_sub(offset(self.number)?);
        Some(distance.wrapping_add(place.address.into()))
    }
}

fn member(entry: &[u8; MEMBER], names: &mut &str) -> Option<Member> {
    let (build_id, mut rest) = entry.split_first_chunk()?;
    let offset = word(&mut rest)?;
    let (name, others) = names.split_at_checked(word(&mut rest)? as usize)?;
    *names = others;
    Some(Member {
        name: name.to_owned(),
        build_id: *build_id,
        offset,
    })
}

fn call(entry: &[u8; CALL]) -> Call {
    let mut rest = &entry[..];
    let [plt, member, address] = [(); 3].map(|()| word(&mut rest).unwrap_or(NONE));
    let to = (member != NONE).then_some(Place { member, address });
    Call { plt, to }
}

fn word(bytes: &mut &[u8]) -> Option<u32> {
    let (word, rest) = bytes.split_first_chunk()?;
    *bytes = rest;
    Some(u32::from_le_bytes(*word))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record() -> Prelink {
        let member = |name: &str, id, offset| Member {
            name: name.to_owned(),
            build_id: [id; BUILD_ID_SIZE],
            offset,
        };
        Prelink {
            number: 1,
            members: vec![member("main.wasm", 1, 0), member("líb.so", 2, 0x3000)],
            calls: vec![
                Call { plt: 16, to: None },
                Call {
                    plt: 32,
                    to: Some(Place {
                        member: 0,
                        address: 0x120,
                    }),
                },
            ],
        }
    }

    #[test]
    fn round_trip() {
        let record = record();
        let bytes = record.encode();
        assert_eq!(bytes.len(), Prelink::size(&record.members, 2));
        assert_eq!(Prelink::decode(&bytes), Some(record.clone()));
        let place = record.calls[1].to.unwrap();
        assert_eq!(record.address(place), Some(0x120u64.wrapping_sub(0x3000)));
        let nowhere = Place { member: 2, ..place };
        assert_eq!(record.address(nowhere), None);
    }

    #[test]
    fn what_is_cut_or_too_long_is_none() {
        let bytes = record().encode();
        for len in 0..bytes.len() {
            assert_eq!(Prelink::decode(&bytes[..len]), None, "{len}");
        }
        let longer = [&bytes[..], &[0]].concat();
        assert_eq!(Prelink::decode(&longer), None);
        for at in 0..HEAD {
            let mut damaged = bytes.clone();
            damaged[at] ^= 0x80;
            // Nothing but the object's own number may change.
            assert_eq!(Prelink::decode(&damaged).is_some(), at < 4, "{at}");
        }
    }
}
