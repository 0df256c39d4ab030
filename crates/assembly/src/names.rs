//! Names of transactions: business keys, and `trace:<id>` where there is none.

use smallvec::SmallVec;
use xxhash_rust::xxh3::xxh3_128;

use crate::records::Closed;

/// A name as 16 bytes: what the folds hold instead of the text. 112 bits of its hash, and in the lowest 16 its place: [`Self::is_before`] needs it.
/// Stored in logs and snapshots: never change how it is made.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash, Debug)]
pub struct NameHash(pub u128);

/// The bits of a place in a [`NameHash`].
const PLACE: u128 = 0x7fff;

/// Marks a name that stands apart from the one that it is made of: see [`NameHash::apart`].
const APART: u128 = 0x8000;

/// Names are ordered by tenant, then by the key's place in `transactions.keys`, then by value; names of traces come last.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Name<'a> {
    /// Whose it is.
    pub tenant: &'a str,
    /// Place in `transactions.keys`; [`TRACE_PLACE`] for a trace.
    pub place: u32,
    /// The key's value, or the trace id in hex.
    pub value: &'a str,
}

/// Place of a trace's own name: after every key.
pub const TRACE_PLACE: u32 = u32::MAX;

impl Name<'_> {
    /// The 16 bytes that stand for this name.
    #[must_use]
    pub fn hash(&self) -> NameHash {
        let mut bytes: SmallVec<[u8; 96]> = SmallVec::new();
        bytes.extend_from_slice(&(self.tenant.len() as u32).to_le_bytes());
        bytes.extend_from_slice(self.tenant.as_bytes());
        bytes.extend_from_slice(&self.place.to_le_bytes());
        bytes.extend_from_slice(self.value.as_bytes());
        NameHash(xxh3_128(&bytes) & !(PLACE | APART) | u128::from(self.place).min(PLACE))
    }
}

impl Closed {
    /// The name of the transaction that it decides.
    #[must_use]
    pub fn name(&self) -> NameHash {
        NameHash::joined(self.name_high, self.name_low)
    }
}

impl NameHash {
    /// High and low half.
    #[must_use]
    pub fn halves(self) -> (u64, u64) {
        ((self.0 >> 64) as u64, self.0 as u64)
    }

    /// From its halves.
    #[must_use]
    pub fn joined(high: u64, low: u64) -> Self {
        Self(u128::from(high) << 64 | u128::from(low))
    }

    /// The name of a trace that has no business key: of its id in lower-case hex.
    #[must_use]
    pub fn of_trace(tenant: &str, trace: &[u8]) -> Self {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let mut hex = [0; 32];
        for (pair, byte) in hex.chunks_exact_mut(2).zip(trace) {
            pair.copy_from_slice(&[DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]);
        }
        Name { tenant, place: TRACE_PLACE, value: std::str::from_utf8(&hex).unwrap_or_default() }.hash()
    }

    /// Whether this name is the root rather than `other`, where both mean one transaction: the less one. Keys come in the order of their places, traces after
    /// them; among names of one place the hash decides, by bits that say nothing of the partition, so that no partition gets more roots than another.
    #[must_use]
    pub fn is_before(self, other: Self) -> bool {
        self.rank() < other.rank()
    }

    fn rank(self) -> u128 {
        let (high, low) = self.halves();
        u128::from(low & PLACE as u64) << 112 | u128::from(low >> 16) << 64 | u128::from(high)
    }

    /// Whether it is a trace's own, no business key.
    #[must_use]
    pub fn is_of_trace(self) -> bool {
        self.0 & PLACE == PLACE
    }

    /// What stands for this name at the owner of another that takes no more traces.
    #[must_use]
    pub fn apart(self) -> Self {
        Self(self.0 | APART)
    }

    /// Whether it was made by [`Self::apart`].
    #[must_use]
    pub fn is_apart(self) -> bool {
        self.0 & APART != 0
    }

    /// A name that nothing has: of the `number`th that found no room under this one.
    #[must_use]
    pub fn nameless(self, number: u64) -> Self {
        let mut bytes = [0; 24];
        bytes[..16].copy_from_slice(&self.0.to_le_bytes());
        bytes[16..].copy_from_slice(&number.to_le_bytes());
        Self(xxh3_128(&bytes) | PLACE | APART)
    }

    /// The partition of the summary log that owns this name.
    #[must_use]
    pub fn partition(self, partitions: u32) -> u32 {
        (((self.0 >> 64) * u128::from(partitions)) >> 64) as u32
    }
}
