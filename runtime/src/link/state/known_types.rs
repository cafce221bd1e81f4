//! The function types that a process has met. What a caller expects and what a
//! function is are compared by identities of 32 bits: so no two different
//! types of one identity may ever be in one process, wherever they come from.

use wasmaot_abi::types::{FuncType, TypeHash};

/// Hashes of types, ordered by their identities.
#[derive(Debug)]
pub(crate) struct KnownTypes(Vec<TypeHash>);

impl Default for KnownTypes {
    /// With the types by which the runtime itself calls functions that it knows
    /// by their identities alone.
    fn default() -> Self {
        Self(vec![FuncType::EMPTY.hash()])
    }
}

impl KnownTypes {
    /// Adds types by their hashes: all of them, or none, because of an identity
    /// that two types have.
    pub fn add(&mut self, hashes: &[TypeHash]) -> Result<(), u32> {
        let mut new = hashes.to_vec();
        new.sort_unstable_by_key(TypeHash::id);
        new.dedup();
        let twins = new.windows(2).map(|pair| [pair[0].id(), pair[1].id()]);
        if let Some([id, _]) = twins.into_iter().find(|[a, b]| a == b) {
            return Err(id);
        }
        let other = |hash: &&TypeHash| self.get(hash.id()).is_some_and(|known| known != **hash);
        if let Some(hash) = new.iter().find(other) {
            return Err(hash.id());
        }
        new.retain(|hash| self.get(hash.id()).is_none());
        self.0.append(&mut new);
        self.0.sort_unstable_by_key(TypeHash::id);
        Ok(())
    }

    /// How many of some types are not known yet, at most.
    pub fn count_new(&self, hashes: &[TypeHash]) -> usize {
        let is_new = |hash: &&TypeHash| self.get(hash.id()).is_none();
        hashes.iter().filter(is_new).count()
    }

    /// The type of an identity.
    pub fn get(&self, id: u32) -> Option<TypeHash> {
        let at = self.0.binary_search_by_key(&id, TypeHash::id).ok()?;
        Some(self.0[at])
    }

    /// Whether an identity, which a function of the process has, is that of a
    /// type and not of another that shares it.
    pub fn is(&self, id: u32, ty: &FuncType) -> bool {
        let hash = ty.hash();
        id == hash.id() && self.get(id) == Some(hash)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wasmaot_abi::types::ValType::{F32, F64, I32, I64};

    #[test]
    fn identities_are_unique() {
        // Two types of one identity, found by trying.
        let twins = [
            FuncType::new([I64, I64, F64, I64, I64, F64, F32], []),
            FuncType::new([F64, I32, I32, F64, F32, I64, F64, I64, I64], []),
        ];
        let [one, other] = twins.each_ref().map(FuncType::hash);
        assert_eq!(one.id(), other.id());
        let more = FuncType::new([I32], []).hash();
        let mut known = KnownTypes::default();
        assert_eq!(known.add(&[one, other]), Err(one.id()));
        assert_eq!(known.add(&[other, more]), Ok(()), "none was added");
        assert_eq!(known.add(&[other]), Ok(()));
        assert_eq!(known.add(&[FuncType::EMPTY.hash(), one]), Err(one.id()));
        assert!(known.is(one.id(), &twins[1]) && !known.is(one.id(), &twins[0]));
        assert!(known.is(FuncType::EMPTY.id(), &FuncType::EMPTY));
    }
}
