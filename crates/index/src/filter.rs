//! A blocked Bloom filter: one cache line a question.
//!
//! Of its own because a filter here is written as a stream, in the order of hashes, by a merge that may hold megabytes, and is asked in a
//! mapped file. `xorf` can borrow its bytes, but builds from all keys at once (26 bytes a key on the heap) and touches three lines;
//! `fastbloom` owns its words; `sbbf-rs` asks raw pointers.

/// Bytes of a block: a cache line.
pub(crate) const BLOCK: usize = 64;
const LANES: usize = BLOCK / 8;
const BLOCK_BITS: u64 = BLOCK as u64 * 8;

/// Bits for a key in a run of few entries and in one of many. A question asks all runs, so their errors add up: the many small
/// runs answer wrongly 1 time in 11,000, the few large ones, which hold most of the memory, 1 in 1,050; in all 1 in 130.
const BITS: [u64; 2] = [24, 16];
/// Entries from which a run counts as large.
const LARGE: u64 = 4 << 20;

/// Odd numbers, one for each lane: those of the Parquet format's split block Bloom filter.
const SALTS: [u32; LANES] =
    [0x47b6_137b, 0x4497_4d91, 0x8824_ad5b, 0xa2b7_289d, 0x7054_95c7, 0x2df1_424b, 0x9efc_4947, 0x5c6b_fb31];

/// Blocks of a filter for as many keys.
pub(crate) fn blocks(keys: u64) -> u64 {
    let bits = if keys < LARGE { BITS[0] } else { BITS[1] };
    (keys * bits).div_ceil(BLOCK_BITS).max(1)
}

/// Which of `parts` equal parts of all hashes this one lies in: never falls as the hash rises.
pub(crate) fn part(hash: u64, parts: u64) -> u64 {
    ((u128::from(hash) * u128::from(parts)) >> 64) as u64
}

/// The bits of a key in its block, one in each lane. They come from the hash's lower half; the block from its upper.
pub(crate) struct Mask([u64; LANES]);

impl Mask {
    pub(crate) fn of(hash: u64) -> Self {
        Self(SALTS.map(|salt| 1 << ((hash as u32).wrapping_mul(salt) >> 26)))
    }

    /// Whether a block has them all. Without a branch: most answers are no, at any lane.
    pub(crate) fn is_in(&self, block: &[u8; BLOCK]) -> bool {
        let (words, _) = block.as_chunks::<8>();
        let missing = self
            .0
            .iter()
            .zip(words)
            .fold(0, |missing, (mask, word)| missing | (mask & !u64::from_le_bytes(*word)));
        missing == 0
    }

    pub(crate) fn add_to(&self, block: &mut [u8; BLOCK]) {
        let (words, _) = block.as_chunks_mut::<8>();
        for (mask, word) in self.0.iter().zip(words) {
            *word = (u64::from_le_bytes(*word) | mask).to_le_bytes();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use xxhash_rust::xxh3::xxh3_64;

    fn false_answers(keys: u64, blocks: u64) -> f64 {
        let hash = |key: u64| xxh3_64(&key.to_le_bytes());
        let mut filter = vec![[0; BLOCK]; blocks as usize];
        for key in 0..keys {
            Mask::of(hash(key)).add_to(&mut filter[part(hash(key), blocks) as usize]);
        }
        let says_yes = |key: &u64| Mask::of(hash(*key)).is_in(&filter[part(hash(*key), blocks) as usize]);
        assert!((0..keys).all(|key| says_yes(&key)), "a key that was added is always found");
        let asked = 1_000_000;
        (keys..keys + asked).filter(says_yes).count() as f64 / asked as f64
    }

    #[test]
    fn errors_are_as_rare_as_said() {
        let keys = 200_000;
        let few = false_answers(keys, blocks(keys));
        assert!(few < 1.0 / 10_000.0, "{few}");
        let many = false_answers(keys, keys * BITS[1] / BLOCK_BITS);
        assert!(many < 1.0 / 1_000.0, "{many}");
    }

    #[test]
    fn there_is_always_a_block() {
        assert_eq!(blocks(0), 1);
        assert_eq!(part(u64::MAX, 7), 6);
    }
}
