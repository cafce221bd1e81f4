//! Sets of modules whose objects are prelinked: what each object says of the
//! others has to be known before any of them is made, so their build ids follow
//! from the modules alone.

use std::sync::Arc;

use wasmaot_abi::prelink::{self as abi, BUILD_ID_SIZE, BuildId, Prelink};

use crate::{Options, build_id, soname};

/// A set of modules, main first.
#[derive(Clone, Debug)]
pub struct Set(Arc<[abi::Member]>);

/// A module's place in its set.
#[derive(Clone, Debug)]
pub struct Member {
    set: Set,
    number: u32,
}

impl Set {
    /// The set of some modules, each with the name that [`compile`](crate::compile)
    /// is going to get, and options common to all.
    pub fn new<'a>(
        modules: impl IntoIterator<Item = (&'a str, &'a [u8])>,
        options: &Options,
    ) -> Self {
        let options = Options {
            prelink: None,
            ..options.clone()
        };
        let modules = modules.into_iter();
        let alone: Vec<(&str, BuildId)> = modules
            .map(|(source, wasm)| (soname(source), build_id(source, wasm, &options)))
            .collect();
        let all: Vec<u8> = alone.iter().flat_map(|(_, id)| *id).collect();
        let members = (0..).zip(&alone).map(|(number, (name, _))| abi::Member {
            name: (*name).to_owned(),
            build_id: of_member(&all, number),
            // Known when all objects are laid out.
            offset: 0,
        });
        Self(members.collect())
    }

    /// The place of a module by its number.
    pub fn member(&self, number: u32) -> Member {
        Member {
            set: self.clone(),
            number,
        }
    }
}

/// A member's id, from the ids that its set would have each by itself.
fn of_member(all: &[u8], number: u32) -> BuildId {
    let mut hasher = blake3::Hasher::new();
    hasher.update(b"prelink");
    hasher.update(&number.to_le_bytes());
    hasher.update(all);
    let mut id = [0; BUILD_ID_SIZE];
    id.copy_from_slice(&hasher.finalize().as_bytes()[..BUILD_ID_SIZE]);
    id
}

impl Member {
    pub(crate) fn build_id(&self) -> BuildId {
        let own = self.set.0.get(self.number as usize);
        own.map_or([0; BUILD_ID_SIZE], |member| member.build_id)
    }

    /// Bytes of the record of an object with so many calls.
    pub(crate) fn record_size(&self, calls: usize) -> usize {
        Prelink::size(&self.set.0, calls)
    }

    /// The record before it is known where the calls lead.
    pub(crate) fn record(&self, calls: Vec<abi::Call>) -> Prelink {
        Prelink {
            number: self.number,
            members: self.set.0.to_vec(),
            calls,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_depend_on_the_whole_set() {
        let options = Options::default();
        let ids = |modules: &[(&'static str, &'static [u8])]| {
            let set = Set::new(modules.iter().copied(), &options);
            let numbers = 0..modules.len() as u32;
            let ids = numbers.map(|n| set.member(n).build_id());
            ids.collect::<Vec<_>>()
        };
        let (a, b): ((_, &[u8]), (_, &[u8])) = (("a", b"1"), ("b", b"2"));
        let both = ids(&[a, b]);
        assert_eq!(both, ids(&[a, b]));
        assert_ne!(both[0], both[1]);
        for other in [ids(&[a]), ids(&[a, ("b", b"3")]), ids(&[a, ("c", b"2")])] {
            assert!(!both.contains(&other[0]));
        }
        let twice = ids(&[a, a]);
        assert_ne!(twice[0], twice[1]);
        assert_ne!(twice[0], build_id("a", b"1", &options));
    }
}
