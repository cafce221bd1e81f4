//! A fast checksum, which tells damage: of a disk, a copy, an editor. It is no
//! protection against those who mean harm; nothing in an object is.

/// Odd numbers without a pattern.
const MIX: [u64; 4] = [
    0x9e37_79b9_7f4a_7c15,
    0xbf58_476d_1ce4_e5b9,
    0x94d0_49bb_1331_11eb,
    0xd6e8_feb8_6659_fd93,
];

/// Bytes that are taken at once: two words for each of [`MIX`].
const BLOCK: usize = 64;

/// The checksum of bytes in parts; where they are divided counts.
pub fn checksum(parts: &[&[u8]]) -> u64 {
    parts.iter().fold(MIX[0], |sum, part| {
        let mut lanes = MIX.map(|mix| mix ^ sum);
        let (blocks, rest) = part.as_chunks::<BLOCK>();
        blocks.iter().for_each(|block| add(&mut lanes, block));
        // Zeros at the end make no difference to the last block, but to the length.
        let mut last = [0; BLOCK];
        last[..rest.len()].copy_from_slice(rest);
        add(&mut lanes, &last);
        let [a, b, c, d] = lanes;
        let length = part.len() as u64;
        fold(fold(a ^ length, b ^ MIX[1]) ^ c, fold(c ^ MIX[2], d) ^ b)
    })
}

fn add(lanes: &mut [u64; 4], block: &[u8; BLOCK]) {
    let (words, _) = block.as_chunks::<8>();
    let (pairs, _) = words.as_chunks::<2>();
    for ((lane, mix), pair) in lanes.iter_mut().zip(MIX).zip(pairs) {
        let [a, b] = pair.map(u64::from_le_bytes);
        *lane = fold(*lane ^ a, b ^ mix).wrapping_add(a.rotate_left(32) ^ *lane);
    }
}

/// Both halves of the product in one word.
fn fold(a: u64, b: u64) -> u64 {
    let product = u128::from(a) * u128::from(b);
    product as u64 ^ (product >> 64) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(len: usize) -> Vec<u8> {
        (0..len).map(|i| (i * 7 + i / 256) as u8).collect()
    }

    #[test]
    fn every_bit_counts() {
        for len in [1, 8, 63, 64, 65, 200] {
            let original = bytes(len);
            let sum = checksum(&[&original]);
            for bit in 0..8 * len {
                let mut changed = original.clone();
                changed[bit / 8] ^= 1 << (bit % 8);
                assert_ne!(checksum(&[&changed]), sum, "bit {bit} of {len} bytes");
            }
        }
    }

    #[test]
    fn length_order_and_division_count() {
        let mut sums = Vec::new();
        for len in 0..200 {
            sums.push(checksum(&[&vec![0; len]]));
        }
        let all = bytes(128);
        let (a, b) = all.split_at(64);
        sums.extend([
            checksum(&[&all]),
            checksum(&[a, b]),
            checksum(&[b, a]),
            checksum(&[&[b, a].concat()]),
            checksum(&[]),
        ]);
        let count = sums.len();
        sums.sort_unstable();
        sums.dedup();
        assert_eq!(sums.len(), count);
    }

    #[test]
    fn it_is_what_objects_have() {
        assert_eq!(checksum(&[b"wasmaot", &bytes(1000)]), KNOWN);
    }

    const KNOWN: u64 = 5_397_575_756_756_449_699;
}
