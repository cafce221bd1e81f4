//! The function types that a process has met. What a caller expects and what a
//! function is are compared by identities of 32 bits: so no two different
//! types of one identity may ever be in one process.

/// The hashes of types, ordered by their identities, which are the low halves.
#[derive(Debug, Default)]
pub(crate) struct KnownTypes(Vec<u64>);

impl KnownTypes {
    /// Adds types by their hashes: all of them, or none, because of an identity
    /// that two types have.
    pub fn add(&mut self, hashes: &[u64]) -> Result<(), u32> {
        let identity = |key: u64| (key >> 32) as u32;
        let mut new: Vec<u64> = hashes.iter().map(|hash| hash.rotate_left(32)).collect();
        new.sort_unstable();
        new.dedup();
        let twins = new.windows(2).map(|pair| [pair[0], pair[1]]);
        let mut twins = twins.filter(|[a, b]| identity(*a) == identity(*b));
        if let Some([key, _]) = twins.next() {
            return Err(identity(key));
        }
        let met = |key: &u64| {
            let at = self.0.partition_point(|k| identity(*k) < identity(*key));
            let known = self.0.get(at).filter(|k| identity(**k) == identity(*key));
            known.copied()
        };
        if let Some(key) = new.iter().find(|key| met(key).is_some_and(|k| k != **key)) {
            return Err(identity(*key));
        }
        new.retain(|key| met(key).is_none());
        self.0.append(&mut new);
        self.0.sort_unstable();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identities_are_unique() {
        let mut known = KnownTypes::default();
        assert_eq!(known.add(&[0x1_0000_0005, 0x2_0000_0003]), Ok(()));
        assert_eq!(known.add(&[0x2_0000_0003, 0x7_0000_0009]), Ok(()));
        assert_eq!(known.add(&[0x7_0000_0009, 0x9_0000_0009]), Err(9));
        assert_eq!(known.add(&[0x3_0000_0008, 0x9_0000_0009]), Err(9));
        assert_eq!(known.add(&[0x4_0000_0008]), Ok(()), "none was added");
        assert_eq!(known.add(&[0x7_0000_0009]), Ok(()));
        assert_eq!(known.add(&[0x1_0000_0001, 0x2_0000_0001]), Err(1));
    }
}
