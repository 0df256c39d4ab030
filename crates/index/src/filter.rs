//! A Bloom filter in blocks of one cache line (Putze, Sanders, Singler: "Cache-, Hash- and Space-Efficient Bloom Filters", 2007): a
//! key that is not there costs one line. Own code, because it is read where it is mapped.

use xxhash_rust::xxh3::xxh3_128;

/// Bytes of a block.
pub(crate) const BLOCK: usize = 64;

/// Bits for a key, and how many of them are set: one false answer in a hundred.
const BITS: u64 = 12;
const PROBES: u32 = 6;

/// Blocks for so many keys.
pub(crate) fn blocks(keys: u64) -> u64 {
    (keys * BITS).div_ceil(BLOCK as u64 * 8).max(1)
}

/// Stored in files: never change how it is made.
#[derive(Clone, Copy)]
pub(crate) struct Hashed {
    block: u64,
    bits: u64,
}

impl Hashed {
    pub(crate) fn of(key: &[u8; 16]) -> Self {
        let hash = xxh3_128(key);
        Self { block: (hash >> 64) as u64, bits: hash as u64 }
    }

    fn block(self, filter: &[u8]) -> std::ops::Range<usize> {
        let count = (filter.len() / BLOCK) as u128;
        let start = ((u128::from(self.block) * count) >> 64) as usize * BLOCK;
        start..start + BLOCK
    }

    /// Byte in the block and bit in the byte, for each probe: nine bits of the hash.
    fn probes(self) -> impl Iterator<Item = (usize, u8)> {
        (0..PROBES).map(move |probe| {
            let bit = (self.bits >> (probe * 9)) as usize & 511;
            (bit / 8, 1 << (bit % 8))
        })
    }

    pub(crate) fn set(self, filter: &mut [u8]) {
        let block = self.block(filter);
        if let Some(block) = filter.get_mut(block) {
            self.probes().for_each(|(byte, bit)| block[byte] |= bit);
        }
    }

    pub(crate) fn may_be_in(self, filter: &[u8]) -> bool {
        let block = self.block(filter);
        filter.get(block).is_some_and(|block| self.probes().all(|(byte, bit)| block[byte] & bit != 0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_in_is_found_and_little_else() {
        let key = |n: u64| (u128::from(n) << 64 | 7).to_be_bytes();
        let mut filter = vec![0; blocks(10_000) as usize * BLOCK];
        (0..10_000).for_each(|n| Hashed::of(&key(n)).set(&mut filter));
        assert!((0..10_000).all(|n| Hashed::of(&key(n)).may_be_in(&filter)));
        let wrong = (10_000..110_000).filter(|n| Hashed::of(&key(*n)).may_be_in(&filter)).count();
        assert!(wrong < 2_000, "{wrong} of 100,000 answers are wrong");
    }
}
