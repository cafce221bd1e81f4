//! The record of a prelinked object ([`SEC_PRELINK`](crate::object::SEC_PRELINK)):
//! the set of objects that it was linked with before, where its calls of them
//! lead, and which of its functions contain code of theirs.
//!
//! ```text
//! u32 number, u32 members, u32 calls, u32 bodies, u32 needs, u32 bytes of names
//! members × { u8 build_id[20], u32 offset, u32 bytes of the name }
//! calls   × { u32 plt, u32 member or u32::MAX, u32 address }
//! bodies  × { u32 code, u32 uninlined, u32 needs }
//! needs   × u32
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
    /// The functions that contain code of other members.
    pub bodies: Vec<Body>,
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
    pub to: Option<SetAddress>,
}

/// An address in an object of the set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SetAddress {
    /// Number of the member.
    pub member: u32,
    /// Address in that object.
    pub address: u32,
}

/// A function that contains code of other members.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Body {
    /// Address in the object of its code.
    pub code: u32,
    /// Address in the object of code that does the same by calls.
    pub uninlined: u32,
    /// Entries of the PLT whose functions it contains.
    pub needs: Vec<u32>,
}

/// Member of a call that leads to its entry.
const NONE: u32 = u32::MAX;
const HEAD: usize = 24;
const MEMBER: usize = BUILD_ID_SIZE + 8;
const CALL: usize = 12;
const BODY: usize = 12;
const NEED: usize = 4;

impl Prelink {
    /// Bytes of the section; addresses do not change it.
    pub fn size(&self) -> usize {
        let [members, calls, bodies, needs, names] = self.lengths();
        HEAD + MEMBER * members + CALL * calls + BODY * bodies + NEED * needs + names
    }

    fn lengths(&self) -> [usize; 5] {
        let names = self.members.iter().map(|m| m.name.len()).sum();
        let needs = self.bodies.iter().map(|b| b.needs.len()).sum();
        let (members, calls) = (self.members.len(), self.calls.len());
        [members, calls, self.bodies.len(), needs, names]
    }

    /// The section's bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.size());
        let put = |out: &mut Vec<u8>, word: u32| out.extend(word.to_le_bytes());
        put(&mut out, self.number);
        let lengths = self.lengths();
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
        for body in &self.bodies {
            [body.code, body.uninlined, body.needs.len() as u32]
                .iter()
                .for_each(|&n| put(&mut out, n));
        }
        let needs = self.bodies.iter().flat_map(|b| &b.needs);
        needs.for_each(|&need| put(&mut out, need));
        self.members
            .iter()
            .for_each(|m| out.extend(m.name.as_bytes()));
        out
    }

    /// Reads the section; `None` for bytes that are not such a record. That
    /// numbers and addresses are in bounds is for the reader to check.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let mut rest = bytes;
        let number = word(&mut rest)?;
        let mut lengths = [0; 5];
        for (length, size) in lengths.iter_mut().zip([MEMBER, CALL, BODY, NEED, 1]) {
            *length = (word(&mut rest)? as usize).checked_mul(size)?;
        }
        let mut parts = [&rest[..0]; 5];
        for (part, length) in parts.iter_mut().zip(lengths) {
            (*part, rest) = rest.split_at_checked(length)?;
        }
        let [members, calls, bodies, mut needs, names] = parts;
        let mut names = std::str::from_utf8(names).ok()?;
        let members = members.as_chunks::<MEMBER>().0.iter();
        let members = members.map(|entry| member(entry, &mut names));
        let members = members.collect::<Option<_>>()?;
        let calls = calls.as_chunks::<CALL>().0.iter().map(call);
        let bodies = bodies.as_chunks::<BODY>().0.iter();
        let bodies = bodies.map(|entry| body(entry, &mut needs));
        let record = Self {
            number,
            members,
            calls: calls.collect(),
            bodies: bodies.collect::<Option<_>>()?,
        };
        let all_read = names.is_empty() && needs.is_empty() && rest.is_empty();
        all_read.then_some(record)
    }

    /// The address in the object's own space at which another of the set is,
    /// where both are as in the record. `None` for a member that is none.
    pub fn address(&self, to: SetAddress) -> Option<u64> {
        let offset = |number: u32| Some(u64::from(self.members.get(number as usize)?.offset));
        let distance = offset(to.member)?.wrapping_sub(offset(self.number)?);
        Some(distance.wrapping_add(to.address.into()))
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
    let to = (member != NONE).then_some(SetAddress { member, address });
    Call { plt, to }
}

fn body(entry: &[u8; BODY], needs: &mut &[u8]) -> Option<Body> {
    let mut rest = &entry[..];
    let [code, uninlined, count] = [(); 3].map(|()| word(&mut rest).unwrap_or(NONE));
    let (own, others) = needs.split_at_checked((count as usize).checked_mul(NEED)?)?;
    *needs = others;
    let own = own.as_chunks().0.iter().map(|&n| u32::from_le_bytes(n));
    Some(Body {
        code,
        uninlined,
        needs: own.collect(),
    })
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
                    to: Some(SetAddress {
                        member: 0,
                        address: 0x120,
                    }),
                },
            ],
            bodies: vec![
                Body {
                    code: 0x100,
                    uninlined: 0x200,
                    needs: vec![1],
                },
                Body {
                    code: 0x110,
                    uninlined: 0x220,
                    needs: vec![1, 0],
                },
            ],
        }
    }

    #[test]
    fn round_trip() {
        let record = record();
        let bytes = record.encode();
        assert_eq!(bytes.len(), record.size());
        assert_eq!(Prelink::decode(&bytes), Some(record.clone()));
        let to = record.calls[1].to.unwrap();
        assert_eq!(record.address(to), Some(0x120u64.wrapping_sub(0x3000)));
        let nowhere = SetAddress { member: 2, ..to };
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
