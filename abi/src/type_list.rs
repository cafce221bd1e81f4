//! The function types of a module, as its record has them: by hashes, which
//! the loader compares, and each by itself, to be read when it is asked for.

use std::fmt;
use std::sync::OnceLock;

use serde::{Deserialize, Serialize};

use crate::types::{FuncType, TypeHash};

/// A list of function types.
#[derive(Default, Serialize, Deserialize)]
pub struct Types {
    /// [`FuncType::hash`] of each.
    hashes: Vec<TypeHash>,
    /// Where each ends in `encoded`.
    ends: Vec<u32>,
    encoded: Vec<u8>,
    #[serde(skip)]
    read: OnceLock<Box<[OnceLock<Option<FuncType>>]>>,
}

impl Types {
    /// The list of these.
    ///
    /// # Panics
    /// If they do not fit into 4 GiB.
    pub fn new(list: &[FuncType]) -> Self {
        Self::of(list.iter().map(|ty| (ty, ty.hash())))
    }

    /// The list of types whose hashes are known.
    ///
    /// # Panics
    /// If they do not fit into 4 GiB.
    pub fn of<'a>(list: impl IntoIterator<Item = (&'a FuncType, TypeHash)>) -> Self {
        let mut types = Self::default();
        for (ty, hash) in list {
            let bytes = postcard::to_stdvec(ty).expect("serialising to memory does not fail");
            types.encoded.extend(bytes);
            let end = u32::try_from(types.encoded.len()).expect("types of less than 4 GiB");
            types.ends.push(end);
            types.hashes.push(hash);
        }
        types
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.hashes.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.hashes.is_empty()
    }

    /// Their hashes.
    pub fn hashes(&self) -> &[TypeHash] {
        &self.hashes
    }

    /// Hash of a type.
    pub fn hash(&self, number: u32) -> Option<TypeHash> {
        self.hashes.get(number as usize).copied()
    }

    /// Identity of a type.
    pub fn id(&self, number: u32) -> Option<u32> {
        Some(self.hash(number)?.id())
    }

    /// A type; `None` if there is none of that number, or it cannot be read.
    pub fn get(&self, number: u32) -> Option<&FuncType> {
        let number = number as usize;
        let read = self
            .read
            .get_or_init(|| self.hashes.iter().map(|_| OnceLock::new()).collect());
        let ty = read.get(number)?.get_or_init(|| {
            let bytes = self.encoded(number)?;
            postcard::from_bytes(bytes).ok()
        });
        ty.as_ref()
    }

    /// Whether the type of a number is this one.
    pub fn is(&self, number: u32, ty: &FuncType) -> bool {
        let mut bytes = [0; 64];
        match postcard::to_slice(ty, &mut bytes) {
            Ok(bytes) => self.encoded(number as usize) == Some(&*bytes),
            // One of very many parameters.
            Err(_) => self.get(number) == Some(ty),
        }
    }

    fn encoded(&self, number: usize) -> Option<&[u8]> {
        let start = match number.checked_sub(1) {
            Some(before) => *self.ends.get(before)? as usize,
            None => 0,
        };
        let end = *self.ends.get(number)? as usize;
        self.encoded.get(start..end)
    }

    /// The type of an identity.
    pub fn by_id(&self, id: u32) -> Option<&FuncType> {
        let at = self.hashes.iter().position(|hash| hash.id() == id)?;
        self.get(at as u32)
    }

    /// All that can be read.
    pub fn iter(&self) -> impl Iterator<Item = &FuncType> {
        (0..self.len() as u32).filter_map(|number| self.get(number))
    }
}

impl Clone for Types {
    fn clone(&self) -> Self {
        Self {
            hashes: self.hashes.clone(),
            ends: self.ends.clone(),
            encoded: self.encoded.clone(),
            read: OnceLock::new(),
        }
    }
}

impl PartialEq for Types {
    fn eq(&self, other: &Self) -> bool {
        let parts = |t: &Self| (t.hashes.clone(), t.ends.clone(), t.encoded.clone());
        parts(self) == parts(other)
    }
}

impl Eq for Types {}

impl fmt::Debug for Types {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::ValType;

    #[test]
    fn types_come_back_one_by_one() {
        let list = [
            FuncType::new([ValType::I32], []),
            FuncType::default(),
            FuncType::new([], [ValType::F64, ValType::EXN_REF]),
        ];
        let types = Types::new(&list);
        let bytes = postcard::to_stdvec(&types).unwrap();
        let back: Types = postcard::from_bytes(&bytes).unwrap();
        assert_eq!(back, types);
        assert_eq!(back.get(2), Some(&list[2]));
        assert!(back.iter().eq(&list));
        assert!(back.is(0, &list[0]) && !back.is(0, &list[1]) && !back.is(3, &list[0]));
        assert_eq!(back.id(1), Some(list[1].id()));
        assert_eq!(back.by_id(list[0].id()), Some(&list[0]));
        assert_eq!((back.get(3), back.id(3)), (None, None));
    }

    #[test]
    fn types_of_very_many_parameters_are_compared_whole() {
        let long = |last| FuncType::new([vec![ValType::I32; 200], vec![last]].concat(), []);
        let types = Types::new(&[long(ValType::I64)]);
        assert!(types.is(0, &long(ValType::I64)));
        assert!(!types.is(0, &long(ValType::F64)));
    }

    #[test]
    fn lists_are_equal_if_all_of_them_is() {
        let types = Types::new(&[FuncType::new([ValType::I32], [])]);
        let mut other = types.clone();
        assert_eq!(types, other);
        other.encoded[0] ^= 1;
        assert_ne!(types, other);
        assert_ne!(types, Types::default());
    }

    #[test]
    fn what_cannot_be_read_is_not_there() {
        let damaged = Types {
            hashes: vec![FuncType::EMPTY.hash(); 3],
            ends: vec![9, 0],
            encoded: vec![0],
            read: OnceLock::new(),
        };
        assert_eq!(damaged.iter().count(), 0);
    }
}
