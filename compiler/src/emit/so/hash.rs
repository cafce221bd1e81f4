//! The `.gnu.hash` section: definitions by name.

/// Symbols per bucket, about.
const LOAD: usize = 4;
/// Bits of the filter per symbol, about.
const FILTER_BITS: usize = 12;
/// Distance of a symbol's two bits in the filter.
const SHIFT: u32 = 26;

/// The table in the making.
pub(super) struct GnuHash {
    buckets: u32,
    symbols: usize,
    bytes: Vec<u8>,
}

impl GnuHash {
    /// A table of a size for as many definitions.
    pub fn new(symbols: usize) -> Self {
        Self {
            buckets: symbols.div_ceil(LOAD).max(1) as u32,
            symbols,
            bytes: Vec::new(),
        }
    }

    /// What definitions have to be in the order of: their buckets, for the
    /// format; in these their hashes as chains have them, and names. A loader
    /// can search that, however many names have one hash.
    pub fn order<'n>(&self, name: &'n str) -> (u32, u32, &'n str) {
        let hash = hash(name);
        (hash % self.buckets, hash & !1, name)
    }

    /// Enters the definitions, which begin at `.dynsym` index `first`.
    pub fn fill<'a>(&mut self, first: u32, names: impl Iterator<Item = &'a str>) {
        let words = (self.symbols * FILTER_BITS / 64).max(1).next_power_of_two();
        let mut filter = vec![0u64; words];
        let mut buckets = vec![0; self.buckets as usize];
        let mut chain: Vec<u32> = Vec::with_capacity(self.symbols);
        let mut last = None;
        for (index, name) in (first..).zip(names) {
            let hash = hash(name);
            filter[(hash / 64) as usize % words] |= 1 << (hash % 64) | 1 << ((hash >> SHIFT) % 64);
            let bucket = hash % self.buckets;
            if last != Some(bucket) {
                buckets[bucket as usize] = index;
                end_chain(&mut chain);
                last = Some(bucket);
            }
            chain.push(hash & !1);
        }
        end_chain(&mut chain);
        let head = [self.buckets, first, words as u32, SHIFT];
        let mut put = |word: u32| self.bytes.extend(word.to_le_bytes());
        head.into_iter().for_each(&mut put);
        filter
            .iter()
            .flat_map(|w| [*w as u32, (*w >> 32) as u32])
            .for_each(&mut put);
        buckets.into_iter().chain(chain).for_each(&mut put);
    }

    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

/// The lowest bit marks the last symbol of a bucket.
fn end_chain(chain: &mut [u32]) {
    if let Some(last) = chain.last_mut() {
        *last |= 1;
    }
}

fn hash(name: &str) -> u32 {
    name.bytes().fold(5381, |h: u32, byte| {
        h.wrapping_mul(33).wrapping_add(u32::from(byte))
    })
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_function_is_the_one_of_glibc() {
        assert_eq!(super::hash(""), 0x1505);
        assert_eq!(super::hash("printf"), 0x156b_2bb8);
    }
}
